package desk

import (
	"context"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

const (
	timerBatch = 100 // deadlines dealt with before the loop looks up
	timerLanes = 16  // of those, at the same time: they share a group commit
	// lookAgain is how long the loop sleeps at most: the wall clock may jump.
	lookAgain = 30 * time.Second
	// failedPause is how long a deadline waits that could not be dealt with. The others go on.
	failedPause = time.Minute
)

// timers is the one loop that sleeps until the next durable deadline. Ringing is counted by the monotonic clock beside
// it, so that a wall clock that jumps neither cuts an offer short nor lets it ring on.
type timers struct {
	desk *Desk

	mu    sync.Mutex
	heard time.Time // the earliest deadline heard of since the last look
	sleep time.Time // until when the loop sleeps, by the wall clock of the store …
	until time.Time // … and by the monotonic one
	rings map[core.ID]rung
	wake  chan struct{}

	// What follows belongs to the loop alone.
	from   time.Time // earlier deadlines have been dealt with
	failed map[core.Timer]time.Time
}

// rung is an offer that began to ring in this process.
type rung struct {
	timer *core.Timer
	until time.Time // with a monotonic reading
}

func newTimers(d *Desk) *timers {
	return &timers{desk: d, rings: map[core.ID]rung{}, failed: map[core.Timer]time.Time{}, wake: make(chan struct{}, 1)}
}

// hear takes note of a new deadline.
func (t *timers) hear(due time.Time) {
	t.mu.Lock()
	if t.heard.IsZero() || due.Before(t.heard) {
		t.heard = due
	}
	sooner := due.Before(t.sleep)
	t.mu.Unlock()
	if sooner {
		t.signal()
	}
}

// ringing takes note of an offer that has just begun to ring.
func (t *timers) ringing(conversation core.ID, offer *core.Offer) {
	r := rung{timer: offerTimer(conversation, offer), until: time.Now().Add(offer.Deadline.Sub(offer.At))}
	t.mu.Lock()
	t.rings[offer.ID] = r
	sooner := r.until.Before(t.until)
	t.mu.Unlock()
	if sooner {
		t.signal()
	}
}

// remaining returns for how long an offer still rings.
func (t *timers) remaining(offer *core.Offer) time.Duration {
	t.mu.Lock()
	ring, ok := t.rings[offer.ID]
	t.mu.Unlock()
	if ok {
		return max(time.Until(ring.until), 0)
	}
	return max(time.Until(offer.Deadline), 0)
}

// Remaining returns for how long an offer still rings: by the monotonic clock, so that it is right also when the wall
// clock has been set.
func (d *Desk) Remaining(offer *core.Offer) time.Duration { return d.timers.remaining(offer) }

func (t *timers) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *timers) run(ctx context.Context) {
	caughtUp := time.Now().Add(t.desk.catchUp)
	sleep := time.NewTimer(0)
	defer sleep.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
		case <-sleep.C:
		}
		wait, err := t.look(ctx, time.Until(caughtUp))
		if err != nil {
			if ctx.Err() == nil {
				t.desk.log.Error("deadlines could not be read; trying again", "error", err)
			}
			wait = time.Second
		}
		sleep.Reset(wait)
	}
}

// look deals with what is due and returns how long nothing else will be. While the channels catch up after a start,
// what customers would notice is left for later.
func (t *timers) look(ctx context.Context, catchUp time.Duration) (time.Duration, error) {
	t.mu.Lock()
	if !t.heard.IsZero() && t.heard.Before(t.from) {
		t.from = t.heard
	}
	t.heard, t.sleep, t.until = time.Time{}, time.Time{}, time.Time{}
	t.mu.Unlock()
	wait := lookAgain
	if catchUp > 0 {
		wait = min(wait, catchUp)
	}
	out, rest, err := t.rungOut(ctx)
	if err != nil {
		return 0, err
	}
	t.fireAll(ctx, out)
	wait = min(wait, rest)
	var now time.Time
	for more := true; more && ctx.Err() == nil; {
		var due []*core.Timer
		var next, held time.Time
		err := t.desk.store.View(ctx, func(tx *store.Tx) (err error) {
			now = tx.Now()
			if due, err = tx.DueTimers(t.from, now, timerBatch, func(timer *core.Timer) bool {
				if !t.holds(timer, catchUp > 0, &wait) {
					return false
				}
				if held.IsZero() {
					held = timer.Due
				}
				return true
			}); err != nil {
				return err
			}
			next, err = tx.NextTimer(now.Add(time.Millisecond))
			return err
		})
		if err != nil {
			return 0, err
		}
		t.fireAll(ctx, due)
		if more = len(due) == timerBatch || len(t.failed) > 0 && len(due) > 0; more {
			continue
		}
		if t.from = now; !held.IsZero() {
			t.from = held
		}
		if !next.IsZero() {
			wait = min(wait, next.Sub(now))
		}
	}
	wait = max(wait, time.Millisecond)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sleep, t.until = now.Add(wait), time.Now().Add(wait)
	for _, r := range t.rings { // began to ring while this was looking
		wait = min(wait, max(time.Until(r.until), time.Millisecond))
	}
	if !t.heard.IsZero() && t.heard.Before(t.sleep) {
		wait = time.Millisecond
	}
	return wait, nil
}

