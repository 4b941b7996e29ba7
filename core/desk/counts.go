package desk

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// Counts says how many conversations there are in the lists that a person sees.
type Counts struct {
	Mine    int // on their own list
	Waiting int // in their queues; for those who see all, in all queues
	All     int // not closed; 0 for those who do not see all
}

// countAgain is how long the counting waits after the records could not be read.
const countAgain = time.Second

// tally knows where every conversation that is not closed is listed, from the records at the start and from the log
// afterwards, and so how many there are of each. It is never the truth: it is made anew whenever the log was interrupted.
type tally struct {
	mu     sync.Mutex
	places map[core.ID]core.Place // with zero places of those closed while the records are being read
	all    int
	mine   map[string]int
	queued map[string]int
	read   chan struct{} // closed once the records are in
}

func newTally() *tally {
	t := &tally{}
	t.reset()
	return t
}

// reset forgets everything. t.mu is held, or nobody knows t yet.
func (t *tally) reset() (read chan struct{}) {
	t.places, t.mine, t.queued, t.all = make(map[core.ID]core.Place), make(map[string]int), make(map[string]int), 0
	t.read = make(chan struct{})
	return t.read
}

// load begins to read the records, beside everything else: what the log says meanwhile is newer than they are.
func (t *tally) load(ctx context.Context, d *Desk) {
	t.mu.Lock()
	read := t.reset()
	t.mu.Unlock()
	d.run(func() {
		for {
			var places map[core.ID]core.Place
			err := d.store.View(ctx, func(tx *store.Tx) (err error) {
				places, err = tx.Places()
				return err
			})
			if err == nil {
				t.fill(read, places)
				return
			}
			if ctx.Err() != nil || errors.Is(err, store.ErrClosed) || !t.reading(read) {
				return
			}
			d.log.Error("the conversations could not be counted; trying again", "error", err)
			select {
			case <-ctx.Done():
				return
			case <-time.After(countAgain):
			}
		}
	})
}

// reading reports whether this is the reading that is waited for.
func (t *tally) reading(read chan struct{}) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.read == read
}

// fill takes the records in, where the log has not told something newer.
func (t *tally) fill(read chan struct{}, places map[core.ID]core.Place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.read != read {
		return // the log was interrupted, and somebody reads again
	}
	for id, place := range places {
		if _, told := t.places[id]; !told {
			t.put(id, place)
		}
	}
	close(read)
	for id, place := range t.places {
		if place == (core.Place{}) {
			delete(t.places, id)
		}
	}
}

// hear takes in where the log says that a conversation is listed now.
func (t *tally) hear(id core.ID, place core.Place) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.put(id, place)
	select {
	case <-t.read:
		if place == (core.Place{}) {
			delete(t.places, id)
		}
	default:
	}
}

// put moves a conversation to a place. t.mu is held.
func (t *tally) put(id core.ID, place core.Place) {
	t.add(t.places[id], -1)
	t.add(place, 1)
	t.places[id] = place
}

func (t *tally) add(p core.Place, n int) {
	if p.Open {
		t.all += n
	}
	for _, part := range []struct {
		of   map[string]int
		name string
	}{{t.mine, p.Agent}, {t.queued, p.Queue}} {
		if part.name == "" {
			continue
		}
		if part.of[part.name] += n; part.of[part.name] == 0 {
			delete(part.of, part.name)
		}
	}
}

// Counts returns how many conversations the lists of a person hold. It reads no record; shortly after a start it waits
// until they have been counted.
func (d *Desk) Counts(ctx context.Context, a Actor) (Counts, error) {
	t := d.tally
	t.mu.Lock()
	read := t.read
	t.mu.Unlock()
	select {
	case <-read:
	case <-ctx.Done():
		return Counts{}, core.Errorf(core.Unavailable, "the conversations are still being counted: %w", ctx.Err())
	}
	setup := d.Setup()
	t.mu.Lock()
	defer t.mu.Unlock()
	counts := Counts{Mine: t.mine[a.Agent]}
	if a.seesAll() {
		counts.All = t.all
		for queue := range setup.Queues {
			counts.Waiting += t.queued[queue]
		}
		return counts, nil
	}
	for _, queue := range setup.QueuesOf(a.Agent) {
		counts.Waiting += t.queued[queue]
	}
	return counts, nil
}
