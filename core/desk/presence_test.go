package desk_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
)

func TestPresenceOfSocket(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		if got := h.status("anna").Presence; got != core.Available {
			t.Errorf("signed in as %s", got)
		}
		h.presence("anna", core.Busy)
		c := h.taken("zoe")
		waiting := h.taken("wim")
		_, err := h.desk.Leave(ctx, agent("anna"), waiting.ID)
		h.ok(err)
		h.says("yan", "rings")
		h.pass(time.Hour)
		if got := h.status("anna").Presence; got != core.Busy {
			t.Errorf("a presence with a live connection became %s", got)
		}
		h.says("xia", "rings")
		h.ok(h.desk.Disconnected(ctx, "anna"))
		h.settle()
		if got := h.status("anna"); got.Presence != core.Offline || got.Former != core.Busy {
			t.Errorf("gone: %+v", got)
		}
		h.pass(2 * time.Minute)
		if h.conversation(c.ID).Assignee != "anna" {
			t.Error("taken away within the grace time")
		}
		h.there("anna")
		if got := h.status("anna"); got.Presence != core.Busy || !got.LeaseUntil.IsZero() {
			t.Errorf("back: %+v", got)
		}
		h.ok(h.desk.Disconnected(ctx, "anna"))
		h.pass(151 * time.Second)
		if got := h.picture(c.ID, nil); got != "open [agent-disconnected]" {
			t.Error(got)
		}
		if h.conversation(waiting.ID).State != core.Waiting {
			t.Error("what waits for the customer was taken away, too")
		}
		h.there("ben")
		h.wants("zoe", "ben")
		h.noTimersOf("anna")
	})
}

// TestPresentWithoutSocket: a browser whose WebSockets are blocked says again and again that it is there.
func TestPresentWithoutSocket(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		stay := func(d time.Duration) {
			for range d / (30 * time.Second) {
				h.desk.Touch(ctx, "anna")
				_, err := h.desk.Present(ctx, "anna")
				h.ok(err)
				h.pass(30 * time.Second)
			}
		}
		stay(10 * time.Minute)
		if got := h.status("anna").Presence; got != core.Available {
			t.Errorf("there as %s", got)
		}
		h.says("zoe", "rings")
		h.wants("zoe", "anna")
		h.presence("anna", core.Offline)
		stay(10 * time.Minute)
		if got := h.status("anna").Presence; got != core.Offline {
			t.Errorf("who went offline by choice is %s", got)
		}
		h.there("anna")
		h.presence("anna", core.Busy)
		h.ok(h.desk.Disconnected(ctx, "anna"))
		h.settle()
		stay(10 * time.Minute)
		if got := h.status("anna").Presence; got != core.Busy {
			t.Errorf("after the loss of a connection there as %s", got)
		}
		h.pass(10 * time.Minute)
		if got := h.status("anna").Presence; got != core.Offline {
			t.Errorf("gone, and %s", got)
		}
	})
}

// TestManualOfflineThenGone: who went offline and then closed the browser does not keep the customers.
func TestManualOfflineThenGone(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("zoe")
		h.presence("anna", core.Offline)
		h.pass(10 * time.Minute)
		if h.conversation(c.ID).Assignee != "anna" {
			t.Error("taken away though she is connected")
		}
		h.ok(h.desk.Disconnected(ctx, "anna"))
		h.pass(151 * time.Second)
		if h.conversation(c.ID).Assignee != "" {
			t.Error("she keeps it")
		}
		h.there("anna")
		if got := h.status("anna").Presence; got != core.Available {
			t.Errorf("signs in as %s", got)
		}
	})
}

func TestManyReleased(t *testing.T) {
	inBubble(t, room(200), func(h *house) {
		h.there("anna")
		for i := range 130 {
			c := h.says(fmt.Sprint("customer-", i), "hello")
			if i%2 == 0 {
				_, err := h.desk.Accept(ctx, agent("anna"), c.Offer.ID)
				h.ok(err)
			}
		}
		h.ok(h.desk.Disconnected(ctx, "anna"))
		h.pass(155 * time.Second)
		if h.load("anna") != 0 {
			t.Errorf("load %d", h.load("anna"))
		}
	})
}

// TestManyReleasedAreNotOfferedAgain: who is gone holds more than is released at once, and more customers wait. What is
// taken back must not ring at the one who is gone.
func TestManyReleasedAreNotOfferedAgain(t *testing.T) {
	inBubble(t, room(120), func(h *house) {
		h.presence("anna", core.Available)
		for i := range 120 {
			c := h.says(fmt.Sprint("customer-", i), "hello")
			_, err := h.desk.Accept(ctx, agent("anna"), c.Offer.ID)
			h.ok(err)
		}
		for i := range 30 {
			h.says(fmt.Sprint("waiting-", i), "hello")
		}
		h.pass(155 * time.Second)
		h.wants("waiting-0", "")
		for i := range 120 {
			if got := h.picture(h.ongoing(fmt.Sprint("customer-", i)).ID, nil); got != "open [agent-disconnected]" {
				t.Fatalf("customer %d: %s", i, got)
			}
		}
	})
}

func TestPresenceOfAPI(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.presence("anna", core.Available)
		h.says("zoe", "hello")
		h.wants("zoe", "anna")
		h.accept("zoe")
		for range 10 {
			h.pass(100 * time.Second)
			h.desk.Touch(ctx, "anna")
		}
		if got := h.status("anna").Presence; got != core.Available {
			t.Errorf("renewed, and %s", got)
		}
		h.restart()
		h.pass(100 * time.Second)
		if got := h.status("anna").Presence; got != core.Available {
			t.Errorf("after a restart: %s", got)
		}
		h.pass(60 * time.Second)
		if got := h.status("anna").Presence; got != core.Offline {
			t.Errorf("the lease is over, and %s", got)
		}
		if c := h.ongoing("zoe"); c.Assignee != "" {
			t.Errorf("%s keeps the conversation", c.Assignee)
		}
	})
}

// TestRestartKeepsPresence: who was connected is given the grace time to come back.
func TestRestartKeepsPresence(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna", "ben")
		h.presence("anna", core.Busy)
		c := h.taken("zoe")
		h.restart()
		h.settle()
		if got := h.status("anna"); got.Presence != core.Offline || got.Former != core.Busy {
			t.Errorf("%+v", got)
		}
		h.there("anna", "ben")
		if got := h.status("anna").Presence; got != core.Busy {
			t.Errorf("back as %s", got)
		}
		h.pass(10 * time.Minute)
		if h.conversation(c.ID).Assignee != c.Assignee {
			t.Error("taken away")
		}
	})
}

// TestPresenceRace: a connection that is lost while its agent sets a presence leaves nobody available for ever.
func TestPresenceRace(t *testing.T) {
	for range 20 {
		inBubble(t, nil, func(h *house) {
			h.there("anna")
			done := make(chan struct{})
			go func() {
				defer close(done)
				if _, err := h.desk.SetPresence(ctx, agent("anna"), core.Busy); err != nil {
					t.Error(err)
				}
			}()
			h.ok(h.desk.Disconnected(ctx, "anna"))
			<-done
			h.pass(200 * time.Second)
			if got := h.status("anna").Presence; got != core.Offline {
				t.Errorf("%s without a connection", got)
			}
		})
	}
}
