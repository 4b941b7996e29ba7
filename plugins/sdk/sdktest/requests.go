package sdktest

import (
	"context"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

func (s *suite) webhooks(t T) {
	if !s.serves(channelv1.Webhook_ServiceDesc.ServiceName) {
		t.Skip("the plugin takes no requests")
	}
	s.Open(t, "a", s.settings)
}

func request(account, method, path string, body []byte) *channelv1.HTTPRequest {
	return &channelv1.HTTPRequest{
		Account: account, Method: method, Url: "https://desk.example.com/channels/" + account + "/" + path, Path: path, Body: body,
		Headers: []*channelv1.Header{{Name: "Content-Type", Value: "application/json"}}, ReceivedAt: timestamppb.Now(), RemoteAddress: "192.0.2.1",
	}
}

// handle gives a request to the plugin, which must answer something.
func (s *suite) handle(t T, r *channelv1.HTTPRequest) *channelv1.HTTPResponse {
	t.Helper()
	// The host waits 1.5 s; here the machine may be busy with other tests.
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	response, err := s.Webhook.HandleHTTP(ctx, r)
	if err != nil {
		t.Errorf("%s %.40q with %d bytes: %v", r.GetMethod(), r.GetPath(), len(r.GetBody()), err)
		return &channelv1.HTTPResponse{}
	}
	if response.GetStatus() < 200 || response.GetStatus() > 599 {
		t.Errorf("%s %.40q: status %d", r.GetMethod(), r.GetPath(), response.GetStatus())
	}
	return response
}

// oddRequests are what the internet sends to a public address: each is answered, none brings an event.
func (s *suite) oddRequests(t T) {
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
				if response := s.handle(t, r); s.Manifest.GetVerification() != nil && len(response.GetEvents()) > 0 {
					t.Errorf("%s %.40q: an unsigned request brought events", method, path)
				}
			}
		}
	}
}

// genuineRequests bring events, the same ones each time: the host may repeat a request, and so may the provider.
func (s *suite) genuineRequests(t T) {
	if len(s.genuine) == 0 && s.serves(channelv1.Webhook_ServiceDesc.ServiceName) {
		t.Skip("no genuine request was given: name some (in the fixtures: \"genuine\")")
	}
	s.webhooks(t)
	for _, name := range inOrder(s.genuine) {
		r := s.genuine[name]
		if previous := s.Manifest.GetVerification().GetPreviousSecretSetting(); previous != "" {
			old := proto.CloneOf(s.signedWith(previous, r))
			old.Account = "a"
			if response := s.handle(t, old); response.GetStatus() >= 400 || len(response.GetEvents()) == 0 {
				t.Errorf("%s: signed with the previous secret it got status %d and %d events", name, response.GetStatus(), len(response.GetEvents()))
			}
		}
		r = s.signed(r)
		r.Account = "a"
		first, second := s.handle(t, r), s.handle(t, r)
		if first.GetStatus() >= 400 || len(first.GetEvents()) == 0 {
			t.Errorf("%s: it got status %d and %d events: %.200s", name, first.GetStatus(), len(first.GetEvents()), first.GetBody())
			continue
		}
		s.sameEvents(t, name, first, second)
	}
}

// sameEvents compares the events of a request with those that it brought another time.
func (s *suite) sameEvents(t T, name string, first, second *channelv1.HTTPResponse) {
	t.Helper()
	if len(first.GetEvents()) != len(second.GetEvents()) {
		t.Errorf("%s: %d events, and %d when it is repeated", name, len(first.GetEvents()), len(second.GetEvents()))
		return
	}
	seen := map[string]bool{}
	for i, e := range first.GetEvents() {
		again := second.GetEvents()[i]
		if e.GetId() == "" || e.GetKind() == nil || e.GetId() != again.GetId() {
			t.Errorf("%s: event %d has id %q, and %q when it is repeated; its kind is %T", name, i, e.GetId(), again.GetId(), e.GetKind())
		}
		key := eventKind(e) + " " + e.GetId()
		if seen[key] {
			t.Errorf("%s: two events of one request are of the same kind and have the id %q: the host would store the first only", name, e.GetId())
		}
		seen[key] = true
	}
}

// eventKind names what happened, as channel.proto names the field.
func eventKind(e *channelv1.Event) string {
	m := e.ProtoReflect()
	if field := m.WhichOneof(m.Descriptor().Oneofs().ByName("kind")); field != nil {
		return string(field.Name())
	}
	return ""
}

// unknownEvents are passed on, and do not take others with them.
func (s *suite) unknownEvents(t T) {
	if len(s.unknown) == 0 && s.serves(channelv1.Webhook_ServiceDesc.ServiceName) {
		t.Skip("no request with an event of an unknown type was given: name one (in the fixtures: \"unknown\")")
	}
	s.webhooks(t)
	for _, name := range inOrder(s.unknown) {
		r := s.signed(s.unknown[name])
		r.Account = "a"
		response := s.handle(t, r)
		if response.GetStatus() >= 400 {
			t.Errorf("%s: it was answered with %d: the provider would repeat it for ever, and what else is in it would be lost", name, response.GetStatus())
			continue
		}
		isUnknown := func(e *channelv1.Event) bool { return e.GetUnknown() != nil }
		if !slices.ContainsFunc(response.GetEvents(), isUnknown) {
			t.Errorf("%s: none of its %d events is an unknown one", name, len(response.GetEvents()))
		}
		for _, e := range response.GetEvents() {
			if isUnknown(e) && len(e.GetRaw()) == 0 {
				t.Errorf("%s: the unknown event has no raw text: nobody could tell later what it was", name)
			}
		}
	}
}

// timely waits for a little while until something holds.
func timely(limit time.Duration, holds func() bool) bool {
	for deadline := time.Now().Add(limit); ; time.Sleep(10 * time.Millisecond) {
		if holds() {
			return true
		}
		if time.Now().After(deadline) {
			return false
		}
	}
}
