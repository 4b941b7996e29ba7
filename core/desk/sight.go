package desk

import (
	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// servingLooks is among how many of a contact's newest conversations those are looked for that a person has.
const servingLooks = 20

// Sight is what a person may read of a contact's conversations: those that they may see, and, while they have one with
// the contact, what was said before, because who answers a customer must know what others have told them. It is good for
// one transaction.
type Sight struct {
	desk    *Desk
	tx      *store.Tx
	actor   Actor
	through map[core.IdentityKey]bool // the identities through which they serve the contact
	sure    bool                      // one of them is the contact's beyond doubt
}

// Sight looks how a person serves a contact.
//
// Any agent may link the identity behind a conversation of theirs to any contact, and no claim of theirs may open what
// somebody else said: what came through the same identity is open, and what came through others where both are the
// contact's beyond doubt.
func (d *Desk) Sight(tx *store.Tx, a Actor, contact core.ID) (*Sight, error) {
	s := &Sight{desk: d, tx: tx, actor: a, through: map[core.IdentityKey]bool{}}
	if a.seesAll() {
		return s, nil
	}
	page, err := tx.ConversationsOfContact(contact, "", servingLooks)
	if err != nil {
		return nil, err
	}
	for _, c := range page.Conversations {
		if c.Place().Agent != a.Agent {
			continue
		}
		s.through[c.Identity] = true
		if s.sure {
			continue
		}
		if s.sure, err = proven(tx, c.Identity); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Reads reports whether one of the contact's conversations is in sight.
func (s *Sight) Reads(c *core.Conversation) (bool, error) {
	if s.desk.MaySee(s.actor, c) || s.through[c.Identity] {
		return true, nil
	}
	if !s.sure {
		return false, nil
	}
	return proven(s.tx, c.Identity)
}

// proven reports whether an identity is beyond doubt the contact's to whom it belongs.
func proven(tx *store.Tx, k core.IdentityKey) (bool, error) {
	i, err := tx.Identity(k)
	if err != nil {
		return false, err
	}
	return i == nil || i.LinkedBy == "", nil
}
