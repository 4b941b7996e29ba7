package sdktest

import (
	"context"
	"errors"
	"io"
	"maps"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// Source is a fake of the provider that a pulling plugin is put to the proof with.
type Source struct {
	// Settings lead an account to the fake; they go over those of the suite.
	Settings map[string]any
	// Put makes n new events at the provider.
	Put func(n int)
	// Asked tells how often the plugin has asked the provider for events so far.
	Asked func() int
}

// Pulls names the fake provider of a plugin that pulls.
func Pulls(source Source) Option { return func(s *suite) { s.source = &source } }

// quiet is how long the suite watches for something that must not happen.
const quiet = 300 * time.Millisecond

// pull has events pulled, and looks whether anything is lost or told too early when the host is slow, fails or ends the
// call.
func (s *suite) pull(t *testing.T) {
	if !s.serves(channelv1.Pull_ServiceDesc.ServiceName) {
		t.Skip("the plugin does not pull")
	}
	if s.source == nil {
		t.Fatal("the plugin pulls: name a fake of its provider with sdktest.Pulls")
	}
	stream, err := s.Pull.Pull(t.Context(), &channelv1.PullRequest{Account: "unknown"})
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.NotFound {
		t.Errorf("pulling for an account that is not open: %v", err)
	}
	settings := maps.Clone(s.settings)
	maps.Copy(settings, s.source.Settings)
	s.Open(t, "a", settings)

	p := s.pulls(t)
	s.source.Put(3)
	p.arrived(t, 3)
	if !p.reached(t) {
		t.Error("the host was not told that the provider answered")
	}

	s.pullSlowHost(t, p)
	p.stop(t)
	p = s.pullFailingHost(t)
	p.stop(t)

	before := len(s.Host.mustIDs(t))
	p = s.pulls(t)
	s.source.Put(1)
	p.arrived(t, 6)
	if again := len(s.Host.mustIDs(t)); again != before+1 {
		t.Errorf("after the stored cursor %d events came for one that is new: what the cursor has passed came again", again-before)
	}
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	began := time.Now()
	if _, err := s.Channel.Drain(ctx, &channelv1.DrainRequest{}); err != nil || time.Since(began) > patience/2 {
		t.Errorf("the drain waited for the pull to end by itself: %v", err)
	}
	p.ends(t, "the drain")
}

// pullSlowHost keeps a batch waiting: meanwhile the provider is asked for nothing.
func (s *suite) pullSlowHost(t *testing.T, p *pulled) {
	came, release := s.Host.HoldReceive()
	s.source.Put(1)
	select {
	case <-came:
	case <-time.After(patience):
		t.Fatal("a new event did not come")
	}
	asked := s.source.Asked()
	time.Sleep(quiet)
	if now := s.source.Asked(); now != asked {
		t.Errorf("the provider was asked %d times before the host had stored the batch: what it holds would be lost with a crash", now-asked)
	}
	release()
	p.arrived(t, 4)
}

// pullFailingHost does not take a batch: it comes again, in this call or the next.
func (s *suite) pullFailingHost(t *testing.T) *pulled {
	p := s.pulls(t)
	refused := s.Host.RefuseReceive(1)
	s.source.Put(1)
	select {
	case <-refused:
	case <-time.After(patience):
		t.Fatal("a new event did not come")
	}
	deadline := time.Now().Add(patience)
	for len(s.Host.mustIDs(t)) < 5 {
		if p.over() {
			p = s.pulls(t) // as the host does, with the cursor that it has
		}
		if time.Now().After(deadline) {
			t.Fatal("a batch that the host did not take was lost: ask the provider for more, or let it forget, only when emit has returned")
		}
		time.Sleep(10 * time.Millisecond)
	}
	return p
}

// pulled is a Pull under way.
type pulled struct {
	suite  *suite
	cancel context.CancelFunc
	news   chan *channelv1.PullResponse
	done   chan struct{} // closed with its end
	err    error
}

// pulls begins a Pull where the host's cursor stands.
func (s *suite) pulls(t *testing.T) *pulled {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	stream, err := s.Pull.Pull(ctx, &channelv1.PullRequest{Account: "a", Cursor: s.Host.Cursor("a", channelv1.PullCursor)})
	if err != nil {
		t.Fatalf("pull: %v", err)
	}
	p := &pulled{suite: s, cancel: cancel, news: make(chan *channelv1.PullResponse, 1000), done: make(chan struct{})}
	go p.read(stream)
	return p
}

func (p *pulled) read(stream grpc.ServerStreamingClient[channelv1.PullResponse]) {
	defer close(p.done)
	for {
		r, err := stream.Recv()
		if err != nil {
			p.err = err
			return
		}
		p.news <- r
	}
}

func (p *pulled) over() bool {
	select {
	case <-p.done:
		return true
	default:
		return false
	}
}

// arrived waits until the host has n different events, each with a cursor behind it.
func (p *pulled) arrived(t *testing.T, n int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		ids := map[string]bool{}
		for _, id := range p.suite.Host.mustIDs(t) {
			ids[id] = true
		}
		if len(ids) >= n && p.suite.Host.Cursor("a", channelv1.PullCursor) != nil {
			break
		}
		switch {
		case p.over():
			t.Fatalf("the pull ended by itself with %d of %d events: %v", len(ids), n, p.err)
		case time.Now().After(deadline) && len(ids) < n:
			t.Fatalf("%d of %d events came", len(ids), n)
		case time.Now().After(deadline):
			t.Fatalf("events came without the cursor %q", channelv1.PullCursor)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if loose := p.suite.Host.withoutCursor(); loose > 0 {
		t.Errorf("%d batches came without a cursor: it is to be stored with the events that it stands behind", loose)
	}
}

func (p *pulled) reached(t *testing.T) bool {
	t.Helper()
	select {
	case r := <-p.news:
		return r.GetReached() != nil
	case <-time.After(patience):
		return false
	}
}

// stop closes the account, which ends its pull, and opens it again.
func (p *pulled) stop(t *testing.T) {
	t.Helper()
	if _, err := p.suite.Channel.Close(t.Context(), &channelv1.CloseRequest{Account: "a"}); err != nil {
		t.Fatalf("close the account: %v", err)
	}
	p.ends(t, "the account")
	settings := maps.Clone(p.suite.settings)
	maps.Copy(settings, p.suite.source.Settings)
	p.suite.Open(t, "a", settings)
}

func (p *pulled) ends(t *testing.T, with string) {
	t.Helper()
	select {
	case <-p.done:
		if !errors.Is(p.err, io.EOF) {
			t.Errorf("the pull ended with %v", p.err)
		}
	case <-time.After(patience):
		t.Fatalf("the pull did not end with %s", with)
	}
}

// mustIDs returns the ids of the events that were received, in order.
func (h *Host) mustIDs(t *testing.T) []string {
	t.Helper()
	events, _ := h.Received()
	ids := make([]string, 0, len(events))
	for i, e := range events {
		if e.GetId() == "" || e.GetKind() == nil {
			t.Fatalf("event %d has no id or does not say what happened: %v", i, e)
		}
		ids = append(ids, e.GetId())
	}
	return ids
}
