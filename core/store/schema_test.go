package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/kvtest"
	"github.com/guichet/guichet/core/kv/memkv"
)

func schemaOf(t *testing.T, s *Store) schemaRecord {
	t.Helper()
	var at schemaRecord
	view(t, s, func(tx *Tx) error {
		r, err := get[schemaRecord](tx, schemaKey())
		if r != nil {
			at = *r
		}
		return err
	})
	return at
}

func TestANewStoreGetsTheNewestSchema(t *testing.T) {
	s := memory(t)
	if at := schemaOf(t, s); at.Schema != Schema {
		t.Errorf("schema %d", at.Schema)
	}
	if _, err := Open(t.Context(), s.db, Options{Backup: func(context.Context, kv.DB, int) error {
		return errors.New("asked for a backup")
	}}); err != nil {
		t.Error(err)
	}
}

func TestANewerStoreIsRefused(t *testing.T) {
	s := memory(t)
	do(t, s, func(tx *Tx) { put(tx, schemaKey(), &schemaRecord{Schema: Schema + 1}) })
	_, err := Open(t.Context(), s.db, Options{})
	if core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), "newer version of Guichet") {
		t.Errorf("got %v", err)
	}
}

func TestRecordsWithoutASchemaAreRefused(t *testing.T) {
	db := memkv.New()
	if err := db.Update(t.Context(), func(tx kv.Tx) error {
		tx.Set([]byte("c"), nil)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), db, Options{}); core.CodeOf(err) != core.Invalid {
		t.Errorf("got %v", err)
	}
}

// renameStep is a made-up migration: it appends a letter to the name of each contact, two at a time.
func renameStep(letter string, failAt core.ID) migration {
	return func(tx *Tx, cursor []byte) ([]byte, error) {
		list, err := tx.Contacts(core.ID(cursor), 2)
		if err != nil {
			return nil, err
		}
		for _, c := range list {
			if c.ID == failAt {
				return nil, errors.New("no room")
			}
			c.Name += letter
			tx.PutContact(c)
		}
		if len(list) < 2 {
			return nil, nil
		}
		return []byte(list[1].ID), nil
	}
}

func TestAnOlderStoreIsBackedUpAndMigratedInChunks(t *testing.T) {
	const contacts = 5
	s := &Store{db: kvtest.Chaos(memkv.NewWithClock(fixedClock), 3)}
	if err := s.migrateTo(t.Context(), 1, nil, Options{}); err != nil {
		t.Fatal(err)
	}
	do(t, s, func(tx *Tx) {
		for i := range contacts {
			tx.PutContact(&core.Contact{ID: id(i + 1)})
		}
	})
	backups, from := 0, 1
	options := Options{Backup: func(_ context.Context, db kv.DB, schema int) error {
		if db != s.db || schema != from {
			t.Errorf("backup from schema %d, want %d", schema, from)
		}
		backups++
		return nil
	}}

	err := s.migrateTo(t.Context(), 3, map[int]migration{1: renameStep("a", ""), 2: renameStep("b", id(4))}, options)
	if err == nil || !strings.Contains(err.Error(), "migrate from schema 2: no room") {
		t.Fatalf("got %v", err)
	}
	if at := schemaOf(t, s); at.Schema != 3 || !at.Unfinished || len(at.Cursor) == 0 {
		t.Errorf("interrupted at %+v", at)
	}
	if err := s.migrateTo(t.Context(), 3, map[int]migration{2: renameStep("b", "")}, options); err != nil {
		t.Fatal(err)
	}
	if at := schemaOf(t, s); at.Schema != 3 || at.Unfinished || at.Cursor != nil || at.BackedUp {
		t.Errorf("ended at %+v", at)
	}
	if backups != 1 {
		t.Errorf("%d backups", backups)
	}
	view(t, s, func(tx *Tx) error {
		list, err := tx.Contacts("", 10)
		var names []string
		for _, c := range list {
			names = append(names, c.Name)
		}
		if got, want := fmt.Sprint(names), "[ab ab ab ab ab]"; got != want {
			t.Errorf("names %s, want %s", got, want)
		}
		return err
	})

	from = 3
	err = s.migrateTo(t.Context(), 4, nil, options)
	if err == nil || !strings.Contains(err.Error(), "no such migration") {
		t.Errorf("a migration that is missing: %v", err)
	}
	if backups != 2 {
		t.Errorf("%d backups before the next schema", backups)
	}
}

func TestWithoutABackupNothingIsMigrated(t *testing.T) {
	s := &Store{db: memkv.New()}
	if err := s.migrateTo(t.Context(), 1, nil, Options{}); err != nil {
		t.Fatal(err)
	}
	full := errors.New("disk full")
	err := s.migrateTo(t.Context(), 2, map[int]migration{1: renameStep("a", "")}, Options{
		Backup: func(context.Context, kv.DB, int) error { return full },
	})
	if !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
	if at := schemaOf(t, s); at.Schema != 1 || at.BackedUp {
		t.Errorf("at %+v", at)
	}
}
