package desk_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/store"
)

func TestReceiveOnce(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		e := h.message("zoe", "hello")
		for i, want := range []struct{ stored, duplicates int }{{1, 0}, {0, 1}, {0, 1}} {
			e.Redelivered = i > 0
			stored, duplicates, err := h.desk.Receive(ctx, []core.Inbound{e}, nil)
			h.ok(err)
			if stored != want.stored || duplicates != want.duplicates {
				t.Errorf("delivery %d: stored %d, duplicates %d, want %+v", i+1, stored, duplicates, want)
			}
		}
		// The same message under another event id, as two webhooks of one provider may tell it.
		e.ID = "another"
		h.receive(e)
		c := h.ongoing("zoe")
		list := h.messages(c.ID)
		if len(list) != 1 || list[0].Text != "hello" || c.Unread != 1 || c.LastSeq != 1 {
			t.Errorf("messages %v, unread %d", list, c.Unread)
		}
		if c.State != core.Open || c.Queue != "general" || c.Language != "fr" || c.WaitingSince.IsZero() || c.LastCustomerMessage.Text != "hello" {
			t.Errorf("conversation %+v", c)
		}
		if _, _, err := h.desk.Receive(ctx, []core.Inbound{{Account: "shop", Kind: core.InMessage}}, nil); core.CodeOf(err) != core.Invalid {
			t.Errorf("an event without an id: %v", err)
		}
	})
}

func TestReceiveInDisorder(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		edit := h.event(core.InEdited, "zoe")
		edit.TargetIDs, edit.Text, edit.At = []string{"m-1"}, "second", time.Now().Add(time.Second)
		original := h.message("zoe", "first")
		original.Message.ExternalID = "m-1"
		stale := h.event(core.InEdited, "zoe")
		stale.TargetIDs, stale.Text, stale.At = []string{"m-1"}, "earlier", time.Now()
		gone := h.event(core.InDeleted, "zoe")
		gone.TargetIDs = []string{"m-2"}
		late := h.message("zoe", "never mind")
		late.Message.ExternalID = "m-2"
		h.receive(edit, original, stale, gone, late)
		c := h.ongoing("zoe")
		list := h.messages(c.ID)
		if len(list) != 2 {
			t.Fatalf("%d messages, want 2", len(list))
		}
		if list[0].Text != "second" || list[0].EditedAt.IsZero() {
			t.Errorf("the edited message says %q", list[0].Text)
		}
		if list[1].Text != "" || list[1].DeletedAt.IsZero() {
			t.Errorf("the deleted message says %q", list[1].Text)
		}
		h.view(func(tx *store.Tx) error {
			raws, err := tx.RawEvents(c.ID)
			for _, r := range raws {
				if strings.Contains(r.Body, "never mind") {
					t.Error("the deleted message is kept raw")
				}
			}
			return err
		})
	})
}

func TestEditAndDelete(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		c := h.says("zoe", "my card is 1234")
		other := h.says("zoe", "thanks")
		if other.ID != c.ID {
			t.Fatal("another conversation")
		}
		edit := h.event(core.InEdited, "zoe")
		edit.TargetIDs, edit.Text, edit.At = []string{"m-event-2"}, "thank you", time.Now().Add(time.Second)
		h.receive(edit)
		if c = h.conversation(c.ID); c.LastCustomerMessage.Text != "thank you" || c.LastMessage.Text != "thank you" {
			t.Errorf("previews %+v %+v", c.LastCustomerMessage, c.LastMessage)
		}
		gone := h.event(core.InDeleted, "zoe")
		gone.TargetIDs = []string{"m-event-1"}
		h.receive(gone)
		m := h.said(c.ID, 1)
		if m.Text != "" || m.DeletedAt.IsZero() {
			t.Errorf("message %+v", m)
		}
		h.view(func(tx *store.Tx) error {
			raws, err := tx.RawEvents(c.ID)
			if len(raws) != 1 || strings.Contains(raws[0].Body, "1234") {
				t.Errorf("raw events: %v", raws)
			}
			return err
		})
		// An edit or a deletion that names no message is kept, and breaks nothing.
		for _, kind := range []core.InboundKind{core.InEdited, core.InDeleted, core.InReaction, core.InStatus, core.InRead} {
			h.receive(h.event(kind, "zoe"))
		}
	})
}

