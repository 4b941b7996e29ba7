package badgerkv

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"iter"
	"sync"
	"sync/atomic"

	"github.com/dgraph-io/badger/v4"

	"github.com/guichet/guichet/core/kv"
)

const (
	// recentEvents and recentBytes bound the newest events that are kept in memory, so that a tail that keeps up does
	// not read from Badger.
	recentEvents = 1024
	recentBytes  = 1 << 20
	// tailChunk is how many events a tail reads at a time: no snapshot is held while they are yielded.
	tailChunk = 256
	// trimChunk is how many events one transaction of a Trim deletes.
	trimChunk = 1000
)

// events is what the engine knows of the durable event log.
type events struct {
	last    atomic.Uint64 // position of the newest durable event
	trimmed atomic.Uint64 // events up to here were forgotten

	trim  sync.Mutex // one Trim at a time
	floor kv.Pos     // events below are no longer in Badger; under trim

	mu     sync.Mutex
	recent [][]byte // encoded events; the last one is at position last
	bytes  int
	wake   chan struct{} // closed by the next publish; nil when nobody waits
	closed bool
}

// publish makes new events visible; the last of them is at position last.
func (e *events) publish(last kv.Pos, added [][]byte) {
	if len(added) == 0 {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, b := range added {
		e.recent = append(e.recent, clone(b))
		e.bytes += len(b)
	}
	drop := 0
	for len(e.recent)-drop > recentEvents || e.bytes > recentBytes {
		e.bytes -= len(e.recent[drop])
		e.recent[drop] = nil
		drop++
	}
	e.recent = e.recent[drop:]
	e.last.Store(uint64(last))
	e.rouse()
}

// adopt takes over an event log that was loaded.
func (e *events) adopt(last, trimmed kv.Pos) {
	e.trim.Lock()
	defer e.trim.Unlock()
	e.floor = trimmed + 1
	e.trimmed.Store(uint64(trimmed))
	e.mu.Lock()
	defer e.mu.Unlock()
	e.last.Store(max(e.last.Load(), uint64(last)))
	e.rouse()
}

func (e *events) rouse() {
	if e.wake != nil {
		close(e.wake)
		e.wake = nil
	}
}

func (e *events) close() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.closed {
		e.closed = true
		e.rouse()
	}
}

// waiter returns a channel that is closed when there may be news, and whether the engine is closed.
func (e *events) waiter() (<-chan struct{}, bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.wake == nil {
		e.wake = make(chan struct{})
		if e.closed {
			close(e.wake)
		}
	}
	return e.wake, e.closed
}

// fromMemory appends the events from position next on to dst, if they are still in memory.
func (e *events) fromMemory(dst []kv.Event, next kv.Pos) ([]kv.Event, bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	last := kv.Pos(e.last.Load())
	if next > last {
		return dst, true, nil
	}
	back := int(min(last-next+1, kv.Pos(len(e.recent)+1)))
	if back > len(e.recent) {
		return dst, false, nil
	}
	for _, b := range e.recent[len(e.recent)-back:] {
		if len(dst) == tailChunk {
			break
		}
		ev, err := decodeEvent(next+kv.Pos(len(dst)), b)
		if err != nil {
			return dst, true, err
		}
		dst = append(dst, ev)
	}
	return dst, true, nil
}

// Last returns the position of the newest durable event.
func (db *DB) Last() kv.Pos { return kv.Pos(db.events.last.Load()) }

// Tail yields the events after from, and waits for more.
func (db *DB) Tail(ctx context.Context, from kv.Pos) iter.Seq2[kv.Event, error] {
	return func(yield func(kv.Event, error) bool) {
		var chunk []kv.Event
		for next := from + 1; ; {
			if ctx.Err() != nil {
				return
			}
			wake, closed := db.events.waiter()
			if closed {
				yield(kv.Event{}, kv.ErrClosed)
				return
			}
			var err error
			if chunk, err = db.readEvents(chunk[:0], next); err != nil {
				yield(kv.Event{}, err)
				return
			}
			for _, ev := range chunk {
				if ctx.Err() != nil || !yield(ev, nil) {
					return
				}
				next++
			}
			if len(chunk) > 0 {
				continue
			}
			select {
			case <-wake:
			case <-ctx.Done():
			}
		}
	}
}

