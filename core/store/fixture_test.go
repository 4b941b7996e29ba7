package store

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/badgerkv"
	"github.com/guichet/guichet/core/kv/kvtest"
	"github.com/guichet/guichet/core/kv/memkv"
)

// start is the time of the fixed clock in tests.
var start = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

func fixedClock() time.Time { return start }

// hashA and hashB name contents; no file is needed for most tests.
const (
	hashA = "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	hashB = "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	hashC = "cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"
)

// id makes a fixed id: the nth made at start.
func id(n int) core.ID {
	var b [16]byte
	ms := uint64(start.UnixMilli())
	for i := range 6 {
		b[i] = byte(ms >> (40 - 8*i))
	}
	b[14], b[15] = byte(n>>8), byte(n)
	return core.IDFromBytes(b)
}

// memory opens a store on memkv that throws away a fifth of its runs.
func memory(t testing.TB) *Store {
	t.Helper()
	return openStore(t, kvtest.Chaos(memkv.NewWithClock(fixedClock), 7))
}

func openStore(t testing.TB, db kv.DB) *Store {
	t.Helper()
	s, err := Open(context.Background(), db, Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return s
}

func badger(t testing.TB, dir string) kv.DB {
	t.Helper()
	db, err := badgerkv.Open(badgerkv.Options{Dir: dir, Durability: "none", Now: fixedClock})
	if err != nil {
		t.Fatal(err)
	}
	return db
}

// engines runs a test on every engine.
func engines(t *testing.T, test func(t *testing.T, s *Store)) {
	t.Run("memkv", func(t *testing.T) { test(t, memory(t)) })
	t.Run("badgerkv", func(t *testing.T) { test(t, openStore(t, kvtest.Chaos(badger(t, t.TempDir()), 7))) })
}

func update(t testing.TB, s *Store, fn func(tx *Tx) error) {
	t.Helper()
	if err := s.Update(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

func view(t testing.TB, s *Store, fn func(tx *Tx) error) {
	t.Helper()
	if err := s.View(context.Background(), fn); err != nil {
		t.Fatal(err)
	}
}

// do runs what writes and cannot fail.
func do(t testing.TB, s *Store, fn func(tx *Tx)) {
	t.Helper()
	update(t, s, func(tx *Tx) error {
		fn(tx)
		return nil
	})
}

// findings runs Fsck.
func findings(t testing.TB, s *Store, options ...FsckOption) []Finding {
	t.Helper()
	var list []Finding
	if err := s.Fsck(context.Background(), func(f Finding) { list = append(list, f) }, options...); err != nil {
		t.Fatal(err)
	}
	return list
}

func clean(t testing.TB, s *Store) {
	t.Helper()
	for _, f := range findings(t, s) {
		t.Errorf("fsck: %s at %q: %s", f.Problem, f.Key, f.Text)
	}
}

// populate writes at least one record of every kind.
func populate(t testing.TB, s *Store) {
	t.Helper()
	identity := core.IdentityKey{Scope: "shop-line", Kind: "line-user", Value: "U1"}
	do(t, s, func(tx *Tx) {
		tx.PutCompany(&core.Company{ID: id(1), Name: "Ateliers & Fils", CreatedAt: start})
		tx.PutContact(&core.Contact{ID: id(2), Name: "Zoé", Company: id(1), CreatedAt: start})
		tx.PutContact(&core.Contact{ID: id(3), Name: "Zoé bis", MergedInto: id(2), CreatedAt: start})
		tx.PutIdentity(&core.Identity{IdentityKey: identity, Contact: id(2), Owner: id(3), CreatedAt: start})
	})
	update(t, s, func(tx *Tx) error {
		c := &core.Conversation{
			ID: id(10), State: core.Active, Account: "shop-line", Channel: "line", Workstream: "line", Queue: "sales",
			Assignee: "alice", Units: 30, Contact: id(2), Identity: identity, Thread: core.Thread{ID: "U1", Kind: "user"},
			Sessions: 1, CreatedAt: start, LastActivity: start,
		}
		tx.AppendMessage(c, &core.Message{
			ID: "in-1", Kind: "text", From: core.Author{Kind: core.FromCustomer, ID: string(id(2))}, Visibility: core.Public,
			Text: "Bonjour <b>\"vous\"</b> & merci", State: core.Received, ExternalIDs: []string{"ext-1"},
			Attachments: []core.Attachment{
				{ID: id(20), State: core.Ready, Type: "image/png", Hash: hashA, Size: 3},
				{ID: id(21), State: core.Fetching, Type: "image/png", Handle: "h"},
			},
			OccurredAt: start, CreatedAt: start,
		})
		tx.AppendMessage(c, &core.Message{
			ID: "out-1", Kind: "text", From: core.Author{Kind: core.FromAgent, ID: "alice"}, Visibility: core.Public,
			Text: "Voici", State: core.Queued, Outbox: "o1", OccurredAt: start, CreatedAt: start,
		})
		tx.PutConversation(c, false)
		tx.PutSession(&core.Session{Conversation: c.ID, Number: 1, Agent: "alice", AcceptedAt: start})
		tx.PutOutboxEntry(&core.OutboxEntry{ID: "o1", Conversation: c.ID, Seq: 2, Account: "shop-line", State: core.OutboxQueued, NextAt: start, Deadline: start})
		tx.PutFetchJob(&core.FetchJob{Conversation: c.ID, Seq: 1, Attachment: id(21), Account: "shop-line", Handle: "h", NextAt: start, CreatedAt: start})
		tx.AddTrace(c.ID, &core.TraceEntry{At: start, Step: "queued", Text: "It waits in sales."})
		tx.AddTrace(c.ID, &core.TraceEntry{At: start, Step: "offered", Text: "Offered to Alice."})
		tx.AddRaw(c.ID, &core.RawEvent{Kind: core.InMessage, ID: "ev-1", ReceivedAt: start, Blob: hashB})
		tx.PutVariable(c.ID, "order", core.Variable{Type: "number", Value: "42"})
		tx.PutDraft(&core.Draft{Conversation: c.ID, Agent: "alice", Text: "Bien sûr", Visibility: core.Public, UpdatedAt: start})
		tx.PutTimer(&core.Timer{Due: start.Add(time.Hour), Kind: core.TimerAutoClose, Ref: string(c.ID), Version: 1})
		return nil
	})
	update(t, s, func(tx *Tx) error {
		c := &core.Conversation{
			ID: id(11), State: core.Open, Account: "shop-line", Channel: "line", Queue: "sales", Contact: id(3), Units: 20,
			Thread:      core.Thread{ID: "U2", Kind: "user"},
			Offer:       &core.Offer{ID: id(30), Agent: "bob", Queue: "sales", At: start, Deadline: start.Add(time.Minute)},
			QueuedSince: start, CreatedAt: start, LastActivity: start,
		}
		tx.PutConversation(c, true)
		closed := &core.Conversation{
			ID: id(12), State: core.Closed, Account: "shop-line", Channel: "line", Former: "alice", Contact: id(2),
			CreatedAt: start, LastActivity: start, ClosedAt: start,
		}
		tx.PutConversation(closed, false)
		return nil
	})
	do(t, s, func(tx *Tx) {
		_, err := tx.Claim("shop-line", core.InMessage, "ev-1")
		if err != nil {
			t.Error(err)
		}
		tx.Park(&core.ParkedStatus{Account: "shop-line", ExternalID: "ext-9", State: core.Delivered, At: start})
		tx.AddAccountRaw("shop-line", &core.RawEvent{Kind: core.InNotice, ID: "ev-2", ReceivedAt: start, Body: "{}"})
		tx.PutTimer(&core.Timer{Due: start.Add(time.Minute), Kind: core.TimerOffer, Ref: string(id(11)), Version: 1, Offer: id(30)})
		tx.PutUpload(&core.Upload{ID: id(40), Agent: "alice", Hash: hashC, Name: "a.pdf", Type: "application/pdf", Size: 3, CreatedAt: start})
		tx.PutUpload(&core.Upload{ID: id(41), Agent: "alice", Hash: hashA, Name: "b.png", Type: "image/png", Size: 3, CreatedAt: start})
		tx.AddAudit(&core.AuditEntry{ID: id(50), Actor: "cli", Act: "agent.added", Subject: "alice", Details: map[string]string{"role": "agent"}})
		tx.PutContactMove(&core.ContactMove{ID: id(51), Identity: identity, To: id(2), Rest: id(3), Lists: []core.ID{id(3)}})
		tx.AddConfiguration(&core.AppliedConfiguration{Revision: 1, At: start, By: "cli", Text: "[server]", Sealed: []byte{1, 2}, Hash: "h"})
		tx.PutSpooled("shop-line", id(60), []byte("POST / HTTP/1.1"))
		tx.PutSpooledBlob("shop-line", id(61), hashB)
		tx.PutCredential(&core.Credential{Agent: "alice", PasswordHash: "$argon2id$", ChangedAt: start})
		tx.PutSignIn(&core.SignIn{TokenHash: "t1", Agent: "alice", CreatedAt: start, SeenAt: start, ExpiresAt: start.Add(time.Hour)})
		tx.PutAPIKey(&core.APIKey{ID: id(70), KeyHash: "k1", Agent: "alice", Name: "script", CreatedAt: start})
		tx.SetSetting("install-id", []byte("x"))
		tx.SetPluginState("shop-line", "cursor", []byte{0, 1})
		s, err := tx.AgentStatus("alice")
		if err != nil {
			t.Error(err)
			return
		}
		s.Presence = core.Available
		tx.PutAgentStatus(s)
		tx.PutTimer(&core.Timer{Due: start.Add(time.Minute), Kind: core.TimerPresence, Ref: "alice"})
	})
	do(t, s, func(tx *Tx) { tx.DeleteUpload(id(40)) }) // hashC is free from now on
}

// pairs returns everything in the store, by key.
func pairs(t testing.TB, s *Store) map[string]string {
	t.Helper()
	m := make(map[string]string)
	view(t, s, func(tx *Tx) error {
		clear(m)
		for p, err := range tx.kv.Scan(kv.Range{}) {
			if err != nil {
				return err
			}
			m[fmt.Sprintf("%q", p.Key)] = string(p.Value)
		}
		return nil
	})
	return m
}