func TestReceiveBatch(t *testing.T) {
	for _, threads := range []int{1, 200} {
		t.Run(fmt.Sprint(threads), func(t *testing.T) {
			inBubble(t, nil, func(h *house) {
				var batch []core.Inbound
				for i := range 1000 {
					batch = append(batch, h.message(fmt.Sprintf("customer-%d", i%threads), fmt.Sprint(i)))
				}
				stored, _, err := h.desk.Receive(ctx, batch, nil)
				h.ok(err)
				if stored != 1000 {
					t.Errorf("stored %d", stored)
				}
				h.settle()
				for n := range threads {
					list := h.messages(h.ongoing(fmt.Sprintf("customer-%d", n)).ID)
					if len(list) != 1000/threads {
						t.Fatalf("customer %d has %d messages", n, len(list))
					}
					for i, m := range list {
						if want := fmt.Sprint(i*threads + n); m.Text != want {
							t.Fatalf("message %d of customer %d is %q, want %q", i, n, m.Text, want)
						}
					}
				}
				_, duplicates, err := h.desk.Receive(ctx, batch, nil)
				h.ok(err)
				if duplicates != 1000 {
					t.Errorf("duplicates %d", duplicates)
				}
			})
		})
	}
}

func TestReceiveCursor(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		typing := h.event(core.InTyping, "zoe")
		_, _, err := h.desk.Receive(ctx, []core.Inbound{h.message("zoe", "a"), typing}, &desk.Cursor{Name: "offset", Value: []byte("7")})
		h.ok(err)
		h.view(func(tx *store.Tx) error {
			value, _, _, err := tx.PluginState("shop", "cursor/offset")
			if string(value) != "7" {
				t.Errorf("cursor %q", value)
			}
			return err
		})
		if _, _, err := h.desk.Receive(ctx, nil, &desk.Cursor{Name: "offset"}); core.CodeOf(err) != core.Invalid {
			t.Errorf("a cursor without events: %v", err)
		}
	})
}

func TestReceiveUnknown(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		unknown := h.event(core.InUnknown, "zoe")
		unknown.Raw = []byte(`{"type":"brand-new"}`)
		survey := h.event(core.InSurveyAnswered, "zoe")
		survey.Raw = []byte(`{"answers":1}`)
		h.receive(unknown, survey)
		if h.ongoing("zoe") != nil {
			t.Error("an unknown event began a conversation")
		}
		h.view(func(tx *store.Tx) error {
			raws, err := tx.AccountRaw("shop", 10)
			if len(raws) != 2 || raws[0].Body == "" {
				t.Errorf("raw events %v", raws)
			}
			return err
		})
		strange := h.event(core.InUnknown, "zoe")
		strange.Message = &core.InboundMessage{ExternalID: "x", Kind: "unsupported"}
		h.receive(strange)
		if list := h.messages(h.ongoing("zoe").ID); len(list) != 1 || list[0].Kind != "unsupported" {
			t.Errorf("messages %v", list)
		}
		_, _, err := h.desk.Receive(ctx, []core.Inbound{{Account: "nowhere", ID: "1", Kind: core.InMessage}}, nil)
		h.refused(err, core.Unavailable)
	})
}

func TestRetiredChannel(t *testing.T) {
	for _, of := range []string{"channel", "account"} {
		t.Run(of, func(t *testing.T) {
			inBubble(t, nil, func(h *house) {
				c := h.says("zoe", "hello")
				setup := newSetup(func(s *core.Setup) {
					s.Revision = 2
					s.Channels["line"].Retired = of == "channel"
					s.Accounts["shop"].Retired = of == "account"
				})
				h.ok(h.desk.Apply(ctx, setup))
				h.receive(h.message("zoe", "still here"), h.message("yan", "anybody?"))
				if list := h.messages(c.ID); len(list) != 2 {
					t.Errorf("the open conversation has %d messages", len(list))
				}
				if h.ongoing("yan") != nil {
					t.Error("a retired channel began a conversation")
				}
			})
		})
	}
}

