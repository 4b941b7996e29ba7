package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/guichet/guichet/plugins/line/linetest"
)

const (
	postsAtOnce = 64
	resendAfter = 50 * time.Millisecond
	// giveUp is how long one message may go unacknowledged before the run fails.
	giveUp = 90 * time.Second
)

// customer writes numbered messages, the next only when the last was acknowledged, so that their order is known.
type customer struct {
	soak   *soak
	line   *linetest.Customer
	random *rand.Rand
}

func (s *soak) newCustomer(n int) *customer {
	return &customer{
		soak: s, line: s.desk.Line.NewCustomer(fmt.Sprintf("customer-%03d", n+1)),
		random: random(s.plan.seed, 1000+uint64(n)),
	}
}

// load is how much is said in a wave.
type load struct{ messages, words int }

// traffic counts what became of the messages of a wave.
type traffic struct {
	slots chan struct{}
	line  lane
	chat  lane
}

// lane is what goes through one channel.
type lane struct {
	inFlight atomic.Int64 // requests of LINE, messages of visitors
	done     atomic.Int64 // messages acknowledged
}

// shares spreads n messages over so many people.
func (s *soak) shares(n, people int) []int {
	share := make([]int, people)
	for range n {
		share[s.random.IntN(people)]++
	}
	return share
}

// wave lets customers write, LINE's as fast as they are acknowledged, and plays a fault in the midst of it.
func (s *soak) wave(ctx context.Context, n load, f fault) error {
	lines, words := s.shares(n.messages, len(s.people)), s.shares(n.words, len(s.visitors))
	amid := n.messages
	if f == killChat {
		amid = n.words
	}
	at := int64(amid/4 + s.random.IntN(amid/2+1))
	t := &traffic{slots: make(chan struct{}, postsAtOnce)}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	var wait sync.WaitGroup
	for i, c := range s.people {
		wait.Go(func() {
			if err := c.write(ctx, t, lines[i]); err != nil {
				stop(err)
			}
		})
	}
	for i, v := range s.visitors {
		wait.Go(func() {
			if err := v.write(ctx, t, words[i]); err != nil {
				stop(err)
			}
		})
	}
	played := make(chan error, 1)
	go func() { played <- s.play(ctx, f, t, at) }()
	wait.Wait()
	if err := <-played; err != nil {
		return err
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	return nil
}

// write delivers n messages, one after the other or a few in one request, some of them twice.
func (c *customer) write(ctx context.Context, t *traffic, n int) error {
	for n > 0 {
		size := 1
		if c.random.IntN(10) == 0 {
			size = min(n, 1+c.random.IntN(4))
		}
		events := make([]linetest.Event, size)
		for i := range events {
			events[i] = c.line.Next()
		}
		n -= size
		if err := c.deliver(ctx, t, events); err != nil {
			return err
		}
		t.line.done.Add(int64(size))
		if c.random.IntN(20) == 0 { // LINE does that for network reasons
			if _, err := c.post(ctx, t, c.soak.desk.Line.Redelivered(events...)); err != nil && ctx.Err() != nil {
				return ctx.Err()
			}
		}
	}
	return nil
}

// deliver posts events until they are acknowledged.
func (c *customer) deliver(ctx context.Context, t *traffic, events []linetest.Event) error {
	ctx, cancel := context.WithTimeoutCause(ctx, giveUp, fmt.Errorf("a message of %s was not acknowledged within %s", c.line.Name, giveUp))
	defer cancel()
	for {
		status, err := c.post(ctx, t, events)
		switch {
		case status == http.StatusOK:
			c.soak.ledger.acknowledge(events)
			return nil
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case status >= 400 && status < 500:
			return fmt.Errorf("a webhook of %s was answered %d: a provider never repeats what it was told is wrong", c.line.Name, status)
		case status == 0 && err == nil:
			return errors.New("no answer and no error")
		}
		events = c.soak.desk.Line.Redelivered(events...)
		select {
		case <-time.After(resendAfter):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (c *customer) post(ctx context.Context, t *traffic, events []linetest.Event) (int, error) {
	select {
	case t.slots <- struct{}{}:
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	t.line.inFlight.Add(1)
	defer func() {
		t.line.inFlight.Add(-1)
		<-t.slots
	}()
	status, err := c.soak.desk.Post(ctx, events...)
	c.soak.ledger.answered(status)
	return status, err
}
