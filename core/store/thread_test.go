package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/memkv"
)

func TestConversationsOfThread(t *testing.T) {
	s := openStore(t, memkv.NewWithClock(fixedClock))
	ada := core.Thread{ID: "ada", Kind: "user"}
	begin := func(n int, account string, thread core.Thread, state core.State) {
		update(t, s, func(tx *Tx) error {
			tx.PutConversation(&core.Conversation{
				ID: id(n), State: state, Account: account, Channel: account, Queue: "general", Thread: thread, Contact: id(100 + n),
				CreatedAt: tx.Now(), QueuedSince: tx.Now(),
			}, false)
			return nil
		})
	}
	for n := 1; n <= 5; n++ {
		begin(n, "web", ada, core.Closed)
	}
	begin(6, "web", ada, core.Open)
	begin(7, "other", ada, core.Open)
	begin(8, "web", core.Thread{ID: "ada", Kind: "group"}, core.Open)
	begin(9, "web", core.Thread{ID: "bob", Kind: "user"}, core.Open)

	all := func() (ids []core.ID) {
		view(t, s, func(tx *Tx) error {
			ids = nil
			var last *core.Conversation
			for {
				page, err := tx.ConversationsOfThread("web", ada, last, 2)
				if err != nil {
					return err
				}
				for _, c := range page {
					ids, last = append(ids, c.ID), c
				}
				if len(page) < 2 {
					return nil
				}
			}
		})
		return ids
	}
	found := all()
	if len(found) != 6 {
		t.Fatalf("found %v", found)
	}
	// A store that an earlier version wrote has no such entries: opening it completes them.
	if err := s.db.Update(t.Context(), func(tx kv.Tx) error {
		for p, err := range tx.Scan(kv.Prefix([]byte{familyList, listThread})) {
			if err != nil {
				return err
			}
			tx.Delete(p.Key)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if left := all(); len(left) != 0 {
		t.Fatalf("%d entries are left", len(left))
	}
	do(t, s, func(tx *Tx) { put(tx, schemaKey(), &schemaRecord{Schema: 1}) })
	s = openStore(t, s.db)
	if diff := cmp.Diff(found, all()); diff != "" {
		t.Errorf("-before +after\n%s", diff)
	}
}

func TestWaitingOrder(t *testing.T) {
	s := openStore(t, memkv.NewWithClock(fixedClock))
	for _, n := range []int{3, 1, 2} {
		update(t, s, func(tx *Tx) error {
			tx.PutConversation(&core.Conversation{
				ID: id(n), State: core.Open, Account: "web", Channel: "web", Queue: "general", Contact: id(100 + n),
				Thread: core.Thread{ID: string(id(n)), Kind: "user"}, CreatedAt: tx.Now(), QueuedSince: tx.Now().Add(time.Duration(n) * time.Second),
			}, false)
			return nil
		})
	}
	view(t, s, func(tx *Tx) error {
		for limit, want := range map[int][]core.ID{0: {id(1), id(2), id(3)}, 2: {id(1), id(2)}} {
			got, err := tx.WaitingOrder("general", limit)
			if err != nil {
				return err
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("limit %d: -want +got\n%s", limit, diff)
			}
		}
		got, err := tx.WaitingOrder("support", 0)
		if len(got) != 0 {
			t.Errorf("%d wait in a queue where nobody does", len(got))
		}
		return err
	})
}
