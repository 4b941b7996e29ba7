package desk

import (
	"context"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// Linking says whose a customer's identity is. Nothing is linked by itself but what the provider vouches for; what a
// person links, a person can take back.

// knownLooks is among how many of a contact's newest conversations one is looked for that an agent has had.
const knownLooks = 50

// LinkContact says that the identity behind a conversation is a contact's: its conversations, this one and the others,
// are that contact's from now on, and so are later ones. The contact that it leaves with nothing, and about which nobody
// has written anything, becomes an alias.
//
// What other identities of the contact have told is not open to whoever serves this one because an agent says so; it is
// once a supervisor says the same, or if the agent has had a conversation with the contact. See Sight.
func (d *Desk) LinkContact(ctx context.Context, a Actor, id, contact core.ID) (*core.Conversation, error) {
	audit := core.NewID(nowUTC())
	return d.relink(ctx, a, id, func(tx *store.Tx, i *core.Identity, former *core.Contact) (*core.Contact, error) {
		target, err := tx.ResolveContact(contact)
		if core.CodeOf(err) == core.NotFound {
			return nil, core.FieldErrorf("contact", "there is no contact %q", contact)
		}
		if err != nil {
			return nil, err
		}
		by := a.Agent
		if known, err := knows(tx, a, target.ID, i.IdentityKey); err != nil {
			return nil, err
		} else if known {
			by = ""
		}
		if target.ID == former.ID {
			if i.LinkedBy != "" && by == "" {
				i.LinkedBy = ""
				tx.PutIdentity(i)
				auditLink(tx, audit, a, "contact.linked", id, i, former.ID, target.ID)
			}
			return target, nil
		}
		i.Contact, i.LinkedBy = target.ID, by
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
		i.Contact, i.LinkedBy = own.ID, ""
		tx.PutIdentity(i)
		auditLink(tx, audit, a, "contact.unlinked", id, i, former.ID, own.ID)
		return own, nil
	})
}

// knows reports whether a person's word is enough to say that an identity is a contact's: that of a supervisor is, and
// that of an agent who has had a conversation with the contact, through another identity which is the contact's beyond
// doubt, and anybody's of a contact with whom nobody has spoken.
func knows(tx *store.Tx, a Actor, contact core.ID, linked core.IdentityKey) (bool, error) {
	if a.seesAll() {
		return true, nil
	}
	page, err := tx.ConversationsOfContact(contact, "", knownLooks)
	if err != nil {
		return false, err
	}
	if len(page.Conversations) == 0 {
		has, err := tx.IdentitiesOf(contact)
		return len(has) == 0, err
	}
	for _, c := range page.Conversations {
		if c.Identity == linked {
			continue
		}
		sure, err := proven(tx, c.Identity)
		if err != nil {
			return false, err
		}
		if !sure {
			continue
		}
		sessions, err := tx.Sessions(c.ID)
		if err != nil {
			return false, err
		}
		for _, s := range sessions {
			if s.Agent == a.Agent && !s.AcceptedAt.IsZero() {
				return true, nil
			}
		}
	}
	return false, nil
}

func auditLink(tx *store.Tx, audit core.ID, a Actor, act string, conversation core.ID, i *core.Identity, from, to core.ID) {
	tx.AddAudit(&core.AuditEntry{
		ID: audit, Actor: a.Agent, Act: act, Subject: string(conversation),
		Details: map[string]string{"identity": i.Kind + " " + i.Value, "from": string(from), "to": string(to)},
	})
}

// relink runs a decision about whose the identity of a conversation is and moves the conversation. The identity's other
// ones follow in chunks, also when whoever asked has gone meanwhile; what cannot be moved now is moved later.
func (d *Desk) relink(ctx context.Context, a Actor, id core.ID,
	decide func(tx *store.Tx, i *core.Identity, former *core.Contact) (*core.Contact, error)) (*core.Conversation, error) {
	move := core.NewID(nowUTC())
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
		m := &core.ContactMove{ID: move, Identity: c.Identity, Rest: former.ID}
		// The lists to go through, as they are before an alias comes or goes: the former contact's, and that of the
		// conversation, which differs while an earlier move is under way.
		if m.Lists, err = tx.Aliases(former.ID); err != nil {
			return nil, err
		}
		stands, err := tx.ResolveContact(c.Contact)
		if err != nil {
			return nil, err
		}
		if stands.ID != former.ID {
			m.Lists = append(m.Lists, stands.ID)
		}
		target, err := decide(tx, i, former)
		if err != nil {
			return nil, err
		}
		m.To = target.ID
		tx.PutContactMove(m)
		if c.Contact != m.To {
			c.Contact = m.To
			tx.PutConversation(c, false)
		}
		return c, nil
	})
	if err != nil {
		return nil, err
	}
	if err := d.move(context.WithoutCancel(ctx), move); err != nil {
		d.log.Error("a customer's other conversations do not follow yet; they will", "conversation", id, "error", err)
		d.mover.signal()
	}
	return c, nil
}
