package store

import (
	"github.com/guichet/guichet/core"
)

// threadListPrefix is the prefix of a thread's conversations, whatever channel of the account they came by.
func threadListPrefix(account string, t core.Thread) key {
	return newKey(familyList, listThread).hash(hash16(account, t.Kind, t.ID))
}

// ConversationsOfThread returns the conversations that there were in a thread of an account, the newest first, those
// after the given one in that order (nil: from the newest), at most limit.
func (tx *Tx) ConversationsOfThread(account string, t core.Thread, before *core.Conversation, limit int) ([]*core.Conversation, error) {
	prefix := threadListPrefix(account, t)
	r := keysOf(prefix)
	if before != nil {
		r.Start = append(threadListPrefix(account, t).down(before.CreatedAt).id(before.ID), 0)
	}
	r.Limit = limit
	var list []*core.Conversation
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			return nil, err
		}
		c, err := tx.Conversation(idAt(p.Key, len(prefix)+8))
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// WaitingOrder returns who waits in a queue, the longest waiting first, at most limit.
func (tx *Tx) WaitingOrder(queue string, limit int) ([]core.ID, error) {
	prefix := newKey(familyList, listQueue).name(queue)
	r := keysOf(prefix)
	r.Limit = limit
	var list []core.ID
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			return nil, err
		}
		list = append(list, idAt(p.Key, len(prefix)+8))
	}
	return list, nil
}
