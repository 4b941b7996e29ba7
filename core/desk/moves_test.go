package desk_test

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/store"
)

// afterUpdate is an engine that tells a test of each update that is done.
type afterUpdate struct {
	fullAtTimes
	done atomic.Pointer[func()]
}

func (a *afterUpdate) then(do func()) { a.done.Store(&do) }

func (a *afterUpdate) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := a.fullAtTimes.Update(ctx, fn)
	if do := a.done.Load(); do != nil && err == nil {
		(*do)()
	}
	return err
}

// customerOf has a customer write often; more than one transaction moves all of it.
func (h *house) customerOf(often int) (all []core.ID) {
	h.t.Helper()
	for n := range often {
		c := h.says("u1", fmt.Sprint("hello ", n))
		all = append(all, c.ID)
		if n < often-1 {
			_, err := h.desk.Close(ctx, supervisor(), c.ID)
			h.ok(err)
		}
	}
	return all
}

// on puts the house on an engine.
func (h *house) on(engine kv.DB) {
	h.t.Helper()
	h.stop()
	h.db = engine
	h.open()
	h.start()
}

func (h *house) unfinishedMoves() (n int) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		list, err := tx.ContactMoves(100)
		n = len(list)
		return err
	})
	return n
}

func TestALinkIsFinishedWhenWhoeverAskedHasGone(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		engine := &afterUpdate{fullAtTimes: fullAtTimes{DB: h.db}}
		h.on(engine)
		all, mia := h.customerOf(60), h.contact("Mia")
		leaving, cancel := context.WithCancel(ctx)
		defer cancel()
		engine.then(cancel) // at the first commit
		c, err := h.desk.LinkContact(leaving, supervisor(), all[59], mia.ID)
		h.ok(err)
		if c.Contact != mia.ID || len(h.history(mia.ID)) != 60 || h.unfinishedMoves() != 0 {
			t.Errorf("with %s; %d of 60 have moved", c.Contact, len(h.history(mia.ID)))
		}
		h.checkContacts(all)
	})
}

func TestALinkThatTheDiskInterruptedIsFinishedLater(t *testing.T) {
	for name, later := range map[string]func(h *house){
		"by itself":  func(h *house) { h.pass(2 * time.Minute) },
		"at a start": func(h *house) { h.restart(); h.settle() },
	} {
		for commits := range int64(4) {
			t.Run(fmt.Sprint(name, " after ", commits+1), func(t *testing.T) {
				inBubble(t, nil, func(h *house) {
					engine := &afterUpdate{fullAtTimes: fullAtTimes{DB: h.db}}
					h.on(engine)
					all, mia := h.customerOf(120), h.contact("Mia")
					h.pass(time.Minute)
					var done atomic.Int64
					engine.then(func() { engine.full.Store(done.Add(1) > commits) })
					c, err := h.desk.LinkContact(ctx, supervisor(), all[119], mia.ID)
					h.ok(err)
					if c.Contact != mia.ID {
						t.Errorf("the conversation is with %s", c.Contact)
					}
					if interrupted := h.unfinishedMoves() == 1; interrupted != (commits < 3) {
						t.Fatalf("interrupted: %v", interrupted)
					}
					engine.done.Store(nil)
					engine.full.Store(false)
					later(h)
					if h.unfinishedMoves() != 0 {
						t.Error("it is not finished")
					}
					h.checkContacts(all)
				})
			})
		}
	}
}

// TestAnInterruptedMoveLooksWhereTheIdentityIsNow: what happened to it meanwhile holds.
func TestAnInterruptedMoveLooksWhereTheIdentityIsNow(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		engine := &afterUpdate{fullAtTimes: fullAtTimes{DB: h.db}}
		h.on(engine)
		all, other := h.customerOf(120), h.says("u2", "hello")
		mia, noe := h.contact("Mia"), h.contact("Noé")
		_, err := h.desk.ChangeContact(ctx, supervisor(), mia.ID, 0, desk.ContactFields{Note: ptr("stays who she is")})
		h.ok(err)
		h.pass(time.Minute)
		engine.then(func() { engine.full.Store(true) })
		last := all[119]
		_, err = h.desk.LinkContact(ctx, supervisor(), last, mia.ID)
		h.ok(err)
		engine.done.Store(nil)
		engine.full.Store(false)
		_, err = h.desk.LinkContact(ctx, supervisor(), last, noe.ID)
		h.ok(err)
		_, err = h.desk.LinkContact(ctx, supervisor(), other.ID, mia.ID)
		h.ok(err)
		h.pass(2 * time.Minute)
		if got := len(h.history(noe.ID)); got != 120 || h.with(other.ID) != mia.ID || h.unfinishedMoves() != 0 {
			t.Errorf("%d of 120 are where they belong, the other is with %s", got, h.with(other.ID))
		}
		h.checkContacts(append(all, other.ID))
	})
}

// reads lists which of a contact's conversations a person may read.
func (h *house) reads(a desk.Actor, contact core.ID) (ids []core.ID) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		ids = nil
		stands, err := tx.ResolveContact(contact)
		if err != nil {
			return err
		}
		sight, err := h.desk.Sight(tx, a, stands.ID)
		if err != nil {
			return err
		}
		page, err := tx.ConversationsOfContact(stands.ID, "", 100)
		if err != nil {
			return err
		}
		for _, c := range page.Conversations {
			ok, err := sight.Reads(c)
			if err != nil {
				return err
			}
			if ok {
				ids = append(ids, c.ID)
			}
		}
		return nil
	})
	return ids
}
