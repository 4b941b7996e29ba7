// Package memkv keeps package kv's contract in memory, for tests and simulations. It must not be used to keep anything.
//
// Start reading at [DB.Update]. Closures run concurrently, each on its caller's goroutine and on a snapshot, and a
// commit checks exactly what the contract promises and no more: keys that the closure got and that exist, or that it
// also writes, must be unchanged. A key that was absent and is not written, and the content of a scan, may have changed
// meanwhile. So memkv finds what an engine with a single writer hides: a closure that relies on a look without a guard
// key, and one that is not fit to run again.
package memkv

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"math/rand/v2"
	"runtime"
	"runtime/debug"
	"sync"
	"time"

	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/kvdump"
)

// DB is an engine in memory. The zero value is not ready: use New.
type DB struct {
	now func() time.Time

	mu      sync.RWMutex
	root    *node
	version uint64
	log     []kv.Event // of positions trimmed+1 …
	trimmed kv.Pos
	wake    chan struct{} // closed by the next commit with events, and by Close
	closed  bool
	commits uint64
}

var _ kv.DB = (*DB)(nil)

// New returns an empty engine with the system's clock.
func New() *DB { return NewWithClock(time.Now) }

// NewWithClock returns an empty engine whose Tx.Now is now.
func NewWithClock(now func() time.Time) *DB {
	return &DB{now: now, wake: make(chan struct{})}
}

// Update runs fn on a snapshot and commits what it wrote; on a conflict it runs fn again after a short random pause.
func (db *DB) Update(ctx context.Context, fn func(kv.Tx) error) error {
	for attempt := 0; ; attempt++ {
		if err := ctx.Err(); err != nil {
			return err
		}
		t, err := db.begin()
		if err != nil {
			return err
		}
		t.writes = make(map[string]pending)
		t.reads = make(map[string]uint64)
		if err := t.run(fn); err != nil {
			return err
		}
		runtime.Gosched() // give others the chance to come in between
		done, err := db.commit(t)
		if done || err != nil {
			return err
		}
		pause(attempt)
	}
}

// pause waits a random time that grows with the attempts: up to 10 µs first, up to 2.5 ms from the eighth on.
func pause(attempt int) {
	time.Sleep(time.Duration(rand.Int64N(int64(10*time.Microsecond) << min(attempt, 8))))
}

// UpdateLow is Update: nothing waits in memory.
func (db *DB) UpdateLow(ctx context.Context, fn func(kv.Tx) error) error { return db.Update(ctx, fn) }

// View runs fn on the newest state.
func (db *DB) View(ctx context.Context, fn func(kv.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	t, err := db.begin()
	if err != nil {
		return err
	}
	defer func() { t.ended = true }()
	return fn(t)
}

func (db *DB) begin() (*tx, error) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	if db.closed {
		return nil, kv.ErrClosed
	}
	return &tx{root: db.root, now: db.now()}, nil
}

// run runs fn once and turns a panic into a *kv.PanicError.
func (t *tx) run(fn func(kv.Tx) error) (err error) {
	defer func() {
		t.ended = true
		if value := recover(); value != nil {
			err = &kv.PanicError{Value: value, Stack: debug.Stack()}
		}
	}()
	if err := fn(t); t.meter.Err() == nil {
		return err
	}
	return t.meter.Err()
}

// commit reports whether t's promised reads still held and its writes are in place.
func (db *DB) commit(t *tx) (bool, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return false, kv.ErrClosed
	}
	for key, version := range t.reads {
		if _, writes := t.writes[key]; version == 0 && !writes {
			continue // an absent key that is not written: only a look
		}
		if db.versionOf(key) != version {
			return false, nil
		}
	}
	db.commits++
	db.version++
	for key, p := range t.writes {
		if p.deleted {
			db.root = db.root.without(key)
		} else {
			db.root = db.root.with(key, p.value, db.version)
		}
	}
	last := db.last()
	for i, e := range t.events {
		e.Pos = last + kv.Pos(i) + 1
		db.log = append(db.log, e)
	}
	if len(t.events) > 0 {
		db.rouse()
	}
	return true, nil
}

func (db *DB) versionOf(key string) uint64 {
	if n := db.root.find(key); n != nil {
		return n.version
	}
	return 0
}

// rouse wakes the tails. With mu held.
func (db *DB) rouse() {
	close(db.wake)
	db.wake = make(chan struct{})
}