func TestLongText(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		long := strings.Repeat("Ça va bien ? ", 6000)
		e := h.message("zoe", long)
		e.Raw = []byte(strings.Repeat("r", 40<<10))
		h.receive(e)
		c := h.ongoing("zoe")
		m := h.messages(c.ID)[0]
		if len(m.Text) > 33<<10 || !strings.HasPrefix(long, strings.TrimSuffix(m.Text, "…")) || len(m.Attachments) != 1 {
			t.Fatalf("text of %d bytes, %d attachments", len(m.Text), len(m.Attachments))
		}
		if got := string(h.blobs.content[m.Attachments[0].Hash]); got != long {
			t.Error("the whole text is not in the attachment")
		}
		if n := len([]rune(c.LastCustomerMessage.Text)); n > 201 {
			t.Errorf("the preview has %d characters", n)
		}
		edit := h.event(core.InEdited, "zoe")
		edit.TargetIDs, edit.Text, edit.At = []string{"m-event-1"}, long+long, time.Now().Add(time.Second)
		h.receive(edit)
		if m = h.messages(c.ID)[0]; len(m.Attachments) != 1 || string(h.blobs.content[m.Attachments[0].Hash]) != long+long {
			t.Errorf("after the edit: %d attachments", len(m.Attachments))
		}
		edit = h.event(core.InEdited, "zoe")
		edit.TargetIDs, edit.Text, edit.At = []string{"m-event-1"}, "short", time.Now().Add(2*time.Second)
		h.receive(edit)
		if m = h.messages(c.ID)[0]; len(m.Attachments) != 0 || m.Text != "short" {
			t.Errorf("after the second edit: %q, %d attachments", m.Text, len(m.Attachments))
		}
	})
}

func TestIdentities(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.channels.profile = func(_ context.Context, k core.IdentityKey) (*core.Profile, error) {
			if k.Value == "nobody" {
				return nil, errors.New("not now")
			}
			return &core.Profile{Name: "Yan Li", Picture: "https://example.com/p"}, nil
		}
		e := h.message("zoe", "hello")
		e.Sender.Identities = append(e.Sender.Identities, core.SenderIdentity{IdentityKey: core.IdentityKey{Kind: "phone", Value: "+33123"}, Verified: true})
		h.receive(e)
		zoe := h.ongoing("zoe")
		if zoe.Identity.Kind != "line-user" {
			t.Errorf("the first identity is not the one to answer to: %+v", zoe.Identity)
		}
		// The same phone on another thread is the same contact.
		other := h.message("zoe-2", "it's me")
		other.Sender.Identities = append(other.Sender.Identities, core.SenderIdentity{IdentityKey: core.IdentityKey{Kind: "phone", Value: "+33123"}})
		h.receive(other)
		if c := h.ongoing("zoe-2"); c.Contact != zoe.Contact || c.ID == zoe.ID {
			t.Errorf("contact %s, want %s", c.Contact, zoe.Contact)
		}
		// A customer without a name is looked up, once.
		nameless := h.message("yan", "hi")
		nameless.Sender.Name = ""
		h.receive(nameless)
		h.view(func(tx *store.Tx) error {
			c, err := tx.Contact(h.ongoing("yan").Contact)
			if c.Name != "Yan Li" || c.Picture == "" {
				t.Errorf("contact %+v", c)
			}
			return err
		})
		unlucky := h.message("nobody", "hi")
		unlucky.Sender.Name = ""
		h.receive(unlucky)
		named := h.message("nobody", "I am Bob")
		named.Sender.Name = "Bob"
		h.receive(named)
		h.view(func(tx *store.Tx) error {
			c, err := tx.Contact(h.ongoing("nobody").Contact)
			if c.Name != "Bob" {
				t.Errorf("contact %+v", c)
			}
			return err
		})
	})
}

