package desk

import (
	"context"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

const (
	watchEvery = 2 * time.Second
	watchChunk = 500
)

// Health is what the continuous check of the invariants found.
type Health struct {
	Open     int       // conversations that are not closed, at the last complete round
	Orphans  int       // of those, with nobody responsible; the aim is none
	Mended   uint64    // orphans handed to the router since the start
	RoundEnd time.Time // when the last complete round ended
}

// watch goes round all conversations, without hurry, and makes sure that each is somebody's: an agent's, a queue's, or
// the router's to look at. An orphan is handed to the router and reported. On the way it notices those that are to close
// earlier than when their timer was set, because the configuration has changed.
type watch struct {
	mu     sync.Mutex
	health Health
}

// Health returns what the last complete round found.
func (d *Desk) Health() Health {
	d.watch.mu.Lock()
	defer d.watch.mu.Unlock()
	return d.watch.health
}

func (w *watch) run(ctx context.Context, d *Desk) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	cursor, open, orphans := "", 0, 0
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		seen, found, late, next, err := d.checkOwners(ctx, cursor)
		if err != nil {
			if ctx.Err() == nil {
				d.log.Error("the check for orphaned conversations failed", "error", err)
			}
			continue
		}
		open, orphans = open+seen, orphans+len(found)
		for _, id := range found {
			d.log.Error("a conversation had nobody responsible; the router takes it", "conversation", id)
			d.mend(ctx, id)
		}
		for _, id := range late {
			d.rearm(ctx, id)
		}
		if cursor = next; cursor == "" {
			w.mu.Lock()
			w.health.Open, w.health.Orphans, w.health.RoundEnd = open, orphans, time.Now()
			w.health.Mended += uint64(orphans)
			w.mu.Unlock()
			open, orphans = 0, 0
		}
	}
}

// checkOwners looks at one page of what is not closed and returns those that are nobody's, and those whose auto-close
// timer is due too late.
func (d *Desk) checkOwners(ctx context.Context, cursor string) (seen int, orphans, late []core.ID, next string, err error) {
	setup := d.Setup()
	err = d.store.View(ctx, func(tx *store.Tx) error {
		page, err := tx.AllConversations(cursor, watchChunk)
		if err != nil {
			return err
		}
		seen, next = len(page.Conversations), page.Next
		for _, c := range page.Conversations {
			if limit := d.patience(c); limit > 0 && (c.CloseDue.IsZero() || c.CloseDue.After(c.LastActivity.Add(limit))) {
				late = append(late, c.ID)
			}
			if c.State == core.Active && setup.Agents[c.Assignee] == nil {
				orphans = append(orphans, c.ID)
				continue
			}
			if c.State != core.Open || c.Offer != nil || setup.Queues[c.Queue] != nil {
				continue
			}
			marked, err := tx.HasRouteMark(c.ID)
			if err != nil {
				return err
			}
			if !marked {
				orphans = append(orphans, c.ID)
			}
		}
		return nil
	})
	return seen, orphans, late, next, err
}

func (d *Desk) rearm(ctx context.Context, id core.ID) {
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		c, err := tx.Conversation(id)
		if err != nil {
			return err
		}
		due := c.CloseDue
		if d.armAutoClose(tx, c); !c.CloseDue.Equal(due) {
			tx.PutConversation(c, false)
		}
		return nil
	})
	if err != nil && ctx.Err() == nil {
		d.log.Error("an auto-close timer could not be set", "conversation", id, "error", err)
	}
}

func (d *Desk) mend(ctx context.Context, id core.ID) {
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		c, err := tx.Conversation(id)
		if err != nil || c.State != core.Open || c.Offer != nil {
			return err
		}
		tx.PutConversation(c, true)
		return nil
	})
	if err != nil && ctx.Err() == nil {
		d.log.Error("an orphaned conversation could not be handed to the router", "conversation", id, "error", err)
	}
}