// readEvents appends events from position next on, some at a time, to dst.
func (db *DB) readEvents(dst []kv.Event, next kv.Pos) ([]kv.Event, error) {
	if next <= kv.Pos(db.events.trimmed.Load()) {
		return dst, kv.ErrTrimmed
	}
	dst, ok, err := db.events.fromMemory(dst, next)
	if ok || err != nil {
		return dst, err
	}
	s := db.snapshots.acquire()
	if s == nil {
		return dst, kv.ErrClosed
	}
	defer db.snapshots.release(s)
	reads := db.bdg.NewTransactionAt(s.ts, false)
	defer reads.Discard()
	it := reads.NewIterator(badger.IteratorOptions{Prefix: []byte{spaceEvent}})
	defer it.Close()
	for it.Seek(eventKey(next)); it.Valid() && len(dst) < tailChunk; it.Next() {
		want := next + kv.Pos(len(dst))
		pos := eventPos(it.Item().Key())
		if pos != want {
			break
		}
		err := it.Item().Value(func(b []byte) error {
			ev, err := decodeEvent(pos, b)
			dst = append(dst, ev)
			return err
		})
		if err != nil {
			return dst, fmt.Errorf("badgerkv: read event %d: %w", pos, err)
		}
	}
	if len(dst) > 0 {
		return dst, nil
	}
	// A Trim may have come in between: it marks before it deletes.
	if next <= kv.Pos(db.events.trimmed.Load()) {
		return dst, kv.ErrTrimmed
	}
	return dst, fmt.Errorf("badgerkv: event %d is missing from the log", next)
}

// Trim forgets the events up to upTo. They are out of sight at once and deleted in chunks, in the low lane; a Trim that
// was interrupted is finished by the next one.
func (db *DB) Trim(ctx context.Context, upTo kv.Pos) error {
	db.events.trim.Lock()
	defer db.events.trim.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	if _, _, closed := db.lanes.waiting(); closed {
		return kv.ErrClosed
	}
	upTo = min(upTo, db.Last())
	if upTo > kv.Pos(db.events.trimmed.Load()) {
		err := db.submit(ctx, func(t kv.Tx) error {
			t.(*tx).setRaw(keyTrimmed, binary.BigEndian.AppendUint64(nil, uint64(upTo)))
			return nil
		}, true)
		if err != nil {
			return err
		}
		db.events.trimmed.Store(uint64(upTo))
	}
	for upTo = kv.Pos(db.events.trimmed.Load()); db.events.floor <= upTo; {
		end := min(db.events.floor+trimChunk-1, upTo)
		err := db.submit(ctx, func(t kv.Tx) error {
			for pos := db.events.floor; pos <= end; pos++ {
				t.(*tx).deleteRaw(eventKey(pos))
			}
			return nil
		}, true)
		if err != nil {
			return err
		}
		db.events.floor = end + 1
	}
	return nil
}

// loadEvents finds out, at start, where the event log begins and ends.
func loadEvents(reads *badger.Txn) (*events, error) {
	e := &events{}
	item, err := reads.Get(keyTrimmed)
	if err == nil {
		err = item.Value(func(b []byte) error {
			if len(b) != 8 {
				return fmt.Errorf("its position has %d bytes", len(b))
			}
			e.trimmed.Store(binary.BigEndian.Uint64(b))
			return nil
		})
	}
	if err != nil && !errors.Is(err, badger.ErrKeyNotFound) {
		return nil, fmt.Errorf("badgerkv: read the event log: %w", err)
	}
	e.floor = kv.Pos(e.trimmed.Load()) + 1
	e.last.Store(e.trimmed.Load())

	oldest := reads.NewIterator(badger.IteratorOptions{Prefix: []byte{spaceEvent}})
	defer oldest.Close()
	if oldest.Rewind(); oldest.Valid() {
		e.floor = min(e.floor, eventPos(oldest.Item().Key()))
	}
	newest := reads.NewIterator(badger.IteratorOptions{Prefix: []byte{spaceEvent}, Reverse: true})
	defer newest.Close()
	if newest.Seek([]byte{spaceEvent + 1}); newest.Valid() {
		e.last.Store(max(e.last.Load(), uint64(eventPos(newest.Item().Key()))))
	}
	return e, nil
}
