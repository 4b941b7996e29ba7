package desk

import (
	"context"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// Linking says whose a customer's identity is. Nothing is linked by itself but what the provider vouches for; what a
// person links, a person can take back.

// moveChunk is how many conversations of a contact are looked at in one transaction.
const moveChunk = 50

// LinkContact says that the identity behind a conversation is a contact's: its conversations, this one and the others,
// are that contact's from now on, and so are later ones. The contact that it leaves with nothing, and about which nobody
// has written anything, becomes an alias.
func (d *Desk) LinkContact(ctx context.Context, a Actor, id, contact core.ID) (*core.Conversation, error) {
	audit := core.NewID(nowUTC())
	return d.relink(ctx, a, id, func(tx *store.Tx, i *core.Identity, former *core.Contact) (*core.Contact, error) {
		target, err := tx.ResolveContact(contact)
		if core.CodeOf(err) == core.NotFound {
			return nil, core.FieldErrorf("contact", "there is no contact %q", contact)
		}
		if err != nil || target.ID == former.ID {
			return target, err
		}
		i.Contact = target.ID
		tx.PutIdentity(i)
		left, err := tx.IdentitiesOf(former.ID)
		if err != nil {
			return nil, err
		}
		if len(left) == 0 && former.Email == "" && former.Phone == "" && former.CompanyName == "" && former.Company == "" && former.Note == "" {
			former.MergedInto = target.ID
			tx.PutContact(former)
		}
		auditLink(tx, audit, a, "contact.linked", id, i, former.ID, target.ID)
		return target, nil
	})
}

// UnlinkContact gives the identity behind a conversation a contact of its own again: the one it had first, where that
// has not become somebody else's, otherwise a new one. It does nothing to one that nothing else belongs to.
func (d *Desk) UnlinkContact(ctx context.Context, a Actor, id core.ID) (*core.Conversation, error) {
	now := nowUTC()
	audit, fresh := core.NewID(now), core.NewID(now)
	return d.relink(ctx, a, id, func(tx *store.Tx, i *core.Identity, former *core.Contact) (*core.Contact, error) {
		own, err := tx.Contact(i.Owner)
		if core.CodeOf(err) == core.NotFound {
			own, err = nil, nil
		}
		if err != nil {
			return nil, err
		}
		if i.Owner == former.ID {
			all, err := tx.IdentitiesOf(former.ID)
			if err != nil || len(all) == 1 {
				return former, err
			}
			own = nil // others have been linked to it: they keep it
		}
		switch {
		case own != nil && own.MergedInto == "":
		case own != nil && own.MergedInto == former.ID:
			own.MergedInto = ""
			tx.PutContact(own)
		default:
			own = &core.Contact{ID: fresh, Name: i.Name, Language: i.Language, Picture: i.Picture, CreatedAt: tx.Now()}
			tx.PutContact(own)
			i.Owner = own.ID
		}
		i.Contact = own.ID
		tx.PutIdentity(i)
		auditLink(tx, audit, a, "contact.unlinked", id, i, former.ID, own.ID)
		return own, nil
	})
}

func auditLink(tx *store.Tx, audit core.ID, a Actor, act string, conversation core.ID, i *core.Identity, from, to core.ID) {
	tx.AddAudit(&core.AuditEntry{
		ID: audit, Actor: a.Agent, Act: act, Subject: string(conversation),
		Details: map[string]string{"identity": i.Kind + " " + i.Value, "from": string(from), "to": string(to)},
	})
}

// relink runs a decision about whose the identity of a conversation is, moves the conversation, and then the identity's
// other ones, in chunks. An interruption leaves some behind; the same command again moves those too.
func (d *Desk) relink(ctx context.Context, a Actor, id core.ID,
	decide func(tx *store.Tx, i *core.Identity, former *core.Contact) (*core.Contact, error)) (*core.Conversation, error) {
	var m move
	c, err := d.change(ctx, func(tx *store.Tx) (*core.Conversation, error) {
		c, err := d.seen(tx, a, id)
		if err != nil {
			return nil, err
		}
		i, err := tx.Identity(c.Identity)
		if err != nil {
			return nil, err
		}
		if i == nil {
			return nil, core.Errorf(core.Conflict, "nothing is known of who writes in this conversation: there is nothing to link")
		}
		former, err := tx.ResolveContact(i.Contact)
		if err != nil {
			return nil, err
		}
		m = move{identity: c.Identity, rest: former.ID}
		// The lists to go through, as they are before an alias comes or goes: the former contact's, and that of the
		// conversation, which differs where an earlier move was interrupted.
		if m.lists, err = tx.Aliases(former.ID); err != nil {
			return nil, err
		}
		stands, err := tx.ResolveContact(c.Contact)
		if err != nil {
			return nil, err
		}
		if stands.ID != former.ID {
			m.lists = append(m.lists, stands.ID)
		}
		target, err := decide(tx, i, former)
		if err != nil {
			return nil, err
		}
		m.to = target.ID
		if c.Contact != m.to {
			c.Contact = m.to
			tx.PutConversation(c, false)
		}
		return c, nil
	})
	if err != nil {
		return nil, err
	}
	return c, d.move(ctx, m)
}

// move is what is left to do once an identity has changed hands.
type move struct {
	identity core.IdentityKey
	to       core.ID   // whose its conversations are now
	rest     core.ID   // whose the others are that lie under an alias which is one no longer
	lists    []core.ID // contacts under which its conversations may lie
}

func (d *Desk) move(ctx context.Context, m move) error {
	for _, list := range m.lists {
		for cursor, next := "", ""; ; cursor = next {
			err := d.store.Update(ctx, func(tx *store.Tx) error {
				page, err := tx.ConversationsUnder(list, cursor, moveChunk)
				if err != nil {
					return err
				}
				for _, c := range page.Conversations {
					if err := m.apply(tx, c); err != nil {
						return err
					}
				}
				next = page.Next
				return nil
			})
			if err != nil {
				return err
			}
			if next == "" {
				break
			}
		}
	}
	return nil
}

// apply brings one conversation to the contact that it belongs to now.
func (m *move) apply(tx *store.Tx, c *core.Conversation) error {
	to := m.to
	if c.Identity != m.identity {
		stands, err := tx.ResolveContact(c.Contact)
		if err != nil || stands.ID != m.to || m.to == m.rest {
			return err
		}
		to = m.rest // it came along when an alias was revived
	}
	if c.Contact != to {
		c.Contact = to
		tx.PutConversation(c, false)
	}
	return nil
}
