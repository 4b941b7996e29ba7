package sdk

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// KeyUser is a Channel that verifies signatures with a provider's published keys: the host fetches these addresses (key
// sets, or OpenID metadata that names one) when the account is opened and keeps them fresh for Host.Keys. It answers
// for no other address.
type KeyUser interface {
	KeyURLs() []string
}

// server is the plugin's side of the protocol for one process: the accounts that are open and the calls about them.
// What depends on the settings type is behind the two functions.
type server struct {
	channelv1.UnimplementedChannelServer
	manifest *channelv1.Manifest
	services Services
	secrets  []string // keys of the settings that are secrets
	open     func(ctx context.Context, account Account, settings []byte) (Channel, error)
	validate func(ctx context.Context, account Account, settings []byte) ([]Check, error)
	host     *hostLink
	log      *slog.Logger
	clock    Clock
	scrubber *scrubber
	limits   *rateLimits
	calls    *gate
	stderr   *os.File // see Describe; nil in tests
	restore  sync.Once

	opening  sync.Mutex // one Open or Close at a time
	mu       sync.RWMutex
	accounts map[string]*openAccount
}

// openAccount is a channel with the calls that are using it; it is closed when the last has ended.
type openAccount struct {
	channel  Channel
	host     Host
	revision uint64
	keyURLs  []string
	use      *gate
	life     context.Context // ends when the account is closed or replaced; its live connections and its Pull end with it
	end      context.CancelFunc
}

// begin counts a call. Calls that come after Drain are refused with ABORTED, the sign that nothing was done.
func (s *server) begin() error {
	if !s.calls.enter() {
		return status.Error(codes.Aborted, "the plugin is draining")
	}
	return nil
}

// end is deferred by each call that begin let in. A panic becomes the error of that call, and its stack goes to the
// log; the other accounts are not harmed.
func (s *server) end(method string, err *error) {
	s.calls.leave()
	if p := recover(); p != nil { //nolint:revive // deferred by the callers
		s.log.Error("panic in "+method, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		*err = status.Errorf(codes.Internal, "panic in %s: %s", method, s.scrubber.scrub(fmt.Sprint(p)))
	}
}

// account finds an open account and marks it in use; the caller owes use.leave.
func (s *server) account(id string) (*openAccount, error) {
	for {
		s.mu.RLock()
		a := s.accounts[id]
		s.mu.RUnlock()
		if a == nil {
			return nil, status.Errorf(codes.NotFound, "account %q is not open", id)
		}
		if a.use.enter() {
			return a, nil
		}
		// It was replaced or closed between the two steps: look again.
	}
}

// Describe implements the protocol. It comes first, so here os.Stdout and os.Stderr get back the real standard error
// (standard output belongs to the handshake): go-plugin has put pipes in their place, whose content travels by gRPC and is
// lost when the process crashes, just when the last words matter most.
func (s *server) Describe(context.Context, *channelv1.DescribeRequest) (*channelv1.Manifest, error) {
	if s.stderr != nil {
		s.restore.Do(func() { os.Stdout, os.Stderr = s.stderr, s.stderr })
	}
	return s.manifest, nil
}

// Validate implements the protocol.
func (s *server) Validate(ctx context.Context, r *channelv1.ValidateRequest) (_ *channelv1.ValidateResponse, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	// The account may be open with other settings: both sets of secrets stay out of the log meanwhile, and out of what a
	// panic says.
	key := "validate " + r.GetAccount().GetId()
	s.scrubber.set(key, s.secretsOf(r.GetAccount()))
	defer s.scrubber.set(key, nil)
	defer s.end("Validate", &err)
	if s.validate == nil {
		return &channelv1.ValidateResponse{}, nil
	}
	checks, err := s.validate(ctx, s.accountIn(r.GetAccount()), r.GetAccount().GetSettingsJson())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, s.scrubber.scrub(err.Error()))
	}
	return &channelv1.ValidateResponse{Checks: checksOut(checks, s.scrubber)}, nil
}

