package desk_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
)

// TestAskingOutlivesTheProcess: an asking that is due, or under way, when the process ends is made by the next one.
func TestAskingOutlivesTheProcess(t *testing.T) {
	t.Run("under way", func(t *testing.T) {
		unsure(t, func(c context.Context, _ *core.Outgoing) core.Outcome {
			<-c.Done()
			return core.Outcome{Kind: core.OutcomeLost}
		}, func(h *house, m *core.Message) {
			h.pass(4 * time.Second)
			if n := len(h.channels.askings()); n != 1 {
				t.Fatalf("asked %d times", n)
			}
			h.stop()
			if e := h.entry(m.Conversation, m.Seq); e.Asked != 0 || len(h.askTimers()) != 1 {
				t.Errorf("after the stop: %+v", e)
			}
			h.channels.finds(finding(core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"x"}}))
			h.open()
			h.start()
			h.settle()
			if got := h.stands(m); got != "sent" || len(h.askTimers()) != 0 {
				t.Errorf("after the start: %s", got)
			}
		})
	})
	t.Run("due meanwhile", func(t *testing.T) {
		unsure(t, finding(core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"x"}}), func(h *house, m *core.Message) {
			h.stop()
			time.Sleep(time.Hour)
			h.open()
			h.start()
			h.settle()
			if got := h.stands(m); got != "sent" {
				t.Errorf("after the start: %s", got)
			}
		})
	})
	t.Run("killed during the send", func(t *testing.T) {
		inTouch(t, func(h *house, zoe *core.Conversation) {
			h.channels.finds(finding(core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"x"}}))
			h.channels.answer(func(c context.Context, _ *core.Outgoing) core.Outcome {
				<-c.Done()
				return core.Outcome{Kind: core.OutcomeLost}
			})
			m := h.reply(zoe, "1", "hi")
			h.settle()
			h.stop()
			h.channels.script(core.Outcome{Kind: core.OutcomeUnknown}) // as a plugin does that may not repeat
			h.start()
			h.pass(4 * time.Second)
			if got := h.stands(m); got != "sent" || len(h.channels.sent()) != 2 {
				t.Errorf("%s after %d calls", got, len(h.channels.sent()))
			}
		})
	})
	t.Run("never answered", func(t *testing.T) { // the plugin dies of the message until its deadline
		inTouch(t, func(h *house, zoe *core.Conversation) {
			h.channels.finds(finding(core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"x"}}))
			h.channels.script(core.Outcome{Kind: core.OutcomeLost})
			m := h.reply(zoe, "1", "hi")
			h.pass(25 * time.Hour)
			if got := h.stands(m); got != "sent" {
				t.Errorf("after the deadline: %s", got)
			}
		})
	})
}

// TestAskingOnAFullDisk: an answer that cannot be stored is not lost, and the provider is not asked for it again.
func TestAskingOnAFullDisk(t *testing.T) {
	inTouch(t, func(h *house, _ *core.Conversation) {
		h.stop()
		disk := &fullAtTimes{DB: h.db}
		h.db = disk
		h.open()
		h.start()
		zoe := h.ongoing("zoe")
		h.channels.script(core.Outcome{Kind: core.OutcomeUnknown})
		h.channels.finds(func(context.Context, *core.Outgoing) core.Outcome {
			disk.full.Store(true)
			return core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"x"}}
		})
		m := h.reply(zoe, "1", "hi")
		h.pass(10 * time.Minute)
		if got := h.stands(m); got != "unknown asking" {
			t.Errorf("on a full disk: %s", got)
		}
		disk.full.Store(false)
		h.pass(2 * time.Second)
		if got := h.stands(m); got != "sent" || len(h.channels.askings()) != 1 {
			t.Errorf("%s, asked %d times", got, len(h.channels.askings()))
		}
	})
}

// TestManyAskings: a plugin that hangs holds up neither the others' deadlines nor the rest of its own askings for good.
func TestManyAskings(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		const many = 150 // more than the timers look at in one go
		h.channels.script(core.Outcome{Kind: core.OutcomeUnknown})
		first := true
		h.channels.finds(func(c context.Context, out *core.Outgoing) core.Outcome {
			if first {
				first = false
				<-c.Done() // until the desk's patience is over
			}
			return core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"x-" + out.Entry.ID}}
		})
		for i := range many {
			h.reply(zoe, fmt.Sprint(i), "hi")
		}
		h.pass(5 * time.Second)
		if n := len(h.channels.askings()); n != 1 {
			t.Errorf("%d askings while the first one hangs", n)
		}
		offered := h.says("yan", "hello")
		h.pass(29 * time.Second)
		h.there("ben")
		h.pass(2 * time.Second)
		if got := h.ongoing("yan").Declines["anna"]; got != 1 || offered.Offer == nil {
			t.Errorf("the offer was missed %d times", got)
		}
		h.pass(time.Minute)
		for _, m := range h.messages(zoe.ID) {
			if m.From.Kind == core.FromAgent && m.State != core.Sent {
				t.Errorf("message %d is %s", m.Seq, m.State)
			}
		}
	})
}
