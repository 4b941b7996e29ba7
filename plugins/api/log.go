package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// deliveryLog keeps the account's newest deliveries in its state at the host: one value each, under consecutive numbers,
// so that who has read up to a number has missed nothing. A number is taken by writing it where nothing is; so the
// numbers stay in order also while two processes, the one before an upgrade and the one after, write.
//
// What is in memory is an index; whatever is shown is read again.
type deliveryLog struct {
	host  sdk.Host
	clock sdk.Clock
	turn  chan struct{} // held while something is written

	mu      sync.Mutex
	loading *loading
	index   []entry // by number
	byID    map[string]uint64
	changed chan struct{} // closed and replaced when something was added
}

// entry is what is known of a record without reading it.
type entry struct {
	seq     uint64
	id      string
	kind    string
	state   string
	own     bool
	created time.Time
	next    time.Time
	until   time.Time
}

// loading is the index being read, or what came of it.
type loading struct {
	done chan struct{}
	err  error
}

const (
	logPrefix    = "log/"
	loadLanes    = 16
	loadPatience = 30 * time.Second
)

func newDeliveryLog(host sdk.Host, clock sdk.Clock) *deliveryLog {
	return &deliveryLog{host: host, clock: clock, turn: make(chan struct{}, 1), byID: map[string]uint64{}, changed: make(chan struct{})}
}

func logKey(seq uint64) string { return fmt.Sprintf("%s%012d", logPrefix, seq) }

func entryOf(seq uint64, r *record) entry {
	return entry{seq, r.Delivery.ID, r.Delivery.Type, r.State, r.Own, r.CreatedAt, r.NextAt, r.Until}
}

// ready reads the index, once. It goes on when ctx ends, for whoever asks next.
func (l *deliveryLog) ready(ctx context.Context) error {
	l.mu.Lock()
	load := l.loading
	if load == nil {
		load = &loading{done: make(chan struct{})}
		l.loading = load
		go func() {
			patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadPatience)
			defer cancel()
			load.err = l.load(patience)
			if load.err != nil {
				l.mu.Lock()
				l.loading = nil // the next one tries again
				l.mu.Unlock()
			}
			close(load.done)
		}()
	}
	l.mu.Unlock()
	select {
	case <-load.done:
		return load.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *deliveryLog) load(ctx context.Context) error {
	keys, err := l.host.ListState(ctx, logPrefix)
	if err != nil {
		return err
	}
	found, errs := make([]entry, len(keys)), make([]error, len(keys))
	var wait sync.WaitGroup
	slots := make(chan struct{}, loadLanes)
	for i, key := range keys {
		seq, err := strconv.ParseUint(strings.TrimPrefix(key, logPrefix), 10, 64)
		if err != nil {
			continue
		}
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			r, err := l.read(ctx, seq)
			if r != nil {
				found[i] = entryOf(seq, r)
			}
			errs[i] = err
		})
	}
	wait.Wait()
	if err := errors.Join(errs...); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, e := range found {
		if e.seq != 0 {
			l.put(e)
		}
	}
	return nil
}

// put takes an entry into the index. The caller holds mu.
func (l *deliveryLog) put(e entry) {
	at, known := slices.BinarySearchFunc(l.index, e.seq, func(have entry, seq uint64) int {
		switch {
		case have.seq < seq:
			return -1
		case have.seq > seq:
			return 1
		}
		return 0
	})
	l.byID[e.id] = e.seq
	if known {
		l.index[at] = e
		return
	}
	l.index = slices.Insert(l.index, at, e)
	close(l.changed)
	l.changed = make(chan struct{})
}

// read reads one record; nil where there is none.
func (l *deliveryLog) read(ctx context.Context, seq uint64) (*record, error) {
	raw, _, err := l.host.GetState(ctx, logKey(seq))
	switch {
	case errors.Is(err, sdk.ErrStateAbsent):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return decodeRecord(raw)
}

func (l *deliveryLog) lock(ctx context.Context) error {
	if err := l.ready(ctx); err != nil {
		return err
	}
	select {
	case l.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *deliveryLog) unlock() { <-l.turn }

func (l *deliveryLog) last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.index) == 0 {
		return 0
	}
	return l.index[len(l.index)-1].seq
}

