package sdk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

func to(thread string) *Outgoing { return &Outgoing{Thread: Thread{ID: thread, Kind: "user"}} }

// within waits for a turn and tells how long that took.
func within(l *rateLimits, account string, out *Outgoing) (time.Duration, *RateLimited) {
	start := time.Now()
	err := l.wait(context.Background(), account, out)
	var limited *RateLimited
	if err != nil && !errors.As(err, &limited) {
		panic(err)
	}
	return time.Since(start).Round(time.Millisecond), limited
}

func TestSendsWaitForTheirTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRateLimits([]Rate{{Scope: ScopeRecipient, Calls: 1, Per: time.Second, Burst: 2}})
		for i, want := range []time.Duration{0, 0, time.Second, time.Second} {
			if waited, limited := within(l, "a", to("ada")); waited != want || limited != nil {
				t.Errorf("send %d waited %s: %v", i, waited, limited)
			}
		}
		if waited, limited := within(l, "a", to("bob")); waited != 0 || limited != nil {
			t.Errorf("another recipient waited %s: %v", waited, limited)
		}
		if waited, limited := within(l, "b", to("ada")); waited != 0 || limited != nil {
			t.Errorf("another account waited %s: %v", waited, limited)
		}
		time.Sleep(time.Hour)
		for i := range 2 {
			if waited, limited := within(l, "a", to("ada")); waited != 0 || limited != nil {
				t.Errorf("send %d after an hour waited %s: %v", i, waited, limited)
			}
		}
	})
}

func TestLongWaitsAreTheHosts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRateLimits([]Rate{{Scope: ScopeApplication, Calls: 100, Per: time.Second}, {Scope: ScopeAccount, Calls: 6, Per: time.Minute, Burst: 1}})
		if _, limited := within(l, "a", to("ada")); limited != nil {
			t.Fatal(limited)
		}
		// Nothing is taken, from no bucket, by those who are sent away: the answer stays the same however often they ask.
		for range 200 {
			waited, limited := within(l, "a", to("ada"))
			if waited != 0 || limited == nil || limited.Scope != ScopeAccount || limited.After != 10*time.Second || limited.Reason == "" {
				t.Fatalf("waited %s: %+v", waited, limited)
			}
		}
		if waited, limited := within(l, "b", to("ada")); waited != 0 || limited != nil {
			t.Errorf("another account waited %s: %v", waited, limited)
		}
		time.Sleep(9 * time.Second)
		if waited, limited := within(l, "a", to("ada")); waited != time.Second || limited != nil {
			t.Errorf("then waited %s: %v", waited, limited)
		}
	})
}

func TestWaitingEndsWithTheCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRateLimits([]Rate{{Scope: ScopeAccount, Calls: 1, Per: 2 * time.Second}})
		if _, limited := within(l, "a", to("ada")); limited != nil {
			t.Fatal(limited)
		}
		short, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		var limited *RateLimited
		if err := l.wait(short, "a", to("ada")); !errors.As(err, &limited) || limited.After != 2*time.Second {
			t.Errorf("with a deadline that leaves no time to send: %v", err)
		}
		left, leave := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, leave)
		if err := l.wait(left, "a", to("ada")); !errors.As(err, &limited) {
			t.Errorf("of a caller who left: %v", err)
		}
		if waited, limited := within(l, "a", to("ada")); waited != time.Second || limited != nil {
			t.Errorf("who left kept their turn: waited %s: %v", waited, limited)
		}
	})
}

func TestManyWaitInLine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRateLimits([]Rate{{Scope: ScopeChannel, Calls: 10, Per: time.Second, Burst: 1}})
		start := time.Now()
		var mu sync.Mutex
		sent, away := 0, 0
		var work sync.WaitGroup
		for range 100 {
			work.Go(func() {
				_, limited := within(l, "a", &Outgoing{Address: map[string]string{"number": "1", "brand": "x"}})
				mu.Lock()
				defer mu.Unlock()
				if limited != nil {
					away++
					return
				}
				sent++
			})
		}
		work.Wait()
		if sent != 21 || away != 79 || time.Since(start).Round(time.Millisecond) != 2*time.Second {
			t.Errorf("%d sent and %d sent away in %s", sent, away, time.Since(start))
		}
		if waited, limited := within(l, "a", &Outgoing{Address: map[string]string{"number": "2", "brand": "x"}}); waited != 0 || limited != nil {
			t.Errorf("another channel waited %s: %v", waited, limited)
		}
	})
}

func TestFullBucketsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newRateLimits([]Rate{{Scope: ScopeRecipient, Calls: 1, Per: time.Second}})
		for i := range 50_000 {
			within(l, "a", to(fmt.Sprint(i)))
			time.Sleep(10 * time.Millisecond)
		}
		if len(l.buckets) > 2*firstSweep {
			t.Errorf("%d buckets are kept", len(l.buckets))
		}
	})
}

func TestSendKeepsToTheRate(t *testing.T) {
	s, p := probes(t)
	s.limits = newRateLimits([]Rate{{Scope: ScopeAccount, Calls: 1, Per: time.Hour}})
	s.openProbe(t, 1)
	go func() { <-p.entered; p.leave <- struct{}{} }()
	if r, err := s.Send(t.Context(), &channelv1.SendRequest{Account: "a"}); err != nil || r.GetAccepted() == nil {
		t.Fatalf("%v, %v", r, err)
	}
	r, err := s.Send(t.Context(), &channelv1.SendRequest{Account: "a", Resume: "2"})
	if limited := r.GetRateLimited(); err != nil || limited.GetScope() != channelv1.RateLimited_ACCOUNT || limited.GetAfter().AsDuration() < 59*time.Minute || r.GetResume() != "2" {
		t.Errorf("%v, %v", r, err)
	}
}
