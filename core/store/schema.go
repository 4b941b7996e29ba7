package store

import (
	"context"

	"github.com/guichet/guichet/core/kv"
)

// Schema is the number of the layout that this version reads and writes.
const Schema = 1

// Options say how Open deals with an older store.
type Options struct {
	// Backup is called before an older store is migrated; nil means that there is nothing to back up.
	Backup func(ctx context.Context, db kv.DB, from int) error
}

func (s *Store) migrate(ctx context.Context, options Options) error { return nil }
