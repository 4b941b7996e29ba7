package sdktest

import (
	"context"
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // as providers sign
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"hash"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk"
)

var errNoHost = errors.New("sdktest: the connection for the host's services could not be offered")

// Option adapts the suite to a plugin.
type Option func(*suite)

// Settings are those of the accounts that the suite opens; keys that are not given get a sample that fits their kind.
func Settings(settings map[string]any) Option {
	return func(s *suite) { maps.Copy(s.settings, settings) }
}

// Genuine names a request as the provider sends it, with at least one event in it, to be given to an account that was
// opened with the suite's settings. A signature that the manifest's Verification describes is added.
func Genuine(name string, r *channelv1.HTTPRequest) Option {
	return func(s *suite) { s.genuine[name] = r }
}

type suite struct {
	*Plugin
	settings map[string]any
	genuine  map[string]*channelv1.HTTPRequest
	upgrade  *channelv1.HTTPRequest // to a live connection that is accepted; nil when not given
	hello    []byte
	source   *Source        // that is pulled from; nil when not given
	register *Registry      // the provider's; nil when not given
	listed   map[string]any // settings of an account whose templates can be listed; nil when not given
}

// Run puts a plugin through the conformance suite. It makes no network call of its own and calls nothing that should:
// sending is left to the plugin's own tests.
func Run[S any](t *testing.T, p sdk.Plugin[S], options ...Option) {
	s := &suite{settings: map[string]any{}, genuine: map[string]*channelv1.HTTPRequest{}}
	for _, option := range options {
		option(s)
	}
	given := s.settings
	start := func(t *testing.T) *suite {
		run := *s
		run.Plugin = Start(t, p)
		run.settings = samples(run.Manifest.GetSettings())
		maps.Copy(run.settings, given)
		return &run
	}
	for _, test := range []struct {
		name string
		run  func(*suite, *testing.T)
	}{
		{"manifest", (*suite).manifest},
		{"life", (*suite).life},
		{"accounts", (*suite).accounts},
		{"unknown account", (*suite).unknownAccount},
		{"odd requests", (*suite).oddRequests},
		{"forged requests", (*suite).forgedRequests},
		{"genuine requests", (*suite).genuineRequests},
		{"live connections", (*suite).live},
		{"pull", (*suite).pull},
		{"registration", (*suite).registration},
		{"templates", (*suite).templates},
		{"drain", (*suite).drain},
	} {
		t.Run(test.name, func(t *testing.T) { test.run(start(t), t) })
	}
}

// samples makes a value for each setting that fits its kind.
func samples(settings []*channelv1.Setting) map[string]any {
	values := map[string]any{}
	for _, s := range settings {
		if s.GetDefault() != "" || s.GetTestOnly() || s.GetShowIf() != "" && !s.GetRequired() {
			continue
		}
		switch s.GetKind() {
		case "int":
			values[s.GetKey()] = 1
		case "bool":
			values[s.GetKey()] = false
		case "duration":
			values[s.GetKey()] = "1m"
		case "url":
			values[s.GetKey()] = "https://sample.invalid"
		case "email":
			values[s.GetKey()] = "sample@example.com"
		case "select":
			values[s.GetKey()] = s.GetOptions()[0]
		case "list":
			values[s.GetKey()] = []string{"sample"}
		default:
			values[s.GetKey()] = "sample-of-" + s.GetKey()
		}
	}
	return values
}

func (s *suite) serves(service string) bool {
	return slices.Contains(s.Manifest.GetServices(), service)
}

func (s *suite) webhooks(t *testing.T) {
	if !s.serves(channelv1.Webhook_ServiceDesc.ServiceName) {
		t.Skip("the plugin takes no requests")
	}
	s.Open(t, "a", s.settings)
}

func (s *suite) manifest(t *testing.T) {
	m := s.Manifest
	if m.GetId() == "" || m.GetName() == "" || m.GetVersion() == "" || m.GetSdkVersion() == "" {
		t.Errorf("id, name, version or SDK version is missing: %v", m)
	}
	for _, setting := range slices.Concat(m.GetSettings(), m.GetAddress()) {
		if setting.GetTitle() == "" || setting.GetKind() == "" {
			t.Errorf("setting %s has no title or kind", setting.GetKey())
		}
		if setting.GetKind() == "secret" != setting.GetSecret() {
			t.Errorf("setting %s: a secret is marked as such, and nothing else", setting.GetKey())
		}
	}
	for _, callback := range m.GetCallbacks() {
		if strings.HasPrefix(callback.GetPath(), "/") {
			t.Errorf("the callback path %q begins with a slash: it is below the account", callback.GetPath())
		}
	}
	again, err := s.Channel.Describe(t.Context(), &channelv1.DescribeRequest{})
	if err != nil || !proto.Equal(m, again) {
		t.Errorf("the manifest is another when asked again: %v", err)
	}
	if v := m.GetVerification(); v != nil && newDigest(v.GetAlgorithm()) == nil {
		t.Errorf("the host does not know the algorithm %q", v.GetAlgorithm())
	}
}

