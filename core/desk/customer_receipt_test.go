package desk_test

import (
	"context"
	"testing"

	"github.com/guichet/guichet/core"
)

// TestReceiptsByOutboxID has a channel whose own ids of our messages are our outbox ids, as live channels do: their
// customers see a message as soon as it is durable, often before the channel has answered that it took it.
func TestReceiptsByOutboxID(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		receipt := func(outbox string, state core.MessageState) core.Inbound {
			e := h.event(core.InStatus, "zoe")
			e.TargetIDs, e.Status = []string{outbox}, state
			return e
		}
		early := make(chan error, 1)
		h.channels.answer(func(ctx context.Context, out *core.Outgoing) core.Outcome {
			_, _, err := h.desk.Receive(ctx, []core.Inbound{receipt(out.Entry.ID, core.Delivered)}, nil)
			early <- err
			return core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{out.Entry.ID}}
		})
		m := h.reply(zoe, "1", "at once")
		h.ok(<-early)
		h.settle()
		if got := h.said(zoe.ID, m.Seq); got.State != core.Delivered {
			t.Errorf("the message is %s", got.State)
		}
		h.receive(receipt(m.Outbox, core.Read))
		if got := h.said(zoe.ID, m.Seq); got.State != core.Read {
			t.Errorf("the message is %s", got.State)
		}
	})
}
