package sdk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// inbox is a host that keeps what is received.
type inbox struct {
	Host
	mu      sync.Mutex
	events  []Event
	cursors []*Cursor
	err     error
}

func (h *inbox) Receive(_ context.Context, cursor *Cursor, events ...Event) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.events, h.cursors = append(h.events, events...), append(h.cursors, cursor)
	return h.err
}

// pulling is a channel whose Pull is a function of the test.
type pulling struct {
	probe
	pull func(ctx context.Context, cursor []byte, emit Emit) error
}

func (p *pulling) Pull(ctx context.Context, cursor []byte, emit Emit) error {
	return p.pull(ctx, cursor, emit)
}

// pullStream is the host's end of a Pull.
type pullStream struct {
	grpc.ServerStream
	ctx  context.Context
	mu   sync.Mutex
	news []*channelv1.PullResponse
}

func (s *pullStream) Context() context.Context { return s.ctx }

func (s *pullStream) Send(r *channelv1.PullResponse) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.news = append(s.news, r)
	return s.ctx.Err()
}

func (s *pullStream) reached() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.news {
		if r.GetReached() != nil {
			n++
		}
	}
	return n
}

func (s *pullStream) ended() *channelv1.PullEnded {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.news) == 0 {
		return nil
	}
	return s.news[len(s.news)-1].GetEnded()
}

// puller is a server with the account "a" open, whose Pull is the given function.
func puller(t *testing.T, pull func(ctx context.Context, cursor []byte, emit Emit) error) (*pullServer, *inbox) {
	t.Helper()
	s, p := probes(t)
	s.services = Services{Pull: true}
	s.open = func(_ context.Context, account Account, _ []byte) (Channel, error) {
		return &pulling{probe: probe{name: fmt.Sprint(account.Revision), closed: p.closed}, pull: pull}, nil
	}
	s.openProbe(t, 1)
	host := &inbox{}
	s.accounts["a"].host = host
	return &pullServer{server: s}, host
}

func ask(ctx context.Context, cursor string) (*channelv1.PullRequest, *pullStream) {
	return &channelv1.PullRequest{Account: "a", Cursor: []byte(cursor)}, &pullStream{ctx: ctx}
}

func TestPullStoresTheCursorWithTheEvents(t *testing.T) {
	s, host := puller(t, func(ctx context.Context, cursor []byte, emit Emit) error {
		if string(cursor) != "7" {
			return fmt.Errorf("went on from %q", cursor)
		}
		for _, e := range []struct {
			cursor []byte
			events []Event
		}{
			{nil, nil},
			{[]byte("9"), []Event{{ID: "8", Blocked: &Blocked{}}, {ID: "9", Blocked: &Blocked{}}}},
			{nil, []Event{{ID: "9a", Blocked: &Blocked{}}}},
			{[]byte("10"), nil},
		} {
			if err := emit(ctx, e.cursor, e.events...); err != nil {
				return err
			}
		}
		return ErrNothingToPull
	})
	r, stream := ask(t.Context(), "7")
	if err := s.Pull(r, stream); err != nil {
		t.Fatal(err)
	}
	if got := stream.ended(); got.GetCause() != channelv1.PullEnded_NOTHING_TO_PULL {
		t.Errorf("it ended with %v", got)
	}
	if len(host.events) != 3 || len(host.cursors) != 3 {
		t.Fatalf("received %d events in %d calls", len(host.events), len(host.cursors))
	}
	for i, want := range []string{"9", "", "10"} {
		got := host.cursors[i]
		if want == "" && got != nil || want != "" && (got == nil || got.Name != "pull" || string(got.Value) != want) {
			t.Errorf("call %d had the cursor %v, want %q", i, got, want)
		}
	}
}

func TestPullTellsNowAndThenThatTheProviderAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := puller(t, func(ctx context.Context, _ []byte, emit Emit) error {
			for range 60 {
				if err := emit(ctx, nil); err != nil {
					return err
				}
				time.Sleep(time.Second)
			}
			return nil
		})
		r, stream := ask(t.Context(), "")
		if err := s.Pull(r, stream); err != nil {
			t.Fatal(err)
		}
		if got := stream.reached(); got != 6 {
			t.Errorf("told %d times in a minute", got)
		}
		if stream.news[0].GetReached() == nil || stream.ended() == nil {
			t.Errorf("the news were %v", stream.news)
		}
	})
}

