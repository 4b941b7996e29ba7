package app

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/blob"
	"github.com/guichet/guichet/core/kv/memkv"
	"github.com/guichet/guichet/core/store"
)

// TestContentIsCollectedOnceNothingRefersToIt lets the store and the blob store work together, as they do in the server.
func TestContentIsCollectedOnceNothingRefersToIt(t *testing.T) {
	ctx := t.Context()
	now := time.Date(2026, 11, 1, 12, 0, 0, 0, time.UTC)
	clock := func() time.Time { return now }
	db := memkv.NewWithClock(clock)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := store.Open(ctx, db, store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.Open(t.TempDir(), clock)
	if err != nil {
		t.Fatal(err)
	}
	hash, size, mimeType, err := blobs.Put(ctx, strings.NewReader("a picture"), 100)
	if err != nil {
		t.Fatal(err)
	}
	upload := &core.Upload{ID: core.NewID(now), Agent: "ann", Hash: hash, Name: "a.txt", Type: mimeType, Size: size, CreatedAt: now}
	if err := s.Update(ctx, func(tx *store.Tx) error { tx.PutUpload(upload); return nil }); err != nil {
		t.Fatal(err)
	}

	collect := func(after time.Duration) int {
		t.Helper()
		now = now.Add(after)
		removed, err := blobs.Collect(context.Background(), s, now)
		if err != nil {
			t.Fatal(err)
		}
		return removed
	}
	if n := collect(30 * 24 * time.Hour); n != 0 {
		t.Fatalf("%d contents were removed while an upload refers to them", n)
	}
	if err := s.Update(ctx, func(tx *store.Tx) error { tx.DeleteUpload(upload.ID); return nil }); err != nil {
		t.Fatal(err)
	}
	if n := collect(47 * time.Hour); n != 0 {
		t.Fatalf("%d contents were removed before 48 h had passed", n)
	}
	if n := collect(2 * time.Hour); n != 1 {
		t.Fatalf("%d contents were removed after 48 h, want 1", n)
	}
	if has, err := blobs.Has(hash); err != nil || has {
		t.Fatalf("the content is there: %v, %v", has, err)
	}
}
