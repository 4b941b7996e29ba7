package desk_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/store"
)

func ptr(s string) *string { return &s }

func (h *house) contact(name string) *core.Contact {
	h.t.Helper()
	c, err := h.desk.CreateContact(ctx, agent("anna"), desk.ContactFields{Name: &name})
	h.ok(err)
	return c
}

// with returns who stands for the contact of a conversation.
func (h *house) with(id core.ID) (contact core.ID) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		c, err := tx.Conversation(id)
		if err != nil {
			return err
		}
		stands, err := tx.ResolveContact(c.Contact)
		contact = stands.ID
		return err
	})
	return contact
}

// history lists a contact's conversations.
func (h *house) history(contact core.ID) (ids []core.ID) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		page, err := tx.ConversationsOfContact(contact, "", 1000)
		for _, c := range page.Conversations {
			ids = append(ids, c.ID)
		}
		slices.Sort(ids)
		return err
	})
	return ids
}

func TestALinkedIdentityBringsAllItsConversations(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		var own []core.ID
		for i := range 120 { // more than one transaction moves
			c := h.says("u1", fmt.Sprint("hello ", i))
			own = append(own, c.ID)
			_, err := h.desk.Close(ctx, supervisor(), c.ID)
			h.ok(err)
		}
		c := h.says("u1", "once more")
		own = append(own, c.ID)
		slices.Sort(own)
		other := h.says("u2", "somebody else")
		mia := h.contact("Mia")

		got, err := h.desk.LinkContact(ctx, supervisor(), c.ID, mia.ID)
		h.ok(err)
		if got.Contact != mia.ID {
			t.Errorf("the conversation is with %s", got.Contact)
		}
		if diff := cmp.Diff(own, h.history(mia.ID)); diff != "" {
			t.Error(diff)
		}
		_, err = h.desk.Close(ctx, supervisor(), c.ID)
		h.ok(err)
		later := h.says("u1", "later")
		if later.Contact != mia.ID {
			t.Error("a later conversation is somebody else's")
		}
		if h.with(other.ID) == mia.ID {
			t.Error("another customer's conversation came along")
		}

		_, err = h.desk.UnlinkContact(ctx, supervisor(), later.ID)
		h.ok(err)
		if h.with(later.ID) != c.Contact || len(h.history(mia.ID)) != 0 || len(h.history(c.Contact)) != len(own)+1 {
			t.Errorf("taken back: with %s, Mia has %d, the first contact %d", h.with(later.ID), len(h.history(mia.ID)), len(h.history(c.Contact)))
		}
		_, err = h.desk.UnlinkContact(ctx, supervisor(), later.ID)
		h.ok(err)
		if h.with(later.ID) != c.Contact {
			t.Error("unlinking twice is unlinking something else")
		}
		acts := []string{}
		h.view(func(tx *store.Tx) error {
			list, err := tx.Audit("", 10)
			acts = nil
			for _, e := range list {
				if e.Act != "contact.created" { // in the same millisecond as the link
					acts = append(acts, e.Act)
				}
			}
			return err
		})
		if diff := cmp.Diff([]string{"contact.unlinked", "contact.linked"}, acts); diff != "" {
			t.Errorf("the audit log: %s", diff)
		}
	})
}

func TestLinkingIsRefused(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("u1")
		mia := h.contact("Mia")
		_, err := h.desk.LinkContact(ctx, agent("ben"), c.ID, mia.ID)
		h.refused(err, core.NotFound)
		_, err = h.desk.UnlinkContact(ctx, agent("ben"), c.ID)
		h.refused(err, core.NotFound)
		_, err = h.desk.LinkContact(ctx, agent("anna"), c.ID, core.NewID(time.Now()))
		h.refused(err, core.Invalid)
		version := h.conversation(c.ID).Version
		_, err = h.desk.LinkContact(ctx, agent("anna"), c.ID, c.Contact)
		h.ok(err)
		if h.conversation(c.ID).Version != version {
			t.Error("linked to whom it is with, it changed")
		}
	})
}

