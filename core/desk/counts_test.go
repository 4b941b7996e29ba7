package desk_test

import (
	"context"
	"errors"
	"iter"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/store"
)

// counted counts what the lists of a person hold, the slow way.
func (h *house) counted(a desk.Actor) (counts desk.Counts) {
	h.t.Helper()
	all := func(list func(cursor string) (store.Page, error)) (n int, err error) {
		for cursor := ""; ; {
			page, err := list(cursor)
			if err != nil {
				return 0, err
			}
			n += len(page.Conversations)
			if cursor = page.Next; cursor == "" {
				return n, nil
			}
		}
	}
	h.view(func(tx *store.Tx) (err error) {
		counts.Mine, err = all(func(cursor string) (store.Page, error) { return tx.ConversationsOf(a.Agent, cursor, 100) })
		if err != nil {
			return err
		}
		queues := h.desk.Setup().QueuesOf(a.Agent)
		if a.Role == core.Supervisor {
			queues = nil
			for id := range h.desk.Setup().Queues {
				queues = append(queues, id)
			}
			if counts.All, err = all(func(cursor string) (store.Page, error) { return tx.AllConversations(cursor, 100) }); err != nil {
				return err
			}
		}
		counts.Waiting, err = all(func(cursor string) (store.Page, error) { return tx.WaitingIn(queues, cursor, 100) })
		return err
	})
	return counts
}

// checkCounts compares the counts that are kept with what there is, for everybody. Every test of the desk ends with it.
func (h *house) checkCounts() {
	h.t.Helper()
	synctest.Wait()
	for id, a := range h.desk.Setup().Agents {
		actor := desk.Actor{Agent: id, Role: a.Role}
		got, err := h.desk.Counts(ctx, actor)
		h.ok(err)
		if want := h.counted(actor); got != want {
			h.t.Errorf("the counts of %s are %+v, want %+v", id, got, want)
		}
	}
}

func TestCountsFollowConversations(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		want := func(mine, waiting, all int) {
			t.Helper()
			h.settle()
			h.checkCounts()
			anna, err := h.desk.Counts(ctx, agent("anna"))
			h.ok(err)
			sue, err := h.desk.Counts(ctx, supervisor())
			h.ok(err)
			if anna != (desk.Counts{Mine: mine, Waiting: waiting}) || sue != (desk.Counts{Waiting: waiting, All: all}) {
				t.Errorf("anna counts %+v, sue %+v; want %d, %d, %d", anna, sue, mine, waiting, all)
			}
		}
		want(0, 0, 0)
		c := h.says("u1", "hello")
		h.says("u1", "are you there?")
		want(0, 1, 1)
		h.says("u2", "me too")
		want(0, 2, 2)
		_, err := h.desk.Pick(ctx, agent("anna"), c.ID)
		h.ok(err)
		want(1, 1, 2)
		h.restart()
		want(1, 1, 2)
		_, err = h.desk.Leave(ctx, agent("anna"), c.ID)
		h.ok(err)
		want(1, 1, 2) // it waits for the customer, on her list
		_, err = h.desk.Reopen(ctx, agent("anna"), c.ID)
		h.ok(err)
		_, err = h.desk.End(ctx, agent("anna"), c.ID)
		h.ok(err)
		want(1, 1, 2)
		_, err = h.desk.Close(ctx, agent("anna"), c.ID)
		h.ok(err)
		want(0, 1, 1)
	})
}

// unreadable is an engine that cannot list anybody's conversations for a while: only the counting reads those.
type unreadable struct {
	kv.DB
	fails atomic.Int64
}

var errUnreadable = errors.New("the disk does not answer")

func (u *unreadable) View(ctx context.Context, fn func(kv.Tx) error) error {
	return u.DB.View(ctx, func(tx kv.Tx) error { return fn(unreadableTx{tx, u}) })
}

type unreadableTx struct {
	kv.Tx
	of *unreadable
}

func (u unreadableTx) Scan(r kv.Range) iter.Seq2[kv.Pair, error] {
	// The lists of all agents' conversations, as core/store lays them out: nothing but the counting reads them whole.
	if string(r.Start) == "lm" && u.of.fails.Add(-1) >= 0 {
		return func(yield func(kv.Pair, error) bool) { yield(kv.Pair{}, errUnreadable) }
	}
	return u.Tx.Scan(r)
}

func TestCountingIsTriedAgain(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.says("u1", "hello")
		engine := &unreadable{DB: h.db}
		engine.fails.Store(3)
		h.on(engine)
		h.says("u2", "hello, before they are counted")
		soon, cancel := context.WithTimeout(ctx, time.Second)
		defer cancel()
		_, err := h.desk.Counts(soon, supervisor())
		h.refused(err, core.Unavailable)
		later, cancel := context.WithTimeout(ctx, 10*time.Second)
		defer cancel()
		counts, err := h.desk.Counts(later, supervisor())
		h.ok(err)
		if counts.All != 2 || engine.fails.Load() >= 0 {
			t.Errorf("%+v, %d failures left", counts, engine.fails.Load())
		}
	})
}

func TestNobodyCountsAfterTheEnd(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		engine := &unreadable{DB: h.db}
		engine.fails.Store(1000)
		h.on(engine)
		h.stop()
		engine.fails.Store(0)
		h.start()
	})
}
