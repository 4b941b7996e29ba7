package desk_test

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/store"
)

// TestPluginDown: while a plugin is down, its account asks now and then with one message, and all go out once it is up.
func TestPluginDown(t *testing.T) {
	inBubble(t, room(100), func(h *house) {
		h.there("anna")
		h.channels.script(core.Outcome{Kind: core.OutcomeNotStarted})
		for i := range 50 {
			c := h.taken(fmt.Sprint("customer-", i))
			h.reply(c, "1", "hi")
		}
		time.Sleep(10 * time.Minute)
		h.settle()
		if n := len(h.channels.sent()); n > 300 {
			t.Errorf("%d calls while the plugin was down", n)
		}
		h.channels.answer(func(_ context.Context, out *core.Outgoing) core.Outcome { return accepted(out) })
		time.Sleep(15 * time.Second)
		h.settle()
		h.view(func(tx *store.Tx) error {
			left, err := tx.UnsettledOutbox()
			if len(left) != 0 {
				t.Errorf("%d messages are still queued", len(left))
			}
			return err
		})
	})
}

// TestHungAccount: a provider that never answers holds up nobody but its own.
func TestHungAccount(t *testing.T) {
	accounts := func(s *core.Setup) {
		room(1000)(s)
		for i := range 4 {
			id := fmt.Sprint("account-", i)
			s.Accounts[id] = &core.Account{ID: id}
			s.Channels[id] = &core.Channel{ID: id, Account: id, Workstream: "social"}
		}
	}
	inBubble(t, accounts, func(h *house) {
		h.there("anna")
		h.channels.answer(func(c context.Context, out *core.Outgoing) core.Outcome {
			if out.Entry.Account != "account-3" {
				<-c.Done()
				return core.Outcome{Kind: core.OutcomeLost}
			}
			return accepted(out)
		})
		var mine core.ID
		for i := range 4 {
			for n := range 100 {
				e := h.message(fmt.Sprint("customer-", i, "-", n), "hello")
				e.Account = fmt.Sprint("account-", i)
				h.receive(e)
				var c *core.Conversation
				h.view(func(tx *store.Tx) (err error) {
					c, err = tx.OngoingConversation(e.Account, e.Account, e.Thread)
					return err
				})
				c, err := h.desk.Pick(ctx, agent("anna"), c.ID)
				h.ok(err)
				h.reply(c, "1", "hi")
				mine = c.ID
			}
		}
		h.settle()
		if m := h.said(mine, 2); m.State != core.Sent {
			t.Errorf("the last message of the healthy account is %s", m.State)
		}
	})
}

// TestParallel: 64 conversations at the same time, each in order.
func TestParallel(t *testing.T) {
	inBubble(t, room(64), func(h *house) {
		h.there("anna")
		var most, now int
		h.channels.answer(func(_ context.Context, out *core.Outgoing) core.Outcome {
			h.channels.mu.Lock()
			now++
			most = max(most, now)
			h.channels.mu.Unlock()
			time.Sleep(100 * time.Millisecond)
			h.channels.mu.Lock()
			now--
			h.channels.mu.Unlock()
			return accepted(out)
		})
		var list []*core.Conversation
		for i := range 64 {
			list = append(list, h.taken(fmt.Sprint("customer-", i)))
		}
		var wait sync.WaitGroup
		for _, c := range list {
			wait.Go(func() {
				for n := range 5 {
					if _, _, err := h.desk.Reply(ctx, agent("anna"), c.ID, desk.NewMessage{ID: fmt.Sprint(n), Text: "hi"}); err != nil {
						t.Error(err)
					}
				}
			})
		}
		wait.Wait()
		time.Sleep(700 * time.Millisecond)
		h.settle()
		if n := len(h.channels.sent()); n != 320 || most != 64 {
			t.Errorf("%d sends, %d at the same time", n, most)
		}
	})
}
