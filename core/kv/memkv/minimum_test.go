package memkv_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"

	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/memkv"
)

// race runs slow, and, after slow's first run has read what it reads, fast, which commits before slow does. It returns
// how often slow's closure ran.
func race(t *testing.T, db kv.DB, slow, fast func(kv.Tx) error) int64 {
	t.Helper()
	var runs atomic.Int64
	err := db.Update(context.Background(), func(tx kv.Tx) error {
		if err := slow(tx); err != nil {
			return err
		}
		if runs.Add(1) == 1 {
			return db.Update(context.Background(), fast)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return runs.Load()
}

func set(key, value string) func(kv.Tx) error {
	return func(tx kv.Tx) error {
		tx.Set([]byte(key), []byte(value))
		return nil
	}
}

// TestMinimum pins down what conflicts and, just as much, what does not: an engine that promised more would hide
// closures that rely on it.
func TestMinimum(t *testing.T) {
	get := func(tx kv.Tx, key string) error {
		if _, err := tx.Get([]byte(key)); !errors.Is(err, kv.ErrNotFound) {
			return err
		}
		return nil
	}
	for _, test := range []struct {
		name string
		slow func(kv.Tx) error
		fast func(kv.Tx) error
		runs int64
	}{
		{"a key that was read changes", func(tx kv.Tx) error { return get(tx, "there") }, set("there", "2"), 2},
		{"a key that was read goes", func(tx kv.Tx) error { return get(tx, "there") }, func(tx kv.Tx) error {
			tx.Delete([]byte("there"))
			return nil
		}, 2},
		{"a key that was read is written with the same value", func(tx kv.Tx) error { return get(tx, "there") }, set("there", "1"), 2},
		{"an absent key that is also written appears", func(tx kv.Tx) error {
			err := get(tx, "absent")
			tx.Set([]byte("absent"), nil)
			return err
		}, set("absent", "2"), 2},
		{"an absent key that is only looked at appears", func(tx kv.Tx) error { return get(tx, "absent") }, set("absent", "2"), 1},
		{"a key that is only written changes", set("there", "3"), set("there", "2"), 1},
		{"a key that is written, then read, changes", func(tx kv.Tx) error {
			tx.Set([]byte("there"), []byte("3"))
			return get(tx, "there")
		}, set("there", "2"), 1},
		{"a key that was scanned changes", func(tx kv.Tx) error {
			for _, err := range tx.Scan(kv.Range{}) {
				if err != nil {
					return err
				}
			}
			return nil
		}, set("there", "2"), 1},
		{"another key changes", func(tx kv.Tx) error { return get(tx, "there") }, set("other", "2"), 1},
	} {
		t.Run(test.name, func(t *testing.T) {
			db := memkv.New()
			defer db.Close()
			if err := db.Update(context.Background(), set("there", "1")); err != nil {
				t.Fatal(err)
			}
			if runs := race(t, db, test.slow, test.fast); runs != test.runs {
				t.Errorf("the closure ran %d times, want %d", runs, test.runs)
			}
		})
	}
}
