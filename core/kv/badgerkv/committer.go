package badgerkv

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/guichet/guichet/core/kv"
)

const (
	// lowPatience is how many batches in a row may pass over a waiting low request.
	lowPatience = 16
	// lowRun is how many low requests one batch runs at most. Ordinary requests that arrive meanwhile wait for them.
	lowRun = 8
	// slowClosure is how long a closure may run before the log names it: all writers wait for it.
	slowClosure = 100 * time.Millisecond
)

// errExited is the value of the PanicError for a closure that ended its goroutine (runtime.Goexit, as t.FailNow does).
var errExited = errors.New("the closure called runtime.Goexit")

// committer is the one writer. It takes the waiting closures, runs them one after another over one batch, writes the
// batch as one Badger transaction, syncs, and only then answers.
//
// One transaction for a batch, because a sync reaches only the active write-ahead log and Badger changes that log
// between transactions: the first of two transactions could be left behind in a log that nobody syncs.
type committer struct {
	db   *DB
	each bool         // a batch holds one closure
	sync func() error // makes the last transaction durable; nil for durability "none"

	maxBytes int64 // of one batch; Badger's limit for a transaction, less a margin
	maxCount int

	// The batch being built. It lies here and not on the stack so that a new goroutine can take over when a closure
	// ends this one.
	reads    *badger.Txn
	batch    *overlay
	own      *overlay
	hot      *hotValues
	mem      arena
	events   [][]byte
	answers  []*request
	carried  *request // ran, but did not fit into the last batch
	entries  []badger.Entry
	lowWaits int // batches that passed over the low lane
	lowRuns  int // low requests in this batch

	ts   uint64 // of the last committed batch
	last kv.Pos // position of the last committed event

	commits, batches atomic.Uint64
	stopped          chan struct{}
}

func newCommitter(db *DB, ts uint64, last kv.Pos) *committer {
	c := &committer{
		db:       db,
		each:     db.opt.Durability == "each",
		maxBytes: db.bdg.MaxBatchSize() * 95 / 100,
		maxCount: int(db.bdg.MaxBatchCount()) - 2, // Badger adds the end marker
		batch:    newOverlay(),
		own:      newOverlay(),
		hot:      newHotValues(),
		ts:       ts,
		last:     last,
		stopped:  make(chan struct{}),
	}
	if db.opt.Durability != "none" {
		c.sync = db.syncLog
	}
	return c
}

// loop runs batches until the lanes are closed.
func (c *committer) loop() {
	finished := false
	defer func() {
		if !finished {
			go c.loop() // a closure ended this goroutine; the batch goes on
		}
	}()
	for {
		if c.reads == nil && c.carried == nil {
			ordinary, low, closed := c.db.lanes.waiting()
			if closed {
				break
			}
			if ordinary+low == 0 {
				<-c.db.lanes.wake
				// Let the callers that the last batch has answered come back first, so that they share this one.
				runtime.Gosched()
				continue
			}
		}
		if !c.round() {
			break
		}
	}
	finished = true
	c.refuse(kv.ErrClosed)
	close(c.stopped)
}

// round builds, commits and answers one batch. It reports false when the engine has failed.
func (c *committer) round() bool {
	if c.reads == nil {
		if err := c.db.space.admit(); err != nil {
			c.refuse(err)
			return true
		}
		c.lowRuns = 0
		c.reads = c.db.bdg.NewTransactionAt(c.ts, false)
	}
	for !c.full() {
		r := c.next()
		if r == nil {
			break
		}
		c.run(r)
		if c.carried != nil {
			break
		}
	}
	c.reads.Discard()
	c.reads = nil
	if _, low, _ := c.db.lanes.waiting(); low > 0 && c.lowRuns == 0 {
		c.lowWaits++
	} else {
		c.lowWaits = 0
	}

	err := c.commit()
	for i, r := range c.answers {
		if err != nil {
			r.err = err
		}
		c.answers[i] = nil
		r.done <- r.err
	}
	c.answers = c.answers[:0]
	c.batch.reset()
	clear(c.events)
	c.events = c.events[:0]
	c.mem.reset()
	return err == nil
}

func (c *committer) full() bool { return c.each && len(c.answers) > 0 }

// next takes the request to run: ordinary ones first, low ones when there is nothing else or when they waited long.
func (c *committer) next() *request {
	for {
		var r *request
		switch {
		case c.carried != nil:
			r, c.carried = c.carried, nil
			return r
		case c.lowWaits >= lowPatience && c.lowRuns == 0:
			if r = c.db.lanes.takeLow(true); r != nil {
				c.lowRuns++
			}
		}
		if r == nil {
			r = c.db.lanes.take()
		}
		if r == nil && c.lowRuns < lowRun && (c.lowRuns > 0 || len(c.answers) == 0) {
			if r = c.db.lanes.takeLow(false); r != nil {
				c.lowRuns++
			}
		}
		if r == nil {
			return nil
		}
		if r.state.CompareAndSwap(waiting, started) {
			if err := r.ctx.Err(); err != nil {
				r.done <- err
				continue
			}
			return r
		}
	}
}