// Open implements the protocol.
func (s *server) Open(ctx context.Context, r *channelv1.OpenRequest) (_ *channelv1.OpenResponse, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	id := r.GetAccount().GetId()
	s.scrubber.set("opening "+id, s.secretsOf(r.GetAccount()))
	defer s.scrubber.set("opening "+id, nil)
	defer s.end("Open", &err)
	s.opening.Lock()
	defer s.opening.Unlock()

	if id == "" {
		return nil, status.Error(codes.InvalidArgument, "the account has no id")
	}
	s.mu.RLock()
	former := s.accounts[id]
	s.mu.RUnlock()
	if former != nil && former.revision >= r.GetAccount().GetRevision() {
		return &channelv1.OpenResponse{KeyUrls: former.keyURLs}, nil
	}
	account := s.accountIn(r.GetAccount())
	channel, err := s.open(ctx, account, r.GetAccount().GetSettingsJson())
	if err == nil {
		err = s.implements(channel)
	}
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, s.scrubber.scrub(err.Error()))
	}
	opened := &openAccount{channel: channel, host: account.Host, revision: r.GetAccount().GetRevision(), use: newGate()}
	opened.life, opened.end = context.WithCancel(context.Background())
	if k, ok := channel.(KeyUser); ok {
		opened.keyURLs = k.KeyURLs()
	}
	s.scrubber.set(id, s.secretsOf(r.GetAccount()))
	s.replace(id, opened)
	s.retire(id, former)
	return &channelv1.OpenResponse{KeyUrls: opened.keyURLs}, nil
}

// Close implements the protocol.
func (s *server) Close(_ context.Context, r *channelv1.CloseRequest) (_ *channelv1.CloseResponse, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end("Close", &err)
	s.opening.Lock()
	defer s.opening.Unlock()
	s.mu.RLock()
	former := s.accounts[r.GetAccount()]
	s.mu.RUnlock()
	s.replace(r.GetAccount(), nil)
	s.retire(r.GetAccount(), former)
	s.scrubber.set(r.GetAccount(), nil)
	return &channelv1.CloseResponse{}, nil
}

// replace puts an account in the map, or removes it with nil.
func (s *server) replace(id string, a *openAccount) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if a == nil {
		delete(s.accounts, id)
		return
	}
	s.accounts[id] = a
}

