package channel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// kept returns what was received: ids, and the raw text of what was not understood.
func (r *receiver) kept() (list []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		if e.Kind == core.InUnknown {
			list = append(list, "raw:"+string(e.Raw))
		} else {
			list = append(list, e.ID)
		}
	}
	return list
}

// put leaves a signed request in the spool.
func (b *bench) put(t *testing.T, account, id string) {
	t.Helper()
	r := callback(account, ids(id))
	raw, err := proto.Marshal(requestOf(account, &r))
	if err != nil {
		t.Fatal(err)
	}
	if err := b.memory.Put(t.Context(), account, raw); err != nil {
		t.Fatal(err)
	}
}

// TestRequestThatKillsThePluginIsGivenUp: a process that dies at one request must not take the others with it for ever.
func TestRequestThatKillsThePluginIsGivenUp(t *testing.T) {
	b := newBench(t)
	b.policy.firstBackoff, b.policy.maxBackoff = 10*time.Millisecond, 10*time.Millisecond
	b.policy.callLimit = 10 * time.Second // until it has died twice
	b.setup = setupOf(fakeAccount("shop"), fakeAccount("other"))
	b.run(t)
	for _, id := range []string{"before", "deadly", "after"} {
		if r, err := b.HandleHTTP(t.Context(), "shop", callback("shop", ids(id))); err != nil || r.Status != 200 {
			t.Fatalf("%s: %+v, %v", id, r, err)
		}
	}
	until(t, "the spool is empty", func() bool { return b.memory.spoolLength() == 0 })
	if r, err := b.HandleHTTP(t.Context(), "other", callback("other", ids("elsewhere"))); err != nil || r.Status != 200 {
		t.Errorf("another account: %+v, %v", r, err)
	}
	if got, want := b.received.kept(), []string{"before", `raw:["deadly"]`, "after", "elsewhere"}; !slices.Equal(got, want) {
		t.Errorf("stored %q, want %q", got, want)
	}
	// Two processes for the request as it came, three from the spool.
	if s := b.Status()[0]; s.State != Running || s.Restarts != 5 {
		t.Errorf("state %s after %d restarts", s.State, s.Restarts)
	}
	if a := <-b.alerts; a.Code != "request-not-understood" || a.Account != "shop" || !strings.Contains(a.Text, "did not survive") {
		t.Errorf("alert %+v", a)
	}
	until(t, "nothing is remembered", func() bool {
		b.memory.mu.Lock()
		defer b.memory.mu.Unlock()
		return len(b.memory.state) == 0
	})
}

// TestDeadlyRequestsDoNotFailThePlugin: the exits of requests that have been given up are forgotten. Together they would
// be more than the policy forgives.
func TestDeadlyRequestsDoNotFailThePlugin(t *testing.T) {
	b := newBench(t)
	b.policy.firstBackoff, b.policy.maxBackoff = 10*time.Millisecond, 10*time.Millisecond
	for i := range 4 {
		b.put(t, "shop", fmt.Sprintf("deadly-%d", i))
	}
	b.put(t, "shop", "last")
	b.run(t)
	until(t, "the spool is empty", func() bool { return b.memory.spoolLength() == 0 })
	if got := b.received.kept(); len(got) != 5 || got[4] != "last" {
		t.Errorf("stored %q", got)
	}
	for range 4 {
		if a := <-b.alerts; a.Code != "request-not-understood" {
			t.Errorf("alert %+v", a)
		}
	}
	if s := b.Status()[0]; s.Restarts != 12 {
		t.Errorf("%d restarts", s.Restarts)
	}
}