// run runs one closure and, when it succeeds, makes its writes part of the batch.
func (c *committer) run(r *request) {
	t := &tx{reads: c.reads, own: c.own, batch: c.batch, hot: c.hot, mem: &c.mem, now: c.db.opt.Now()}
	began := time.Now()
	returned := false
	defer func() {
		t.ended = true
		if !returned { // a panic, or the end of this goroutine
			value := recover()
			if value == nil {
				value = errExited
			}
			r.err = &kv.PanicError{Value: value, Stack: debug.Stack()}
			c.db.log.Error("a transaction panicked", "panic", value, "stack", string(r.err.(*kv.PanicError).Stack))
			c.answers = append(c.answers, r)
		}
		c.own.reset()
	}()
	err := r.fn(t)
	returned = true
	if took := time.Since(began); took > slowClosure {
		c.db.log.Warn("a transaction kept all writers waiting", "took", took, "writes", c.own.len())
	}
	if err = t.outcome(err); err != nil {
		r.err = err
		c.answers = append(c.answers, r)
		return
	}
	if !c.fits(t) {
		c.carried = r
		return
	}
	if len(c.events) == 0 {
		c.last = max(c.last, t.resume)
	}
	c.batch.merge(c.own)
	c.events = append(c.events, t.events...)
	r.err = nil
	c.answers = append(c.answers, r)
}

// fits reports whether the batch, with the writes of one more run, stays within Badger's limits. One run always fits
// into an empty batch: Open sees to it that the limits of package kv lie below Badger's.
func (c *committer) fits(t *tx) bool {
	if c.batch.len() == 0 && len(c.events) == 0 {
		return true
	}
	size := c.batch.bytes + c.own.bytes
	for _, e := range c.events {
		size += int64(len(e)) + 9 + entryOverhead
	}
	for _, e := range t.events {
		size += int64(len(e)) + 9 + entryOverhead
	}
	count := c.batch.len() + c.own.len() + len(c.events) + len(t.events)
	return size < c.maxBytes && count < c.maxCount
}

// commit makes the batch durable and visible. An error means that the engine has stopped.
func (c *committer) commit() error {
	succeeded := 0
	for _, r := range c.answers {
		if r.err == nil {
			succeeded++
		}
	}
	if c.batch.len() == 0 && len(c.events) == 0 {
		c.commits.Add(uint64(succeeded))
		return nil
	}
	written, err := c.write()
	if err == nil {
		c.db.space.wrote(written)
		if c.sync != nil {
			err = c.sync()
		}
	}
	if err != nil {
		err = fmt.Errorf("badgerkv: commit: %w", err)
		c.db.fail(err)
		return err
	}
	c.ts++
	c.hot.committed(c.batch.writes)
	c.commits.Add(uint64(succeeded))
	c.batches.Add(1)
	c.last += kv.Pos(len(c.events))
	oldest := c.db.snapshots.publish(c.ts)
	c.db.bdg.SetDiscardTs(oldest)
	c.db.events.publish(c.last, c.events)
	return nil
}

// write commits the batch as one Badger transaction and returns about how many bytes it added to the log.
func (c *committer) write() (int64, error) {
	w := c.db.bdg.NewTransactionAt(c.ts, true)
	defer w.Discard()
	n := c.batch.len() + len(c.events)
	if cap(c.entries) < n {
		c.entries = make([]badger.Entry, n)
	}
	entries := c.entries[:n]
	defer clear(entries)
	size := c.batch.bytes
	for i := range c.batch.writes {
		p := &c.batch.writes[i]
		key := []byte(p.key)
		var err error
		if p.deleted {
			err = w.Delete(key)
		} else {
			entries[i] = badger.Entry{Key: key, Value: p.value}
			err = w.SetEntry(&entries[i])
		}
		if err != nil {
			return 0, err
		}
	}
	for i, event := range c.events {
		e := &entries[c.batch.len()+i]
		*e = badger.Entry{Key: eventKey(c.last + kv.Pos(i) + 1), Value: event}
		size += int64(len(event)) + 9 + entryOverhead
		if err := w.SetEntry(e); err != nil {
			return 0, err
		}
	}
	return size, w.CommitAt(c.ts+1, nil)
}

// refuse answers every waiting request with err.
func (c *committer) refuse(err error) {
	if r := c.carried; r != nil {
		c.carried = nil
		r.done <- err
	}
	for {
		r := c.db.lanes.take()
		if r == nil {
			r = c.db.lanes.takeLow(true)
		}
		if r == nil {
			return
		}
		if r.state.CompareAndSwap(waiting, started) {
			r.done <- err
		}
	}
}

// submit hands a closure to the committer and waits for its outcome.
func (db *DB) submit(ctx context.Context, fn func(kv.Tx) error, low bool) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	r := requests.Get().(*request)
	r.ctx, r.fn, r.err = ctx, fn, nil
	r.state.Store(waiting)
	if !db.lanes.push(r, low) {
		requests.Put(r)
		return kv.ErrClosed
	}
	var err error
	if done := ctx.Done(); done == nil {
		err = <-r.done
	} else {
		select {
		case err = <-r.done:
		case <-done:
			if r.state.CompareAndSwap(waiting, cancelled) {
				return ctx.Err() // the committer drops r when it comes to it
			}
			err = <-r.done
		}
	}
	r.ctx, r.fn, r.err = nil, nil, nil
	requests.Put(r)
	return err
}
