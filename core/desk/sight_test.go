package desk_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/store"
)

// served has a customer write and an agent pick it up.
func (h *house) served(customer, by string) *core.Conversation {
	h.t.Helper()
	c := h.says(customer, "hello from "+customer)
	got, err := h.desk.Pick(ctx, agent(by), c.ID)
	h.ok(err)
	return got
}

// over has a customer served by an agent, once.
func (h *house) over(customer, by string) *core.Conversation {
	h.t.Helper()
	c := h.served(customer, by)
	got, err := h.desk.Close(ctx, supervisor(), c.ID)
	h.ok(err)
	return got
}

func (h *house) readsExactly(what string, a desk.Actor, contact core.ID, want ...*core.Conversation) {
	h.t.Helper()
	var ids []core.ID
	for _, c := range want {
		ids = append(ids, c.ID)
	}
	slices.Sort(ids)
	got := h.reads(a, contact)
	slices.Sort(got)
	if diff := cmp.Diff(ids, got); diff != "" {
		h.t.Errorf("%s: -want +got\n%s", what, diff)
	}
}

func (h *house) linked(a desk.Actor, c *core.Conversation, contact core.ID) {
	h.t.Helper()
	_, err := h.desk.LinkContact(ctx, a, c.ID, contact)
	h.ok(err)
}

func TestALinkOfAnAgentsOpensNobodysHistory(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		anna, sue := agent("anna"), supervisor()
		foreign := h.over("mia", "ben") // Mia has spoken with Ben only
		before, own := h.over("u1", "ben"), h.served("u1", "anna")
		mia, first := foreign.Contact, own.Contact
		h.readsExactly("not hers", anna, mia)
		h.readsExactly("what her customer said to Ben", anna, first, before, own)

		h.linked(anna, own, mia)
		h.readsExactly("linked on her word", anna, mia, before, own)
		h.linked(anna, own, mia)
		h.readsExactly("said twice", anna, mia, before, own)
		h.readsExactly("the supervisor reads all", sue, mia, before, own, foreign)

		again, err := h.desk.UnlinkContact(ctx, anna, own.ID)
		h.ok(err)
		if again.Contact != first {
			t.Errorf("unlinked, it is with %s", again.Contact)
		}
		h.linked(anna, own, mia)
		h.readsExactly("after a detour", anna, mia, before, own)

		// Another conversation of hers, linked the same way, does not make the first link better.
		second := h.served("u2", "anna")
		h.linked(anna, second, mia)
		h.linked(anna, own, mia)
		h.readsExactly("two of hers", anna, mia, before, own, second)

		h.linked(sue, own, mia)
		h.readsExactly("a supervisor says the same", anna, mia, before, own, second, foreign)
		acts := 0
		h.view(func(tx *store.Tx) error {
			list, err := tx.Audit("", 20)
			for _, e := range list {
				if e.Actor == "sue" && e.Act == "contact.linked" {
					acts++
				}
			}
			return err
		})
		if acts != 1 {
			t.Errorf("the supervisor's word is in the audit log %d times", acts)
		}
	})
}

func TestAnAgentWhoKnowsACustomerMaySayWhoWrites(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		anna := agent("anna")
		withBen, withAnna := h.over("mia", "ben"), h.over("mia", "anna")
		own := h.served("u1", "anna")
		h.linked(anna, own, withAnna.Contact)
		h.readsExactly("Mia has spoken with her", anna, withAnna.Contact, withBen, withAnna, own)

		// Of a contact made by hand nothing can be learned.
		zoe := h.contact("Zoé")
		one, two := h.served("u2", "anna"), h.served("u3", "anna")
		h.linked(anna, one, zoe.ID)
		h.linked(anna, two, zoe.ID)
		_, err := h.desk.Close(ctx, supervisor(), one.ID)
		h.ok(err)
		h.readsExactly("both are hers", anna, zoe.ID, one, two)
	})
}

func TestALinkThatIsDoubtedDoesNotVouchForOthers(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		anna := agent("anna")
		foreign := h.over("mia", "ben")
		own := h.served("u1", "anna")
		h.linked(anna, own, foreign.Contact)
		_, err := h.desk.Close(ctx, supervisor(), own.ID)
		h.ok(err)
		// The same person writes with a second identity, which is known through the first.
		e := h.message("u1", "and here is my number")
		e.Sender.Identities = []core.SenderIdentity{
			{IdentityKey: core.IdentityKey{Kind: "phone", Value: "+331"}, Verified: true}, e.Sender.Identities[0],
		}
		h.receive(e)
		next := h.ongoing("u1")
		if next.Identity.Kind != "phone" || next.Contact != foreign.Contact {
			t.Fatalf("begun as %+v with %s", next.Identity, next.Contact)
		}
		_, err = h.desk.Pick(ctx, anna, next.ID)
		h.ok(err)
		h.readsExactly("through the second identity", anna, foreign.Contact, own, next)
		_, err = h.desk.UnlinkContact(ctx, anna, next.ID)
		h.ok(err)
		h.linked(anna, next, foreign.Contact)
		h.readsExactly("after a detour", anna, foreign.Contact, own, next)
	})
}
