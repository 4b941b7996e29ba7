package desk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/store"
)

func TestRetry(t *testing.T) {
	t.Run("of a part", func(t *testing.T) {
		inTouch(t, func(h *house, zoe *core.Conversation) {
			h.channels.script(
				core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"p1"}, Resume: "5"},
				core.Outcome{Kind: core.OutcomeRejected, Cause: "content"},
				core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"p2"}},
			)
			m := h.reply(zoe, "1", "long")
			h.settle()
			m = h.said(zoe.ID, m.Seq)
			if m.State != core.Failed || !strings.Contains(m.Reason.Text, "A part of it was sent before.") {
				t.Fatalf("%s %+v", m.State, m.Reason)
			}
			retried, err := h.desk.Retry(ctx, agent("anna"), zoe.ID, m.Seq)
			h.ok(err)
			if retried.State != core.Queued {
				t.Errorf("retried: %s", retried.State)
			}
			h.settle()
			sends := h.channels.sent()
			last := sends[len(sends)-1]
			if len(sends) != 3 || last.Entry.ID == sends[0].Entry.ID || last.Entry.Resume != "5" || len(last.Previous) != 0 {
				t.Errorf("%d sends, the last %+v", len(sends), last.Entry)
			}
			if m = h.said(zoe.ID, m.Seq); m.State != core.Sent || m.Outbox != last.Entry.ID || len(m.ExternalIDs) != 2 {
				t.Errorf("%s %v", m.State, m.ExternalIDs)
			}
			_, err = h.desk.Retry(ctx, agent("anna"), zoe.ID, m.Seq)
			h.refused(err, core.Conflict)
		})
	})
	t.Run("of what failed after it was accepted", func(t *testing.T) {
		inTouch(t, func(h *house, zoe *core.Conversation) {
			h.channels.script(
				core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"p1"}, Resume: "5"},
				core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"p2"}},
				core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"q"}},
			)
			m := h.reply(zoe, "1", "long")
			h.settle()
			status := h.event(core.InStatus, "zoe")
			status.TargetIDs, status.Status, status.Reason = []string{"p2"}, core.Failed, "unreachable"
			h.receive(status)
			if m = h.said(zoe.ID, m.Seq); m.State != core.Failed || m.Reason.Provider != "unreachable" {
				t.Fatalf("%s %+v", m.State, m.Reason)
			}
			_, err := h.desk.Retry(ctx, agent("anna"), zoe.ID, m.Seq)
			h.ok(err)
			h.settle()
			sends := h.channels.sent()
			if last := sends[len(sends)-1]; len(sends) != 3 || last.Entry.Resume != "" {
				t.Errorf("%d sends, the last from %q", len(sends), last.Entry.Resume)
			}
			status.ID = "late" // of the former send: it says nothing of this one
			h.receive(status)
			if m = h.said(zoe.ID, m.Seq); m.State != core.Sent {
				t.Errorf("%s", m.State)
			}
		})
	})
	t.Run("while it is being sent", func(t *testing.T) {
		inTouch(t, func(h *house, zoe *core.Conversation) {
			release := make(chan struct{})
			h.channels.answer(func(_ context.Context, out *core.Outgoing) core.Outcome {
				<-release
				return accepted(out)
			})
			m := h.reply(zoe, "1", "hi")
			h.settle()
			_, err := h.desk.Retry(ctx, agent("anna"), zoe.ID, m.Seq)
			h.refused(err, core.Conflict)
			close(release)
		})
	})
	t.Run("of what was never sent from here", func(t *testing.T) {
		inTouch(t, func(h *house, zoe *core.Conversation) {
			_, err := h.desk.Retry(ctx, agent("anna"), zoe.ID, 1)
			h.refused(err, core.Conflict)
			_, err = h.desk.Retry(ctx, agent("anna"), zoe.ID, 9)
			h.refused(err, core.NotFound)
			_, err = h.desk.Retry(ctx, agent("ben"), zoe.ID, 1)
			h.refused(err, core.NotFound)
		})
	})
}

// TestNoReplyIsForgotten: replies that come just when the sender has found nothing more to do go out at once, too.
func TestNoReplyIsForgotten(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		for i := range 400 {
			h.reply(zoe, fmt.Sprint(i), "hi")
			for range rand.IntN(20) {
				runtime.Gosched()
			}
		}
		h.settle()
		if n := len(h.channels.sent()); n != 400 {
			t.Errorf("%d of 400 were sent", n)
		}
	})
}