func TestWhatAgentsWroteIsNotHiddenByALink(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		c := h.says("u1", "hello")
		_, err := h.desk.ChangeContact(ctx, agent("anna"), c.Contact, 0, desk.ContactFields{Note: ptr("pays in cash")})
		h.ok(err)
		mia := h.contact("Mia")
		_, err = h.desk.LinkContact(ctx, supervisor(), c.ID, mia.ID)
		h.ok(err)
		h.view(func(tx *store.Tx) error {
			kept, err := tx.Contact(c.Contact)
			if err == nil && kept.MergedInto != "" {
				t.Error("the note went with the contact")
			}
			return err
		})
		_, err = h.desk.UnlinkContact(ctx, supervisor(), c.ID)
		h.ok(err)
		if h.with(c.ID) != c.Contact {
			t.Error("it did not come back")
		}
	})
}

func TestAContactsFields(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		for name, c := range map[string]struct {
			fields desk.ContactFields
			want   core.Code
			field  string
		}{
			"nothing":        {desk.ContactFields{}, core.Invalid, "name"},
			"only blanks":    {desk.ContactFields{Name: ptr("  ")}, core.Invalid, "name"},
			"only a note":    {desk.ContactFields{Note: ptr("x")}, core.Invalid, "name"},
			"a name":         {desk.ContactFields{Name: ptr(" Mia ")}, "", ""},
			"an e-mail":      {desk.ContactFields{Email: ptr("mia@example.com")}, "", ""},
			"no e-mail":      {desk.ContactFields{Email: ptr("mia")}, core.Invalid, "email"},
			"half an e-mail": {desk.ContactFields{Email: ptr("@x")}, core.Invalid, "email"},
			"a number":       {desk.ContactFields{Phone: ptr("+33 6")}, "", ""},
			"no number":      {desk.ContactFields{Phone: ptr("call me")}, core.Invalid, "phone"},
			"a language":     {desk.ContactFields{Name: ptr("x"), Language: ptr("pt-BR")}, "", ""},
			"no language":    {desk.ContactFields{Name: ptr("x"), Language: ptr("Brazilian Portuguese")}, core.Invalid, "language"},
			"a company":      {desk.ContactFields{Company: ptr("Ateliers")}, "", ""},
			"too long":       {desk.ContactFields{Name: ptr(fmt.Sprintf("%201s", "x"))}, core.Invalid, "name"},
			"a long note":    {desk.ContactFields{Name: ptr("x"), Note: ptr(fmt.Sprintf("%10001s", "x"))}, core.Invalid, "note"},
		} {
			_, err := h.desk.CreateContact(ctx, agent("anna"), c.fields)
			if core.CodeOf(err) != c.want {
				t.Errorf("%s: %v", name, err)
			}
			if coded, ok := err.(*core.Error); ok && coded.Field != c.field {
				t.Errorf("%s: the field is %q, want %q", name, coded.Field, c.field)
			}
		}
		mia, err := h.desk.CreateContact(ctx, agent("anna"), desk.ContactFields{Name: ptr("Mia"), Phone: ptr("+33 6"), Note: ptr("n")})
		h.ok(err)
		got, err := h.desk.ChangeContact(ctx, agent("anna"), mia.ID, 0, desk.ContactFields{Phone: ptr(""), Company: ptr("Ateliers")})
		h.ok(err)
		want := *mia
		want.Phone, want.CompanyName, want.Version, want.UpdatedAt = "", "Ateliers", 2, got.UpdatedAt
		if diff := cmp.Diff(&want, got); diff != "" {
			t.Error(diff)
		}
		last := h.db.Last()
		_, err = h.desk.ChangeContact(ctx, agent("anna"), mia.ID, 0, desk.ContactFields{Name: ptr("Mia")})
		h.ok(err)
		if h.db.Last() != last {
			t.Error("nothing changed, and everybody was told")
		}
		_, err = h.desk.ChangeContact(ctx, agent("anna"), core.NewID(time.Now()), 0, desk.ContactFields{Name: ptr("x")})
		h.refused(err, core.NotFound)
		_, err = h.desk.ChangeContact(ctx, agent("ben"), mia.ID, 1, desk.ContactFields{Name: ptr("Maya")})
		h.refused(err, core.Conflict)
		_, err = h.desk.ChangeContact(ctx, agent("ben"), mia.ID, 2, desk.ContactFields{Name: ptr("Maya"), Note: ptr("n")})
		h.ok(err)
		var acts []string
		h.view(func(tx *store.Tx) error {
			acts = nil
			list, err := tx.Audit("", 20)
			for _, e := range list {
				if e.Subject == string(mia.ID) {
					acts = append(acts, e.Actor+" "+e.Act+": "+e.Details["fields"])
				}
			}
			slices.Sort(acts)
			return err
		})
		if diff := cmp.Diff([]string{
			"anna contact.changed: phone, company", "anna contact.created: name, phone, note", "ben contact.changed: name",
		}, acts); diff != "" {
			t.Errorf("the audit log: %s", diff)
		}
	})
}