func (s *suite) life(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	if r, err := s.Channel.Health(ctx, &channelv1.HealthRequest{}); err != nil || !r.GetHealthy() {
		t.Errorf("health: %v, %v", r, err)
	}
	watch, err := s.Channel.Watch(ctx, &channelv1.WatchRequest{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := watch.Recv(); err != nil {
		t.Errorf("watch sends one message at once: %v", err)
	}
}

func (s *suite) accounts(t *testing.T) {
	ctx := t.Context()
	s.Open(t, "a", s.settings)
	s.Open(t, "a", s.settings) // replaces
	s.Open(t, "b", s.settings)
	same := s.Account(t, "b", s.settings)
	same.Revision--
	if _, err := s.Channel.Open(ctx, &channelv1.OpenRequest{Account: same}); err != nil {
		t.Errorf("opening with the same revision again: %v", err)
	}
	for _, id := range []string{"a", "a", "never-opened"} {
		if _, err := s.Channel.Close(ctx, &channelv1.CloseRequest{Account: id}); err != nil {
			t.Errorf("close %s: %v", id, err)
		}
	}
	s.Open(t, "a", s.settings)
	for _, setting := range s.Manifest.GetSettings() {
		wrong := maps.Clone(s.settings)
		wrong[setting.GetKey()] = map[string]any{"not": "a value"}
		_, err := s.Channel.Open(ctx, &channelv1.OpenRequest{Account: s.Account(t, "wrong", wrong)})
		if status.Code(err) != codes.InvalidArgument {
			t.Errorf("setting %s with a value of the wrong type: %v", setting.GetKey(), err)
		}
	}
}

func (s *suite) unknownAccount(t *testing.T) {
	_, err := s.Channel.Send(t.Context(), &channelv1.SendRequest{Account: "unknown", OutboxId: "1", Text: "hello"})
	if status.Code(err) != codes.NotFound {
		t.Errorf("send: %v", err)
	}
	if s.serves(channelv1.Webhook_ServiceDesc.ServiceName) {
		_, err = s.Webhook.HandleHTTP(t.Context(), request("unknown", "POST", "callback", nil))
		if status.Code(err) != codes.NotFound {
			t.Errorf("request: %v", err)
		}
	}
}

func request(account, method, path string, body []byte) *channelv1.HTTPRequest {
	return &channelv1.HTTPRequest{
		Account: account, Method: method, Url: "https://desk.example.com/channels/" + account + "/" + path, Path: path, Body: body,
		Headers: []*channelv1.Header{{Name: "Content-Type", Value: "application/json"}}, ReceivedAt: timestamppb.Now(), RemoteAddress: "192.0.2.1",
	}
}

// handle gives a request to the plugin, which must answer something.
func (s *suite) handle(t *testing.T, r *channelv1.HTTPRequest) *channelv1.HTTPResponse {
	t.Helper()
	// The host waits 1.5 s; here the machine may be busy with other tests.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	response, err := s.Webhook.HandleHTTP(ctx, r)
	if err != nil {
		t.Errorf("%s %s with %d bytes: %v", r.GetMethod(), r.GetPath(), len(r.GetBody()), err)
		return &channelv1.HTTPResponse{}
	}
	if response.GetStatus() < 200 || response.GetStatus() > 599 {
		t.Errorf("%s %s: status %d", r.GetMethod(), r.GetPath(), response.GetStatus())
	}
	return response
}

// oddRequests are what the internet sends to a public address: each is answered, none brings an event.
func (s *suite) oddRequests(t *testing.T) {
	s.webhooks(t)
	paths := []string{"", "no-such-path", "a%2Fb", "%00", strings.Repeat("x", 5000)}
	for _, callback := range s.Manifest.GetCallbacks() {
		paths = append(paths, callback.GetPath())
	}
	for _, path := range paths {
		for _, method := range []string{"GET", "HEAD", "OPTIONS", "PUT", "DELETE", "POST"} {
			bodies := []string{"", "{", "null", "[]", "{}", "\x00\xff"}
			if method == "POST" {
				bodies = append(bodies, strings.Repeat("[", 100_000), strings.Repeat("x", 3<<20))
			}
			for _, body := range bodies {
				r := request("a", method, path, []byte(body))
				r.Headers = append(r.Headers, &channelv1.Header{Name: "X-Twice", Value: "1"}, &channelv1.Header{Name: "x-twice", Value: "2"})
				if s.Manifest.GetVerification() == nil {
					s.handle(t, r)
					continue
				}
				if response := s.handle(t, r); len(response.GetEvents()) > 0 {
					t.Errorf("%s %q: an unsigned request brought events", method, path)
				}
			}
		}
	}
}

// forgedRequests must not bring events; signed nonsense must not break anything.
func (s *suite) forgedRequests(t *testing.T) {
	v := s.Manifest.GetVerification()
	if v == nil {
		t.Skip("the manifest declares no verification")
	}
	s.webhooks(t)
	bodies := [][]byte{[]byte("{}")}
	for _, r := range s.genuine {
		bodies = append(bodies, r.GetBody())
	}
	for _, body := range bodies {
		good := sign(v, s.secret(v), body)
		for what, signature := range map[string]string{
			"none": "", "of another body": sign(v, s.secret(v), append(slices.Clone(body), ' ')), "of another secret": sign(v, "another", body),
			"cut short": good[:len(good)-4], "not encoded": v.GetPrefix() + "!!!!",
		} {
			r := request("a", "POST", v.GetPath(), body)
			if signature != "" {
				r.Headers = append(r.Headers, &channelv1.Header{Name: v.GetHeader(), Value: signature})
			}
			response := s.handle(t, r)
			if len(response.GetEvents()) > 0 || response.GetStatus() < 400 || response.GetStatus() > 499 {
				t.Errorf("a request with the signature %s got status %d and %d events", what, response.GetStatus(), len(response.GetEvents()))
			}
		}
	}
	for _, body := range []string{"{}", "null", "[]", "{\"events\":{}}", "\xff", strings.Repeat("[", 100_000)} {
		s.handle(t, s.signed(request("a", "POST", v.GetPath(), []byte(body))))
	}
}

func (s *suite) secret(v *channelv1.Verification) string {
	secret, _ := s.settings[v.GetSecretSetting()].(string)
	return secret
}

// signed adds the signature that the manifest describes.
func (s *suite) signed(r *channelv1.HTTPRequest) *channelv1.HTTPRequest {
	return s.signedWith(s.Manifest.GetVerification().GetSecretSetting(), r)
}

// signedWith signs with the secret in the named setting.
func (s *suite) signedWith(setting string, r *channelv1.HTTPRequest) *channelv1.HTTPRequest {
	v := s.Manifest.GetVerification()
	if v == nil || strings.Trim(v.GetPath(), "/") != strings.Trim(r.GetPath(), "/") {
		return r
	}
	secret, _ := s.settings[setting].(string)
	r = proto.CloneOf(r)
	r.Headers = append(r.Headers, &channelv1.Header{Name: v.GetHeader(), Value: sign(v, secret, r.GetBody())})
	return r
}

// genuineRequests bring events, the same ones each time: the host may repeat a request, and so may the provider.
func (s *suite) genuineRequests(t *testing.T) {
	if len(s.genuine) == 0 {
		t.Skip("no genuine request was given")
	}
	s.webhooks(t)
	for name, r := range s.genuine {
		t.Run(name, func(t *testing.T) {
			if previous := s.Manifest.GetVerification().GetPreviousSecretSetting(); previous != "" {
				old := proto.CloneOf(s.signedWith(previous, r))
				old.Account = "a"
				if response := s.handle(t, old); response.GetStatus() >= 400 || len(response.GetEvents()) == 0 {
					t.Errorf("signed with the previous secret it got status %d and %d events", response.GetStatus(), len(response.GetEvents()))
				}
			}
			r := s.signed(r)
			r.Account = "a"
			first, second := s.handle(t, r), s.handle(t, r)
			if first.GetStatus() >= 400 || len(first.GetEvents()) == 0 {
				t.Fatalf("it got status %d and %d events: %s", first.GetStatus(), len(first.GetEvents()), first.GetBody())
			}
			if len(first.GetEvents()) != len(second.GetEvents()) {
				t.Fatalf("%d events, and %d when it is repeated", len(first.GetEvents()), len(second.GetEvents()))
			}
			for i, e := range first.GetEvents() {
				again := second.GetEvents()[i]
				if e.GetId() == "" || e.GetKind() == nil || e.GetId() != again.GetId() {
					t.Errorf("event %d has id %q, and %q when it is repeated; its kind is %T", i, e.GetId(), again.GetId(), e.GetKind())
				}
			}
		})
	}
}

func (s *suite) drain(t *testing.T) {
	s.Open(t, "a", s.settings)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	if _, err := s.Channel.Drain(ctx, &channelv1.DrainRequest{}); err != nil {
		t.Fatalf("drain: %v", err)
	}
	_, err := s.Channel.Send(ctx, &channelv1.SendRequest{Account: "a", OutboxId: "1", Text: "hello"})
	if status.Code(err) != codes.Aborted {
		t.Errorf("a send after the drain: %v", err)
	}
}

func newDigest(algorithm string) func() hash.Hash {
	return map[string]func() hash.Hash{"hmac-sha1": sha1.New, "hmac-sha256": sha256.New, "hmac-sha512": sha512.New}[algorithm]
}

func sign(v *channelv1.Verification, secret string, body []byte) string {
	mac := hmac.New(newDigest(v.GetAlgorithm()), []byte(secret))
	_, _ = mac.Write(body)
	if v.GetEncoding() == "hex" {
		return v.GetPrefix() + hex.EncodeToString(mac.Sum(nil))
	}
	return v.GetPrefix() + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