func TestPullSaysWhyItEnded(t *testing.T) {
	for _, test := range []struct {
		err   error
		cause channelv1.PullEnded_Cause
		after time.Duration
	}{
		{nil, channelv1.PullEnded_CAUSE_UNSPECIFIED, 0},
		{errors.New("reset, with hush-hush in the address"), channelv1.PullEnded_CAUSE_UNSPECIFIED, 0},
		{fmt.Errorf("first: %w", &AuthenticationFailed{Reason: "no such bot"}), channelv1.PullEnded_AUTHENTICATION, 0},
		{&AccountBlocked{Reason: "banned"}, channelv1.PullEnded_BLOCKED, 0},
		{&PullConflict{Reason: "another getUpdates", After: time.Minute}, channelv1.PullEnded_CONFLICT, time.Minute},
		{&RateLimited{After: 7 * time.Second}, channelv1.PullEnded_CAUSE_UNSPECIFIED, 7 * time.Second},
		{&Retryable{After: 8 * time.Second, Reason: "502"}, channelv1.PullEnded_CAUSE_UNSPECIFIED, 8 * time.Second},
		{fmt.Errorf("as set up: %w", ErrNothingToPull), channelv1.PullEnded_NOTHING_TO_PULL, 0},
	} {
		s, _ := puller(t, func(context.Context, []byte, Emit) error { return test.err })
		s.scrubber.set("a", []string{"hush-hush"})
		r, stream := ask(t.Context(), "")
		if err := s.Pull(r, stream); err != nil {
			t.Errorf("%v: %v", test.err, err)
			continue
		}
		got := stream.ended()
		if got == nil || got.GetCause() != test.cause || got.GetAfter().AsDuration() != test.after || (got.GetReason() == "") != (test.err == nil) {
			t.Errorf("%v became %v", test.err, got)
		}
		if strings.Contains(got.GetReason(), "hush-hush") {
			t.Errorf("the reason was %q", got.GetReason())
		}
	}
}

func TestPullEndsWithItsAccountItsCallAndTheDrain(t *testing.T) {
	for what, end := range map[string]func(t *testing.T, s *pullServer, cancel context.CancelFunc){
		"the call": func(_ *testing.T, _ *pullServer, cancel context.CancelFunc) { cancel() },
		"the account": func(t *testing.T, s *pullServer, _ context.CancelFunc) {
			if _, err := s.Close(t.Context(), &channelv1.CloseRequest{Account: "a"}); err != nil {
				t.Error(err)
			}
		},
		"a change of the account": func(t *testing.T, s *pullServer, _ context.CancelFunc) { s.openProbe(t, 2) },
		"the drain": func(t *testing.T, s *pullServer, _ context.CancelFunc) {
			if _, err := s.Drain(t.Context(), &channelv1.DrainRequest{}); err != nil {
				t.Error(err)
			}
		},
	} {
		began := make(chan struct{})
		s, _ := puller(t, func(ctx context.Context, _ []byte, _ Emit) error {
			close(began)
			<-ctx.Done()
			return ctx.Err()
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		ended := make(chan error, 1)
		r, stream := ask(ctx, "")
		go func() { ended <- s.Pull(r, stream) }()
		<-began
		end(t, s, cancel)
		if err := <-ended; err != nil || len(stream.news) != 0 {
			t.Errorf("%s: %v, %v", what, err, stream.news)
		}
	}
}

func TestAnAccountIsPulledOnceAtATime(t *testing.T) {
	var inside sync.Mutex
	began, leave := make(chan struct{}), make(chan struct{})
	s, _ := puller(t, func(context.Context, []byte, Emit) error {
		if !inside.TryLock() {
			t.Error("two at once")
			return nil
		}
		defer inside.Unlock()
		began <- struct{}{}
		<-leave // slow to notice that it was told to end
		return nil
	})
	ended := make(chan error, 2)
	pull := func() {
		r, stream := ask(t.Context(), "")
		ended <- s.Pull(r, stream)
	}
	go pull()
	<-began
	s.openProbe(t, 2) // with new settings; the former Pull is told to end
	go pull()
	select {
	case <-began:
		t.Fatal("the second began before the first had ended")
	case <-time.After(50 * time.Millisecond):
	}
	leave <- struct{}{}
	<-began
	leave <- struct{}{}
	for range 2 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
}

func TestPullOfATroubledChannel(t *testing.T) {
	s, host := puller(t, func(ctx context.Context, _ []byte, emit Emit) error {
		return emit(ctx, []byte("1"), Event{ID: "1", Blocked: &Blocked{}})
	})
	host.err = errors.New("the disk is full")
	r, stream := ask(t.Context(), "")
	if err := s.Pull(r, stream); err != nil || stream.reached() != 0 || stream.ended().GetReason() != "the disk is full" {
		t.Errorf("%v, %v", err, stream.news)
	}
	s, _ = puller(t, func(context.Context, []byte, Emit) error { panic("ouch") })
	r, stream = ask(t.Context(), "")
	if err := s.Pull(r, stream); status.Code(err) != codes.Internal {
		t.Errorf("a panic became %v", err)
	}
	if _, err := s.Health(t.Context(), nil); err != nil {
		t.Error(err)
	}
	r, stream = ask(t.Context(), "") // the lease was given back
	if err := s.Pull(r, stream); status.Code(err) != codes.Internal {
		t.Errorf("a panic became %v", err)
	}
	r.Account = "unknown"
	if err := s.Pull(r, stream); status.Code(err) != codes.NotFound {
		t.Errorf("an unknown account: %v", err)
	}
}
