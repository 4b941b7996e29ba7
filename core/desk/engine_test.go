package desk_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/kv"
)

// fullAtTimes is an engine whose disk is full when a test says so.
type fullAtTimes struct {
	kv.DB
	full atomic.Bool
}

func (f *fullAtTimes) Update(ctx context.Context, fn func(kv.Tx) error) error {
	if f.full.Load() {
		return kv.ErrFull
	}
	return f.DB.Update(ctx, fn)
}

// TestDiskFull: while nothing can be written, nothing is acknowledged; once there is room, everything goes on by itself.
func TestDiskFull(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.stop()
		disk := &fullAtTimes{DB: h.db}
		h.db = disk
		h.open()
		h.start()
		h.there("anna")
		c := h.taken("zoe")
		started := make(chan struct{})
		h.channels.answer(func(_ context.Context, out *core.Outgoing) core.Outcome {
			disk.full.Store(true) // between the send and its outcome
			select {
			case started <- struct{}{}:
			default:
			}
			return accepted(out)
		})
		m := h.reply(c, "1", "hi")
		<-started
		e := h.message("yan", "hello")
		if _, _, err := h.desk.Receive(ctx, []core.Inbound{e}, nil); err == nil {
			t.Error("acknowledged although the disk is full")
		}
		if _, _, err := h.desk.Reply(ctx, agent("anna"), c.ID, desk.NewMessage{ID: "2", Text: "x"}); err == nil {
			t.Error("stored although the disk is full")
		}
		h.pass(5 * time.Minute)
		disk.full.Store(false)
		h.pass(2 * time.Second)
		if got := h.said(c.ID, m.Seq); got.State != core.Sent || len(h.channels.sent()) != 1 {
			t.Errorf("%s after %d sends", got.State, len(h.channels.sent()))
		}
		h.receive(e)
		h.wants("yan", "anna")
		disk.full.Store(true) // while it rings
		h.pass(time.Minute)
		disk.full.Store(false)
		h.pass(2 * time.Minute)
		if c := h.ongoing("yan"); c.Declines["anna"] == 0 {
			t.Error("the missed offer is forgotten")
		}
	})
}

// until waits for something to become true; it looks whenever something has been written.
func (h *house) until(what string, holds func() bool) {
	h.t.Helper()
	limit, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	from := h.db.Last()
	if holds() {
		return
	}
	for _, err := range h.store.Tail(limit, from) {
		if err != nil {
			break
		}
		if holds() {
			return
		}
	}
	h.t.Fatalf("%s: not within a minute", what)
}

// TestOnDisk goes once through everything on the engine that people run, with a restart in between.
func TestOnDisk(t *testing.T) {
	h := onDisk(t, nil)
	h.ok(h.desk.Connected(ctx, "anna"))
	e := benchEvent("zoe", "1")
	if _, _, err := h.desk.Receive(ctx, []core.Inbound{e}, nil); err != nil {
		t.Fatal(err)
	}
	h.until("offered", func() bool { return h.ongoing("zoe").Offer != nil })
	c := h.ongoing("zoe")
	c, err := h.desk.Accept(ctx, agent("anna"), c.Offer.ID)
	h.ok(err)
	began := make(chan struct{}, 1)
	h.channels.answer(func(c context.Context, out *core.Outgoing) core.Outcome {
		began <- struct{}{}
		<-c.Done()
		return core.Outcome{Kind: core.OutcomeLost}
	})
	m := h.reply(c, "1", "hi")
	<-began
	h.stop()
	h.channels.answer(func(_ context.Context, out *core.Outgoing) core.Outcome { return accepted(out) })
	h.start()
	h.until("sent", func() bool { return h.said(c.ID, m.Seq).State == core.Sent })
	if sends := h.channels.sent(); len(sends) != 2 || len(sends[1].Previous) != 1 {
		t.Errorf("%d sends", len(sends))
	}
	h.ok(h.desk.Connected(ctx, "anna"))
	if _, err := h.desk.End(ctx, agent("anna"), c.ID); err != nil {
		t.Fatal(err)
	}
	stored, duplicates, err := h.desk.Receive(ctx, []core.Inbound{e, benchEvent("zoe", "2")}, nil)
	h.ok(err)
	if stored != 1 || duplicates != 1 {
		t.Errorf("stored %d, duplicates %d", stored, duplicates)
	}
	h.until("offered", func() bool { next := h.ongoing("zoe"); return next.ID != c.ID && next.Offer != nil })
	h.stop()
	h.check()
}

// TestAutoCloseShortened: a shorter time in the configuration holds for what is open already.
func TestAutoCloseShortened(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		c := h.says("zoe", "hello")
		h.ok(h.desk.Apply(ctx, newSetup(func(s *core.Setup) { s.Workstreams["social"].AutoClose.Open = 10 * time.Minute })))
		h.pass(9 * time.Minute)
		if h.conversation(c.ID).State == core.Closed {
			t.Error("closed too early")
		}
		h.pass(time.Minute)
		if h.conversation(c.ID).State != core.Closed {
			t.Error("not closed")
		}
	})
}
