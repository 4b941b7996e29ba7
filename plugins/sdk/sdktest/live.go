package sdktest

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// LiveRequest names a request to upgrade that the plugin accepts, for an account that was opened with the suite's
// settings, and what the browser says first (nil where it says nothing). The plugin must answer it with something.
func LiveRequest(r *channelv1.HTTPRequest, hello []byte) Option {
	return func(s *suite) { s.upgrade, s.hello = r, hello }
}

// live puts the live connections of a plugin through what browsers, and the host, do.
func (s *suite) live(t T) {
	if !s.serves(channelv1.Live_ServiceDesc.ServiceName) {
		t.Skip("the plugin has no live connections")
	}
	s.Open(t, "a", s.settings)
	stream := s.Connect(t)
	defer func() {
		for _, broken := range stream.Broken() {
			t.Error(broken)
		}
	}()
	if refused, err := stream.Open(request("unknown", "GET", "live", nil)).Verdict(); err != nil || refused.GetStatus() < 400 {
		t.Fatalf("a connection of an unknown account is to be refused: %v, %v", refused, err)
	}
	for _, path := range []string{"", "no-such-path", "a%2Fb", "%00", strings.Repeat("x", 5000)} {
		b := stream.Open(request("a", "GET", path, nil))
		if refused, err := b.Verdict(); err != nil || refused != nil && (refused.GetStatus() < 400 || refused.GetStatus() > 599) {
			t.Fatalf("%.20q: a connection is accepted, or refused with an HTTP status: %v, %v", path, refused, err)
		}
		b.Close(0)
	}
	s.healthy(t)
	if s.upgrade == nil {
		return
	}
	s.liveTalk(t, stream)
	s.liveNonsense(t, stream)
	s.liveClosing(t, stream)
}

// accepted opens the connection that the plugin is known to accept, and says hello.
func (s *suite) accepted(t T, stream *Stream) *Browser {
	t.Helper()
	r := proto.CloneOf(s.upgrade)
	r.Account = "a"
	b := stream.Open(r)
	if refused, err := b.Verdict(); err != nil || refused != nil {
		t.Fatalf("the connection is to be accepted: %v, %v", refused, err)
	}
	if s.hello != nil {
		if err := b.Send(s.hello); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Receive(); err != nil {
			t.Fatalf("an answer to the first words: %v", err)
		}
	}
	return b
}

// liveTalk sends more than the credit of one window: what is consumed is credited.
func (s *suite) liveTalk(t T, stream *Stream) {
	b := s.accepted(t, stream)
	stop := make(chan struct{})
	go func() { // reads, as browsers do
		defer close(stop)
		for {
			if _, err := b.Receive(); err != nil && !errors.Is(err, ErrNothingCame) {
				return
			}
		}
	}()
	for range 40 {
		if err := b.Send(bytes.Repeat([]byte(" "), 4<<10)); err != nil {
			t.Errorf("what the plugin has taken is to be credited: %v", err)
			break
		}
	}
	b.Close(1001)
	again := s.accepted(t, stream)
	again.Close(1000)
	stream.leave(b)
	<-stop
}

// leave lets those who wait for a browser's messages go.
func (s *Stream) leave(b *Browser) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b.inbox, b.closed = nil, true
	close(b.changed)
	b.changed = make(chan struct{})
	delete(s.browsers, b.id)
	s.browsers[b.id] = &Browser{stream: s, id: b.id, accepted: true, changed: make(chan struct{})} // what is still on its way
}

// liveNonsense says what no page of ours would say: other connections do not notice.
func (s *suite) liveNonsense(t T, stream *Stream) {
	other := s.accepted(t, stream)
	for _, nonsense := range [][]byte{
		{}, []byte("{"), []byte("null"), []byte("[]"), []byte("{}"), []byte("\x00\xff"), bytes.Repeat([]byte("["), channelv1.LiveMaxPayloadBytes),
	} {
		b := s.accepted(t, stream)
		if err := b.Send(nonsense); err != nil {
			t.Errorf("%.20q: %v", nonsense, err)
		}
		b.Close(1000)
	}
	s.healthy(t)
	stream.mu.Lock()
	closed := other.closed
	stream.mu.Unlock()
	if closed {
		t.Error("a connection was closed because of what was said on others")
	}
	other.Close(1000)
}

// liveClosing closes the account, breaks the stream and drains the plugin while connections are open.
func (s *suite) liveClosing(t T, stream *Stream) {
	b := s.accepted(t, stream)
	if _, err := s.Channel.Close(t.Context(), &channelv1.CloseRequest{Account: "a"}); err != nil {
		t.Fatalf("close the account: %v", err)
	}
	if _, err := b.Closed(); err != nil {
		t.Errorf("a connection is to be closed with its account: %v", err)
	}
	s.Open(t, "a", s.settings)
	for range 5 {
		s.accepted(t, stream)
	}
	stream.Break()
	next := s.Connect(t)
	last := s.accepted(t, next)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	began := time.Now()
	if _, err := s.Channel.Drain(ctx, &channelv1.DrainRequest{}); err != nil {
		t.Fatalf("drain: %v", err)
	}
	if time.Since(began) > patience/2 {
		t.Error("the drain waited for live connections to end by themselves")
	}
	if _, err := last.Closed(); err != nil {
		t.Errorf("a connection is to be closed by the drain: %v", err)
	}
	for _, broken := range next.Broken() {
		t.Error(broken)
	}
}
