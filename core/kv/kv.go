// Package kv is ordered key-value storage with short transactions and a durable event log: everything Guichet keeps
// goes through it. It must not know what the keys mean (that is core/store) nor which engine serves them.
//
// Start reading at [DB] and [Tx]. Engines: badgerkv (default), memkv (tests). kvtest is the suite that every engine
// passes.
//
// The contract is the least that Badger and a relational engine both keep:
//
//   - Get in an Update is a promise for a key that exists, or that the same transaction writes: if such a key changes
//     before the commit, the closure runs again. The absence of a key that is not written, and the content of a scan,
//     are only looks. Where they matter, read and write a guard key.
//   - A closure is pure: no I/O, no clock but Now, nothing outside itself changed except variables that it assigns
//     afresh on each run. It may run several times; only the last run counts.
//   - What Update wrote is durable when Update returns, and is visible to View and Tail only once it is durable.
package kv

import (
	"context"
	"errors"
	"io"
	"iter"
	"time"
)

// Limits of one transaction, the same for every engine. Exceeding one fails the transaction with a *LimitError.
const (
	MaxKey    = 512      // bytes in a key
	MaxValue  = 64 << 10 // bytes in a value; larger content belongs in core/blob
	MaxWrites = 2000     // Set, Delete and Emit calls in one Update
	MaxBytes  = 1 << 20  // bytes written in one Update, keys and values
	MaxReads  = 20000    // keys looked at by Get and Scan in one Update
)

var (
	// ErrNotFound is returned by Get for an absent key.
	ErrNotFound = errors.New("kv: key not found")
	// ErrClosed is returned by every call after Close, or after a failed sync has stopped the engine.
	ErrClosed = errors.New("kv: closed")
	// ErrFull is returned by Update while the disk has too little room to write safely. Nothing was written; the same
	// Update succeeds once space has returned.
	ErrFull = errors.New("kv: disk full")
	// ErrTrimmed is yielded by Tail when the position asked for lies before the oldest event kept.
	ErrTrimmed = errors.New("kv: position is older than the event log")
)

// LimitError says which limit of a transaction was exceeded.
type LimitError struct {
	What  string // "key", "value", "writes", "bytes", "reads"
	Limit int
	Got   int
}

// Pos is a position in the event log: the number of an event. The first event has position 1; positions grow by one
// without gaps in the order of commit.
type Pos uint64

// Event is one entry of the durable log.
type Event struct {
	Pos   Pos
	Topic []byte
	Value []byte
}

// Pair is a key and its value. Both are the receiver's to keep.
type Pair struct {
	Key   []byte
	Value []byte // nil with Range.KeysOnly
}

// Range selects keys: Start ≤ key < End. An empty End means "to the end of the key space".
type Range struct {
	Start, End []byte
	Reverse    bool // from the last key down
	Limit      int  // at most this many pairs; 0 means no limit
	KeysOnly   bool
}

// Prefix is the range of all keys that begin with p.
func Prefix(p []byte) Range { return Range{Start: p, End: PrefixEnd(p)} }

// PrefixEnd returns the smallest key greater than every key that begins with p; nil where there is none.
func PrefixEnd(p []byte) []byte {
	end := append([]byte(nil), p...)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i] < 0xff {
			end[i]++
			return end[:i+1]
		}
	}
	return nil
}

// Tx is one transaction. It is valid only inside the closure that received it and only on that goroutine.
type Tx interface {
	// Get returns the value of key, or ErrNotFound. The slice is the caller's to keep.
	Get(key []byte) ([]byte, error)
	// Scan yields the pairs of a range in key order, with the transaction's own earlier writes. An engine failure
	// stops the scan and fails the transaction. Writing while a scan runs is allowed; the scan may or may not see it.
	Scan(r Range) iter.Seq2[Pair, error]
	// Set writes a pair. In a View it panics. Errors surface when the closure has returned.
	Set(key, value []byte)
	// Delete removes a key; removing an absent key is not an error.
	Delete(key []byte)
	// Emit appends an event to the durable log in this transaction.
	Emit(topic, value []byte)
	// Now is the transaction's time: the one clock that a closure may read. It is constant within one run.
	Now() time.Time
}

// DB is an open engine. All methods are safe for concurrent use.
type DB interface {
	// View runs fn on a consistent snapshot that holds only durable writes.
	View(ctx context.Context, fn func(Tx) error) error
	// Update runs fn and commits what it wrote, atomically. It is durable when Update returns nil. When fn returns an
	// error, panics, or exceeds a limit, nothing is written and that error (a *PanicError for a panic) is returned.
	// A context cancelled before fn starts means fn is not run; cancellation afterwards does not undo a commit.
	Update(ctx context.Context, fn func(Tx) error) error
	// UpdateLow is Update in a lane that waits while ordinary updates wait: for import, retention and reports, in
	// chunks.
	UpdateLow(ctx context.Context, fn func(Tx) error) error
	// Tail yields every event after the position from, in order, and then waits for more until ctx ends. It yields
	// only durable events. When events after from have been trimmed it yields ErrTrimmed and ends.
	Tail(ctx context.Context, from Pos) iter.Seq2[Event, error]
	// Last returns the position of the newest durable event, 0 when there is none.
	Last() Pos
	// Trim forgets the events up to and including the position upTo.
	Trim(ctx context.Context, upTo Pos) error
	// Dump writes a consistent copy of every pair and of the event log, in an engine's own format, while the engine
	// goes on working. Load reads it into an empty engine of the same kind.
	Dump(ctx context.Context, w io.Writer) error
	Load(ctx context.Context, r io.Reader) error
	// Status tells what operators watch.
	Status() Status
	Close() error
}

// Status is a snapshot of an engine's health.
type Status struct {
	Engine    string
	Bytes     int64 // on disk
	FreeBytes int64 // left on the volume; -1 when unknown
	Full      bool  // updates are being refused with ErrFull
	Commits   uint64
	Batches   uint64 // syncs; Commits/Batches is the mean size of a group
	Waiting   int    // updates waiting for the committer
}
