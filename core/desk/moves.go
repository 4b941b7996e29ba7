package desk

import (
	"context"
	"errors"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

const (
	// moveChunk is how many conversations of a contact are looked at in one transaction.
	moveChunk = 50
	// movesAtOnce is how many unfinished moves are taken up in one round.
	movesAtOnce = 100
	// movePause is how long a move waits that could not be finished.
	movePause = time.Minute
)

// mover finishes what a linking could not: the moves that are still there at a start, and those that failed.
type mover struct {
	desk *Desk
	wake chan struct{}
}

func newMover(d *Desk) *mover { return &mover{desk: d, wake: make(chan struct{}, 1)} }

func (m *mover) signal() {
	select {
	case m.wake <- struct{}{}:
	default:
	}
}

func (m *mover) run(ctx context.Context) {
	for {
		var again <-chan time.Time
		if err := m.finish(ctx); err != nil {
			if ctx.Err() == nil {
				m.desk.log.Error("conversations do not follow whom they belong to yet; trying again later", "error", err)
			}
			again = time.After(movePause)
		}
		select {
		case <-ctx.Done():
			return
		case <-m.wake:
		case <-again:
		}
	}
}

// finish takes every unfinished move to its end. One that cannot be finished does not hold up the others.
func (m *mover) finish(ctx context.Context) error {
	var list []*core.ContactMove
	if err := m.desk.store.View(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.ContactMoves(movesAtOnce)
		return err
	}); err != nil {
		return err
	}
	var errs []error
	for _, move := range list {
		errs = append(errs, m.desk.move(ctx, move.ID))
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	if len(list) == movesAtOnce {
		m.signal()
	}
	return nil
}

// move takes a move to its end, in chunks. It may be interrupted after each of them, and may be under way twice.
func (d *Desk) move(ctx context.Context, id core.ID) error {
	for done := false; !done; {
		if err := d.store.Update(ctx, func(tx *store.Tx) (err error) {
			done, err = moveSome(tx, id)
			return err
		}); err != nil {
			return err
		}
	}
	return nil
}

// moveSome does the next chunk of a move and reports whether it was the last.
func moveSome(tx *store.Tx, id core.ID) (done bool, err error) {
	m, err := tx.ContactMove(id)
	if err != nil || m == nil {
		return true, err
	}
	if len(m.Lists) > 0 {
		page, err := tx.ConversationsUnder(m.Lists[0], m.Cursor, moveChunk)
		if err != nil {
			return false, err
		}
		for _, c := range page.Conversations {
			if err := follow(tx, m, c); err != nil {
				return false, err
			}
		}
		if m.Cursor = page.Next; m.Cursor == "" {
			m.Lists = m.Lists[1:]
		}
	}
	if len(m.Lists) == 0 {
		tx.DeleteContactMove(m)
		return true, nil
	}
	tx.PutContactMove(m)
	return false, nil
}

// follow brings one conversation to the contact that its identity belongs to now. That is asked anew: the identity may
// have been linked elsewhere since the move began, and then there is another move, which looks where that one has been.
func follow(tx *store.Tx, m *core.ContactMove, c *core.Conversation) error {
	stands, err := tx.ResolveContact(c.Contact)
	if err != nil {
		return err
	}
	belongs := m.Rest
	i, err := tx.Identity(c.Identity)
	switch {
	case err != nil:
		return err
	case i != nil:
		belongs = i.Contact
	case stands.ID != m.To: // of nobody known: it moves only if it came along when an alias was revived
		return nil
	}
	to, err := tx.ResolveContact(belongs)
	if err != nil {
		return err
	}
	if to.ID == stands.ID && (c.Identity != m.Identity || c.Contact == to.ID) {
		return nil
	}
	c.Contact = to.ID
	tx.PutConversation(c, false)
	return nil
}
