package desk

import (
	"container/heap"
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

const (
	dispatchLanes = 64               // conversations whose next attempt is being prepared at the same time
	accountLanes  = 64               // sends in flight for one account; the others wait for these, and no other account does
	sendPatience  = 30 * time.Second // after which an outcome counts as lost
)

// dispatcher sends what is in the outbox: one message of a conversation at a time, in order. It wakes on the log and on
// the time of the next attempt, and never polls.
type dispatcher struct {
	desk *Desk

	mu       sync.Mutex
	due      map[core.ID]time.Time // conversations with something to send, and when
	order    wishes                // the same by time, and wishes that are out of date
	busy     map[core.ID]bool      // conversations being served; true when more has come meanwhile
	accounts map[string]*sending
	wake     chan struct{}
	lanes    chan struct{}
}

// sending is what an account has in flight.
type sending struct {
	count   int
	waiting []core.ID // conversations that wait for one of these to end
	paused  time.Time // silent until then: the provider asked for it, or the plugin is down
	down    int       // times in a row that the plugin was not there; meanwhile one message at a time asks for it
}

func (s *sending) full() bool { return s.count >= accountLanes || s.down > 0 && s.count > 0 }

func newDispatcher(d *Desk) *dispatcher {
	return &dispatcher{
		desk: d, due: map[core.ID]time.Time{}, busy: map[core.ID]bool{}, accounts: map[string]*sending{},
		wake: make(chan struct{}, 1), lanes: make(chan struct{}, dispatchLanes),
	}
}

// load takes up what was unfinished when the last process ended.
func (d *dispatcher) load(ctx context.Context) error {
	return d.desk.store.View(ctx, func(tx *store.Tx) error {
		places, err := tx.UnsettledOutbox()
		for _, p := range places {
			d.want(p.Conversation, time.Time{})
		}
		return err
	})
}

// want asks for a conversation to be looked at at a time; the earliest wish counts.
func (d *dispatcher) want(conversation core.ID, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.wantLocked(conversation, at)
}

func (d *dispatcher) wantLocked(conversation core.ID, at time.Time) {
	if _, busy := d.busy[conversation]; busy {
		if !at.After(time.Now()) {
			d.busy[conversation] = true
		}
		return
	}
	if was, ok := d.due[conversation]; ok && !at.Before(was) {
		return
	}
	d.due[conversation] = at
	heap.Push(&d.order, wish{conversation, at})
	d.signal()
}

func (d *dispatcher) signal() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *dispatcher) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(d.start(ctx))
		select {
		case <-ctx.Done():
			return
		case <-d.wake:
		case <-timer.C:
		}
	}
}

// start begins everything that is due and returns how long nothing else will be.
func (d *dispatcher) start(ctx context.Context) time.Duration {
	d.mu.Lock()
	defer d.mu.Unlock()
	now := time.Now()
	for len(d.order) > 0 {
		first := d.order[0]
		if at, ok := d.due[first.conversation]; !ok || !at.Equal(first.at) {
			heap.Pop(&d.order) // an earlier wish has replaced it
			continue
		}
		if wait := first.at.Sub(now); wait > 0 {
			return wait
		}
		select {
		case d.lanes <- struct{}{}:
		default:
			return time.Hour // a lane that gets free wakes us
		}
		heap.Pop(&d.order)
		delete(d.due, first.conversation)
		d.busy[first.conversation] = false
		d.desk.run(func() { d.serve(ctx, first.conversation) })
	}
	return time.Hour
}

