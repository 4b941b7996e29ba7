package channel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// Header is one header line of a request or response.
type Header struct{ Name, Value string }

// Request is an HTTP request to a callback address.
type Request struct {
	Method        string
	URL           string // the full public URL as configured, with the raw query
	Path          string // below the account, escaped as it came, without a leading slash
	RawQuery      string
	Headers       []Header // in order, duplicates kept; the plugin sees no cookies and no API keys
	Body          []byte   // not to be changed until HandleHTTP returns
	RemoteAddress string
	ReceivedAt    time.Time
}

// Response is what to write.
type Response struct {
	Status  int
	Headers []Header
	Body    []byte
}

// unavailable is the answer to whatever goes wrong: the provider sends again, and redelivery is harmless.
var unavailable = Response{Status: http.StatusServiceUnavailable, Headers: []Header{{"Retry-After", "1"}}}

// maxRequestBytes leaves room for the rest of the message beside the body.
const maxRequestBytes = channelv1.MaxMessageBytes - 64<<10

// HandleHTTP gives a request to the account's plugin, stores the events that it finds, and only then returns the
// response to write. When anything fails the response is a 503, and the error says why, for the log. For an account
// that does not exist the error has the code core.NotFound and the response is empty.
//
// A process that ends meanwhile is waited for and asked again, once: HandleHTTP has no side effects. Where the manifest
// lets the host verify requests itself, one that comes while the plugin is down is verified, spooled durably and
// answered; it is handled before later ones. So many may wait for one account: 10,000, or 256 MiB. Beyond that they are
// refused.
func (h *Host) HandleHTTP(ctx context.Context, account string, r Request) (Response, error) {
	a := h.account(account)
	if a == nil {
		return Response{}, core.Errorf(core.NotFound, "there is no account %q", account)
	}
	start := time.Now()
	response, err := a.handle(ctx, &r)
	a.supervisor.stats.record(methodHandleHTTP, time.Since(start), err)
	if err != nil {
		return unavailable, core.Errorf(core.Unavailable, "the request for account %s could not be handled: %w", account, err)
	}
	return response, nil
}

func (a *account) handle(ctx context.Context, r *Request) (Response, error) {
	if len(r.Body) > maxRequestBytes {
		return Response{}, fmt.Errorf("its body of %d bytes is larger than a plugin can be given (%d)", len(r.Body), maxRequestBytes)
	}
	patience, cancel := context.WithTimeout(ctx, a.host.policy.callLimit)
	defer cancel()
	// A plugin that hangs for one account holds no more than these.
	select {
	case a.slots <- struct{}{}:
	default:
		select {
		case a.slots <- struct{}{}:
		case <-patience.Done():
			return Response{}, fmt.Errorf("%d requests of this account are being handled already", cap(a.slots))
		}
	}
	defer func() { <-a.slots }()

	request := requestOf(a.id, r)
	answer, spooled, err := a.deliver(patience, request)
	if err != nil {
		return Response{}, err
	}
	if spooled != 0 {
		return Response{Status: spooled}, nil
	}
	if err := a.receive(ctx, answer); err != nil {
		return Response{}, err
	}
	return responseOf(answer)
}

// receive stores the events of an answer durably.
func (a *account) receive(ctx context.Context, answer *channelv1.HTTPResponse) error {
	if len(answer.GetEvents()) == 0 {
		return nil
	}
	now := time.Now()
	events, err := inboundOf(a.id, answer.GetEvents(), now)
	if err != nil {
		return fmt.Errorf("the plugin's events: %w", err)
	}
	if _, _, err := a.host.options.Receiver.Receive(ctx, events, nil); err != nil {
		return fmt.Errorf("store the events: %w", err)
	}
	a.lastInbound.Store(now.UnixMilli())
	return nil
}

// deliver gets the plugin's answer, or spools the request and says with which status to answer. It first waits for
// earlier spooled requests, so that order holds.
func (a *account) deliver(ctx context.Context, request *channelv1.HTTPRequest) (answer *channelv1.HTTPResponse, spooled int, err error) {
	verifier := a.settings.Load().verifier
	spoolable := a.host.options.Spool != nil && verifier.verifiable(request)
	wait := ctx
	if spoolable {
		// Leave time to spool it instead.
		var cancel context.CancelFunc
		wait, cancel = context.WithTimeout(ctx, a.host.policy.callLimit/2)
		defer cancel()
	}
	if a.spooled.waiting.Load() {
		// Nothing is drained while the plugin is down; await knows whether waiting is worthwhile.
		if _, err = a.supervisor.await(wait, 0); err == nil {
			if err = a.closed(); err == nil {
				err = a.spooled.drained(wait)
			}
		}
	}
	if err == nil {
		answer, err = a.ask(ctx, wait, request)
	}
	if err == nil {
		return answer, 0, nil
	}
	if !errors.Is(err, errDown) || !spoolable || !verifier.verified(request) {
		return nil, 0, err
	}
	if err := a.spool(ctx, request); err != nil {
		return nil, 0, err
	}
	return nil, verifier.status, nil
}

