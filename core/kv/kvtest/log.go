package kvtest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/guichet/guichet/core/kv"
)

// tailN returns the first n events after from as "pos topic=value" texts.
func tailN(t testing.TB, db kv.DB, from kv.Pos, n int) []string {
	t.Helper()
	out := []string{}
	if n == 0 {
		return out
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for e, err := range db.Tail(ctx, from) {
		if err != nil {
			t.Fatalf("tail: %v", err)
		}
		out = append(out, fmt.Sprintf("%d %s", e.Pos, pair(e.Topic, e.Value)))
		if len(out) == n {
			return out
		}
	}
	t.Fatalf("tail ended after %d events, want %d", len(out), n)
	return nil
}

// testTailOrder: whoever tails, from wherever and whenever, gets the same events, numbered without gaps, and the events
// of one update lie together.
func testTailOrder(t *testing.T, db kv.DB) {
	const writers, rounds, total = 6, 200, 6 * 200 * 2
	var tails sync.WaitGroup
	seen := make([][]string, 3)
	for i := range seen {
		tails.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			for e, err := range db.Tail(ctx, 0) {
				if err != nil {
					t.Error(err)
					return
				}
				if e.Pos > db.Last() {
					t.Errorf("event %d is beyond Last", e.Pos)
				}
				if seen[i] = append(seen[i], fmt.Sprintf("%d %s", e.Pos, pair(e.Topic, e.Value))); len(seen[i]) == total {
					return
				}
			}
			t.Errorf("a tail ended after %d events", len(seen[i]))
		})
	}
	together(writers, func(i int) {
		for n := range rounds {
			err := db.Update(context.Background(), func(tx kv.Tx) error {
				tx.Emit(fmt.Appendf(nil, "w%d", i), fmt.Appendf(nil, "%d/1", n))
				tx.Set(fmt.Appendf(nil, "w%d", i), numberOf(uint64(n)))
				tx.Emit(fmt.Appendf(nil, "w%d", i), fmt.Appendf(nil, "%d/2", n))
				return nil
			})
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	tails.Wait()
	if t.Failed() {
		return
	}
	next := make([]int, writers)
	for i := 0; i < total; i += 2 {
		var pos, w, n, part int
		if _, err := fmt.Sscanf(seen[0][i], "%d w%d=%d/%d", &pos, &w, &n, &part); err != nil {
			t.Fatal(err)
		}
		if pos != i+1 || n != next[w] || part != 1 {
			t.Fatalf("event %q at %d: want number %d of its writer", seen[0][i], i+1, next[w])
		}
		if want := fmt.Sprintf("%d w%d=%d/2", pos+1, w, n); seen[0][i+1] != want {
			t.Fatalf("event %q after %q: the update's events do not lie together", seen[0][i+1], seen[0][i])
		}
		next[w]++
	}
	same(t, "second tail", seen[0], seen[1])
	same(t, "third tail", seen[0], seen[2])
	same(t, "tail from the middle", seen[0][total/2:], tailN(t, db, total/2, total/2))
	if db.Last() != total {
		t.Errorf("Last is %d, want %d", db.Last(), total)
	}
}

func testTailWaits(t *testing.T, db kv.DB) {
	got := make(chan kv.Event)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for e, err := range db.Tail(ctx, 0) {
			if err != nil {
				t.Error(err)
				return
			}
			got <- e
		}
	}()
	for i := range 5 {
		update(t, db, func(tx kv.Tx) {
			tx.Set([]byte("k"), numberOf(uint64(i)))
			tx.Emit([]byte("topic"), numberOf(uint64(i)))
		})
		set(t, db, "no event", "x")
		select {
		case e := <-got:
			if e.Pos != kv.Pos(i+1) || number(e.Value) != uint64(i) {
				t.Errorf("event %d of %d, want %d", e.Pos, number(e.Value), i)
			}
			// Who is told of an event can read what came with it.
			if v := number([]byte(get(t, db, "k"))); v < uint64(i) {
				t.Errorf("event %d was told before its write was visible (%d)", i, v)
			}
		case <-time.After(patience):
			t.Fatal("no event came")
		}
	}
	cancel()
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the tail did not end with its context")
	}
}

