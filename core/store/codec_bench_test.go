package store

import (
	"testing"

	"github.com/guichet/guichet/core"
)

// BenchmarkReadRecord is what every record costs that a transaction reads.
func BenchmarkReadRecord(b *testing.B) {
	body, err := encode(&core.Conversation{
		ID: id(10), Version: 7, State: core.Active, Account: "shop-line", Channel: "line", Workstream: "line", Queue: "sales",
		Assignee: "alice", Units: 30, Contact: id(2), Identity: core.IdentityKey{Scope: "shop-line", Kind: "line-user", Value: "U1"},
		Thread: core.Thread{ID: "U1", Kind: "user"}, LastSeq: 12, Sessions: 1, CreatedAt: start, UpdatedAt: start, LastActivity: start,
		LastMessage: &core.Preview{Seq: 12, From: core.FromCustomer, Text: "Bonjour, où en est ma commande ?", At: start},
	})
	if err != nil {
		b.Fatal(err)
	}
	raw := append([]byte{formatJSON}, body...)
	tx := &Tx{}
	for b.Loop() {
		if _, err := read[core.Conversation](tx, nil, raw); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkWriteRecord is what every record costs that a transaction writes, apart from its indexes.
func BenchmarkWriteRecord(b *testing.B) {
	c := &core.Conversation{ID: id(10), State: core.Active, Account: "shop-line", Queue: "sales", Contact: id(2), CreatedAt: start}
	for b.Loop() {
		if _, err := encode(c); err != nil {
			b.Fatal(err)
		}
	}
}
