package sdk

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// troubled is a channel that does everything, badly: it panics, or fails with an error that holds a secret.
type troubled struct{ err error }

const hush = "hush-hush-123"

func (c *troubled) fail() error {
	if c.err == nil {
		panic("oh no, " + hush)
	}
	return c.err
}

func (c *troubled) Send(context.Context, *Outgoing) (Receipt, error) { return Receipt{}, c.fail() }
func (c *troubled) Reconcile(context.Context, *Outgoing) (Receipt, error) {
	return Receipt{}, c.fail()
}
func (c *troubled) ServeWebhook(WebhookWriter, *http.Request) { _ = c.fail() }
func (c *troubled) FetchMedia(context.Context, string, int64) (*Media, error) {
	return nil, c.fail()
}
func (c *troubled) FetchProfile(context.Context, Identity, Thread) (*Profile, error) {
	return nil, c.fail()
}
func (c *troubled) Signal(context.Context, Thread, Identity, Signal) error { return c.fail() }
func (c *troubled) Connect(context.Context, Connection) error              { return c.fail() }
func (c *troubled) Pull(context.Context, []byte, Emit) error               { return c.fail() }
func (c *troubled) Register(context.Context) error                         { return c.fail() }
func (c *troubled) Unregister(context.Context) error                       { return c.fail() }
func (c *troubled) CheckSubscription(context.Context) (Subscription, error) {
	return Subscription{}, c.fail()
}
func (c *troubled) ListTemplates(context.Context) ([]MessageTemplate, error) { return nil, c.fail() }
func (c *troubled) Close() error                                             { return c.fail() }

// mediaStream is the host's end of a FetchMedia.
type mediaStream struct {
	grpc.ServerStream
	ctx context.Context
}

func (s *mediaStream) Context() context.Context                 { return s.ctx }
func (s *mediaStream) Send(*channelv1.FetchMediaResponse) error { return nil }

// calls makes every call of the protocol that reaches a channel.
func calls(t *testing.T, s *server) map[string]error {
	ctx, answers := t.Context(), map[string]error{}
	note := func(name string, err error) { answers[name] = err }
	send, err := s.Send(ctx, &channelv1.SendRequest{Account: "a"})
	if err == nil {
		err = errors.New(send.String())
	}
	note("Send", err)
	send, err = (&reconcilerServer{server: s}).Reconcile(ctx, &channelv1.ReconcileRequest{Send: &channelv1.SendRequest{Account: "a"}})
	if err == nil {
		err = errors.New(send.String())
	}
	note("Reconcile", err)
	_, err = (&webhookServer{server: s}).HandleHTTP(ctx, &channelv1.HTTPRequest{Account: "a"})
	note("HandleHTTP", err)
	note("FetchMedia", (&mediaServer{server: s}).FetchMedia(&channelv1.FetchMediaRequest{Account: "a"}, &mediaStream{ctx: ctx}))
	_, err = (&profilesServer{server: s}).FetchProfile(ctx, &channelv1.FetchProfileRequest{Account: "a"})
	note("FetchProfile", err)
	_, err = (&signalsServer{server: s}).Signal(ctx, &channelv1.SignalRequest{Account: "a", Kind: &channelv1.SignalRequest_Typing{}})
	note("Signal", err)
	stream := &pullStream{ctx: ctx}
	err = (&pullServer{server: s}).Pull(&channelv1.PullRequest{Account: "a"}, stream)
	if err == nil {
		err = errors.New(stream.ended().String())
	}
	note("Pull", err)
	registration := &registrationServer{server: s}
	_, err = registration.Register(ctx, &channelv1.RegisterRequest{Account: "a"})
	note("Register", err)
	_, err = registration.Unregister(ctx, &channelv1.UnregisterRequest{Account: "a"})
	note("Unregister", err)
	_, err = registration.CheckSubscription(ctx, &channelv1.CheckSubscriptionRequest{Account: "a"})
	note("CheckSubscription", err)
	_, err = (&templatesServer{server: s}).ListTemplates(ctx, &channelv1.ListTemplatesRequest{Account: "a"})
	note("ListTemplates", err)
	return answers
}

