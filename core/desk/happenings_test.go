package desk_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

func TestEcho(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		echo := h.message("zoe", "we are closed today")
		echo.Kind = core.InEcho
		h.receive(echo)
		c := h.ongoing("zoe")
		if c.State != core.Waiting || c.Offer != nil || h.load("anna") != 0 || c.Unread != 0 {
			t.Errorf("an echo rings: %+v", c)
		}
		if c = h.says("zoe", "ok"); c.State != core.Open || c.Offer == nil {
			t.Errorf("the answer does not ring: %+v", c)
		}
		_, err := h.desk.Accept(ctx, agent("anna"), c.Offer.ID)
		h.ok(err)
		// The provider tells of our own message before it answers the call that sent it.
		h.channels.answer(func(_ context.Context, out *core.Outgoing) core.Outcome {
			e := h.message("zoe", out.Message.Text)
			e.Kind, e.Message.ExternalID = core.InEcho, "ours"
			if _, _, err := h.desk.Receive(ctx, []core.Inbound{e}, nil); err != nil {
				t.Error(err)
			}
			return core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"ours"}}
		})
		h.reply(h.conversation(c.ID), "1", "see you")
		h.settle()
		again := h.message("zoe", "see you")
		again.Kind, again.Message.ExternalID = core.InEcho, "ours"
		h.receive(again)
		if list := h.messages(c.ID); len(list) != 3 {
			t.Errorf("%d messages, want 3", len(list))
		}
	})
}

func TestConsent(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("zoe")
		for _, step := range []struct {
			kind core.InboundKind
			code string
		}{{core.InBlocked, "rejected-recipient"}, {core.InUnblocked, ""}, {core.InOptedOut, "rejected-opted-out"}, {core.InOptedIn, ""}} {
			h.receive(h.event(step.kind, "zoe"))
			before := len(h.channels.sent())
			m := h.reply(c, string(step.kind), "hi")
			h.settle()
			m = h.said(c.ID, m.Seq)
			if step.code == "" && m.State != core.Sent || step.code != "" && (m.State != core.Failed || m.Reason.Code != step.code) {
				t.Errorf("after %s: %s %+v", step.kind, m.State, m.Reason)
			}
			if sent := len(h.channels.sent()) - before; (sent == 1) != (step.code == "") {
				t.Errorf("after %s: %d sends", step.kind, sent)
			}
		}
	})
}

func TestReactionsAndIdentityChange(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("zoe")
		react := func(emoji string, removed bool) {
			e := h.event(core.InReaction, "zoe")
			e.TargetIDs, e.Emoji, e.Removed = []string{"m-event-1"}, emoji, removed
			h.receive(e)
		}
		react("👍", false)
		react("🎉", false)
		if r := h.said(c.ID, 1).Reactions; len(r) != 1 || r[0].Emoji != "🎉" {
			t.Errorf("reactions %v", r)
		}
		react("🎉", true)
		if r := h.said(c.ID, 1).Reactions; len(r) != 0 {
			t.Errorf("reactions %v", r)
		}
		e := h.event(core.InIdentityChanged, "zoe")
		e.Former, e.Current = &core.IdentityKey{Scope: "shop", Kind: "line-user", Value: "zoe"}, &core.IdentityKey{Scope: "shop", Kind: "line-user", Value: "zoe2"}
		h.receive(e)
		if c = h.conversation(c.ID); c.Identity.Value != "zoe2" {
			t.Errorf("it answers to %v", c.Identity)
		}
		h.view(func(tx *store.Tx) error {
			i, err := tx.Identity(*e.Current)
			if i == nil || i.Contact != c.Contact {
				t.Errorf("identity %+v", i)
			}
			return err
		})
	})
}

