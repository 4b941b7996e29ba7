package store

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/memkv"
)

// oldStore makes what an earlier version left: contacts, conversations with many messages, and no entry of schema 2. It
// returns what the store holds once these are there.
func oldStore(t *testing.T, contacts, conversations, messages int) (s *Store, whole map[string]string) {
	t.Helper()
	s = openStore(t, memkv.NewWithClock(fixedClock))
	for n := range contacts {
		do(t, s, func(tx *Tx) {
			tx.PutContact(&core.Contact{ID: id(1000 + n), Name: fmt.Sprint("Anna ", n)})
			tx.PutIdentity(&core.Identity{IdentityKey: core.IdentityKey{Kind: "email", Value: fmt.Sprintf("anna%d@example.com", n)}, Contact: id(1000 + n)})
		})
	}
	do(t, s, func(tx *Tx) { tx.PutContact(&core.Contact{ID: id(999), MergedInto: id(1000)}) })
	for n := range conversations {
		do(t, s, func(tx *Tx) {
			c := &core.Conversation{ID: id(n + 1), State: core.Closed, Account: "web", Thread: core.Thread{ID: fmt.Sprint(n % 7)}, Contact: id(1000), CreatedAt: start}
			for m := range messages {
				tx.AppendMessage(c, &core.Message{ID: fmt.Sprint(m), Text: "hello", CreatedAt: start})
			}
			tx.PutConversation(c, false)
		})
	}
	whole = pairs(t, s)
	for _, prefix := range []key{newKey(familyWord), newKey(familyAlias), newKey(familyList, listThread)} {
		update(t, s, func(tx *Tx) error {
			for p, err := range tx.kv.Scan(keysOf(prefix)) {
				if err != nil {
					return err
				}
				tx.kv.Delete(p.Key)
			}
			return nil
		})
	}
	do(t, s, func(tx *Tx) { put(tx, schemaKey(), &schemaRecord{Schema: 1}) })
	expect(t, s, IndexMissing, nil)
	return s, whole
}

// stopping is an engine that refuses long work after some transactions of it.
type stopping struct {
	kv.DB
	left int
}

var errStopped = errors.New("the power went")

func (s *stopping) UpdateLow(ctx context.Context, fn func(kv.Tx) error) error {
	if s.left--; s.left < 0 {
		return errStopped
	}
	return s.DB.UpdateLow(ctx, fn)
}

func TestTheMigrationOfIndexesGoesOnWhereItStopped(t *testing.T) {
	s, whole := oldStore(t, 90, 230, 1)
	var lines []string
	options := Options{Log: func(text string, args ...any) { lines = append(lines, fmt.Sprint(text, args)) }}
	began := 0
	for transactions := 0; ; transactions += 2 {
		if transactions > 100 {
			t.Fatal("it never ends")
		}
		_, err := Open(t.Context(), &stopping{DB: s.db, left: 2}, options)
		if err == nil {
			break
		}
		began++
		if !errors.Is(err, errStopped) {
			t.Fatal(err)
		}
		if at := schemaOf(t, s); at.Schema != 2 || !at.Unfinished {
			t.Fatalf("stopped at %+v", at)
		}
		// A version that knows schema 1 only stays away from what is half done.
		if err := s.migrateTo(t.Context(), 1, nil, Options{}); core.CodeOf(err) != core.Invalid {
			t.Fatalf("an older version opens it: %v", err)
		}
	}
	// One for each list that is emptied, three for 91 contacts, three for 90 identities, three for 230 conversations.
	if want := (3 + 3 + 3 + 3 - 1) / 2; began != want {
		t.Errorf("stopped %d times after two transactions, want %d: it did not go on where it was", began, want)
	}
	clean(t, s)
	same(t, s, whole)
	if len(lines) != began+2 || !strings.HasPrefix(lines[0], "the store is being brought") || !strings.HasPrefix(lines[1], "the store goes on") ||
		!strings.HasPrefix(lines[len(lines)-1], "the store has been brought") {
		t.Errorf("logged %q", lines)
	}
	lines = nil
	if _, err := Open(t.Context(), s.db, options); err != nil || lines != nil {
		t.Errorf("opened again: %v, %q", err, lines)
	}
}

func TestTheMigrationOfIndexesReadsNoMessages(t *testing.T) {
	s, whole := oldStore(t, 1, 30, 100)
	if _, err := Open(t.Context(), &stopping{DB: s.db, left: 6}, Options{}); err != nil {
		t.Error(err)
	}
	same(t, s, whole)
}

// TestEntriesOfFormerTimesGo: a store that had the entries, and was then changed by a version that does not know them,
// has some that are wrong.
func TestEntriesOfFormerTimesGo(t *testing.T) {
	s, whole := oldStore(t, 3, 3, 1)
	do(t, s, func(tx *Tx) {
		for n := range dropChunk + 10 {
			tx.kv.Set(wordKey(fmt.Sprint("former", n)).id(id(1000)), nil)
		}
		tx.kv.Set(newKey(familyAlias).id(id(1001)).id(id(999)), nil)
		tx.kv.Set(threadListPrefix("web", core.Thread{ID: "gone"}).down(start).id(id(1)), nil)
	})
	if _, err := Open(t.Context(), s.db, Options{}); err != nil {
		t.Fatal(err)
	}
	clean(t, s)
	same(t, s, whole)
}

// TestExportsOfTheFirstSchemaCanBeImported, because its records mean what they mean today.
func TestExportsOfTheFirstSchemaCanBeImported(t *testing.T) {
	f, err := os.Open(filepath.Join(golden(1), "export.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := memory(t)
	n, err := s.Import(t.Context(), f, ImportOptions{})
	if err != nil || n == 0 {
		t.Fatalf("%d records, %v", n, err)
	}
	clean(t, s)
	view(t, s, func(tx *Tx) error {
		found, err := tx.SearchContacts("zoe", "", 10)
		var names []string
		for _, c := range found.Contacts {
			names = append(names, c.Name)
		}
		if diff := cmp.Diff([]string{"Zoé"}, names); diff != "" {
			t.Error(diff)
		}
		return err
	})
}
