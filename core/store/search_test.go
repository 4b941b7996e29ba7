package store

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv/kvtest"
	"github.com/guichet/guichet/core/kv/memkv"
)

// found reads all pages of a search, so many at a time.
func found(tx *Tx, query string, limit int) (ids []core.ID, err error) {
	for cursor := ""; ; {
		page, err := tx.SearchContacts(query, cursor, limit)
		if err != nil {
			return nil, err
		}
		if len(page.Contacts) > limit {
			return nil, fmt.Errorf("a page of %d has %d contacts", limit, len(page.Contacts))
		}
		for _, c := range page.Contacts {
			ids = append(ids, c.ID)
		}
		if cursor = page.Next; cursor == "" {
			return ids, nil
		}
	}
}

func TestSearchContacts(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		do(t, s, func(tx *Tx) {
			tx.PutContact(&core.Contact{ID: id(1), Name: "Zoé Martin", Email: "zoe@example.fr", Phone: "+33 6 12 34 56 78"})
			tx.PutContact(&core.Contact{ID: id(2), Name: "Martine Zola", CompanyName: "Ateliers Martin"})
			tx.PutContact(&core.Contact{ID: id(3), Name: "Zoé bis", MergedInto: id(1)})
			tx.PutContact(&core.Contact{ID: id(4), Name: "山田太郎"})
			tx.PutIdentity(&core.Identity{IdentityKey: core.IdentityKey{Scope: "a", Kind: "line-user", Value: "U77"}, Contact: id(4), Owner: id(4)})
		})
		for query, want := range map[string][]core.ID{
			"":               {id(4), id(2), id(1)},
			"zo":             {id(1), id(2)},
			"ZOE":            {id(1)},
			"mart":           {id(1), id(2)},
			"mart zol":       {id(2)},
			"martin zoé":     {id(1)},
			"06 12 34":       {id(1)},
			"+33612":         {id(1)},
			"zoe@example.fr": {id(1)},
			"atel":           {id(2)},
			"太郎":             {id(4)},
			"u77 山":          {id(4)},
			"u77 zoe":        nil,
			"artin":          nil,
			"!!!":            nil,
			"bis":            nil,
		} {
			for _, limit := range []int{1, 2, 50} {
				var got []core.ID
				view(t, s, func(tx *Tx) (err error) {
					got, err = found(tx, query, limit)
					return err
				})
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%q, %d at a time: %s", query, limit, diff)
				}
			}
		}
		update(t, s, func(tx *Tx) error { // the identity changes hands, the name is another
			i, err := tx.Identity(core.IdentityKey{Scope: "a", Kind: "line-user", Value: "U77"})
			if err != nil {
				return err
			}
			i.Contact = id(2)
			tx.PutIdentity(i)
			c, err := tx.Contact(id(4))
			if err != nil {
				return err
			}
			c.Name = "Hanako"
			tx.PutContact(c)
			return nil
		})
		clean(t, s)
		for query, want := range map[string][]core.ID{"u77": {id(2)}, "山": nil, "hana": {id(4)}} {
			view(t, s, func(tx *Tx) error {
				got, err := found(tx, query, 10)
				if diff := cmp.Diff(want, got); diff != "" {
					t.Errorf("%q afterwards: %s", query, diff)
				}
				return err
			})
		}
	})
}

func TestSearchRefusesStrangeCursors(t *testing.T) {
	s := memory(t)
	do(t, s, func(tx *Tx) { tx.PutContact(&core.Contact{ID: id(1), Name: "Zoé"}) })
	for _, cursor := range []string{"!", "AA", encodeCursor([]byte{0}), encodeCursor([]byte("\x00zoe")), encodeCursor(append([]byte("\x07zoe\x00"), make([]byte, 16)...)), encodeCursor(make([]byte, 99))} {
		for _, query := range []string{"", "zoe"} {
			view(t, s, func(tx *Tx) error {
				if _, err := tx.SearchContacts(query, cursor, 1); core.CodeOf(err) != core.Invalid {
					t.Errorf("%q with cursor %q: %v", query, cursor, err)
				}
				return nil
			})
		}
	}
}

