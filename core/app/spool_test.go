package app

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/guichet/guichet/core/kv/memkv"
	"github.com/guichet/guichet/core/store"
)

// Requests that were spooled within one millisecond are handled in the order in which they came.
func TestSpoolKeepsOrder(t *testing.T) {
	ctx := context.Background()
	st, err := store.Open(ctx, memkv.New(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	s := spool{store: st, order: &spoolOrder{}}
	const n = 300
	for i := range n {
		if err := s.Put(ctx, "shop", fmt.Appendf(nil, "request %d", i)); err != nil {
			t.Fatal(err)
		}
	}
	next := 0
	err = s.Each(ctx, "shop", func(id string, request []byte) error {
		if want := fmt.Sprintf("request %d", next); string(request) != want {
			return fmt.Errorf("%q comes where %q should", request, want)
		}
		next++
		return s.Delete(ctx, "shop", id)
	})
	if err != nil || next != n {
		t.Errorf("%d of %d requests came: %v", next, n, err)
	}
}

func TestSpoolOrderGrowsWhenTheClockJumpsBack(t *testing.T) {
	o := &spoolOrder{}
	now := time.Date(2026, 11, 21, 9, 0, 0, 0, time.UTC)
	last := o.next(now)
	for i := range 1000 {
		id := o.next(now.Add(-time.Duration(i) * time.Second))
		if id <= last {
			t.Fatalf("id %s follows %s", id, last)
		}
		last = id
	}
	if id := o.next(now.Add(time.Hour)); id <= last {
		t.Errorf("id %s follows %s", id, last)
	}
}

// TestSpoolVisitsEverythingWithoutDeleting goes over more than a page of requests and deletes none.
func TestSpoolVisitsEverythingWithoutDeleting(t *testing.T) {
	db := memkv.New()
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := store.Open(t.Context(), db, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	kept := spool{store: s, order: &spoolOrder{}}
	const many = 120
	for i := range many {
		if err := kept.Put(t.Context(), "shop", []byte{byte(i)}); err != nil {
			t.Fatal(err)
		}
	}
	var seen []byte
	if err := kept.Each(t.Context(), "shop", func(_ string, request []byte) error {
		seen = append(seen, request...)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(seen) != many {
		t.Fatalf("%d requests were visited, want %d", len(seen), many)
	}
	for i, b := range seen {
		if int(b) != i {
			t.Fatalf("request %d came at place %d", b, i)
		}
	}
}
