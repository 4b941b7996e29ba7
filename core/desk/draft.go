package desk

import (
	"context"
	"strings"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// SaveDraft keeps what an agent has begun to write in a conversation; a text without anything but blanks removes it. The
// last one wins. Nobody is told: a draft is its author's alone.
func (d *Desk) SaveDraft(ctx context.Context, a Actor, id core.ID, text string, visibility core.Visibility) (*core.Draft, error) {
	if visibility == "" {
		visibility = core.Public
	}
	switch {
	case visibility != core.Public && visibility != core.InternalNote:
		return nil, core.FieldErrorf("visibility", "write \"public\" or \"internal\", not %q", visibility)
	case len(text) > maxReplyText:
		return nil, core.FieldErrorf("text", "the draft has %d bytes, at most %d are kept", len(text), maxReplyText)
	}
	var draft *core.Draft
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		if _, err := d.seen(tx, a, id); err != nil {
			return err
		}
		draft = &core.Draft{Conversation: id, Agent: a.Agent, Text: text, Visibility: visibility, UpdatedAt: tx.Now()}
		if strings.TrimSpace(text) == "" {
			draft.Text = ""
			tx.DeleteDraft(id, a.Agent)
			return nil
		}
		tx.PutDraft(draft)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return draft, nil
}
