package desk_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// pass lets time go by.
func (h *house) pass(d time.Duration) {
	time.Sleep(d)
	h.settle()
}

func TestAutoClose(t *testing.T) {
	for _, c := range []struct {
		name  string
		make  func(h *house) *core.Conversation
		after time.Duration
		want  string
	}{
		{"open", func(h *house) *core.Conversation { return h.says("zoe", "hello") }, time.Hour, "closed []"},
		{"active", func(h *house) *core.Conversation {
			h.there("anna")
			return h.taken("zoe")
		}, 2 * time.Hour, "closed, formerly anna [auto-close]"},
		{"waiting", func(h *house) *core.Conversation {
			h.there("anna")
			c := h.taken("zoe")
			_, err := h.desk.Leave(ctx, agent("anna"), c.ID)
			h.ok(err)
			return c
		}, 3 * time.Hour, "closed, formerly anna [agent-closed]"},
		{"wrap-up", func(h *house) *core.Conversation {
			h.there("anna")
			c := h.taken("zoe")
			h.pass(50 * time.Minute) // the timer of the open state is due before the one of the wrap-up
			_, err := h.desk.End(ctx, agent("anna"), c.ID)
			h.ok(err)
			return c
		}, 30 * time.Minute, "closed, formerly anna [agent-end-conversation]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			inBubble(t, nil, func(h *house) {
				conversation := c.make(h)
				h.pass(c.after - time.Minute)
				if h.conversation(conversation.ID).State == core.Closed {
					t.Fatal("closed too early")
				}
				h.pass(time.Minute)
				if got := h.picture(conversation.ID, nil); got != c.want {
					t.Errorf("%s, want %s", got, c.want)
				}
				h.noTimersOf(string(conversation.ID))
			})
		})
	}
	t.Run("activity", func(t *testing.T) {
		inBubble(t, nil, func(h *house) {
			c := h.says("zoe", "hello")
			for range 5 {
				h.pass(50 * time.Minute)
				h.says("zoe", "still here")
			}
			if h.conversation(c.ID).State != core.Open {
				t.Error("closed in spite of activity")
			}
		})
	})
	t.Run("woken", func(t *testing.T) {
		never := func(s *core.Setup) { s.Workstreams["social"].AutoClose = core.AutoClose{Open: time.Hour} }
		inBubble(t, never, func(h *house) {
			h.there("anna")
			c := h.taken("zoe")
			_, err := h.desk.Leave(ctx, agent("anna"), c.ID)
			h.ok(err)
			h.presence("anna", core.Away)
			h.pass(5 * time.Hour)
			if h.conversation(c.ID).State != core.Waiting {
				t.Error("closed though it never should")
			}
			h.says("zoe", "hello again")
			h.pass(time.Hour)
			if got := h.conversation(c.ID).State; got != core.Closed {
				t.Errorf("%s", got)
			}
		})
	})
}

// noTimersOf fails when a deadline is left for something that needs none.
func (h *house) noTimersOf(ref string) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		list, err := tx.DueTimers(time.Time{}, tx.Now().Add(1000*time.Hour), 1000, func(t *core.Timer) bool { return t.Ref != ref })
		for _, timer := range list {
			h.t.Errorf("a timer is left: %+v", timer)
		}
		return err
	})
}

func TestWrapUp(t *testing.T) {
	for block, want := range map[string][]int{"none": {0, 0}, "custom": {1, 0}, "always": {1, 1}} {
		t.Run(block, func(t *testing.T) {
			inBubble(t, func(s *core.Setup) {
				s.Workstreams["social"].WrapUp = core.WrapUp{Block: block, For: 5 * time.Minute}
			}, func(h *house) {
				h.there("anna")
				c := h.taken("zoe")
				_, err := h.desk.End(ctx, agent("anna"), c.ID)
				h.ok(err)
				h.pass(4 * time.Minute)
				if got := h.load("anna"); got != want[0] {
					t.Errorf("load %d right after, want %d", got, want[0])
				}
				h.pass(time.Minute)
				if got := h.load("anna"); got != want[1] {
					t.Errorf("load %d later, want %d", got, want[1])
				}
				_, err = h.desk.Leave(ctx, agent("anna"), c.ID)
				h.ok(err)
				if got := h.load("anna"); got != 0 {
					t.Errorf("load %d when closed", got)
				}
			})
		})
	}
	t.Run("ended twice", func(t *testing.T) {
		inBubble(t, func(s *core.Setup) {
			s.Workstreams["social"].WrapUp = core.WrapUp{Block: "custom", For: 5 * time.Minute}
		}, func(h *house) {
			h.there("anna")
			c := h.taken("zoe")
			end := func() {
				_, err := h.desk.End(ctx, agent("anna"), c.ID)
				h.ok(err)
			}
			end()
			h.pass(4 * time.Minute)
			_, err := h.desk.Reopen(ctx, agent("anna"), c.ID)
			h.ok(err)
			end()
			h.pass(2 * time.Minute) // the timer of the first end is over
			if h.load("anna") != 1 {
				t.Error("the second wrap-up was cut short")
			}
			h.pass(3 * time.Minute)
			if h.load("anna") != 0 {
				t.Error("the second wrap-up goes on")
			}
		})
	})
	t.Run("longer than auto-close", func(t *testing.T) {
		inBubble(t, func(s *core.Setup) {
			s.Workstreams["social"].WrapUp = core.WrapUp{Block: "custom", For: 2 * time.Hour}
		}, func(h *house) {
			h.there("anna")
			c := h.taken("zoe")
			_, err := h.desk.End(ctx, agent("anna"), c.ID)
			h.ok(err)
			h.pass(time.Hour)
			if h.conversation(c.ID).State == core.Closed {
				t.Error("closed during the wrap-up")
			}
			h.pass(time.Hour)
			if h.conversation(c.ID).State != core.Closed {
				t.Error("not closed after the wrap-up")
			}
		})
	})
}

