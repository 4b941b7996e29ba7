package api

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

const (
	workLanes = 4           // deliveries that this plugin makes at the same time
	workAgain = time.Second // until the host is asked again when it did not answer
)

// work delivers what the host does not repeat: what is no message, and what is delivered again on demand. It ends with
// ctx; what it has not delivered is taken up by the next one.
func (c *channel) work(ctx context.Context) {
	var (
		lanes = make(chan struct{}, workLanes)
		mu    sync.Mutex
		busy  = map[uint64]bool{}
		wait  sync.WaitGroup
	)
	defer wait.Wait()
	for ctx.Err() == nil {
		if err := c.kept.ready(ctx); err != nil {
			c.pause(ctx, workAgain)
			continue
		}
		now, next := c.now(), time.Hour
		due, _ := c.kept.choose(0, false, func(e *entry) bool {
			mu.Lock()
			defer mu.Unlock()
			if e.state != statePending || !e.own || busy[e.seq] {
				return false
			}
			if left := e.next.Sub(now); left > 0 {
				next = min(next, left)
				return false
			}
			return true
		})
		for _, e := range due {
			select {
			case lanes <- struct{}{}:
			case <-ctx.Done():
				return
			}
			mu.Lock()
			busy[e.seq] = true
			mu.Unlock()
			wait.Go(func() {
				c.deliver(ctx, e.seq)
				mu.Lock()
				delete(busy, e.seq)
				mu.Unlock()
				<-lanes
				c.rouse()
			})
		}
		c.pause(ctx, next)
	}
}

// pause waits, but not when something has become due.
func (c *channel) pause(ctx context.Context, most time.Duration) {
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-c.wake:
	case <-timer.C:
	}
}

// deliver makes one attempt at a delivery of this plugin's own.
func (c *channel) deliver(ctx context.Context, seq uint64) {
	r, err := c.kept.read(ctx, seq)
	if err == nil && (r == nil || r.State != statePending || !r.Own) {
		c.kept.correct(seq, r) // let go, or delivered, by the process before
		return
	}
	var came result
	if err == nil {
		came = c.attempt(ctx, r)
	}
	if ctx.Err() != nil {
		return // closing: the record stands as it was
	}
	if err == nil {
		err = c.kept.change(ctx, seq, func(r *record) {
			r.take(came, c.now())
			if r.State != statePending {
				return
			}
			r.NextAt = r.LastAt.Add(max(backoff(r.Attempts), came.after))
			if r.NextAt.After(r.Until) {
				r.State, r.Error = stateDead, "It could not be delivered in time. "+r.Error
			}
		})
	}
	if err != nil {
		c.log.Warn("a delivery could not be read or written; it is tried again", "error", err)
		c.pause(ctx, workAgain)
	}
}

func (c *channel) attempt(ctx context.Context, r *record) result {
	d, err := c.published(ctx, r)
	if err != nil {
		return result{problem: "Its files could not be published: " + err.Error()}
	}
	return c.receiver.post(ctx, d)
}

// backoff is how long to wait after the n-th attempt: 1 s doubling to 5 min, give or take a fifth.
func backoff(n int) time.Duration {
	wait := min(time.Second<<min(max(n-1, 0), 9), 5*time.Minute)
	return time.Duration(float64(wait) * (0.8 + 0.4*rand.Float64())) //nolint:gosec // not a secret
}
