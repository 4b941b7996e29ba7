package api

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/channel"
)

const channelsPrefix = "/channels/"

// maxCallbackBody leaves room, in the message of 16 MiB that carries a request to its plugin, for everything beside the
// body.
const maxCallbackBody = 16<<20 - 128<<10

// trustedBody is how much memory a callback gets on its word alone, in bytes; beyond it, as much as has arrived.
const trustedBody = 64 << 10

// serveChannel hands a provider's request to the account's plugin: any method, the path as it was escaped, the body as
// it came. It is the busiest address of all, so there is nothing here that a provider does not need: no sign-in, no
// origin check, no request id, and a line in the log only when something fails.
//
// rest is the escaped path after the prefix.
func (s *Server) serveChannel(w http.ResponseWriter, r *http.Request, rest string) {
	start := time.Now()
	account, path, _ := strings.Cut(rest, "/")
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		s.serveLive(w, r, account, path, start)
		return
	}
	status := s.callback(w, r, account, path, start)
	s.meter.observeCallback(status, time.Since(start))
}

// liveChannels is what a plugin host offers beyond Channels: connections of customers' browsers. It answers by itself
// and returns when the connection has ended.
type liveChannels interface {
	ServeLive(w http.ResponseWriter, r *http.Request, account string, request channel.Request) (status int)
}

var _ liveChannels = (*channel.Host)(nil)

// serveLive hands a request to upgrade to a WebSocket to the account's plugin. It is the customer's: whoever may speak
// there, and from which page, is for the plugin to say.
func (s *Server) serveLive(w http.ResponseWriter, r *http.Request, account, path string, now time.Time) {
	name, err := url.PathUnescape(account)
	channels, ok := s.Channels.(liveChannels)
	if err != nil || name == "" || !ok || s.Desk.Setup().Accounts[name] == nil {
		refuse(w, core.Errorf(core.NotFound, "there is no account %q", account))
		return
	}
	address, _ := s.TrustedProxies.Client(r)
	status := channels.ServeLive(w, r, name, channel.Request{
		Method: r.Method, URL: s.PublicURL + r.URL.RequestURI(), Path: path, RawQuery: r.URL.RawQuery,
		Headers: headerLines(r), RemoteAddress: address, ReceivedAt: now,
	})
	if status == http.StatusTooManyRequests {
		s.turnedAway(r, name, address, now)
	}
	if status != http.StatusSwitchingProtocols { // how long people chat says nothing about us
		s.meter.observeCallback(status, time.Since(now))
	}
}

func (s *Server) callback(w http.ResponseWriter, r *http.Request, account, path string, now time.Time) int {
	name, err := url.PathUnescape(account)
	if err != nil || name == "" {
		return refuse(w, core.Errorf(core.NotFound, "there is no account %q", account))
	}
	if _, ok := s.Desk.Setup().Accounts[name]; !ok { // before anything is done for whoever asks
		return refuse(w, core.Errorf(core.NotFound, "there is no account %q", name))
	}
	body, err := readBody(w, r, now)
	switch {
	case core.CodeOf(err) == core.TooLarge:
		s.Log.Warn("a callback is too large", "account", name, "error", err)
		return refuse(w, err)
	case err != nil: // the provider, or whoever it was, went away
		s.Log.Debug("a callback was cut off", "account", name, "error", err)
		return refuse(w, err)
	}
	address, _ := s.TrustedProxies.Client(r)
	answer, err := s.Channels.HandleHTTP(r.Context(), name, channel.Request{
		Method: r.Method, URL: s.PublicURL + r.URL.RequestURI(), Path: path, RawQuery: r.URL.RawQuery,
		Headers: headerLines(r), Body: body, RemoteAddress: address, ReceivedAt: now,
	})
	switch {
	case core.CodeOf(err) == core.NotFound:
		return refuse(w, core.Errorf(core.NotFound, "there is no account %q", name))
	case err != nil:
		if r.Context().Err() != nil { // a browser that has left the page; a provider that waits no longer sends it again
			s.Log.Debug("whoever called back has gone", "account", name, "error", err)
		} else {
			s.Log.Warn("a callback failed; the provider will send it again", "account", name, "error", err)
		}
		if answer.Status == 0 {
			return refuse(w, core.Errorf(core.Unavailable, "this could not be handled just now; send it again: %w", err))
		}
	}
	if answer.Status == http.StatusTooManyRequests {
		s.turnedAway(r, name, address, now)
	}
	return writeAnswer(w, answer)
}

func refuse(w http.ResponseWriter, err error) int {
	problem := response.ProblemOf(err)
	problem.Write(w, "", err)
	return problem.Status
}

// readBody reads a body, which may arrive as slowly as callbackPatience says.
func readBody(w http.ResponseWriter, r *http.Request, now time.Time) ([]byte, error) {
	tooLarge := core.Errorf(core.TooLarge, "the request is larger than the %d bytes allowed", maxCallbackBody)
	switch {
	case r.ContentLength > maxCallbackBody:
		return nil, tooLarge
	case r.ContentLength == 0:
		return nil, nil
	}
	arriving := patiently(w, r.Body, now, callbackPatience)
	body, err := readAll(arriving, r.ContentLength)
	switch {
	case err != nil:
		return nil, core.Errorf(core.Unavailable, "the body did not arrive as announced; send it again: %w", err)
	case len(body) > maxCallbackBody:
		return nil, tooLarge
	}
	arriving.done()
	return body, nil
}

// readAll reads as many bytes as announced, or, when that is negative, all there are: at most one more than
// maxCallbackBody.
func readAll(from io.Reader, announced int64) ([]byte, error) {
	if announced >= 0 && announced <= trustedBody { // most callbacks: exactly as much memory
		body := make([]byte, announced)
		_, err := io.ReadFull(from, body)
		return body, err
	}
	var body bytes.Buffer
	if announced > 0 {
		body.Grow(trustedBody)
	}
	n, err := body.ReadFrom(io.LimitReader(from, maxCallbackBody+1))
	if err == nil && n < announced {
		err = io.ErrUnexpectedEOF
	}
	return body.Bytes(), err
}

func headerLines(r *http.Request) []channel.Header {
	lines := make([]channel.Header, 0, len(r.Header)+2)
	lines = append(lines, channel.Header{Name: "Host", Value: r.Host}) // net/http takes it out of the others
	for name, values := range r.Header {
		for _, v := range values {
			lines = append(lines, channel.Header{Name: name, Value: v})
		}
	}
	return lines
}

// withheld are headers that a plugin cannot set: they are the connection's, or would act on our own pages, which share
// this origin.
var withheld = map[string]bool{
	"Connection": true, "Content-Length": true, "Keep-Alive": true, "Proxy-Authenticate": true, "Te": true, "Trailer": true,
	"Transfer-Encoding": true, "Upgrade": true, "Set-Cookie": true, "Content-Security-Policy": true, "Clear-Site-Data": true,
	"Strict-Transport-Security": true, "Service-Worker-Allowed": true,
}

func writeAnswer(w http.ResponseWriter, a channel.Response) int {
	h := w.Header()
	for _, line := range a.Headers {
		if name := http.CanonicalHeaderKey(line.Name); !withheld[name] {
			h.Add(name, line.Value)
		}
	}
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.WriteHeader(a.Status)
	if len(a.Body) > 0 {
		_, _ = w.Write(a.Body) // a provider that has gone sends again
	}
	return a.Status
}
