package kvtest_test

import (
	"context"
	"errors"
	"testing"

	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/kvtest"
	"github.com/guichet/guichet/core/kv/memkv"
)

// TestChaosCatchesImpureClosures counts outside the closure: the count goes wrong, by about a fifth.
func TestChaosCatchesImpureClosures(t *testing.T) {
	db := kvtest.Chaos(memkv.New(), 7)
	defer db.Close()
	const updates = 500
	impure, last := 0, 0
	for i := range updates {
		err := db.Update(context.Background(), func(tx kv.Tx) error {
			impure++
			last = i
			tx.Emit([]byte("t"), nil)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if impure < updates*11/10 || impure > updates*3/2 {
		t.Errorf("%d updates ran %d closures; about a quarter more were expected", updates, impure)
	}
	if last != updates-1 || db.Last() != updates {
		t.Errorf("%d updates committed, the last was %d", db.Last(), last)
	}
}

// TestChaosPassesErrors: what a closure says is not swallowed.
func TestChaosPassesErrors(t *testing.T) {
	db := kvtest.Chaos(kvtest.Chaos(memkv.New(), 1), 2)
	defer db.Close()
	wrong := errors.New("wrong")
	for range 50 {
		if err := db.Update(context.Background(), func(kv.Tx) error { return wrong }); !errors.Is(err, wrong) {
			t.Fatalf("got %v", err)
		}
		if err := db.UpdateLow(context.Background(), func(kv.Tx) error { return nil }); err != nil {
			t.Fatal(err)
		}
	}
}