// TestWhoseAConversationIs lets people link, unlink and merge as they please. A conversation is always with whom its
// identity belongs to, is on that contact's list and on no other, and a link taken back leaves nothing of itself.
func TestWhoseAConversationIs(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inBubble(t, nil, func(h *house) { shuffleContacts(h, rand.New(rand.NewPCG(seed, 1))) })
		})
	}
}

func shuffleContacts(h *house, dice *rand.Rand) {
	customers := []string{"u1", "u2", "u3", "u4"}
	contacts := []core.ID{h.contact("Mia").ID, h.contact("Noé").ID}
	var all []core.ID
	note := func(c *core.Conversation) {
		if !slices.Contains(all, c.ID) {
			all = append(all, c.ID)
		}
		if !slices.Contains(contacts, c.Contact) {
			contacts = append(contacts, c.Contact)
		}
	}
	for range 60 {
		if len(all) == 0 || dice.IntN(3) == 0 {
			note(h.says(customers[dice.IntN(len(customers))], "hello"))
		}
		id, contact := all[dice.IntN(len(all))], contacts[dice.IntN(len(contacts))]
		switch dice.IntN(5) {
		case 0:
			_, err := h.desk.Close(ctx, supervisor(), id)
			h.ok(err)
		case 1:
			_, err := h.desk.MergeContacts(ctx, supervisor(), contacts[dice.IntN(len(contacts))], contact)
			if err != nil {
				h.refused(err, core.Conflict)
			}
		case 2:
			c, err := h.desk.UnlinkContact(ctx, supervisor(), id)
			h.ok(err)
			note(c)
		default:
			before := h.with(id)
			c, err := h.desk.LinkContact(ctx, supervisor(), id, contact)
			h.ok(err)
			note(c)
			if dice.IntN(3) == 0 && before != c.Contact {
				_, err = h.desk.LinkContact(ctx, supervisor(), id, before)
				h.ok(err)
			}
		}
		h.checkContacts(all)
	}
}

// checkContacts compares conversations, identities and the lists of contacts.
func (h *house) checkContacts(all []core.ID) {
	h.t.Helper()
	want := map[core.ID][]core.ID{}
	h.view(func(tx *store.Tx) error {
		for _, id := range all {
			c, err := tx.Conversation(id)
			if err != nil {
				return err
			}
			i, err := tx.Identity(c.Identity)
			if err != nil {
				return err
			}
			owner, err := tx.ResolveContact(i.Contact)
			if err != nil {
				return err
			}
			stands, err := tx.ResolveContact(c.Contact)
			if err != nil {
				return err
			}
			if stands.ID != owner.ID {
				h.t.Errorf("conversation %s is with %s, its identity belongs to %s", id, stands.ID, owner.ID)
			}
			want[stands.ID] = append(want[stands.ID], id)
		}
		return nil
	})
	for contact, list := range want {
		slices.Sort(list)
		if diff := cmp.Diff(list, h.history(contact)); diff != "" {
			h.t.Fatalf("the conversations of %s: %s", contact, diff)
		}
	}
}

func TestWhoSharesAContactGetsOneOfTheirOwn(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		one, two := h.says("u1", "hello"), h.says("u2", "hello")
		_, err := h.desk.LinkContact(ctx, supervisor(), two.ID, one.Contact)
		h.ok(err)
		_, err = h.desk.UnlinkContact(ctx, supervisor(), one.ID)
		h.ok(err)
		own := h.with(one.ID)
		if own == one.Contact || h.with(two.ID) != one.Contact {
			t.Fatalf("the first is with %s, the second with %s; they shared %s", own, h.with(two.ID), one.Contact)
		}
		_, err = h.desk.UnlinkContact(ctx, supervisor(), one.ID)
		h.ok(err)
		if h.with(one.ID) != own {
			t.Error("unlinked once more, it went back")
		}
	})
}
