// Package store keeps Guichet's typed records and their indexes on core/kv. It is the only package that knows key
// bytes. It must not decide anything: rules live in core/desk and core/routing.
//
// Start reading at [Store] and [Tx], then keys.go for the layout. Every index is written by the function that writes
// its record, from the difference of what was stored and what is stored now; Fsck rebuilds all of them and compares.
package store

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// Store is the typed view of an open engine.
type Store struct {
	db kv.DB
}

// Open checks the engine's schema, migrates an older one, refuses a newer one, and returns the store.
func Open(ctx context.Context, db kv.DB, options Options) (*Store, error) {
	s := &Store{db: db}
	if err := s.migrate(ctx, options); err != nil {
		return nil, err
	}
	return s, nil
}

// DB returns the engine, for status, dumps and the event log.
func (s *Store) DB() kv.DB { return s.db }

// View runs fn on a consistent snapshot of durable records.
func (s *Store) View(ctx context.Context, fn func(*Tx) error) error {
	return s.db.View(ctx, func(t kv.Tx) error { return fn(&Tx{kv: t, view: true}) })
}

// Update runs fn and makes what it wrote durable. fn is pure and may run again; see kv.DB.Update.
func (s *Store) Update(ctx context.Context, fn func(*Tx) error) error {
	return full(s.db.Update(ctx, func(t kv.Tx) error { return run(t, fn) }))
}

// UpdateLow is Update in the lane of import, retention and reports.
func (s *Store) UpdateLow(ctx context.Context, fn func(*Tx) error) error {
	return full(s.db.UpdateLow(ctx, func(t kv.Tx) error { return run(t, fn) }))
}

// full gives the engine's refusal on a full disk its code; errors.Is(err, kv.ErrFull) still holds.
func full(err error) error {
	if errors.Is(err, kv.ErrFull) {
		return core.Errorf(core.StorageFull, "the disk is full: nothing was stored: %w", err)
	}
	return err
}

func run(t kv.Tx, fn func(*Tx) error) error {
	tx := &Tx{kv: t, now: t.Now()}
	if err := fn(tx); err != nil {
		return err
	}
	return tx.flush()
}

// What the rooms above need of the event log, so that they do not import kv themselves.
type (
	// Event is one entry of the durable log.
	Event = kv.Event
	// Pos is a position in it.
	Pos = kv.Pos
)

var (
	// ErrTrimmed is yielded by Tail for a position older than the log.
	ErrTrimmed = kv.ErrTrimmed
	// ErrClosed is returned once the engine is closed or has stopped.
	ErrClosed = kv.ErrClosed
	// ErrFull is wrapped by the StorageFull errors of Update.
	ErrFull = kv.ErrFull
)

// Tail yields the durable events after a position; see kv.DB.Tail.
func (s *Store) Tail(ctx context.Context, from Pos) iter.Seq2[Event, error] {
	return s.db.Tail(ctx, from)
}

// Tx is one transaction over records. It is valid only inside its closure.
type Tx struct {
	kv   kv.Tx
	view bool
	now  time.Time
	// was holds the index keys of records as they were read, so that writing one can compute the difference.
	was map[string]indexed
	// agents holds the agent statuses that were read; those that changed are written once, at the end.
	agents  map[string]*core.AgentStatus
	changed map[string]bool
	// unknown holds the JSON of records that were read with fields this version does not know; parts how many parts a
	// long record has.
	unknown map[string][]byte
	parts   map[string]int
	// references says of which contents a reference was added (true) or only removed.
	references map[string]bool
	err        error
}

// Now is the transaction's time, truncated to milliseconds as all stored times are.
func (tx *Tx) Now() time.Time {
	if tx.view {
		return Time(tx.kv.Now())
	}
	return Time(tx.now)
}

// Time brings a time to the precision and zone in which all times are stored.
func Time(t time.Time) time.Time {
	if t.IsZero() {
		return time.Time{}
	}
	return t.UTC().Truncate(time.Millisecond)
}

// indexed is what a record had written beside itself when it was read.
type indexed struct {
	keys     map[string]string // index key → value
	units    int
	agent    string // who gives units
	audience *core.Audience
	place    core.Place
}

func (tx *Tx) remember(key []byte, was indexed) {
	if tx.view {
		return
	}
	if tx.was == nil {
		tx.was = make(map[string]indexed, 4)
	}
	tx.was[string(key)] = was
}

// reindex writes the difference of a record's index keys.
func (tx *Tx) reindex(old, now map[string]string) {
	for k := range old {
		if _, keep := now[k]; !keep {
			tx.kv.Delete([]byte(k))
			tx.noteReference(k, false)
		}
	}
	for k, v := range now {
		if had, ok := old[k]; !ok || had != v {
			tx.kv.Set([]byte(k), []byte(v))
			tx.noteReference(k, true)
		}
	}
}

// fail records an error that a writing method cannot return; the transaction fails with it.
func (tx *Tx) fail(err error) {
	if tx.err == nil {
		tx.err = err
	}
}

// flush writes what accumulated over the transaction.
func (tx *Tx) flush() error {
	for agent := range tx.changed {
		tx.writeAgentStatus(tx.agents[agent])
	}
	tx.settleReferences()
	return tx.err
}

func missing(kind string, id any) error {
	return core.Errorf(core.NotFound, "there is no %s %v", kind, id)
}