func TestReply(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		draft := desk.NewMessage{ID: "é-1", Text: "hi"}
		m, created, err := h.desk.Reply(ctx, agent("anna"), zoe.ID, draft)
		h.ok(err)
		if !created || m.State != core.Queued {
			t.Errorf("%v %s", created, m.State)
		}
		again, created, err := h.desk.Reply(ctx, agent("anna"), zoe.ID, draft)
		h.ok(err)
		if created || again.Seq != m.Seq {
			t.Errorf("repeated: created %v, seq %d", created, again.Seq)
		}
		_, _, err = h.desk.Reply(ctx, agent("anna"), zoe.ID, desk.NewMessage{ID: "é-1", Text: "other"})
		h.refused(err, core.Conflict)
		_, created, err = h.desk.Reply(ctx, supervisor(), zoe.ID, desk.NewMessage{ID: "é-1", Text: "of somebody else"})
		h.ok(err)
		if !created {
			t.Error("ids of two authors clash")
		}
		for _, bad := range []desk.NewMessage{
			{}, {ID: strings.Repeat("x", 65), Text: "x"}, {ID: "2"}, {ID: "2", Text: " \n"}, {ID: "2", Text: "x", Visibility: "secret"},
			{ID: "2", Text: strings.Repeat("x", 40000)}, {ID: "2", Attachments: make([]core.ID, 11)}, {ID: "2", Attachments: []core.ID{core.NewID(time.Now())}},
		} {
			_, _, err := h.desk.Reply(ctx, agent("anna"), zoe.ID, bad)
			h.refused(err, core.Invalid)
		}
		h.settle()
		if c := h.conversation(zoe.ID); !c.WaitingSince.IsZero() || c.Unread != 0 || c.LastCustomerMessage.Text != "hello" || c.LastMessage.From != core.FromAgent {
			t.Errorf("%+v", c)
		}
		note, _, err := h.desk.Reply(ctx, agent("anna"), zoe.ID, desk.NewMessage{ID: "3", Text: "hm", Visibility: core.InternalNote})
		h.ok(err)
		h.settle()
		if note.State != core.Received || len(h.channels.sent()) != 2 {
			t.Errorf("the note is %s, %d sends", note.State, len(h.channels.sent()))
		}
	})
}

// TestTextsThatAChannelDoesNotTake is about channels that neither take a longer text nor split it.
func TestTextsThatAChannelDoesNotTake(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		h.channels.limit = core.TextLimit{Max: 10, Unit: core.UTF16Units}
		reply := func(id, text string, visibility core.Visibility) error {
			_, _, err := h.desk.Reply(ctx, agent("anna"), zoe.ID, desk.NewMessage{ID: id, Text: text, Visibility: visibility})
			return err
		}
		err := reply("1", "😀😀😀😀😀!", "")
		h.refused(err, core.Invalid)
		if err == nil || !strings.Contains(err.Error(), "at most 10") {
			t.Errorf("the limit is not named: %v", err)
		}
		h.ok(reply("1", "😀😀😀😀😀", ""))
		h.ok(reply("2", strings.Repeat("a note goes nowhere ", 10), core.InternalNote))
		h.channels.limit.Max = 5
		h.ok(reply("1", "😀😀😀😀😀", "")) // it is known already
		h.refused(reply("3", "longer", ""), core.Invalid)
		h.channels.limit = core.TextLimit{}
		h.ok(reply("3", strings.Repeat("x", 29_000), ""))
	})
}

func TestReplyWithUpload(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		upload := func(agent string) core.ID {
			id := core.NewID(time.Now())
			hash, size, kind, err := h.blobs.Put(ctx, strings.NewReader("picture "+string(id)), 100)
			h.ok(err)
			h.ok(h.store.Update(ctx, func(tx *store.Tx) error {
				tx.PutUpload(&core.Upload{ID: id, Agent: agent, Hash: hash, Name: "a.png", Type: kind, Size: size, CreatedAt: time.Now()})
				return nil
			}))
			return id
		}
		mine, theirs := upload("anna"), upload("ben")
		_, _, err := h.desk.Reply(ctx, agent("anna"), zoe.ID, desk.NewMessage{ID: "1", Attachments: []core.ID{theirs}})
		h.refused(err, core.Invalid)
		m, _, err := h.desk.Reply(ctx, agent("anna"), zoe.ID, desk.NewMessage{ID: "1", Attachments: []core.ID{mine}})
		h.ok(err)
		if m.Kind != "attachment" || len(m.Attachments) != 1 || m.Attachments[0].State != core.Ready || m.Attachments[0].Name != "a.png" {
			t.Errorf("%+v", m)
		}
		_, _, err = h.desk.Reply(ctx, agent("anna"), zoe.ID, desk.NewMessage{ID: "2", Attachments: []core.ID{mine}})
		h.refused(err, core.Invalid) // it can be sent once
		off := newSetup(func(s *core.Setup) { s.Channels["line"].FromAgent = false })
		h.ok(h.desk.Apply(ctx, off))
		_, _, err = h.desk.Reply(ctx, agent("anna"), zoe.ID, desk.NewMessage{ID: "3", Attachments: []core.ID{upload("anna")}})
		h.refused(err, core.Invalid)
	})
}

func TestSignals(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		e := h.message("zoe", "hello?")
		e.Message.ReadToken = "R"
		h.receive(e)
		h.desk.Typing(ctx, agent("anna"), zoe.ID)
		h.desk.Typing(ctx, agent("ben"), zoe.ID) // not his
		h.ok(h.desk.MarkRead(ctx, agent("anna"), zoe.ID))
		h.ok(h.desk.MarkRead(ctx, agent("anna"), zoe.ID)) // nothing new
		h.settle()
		want := []core.Signal{{ReadID: e.Message.ExternalID, ReadToken: "R"}, {Typing: true}}
		h.channels.mu.Lock()
		defer h.channels.mu.Unlock()
		slices.SortFunc(h.channels.signals, func(a, b core.Signal) int { return strings.Compare(b.ReadID, a.ReadID) })
		if !slices.Equal(h.channels.signals, want) {
			t.Errorf("signals %+v", h.channels.signals)
		}
	})
}
