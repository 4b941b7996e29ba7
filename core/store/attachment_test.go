package store

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

func free(t *testing.T, s *Store, before time.Time) []string {
	t.Helper()
	list, err := s.FreeContents(t.Context(), before, 10)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

func condemn(t *testing.T, s *Store, hash string, before time.Time) bool {
	t.Helper()
	ok, err := s.Condemn(t.Context(), hash, before)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestAContentIsFreeOnceItsLastReferenceGoes(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		later := start.Add(time.Millisecond)
		upload := func(n int, hash string) { do(t, s, func(tx *Tx) { tx.PutUpload(&core.Upload{ID: id(n), Hash: hash}) }) }
		upload(1, hashA)
		upload(2, hashA)
		do(t, s, func(tx *Tx) { tx.DeleteUpload(id(1)) })
		if got := free(t, s, later); got != nil {
			t.Errorf("free while one reference is left: %v", got)
		}
		if condemn(t, s, hashA, later) {
			t.Error("a content that is referenced was condemned")
		}
		do(t, s, func(tx *Tx) { tx.DeleteUpload(id(2)) })
		if got := free(t, s, later); !slices.Equal(got, []string{hashA}) {
			t.Errorf("free: %v", got)
		}
		if got := free(t, s, start); got != nil {
			t.Errorf("free before it was: %v", got)
		}
		if condemn(t, s, hashA, start) {
			t.Error("a content was condemned too early")
		}
		upload(3, hashA) // used again
		if condemn(t, s, hashA, later) {
			t.Error("a content that is used again was condemned")
		}
		// From an upload to a message in one transaction: it never was free.
		do(t, s, func(tx *Tx) {
			c := &core.Conversation{ID: id(10), State: core.Closed, Contact: id(11), ClosedAt: start}
			tx.PutContact(&core.Contact{ID: id(11)})
			tx.DeleteUpload(id(3))
			tx.AppendMessage(c, &core.Message{ID: "m", State: core.Received, Attachments: []core.Attachment{{ID: id(12), State: core.Ready, Hash: hashA}}})
			tx.PutConversation(c, false)
		})
		if got := free(t, s, later); got != nil {
			t.Errorf("free: %v", got)
		}
		clean(t, s)
	})
}

func TestACondemnedContentTakesNoReference(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		later := start.Add(time.Millisecond)
		refer := func() error {
			return s.Update(t.Context(), func(tx *Tx) error {
				tx.PutUpload(&core.Upload{ID: id(1), Hash: hashA})
				return nil
			})
		}
		if unknown, err := s.UnknownContents(t.Context(), []string{hashA, hashB}); err != nil || len(unknown) != 2 {
			t.Errorf("unknown: %v, %v", unknown, err)
		}
		if !condemn(t, s, hashA, later) {
			t.Fatal("a content that nothing ever referred to was not condemned")
		}
		if err := refer(); core.CodeOf(err) != core.Conflict {
			t.Errorf("a reference to a condemned content: %v", err)
		}
		if got := free(t, s, later); !slices.Equal(got, []string{hashA}) {
			t.Errorf("an interrupted removal is not found again: %v", got)
		}
		if !condemn(t, s, hashA, later) {
			t.Error("an interrupted removal does not go on")
		}
		clean(t, s)
		if err := s.Pardon(t.Context(), hashA); err != nil {
			t.Fatal(err)
		}
		if err := refer(); err != nil {
			t.Errorf("a reference to a pardoned content: %v", err)
		}
		for _, settle := range []func() error{
			func() error { return s.Forget(t.Context(), hashA) }, func() error { return s.Pardon(t.Context(), hashA) },
		} {
			if err := settle(); err != nil {
				t.Error(err)
			}
		}
		clean(t, s)
		do(t, s, func(tx *Tx) { tx.DeleteUpload(id(1)) })
		if !condemn(t, s, hashA, later) {
			t.Error("a free content was not condemned")
		}
		if err := s.Forget(t.Context(), hashA); err != nil {
			t.Error(err)
		}
		if n := len(pairs(t, s)); n != 1 {
			t.Errorf("%d keys are left", n-1)
		}
	})
}

func TestRawEventsKeepTheirBlobs(t *testing.T) {
	s := memory(t)
	populate(t, s)
	if condemn(t, s, hashB, start.Add(time.Hour)) {
		t.Error("the blob of a raw event was condemned")
	}
	do(t, s, func(tx *Tx) {
		tx.AddAccountRaw("shop", &core.RawEvent{Kind: core.InNotice, ID: "n", ReceivedAt: start, Blob: hashC})
	})
	if condemn(t, s, hashC, start.Add(time.Hour)) {
		t.Error("the blob of an account's raw event was condemned")
	}
	clean(t, s)
}

// fullDB refuses every update, as an engine on a full disk does.
type fullDB struct{ kv.DB }

func (fullDB) Update(context.Context, func(kv.Tx) error) error    { return kv.ErrFull }
func (fullDB) UpdateLow(context.Context, func(kv.Tx) error) error { return kv.ErrFull }

func TestAFullDiskHasItsCode(t *testing.T) {
	s := memory(t)
	s.db = fullDB{s.db}
	write := func(tx *Tx) error { return nil }
	for _, err := range []error{s.Update(t.Context(), write), s.UpdateLow(t.Context(), write)} {
		if core.CodeOf(err) != core.StorageFull || !errors.Is(err, kv.ErrFull) {
			t.Errorf("got %v", err)
		}
	}
}
