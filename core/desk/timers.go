package desk

import (
	"context"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// timerBatch is how many deadlines are dealt with in one go.
const timerBatch = 100

// timers is the one loop that sleeps until the next durable deadline. Ringing is counted by the monotonic clock beside
// it, so that a wall clock that jumps neither cuts an offer short nor lets it ring on.
type timers struct {
	desk *Desk

	mu    sync.Mutex
	next  time.Time // the earliest deadline heard of since the last look
	rings map[core.ID]rung
	wake  chan struct{}
}

// rung is an offer that began to ring in this process.
type rung struct {
	conversation core.ID
	until        time.Time // with a monotonic reading
}

func newTimers(d *Desk) *timers {
	return &timers{desk: d, rings: map[core.ID]rung{}, wake: make(chan struct{}, 1)}
}

// hear takes note of a new deadline.
func (t *timers) hear(due time.Time) {
	t.mu.Lock()
	earlier := t.next.IsZero() || due.Before(t.next)
	if earlier {
		t.next = due
	}
	t.mu.Unlock()
	if earlier {
		t.signal()
	}
}

// ringing takes note of an offer that has just begun to ring.
func (t *timers) ringing(conversation, offer core.ID, timeout time.Duration) {
	t.mu.Lock()
	t.rings[offer] = rung{conversation: conversation, until: time.Now().Add(timeout)}
	t.mu.Unlock()
}

func (t *timers) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *timers) run(ctx context.Context) {
	started := time.Now()
	sleep := time.NewTimer(0)
	defer sleep.Stop()
	var from time.Time // earlier deadlines have been dealt with
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		case <-sleep.C:
		}
		var err error
		var wait time.Duration
		from, wait, err = t.look(ctx, from, time.Since(started) < t.desk.catchUp)
		if err != nil && ctx.Err() == nil {
			t.desk.log.Error("deadlines could not be dealt with; trying again", "error", err)
			wait = time.Second
		}
		sleep.Reset(wait)
	}
}

// look deals with what is due and returns how long nothing else will be. While the channels catch up after a start,
// what customers would notice is left for later.
func (t *timers) look(ctx context.Context, from time.Time, catchingUp bool) (time.Time, time.Duration, error) {
	t.mu.Lock()
	if !t.next.IsZero() && t.next.Before(from) {
		from = t.next
	}
	t.next = time.Time{}
	t.mu.Unlock()
	const most = 30 * time.Second // the wall clock may jump: look again
	wait := most
	for {
		var due []*core.Timer
		var next time.Time
		now := time.Now()
		err := t.desk.store.View(ctx, func(tx *store.Tx) (err error) {
			if due, err = tx.DueTimers(from, now, timerBatch); err != nil {
				return err
			}
			next, err = tx.NextTimer(now.Add(time.Millisecond))
			return err
		})
		if err != nil {
			return from, wait, err
		}
		held := false
		for _, timer := range due {
			if catchingUp && timer.Kind == core.TimerAutoClose {
				held = true
				continue
			}
			if rest := t.remaining(timer); rest > 0 {
				held, wait = true, min(wait, rest)
				continue
			}
			if err := t.desk.fire(ctx, timer); err != nil {
				return from, wait, err
			}
		}
		if !next.IsZero() {
			wait = min(wait, time.Until(next))
		}
		if held {
			wait = min(wait, 5*time.Second)
		}
		if len(due) < timerBatch || held {
			if !held {
				from = now
			}
			break
		}
		from = due[len(due)-1].Due
	}
	return from, max(wait, time.Millisecond), nil
}

// remaining returns for how long an offer still has to ring by the monotonic clock.
func (t *timers) remaining(timer *core.Timer) time.Duration {
	if timer.Kind != core.TimerOffer {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	ring, ok := t.rings[timer.Offer]
	if !ok {
		return 0
	}
	rest := time.Until(ring.until)
	if rest <= 0 {
		delete(t.rings, timer.Offer)
	}
	return rest
}

// fire deals with one deadline. A late one, whose record has moved on, does nothing.
func (d *Desk) fire(ctx context.Context, t *core.Timer) error {
	return d.store.Update(ctx, func(tx *store.Tx) error {
		if standing, err := tx.HasTimer(t); err != nil || !standing {
			return err
		}
		tx.DeleteTimer(t)
		if t.Kind == core.TimerPresence {
			return d.leaseEnded(tx, t.Ref)
		}
		c, err := tx.Conversation(core.ID(t.Ref))
		if core.CodeOf(err) == core.NotFound {
			return nil
		}
		if err != nil {
			return err
		}
		switch t.Kind {
		case core.TimerOffer:
			if c.Offer != nil && c.Offer.ID == t.Offer {
				return d.passOn(tx, c, core.AgentTimeout, "timed-out", c.Offer.Agent+" did not answer the offer in time.")
			}
		case core.TimerWrapUp:
			if c.State == core.WrappingUp && c.Units > 0 {
				c.Units = 0
				tx.PutConversation(c, false)
			}
		case core.TimerAutoClose:
			return d.inactive(tx, c)
		}
		return nil
	})
}

// inactive closes a conversation that has been inactive for as long as its state allows, or looks again when it may be.
func (d *Desk) inactive(tx *store.Tx, c *core.Conversation) error {
	limits := d.workstream(c).AutoClose
	limit := map[core.State]time.Duration{
		core.Open: limits.Open, core.Active: limits.Active, core.Waiting: limits.Waiting, core.WrappingUp: limits.WrapUp,
	}[c.State]
	if limit <= 0 {
		return nil
	}
	if due := c.LastActivity.Add(limit); due.After(tx.Now()) {
		tx.PutTimer(&core.Timer{Due: due, Kind: core.TimerAutoClose, Ref: string(c.ID)})
		return nil
	}
	d.trace(tx, c, 0, "auto-closed", "Closed after "+limit.String()+" without activity.", nil)
	return d.close(tx, c, core.AutoClosed)
}
