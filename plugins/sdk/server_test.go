package sdk

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

func nobody(context.Context, Account, struct{}) (Channel, error) { return nil, errors.New("nobody") }

// probe is a channel whose Send waits and whose end can be seen.
type probe struct {
	name    string
	entered chan string
	leave   chan struct{}
	closed  chan string
}

func (p *probe) Send(context.Context, *Outgoing) (Receipt, error) {
	p.entered <- p.name
	<-p.leave
	return Receipt{ExternalIDs: []string{p.name}}, nil
}

func (p *probe) Close() error {
	p.closed <- p.name
	return nil
}

func probes(t *testing.T) (*server, *probe) {
	p := &probe{entered: make(chan string), leave: make(chan struct{}), closed: make(chan string, 10)}
	s := &server{
		manifest: &channelv1.Manifest{}, log: newLogger(t.Output(), nil, newScrubber()), scrubber: newScrubber(), calls: newGate(), limits: newRateLimits(nil),
		host: &hostLink{}, accounts: map[string]*openAccount{},
		open: func(_ context.Context, account Account, settings []byte) (Channel, error) {
			if string(settings) == "bad" {
				return nil, errors.New("bad settings")
			}
			return &probe{name: fmt.Sprint(account.Revision), entered: p.entered, leave: p.leave, closed: p.closed}, nil
		},
	}
	return s, p
}

func (s *server) openProbe(t *testing.T, revision uint64) {
	t.Helper()
	if _, err := s.Open(t.Context(), &channelv1.OpenRequest{Account: &channelv1.Account{Id: "a", Revision: revision}}); err != nil {
		t.Fatal(err)
	}
}

func TestReplacedChannelIsClosedAfterItsLastCall(t *testing.T) {
	s, p := probes(t)
	s.openProbe(t, 1)
	first := make(chan string, 1)
	go func() {
		r, _ := s.Send(context.Background(), &channelv1.SendRequest{Account: "a"})
		first <- r.GetExternalIds()[0]
	}()
	if got := <-p.entered; got != "1" {
		t.Fatalf("sent by %s", got)
	}
	s.openProbe(t, 2)
	if _, err := s.Open(t.Context(), &channelv1.OpenRequest{Account: &channelv1.Account{Id: "a", Revision: 3, SettingsJson: []byte("bad")}}); status.Code(err) != codes.InvalidArgument {
		t.Errorf("bad settings: %v", err)
	}
	s.openProbe(t, 1) // an older revision changes nothing
	select {
	case name := <-p.closed:
		t.Fatalf("%s was closed in use", name)
	default:
	}
	p.leave <- struct{}{}
	if got := <-first; got != "1" {
		t.Errorf("sent by %s", got)
	}
	if got := <-p.closed; got != "1" {
		t.Errorf("%s was closed", got)
	}
	go func() { _, _ = s.Send(context.Background(), &channelv1.SendRequest{Account: "a"}) }()
	if got := <-p.entered; got != "2" {
		t.Errorf("the bad settings replaced the good ones: sent by %s", got)
	}
	close(p.leave)
}

