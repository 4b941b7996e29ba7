package sdktest

import (
	"context"
	"errors"
	"io"
	"maps"
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

// pulling looks whether the plugin pulls, and where from.
func (s *suite) pulling(t T) *suite {
	if !s.serves(channelv1.Pull_ServiceDesc.ServiceName) {
		t.Skip("the plugin does not pull")
	}
	if s.source == nil {
		t.Skip("no fake of the provider was given to pull from: name one (sdktest.Pulls; in the fixtures: \"pull\")")
	}
	return s
}

// openPulled opens the account that is pulled for.
func (s *suite) openPulled(t T) {
	t.Helper()
	settings := maps.Clone(s.settings)
	maps.Copy(settings, s.source.Settings)
	s.Open(t, "a", settings)
}

// pull has events pulled, and ends it in every way.
func (s *suite) pull(t T) {
	s = s.begin(t, s.pulled).pulling(t)
	base, _ := s.Host.came(t)
	stream, err := s.Pull.Pull(t.Context(), &channelv1.PullRequest{Account: "unknown"})
	if err == nil {
		_, err = stream.Recv()
	}
	if status.Code(err) != codes.NotFound {
		t.Errorf("pulling for an account that is not open: %v", err)
	}
	s.openPulled(t)
	p := s.pulls(t)
	s.source.Put(3)
	p.arrived(t, base+3)
	if !p.reached(t) {
		t.Error("the host was not told that the provider answered")
	}
	p.stop(t)

	_, before := s.Host.came(t)
	p = s.pulls(t)
	s.source.Put(1)
	p.arrived(t, base+4)
	if _, again := s.Host.came(t); again != before+1 {
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

// slowHost keeps a batch waiting, and then refuses one.
func (s *suite) slowHost(t T) {
	s = s.begin(t, s.pulled).pulling(t)
	base, _ := s.Host.came(t)
	s.openPulled(t)
	p := s.pulls(t)
	s.source.Put(1)
	p.arrived(t, base+1) // whatever the provider still has comes before it
	different, _ := s.Host.came(t)

	// Meanwhile the provider is asked for nothing.
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
	p.arrived(t, different+1)
	p.stop(t)

	// A batch that the host does not take comes again, in this call or the next.
	p = s.pulls(t)
	refused := s.Host.RefuseReceive(1)
	s.source.Put(1)
	select {
	case <-refused:
	case <-time.After(patience):
		t.Fatal("a new event did not come")
	}
	for deadline := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if now, _ := s.Host.came(t); now >= different+2 {
			break
		}
		if p.over() {
			p = s.pulls(t) // as the host does, with the cursor that it has
		}
		if time.Now().After(deadline) {
			t.Fatal("a batch that the host did not take was lost: ask the provider for more, or let it forget, only when emit has returned")
		}
	}
	p.stop(t)
}

// restartPull kills the plugin between emit and cursor: before the host has stored the batch, and after, when the plugin
// has not learned it yet. It goes on from the cursor that is stored.
func (s *suite) restartPull(t T) {
	begin := func() (*suite, *Launched, *pulled) {
		l := s.launch(t, s.pulled)
		run := s.with(l.Plugin)
		run.openPulled(t)
		return run, l, run.pulls(t)
	}
	base, _ := s.pulled.came(t)
	run, l, p := begin()
	run.source.Put(1)
	p.arrived(t, base+1)
	different, before := run.Host.came(t)
	for i, hold := range []func() (<-chan struct{}, func()){run.Host.HoldReceive, run.Host.holdAnswer} {
		came, release := hold()
		run.source.Put(1)
		select {
		case <-came:
		case <-time.After(patience):
			t.Fatal("a new event did not come")
		}
		l.Kill()
		release()
		run, l, p = begin()
		different++
		if i == 1 {
			run.source.Put(1) // so that there is something to wait for
			different++
		}
		p.arrived(t, different)
	}
	if _, now := run.Host.came(t); now-before != 3 {
		t.Errorf("%d events came for 3 that were new: what the cursor has passed came again", now-before)
	}
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
func (s *suite) pulls(t T) *pulled {
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
func (p *pulled) arrived(t T, n int) {
	t.Helper()
	deadline := time.Now().Add(patience)
	for {
		different, _ := p.suite.Host.came(t)
		if different >= n && p.suite.Host.Cursor("a", channelv1.PullCursor) != nil {
			break
		}
		switch {
		case p.over():
			t.Fatalf("the pull ended by itself with %d of %d events: %v", different, n, p.err)
		case time.Now().After(deadline) && different < n:
			t.Fatalf("%d of %d events came", different, n)
		case time.Now().After(deadline):
			t.Fatalf("events came without the cursor %q", channelv1.PullCursor)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if loose := p.suite.Host.withoutCursor(); loose > 0 {
		t.Errorf("%d batches came without a cursor: it is to be stored with the events that it stands behind", loose)
	}
}

func (p *pulled) reached(t T) bool {
	t.Helper()
	select {
	case r := <-p.news:
		return r.GetReached() != nil
	case <-time.After(patience):
		return false
	}
}

// stop closes the account, which ends its pull, and opens it again.
func (p *pulled) stop(t T) {
	t.Helper()
	if _, err := p.suite.Channel.Close(t.Context(), &channelv1.CloseRequest{Account: "a"}); err != nil {
		t.Fatalf("close the account: %v", err)
	}
	p.ends(t, "the account")
	p.suite.openPulled(t)
}

func (p *pulled) ends(t T, with string) {
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

// came tells how many different events were received, and how many all in all.
func (h *Host) came(t T) (different, all int) {
	t.Helper()
	events, _ := h.Received()
	ids := map[string]bool{}
	for i, e := range events {
		if e.GetId() == "" || e.GetKind() == nil {
			t.Fatalf("event %d has no id or does not say what happened: %v", i, e)
		}
		ids[e.GetId()] = true
	}
	return len(ids), len(events)
}
