package desk_test

import (
	"testing"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

const storedHash = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"

// TestStoredAttachment receives content that the channel has stored here before: nothing is fetched, and it is kept.
func TestStoredAttachment(t *testing.T) {
	receive := func(h *house) core.Attachment {
		e := h.message("zoe", "")
		e.Message.Kind = "attachment"
		e.Message.Attachments = []core.Attachment{{State: core.Ready, Type: "text/plain", Name: "message.txt", Handle: "handle", Hash: storedHash, Size: 4}}
		h.receive(e)
		return h.messages(h.ongoing("zoe").ID)[0].Attachments[0]
	}
	free := func(h *house) bool {
		unknown, err := h.store.UnknownContents(ctx, []string{storedHash})
		h.ok(err)
		return len(unknown) == 1
	}
	inBubble(t, nil, func(h *house) {
		if at := receive(h); at.State != core.Ready || at.Hash != storedHash || at.ID == "" {
			t.Errorf("attachment %+v", at)
		}
		if free(h) {
			t.Error("nothing refers to the content")
		}
		h.view(func(tx *store.Tx) error {
			jobs, err := tx.FetchJobs()
			if len(jobs) != 0 {
				t.Errorf("%d attachments are to be fetched", len(jobs))
			}
			return err
		})
	})
	inBubble(t, func(s *core.Setup) { s.Channels["line"].FromCustomer = false }, func(h *house) {
		if at := receive(h); at.State != core.Refused || at.Hash != "" {
			t.Errorf("attachment %+v on a channel that takes none", at)
		}
		if !free(h) {
			t.Error("the content is kept")
		}
	})
}