// retire closes a channel that is no longer in the map, when its last call has ended.
func (s *server) retire(id string, former *openAccount) {
	if former == nil {
		return
	}
	former.end()
	empty := former.use.close()
	c, ok := former.channel.(Closer)
	if !ok {
		return
	}
	go func() {
		<-empty
		defer func() {
			if p := recover(); p != nil {
				s.log.Error("panic while closing", "account", id, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			}
		}()
		if err := c.Close(); err != nil {
			s.log.Warn("closing an account", "account", id, "error", err)
		}
	}()
}

// implements checks a channel against the services that the manifest promises.
func (s *server) implements(channel Channel) error {
	if channel == nil {
		return errors.New("sdk: Open returned no channel and no error")
	}
	for _, promise := range []struct {
		made bool
		kept bool
		name string
	}{
		{s.services.Webhook, is[WebhookHandler](channel), "WebhookHandler"},
		{s.services.Media, is[MediaFetcher](channel), "MediaFetcher"},
		{s.services.Profiles, is[ProfileFetcher](channel), "ProfileFetcher"},
		{s.services.Signals, is[Signaler](channel), "Signaler"},
		{s.services.Reconciler, is[Reconciler](channel), "Reconciler"},
		{s.services.Live, is[Connector](channel), "Connector"},
		{s.services.Pull, is[Puller](channel), "Puller"},
		{s.services.Registration, is[Registrar](channel), "Registrar"},
		{s.services.Templates, is[TemplateLister](channel), "TemplateLister"},
	} {
		if promise.made && !promise.kept {
			return fmt.Errorf("sdk: the manifest promises a service, but %T is no %s", channel, promise.name)
		}
	}
	return nil
}

func is[T any](channel Channel) bool {
	_, ok := channel.(T)
	return ok
}

func (s *server) accountIn(a *channelv1.Account) Account {
	in := Account{
		ID: a.GetId(), Revision: a.GetRevision(), PublicURL: a.GetPublicUrl(), Test: a.GetTest(),
		Host: &accountHost{link: s.host, account: a.GetId()}, Log: s.log.With("account", a.GetId()), Clock: s.clock,
	}
	for _, c := range a.GetChannels() {
		in.Channels = append(in.Channels, ChannelAddress{
			Channel: c.GetChannel(), Address: maps.Clone(c.GetAddress()),
			NoAttachments: c.AttachmentsFromCustomer != nil && !c.GetAttachmentsFromCustomer(),
		})
	}
	return in
}

// secretsOf returns the values of an account's secret settings.
func (s *server) secretsOf(a *channelv1.Account) []string {
	var values map[string]any
	if json.Unmarshal(a.GetSettingsJson(), &values) != nil {
		return nil
	}
	var secrets []string
	for _, key := range s.secrets {
		if text, ok := values[key].(string); ok && text != "" {
			secrets = append(secrets, text)
		}
	}
	return secrets
}

// Send implements the protocol.
func (s *server) Send(ctx context.Context, r *channelv1.SendRequest) (_ *channelv1.SendResponse, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end("Send", &err)
	a, err := s.account(r.GetAccount())
	if err != nil {
		return nil, err
	}
	defer a.use.leave()
	receipt, err := s.send(ctx, r.GetAccount(), a, outgoingIn(r))
	return s.scrubbed(receiptOut(receipt, err)), nil
}

// scrubbed keeps secrets out of the reason, which may be any error's text: Telegram's token, for one, is in URLs.
func (s *server) scrubbed(r *channelv1.SendResponse) *channelv1.SendResponse {
	switch o := r.GetOutcome().(type) {
	case *channelv1.SendResponse_Rejected:
		o.Rejected.Reason = s.scrubber.scrub(o.Rejected.Reason)
	case *channelv1.SendResponse_WindowClosed:
		o.WindowClosed.Reason = s.scrubber.scrub(o.WindowClosed.Reason)
	case *channelv1.SendResponse_QuotaExhausted:
		o.QuotaExhausted.Reason = s.scrubber.scrub(o.QuotaExhausted.Reason)
	case *channelv1.SendResponse_RateLimited:
		o.RateLimited.Reason = s.scrubber.scrub(o.RateLimited.Reason)
	case *channelv1.SendResponse_Retryable:
		o.Retryable.Reason = s.scrubber.scrub(o.Retryable.Reason)
	case *channelv1.SendResponse_AuthenticationFailed:
		o.AuthenticationFailed.Reason = s.scrubber.scrub(o.AuthenticationFailed.Reason)
	case *channelv1.SendResponse_AccountBlocked:
		o.AccountBlocked.Reason = s.scrubber.scrub(o.AccountBlocked.Reason)
	case *channelv1.SendResponse_Unknown:
		o.Unknown.Reason = s.scrubber.scrub(o.Unknown.Reason)
	}
	return r
}

// Health implements the protocol.
func (s *server) Health(context.Context, *channelv1.HealthRequest) (*channelv1.HealthResponse, error) {
	return &channelv1.HealthResponse{Healthy: true}, nil
}

// Drain implements the protocol: no call is let in any more; it returns when those inside have ended and the channels
// are closed, or shortly before the deadline.
func (s *server) Drain(ctx context.Context, _ *channelv1.DrainRequest) (*channelv1.DrainResponse, error) {
	patience := ctx.Done()
	if deadline, ok := ctx.Deadline(); ok {
		timer, cancel := context.WithDeadline(ctx, deadline.Add(-200*time.Millisecond))
		defer cancel()
		patience = timer.Done()
	}
	s.opening.Lock()
	s.mu.Lock()
	accounts := s.accounts
	s.accounts = map[string]*openAccount{}
	s.mu.Unlock()
	s.opening.Unlock()
	empty := s.calls.close()
	for _, a := range accounts {
		a.end() // its live connections and its Pull are calls that would not end by themselves
	}
	select {
	case <-empty:
	case <-patience:
		s.log.Warn("drain ended with calls still running", "calls", s.calls.inside.Load())
	}
	var closing sync.WaitGroup
	for id, a := range accounts {
		c, ok := a.channel.(Closer)
		if !ok {
			continue
		}
		a.use.close()
		closing.Go(func() {
			defer func() {
				if p := recover(); p != nil {
					s.log.Error("panic while closing", "account", id, "panic", fmt.Sprint(p))
				}
			}()
			if err := c.Close(); err != nil {
				s.log.Warn("closing an account", "account", id, "error", err)
			}
		})
	}
	closed := make(chan struct{})
	go func() { closing.Wait(); close(closed) }()
	select {
	case <-closed:
	case <-patience:
	}
	return &channelv1.DrainResponse{}, nil
}

// Watch implements the protocol: one message, then silence for life.
func (s *server) Watch(_ *channelv1.WatchRequest, stream grpc.ServerStreamingServer[channelv1.WatchResponse]) error {
	if err := stream.Send(&channelv1.WatchResponse{}); err != nil {
		return err
	}
	<-stream.Context().Done()
	return nil
}
