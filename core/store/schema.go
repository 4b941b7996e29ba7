package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// Schema is the number of the layout that this version reads and writes. A change of keys or of a record's meaning
// raises it and registers a migration, and so does a further index of records that may be there already: a version that
// does not write it must not touch the store any more. A new field or a new kind does not need one.
//
//	2  the words by which contacts are found, the aliases of contacts, the conversations of a thread
const Schema = 2

// recordsSince is the oldest schema whose records mean what they mean today, so that exports of it can be imported:
// indexes are no part of an export.
const recordsSince = 1

// Options say how Open deals with an older store.
type Options struct {
	// Backup is called before an older store is migrated; nil means that there is nothing to back up.
	Backup func(ctx context.Context, db kv.DB, from int) error
	// Log is told when a migration begins and when it has ended, with names and values in turn; nil is allowed.
	Log func(text string, args ...any)
}

// schemaRecord says which layout a store has and how far a migration has come.
type schemaRecord struct {
	// Schema is the layout's number; while a migration is Unfinished the one that it leads to, so that a version which
	// does not know that one stays away from what is half done.
	Schema     int  `json:"schema"`
	Unfinished bool `json:"unfinished,omitempty"`
	// Cursor is where an unfinished migration goes on; empty at its beginning.
	Cursor []byte `json:"cursor,omitempty"`
	// BackedUp is set once the backup before the present migrations was made, so that an interrupted one is not backed
	// up again half-way.
	BackedUp bool `json:"backed_up,omitempty"`
}

// migration changes a store from one schema to the next, in chunks. Each call is one transaction in the lane of long
// work: it deals with what lies at cursor (nil at first), a few hundred records at most, and returns where the next
// call goes on, nil at the end. The cursor is stored in the same transaction: an interrupted migration continues.
type migration func(tx *Tx, cursor []byte) (next []byte, err error)

// migrations holds, by number, the migration from that schema to the next.
var migrations = map[int]migration{1: completeIndexes}

// from is the schema whose records the store has, or had when the unfinished migration began.
func (r *schemaRecord) from() int {
	if r.Unfinished {
		return r.Schema - 1
	}
	return r.Schema
}

func schemaKey() key { return newKey(familySystem, systemSchema) }

func (s *Store) migrate(ctx context.Context, options Options) error {
	return s.migrateTo(ctx, Schema, migrations, options)
}

func (s *Store) migrateTo(ctx context.Context, target int, steps map[int]migration, options Options) error {
	at, err := s.schema(ctx, target)
	if err != nil {
		return err
	}
	if at.Schema > target {
		return core.Errorf(core.Invalid,
			"this data was written by a newer version of Guichet (its schema is %d, this version knows %d): use that version, or restore a backup made before the upgrade",
			at.Schema, target)
	}
	if at.from() < target && !at.BackedUp {
		if options.Backup != nil {
			if err := options.Backup(ctx, s.db, at.Schema); err != nil {
				return fmt.Errorf("back up before the migration from schema %d: %w", at.Schema, err)
			}
		}
		if err := s.setSchema(ctx, at, func(r *schemaRecord) { r.BackedUp = true }); err != nil {
			return err
		}
	}
	for at.from() < target {
		if err := s.migrateOnce(ctx, at, target, steps[at.from()], options.Log); err != nil {
			return err
		}
	}
	return nil
}

// migrateOnce runs the migration from the schema that at names, chunk by chunk, and brings at up to date.
func (s *Store) migrateOnce(ctx context.Context, at *schemaRecord, target int, do migration, log func(string, ...any)) error {
	if log == nil {
		log = func(string, ...any) {}
	}
	from, chunks := at.from(), 0
	if at.Unfinished {
		log("the store goes on being brought to the next schema; nothing is served meanwhile", "from", from, "to", from+1)
	} else {
		log("the store is being brought to the next schema; nothing is served meanwhile", "from", from, "to", from+1)
	}
	for at.from() == from {
		if err := s.step(ctx, at, target, do); err != nil {
			return fmt.Errorf("migrate from schema %d: %w", from, err)
		}
		chunks++
	}
	log("the store has been brought to the next schema", "from", from, "to", at.Schema, "transactions", chunks)
	return nil
}

// step runs one chunk of the migration from the schema that at names, and brings at up to date.
func (s *Store) step(ctx context.Context, at *schemaRecord, target int, do migration) error {
	if do == nil {
		return errors.New("this version of Guichet has no such migration: use an earlier one first")
	}
	return s.db.UpdateLow(ctx, func(t kv.Tx) error {
		return run(t, func(tx *Tx) error {
			now, err := get[schemaRecord](tx, schemaKey())
			if err != nil {
				return err
			}
			if !now.Unfinished {
				now.Schema, now.Unfinished = now.Schema+1, true
			}
			if now.Cursor, err = do(tx, now.Cursor); err != nil {
				return err
			}
			if now.Cursor == nil {
				now.Unfinished, now.BackedUp = false, now.Schema < target
			}
			put(tx, schemaKey(), now)
			*at = *now
			return nil
		})
	})
}

// schema reads which schema the store has; an empty one gets the newest.
func (s *Store) schema(ctx context.Context, target int) (*schemaRecord, error) {
	var at *schemaRecord
	empty := true
	err := s.View(ctx, func(tx *Tx) (err error) {
		if at, err = get[schemaRecord](tx, schemaKey()); err != nil || at != nil {
			return err
		}
		for _, err := range tx.kv.Scan(kv.Range{Limit: 1, KeysOnly: true}) {
			if err != nil {
				return err
			}
			empty = false
		}
		return nil
	})
	switch {
	case err != nil:
		return nil, fmt.Errorf("read the schema: %w", err)
	case at != nil:
		return at, nil
	case !empty:
		return nil, core.Errorf(core.Invalid, "this data has records but does not say which schema they have: it is damaged, or it is not Guichet's")
	}
	at = &schemaRecord{}
	return at, s.setSchema(ctx, at, func(r *schemaRecord) { r.Schema = target })
}

func (s *Store) setSchema(ctx context.Context, at *schemaRecord, change func(*schemaRecord)) error {
	change(at)
	return s.Update(ctx, func(tx *Tx) error {
		put(tx, schemaKey(), at)
		return nil
	})
}
