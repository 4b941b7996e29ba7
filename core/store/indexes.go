package store

import (
	"context"
	"fmt"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// indexesNow numbers the index entries that records have in this version. A further index of records that may be there
// already raises it and names their families in indexSteps: Open then writes the entries that are missing. That is no
// migration, because the records, and what they mean, stay as they are.
const indexesNow = 2

// indexSteps holds, by number, the families whose records gained index entries with it.
var indexSteps = map[int][]family{
	1: {familyContact, familyIdentity}, // words, and the aliases of contacts
	2: {familyConversation},            // the conversations of a thread
}

// indexChunk is how many records get their entries in one transaction.
const indexChunk = 40

// completeIndexes brings the index entries of a store that an earlier version wrote up to date, in chunks. Writing an
// entry that is there already changes nothing, so that an interruption only means beginning again.
func (s *Store) completeIndexes(ctx context.Context) error {
	at, err := s.schema(ctx, Schema)
	if err != nil || at.Indexes >= indexesNow {
		return err
	}
	for step := at.Indexes + 1; step <= indexesNow; step++ {
		for _, f := range indexSteps[step] {
			for next := newKey(f); next != nil; {
				if err := s.UpdateLow(ctx, func(tx *Tx) (err error) {
					next, err = tx.completeFrom(f, next)
					return err
				}); err != nil {
					return fmt.Errorf("complete the indexes: %w", err)
				}
			}
		}
	}
	return s.Update(ctx, func(tx *Tx) error {
		now, err := get[schemaRecord](tx, schemaKey())
		if err != nil {
			return err
		}
		now.Indexes = indexesNow
		put(tx, schemaKey(), now)
		return nil
	})
}

// completeFrom writes the index entries of the next records of a family, and returns where to go on, nil at the end.
func (tx *Tx) completeFrom(f family, from key) (next key, err error) {
	r := kv.Prefix(newKey(f))
	r.Start, r.Limit = from, indexChunk
	n := 0
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			return nil, err
		}
		n++
		next = append(append(newKey(), p.Key...), 0)
		want, err := tx.indexAt(p.Key, p.Value)
		if err != nil && core.CodeOf(err) != core.NotFound {
			return nil, err
		}
		tx.reindex(nil, want)
	}
	if n < indexChunk {
		return nil, nil
	}
	return next, nil
}