func (db *DB) last() kv.Pos { return db.trimmed + kv.Pos(len(db.log)) }

// Last returns the position of the newest event.
func (db *DB) Last() kv.Pos {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return db.last()
}

// Tail yields the events after from, and waits for more.
func (db *DB) Tail(ctx context.Context, from kv.Pos) iter.Seq2[kv.Event, error] {
	return func(yield func(kv.Event, error) bool) {
		for next := from + 1; ctx.Err() == nil; {
			e, wake, err := db.event(next)
			switch {
			case err != nil:
				yield(kv.Event{}, err)
				return
			case e.Pos != 0:
				if !yield(e, nil) {
					return
				}
				next++
			default:
				select {
				case <-wake:
				case <-ctx.Done():
				}
			}
		}
	}
}

// event returns the event at pos, or what to wait for.
func (db *DB) event(pos kv.Pos) (kv.Event, <-chan struct{}, error) {
	db.mu.RLock()
	defer db.mu.RUnlock()
	switch {
	case db.closed:
		return kv.Event{}, nil, kv.ErrClosed
	case pos <= db.trimmed:
		return kv.Event{}, nil, kv.ErrTrimmed
	case pos > db.last():
		return kv.Event{}, db.wake, nil
	}
	e := db.log[pos-db.trimmed-1]
	return kv.Event{Pos: e.Pos, Topic: clone(e.Topic), Value: clone(e.Value)}, nil, nil
}

// Trim forgets the events up to upTo.
func (db *DB) Trim(ctx context.Context, upTo kv.Pos) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	if db.closed {
		return kv.ErrClosed
	}
	if upTo = min(upTo, db.last()); upTo > db.trimmed {
		db.log = append([]kv.Event(nil), db.log[upTo-db.trimmed:]...)
		db.trimmed = upTo
	}
	return nil
}

// Dump writes the newest state in the format of package kvdump.
func (db *DB) Dump(ctx context.Context, w io.Writer) error {
	db.mu.RLock()
	root, log, trimmed, closed := db.root, db.log, db.trimmed, db.closed
	db.mu.RUnlock()
	if closed {
		return kv.ErrClosed
	}
	d := kvdump.NewWriter(w)
	err := d.Trimmed(trimmed)
	for _, e := range log {
		if err == nil {
			err = d.Event(e)
		}
	}
	root.walk("", "", false, false, func(n *node) bool {
		if err == nil {
			err = ctx.Err()
		}
		if err == nil {
			err = d.Pair([]byte(n.key), n.value)
		}
		return err == nil
	})
	if err != nil {
		return fmt.Errorf("memkv: dump: %w", err)
	}
	return d.Close()
}

// Load reads what Dump wrote into this engine, which must be empty. When it fails, the engine is unchanged.
func (db *DB) Load(ctx context.Context, r io.Reader) error {
	var loaded DB
	err := kvdump.Read(r, kvdump.Sink{
		Pair: func(key, value []byte) error {
			loaded.root = loaded.root.with(string(key), value, 1)
			return ctx.Err()
		},
		Event: func(e kv.Event) error {
			if e.Pos != loaded.last()+1 {
				return fmt.Errorf("%w: event %d follows event %d", kvdump.ErrCorrupt, e.Pos, loaded.last())
			}
			loaded.log = append(loaded.log, e)
			return nil
		},
		Trimmed: func(upTo kv.Pos) error {
			loaded.trimmed = upTo
			return nil
		},
	})
	if err != nil {
		return fmt.Errorf("memkv: load: %w", err)
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	switch {
	case db.closed:
		return kv.ErrClosed
	case db.root != nil || db.last() > 0:
		return errors.New("memkv: load: the engine is not empty")
	}
	db.root, db.log, db.trimmed = loaded.root, loaded.log, loaded.trimmed
	db.version = max(db.version, 1)
	db.rouse()
	return nil
}

// Status counts commits; in memory each is a batch of its own.
func (db *DB) Status() kv.Status {
	db.mu.RLock()
	defer db.mu.RUnlock()
	return kv.Status{Engine: "memory", FreeBytes: -1, Commits: db.commits, Batches: db.commits}
}

// Close ends the engine; what it held is gone.
func (db *DB) Close() error {
	db.mu.Lock()
	defer db.mu.Unlock()
	if !db.closed {
		db.closed = true
		db.rouse()
	}
	return nil
}