func TestGroup(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		a, b := h.message("zoe", "from zoe"), h.message("yan", "from yan")
		a.Thread, b.Thread = core.Thread{ID: "g", Kind: "group"}, core.Thread{ID: "g", Kind: "group"}
		joined := h.event(core.InGroupJoined, "g")
		joined.Thread = a.Thread
		h.receive(a, b, joined)
		var c *core.Conversation
		h.view(func(tx *store.Tx) (err error) {
			c, err = tx.OngoingConversation("shop", "line", a.Thread)
			return err
		})
		list := h.messages(c.ID)
		if len(list) != 3 || list[0].From.Name != "zoe" || list[1].From.Name != "yan" || list[0].From.ID == list[1].From.ID || list[2].Kind != "activity" {
			t.Errorf("messages %+v", list)
		}
		if c.Identity.Kind != "group" || c.LastMessage.Text != "from yan" {
			t.Errorf("conversation %+v", c)
		}
	})
}

func TestEcho(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		echo := h.message("zoe", "we are closed today")
		echo.Kind = core.InEcho
		h.receive(echo)
		c := h.ongoing("zoe")
		if c.State != core.Waiting || c.Offer != nil || h.load("anna") != 0 || c.Unread != 0 {
			t.Errorf("an echo rings: %+v", c)
		}
		if c = h.says("zoe", "ok"); c.State != core.Open || c.Offer == nil {
			t.Errorf("the answer does not ring: %+v", c)
		}
		_, err := h.desk.Accept(ctx, agent("anna"), c.Offer.ID)
		h.ok(err)
		// The provider tells of our own message before it answers the call that sent it.
		h.channels.answer(func(_ context.Context, out *core.Outgoing) core.Outcome {
			e := h.message("zoe", out.Message.Text)
			e.Kind, e.Message.ExternalID = core.InEcho, "ours"
			if _, _, err := h.desk.Receive(ctx, []core.Inbound{e}, nil); err != nil {
				t.Error(err)
			}
			return core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"ours"}}
		})
		h.reply(h.conversation(c.ID), "1", "see you")
		h.settle()
		again := h.message("zoe", "see you")
		again.Kind, again.Message.ExternalID = core.InEcho, "ours"
		h.receive(again)
		if list := h.messages(c.ID); len(list) != 3 {
			t.Errorf("%d messages, want 3", len(list))
		}
	})
}

func TestConsent(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("zoe")
		for _, step := range []struct {
			kind core.InboundKind
			code string
		}{{core.InBlocked, "rejected-recipient"}, {core.InUnblocked, ""}, {core.InOptedOut, "rejected-opted-out"}, {core.InOptedIn, ""}} {
			h.receive(h.event(step.kind, "zoe"))
			before := len(h.channels.sent())
			m := h.reply(c, string(step.kind), "hi")
			h.settle()
			m = h.said(c.ID, m.Seq)
			if step.code == "" && m.State != core.Sent || step.code != "" && (m.State != core.Failed || m.Reason.Code != step.code) {
				t.Errorf("after %s: %s %+v", step.kind, m.State, m.Reason)
			}
			if sent := len(h.channels.sent()) - before; (sent == 1) != (step.code == "") {
				t.Errorf("after %s: %d sends", step.kind, sent)
			}
		}
	})
}

func TestReactionsAndIdentityChange(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("zoe")
		react := func(emoji string, removed bool) {
			e := h.event(core.InReaction, "zoe")
			e.TargetIDs, e.Emoji, e.Removed = []string{"m-event-1"}, emoji, removed
			h.receive(e)
		}
		react("👍", false)
		react("🎉", false)
		if r := h.said(c.ID, 1).Reactions; len(r) != 1 || r[0].Emoji != "🎉" {
			t.Errorf("reactions %v", r)
		}
		react("🎉", true)
		if r := h.said(c.ID, 1).Reactions; len(r) != 0 {
			t.Errorf("reactions %v", r)
		}
		e := h.event(core.InIdentityChanged, "zoe")
		e.Former, e.Current = &core.IdentityKey{Scope: "shop", Kind: "line-user", Value: "zoe"}, &core.IdentityKey{Scope: "shop", Kind: "line-user", Value: "zoe2"}
		h.receive(e)
		if c = h.conversation(c.ID); c.Identity.Value != "zoe2" {
			t.Errorf("it answers to %v", c.Identity)
		}
		h.view(func(tx *store.Tx) error {
			i, err := tx.Identity(*e.Current)
			if i == nil || i.Contact != c.Contact {
				t.Errorf("identity %+v", i)
			}
			return err
		})
	})
}