// TestSearchFindsWhatItShould compares the index with looking at every contact, through any changes, in pages of any size.
func TestSearchFindsWhatItShould(t *testing.T) {
	parts := []string{"Anna", "anne", "ANNABEL", "Bo", "bob", "Zoé", "zoë", "06 12 34 56 78", "+33612345678", "山田", "x-y"}
	rapid.Check(t, func(t *rapid.T) {
		db := kvtest.Chaos(memkv.NewWithClock(fixedClock), rapid.Uint64().Draw(t, "seed"))
		defer db.Close()
		s, err := Open(t.Context(), db, Options{})
		if err != nil {
			t.Fatal(err)
		}
		text := func(label string) string {
			return strings.Join(rapid.SliceOfN(rapid.SampledFrom(parts), 0, 3).Draw(t, label), " ")
		}
		const contacts = 6
		for range rapid.IntRange(1, 12).Draw(t, "changes") {
			n := rapid.IntRange(1, contacts).Draw(t, "contact")
			c := &core.Contact{Name: text("name"), CompanyName: text("company"), Phone: rapid.SampledFrom([]string{"", "+33 6 12"}).Draw(t, "phone")}
			if rapid.IntRange(0, 4).Draw(t, "merge") == 0 {
				c.MergedInto = id(rapid.IntRange(1, contacts).Draw(t, "into"))
			}
			value := rapid.SampledFrom([]string{"anna", "+33612345678", "Q"}).Draw(t, "value")
			err := s.Update(t.Context(), func(tx *Tx) error {
				made := *c
				made.ID = id(n)
				tx.PutContact(&made)
				tx.PutIdentity(&core.Identity{IdentityKey: core.IdentityKey{Kind: "k", Value: value}, Contact: id(n), Owner: id(n)})
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		query := text("query")
		limit := rapid.IntRange(1, 3).Draw(t, "limit")
		err = s.View(t.Context(), func(tx *Tx) error {
			got, err := found(tx, query, limit)
			if err != nil {
				return err
			}
			want, err := looked(tx, query)
			slices.Sort(got)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%q: %s", query, diff)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Fsck(t.Context(), func(f Finding) {
			if f.Problem != Dangling {
				t.Errorf("fsck: %s: %s", f.Problem, f.Text)
			}
		}); err != nil {
			t.Fatal(err)
		}
	})
}

// looked finds contacts without the index.
func looked(tx *Tx, query string) (ids []core.ID, err error) {
	all, err := tx.Contacts("", 100)
	if err != nil {
		return nil, err
	}
	words := queryWords(query)
	for _, c := range all {
		has := contactWords(c)
		identities, err := tx.IdentitiesOf(c.ID)
		if err != nil {
			return nil, err
		}
		if c.MergedInto != "" && len(identities) == 0 {
			continue
		}
		for _, i := range identities {
			has = append(has, identityWords(i)...)
		}
		ok := strings.TrimSpace(query) != "" || c.MergedInto == ""
		for _, w := range words {
			ok = ok && slices.ContainsFunc(has, func(h string) bool { return strings.HasPrefix(h, w) })
		}
		if ok {
			ids = append(ids, c.ID)
		}
	}
	return ids, nil
}

func TestASearchEndsInTime(t *testing.T) {
	s := memory(t)
	for chunk := range 5 {
		do(t, s, func(tx *Tx) {
			for n := range 500 {
				tx.PutContact(&core.Contact{ID: id(1 + chunk*500 + n), Name: "Anna"})
			}
		})
	}
	do(t, s, func(tx *Tx) { tx.PutContact(&core.Contact{ID: id(60000), Name: "Anna Zedler"}) })
	for chunk := range 3 {
		do(t, s, func(tx *Tx) {
			for n := range 500 {
				tx.PutContact(&core.Contact{ID: id(10000 + chunk*500 + n), Name: "Bea"})
			}
		})
	}
	view(t, s, func(tx *Tx) error {
		first, err := tx.SearchContacts("ann bea", "", 10)
		if len(first.Contacts) != 0 {
			t.Errorf("found %d", len(first.Contacts))
		}
		if first.Next == "" {
			t.Error("more was looked at than one search may")
		}
		none, err4 := found(tx, "ann bea", 10)
		if len(none) != 0 {
			t.Errorf("found %v", none)
		}
		rare, err5 := tx.SearchContacts("ann zed", "", 10)
		if len(rare.Contacts) != 1 || rare.Next != "" {
			t.Errorf("the rarer word was not gone through: found %d, next %q", len(rare.Contacts), rare.Next)
		}
		page, err2 := tx.SearchContacts("an", "", 5)
		if len(page.Contacts) != 5 || page.Next == "" {
			t.Errorf("found %d, next %q", len(page.Contacts), page.Next)
		}
		all, err3 := found(tx, "ann", 100)
		if len(all) != 2501 {
			t.Errorf("found %d of all", len(all))
		}
		return errors.Join(err, err2, err3, err4, err5)
	})
}

func TestAliasesAreFollowed(t *testing.T) {
	s := memory(t)
	do(t, s, func(tx *Tx) {
		tx.PutContact(&core.Contact{ID: id(1)})
		tx.PutContact(&core.Contact{ID: id(2), MergedInto: id(1)})
		tx.PutContact(&core.Contact{ID: id(3), MergedInto: id(2)})
		tx.PutContact(&core.Contact{ID: id(4)})
		for n := 1; n <= 4; n++ {
			tx.PutConversation(&core.Conversation{ID: id(10 + n), State: core.Closed, Contact: id(n), CreatedAt: start}, false)
		}
	})
	view(t, s, func(tx *Tx) error {
		list, err := tx.Aliases(id(1))
		if diff := cmp.Diff([]core.ID{id(1), id(2), id(3)}, list); diff != "" {
			t.Error(diff)
		}
		page, err2 := tx.ConversationsOfContact(id(1), "", 10)
		if len(page.Conversations) != 3 {
			t.Errorf("%d conversations of the merged contacts, want 3", len(page.Conversations))
		}
		return errors.Join(err, err2)
	})
	clean(t, s)
}

// TestAnEarlierStoreGetsItsIndexes opens a store from before contacts had words, in more than one chunk.
func TestAnEarlierStoreGetsItsIndexes(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		for chunk := range 3 {
			do(t, s, func(tx *Tx) {
				for n := range contactChunk {
					at := 1 + chunk*contactChunk + n
					tx.PutContact(&core.Contact{ID: id(at), Name: "Anna"})
					tx.PutIdentity(&core.Identity{IdentityKey: core.IdentityKey{Value: fmt.Sprint("v", at)}, Contact: id(at)})
				}
			})
		}
		want := pairs(t, s)
		for range 3 {
			update(t, s, func(tx *Tx) error {
				r := keysOf(newKey(familyWord))
				r.Limit = 1000
				for p, err := range tx.kv.Scan(r) {
					if err != nil {
						return err
					}
					tx.kv.Delete(p.Key)
				}
				put(tx, schemaKey(), &schemaRecord{Schema: 1})
				return nil
			})
		}
		expect(t, s, IndexMissing, nil)
		again, err := Open(t.Context(), s.db, Options{})
		if err != nil {
			t.Fatal(err)
		}
		clean(t, again)
		same(t, again, want)
		view(t, again, func(tx *Tx) error {
			at, err := get[schemaRecord](tx, schemaKey())
			if at.Schema != Schema {
				t.Errorf("the store says %+v", at)
			}
			return err
		})
	})
}

func TestDrafts(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		populate(t, s)
		before := s.db.Last()
		long := strings.Repeat("\u0001", 30000) // in JSON six times as long, so that it has parts
		for _, text := range []string{"short", long, "short again"} {
			do(t, s, func(tx *Tx) {
				tx.PutDraft(&core.Draft{Conversation: id(10), Agent: "alice", Text: text, Visibility: core.Public, UpdatedAt: start})
				tx.PutDraft(&core.Draft{Conversation: id(10), Agent: "bob", Text: "his", Visibility: core.InternalNote, UpdatedAt: start})
			})
			view(t, s, func(tx *Tx) error {
				hers, err := tx.Draft(id(10), "alice")
				his, err2 := tx.Draft(id(10), "bob")
				none, err3 := tx.Draft(id(11), "alice")
				if hers.Text != text || his.Text != "his" || none != nil {
					t.Errorf("drafts %.20q, %+v, %+v", hers.Text, his, none)
				}
				return errors.Join(err, err2, err3)
			})
			clean(t, s)
		}
		do(t, s, func(tx *Tx) {
			tx.DeleteDraft(id(10), "alice")
			tx.DeleteDraft(id(10), "nobody")
		})
		view(t, s, func(tx *Tx) error {
			gone, err := tx.Draft(id(10), "alice")
			if gone != nil {
				t.Errorf("still there: %+v", gone)
			}
			return err
		})
		clean(t, s)
		if after := s.db.Last(); after != before {
			t.Errorf("drafts emitted %d events", after-before)
		}
	})
}

func TestPlacesAreWhatConversationsSay(t *testing.T) {
	s := memory(t)
	populate(t, s)
	view(t, s, func(tx *Tx) error {
		got, err := tx.Places()
		want := map[core.ID]core.Place{id(10): {Open: true, Agent: "alice"}, id(11): {Open: true, Queue: "sales"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		return err
	})
}