// TestTheInnocentAreNotGivenUp: an account whose requests meet the deadly one of another, again and again, loses none.
func TestTheInnocentAreNotGivenUp(t *testing.T) {
	b := newBench(t)
	b.policy.firstBackoff, b.policy.maxBackoff = 10*time.Millisecond, 10*time.Millisecond
	var accounts []*core.Account
	for i := range 6 {
		id := fmt.Sprintf("shop-%d", i)
		accounts = append(accounts, fakeAccount(id))
		if i == 3 {
			b.put(t, id, "deadly")
		}
		b.put(t, id, "slow-"+id)
	}
	b.setup = setupOf(accounts...)
	b.run(t)
	until(t, "the spool is empty", func() bool { return b.memory.spoolLength() == 0 })
	var raw []string
	for _, id := range b.received.kept() {
		if strings.HasPrefix(id, "raw:") {
			raw = append(raw, id)
		}
	}
	if got := b.received.kept(); len(got) != 7 || !slices.Equal(raw, []string{`raw:["deadly"]`}) {
		t.Errorf("stored %q", got)
	}
}

// TestTriesAreCountedOverRestarts: a host that ends together with its plugin, as where memory runs out, gives up too.
func TestTriesAreCountedOverRestarts(t *testing.T) {
	shared := newMemory()
	var received []string
	for run := range 4 {
		b := newBench(t, func(o *Options) { o.State, o.Spool = shared, shared })
		b.memory = shared
		b.policy.firstBackoff, b.policy.maxBackoff = time.Hour, time.Hour // the second process would begin the next try
		if run == 0 {
			b.put(t, "shop", "deadly")
			b.put(t, "shop", "next")
		}
		if err := b.Apply(b.setup); err != nil {
			t.Fatal(err)
		}
		// Killed in its first try: what it had noted is all that is left.
		until(t, "the run is over", func() bool {
			exit := b.Status()[0].LastExit
			return exit != nil && exit.Reason == "exit status 8" || shared.spoolLength() == 0
		})
		b.Stop()
		received = append(received, b.received.kept()...)
		if shared.spoolLength() == 0 {
			break
		}
	}
	if want := []string{`raw:["deadly"]`, "next"}; !slices.Equal(received, want) {
		t.Errorf("stored %q, want %q", received, want)
	}
}

// TestHeadIsCountedBeforeItIsTried: what ends host and plugin at once leaves no time to count.
func TestHeadIsCountedBeforeItIsTried(t *testing.T) {
	b := newBench(t)
	counted := make(chan int, 10)
	b.options.Receiver = receiverFunc(func(ctx context.Context, events []core.Inbound, cursor *Cursor) (int, int, error) {
		if events[0].ID == "first" {
			n, err := (&ledger{state: b.memory, account: "shop"}).tries(ctx, "1")
			if err != nil {
				n = -1
			}
			counted <- n
		}
		return b.received.Receive(ctx, events, cursor)
	})
	b.put(t, "shop", "first")
	b.run(t)
	if n := <-counted; n != 1 {
		t.Errorf("while it was tried, %d tries were noted", n)
	}
}

type receiverFunc func(context.Context, []core.Inbound, *Cursor) (int, int, error)

func (f receiverFunc) Receive(ctx context.Context, events []core.Inbound, cursor *Cursor) (stored, duplicates int, err error) {
	return f(ctx, events, cursor)
}

// TestWhatCannotBeStoredIsNotHeldAgainstARequest: the plugin did its part.
func TestWhatCannotBeStoredIsNotHeldAgainstARequest(t *testing.T) {
	b := newBench(t)
	b.policy.spoolPause = time.Millisecond
	b.received.setFail(core.Errorf(core.StorageFull, "the disk is full"))
	b.put(t, "shop", "patient")
	b.run(t)
	until(t, "it has been tried often", func() bool { return strings.Count(b.log.String(), "a spooled request waits") > 5 })
	b.received.setFail(nil)
	until(t, "the spool is empty", func() bool { return b.memory.spoolLength() == 0 })
	if got := b.received.kept(); !slices.Equal(got, []string{"patient"}) {
		t.Errorf("stored %q", got)
	}
}

