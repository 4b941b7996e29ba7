package desk_test

import (
	"testing"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// TestDeletionOfAnUnknownMessageBeginsNothing is about messages from before our time, and about those that come after
// their own deletion.
func TestDeletionOfAnUnknownMessageBeginsNothing(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		message := h.message("zoe", "never mind")
		gone := h.event(core.InDeleted, "zoe")
		gone.TargetIDs = []string{message.Message.ExternalID}
		h.receive(gone)
		if c := h.ongoing("zoe"); c != nil {
			t.Fatalf("a deletion began conversation %s", c.ID)
		}
		h.receive(message)
		if c := h.ongoing("zoe"); c != nil {
			t.Fatalf("a message that was taken back before it came began conversation %s", c.ID)
		}
		if c := h.says("zoe", "something else"); c.State != core.Open {
			t.Fatalf("the next message is %s", c.State)
		}
	})
}

func TestParkedStatusesAreForgotten(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		status := h.event(core.InStatus, "zoe")
		status.TargetIDs, status.Status = []string{"not-ours"}, core.Delivered
		h.receive(status)
		forget := func() (removed int) {
			h.ok(h.store.UpdateLow(ctx, func(tx *store.Tx) (err error) {
				_, removed, err = tx.ForgetParked(nil, 100)
				return err
			}))
			return removed
		}
		if n := forget(); n != 0 {
			t.Fatalf("%d statuses were forgotten at once", n)
		}
		h.jump.Add(int64(store.SeenFor) * 2)
		if n := forget(); n != 1 {
			t.Fatalf("%d statuses were forgotten after 60 days, want 1", n)
		}
	})
}
