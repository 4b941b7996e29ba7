package desk

import (
	"context"
	"encoding/json"
	"errors"
	"hash/maphash"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

const (
	// watchStarts is how many watches begin in one reading of the store.
	watchStarts = 64
	// watchBehind is how many messages a watch may be told at its beginning.
	watchBehind = 1000
	// watchedBack is how many conversations of a thread are watched, the newest and those before it.
	watchedBack = 3
	// lineEvery is how often those in line are told their places.
	lineEvery = time.Second
	// toldKept is how many messages of a thread are remembered as they were told.
	toldKept = 32
)

// threadKey names a customer's thread.
type threadKey struct {
	account string
	thread  core.Thread
}

// threadWatch is one watch.
type threadWatch struct {
	key   threadKey
	after core.Position
	tell  func(core.ThreadChange)
	over  bool // it was stopped, or lost; guarded by customerWatches.mu
}

// watchedThread is a thread that somebody watches. It belongs to the goroutine of Run, but for watches.
type watchedThread struct {
	key     threadKey
	watches map[*threadWatch]struct{} // guarded by customerWatches.mu
	newest  core.ID
	status  core.ThreadStatus
	queue   string // in which it waits; "" when it does not
	known   []core.ID
	told    map[core.Position]uint64 // digests of what was told last of the newest messages
	order   []core.Position          // of told
}

// customerWatches tells of changes. One goroutine follows the event log and notes what it is about; one reads what was
// noted, all of it in one go, and tells it. Neither ever waits for a watcher.
type customerWatches struct {
	seed maphash.Seed

	mu            sync.Mutex
	threads       map[threadKey]*watchedThread
	conversations map[core.ID]*watchedThread
	starts        []*threadWatch
	fresh         map[core.ID]struct{}
	changed       map[core.ID]map[uint64]struct{} // seqs of changed messages
	queues        map[string]struct{}             // whose lines have changed
	// registering is set while threads are being read: until they are known, everything is noted.
	registering bool
	wake        chan struct{}
}

func (w *customerWatches) init() {
	w.seed = maphash.MakeSeed()
	w.wake = make(chan struct{}, 1)
	w.threads, w.conversations = map[threadKey]*watchedThread{}, map[core.ID]*watchedThread{}
	w.clear()
}

// clear forgets what was noted.
func (w *customerWatches) clear() {
	w.fresh, w.changed, w.queues = map[core.ID]struct{}{}, map[core.ID]map[uint64]struct{}{}, map[string]struct{}{}
}

// Watch tells of what changes in a thread as soon as it is durable: first where it stands, then the messages after the
// position (none when that is ""), then every change. A message may be told again as it was; none is left out: a watch
// that cannot be kept up is told that it is lost, and told nothing more.
//
// tell is called by one goroutine for all watches and must not wait. It may be called once more after stop.
func (c *Customers) Watch(account string, thread core.Thread, after core.Position, tell func(core.ThreadChange)) (stop func()) {
	w := &threadWatch{key: threadKey{account, thread}, after: after, tell: tell}
	c.watch.mu.Lock()
	c.watch.starts = append(c.watch.starts, w)
	c.watch.mu.Unlock()
	wakeUp(c.watch.wake)
	return func() { c.watch.stop(w) }
}

func (w *customerWatches) stop(watch *threadWatch) {
	w.mu.Lock()
	defer w.mu.Unlock()
	watch.over = true
	w.starts = slices.DeleteFunc(w.starts, func(s *threadWatch) bool { return s == watch })
	t := w.threads[watch.key]
	if t == nil {
		return
	}
	if delete(t.watches, watch); len(t.watches) == 0 {
		w.forget(t)
	}
}

// forget drops a thread. The caller holds mu.
func (w *customerWatches) forget(t *watchedThread) {
	delete(w.threads, t.key)
	for _, id := range t.known {
		if w.conversations[id] == t {
			delete(w.conversations, id)
		}
	}
}

func wakeUp(wake chan struct{}) {
	select {
	case wake <- struct{}{}:
	default:
	}
}

// Run serves the watches until ctx ends; then those that there are are lost.
func (c *Customers) Run(ctx context.Context) {
	var following sync.WaitGroup
	from := c.desk.store.DB().Last()
	following.Go(func() { c.follow(ctx, from) })
	c.serve(ctx)
	following.Wait()
	c.watch.loseAll("the host is stopping")
}

// follow notes what the event log tells.
func (c *Customers) follow(ctx context.Context, from store.Pos) {
	for {
		err := func() error {
			for event, err := range c.desk.store.Tail(ctx, from) {
				if err != nil {
					return err
				}
				c.note(event)
			}
			return ctx.Err()
		}()
		if ctx.Err() != nil || errors.Is(err, store.ErrClosed) {
			return
		}
		c.desk.log.Error("the event log could not be followed; those who watch their threads begin again", "error", err)
		from = c.desk.store.DB().Last()
		c.watch.loseAll("events were missed")
		select {
		case <-ctx.Done():
			return
		case <-time.After(followAgain):
		}
	}
}

// note keeps what an event is about, where somebody watches it.
func (c *Customers) note(event store.Event) {
	w := &c.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.threads) == 0 && !w.registering {
		return
	}
	switch string(event.Topic) {
	case core.TopicMessage:
		var e core.MessageEvent
		if json.Unmarshal(event.Value, &e) != nil || e.Internal || w.conversations[e.Conversation] == nil && !w.registering {
			return
		}
		w.change(e.Conversation, e.Seq)
	case core.TopicConversation:
		var e core.ConversationEvent
		if json.Unmarshal(event.Value, &e) != nil {
			return
		}
		w.noteLine(&e)
		switch {
		case e.Before == nil:
			w.fresh[e.Conversation] = struct{}{}
		case w.conversations[e.Conversation] != nil || w.registering:
			w.change(e.Conversation, 0)
		default:
			return
		}
	default:
		return
	}
	wakeUp(w.wake)
}