// TestSpoolIsBounded fills the spool of a plugin that is down, by number and by size.
func TestSpoolIsBounded(t *testing.T) {
	for name, limit := range map[string]func(*policy){
		"requests": func(p *policy) { p.spoolRequests = 3 },
		"bytes":    func(p *policy) { p.spoolBytes = 3 * 1000 },
	} {
		t.Run(name, func(t *testing.T) {
			broken := atomic.Bool{}
			broken.Store(true)
			start := func(shared *memory) *bench {
				b := newBench(t, func(o *Options) {
					o.State, o.Spool = shared, shared
					o.Find = func(name string) (Source, bool) {
						if broken.Load() {
							return Source{Path: "/no/such/file"}, true
						}
						return fakeSource(name)
					}
					o.Builtin = func(string) (*channelv1.Manifest, bool) { return fakeManifest(t), true }
				})
				b.memory = shared
				limit(&b.policy)
				b.policy.firstBackoff = time.Hour
				if err := b.Apply(b.setup); err != nil {
					t.Fatal(err)
				}
				until(t, "the plugin backs off", func() bool { return b.Status()[0].State == BackingOff })
				return b
			}
			shared := newMemory()
			b := start(shared)
			filler := strings.Repeat("x", 600)
			post := func(b *bench, i int) error {
				_, err := b.HandleHTTP(t.Context(), "shop", callback("shop", ids(fmt.Sprint(i), filler)))
				return err
			}
			for i := range 3 {
				if err := post(b, i); err != nil {
					t.Fatalf("request %d: %v", i, err)
				}
			}
			for i := range 2 {
				if err := post(b, i); !errors.Is(err, errSpoolFull) || core.CodeOf(err) != core.Unavailable {
					t.Errorf("with a full spool: %v", err)
				}
			}
			if a := <-b.alerts; a.Code != "spool-full" || a.Account != "shop" {
				t.Errorf("alert %+v", a)
			}
			if len(b.alerts) != 0 {
				t.Errorf("another alert: %+v", <-b.alerts)
			}

			// A restart does not make room.
			b.Stop()
			b = start(shared)
			if err := post(b, 9); !errors.Is(err, errSpoolFull) {
				t.Errorf("after a restart: %v", err)
			}
			broken.Store(false)
			b.hurry()
			until(t, "the spool is empty", func() bool { return shared.spoolLength() == 0 })
			b.live(t, 0)
			if err := post(b, 10); err != nil {
				t.Errorf("when it is up: %v", err)
			}
			if got := b.received.kept(); !slices.Equal(got, []string{"0", filler, "1", "2", "10"}) {
				t.Errorf("stored %d", len(got))
			}

			// There is room again once it has been emptied.
			broken.Store(true)
			b.Stop()
			b = start(shared)
			for i := range 3 {
				if err := post(b, 20+i); err != nil {
					t.Errorf("emptied, request %d: %v", i, err)
				}
			}
		})
	}
}

// TestLedgerOverRestarts: a ledger that is read again never counts less than there is, and little more.
func TestLedgerOverRestarts(t *testing.T) {
	state, limit := newMemory(), policy{spoolRequests: 10_000, spoolBytes: 256 << 20}
	l := &ledger{state: state, account: "shop"}
	put := func(n, size int) {
		t.Helper()
		for range n {
			if _, err := l.admit(t.Context(), size, limit); err != nil {
				t.Fatal(err)
			}
		}
	}
	again := func(requests int, bytes int64) {
		t.Helper()
		l = &ledger{state: state, account: "shop"}
		if _, err := l.tries(t.Context(), ""); err != nil {
			t.Fatal(err)
		}
		if l.requests < requests || l.requests > requests*9/8 || l.bytes < bytes || l.bytes > bytes*9/8 {
			t.Errorf("read again: %d requests, %d bytes; there are %d, %d", l.requests, l.bytes, requests, bytes)
		}
	}
	put(9000, 1000)
	if state.next > 150 {
		t.Errorf("%d writes", state.next)
	}
	again(9000, 9_000_000)
	put(1, 20<<20)
	again(9001, 9_000_000+20<<20)
	if err := l.emptied(t.Context()); err != nil {
		t.Fatal(err)
	}
	again(0, 0)
	if _, _, found, _ := state.GetState(t.Context(), hostState, "spool/shop"); found {
		t.Error("an empty spool is remembered")
	}
}