// add keeps a record under the next number. One whose id is kept already is left as it is.
func (l *deliveryLog) add(ctx context.Context, r *record) (uint64, error) {
	raw, err := r.encode()
	if err != nil {
		return 0, err
	}
	if err := l.lock(ctx); err != nil {
		return 0, err
	}
	defer l.unlock()
	for {
		if seq, known := l.find(r.Delivery.ID); known {
			return seq, nil
		}
		seq := l.last() + 1
		_, err := l.host.CompareAndSetState(ctx, logKey(seq), raw, 0)
		switch {
		case err == nil:
			l.mu.Lock()
			l.put(entryOf(seq, r))
			l.mu.Unlock()
			l.prune(ctx)
			return seq, nil
		case !errors.Is(err, sdk.ErrStateChanged):
			return 0, err
		}
		if err := l.follow(ctx); err != nil { // another process was first
			return 0, err
		}
	}
}

// follow takes in what another process has added.
func (l *deliveryLog) follow(ctx context.Context) error {
	for {
		seq := l.last() + 1
		r, err := l.read(ctx, seq)
		if err != nil || r == nil {
			return err
		}
		l.mu.Lock()
		l.put(entryOf(seq, r))
		l.mu.Unlock()
	}
}

// change reads a record, lets it be changed, and writes it.
func (l *deliveryLog) change(ctx context.Context, seq uint64, change func(*record)) error {
	if err := l.lock(ctx); err != nil {
		return err
	}
	defer l.unlock()
	r, err := l.read(ctx, seq)
	if err != nil || r == nil {
		return err
	}
	change(r)
	raw, err := r.encode()
	if err != nil {
		return err
	}
	if _, err := l.host.SetState(ctx, logKey(seq), raw); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.put(entryOf(seq, r))
	return nil
}

// correct brings the index in line with what another process has made of a record; nil: it has let it go.
func (l *deliveryLog) correct(seq uint64, r *record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if r != nil {
		l.put(entryOf(seq, r))
		return
	}
	l.index = slices.DeleteFunc(l.index, func(e entry) bool { return e.seq == seq })
}

// pruned is how many old records are let go with each new one, so that a log that has grown gets shorter.
const pruned = 2

// prune lets old records go. The newest stays whatever its age: the numbers go on from it.
func (l *deliveryLog) prune(ctx context.Context) {
	oldest := l.clock.Now().Add(-keptFor)
	for range pruned {
		l.mu.Lock()
		var old entry
		if len(l.index) > maxKept || len(l.index) > 1 && l.index[0].created.Before(oldest) {
			old = l.index[0]
		}
		l.mu.Unlock()
		if old.seq == 0 || l.host.DeleteState(ctx, logKey(old.seq)) != nil {
			return
		}
		l.mu.Lock()
		l.index = l.index[1:]
		delete(l.byID, old.id)
		l.mu.Unlock()
	}
}

// oldest returns the oldest entry, and whether it goes when one more is added.
func (l *deliveryLog) oldest() (e entry, full bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.index) == 0 {
		return e, false
	}
	return l.index[0], len(l.index) >= maxKept
}

// find returns the number of a delivery.
func (l *deliveryLog) find(id string) (uint64, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	seq, known := l.byID[id]
	return seq, known
}

// choose returns the entries that are wanted, in order, at most so many (0: all), and when something is added.
func (l *deliveryLog) choose(most int, newestFirst bool, wanted func(*entry) bool) (list []entry, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range l.index {
		e := &l.index[i]
		if newestFirst {
			e = &l.index[len(l.index)-1-i]
		}
		if !wanted(e) {
			continue
		}
		if list = append(list, *e); len(list) == most {
			break
		}
	}
	return list, l.changed
}
