package desk_test

import (
	"testing"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/store"
)

func TestMergedContactsAreOnePerson(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		old, young := h.says("u1", "from my old phone"), h.says("u2", "from my new phone")
		_, err := h.desk.MergeContacts(t.Context(), agent("ann"), old.Contact, young.Contact)
		h.refused(err, core.Forbidden)
		merged, err := h.desk.MergeContacts(t.Context(), supervisor(), old.Contact, young.Contact)
		h.ok(err)
		if merged.ID != young.Contact {
			t.Errorf("the survivor is %s, want %s", merged.ID, young.Contact)
		}
		_, err = h.desk.MergeContacts(t.Context(), supervisor(), old.Contact, young.Contact)
		h.refused(err, core.Conflict)
		_, err = h.desk.MergeContacts(t.Context(), supervisor(), core.NewID(old.CreatedAt), young.Contact)
		h.refused(err, core.NotFound)

		_, err = h.desk.Close(t.Context(), desk.Actor{Agent: "sue", Role: core.Supervisor}, old.ID)
		h.ok(err)
		again := h.says("u1", "from my old phone again")
		if again.ID == old.ID || again.Contact != young.Contact {
			t.Errorf("a new conversation of the merged contact belongs to %s, want %s", again.Contact, young.Contact)
		}
		h.view(func(tx *store.Tx) error {
			page, err := tx.ConversationsOfContact(young.Contact, "", 10)
			if err != nil {
				return err
			}
			if len(page.Conversations) != 3 {
				t.Errorf("the merged contact shows %d conversations, want 3", len(page.Conversations))
			}
			alias, err := tx.ResolveContact(old.Contact)
			if err != nil {
				return err
			}
			identities, err := tx.IdentitiesOf(young.Contact)
			if err != nil {
				return err
			}
			owners := map[core.ID]bool{}
			for _, i := range identities {
				owners[i.Owner] = true
			}
			if alias.ID != young.Contact || !owners[old.Contact] || !owners[young.Contact] {
				t.Errorf("alias %s, owners %v: the merge could not be taken back", alias.ID, owners)
			}
			return nil
		})
	})
}
