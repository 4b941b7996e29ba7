package desk_test

import (
	"context"
	"errors"
	"fmt"
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
		if c.State != core.Open || c.Queue != "general" || c.Language != "fr" || c.WaitingSince.IsZero() || c.LastCustomerMessage.Text != "hello" ||
			!c.CloseDue.Equal(c.LastActivity.Add(time.Hour)) {
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
		_, _, err := h.desk.Receive(ctx, []core.Inbound{h.message("zoe", "a"), typing}, &desk.Cursor{Account: "shop", Name: "offset", Value: []byte("7")})
		h.ok(err)
		h.view(func(tx *store.Tx) error {
			value, _, _, err := tx.PluginState("shop", "cursor/offset")
			if string(value) != "7" {
				t.Errorf("cursor %q", value)
			}
			return err
		})
		// What the provider had may be nothing to store; it is passed all the same.
		_, _, err = h.desk.Receive(ctx, nil, &desk.Cursor{Account: "shop", Name: "offset", Value: []byte("8")})
		h.ok(err)
		h.view(func(tx *store.Tx) error {
			value, _, _, err := tx.PluginState("shop", "cursor/offset")
			if string(value) != "8" {
				t.Errorf("cursor %q", value)
			}
			return err
		})
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
