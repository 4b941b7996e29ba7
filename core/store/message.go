package store

import (
	"encoding/binary"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// AppendMessage gives m the next place in its conversation and writes it. The conversation, which must be written in
// the same transaction, carries the sequence: its LastSeq grows by one.
func (tx *Tx) AppendMessage(c *core.Conversation, m *core.Message) {
	c.LastSeq++
	m.Conversation, m.Seq = c.ID, c.LastSeq
	var seq [8]byte
	binary.BigEndian.PutUint64(seq[:], m.Seq)
	tx.kv.Set(clientKey(c.ID, m.From, m.ID), seq[:])
	tx.writeMessage(c, nil, m, true)
}

// PutMessage rewrites a message that was read in this transaction. audience is its conversation.
func (tx *Tx) PutMessage(c *core.Conversation, m *core.Message) {
	was, ok := tx.was[string(messageKey(m.Conversation, m.Seq))]
	if !ok {
		tx.fail(errNotRead("message", m.Seq))
		return
	}
	tx.writeMessage(c, was.keys, m, false)
}

func (tx *Tx) writeMessage(c *core.Conversation, was map[string]string, m *core.Message, isNew bool) {
	k := messageKey(m.Conversation, m.Seq)
	put(tx, k, m)
	keys := messageIndex(c.Account, m)
	tx.reindex(was, keys)
	tx.remember(k, indexed{keys: keys})
	tx.emit(core.TopicMessage, &core.MessageEvent{
		Conversation: m.Conversation, Seq: m.Seq, New: isNew, Internal: m.Visibility == core.InternalNote, After: c.Audience(),
	})
}

// Message reads one message of a conversation; a NotFound error when there is none.
func (tx *Tx) Message(c *core.Conversation, seq uint64) (*core.Message, error) {
	k := messageKey(c.ID, seq)
	m, err := get[core.Message](tx, k)
	if err != nil {
		return nil, err
	}
	if m == nil {
		return nil, missing("message", seq)
	}
	if !tx.view {
		tx.remember(k, indexed{keys: messageIndex(c.Account, m)})
	}
	return m, nil
}

// MessageByClient finds a message by its author and the id its client gave it; nil when there is none.
func (tx *Tx) MessageByClient(c *core.Conversation, author core.Author, id string) (*core.Message, error) {
	raw, err := tx.kv.Get(clientKey(c.ID, author, id))
	if err == kv.ErrNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return tx.Message(c, binary.BigEndian.Uint64(raw))
}

// Messages returns the messages after a seq, oldest first, at most limit.
func (tx *Tx) Messages(conversation core.ID, after uint64, limit int) ([]*core.Message, error) {
	r := kv.Prefix(newKey(familyConversation).id(conversation).byte(partMessage))
	r.Start = messageKey(conversation, after+1)
	r.Limit = limit
	return all[core.Message](tx, r)
}

// MessagesBefore returns the newest messages before a seq (0: from the end), oldest first, at most limit.
func (tx *Tx) MessagesBefore(conversation core.ID, before uint64, limit int) ([]*core.Message, error) {
	r := kv.Prefix(newKey(familyConversation).id(conversation).byte(partMessage))
	if before > 0 {
		r.End = messageKey(conversation, before)
	}
	r.Reverse, r.Limit = true, limit
	list, err := all[core.Message](tx, r)
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	return list, err
}

// ByExternalID finds a message by the provider's id under an account; an empty conversation id when it is not known.
func (tx *Tx) ByExternalID(account, external string) (conversation core.ID, seq uint64, err error) {
	raw, err := tx.kv.Get(newKey(familyExternal).hash(hash16(account, external)))
	if err == kv.ErrNotFound {
		return "", 0, nil
	}
	if err != nil {
		return "", 0, err
	}
	return idAt(raw, 0), binary.BigEndian.Uint64(raw[16:]), nil
}

func clientKey(conversation core.ID, author core.Author, id string) key {
	return newKey(familyConversation).id(conversation).byte(partClient).hash(hash16(string(author.Kind), author.ID, id))
}

// messageIndex returns the index entries of a message: its external ids and its references to attachments.
func messageIndex(account string, m *core.Message) map[string]string {
	if len(m.ExternalIDs) == 0 && len(m.Attachments) == 0 {
		return nil
	}
	keys := make(map[string]string, len(m.ExternalIDs)+len(m.Attachments))
	conv := m.Conversation.Bytes()
	place := string(binary.BigEndian.AppendUint64(conv[:], m.Seq))
	for _, x := range m.ExternalIDs {
		keys[string(newKey(familyExternal).hash(hash16(account, x)))] = place
	}
	for _, a := range m.Attachments {
		if a.Hash != "" {
			keys[string(messageReference(a.Hash, m.Conversation, m.Seq, a.ID))] = ""
		}
	}
	return keys
}
