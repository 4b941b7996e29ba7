package kvtest

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"

	"github.com/guichet/guichet/core/kv"
)

// Chaos wraps an engine so that about a fifth of the closures that would commit are thrown away after they ran, and run
// again, as any engine may do. A closure that changes something outside itself then does it twice, and the test that
// uses the wrapper fails. The same seed throws away the same runs, as long as updates come in the same order.
func Chaos(db kv.DB, seed uint64) kv.DB {
	return &chaos{DB: db, dice: rand.New(rand.NewPCG(seed, 0)), thrown: errors.New("kvtest: this run was thrown away")}
}

type chaos struct {
	kv.DB
	mu   sync.Mutex
	dice *rand.Rand

	thrown error // this wrapper's own: it may wrap another one
}

func (c *chaos) throw() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.dice.IntN(5) == 0
}

func (c *chaos) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return c.update(ctx, fn, c.DB.Update)
}

func (c *chaos) UpdateLow(ctx context.Context, fn func(kv.Tx) error) error {
	return c.update(ctx, fn, c.DB.UpdateLow)
}

func (c *chaos) update(ctx context.Context, fn func(kv.Tx) error, run func(context.Context, func(kv.Tx) error) error) error {
	for {
		throw := c.throw()
		err := run(ctx, func(tx kv.Tx) error {
			if err := fn(tx); err != nil || !throw {
				return err
			}
			return c.thrown
		})
		if !errors.Is(err, c.thrown) {
			return err
		}
	}
}