func TestStartAndEnd(t *testing.T) {
	live := func(s *core.Setup) { s.Workstreams["social"].Persistent = false }
	start := func(h *house) *core.Conversation {
		e := h.event(core.InConversationStarted, "zoe")
		e.Values = map[string]string{"page": "/cart"}
		h.receive(e)
		return h.ongoing("zoe")
	}
	end := func(h *house) {
		e := h.event(core.InConversationEnded, "zoe")
		e.Text = "closed-window"
		h.receive(e)
	}
	t.Run("before anybody accepted", func(t *testing.T) {
		inBubble(t, live, func(h *house) {
			h.there("anna")
			c := start(h)
			h.view(func(tx *store.Tx) error {
				v, err := tx.Variable(c.ID, "page")
				if v == nil || v.Value != "/cart" {
					t.Errorf("variable %v", v)
				}
				return err
			})
			end(h)
			if got := h.picture(c.ID, nil); got != "closed [customer-end-conversation]" {
				t.Error(got)
			}
		})
	})
	t.Run("with an agent", func(t *testing.T) {
		inBubble(t, live, func(h *house) {
			h.there("anna")
			c := start(h)
			_, err := h.desk.Accept(ctx, agent("anna"), c.Offer.ID)
			h.ok(err)
			end(h)
			if got := h.picture(c.ID, nil); got != "wrap-up, of anna [customer-end-conversation]" {
				t.Error(got)
			}
			// What the customer says next begins another conversation.
			if next := h.says("zoe", "one more thing"); next.ID == c.ID {
				t.Error("the ended conversation goes on")
			}
			_, err = h.desk.Reopen(ctx, agent("anna"), c.ID)
			h.refused(err, core.Conflict)
		})
	})
	t.Run("asynchronous", func(t *testing.T) {
		inBubble(t, nil, func(h *house) {
			h.there("anna")
			c := h.taken("zoe")
			end(h)
			if got := h.picture(c.ID, nil); got != "active, of anna, anna has 1 […]" {
				t.Error(got)
			}
		})
	})
}

func TestNotice(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		e := h.event(core.InNotice, "")
		e.Name, e.Text, e.AccountStopped = "quality", "The number was flagged.", true
		h.receive(e)
		h.view(func(tx *store.Tx) error {
			list, err := tx.Audit("", 10)
			if len(list) != 1 || list[0].Subject != "shop" || list[0].Details["text"] != e.Text {
				t.Errorf("audit %v", list)
			}
			return err
		})
	})
}

func TestStatuses(t *testing.T) {
	status := func(h *house, external string, state core.MessageState) core.Inbound {
		e := h.event(core.InStatus, "zoe")
		e.TargetIDs, e.Status, e.Code = []string{external}, state, "131"
		return e
	}
	steps := []core.MessageState{core.Sent, core.Delivered, core.Read, core.Failed}
	// want is what remains of a set of statuses, whatever their order; a failure does not undo a delivery.
	want := func(order []core.MessageState) core.MessageState {
		best := core.Sent
		for _, s := range order {
			if s.Rank() > best.Rank() {
				best = s
			}
		}
		if best == core.Sent && slices.Contains(order, core.Failed) {
			return core.Failed
		}
		return best
	}
	for _, early := range []bool{false, true} {
		for i := range steps {
			for j := range steps {
				for k := range steps {
					order := []core.MessageState{steps[i], steps[j], steps[k]}
					t.Run(fmt.Sprint(early, order), func(t *testing.T) {
						inBubble(t, nil, func(h *house) {
							h.there("anna")
							c := h.taken("zoe")
							tell := func() {
								for _, s := range order {
									if _, _, err := h.desk.Receive(ctx, []core.Inbound{status(h, "x", s)}, nil); err != nil {
										t.Error(err)
									}
								}
							}
							h.channels.answer(func(context.Context, *core.Outgoing) core.Outcome {
								if early {
									tell()
								}
								return core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"x"}}
							})
							m := h.reply(c, "1", "hi")
							h.settle()
							if !early {
								tell()
							}
							if got := h.said(c.ID, m.Seq).State; got != want(order) {
								t.Errorf("state %s, want %s", got, want(order))
							}
						})
					})
				}
			}
		}
	}
}

func TestReadMark(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("zoe")
		for i := range 30 {
			h.reply(c, fmt.Sprint(i), "hi")
		}
		h.settle()
		e := h.event(core.InRead, "zoe")
		e.TargetIDs = h.said(c.ID, 29).ExternalIDs
		h.receive(e)
		for _, m := range h.messages(c.ID)[1:] {
			want := core.Read
			if m.Seq > 29 {
				want = core.Sent
			}
			if m.State != want {
				t.Errorf("message %d is %s, want %s", m.Seq, m.State, want)
			}
		}
		before := h.event(core.InRead, "zoe")
		before.At = h.said(c.ID, 30).CreatedAt.Add(-time.Minute)
		h.receive(before)
		if m := h.said(c.ID, 30); m.State != core.Sent {
			t.Errorf("a message that was sent after the reading is %s", m.State)
		}
		h.receive(h.event(core.InRead, "zoe"))
		if m := h.said(c.ID, 31); m.State != core.Read {
			t.Errorf("the last message is %s", m.State)
		}
	})
}