// ask calls the plugin; when its process ends meanwhile, or drains, it asks the next one, once. An error that is
// errDown means that no process has handled the request.
func (a *account) ask(ctx, wait context.Context, request *channelv1.HTTPRequest) (*channelv1.HTTPResponse, error) {
	l, err := a.supervisor.await(wait, 0)
	if err != nil {
		return nil, err
	}
	for again := false; ; again = true {
		if l.webhook == nil {
			return nil, errors.New("the plugin takes no requests")
		}
		if err := a.closed(); err != nil {
			return nil, err
		}
		answer, err := l.webhook.HandleHTTP(ctx, request)
		if err == nil {
			return answer, nil
		}
		switch code := status.Code(err); {
		case code == codes.NotFound && !again && a.supervisor.current.Load() != l:
			// It has moved to the next version's process.
		case code == codes.NotFound:
			return nil, fmt.Errorf("%w for this account: it has just been closed", errDown)
		case code == codes.DeadlineExceeded:
			return nil, fmt.Errorf("the plugin did not answer within %s", a.host.policy.callLimit)
		case code != codes.Unavailable && code != codes.Aborted && code != codes.Canceled || ctx.Err() != nil:
			return nil, errors.New(mask(status.Convert(err).Message(), a.settings.Load().secrets))
		case code != codes.Aborted && !ends(wait, l):
			// The plugin itself says that something it needs is not there.
			return nil, errors.New(mask(status.Convert(err).Message(), a.settings.Load().secrets))
		case again:
			return nil, fmt.Errorf("%w: it ended twice during the request", errDown)
		}
		if l, err = a.supervisor.await(wait, l.generation); err != nil {
			return nil, err
		}
	}
}

// closed returns why the account takes no requests although its plugin runs: its settings are wrong. To its requests that
// is as if the plugin were down.
func (a *account) closed() error {
	if problem := a.openError.Load(); problem != nil {
		return fmt.Errorf("%w for this account: %s", errDown, *problem)
	}
	return nil
}

// ends reports whether a process whose connection failed is ending: the connection and the process go within
// milliseconds of each other.
func ends(ctx context.Context, l *live) bool {
	select {
	case <-l.exited():
		return true
	case <-time.After(200 * time.Millisecond):
	case <-ctx.Done():
	}
	select {
	case <-l.exited(): // at the same time
		return true
	default:
		return false
	}
}

// requestOf is a request as a plugin sees it, on whichever way it goes there. What opens the host itself is left out: the
// browsers of agents send their cookie to every address of this origin.
func requestOf(account string, r *Request) *channelv1.HTTPRequest {
	out := &channelv1.HTTPRequest{
		Account: account, Method: r.Method, Url: r.URL, Path: r.Path, RawQuery: r.RawQuery, Body: r.Body,
		RemoteAddress: r.RemoteAddress, ReceivedAt: timestamppb.New(r.ReceivedAt),
	}
	lines := make([]channelv1.Header, len(r.Headers))
	out.Headers = make([]*channelv1.Header, 0, len(r.Headers))
	for i, line := range r.Headers {
		if opensHost(line) {
			continue
		}
		lines[i].Name, lines[i].Value = line.Name, line.Value
		out.Headers = append(out.Headers, &lines[i])
	}
	return out
}

// opensHost reports whether a header is a credential of the host's own: any cookie, and an API key. Other tokens are the
// plugin's to check.
func opensHost(line Header) bool {
	switch {
	case strings.EqualFold(line.Name, "Cookie"):
		return true
	case strings.EqualFold(line.Name, "Authorization"):
		return slices.ContainsFunc(strings.Fields(line.Value), core.IsAPIKey)
	}
	return false
}

// responseOf turns an answer into what is written. What cannot be a response is the plugin's failure.
func responseOf(answer *channelv1.HTTPResponse) (Response, error) {
	code := int(answer.GetStatus())
	if code < 200 || code > 599 {
		return Response{}, fmt.Errorf("the plugin answered with status %d", code)
	}
	r := Response{Status: code, Body: answer.GetBody()}
	if len(answer.GetHeaders()) > 0 {
		r.Headers = make([]Header, 0, len(answer.GetHeaders()))
		for _, header := range answer.GetHeaders() {
			r.Headers = append(r.Headers, Header{header.GetName(), header.GetValue()})
		}
	}
	return r, nil
}

// spool keeps a verified request, durably, where there is room for it.
func (a *account) spool(ctx context.Context, request *channelv1.HTTPRequest) error {
	raw, err := proto.Marshal(request)
	if err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	if err := a.spooled.put(func() error { return a.putSpooled(ctx, raw) }); err != nil {
		return fmt.Errorf("spool: %w", err)
	}
	a.supervisor.stats.spooled.Add(1)
	a.wakeSpool()
	return nil
}

func (a *account) putSpooled(ctx context.Context, raw []byte) error {
	first, err := a.ledger.admit(ctx, len(raw), a.host.policy)
	if first {
		a.host.options.Alert(Alert{
			Plugin: a.supervisor.name, Account: a.id, Code: "spool-full",
			Text: fmt.Sprintf("So many requests for the account %s wait for its plugin (%d, or %d MiB) that further ones are refused until they have been handled.",
				a.id, a.host.policy.spoolRequests, a.host.policy.spoolBytes>>20),
		})
	}
	if err != nil {
		return err
	}
	if err := a.host.options.Spool.Put(ctx, a.id, raw); err != nil {
		a.ledger.gone(len(raw))
		return err
	}
	return nil
}