// troubledServer has the account "a" open with a channel that fails as told.
func troubledServer(t *testing.T, failure error) *server {
	t.Helper()
	s, _ := probes(t)
	s.log = newLogger(t.Output(), nil, s.scrubber)
	s.open = func(context.Context, Account, []byte) (Channel, error) { return &troubled{err: failure}, nil }
	s.services = Services{
		Webhook: true, Media: true, Profiles: true, Signals: true, Reconciler: true, Live: true, Pull: true, Registration: true, Templates: true,
	}
	s.openProbe(t, 1)
	s.scrubber.set("a", []string{hush})
	return s
}

// A panic in any method harms that call only, and its error does not tell the account's secrets. (Connect has a test of
// its own, over a stream.)
func TestPanicsBecomeErrors(t *testing.T) {
	s := troubledServer(t, nil)
	for method, err := range calls(t, s) {
		if status.Code(err) != codes.Internal || !strings.Contains(err.Error(), "panic in "+method) || strings.Contains(err.Error(), hush) {
			t.Errorf("%s: %v", method, err)
		}
	}
	s.open = func(context.Context, Account, []byte) (Channel, error) { panic(hush) }
	s.scrubber.set("a", nil)
	s.secrets = []string{"token"}
	b := &channelv1.Account{Id: "b", Revision: 1, SettingsJson: []byte(`{"token": "` + hush + `"}`)}
	_, err := s.Open(t.Context(), &channelv1.OpenRequest{Account: b})
	if status.Code(err) != codes.Internal || strings.Contains(err.Error(), hush) {
		t.Errorf("Open: %v", err)
	}
	s.validate = func(context.Context, Account, []byte) ([]Check, error) { panic(hush) }
	_, err = s.Validate(t.Context(), &channelv1.ValidateRequest{Account: b})
	if status.Code(err) != codes.Internal || strings.Contains(err.Error(), hush) {
		t.Errorf("Validate: %v", err)
	}
	if n := s.calls.inside.Load(); n != 0 {
		t.Errorf("%d calls are still counted", n)
	}
	if n := s.accounts["a"].use.inside.Load(); n != 0 {
		t.Errorf("%d calls still use the account", n)
	}
	if _, err := s.Drain(t.Context(), &channelv1.DrainRequest{}); err != nil { // Close panics as well
		t.Error(err)
	}
}

// What leaves the plugin as a reason holds no secret, whatever the outcome.
func TestErrorsAreScrubbed(t *testing.T) {
	at := "Get https://api.example/bot" + hush + "/x"
	for _, failure := range []error{
		errors.New(at), &Rejected{Reason: at}, &WindowClosed{Reason: at}, &QuotaExhausted{Reason: at}, &RateLimited{Reason: at}, &Retryable{Reason: at},
		&AuthenticationFailed{Reason: at}, &AccountBlocked{Reason: at}, &UnknownOutcome{Reason: at}, &PullConflict{Reason: at}, io.ErrUnexpectedEOF,
	} {
		s := troubledServer(t, failure)
		for method, err := range calls(t, s) {
			switch {
			case method == "HandleHTTP" && err == nil: // its error was the handler's own
			case err == nil:
				t.Errorf("%s took %T for success", method, failure)
			case strings.Contains(err.Error(), hush):
				t.Errorf("%s tells the secret of %T: %v", method, failure, err)
			}
		}
	}
	s := troubledServer(t, nil)
	s.validate = func(context.Context, Account, []byte) ([]Check, error) {
		return []Check{{Name: "token", State: Failed, Detail: at, Fix: at}}, nil
	}
	r, err := s.Validate(t.Context(), &channelv1.ValidateRequest{Account: &channelv1.Account{Id: "a"}})
	if err != nil || strings.Contains(r.String(), hush) || !strings.Contains(r.String(), masked) {
		t.Errorf("Validate: %v, %v", r, err)
	}
}
