package barepath

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/memkv"
	"github.com/guichet/guichet/core/store"
)

// Written is what one transaction wrote.
type Written struct {
	Keys, Deletes, Events int
	Bytes                 int // of keys and values, of events too
}

// WrittenByDesk is what the desk writes for one text message of a LINE customer in a conversation that is waiting: the
// message is received into a store in memory, and what the transaction writes is counted.
func WrittenByDesk(ctx context.Context, text string, raw []byte) (Written, error) {
	now := time.Now()
	counting := &countingDB{DB: memkv.NewWithClock(func() time.Time { return now })}
	st, err := store.Open(ctx, counting, store.Options{})
	if err != nil {
		return Written{}, fmt.Errorf("bare path: %w", err)
	}
	setup := &core.Setup{
		Accounts: map[string]*core.Account{"shop": {ID: "shop", Plugin: "line"}},
		Channels: map[string]*core.Channel{"line": {ID: "line", Account: "shop", Workstream: "messages", Language: "en", FromCustomer: true, FromAgent: true}},
		Workstreams: map[string]*core.Workstream{"messages": {
			ID: "messages", Plugin: "line", Persistent: true, Distribution: core.Push, Capacity: 1, FallbackQueue: "general", Affinity: true,
			AutoClose: core.AutoClose{Open: 30 * 24 * time.Hour, Active: 30 * 24 * time.Hour, Waiting: 28 * 24 * time.Hour, WrapUp: 24 * time.Hour},
		}},
		Queues: map[string]*core.Queue{"general": {ID: "general"}},
		Agents: map[string]*core.Agent{},
	}
	d := desk.New(desk.Options{Store: st, Channels: nothing{}, Blobs: nothing{}, Setup: setup})
	user := "U0123456789abcdef0123456789abcdef"
	for n := range 3 {
		counting.last = Written{}
		now = now.Add(time.Second) // so that the place in every list changes, as it does in life
		_, _, err := d.Receive(ctx, []core.Inbound{{
			Account: "shop", Kind: core.InMessage, ID: fmt.Sprintf("01JTESTEVENT0000000000000%d", n), OccurredAt: now, ReceivedAt: now,
			Thread: core.Thread{ID: user, Kind: "user"},
			Sender: core.Sender{Identities: []core.SenderIdentity{{IdentityKey: core.IdentityKey{Scope: "shop", Kind: "line-user", Value: user}}}},
			Raw:    raw,
			Message: &core.InboundMessage{
				ExternalID: fmt.Sprintf("17900000000000000%d", n), Kind: "text", Text: text,
				QuoteToken: fmt.Sprintf("quote-17900000000000000%d", n), ReadToken: fmt.Sprintf("read-17900000000000000%d", n),
			},
			Reply: &core.ReplyToken{Token: strings.Repeat("0", 32), ReceivedAt: now, ExpiresAt: now.Add(50 * time.Second)},
		}}, nil)
		if err != nil {
			return Written{}, fmt.Errorf("bare path: %w", err)
		}
	}
	return counting.last, nil
}

// nothing stands for the channels and the attachments, of which a text needs none.
type nothing struct{}

var errNothing = errors.New("not in the bare path")

// Send implements desk.Channels, as do the following.
func (nothing) Send(context.Context, *core.Outgoing) core.Outcome {
	return core.Outcome{Kind: core.OutcomeNotStarted}
}

// TextLimit says that there is none.
func (nothing) TextLimit(string) core.TextLimit { return core.TextLimit{} }

// FetchMedia: see Send.
func (nothing) FetchMedia(context.Context, string, string, int64, func(core.MediaHead) (io.Writer, error)) core.FetchOutcome {
	return core.FetchOutcome{}
}

// FetchProfile: see Send.
func (nothing) FetchProfile(context.Context, string, core.IdentityKey, core.Thread) (*core.Profile, error) {
	return nil, errNothing
}

// Signal: see Send.
func (nothing) Signal(context.Context, string, core.Thread, core.IdentityKey, core.Signal) {}

// Put implements desk.Blobs.
func (nothing) Put(context.Context, io.Reader, int64) (string, int64, string, error) {
	return "", 0, "", errNothing
}

// countingDB counts what the last update wrote.
type countingDB struct {
	kv.DB
	last Written
}

// Update implements kv.DB.
func (db *countingDB) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return db.DB.Update(ctx, func(t kv.Tx) error {
		c := &countingTx{Tx: t, keys: map[string]int{}}
		err := fn(c)
		db.last = Written{Deletes: c.deletes, Events: c.events, Bytes: c.eventBytes, Keys: len(c.keys)}
		for key, n := range c.keys {
			db.last.Bytes += len(key) + n
		}
		return err
	})
}

// countingTx counts pairs once, however often they are set.
type countingTx struct {
	kv.Tx
	keys                        map[string]int
	deletes, events, eventBytes int
}

// Set implements kv.Tx.
func (t *countingTx) Set(key, value []byte) {
	t.keys[string(key)] = len(value)
	t.Tx.Set(key, value)
}

// Delete implements kv.Tx.
func (t *countingTx) Delete(key []byte) {
	t.deletes++
	t.Tx.Delete(key)
}

// Emit implements kv.Tx.
func (t *countingTx) Emit(topic, value []byte) {
	t.events++
	t.eventBytes += len(topic) + len(value)
	t.Tx.Emit(topic, value)
}
