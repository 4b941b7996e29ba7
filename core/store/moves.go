package store

import (
	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

func contactMoveKey(id core.ID) key { return newKey(familySystem, systemContactMove).id(id) }

// PutContactMove keeps what is left to do after an identity has changed hands.
func (tx *Tx) PutContactMove(m *core.ContactMove) { put(tx, contactMoveKey(m.ID), m) }

// ContactMove reads one; nil when it is done.
func (tx *Tx) ContactMove(id core.ID) (*core.ContactMove, error) {
	return get[core.ContactMove](tx, contactMoveKey(id))
}

// DeleteContactMove says that a move is done.
func (tx *Tx) DeleteContactMove(m *core.ContactMove) { tx.drop(contactMoveKey(m.ID)) }

// ContactMoves returns the moves that are not done, the oldest first, at most limit.
func (tx *Tx) ContactMoves(limit int) ([]*core.ContactMove, error) {
	r := kv.Prefix(newKey(familySystem, systemContactMove))
	r.Limit = limit
	return all[core.ContactMove](tx, r)
}