func TestDrainWaitsForCallsAndRefusesNewOnes(t *testing.T) {
	s, p := probes(t)
	s.openProbe(t, 1)
	sent, drained := make(chan error, 1), make(chan error, 1)
	go func() {
		_, err := s.Send(context.Background(), &channelv1.SendRequest{Account: "a"})
		sent <- err
	}()
	<-p.entered
	go func() {
		_, err := s.Drain(context.Background(), &channelv1.DrainRequest{})
		drained <- err
	}()
	for !s.calls.shut.Load() {
		time.Sleep(time.Millisecond)
	}
	if _, err := s.Send(t.Context(), &channelv1.SendRequest{Account: "a"}); status.Code(err) != codes.Aborted {
		t.Errorf("a call while draining: %v", err)
	}
	select {
	case <-drained:
		t.Fatal("drained with a call inside")
	default:
	}
	p.leave <- struct{}{}
	if err := <-sent; err != nil {
		t.Errorf("the call inside: %v", err)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if got := <-p.closed; got != "1" {
		t.Errorf("%s was closed", got)
	}
}

func TestDrainEndsBeforeItsDeadline(t *testing.T) {
	s, p := probes(t)
	s.openProbe(t, 1)
	go func() { _, _ = s.Send(context.Background(), &channelv1.SendRequest{Account: "a"}) }()
	<-p.entered
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if _, err := s.Drain(ctx, &channelv1.DrainRequest{}); err != nil || ctx.Err() != nil {
		t.Errorf("%v, %v", err, ctx.Err())
	}
	close(p.leave)
}

func TestPromisedServicesAreChecked(t *testing.T) {
	s, _ := probes(t)
	for _, services := range []Services{{Webhook: true}, {Media: true}, {Profiles: true}, {Signals: true}, {Reconciler: true},
		{Live: true}, {Pull: true}, {Registration: true}, {Templates: true}} {
		s.services = services
		if s.implements(&probe{}) == nil {
			t.Errorf("%+v was believed", services)
		}
	}
	s.services = Services{}
	if s.implements(&probe{}) != nil || s.implements(nil) == nil {
		t.Error("a plain channel is enough, none is not")
	}
}

func TestManifestOf(t *testing.T) {
	good := Manifest{ID: "a-b", Name: "A", Version: "1"}
	for what, change := range map[string]func(*Manifest){
		"id":      func(m *Manifest) { m.ID = "Not Kebab" },
		"name":    func(m *Manifest) { m.Name = "" },
		"version": func(m *Manifest) { m.Version = "" },
		"webhook": func(m *Manifest) { m.Verification = &Verification{SecretSetting: "token"} },
		"secret":  func(m *Manifest) { m.Verification, m.Services.Webhook = &Verification{SecretSetting: "no"}, true },
		"previous secret": func(m *Manifest) {
			m.Verification, m.Services.Webhook = &Verification{SecretSetting: "token", PreviousSecretSetting: "no"}, true
		},
		"rate":         func(m *Manifest) { m.Capabilities.Rates = []Rate{{Scope: ScopeAccount, Calls: 1}} },
		"address type": func(m *Manifest) { m.Address = 7 },
	} {
		m := good
		change(&m)
		if _, err := ManifestOf(Plugin[sample]{Manifest: m}); err == nil {
			t.Errorf("a wrong %s was taken", what)
		}
	}
	good.Services = Services{Webhook: true, Signals: true}
	good.Capabilities = Capabilities{TextMax: 5000, TextUnit: UTF16, Window: 24 * time.Hour, MediaUpload: true, Media: []MediaLimit{{Types: []string{"*/*"}, MaxBytes: 9}}}
	m, err := ManifestOf(Plugin[sample]{Manifest: good})
	if err != nil {
		t.Fatal(err)
	}
	if len(m.GetSettings()) != 7 || len(m.GetServices()) != 2 || m.GetCapabilities().GetText().GetUnit() != channelv1.TextLimit_UTF16 ||
		m.GetCapabilities().GetWindow().AsDuration() != 24*time.Hour || m.GetCapabilities().GetMediaTransport() != channelv1.MediaTransport_UPLOAD {
		t.Errorf("%v", m)
	}
}

func TestReceiptOut(t *testing.T) {
	for want, err := range map[string]error{
		"*channelv1.SendResponse_Accepted":             nil,
		"*channelv1.SendResponse_Rejected":             &Rejected{},
		"*channelv1.SendResponse_WindowClosed":         &WindowClosed{},
		"*channelv1.SendResponse_QuotaExhausted":       &QuotaExhausted{},
		"*channelv1.SendResponse_RateLimited":          fmt.Errorf("wrapped: %w", &RateLimited{}),
		"*channelv1.SendResponse_Retryable":            &Retryable{},
		"*channelv1.SendResponse_AuthenticationFailed": &AuthenticationFailed{},
		"*channelv1.SendResponse_AccountBlocked":       &AccountBlocked{},
		"*channelv1.SendResponse_Unknown":              &UnknownOutcome{},
	} {
		if got := fmt.Sprintf("%T", receiptOut(Receipt{}, err).GetOutcome()); got != want {
			t.Errorf("%v became %s", err, got)
		}
	}
	if got := receiptOut(Receipt{}, errors.New("reset")).GetUnknown(); !got.GetRetryMayDuplicate() || got.GetReason() != "reset" {
		t.Errorf("any other error became %v", got)
	}
	if got := receiptOut(Receipt{ExternalIDs: []string{"1"}, Resume: "2"}, &Retryable{}); got.GetResume() != "2" || len(got.GetExternalIds()) != 1 {
		t.Errorf("a part became %v", got)
	}
}