func TestCatchUp(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.says("zoe", "hello")
		other := h.says("yan", "hello")
		h.stop()
		time.Sleep(2 * time.Hour)
		h.catchUp = time.Minute
		h.start()
		h.pass(time.Second)
		if h.conversation(other.ID).Offer != nil {
			t.Error("an offer rings on over the stop")
		}
		h.pass(50 * time.Second)
		if h.conversation(c.ID).State == core.Closed {
			t.Error("closed before the channels have caught up")
		}
		h.says("zoe", "are you there?") // what the channel had kept
		h.pass(15 * time.Second)
		if h.conversation(c.ID).State == core.Closed {
			t.Error("closed in spite of what the customer said meanwhile")
		}
		if h.conversation(other.ID).State != core.Closed {
			t.Error("not closed")
		}
	})
}

// TestManyOverdue: deadlines by the hundred are all dealt with, also behind those that wait for the channels.
func TestManyOverdue(t *testing.T) {
	inBubble(t, room(1000), func(h *house) {
		for i := range 350 {
			h.says(fmt.Sprint("customer-", i), "hello")
		}
		h.there("anna")
		h.stop()
		time.Sleep(2 * time.Hour)
		h.catchUp = time.Minute
		h.start()
		h.pass(time.Second)
		h.view(func(tx *store.Tx) error {
			ringing, err := tx.OfferedTo("anna")
			if len(ringing) != 0 {
				t.Errorf("%d offers ring on", len(ringing))
			}
			return err
		})
		h.pass(time.Minute)
		h.view(func(tx *store.Tx) error {
			page, err := tx.AllConversations("", 1000)
			if len(page.Conversations) != 0 {
				t.Errorf("%d conversations are not closed", len(page.Conversations))
			}
			return err
		})
	})
}

// TestLateTimers: deadlines of what has moved on do nothing.
func TestLateTimers(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("zoe")
		stale := []*core.Timer{
			{Due: time.Now(), Kind: core.TimerOffer, Ref: string(c.ID), Offer: core.NewID(time.Now())},
			{Due: time.Now(), Kind: core.TimerAutoClose, Ref: string(c.ID)},
			{Due: time.Now(), Kind: core.TimerWrapUp, Ref: string(c.ID)},
			{Due: time.Now(), Kind: core.TimerPresence, Ref: "anna"},
		}
		before, version := h.picture(c.ID, nil), h.conversation(c.ID).Version
		h.ok(h.store.Update(context.Background(), func(tx *store.Tx) error {
			for _, timer := range stale {
				tx.PutTimer(timer)
			}
			return nil
		}))
		h.settle()
		if after := h.picture(c.ID, nil); after != before {
			t.Errorf("%s, was %s", after, before)
		}
		if now := h.conversation(c.ID).Version; now != version {
			t.Errorf("version %d, was %d", now, version)
		}
		if got := h.status("anna").Presence; got != core.Available {
			t.Errorf("anna is %s", got)
		}
		h.noTimersOf("anna")
	})
}

func TestWatchMendsOrphans(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.says("zoe", "hello")
		h.decline("zoe")
		h.stop()
		h.ok(h.store.Update(context.Background(), func(tx *store.Tx) error {
			c, err := tx.Conversation(c.ID)
			c.Queue, c.Offer, c.Units = "", nil, 0
			tx.ClearRouteMark(c.ID)
			tx.PutConversation(c, false)
			return err
		}))
		h.start()
		h.pass(5 * time.Second)
		if got := h.ongoing("zoe").Queue; got != "general" {
			t.Errorf("the orphan is in queue %q", got)
		}
		if got := h.desk.Health(); got.Mended != 1 || got.Orphans != 0 && got.RoundEnd.IsZero() {
			t.Errorf("health %+v", got)
		}
		h.pass(30 * time.Second)                                             // for the timer of the offer that the test cut off
		h.ok(h.store.Update(context.Background(), func(tx *store.Tx) error { // and its session
			c, err := tx.Conversation(c.ID)
			if err != nil {
				return err
			}
			for n := range c.Sessions {
				s, err := tx.Session(c.ID, n+1)
				if err != nil {
					return err
				}
				if s.ClosedAt.IsZero() {
					s.ClosedAt, s.Reason = tx.Now(), core.SystemReject
					tx.PutSession(s)
				}
			}
			return nil
		}))
	})
}
