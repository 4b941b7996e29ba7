package badgerkv

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core/kv"
)

func openTest(t *testing.T, opt Options) *DB {
	t.Helper()
	opt.Dir = t.TempDir()
	opt.MemTableBytes = MinMemTable
	db, err := Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// holdSync makes every sync wait until what it returns is called with its outcome.
func holdSync(t *testing.T, db *DB) (reached <-chan struct{}, release func(error)) {
	t.Helper()
	in, out := make(chan struct{}), make(chan error)
	db.committer.sync = func() error {
		in <- struct{}{}
		if err := <-out; err != nil {
			return err
		}
		return db.syncLog()
	}
	return in, func(err error) { out <- err }
}

func emit(value string) func(kv.Tx) error {
	return func(tx kv.Tx) error {
		tx.Set([]byte("key"), []byte(value))
		tx.Emit([]byte("topic"), []byte(value))
		return nil
	}
}

func key(t *testing.T, db *DB) (value string) {
	t.Helper()
	err := db.View(context.Background(), func(tx kv.Tx) error {
		b, err := tx.Get([]byte("key"))
		value = string(b)
		if errors.Is(err, kv.ErrNotFound) {
			return nil
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return value
}

// TestNothingBeforeTheSync: while the sync runs, the batch is in Badger, but nobody sees it.
func TestNothingBeforeTheSync(t *testing.T) {
	db := openTest(t, Options{})
	reached, release := holdSync(t, db)
	tailed := make(chan kv.Event, 1)
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		for e, err := range db.Tail(ctx, 0) {
			if err == nil {
				tailed <- e
			}
		}
	}()
	answered := make(chan error, 1)
	go func() { answered <- db.Update(context.Background(), emit("1")) }()
	<-reached
	if v := key(t, db); v != "" {
		t.Errorf("a View sees %q before the sync", v)
	}
	if db.Last() != 0 {
		t.Errorf("Last is %d before the sync", db.Last())
	}
	select {
	case err := <-answered:
		t.Errorf("Update returned (%v) before the sync", err)
	case e := <-tailed:
		t.Errorf("Tail yielded event %d before the sync", e.Pos)
	default:
	}
	release(nil)
	if err := <-answered; err != nil {
		t.Error(err)
	}
	if v := key(t, db); v != "1" || db.Last() != 1 {
		t.Errorf("after the sync a View sees %q, Last is %d", v, db.Last())
	}
	if e := <-tailed; e.Pos != 1 || string(e.Value) != "1" {
		t.Errorf("Tail yielded event %d, %q", e.Pos, e.Value)
	}
}

// TestFailedSyncStops: after a failed sync nothing more is promised to anyone.
func TestFailedSyncStops(t *testing.T) {
	db := openTest(t, Options{})
	if err := db.Update(context.Background(), emit("1")); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the disk is broken")
	reached, release := holdSync(t, db)
	answered := make(chan error, 2)
	go func() { answered <- db.Update(context.Background(), emit("2")) }()
	<-reached
	go func() { answered <- db.Update(context.Background(), emit("3")) }()
	for db.Status().Waiting == 0 {
		runtime.Gosched()
	}
	release(broken)
	got := map[bool]int{}
	for range 2 {
		err := <-answered
		if !errors.Is(err, broken) && !errors.Is(err, kv.ErrClosed) {
			t.Errorf("Update returned %v", err)
		}
		got[errors.Is(err, broken)]++
	}
	if diff := cmp.Diff(map[bool]int{true: 1, false: 1}, got); diff != "" {
		t.Errorf("one caller hears of the broken disk, the other that the engine is closed (-want +got):\n%s", diff)
	}
	select {
	case err := <-db.Fatal():
		if !errors.Is(err, broken) {
			t.Errorf("Fatal told %v", err)
		}
	case <-time.After(time.Minute):
		t.Fatal("Fatal did not tell")
	}
	nothing := func(kv.Tx) error { return nil }
	if err := db.Update(context.Background(), nothing); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("Update: %v", err)
	}
	if err := db.View(context.Background(), nothing); !errors.Is(err, kv.ErrClosed) {
		t.Errorf("View: %v", err)
	}
	for _, err := range db.Tail(context.Background(), 0) {
		if !errors.Is(err, kv.ErrClosed) {
			t.Errorf("Tail: %v", err)
		}
	}
}

// TestGrouping: what waits while a sync runs shares the next one; a caller that gives up meanwhile is not run; low
// updates come after ordinary ones.
func TestGrouping(t *testing.T) {
	db := openTest(t, Options{})
	reached, release := holdSync(t, db)
	answered := make(chan error, 10)
	var order []string
	wait := func(name string) func(kv.Tx) error {
		return func(tx kv.Tx) error {
			order = append(order, name) // only the committer runs closures, one at a time
			tx.Set([]byte(name), nil)
			return nil
		}
	}
	waiting := func(n int) {
		for db.Status().Waiting != n {
			runtime.Gosched()
		}
	}
	go func() { answered <- db.Update(context.Background(), wait("first")) }()
	<-reached
	go func() { answered <- db.UpdateLow(context.Background(), wait("low")) }()
	waiting(1)
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan error)
	go func() { gone <- db.Update(ctx, wait("cancelled")) }()
	waiting(2)
	for i := range 3 {
		go func() { answered <- db.Update(context.Background(), wait("ordinary")) }()
		waiting(3 + i)
	}
	cancel()
	if err := <-gone; !errors.Is(err, context.Canceled) {
		t.Errorf("the cancelled caller got %v", err)
	}
	release(nil)
	<-reached
	if diff := cmp.Diff([]string{"first", "ordinary", "ordinary", "ordinary"}, order); diff != "" {
		t.Errorf("order until the second sync (-want +got):\n%s", diff)
	}
	release(nil)
	<-reached
	release(nil)
	for range 5 {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
	if diff := cmp.Diff([]string{"first", "ordinary", "ordinary", "ordinary", "low"}, order); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
	if s := db.Status(); s.Commits != 5 || s.Batches != 3 {
		t.Errorf("%d commits in %d batches, want 5 in 3", s.Commits, s.Batches)
	}
}

// TestLowPatience: ordinary updates that never pause hold a low one up for a bounded number of batches.
func TestLowPatience(t *testing.T) {
	db := openTest(t, Options{})
	reached, release := holdSync(t, db)
	answered := make(chan error, 100)
	ran := false
	ordinary := func() {
		before := db.Status().Waiting
		go func() { answered <- db.Update(context.Background(), emit("ordinary")) }()
		for db.Status().Waiting == before {
			runtime.Gosched()
		}
	}
	go func() { answered <- db.Update(context.Background(), emit("first")) }()
	<-reached
	go func() {
		answered <- db.UpdateLow(context.Background(), func(tx kv.Tx) error {
			ran = true
			return nil
		})
	}()
	for db.Status().Waiting == 0 {
		runtime.Gosched()
	}
	batches := 0
	for ordinary(); !ran; ordinary() {
		release(nil)
		<-reached
		if batches++; batches > 2*lowPatience {
			t.Fatalf("the low update waited for %d batches", batches)
		}
	}
	if batches < lowPatience {
		t.Errorf("the low update ran after %d batches, before its turn", batches)
	}
	go func() {
		for range reached {
			release(nil)
		}
	}()
	release(nil)
	for range batches + 3 {
		if err := <-answered; err != nil {
			t.Error(err)
		}
	}
}

// TestClosureThatEndsItsGoroutine: t.FailNow in a closure fails that caller only, and the rest of the batch commits.
func TestClosureThatEndsItsGoroutine(t *testing.T) {
	db := openTest(t, Options{})
	reached, release := holdSync(t, db)
	answered := make(chan error, 3)
	go func() { answered <- db.Update(context.Background(), emit("first")) }()
	<-reached
	for i, fn := range []func(kv.Tx) error{
		emit("second"),
		func(tx kv.Tx) error {
			for range tx.Scan(kv.Range{}) {
				tx.Set([]byte("left behind"), nil)
				runtime.Goexit()
			}
			return nil
		},
		emit("third"),
	} {
		go func() { answered <- db.Update(context.Background(), fn) }()
		for db.Status().Waiting != i+1 {
			runtime.Gosched()
		}
	}
	release(nil)
	<-reached
	release(nil)
	failed := 0
	for range 4 {
		err := <-answered
		var p *kv.PanicError
		if errors.As(err, &p) && errors.Is(p.Value.(error), errExited) {
			failed++
		} else if err != nil {
			t.Error(err)
		}
	}
	if failed != 1 || key(t, db) != "third" || db.Last() != 3 {
		t.Errorf("%d failed; the key holds %q after %d events", failed, key(t, db), db.Last())
	}
}

// TestClock: Tx.Now is the clock that was given.
func TestClock(t *testing.T) {
	then := time.Date(2031, 2, 3, 4, 5, 6, 0, time.UTC)
	db := openTest(t, Options{Now: func() time.Time { return then }})
	look := func(tx kv.Tx) error {
		if !tx.Now().Equal(then) {
			t.Errorf("Now is %v", tx.Now())
		}
		return nil
	}
	if err := errors.Join(db.Update(context.Background(), look), db.View(context.Background(), look)); err != nil {
		t.Fatal(err)
	}
}

// TestUnknownDurability names what is allowed.
func TestUnknownDurability(t *testing.T) {
	if _, err := Open(Options{Dir: t.TempDir(), Durability: "sometimes"}); err == nil {
		t.Error("an unknown durability was accepted")
	}
}