// noteLine keeps which lines have become longer or shorter. The caller holds mu.
func (w *customerWatches) noteLine(e *core.ConversationEvent) {
	before := ""
	if e.Before != nil {
		before = e.Before.Queue
	}
	if before == e.After.Queue {
		return
	}
	for _, queue := range []string{before, e.After.Queue} {
		if queue != "" {
			w.queues[queue] = struct{}{}
			wakeUp(w.wake)
		}
	}
}

// change notes a change of a message, or with seq 0 of the conversation itself. The caller holds mu.
func (w *customerWatches) change(id core.ID, seq uint64) {
	if w.changed[id] == nil {
		w.changed[id] = map[uint64]struct{}{}
	}
	w.changed[id][seq] = struct{}{}
}

// noted is what one round is about.
type noted struct {
	starts  []*threadWatch
	fresh   map[core.ID]struct{}
	changed map[core.ID]map[uint64]struct{}
	queues  map[string]struct{}
}

func (n *noted) empty() bool {
	return len(n.starts)+len(n.fresh)+len(n.changed)+len(n.queues) == 0
}

// take takes what was noted; with lines, also which lines have changed.
func (w *customerWatches) take(withLines bool) (n noted, rest bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	n.starts = w.starts[:min(len(w.starts), watchStarts)]
	w.starts = w.starts[len(n.starts):]
	n.fresh, n.changed, n.queues = w.fresh, w.changed, w.queues
	w.clear()
	if !withLines {
		n.queues, w.queues = nil, n.queues
	}
	w.registering = len(n.starts) > 0 || len(n.fresh) > 0
	return n, len(w.starts) > 0
}

func (c *Customers) serve(ctx context.Context) {
	lineTimer := time.NewTimer(lineEvery)
	defer lineTimer.Stop()
	due, armed := false, true
	for {
		select {
		case <-ctx.Done():
			return
		case <-c.watch.wake:
		case <-lineTimer.C:
			due, armed = true, false
		}
		n, rest := c.watch.take(due)
		if rest {
			wakeUp(c.watch.wake)
		}
		if len(n.queues) > 0 {
			due = false
		}
		if !due && !armed {
			lineTimer.Reset(lineEvery)
			armed = true
		}
		if n.empty() {
			continue
		}
		if err := c.round(ctx, n); err != nil && ctx.Err() == nil {
			c.desk.log.Error("what customers watch could not be read; they begin again", "error", err)
			c.watch.loseAll("the store could not be read")
			for _, start := range n.starts {
				if c.watch.end(start) {
					start.tell(core.ThreadChange{Lost: "the store could not be read"})
				}
			}
		}
	}
}

// round reads what was noted and tells it.
func (c *Customers) round(ctx context.Context, n noted) error {
	w := &c.watch
	defer func() {
		w.mu.Lock()
		w.registering = false
		w.mu.Unlock()
	}()
	var tellings []telling
	err := c.desk.store.View(ctx, func(tx *store.Tx) error {
		r := &reading{customers: c, tx: tx, setup: c.desk.Setup(), lines: &lines{tx: tx}}
		defer func() { tellings = r.tellings }()
		for id := range n.fresh {
			if err := r.begun(id); err != nil {
				return err
			}
		}
		for _, id := range slices.Sorted(maps.Keys(n.changed)) {
			if err := r.changed(id, n.changed[id]); err != nil {
				return err
			}
		}
		if err := r.moved(n.queues); err != nil {
			return err
		}
		for _, start := range n.starts {
			if err := r.start(start); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	for _, t := range tellings {
		t.watch.tell(t.change)
	}
	return nil
}

// end says that a watch is over; false when it was already.
func (w *customerWatches) end(watch *threadWatch) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	was := watch.over
	watch.over = true
	return !was
}

// loseAll ends all watches.
func (w *customerWatches) loseAll(reason string) {
	w.mu.Lock()
	lost := slices.Clone(w.starts)
	for _, t := range w.threads {
		for watch := range t.watches {
			lost = append(lost, watch)
		}
	}
	for _, watch := range lost {
		watch.over = true
	}
	w.starts = nil
	w.threads, w.conversations = map[threadKey]*watchedThread{}, map[core.ID]*watchedThread{}
	w.clear()
	w.mu.Unlock()
	for _, watch := range lost {
		watch.tell(core.ThreadChange{Lost: reason})
	}
}