func TestStartAndEnd(t *testing.T) {
	live := func(s *core.Setup) { s.Workstreams["social"].Persistent = false }
	start := func(h *house) *core.Conversation {
		e := h.event(core.InConversationStarted, "zoe")
		e.Values = map[string]string{"page": "/cart"}
		h.receive(e)
		return h.ongoing("zoe")
	}
	end := func(h *house) {
		e := h.event(core.InConversationEnded, "zoe")
		e.Text = "closed-window"
		h.receive(e)
	}
	t.Run("before anybody accepted", func(t *testing.T) {
		inBubble(t, live, func(h *house) {
			h.there("anna")
			c := start(h)
			h.view(func(tx *store.Tx) error {
				v, err := tx.Variable(c.ID, "page")
				if v == nil || v.Value != "/cart" {
					t.Errorf("variable %v", v)
				}
				return err
			})
			end(h)
			if got := h.picture(c.ID, nil); got != "closed [customer-end-conversation]" {
				t.Error(got)
			}
		})
	})
	t.Run("with an agent", func(t *testing.T) {
		inBubble(t, live, func(h *house) {
			h.there("anna")
			c := start(h)
			_, err := h.desk.Accept(ctx, agent("anna"), c.Offer.ID)
			h.ok(err)
			end(h)
			if got := h.picture(c.ID, nil); got != "wrap-up, of anna [customer-end-conversation]" {
				t.Error(got)
			}
			// What the customer says next begins another conversation.
			if next := h.says("zoe", "one more thing"); next.ID == c.ID {
				t.Error("the ended conversation goes on")
			}
			_, err = h.desk.Reopen(ctx, agent("anna"), c.ID)
			h.refused(err, core.Conflict)
		})
	})
	t.Run("asynchronous", func(t *testing.T) {
		inBubble(t, nil, func(h *house) {
			h.there("anna")
			c := h.taken("zoe")
			end(h)
			if got := h.picture(c.ID, nil); got != "active, of anna, anna has 1 […]" {
				t.Error(got)
			}
		})
	})
}

func TestNotice(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		e := h.event(core.InNotice, "")
		e.Name, e.Text, e.AccountStopped = "quality", "The number was flagged.", true
		h.receive(e)
		h.view(func(tx *store.Tx) error {
			list, err := tx.Audit("", 10)
			if len(list) != 1 || list[0].Subject != "shop" || list[0].Details["text"] != e.Text {
				t.Errorf("audit %v", list)
			}
			return err
		})
	})
}

func TestStatuses(t *testing.T) {
	status := func(h *house, external string, state core.MessageState) core.Inbound {
		e := h.event(core.InStatus, "zoe")
		e.TargetIDs, e.Status, e.Code = []string{external}, state, "131"
		return e
	}
	steps := []core.MessageState{core.Sent, core.Delivered, core.Read, core.Failed}
	// want is what remains of a set of statuses, whatever their order; a failure does not undo a delivery.
	want := func(order []core.MessageState) core.MessageState {
		best := core.Sent
		for _, s := range order {
			if s.Rank() > best.Rank() {
				best = s
			}
		}
		if best == core.Sent && slices.Contains(order, core.Failed) {
			return core.Failed
		}
		return best
	}
	for _, early := range []bool{false, true} {
		for i := range steps {
			for j := range steps {
				for k := range steps {
					order := []core.MessageState{steps[i], steps[j], steps[k]}
					t.Run(fmt.Sprint(early, order), func(t *testing.T) {
						inBubble(t, nil, func(h *house) {
							h.there("anna")
							c := h.taken("zoe")
							tell := func() {
								for _, s := range order {
									if _, _, err := h.desk.Receive(ctx, []core.Inbound{status(h, "x", s)}, nil); err != nil {
										t.Error(err)
									}
								}
							}
							h.channels.answer(func(context.Context, *core.Outgoing) core.Outcome {
								if early {
									tell()
								}
								return core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"x"}}
							})
							m := h.reply(c, "1", "hi")
							h.settle()
							if !early {
								tell()
							}
							if got := h.said(c.ID, m.Seq).State; got != want(order) {
								t.Errorf("state %s, want %s", got, want(order))
							}
						})
					})
				}
			}
		}
	}
}