// testTailStops: a tail that its reader leaves, and one that the engine's end finds waiting.
func testTailStops(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) {
		for range 10 {
			tx.Emit([]byte("topic"), nil)
		}
	})
	if events := tailN(t, db, 0, 3); len(events) != 3 {
		t.Errorf("left after three: %q", events)
	}
	waits := make(chan error)
	go func() {
		var last error
		for _, err := range db.Tail(context.Background(), 9) {
			if err == nil {
				waits <- nil // the tenth; now it waits
			}
			last = err
		}
		waits <- last
	}()
	<-waits
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-waits:
		if !errors.Is(err, kv.ErrClosed) {
			t.Errorf("the waiting tail ended with %v, want ErrClosed", err)
		}
	case <-time.After(patience):
		t.Fatal("the waiting tail did not end with the engine")
	}
}

// testTailFromThePast reads a log that no engine keeps in memory.
func testTailFromThePast(t *testing.T, db kv.DB) {
	const total = 6000
	var want []string
	for i := 0; i < total; {
		update(t, db, func(tx kv.Tx) {
			for n := range 1000 {
				tx.Emit([]byte("topic"), numberOf(uint64(i+n)))
			}
		})
		i += 1000
	}
	for i := range total {
		want = append(want, fmt.Sprintf("%d %s", i+1, pair([]byte("topic"), numberOf(uint64(i)))))
	}
	same(t, "from the beginning", want, tailN(t, db, 0, total))
	same(t, "from 4321", want[4321:], tailN(t, db, 4321, total-4321))
	same(t, "the last one", want[total-1:], tailN(t, db, total-1, 1))
}

func testEmitIsAtomic(t *testing.T, db kv.DB) {
	for i := range 20 {
		_ = db.Update(context.Background(), func(tx kv.Tx) error {
			tx.Emit([]byte("topic"), numberOf(uint64(i)))
			switch i % 4 {
			case 1:
				return errStop
			case 2:
				panic("stop")
			case 3:
				tx.Set(make([]byte, kv.MaxKey+1), nil)
			}
			return nil
		})
	}
	var want []string
	for i := range 5 {
		want = append(want, fmt.Sprintf("%d %s", i+1, pair([]byte("topic"), numberOf(uint64(4*i)))))
	}
	same(t, "only what was committed", want, tailN(t, db, 0, 5))
	if db.Last() != 5 {
		t.Errorf("Last is %d, want 5", db.Last())
	}
}

// testTrim also goes over more events than an engine may delete in one transaction.
func testTrim(t *testing.T, db kv.DB) {
	const total = 5000
	for range total / 1000 {
		update(t, db, func(tx kv.Tx) {
			for range 1000 {
				tx.Emit([]byte("t"), nil)
			}
		})
	}
	ctx := context.Background()
	for _, upTo := range []kv.Pos{0, 10, 5, 10, 4400, 17} {
		if err := db.Trim(ctx, upTo); err != nil {
			t.Fatalf("trim to %d: %v", upTo, err)
		}
		trimmed := max(upTo, 10)
		if upTo == 0 {
			trimmed = 0
		} else if upTo == 17 {
			trimmed = 4400
		}
		same(t, fmt.Sprintf("after Trim(%d)", upTo), []string{fmt.Sprintf("%d t=", trimmed+1)}, tailN(t, db, trimmed, 1))
		same(t, "the newest", []string{fmt.Sprintf("%d t=", total)}, tailN(t, db, total-1, 1))
		if trimmed == 0 {
			continue
		}
		for _, from := range []kv.Pos{0, trimmed - 1} {
			var got error
			n := 0
			for e, err := range db.Tail(ctx, from) {
				got = err
				if n++; n > 1 || err == nil {
					t.Fatalf("after Trim(%d), Tail(%d) yielded event %d", upTo, from, e.Pos)
				}
			}
			if !errors.Is(got, kv.ErrTrimmed) {
				t.Errorf("after Trim(%d), Tail(%d): %v, want ErrTrimmed", upTo, from, got)
			}
		}
	}
	if db.Last() != total {
		t.Errorf("Last is %d after Trim, want %d", db.Last(), total)
	}
}

// testTrimAll: a position is never given twice, also when nothing is left of the log.
func testTrimAll(t *testing.T, db kv.DB) {
	emit := func(n int) {
		update(t, db, func(tx kv.Tx) {
			for range n {
				tx.Emit([]byte("t"), nil)
			}
		})
	}
	emit(3)
	if err := db.Trim(context.Background(), 1000); err != nil {
		t.Fatal(err)
	}
	if db.Last() != 3 {
		t.Errorf("Last is %d after all was trimmed, want 3", db.Last())
	}
	emit(1)
	same(t, "the event after", []string{"4 t="}, tailN(t, db, 3, 1))
	if keys := list(t, db, kv.Range{}); strings.Join(keys, "") != "" {
		t.Errorf("the event log shows among the keys: %q", keys)
	}
}
