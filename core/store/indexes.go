package store

import (
	"errors"

	"github.com/guichet/guichet/core/kv"
)

// How much one transaction of completeIndexes does. A contact has up to 25 entries, a conversation one of those that
// are written here.
const (
	dropChunk         = 1000 // entries
	contactChunk      = 40   // records
	conversationChunk = 100  // records
)

// indexStages are the steps of completeIndexes: where each works, and how it does one chunk of it.
var indexStages = []struct {
	prefix key
	chunk  func(tx *Tx, prefix, from key) (next key, err error)
}{
	{newKey(familyAlias), (*Tx).dropEntries},
	{newKey(familyWord), (*Tx).dropEntries},
	{newKey(familyList, listThread), (*Tx).dropEntries},
	{newKey(familyContact), (*Tx).completeRecords},
	{newKey(familyIdentity), (*Tx).completeRecords},
	{newKey(familyConversation), (*Tx).completeConversations},
}

// completeIndexes is the migration from schema 1: it writes the index entries that came with schema 2. Entries that are
// there already go first. They are from a version that wrote some while it still called its schema 1; what an earlier
// version has changed after that one, they do not show. The cursor is the number of the stage and where it goes on.
func completeIndexes(tx *Tx, cursor []byte) ([]byte, error) {
	stage, from := 0, key(nil)
	if len(cursor) > 0 {
		stage, from = int(cursor[0]), cursor[1:]
	}
	if stage >= len(indexStages) {
		return nil, errors.New("it was begun by another version of Guichet, which has to end it")
	}
	do := indexStages[stage]
	if len(from) == 0 {
		from = do.prefix
	}
	next, err := do.chunk(tx, do.prefix, from)
	if err != nil {
		return nil, err
	}
	if next == nil {
		if stage++; stage == len(indexStages) {
			return nil, nil
		}
	}
	return append([]byte{byte(stage)}, next...), nil
}

// ofSchema2 reports whether an index entry came with schema 2.
func ofSchema2(entry string) bool {
	return entry[0] == familyAlias || entry[0] == familyWord || entry[0] == familyList && entry[1] == listThread
}

func (tx *Tx) dropEntries(prefix, from key) (next key, err error) {
	r := keysOf(prefix)
	r.Start, r.Limit = from, dropChunk
	n := 0
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			return nil, err
		}
		tx.kv.Delete(p.Key)
		n, next = n+1, after(p.Key)
	}
	if n < dropChunk {
		return nil, nil
	}
	return next, nil
}

func (tx *Tx) completeRecords(prefix, from key) (next key, err error) {
	r := kv.Prefix(prefix)
	r.Start, r.Limit = from, contactChunk
	n := 0
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			return nil, err
		}
		if err := tx.complete(p.Key, p.Value); err != nil {
			return nil, err
		}
		n, next = n+1, after(p.Key)
	}
	if n < contactChunk {
		return nil, nil
	}
	return next, nil
}

// completeConversations looks only at what stands at the head of each conversation, never at its messages.
func (tx *Tx) completeConversations(prefix, from key) (next key, err error) {
	next = from
	for range conversationChunk {
		r := kv.Prefix(prefix)
		r.Start, r.Limit = next, 1
		found := false
		for p, err := range tx.kv.Scan(r) {
			if err != nil {
				return nil, err
			}
			found, next = true, kv.PrefixEnd(p.Key[:min(len(p.Key), 17)])
			if err := tx.complete(p.Key, p.Value); err != nil {
				return nil, err
			}
		}
		if !found || next == nil {
			return nil, nil
		}
	}
	return next, nil
}

// complete writes the entries of schema 2 of the record at k; none for what is damaged, which fsck tells.
func (tx *Tx) complete(k, raw []byte) error {
	want, err := tx.indexAt(k, raw)
	if err != nil {
		return err
	}
	for entry, value := range want {
		if ofSchema2(entry) {
			tx.kv.Set([]byte(entry), []byte(value))
		}
	}
	return nil
}

// after is the smallest key after k.
func after(k []byte) key { return append(newKey(k...), 0) }