// serve sends what a conversation has, one after another, until nothing is due. It begins with a lane, which it gives
// back while the channel works.
func (d *dispatcher) serve(ctx context.Context, conversation core.ID) {
	var again time.Time
	parked := "" // the account that has to get free first
	for ctx.Err() == nil {
		out, account, wait, err := d.prepare(ctx, conversation)
		d.free()
		if err != nil {
			if ctx.Err() == nil {
				d.desk.log.Error("the outbox could not be read or written; trying again", "conversation", conversation, "error", err)
			}
			again = time.Now().Add(time.Second)
			break
		}
		if out == nil {
			if wait > 0 {
				again = time.Now().Add(wait)
			}
			parked = account
			break
		}
		goesOn := d.send(ctx, out)
		d.leave(account)
		if !goesOn {
			break
		}
		select {
		case d.lanes <- struct{}{}:
		case <-ctx.Done():
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	meanwhile := d.busy[conversation]
	delete(d.busy, conversation)
	switch {
	case parked != "":
		if s := d.accounts[parked]; s != nil && s.full() {
			s.waiting = append(s.waiting, conversation)
			return
		}
		d.wantLocked(conversation, time.Now())
	case meanwhile:
		d.wantLocked(conversation, time.Now())
	case !again.IsZero():
		d.wantLocked(conversation, again)
	}
}

func (d *dispatcher) free() {
	<-d.lanes
	d.signal()
}

// prepare begins the next attempt, for which it takes a place among the sends of the account. It returns nothing when
// nothing is due, with the time until something is; and with the account when that has no place.
func (d *dispatcher) prepare(ctx context.Context, conversation core.ID) (*core.Outgoing, string, time.Duration, error) {
	for {
		account, wait, err := d.desk.nextAttempt(ctx, conversation)
		if err != nil || account == "" || wait > 0 {
			return nil, "", wait, err
		}
		if full, pause := d.enter(account); full {
			return nil, account, 0, nil
		} else if pause > 0 {
			return nil, "", pause, nil
		}
		out, more, err := d.desk.beginAttempt(ctx, conversation)
		if out != nil {
			return out, account, 0, nil
		}
		d.leave(account)
		if err != nil || !more {
			return nil, "", 0, err
		}
	}
}

// send makes one attempt and stores its outcome. It reports whether the conversation may have more to do now.
func (d *dispatcher) send(ctx context.Context, out *core.Outgoing) bool {
	patience, cancel := context.WithTimeout(context.WithoutCancel(ctx), sendPatience)
	letGo := context.AfterFunc(ctx, func() {
		if d.desk.stopping == 0 {
			cancel()
			return
		}
		time.AfterFunc(d.desk.stopping, cancel)
	})
	outcome := d.desk.channels.Send(patience, out)
	letGo()
	cancel()
	if ctx.Err() != nil && outcome.Kind == core.OutcomeLost {
		return false // stopping: the entry stays "sending" and is taken up at the next start
	}
	d.heed(out.Entry.Account, outcome)
	for {
		err := d.desk.finishAttempt(context.WithoutCancel(ctx), out, outcome)
		if err == nil {
			return true
		}
		if ctx.Err() != nil || core.CodeOf(err) == core.NotFound {
			return false
		}
		d.desk.log.Error("the outcome of a send could not be stored; trying again",
			"conversation", out.Entry.Conversation, "outcome", outcome.Kind, "error", err)
		select {
		case <-ctx.Done():
			return false
		case <-time.After(time.Second):
		}
	}
}

// enter takes a place among the sends of an account, unless that has none or is to be silent for a while.
func (d *dispatcher) enter(account string) (full bool, pause time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.accounts[account]
	if s == nil {
		s = &sending{}
		d.accounts[account] = s
	}
	if pause := time.Until(s.paused); pause > 0 {
		return false, pause
	}
	if s.full() {
		return true, 0
	}
	s.count++
	return false, 0
}

func (d *dispatcher) leave(account string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.accounts[account]
	s.count--
	for len(s.waiting) > 0 && !s.full() {
		first := s.waiting[0]
		s.waiting = s.waiting[1:]
		d.wantLocked(first, time.Now())
		if s.down > 0 {
			return // that one asks
		}
	}
}

// heed lets an account be silent where an outcome concerns all of its messages.
func (d *dispatcher) heed(account string, o core.Outcome) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s := d.accounts[account]
	var wait time.Duration
	switch {
	case o.Kind == core.OutcomeNotStarted:
		s.down++
		wait = min(backoff(s.down), notStartedPause)
	case o.Kind == core.OutcomeRateLimited && o.Scope != "recipient":
		s.down, wait = 0, min(o.After, maxPause)
	default:
		s.down = 0
	}
	if until := time.Now().Add(wait); until.After(s.paused) {
		s.paused = until
	}
}

const (
	// maxPause is how long an account is silent at most because a provider asked for it.
	maxPause = 5 * time.Minute
	// notStartedPause is how long it is silent at most because its plugin is down.
	notStartedPause = 5 * time.Second
)

// backoff is how long to wait before the attempt after the n-th (from 1): 1 s doubling to 5 min, give or take a fifth.
func backoff(n int) time.Duration {
	wait := time.Second << min(max(n-1, 0), 9)
	wait = min(wait, 5*time.Minute)
	return time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64()))
}

// wish is a conversation to be looked at at a time.
type wish struct {
	conversation core.ID
	at           time.Time
}

// wishes is a heap, the earliest first.
type wishes []wish

func (w wishes) Len() int           { return len(w) }
func (w wishes) Less(i, j int) bool { return w[i].at.Before(w[j].at) }
func (w wishes) Swap(i, j int)      { w[i], w[j] = w[j], w[i] }
func (w *wishes) Push(x any)        { *w = append(*w, x.(wish)) }
func (w *wishes) Pop() any {
	old := *w
	last := old[len(old)-1]
	*w = old[:len(old)-1]
	return last
}
