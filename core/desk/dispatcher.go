package desk

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

const (
	dispatchLanes = 64               // sends in flight over all conversations
	accountLanes  = 24               // of those, at most so many for one account: one slow plugin starves no other
	sendPatience  = 30 * time.Second // after which an outcome counts as lost
)

// dispatcher sends what is in the outbox: one message of a conversation at a time, in order. It wakes on the log and on
// the time of the next attempt, and never polls.
type dispatcher struct {
	desk *Desk

	mu      sync.Mutex
	due     map[core.ID]time.Time // conversations with something to send, and when
	busy    map[core.ID]bool      // conversations with a send in flight; true when more has come meanwhile
	account map[string]int        // sends in flight
	wake    chan struct{}
	lanes   chan struct{}
}

func newDispatcher(d *Desk) *dispatcher {
	return &dispatcher{
		desk: d, due: map[core.ID]time.Time{}, busy: map[core.ID]bool{}, account: map[string]int{},
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
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

func (d *dispatcher) run(ctx context.Context) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next := d.start(ctx)
		timer.Reset(next)
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
	now, next := time.Now(), time.Hour
	for conversation, at := range d.due {
		if wait := at.Sub(now); wait > 0 {
			next = min(next, wait)
			continue
		}
		select {
		case d.lanes <- struct{}{}:
		default:
			return next // a lane that gets free wakes us
		}
		delete(d.due, conversation)
		d.busy[conversation] = false
		d.desk.run(func() { d.serve(ctx, conversation) })
	}
	return next
}

// serve sends what a conversation has, one after another, until nothing is due.
func (d *dispatcher) serve(ctx context.Context, conversation core.ID) {
	var again time.Time
	for {
		wait, more := d.step(ctx, conversation)
		if ctx.Err() != nil {
			break
		}
		if more && wait <= 0 {
			continue
		}
		if more {
			again = time.Now().Add(wait)
		}
		break
	}
	<-d.lanes
	d.mu.Lock()
	meanwhile := d.busy[conversation]
	delete(d.busy, conversation)
	d.mu.Unlock()
	switch {
	case meanwhile:
		d.want(conversation, time.Now())
	case !again.IsZero():
		d.want(conversation, again)
	default:
		select {
		case d.wake <- struct{}{}: // a lane is free
		default:
		}
	}
}

// step makes one attempt at the first unsettled message of a conversation. more says that there is, or may be,
// something to do after the wait.
func (d *dispatcher) step(ctx context.Context, conversation core.ID) (wait time.Duration, more bool) {
	out, wait, err := d.desk.beginAttempt(ctx, conversation)
	if err != nil {
		if ctx.Err() == nil {
			d.desk.log.Error("the outbox could not be read or written; trying again", "conversation", conversation, "error", err)
		}
		return time.Second, true
	}
	if out == nil {
		return wait, wait > 0
	}
	if !d.enter(out.Entry.Account) {
		if err := d.desk.finishAttempt(ctx, out, core.Outcome{Kind: core.OutcomeNotStarted, After: 50 * time.Millisecond, Reason: "account busy"}); err != nil {
			return time.Second, true
		}
		return 50 * time.Millisecond, true
	}
	sending, cancel := context.WithTimeout(ctx, sendPatience)
	outcome := d.desk.channels.Send(sending, out)
	cancel()
	d.leave(out.Entry.Account)
	if ctx.Err() != nil && outcome.Kind == core.OutcomeLost {
		return 0, false // stopping: the entry stays "sending" and is taken up at the next start
	}
	for {
		err := d.desk.finishAttempt(context.WithoutCancel(ctx), out, outcome)
		if err == nil {
			return 0, true
		}
		if ctx.Err() != nil || core.CodeOf(err) == core.NotFound {
			return 0, false
		}
		d.desk.log.Error("the outcome of a send could not be stored; trying again", "conversation", conversation, "outcome", outcome.Kind, "error", err)
		select {
		case <-ctx.Done():
			return 0, false
		case <-time.After(time.Second):
		}
	}
}

func (d *dispatcher) enter(account string) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.account[account] >= accountLanes {
		return false
	}
	d.account[account]++
	return true
}

func (d *dispatcher) leave(account string) {
	d.mu.Lock()
	d.account[account]--
	d.mu.Unlock()
}

// backoff is how long to wait before attempt n (from 1): 1 s doubling to 5 min, give or take a fifth.
func backoff(n int) time.Duration {
	wait := time.Second << min(max(n-1, 0), 9)
	wait = min(wait, 5*time.Minute)
	return time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64()))
}
