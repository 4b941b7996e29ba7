package desk_test

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

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