func TestReadMark(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("zoe")
		for i := range 30 {
			h.reply(c, fmt.Sprint(i), "hi")
		}
		h.settle()
		e := h.event(core.InRead, "zoe")
		e.TargetIDs = h.said(c.ID, 29).ExternalIDs
		h.receive(e)
		for _, m := range h.messages(c.ID)[1:] {
			want := core.Read
			if m.Seq > 29 {
				want = core.Sent
			}
			if m.State != want {
				t.Errorf("message %d is %s, want %s", m.Seq, m.State, want)
			}
		}
		h.receive(h.event(core.InRead, "zoe"))
		if m := h.said(c.ID, 31); m.State != core.Read {
			t.Errorf("the last message is %s", m.State)
		}
	})
}

func TestAttachments(t *testing.T) {
	picture := func(h *house) core.Inbound {
		e := h.message("zoe", "")
		e.Message.Kind = "attachment"
		e.Message.Attachments = []core.Attachment{{State: core.Fetching, Type: "image/jpeg", Handle: "handle"}}
		return e
	}
	content := func(text string) func(context.Context, string, func(core.MediaHead) (io.Writer, error)) core.FetchOutcome {
		return func(_ context.Context, _ string, start func(core.MediaHead) (io.Writer, error)) core.FetchOutcome {
			w, err := start(core.MediaHead{Name: "cat.jpg"})
			if err == nil {
				_, err = io.WriteString(w, text)
			}
			return core.FetchOutcome{Done: err == nil, Err: err}
		}
	}
	outcome := func(o core.FetchOutcome) func(context.Context, string, func(core.MediaHead) (io.Writer, error)) core.FetchOutcome {
		return func(context.Context, string, func(core.MediaHead) (io.Writer, error)) core.FetchOutcome { return o }
	}
	first := func(h *house) core.Attachment { return h.messages(h.ongoing("zoe").ID)[0].Attachments[0] }

	t.Run("ready", func(t *testing.T) {
		inBubble(t, nil, func(h *house) {
			h.channels.fetch = content("meow")
			h.receive(picture(h))
			if at := first(h); at.State != core.Ready || at.Size != 4 || at.Name != "cat.jpg" || string(h.blobs.content[at.Hash]) != "meow" {
				t.Errorf("attachment %+v", at)
			}
		})
	})
	t.Run("not ready, then ready", func(t *testing.T) {
		inBubble(t, nil, func(h *house) {
			h.channels.fetch = outcome(core.FetchOutcome{NotReady: true, After: 5 * time.Second})
			h.receive(picture(h))
			if at := first(h); at.State != core.Fetching {
				t.Errorf("attachment %+v", at)
			}
			h.channels.mu.Lock()
			h.channels.fetch = content("meow")
			h.channels.mu.Unlock()
			time.Sleep(4900 * time.Millisecond)
			h.settle()
			if at := first(h); at.State != core.Fetching {
				t.Errorf("fetched before its time: %+v", at)
			}
			time.Sleep(200 * time.Millisecond)
			h.settle()
			if at := first(h); at.State != core.Ready {
				t.Errorf("attachment %+v", at)
			}
		})
	})
	for _, c := range []struct {
		name    string
		outcome core.FetchOutcome
		want    core.AttachmentState
	}{
		{"gone", core.FetchOutcome{Gone: true, Reason: "410"}, core.GoneAtProvider},
		{"refused", core.FetchOutcome{Refused: true, Reason: "virus"}, core.Refused},
		{"done without content", core.FetchOutcome{Done: true}, core.Fetching},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, nil, func(h *house) {
				h.channels.fetch = outcome(c.outcome)
				h.receive(picture(h))
				if at := first(h); at.State != c.want || at.Hash != "" {
					t.Errorf("attachment %+v", at)
				}
			})
		})
	}
	t.Run("expired", func(t *testing.T) {
		inBubble(t, nil, func(h *house) {
			h.channels.fetch = outcome(core.FetchOutcome{Err: errors.New("down")})
			e := picture(h)
			e.Message.Attachments[0].ExpiresAt = time.Now().Add(10 * time.Minute)
			h.receive(e)
			time.Sleep(9 * time.Minute)
			h.settle()
			if at := first(h); at.State != core.Fetching && at.State != core.GoneAtProvider {
				t.Errorf("attachment %+v", at)
			}
			time.Sleep(6 * time.Minute)
			h.settle()
			if at := first(h); at.State != core.GoneAtProvider {
				t.Errorf("attachment %+v", at)
			}
		})
	})
	t.Run("taken back meanwhile", func(t *testing.T) {
		inBubble(t, nil, func(h *house) {
			release := make(chan struct{})
			fetch := content("meow")
			h.channels.fetch = func(c context.Context, handle string, start func(core.MediaHead) (io.Writer, error)) core.FetchOutcome {
				<-release
				return fetch(c, handle, start)
			}
			e := picture(h)
			h.receive(e)
			gone := h.event(core.InDeleted, "zoe")
			gone.TargetIDs = []string{e.Message.ExternalID}
			h.receive(gone)
			close(release)
			h.settle()
			if m := h.messages(h.ongoing("zoe").ID)[0]; len(m.Attachments) != 0 {
				t.Errorf("attachments %+v", m.Attachments)
			}
		})
	})
	t.Run("stopped in between", func(t *testing.T) {
		inBubble(t, nil, func(h *house) {
			h.channels.fetch = func(c context.Context, _ string, _ func(core.MediaHead) (io.Writer, error)) core.FetchOutcome {
				<-c.Done()
				return core.FetchOutcome{Err: c.Err()}
			}
			h.receive(picture(h))
			h.stop()
			h.channels.fetch = content("meow")
			h.start()
			h.settle()
			if at := first(h); at.State != core.Ready {
				t.Errorf("attachment %+v", at)
			}
		})
	})
	t.Run("one account does not hold up another", func(t *testing.T) {
		two := func(s *core.Setup) {
			s.Accounts["other"] = &core.Account{ID: "other"}
			s.Channels["other"] = &core.Channel{ID: "other", Account: "other", Workstream: "social", FromCustomer: true}
		}
		inBubble(t, two, func(h *house) {
			fetch := content("meow")
			h.channels.fetch = func(c context.Context, handle string, start func(core.MediaHead) (io.Writer, error)) core.FetchOutcome {
				if handle == "hangs" {
					<-c.Done()
					return core.FetchOutcome{Err: c.Err()}
				}
				return fetch(c, handle, start)
			}
			for range 20 {
				e := picture(h)
				e.Message.Attachments[0].Handle = "hangs"
				h.receive(e)
			}
			e := picture(h)
			e.Account, e.Thread.ID = "other", "yan"
			h.receive(e)
			h.view(func(tx *store.Tx) error {
				c, err := tx.OngoingConversation("other", "other", e.Thread)
				if err != nil {
					return err
				}
				list, err := tx.Messages(c.ID, 0, 1)
				if list[0].Attachments[0].State != core.Ready {
					t.Error("it waits behind the other account")
				}
				return err
			})
		})
	})
	t.Run("not wanted", func(t *testing.T) {
		inBubble(t, func(s *core.Setup) { s.Channels["line"].FromCustomer = false }, func(h *house) {
			h.receive(picture(h))
			if at := first(h); at.State != core.Refused || at.Reason == "" {
				t.Errorf("attachment %+v", at)
			}
		})
	})
}