// rungOut returns the offers whose time is over and that still stand, and for how long the next one rings.
func (t *timers) rungOut(ctx context.Context) (out []*core.Timer, rest time.Duration, err error) {
	rest = lookAgain
	var over []*core.Timer
	t.mu.Lock()
	for offer, r := range t.rings {
		if left := time.Until(r.until); left > 0 {
			rest = min(rest, left)
			continue
		}
		delete(t.rings, offer)
		over = append(over, r.timer)
	}
	t.mu.Unlock()
	if len(over) == 0 {
		return nil, rest, nil
	}
	err = t.desk.store.View(ctx, func(tx *store.Tx) error {
		out = nil
		for _, timer := range over {
			standing, err := tx.HasTimer(timer)
			if err != nil {
				return err
			}
			if standing {
				out = append(out, timer)
			}
		}
		return nil
	})
	return out, rest, err
}

// holds reports whether a deadline that is due by the wall clock is left for later.
func (t *timers) holds(timer *core.Timer, catchingUp bool, wait *time.Duration) bool {
	if again, ok := t.failed[*timer]; ok {
		if rest := time.Until(again); rest > 0 {
			*wait = min(*wait, rest)
			return true
		}
		delete(t.failed, *timer)
	}
	switch timer.Kind {
	case core.TimerAsk:
		return t.desk.asker.has(timer) // until the answer is stored
	case core.TimerOffer:
		t.mu.Lock()
		_, ringing := t.rings[timer.Offer]
		t.mu.Unlock()
		return ringing // the monotonic clock decides
	}
	return catchingUp && timer.Kind == core.TimerAutoClose
}

func (t *timers) fireAll(ctx context.Context, due []*core.Timer) {
	errs := make([]error, len(due))
	lanes := make(chan struct{}, timerLanes)
	var wait sync.WaitGroup
	for i, timer := range due {
		lanes <- struct{}{}
		wait.Go(func() {
			errs[i] = t.desk.fire(ctx, timer)
			<-lanes
		})
	}
	wait.Wait()
	for i, err := range errs {
		if err != nil && ctx.Err() == nil {
			t.failed[*due[i]] = time.Now().Add(failedPause)
			t.desk.log.Error("a deadline could not be dealt with; trying again later", "kind", due[i].Kind, "of", due[i].Ref, "error", err)
		}
	}
}

// fire deals with one deadline. A late one, whose record has moved on, does nothing.
func (d *Desk) fire(ctx context.Context, t *core.Timer) error {
	if t.Kind == core.TimerAsk {
		return d.asker.take(ctx, t)
	}
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
				return d.missed(tx, c)
			}
		case core.TimerWrapUp:
			if c.State == core.WrappingUp && c.Units > 0 && t.Version == uint64(c.Sessions) { //nolint:gosec // a small count
				c.Units = 0
				tx.PutConversation(c, false)
			}
		case core.TimerAutoClose:
			if t.Due.Equal(c.CloseDue) {
				return d.inactive(tx, c)
			}
		}
		return nil
	})
}

// inactive closes a conversation that has been inactive for as long as its state allows, or looks again when it may be.
func (d *Desk) inactive(tx *store.Tx, c *core.Conversation) error {
	c.CloseDue = time.Time{}
	limit := d.patience(c)
	if limit <= 0 || c.LastActivity.Add(limit).After(tx.Now()) {
		d.armAutoClose(tx, c)
		tx.PutConversation(c, false)
		return nil
	}
	d.trace(tx, c, "auto-closed", "Closed after "+limit.String()+" without activity in state "+string(c.State)+".", nil)
	return d.close(tx, c, core.AutoClosed)
}
