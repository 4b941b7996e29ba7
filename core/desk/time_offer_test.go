package desk_test

import (
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
)

func TestOfferCountdown(t *testing.T) {
	for _, jump := range []time.Duration{0, 2 * time.Hour, -2 * time.Hour, 20 * time.Second, -20 * time.Second} {
		t.Run(jump.String(), func(t *testing.T) {
			inBubble(t, func(s *core.Setup) {
				s.Workstreams["social"].AutoClose = core.AutoClose{}
				s.Workstreams["social"].OfferTimeout = 2 * time.Minute
			}, func(h *house) {
				h.there("anna")
				c := h.says("zoe", "hello")
				h.pass(10 * time.Second)
				h.jump.Store(int64(jump)) // somebody sets the wall clock
				h.pass(5 * time.Second)
				if rest := h.desk.Remaining(c.Offer); rest < 104*time.Second || rest > 105*time.Second {
					t.Errorf("%s remain", rest)
				}
				h.pass(104500 * time.Millisecond)
				if now := h.ongoing("zoe").Offer; now == nil || now.ID != c.Offer.ID {
					t.Error("the ringing was cut short")
				}
				h.pass(500 * time.Millisecond)
				if now := h.ongoing("zoe"); now.Offer != nil && now.Offer.ID == c.Offer.ID {
					t.Error("it rings on")
				}
				if reasons := h.reasons(c.ID); reasons[0] != core.AgentTimeout {
					t.Errorf("reasons %v", reasons)
				}
				if h.ongoing("zoe").Declines["anna"] != 1 {
					t.Error("a missed offer does not count as declined")
				}
			})
		})
	}
}

// Whoever lets an offer ring out is inactive where the workstream wants it: nothing rings there, and what they have stays.
func TestMissedOfferMakesInactive(t *testing.T) {
	for _, wanted := range []bool{true, false} {
		inBubble(t, func(s *core.Setup) {
			s.Workstreams["social"].OfferTimeout, s.Workstreams["social"].InactiveAfterMissed = time.Minute, wanted
		}, func(h *house) {
			h.there("anna")
			held := h.taken("yan")
			h.says("zoe", "hello")
			h.pass(time.Minute)
			want, offered := core.Available, "anna"
			if wanted {
				want, offered = core.Inactive, ""
			}
			judge := func(when string) {
				t.Helper()
				s, err := h.desk.Presence(ctx, "anna")
				h.ok(err)
				rings := ""
				if offer := h.ongoing("zoe").Offer; offer != nil {
					rings = offer.Agent
				}
				if s.Presence != want || rings != offered || h.ongoing("yan").Assignee != held.Assignee {
					t.Errorf("%s, wanted %v: %s, it rings at %q, and yan is answered by %q", when, wanted, s.Presence, rings, h.ongoing("yan").Assignee)
				}
			}
			judge("after it rang out")
			if !wanted {
				return
			}
			h.ok(h.desk.Disconnected(ctx, "anna"))
			h.ok(h.desk.Connected(ctx, "anna"))
			judge("after a reconnect")
			h.presence("anna", core.Available)
			h.pass(time.Second)
			want, offered = core.Available, "anna"
			judge("available again")
			h.presence("anna", core.DoNotDisturb) // while it rings
			h.pass(time.Minute)
			want, offered = core.DoNotDisturb, ""
			judge("after one missed in a presence of their own choosing")
		})
	}
}

func TestTransferCountdown(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna", "ben")
		c := h.taken("zoe")
		other := map[string]string{"anna": "ben", "ben": "anna"}[c.Assignee]
		_, err := h.desk.Transfer(ctx, agent(c.Assignee), c.ID, desk.Target{Agent: other})
		h.ok(err)
		h.jump.Store(int64(-time.Hour))
		h.pass(29 * time.Second)
		h.wants("zoe", other)
		h.pass(time.Second)
		h.wants("zoe", c.Assignee)
	})
}

// TestOfferOutlivesTheProcess: an offer that rang when the process ended is dealt with by its durable deadline.
func TestOfferOutlivesTheProcess(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.says("zoe", "hello")
		h.stop()
		time.Sleep(time.Minute)
		h.start()
		h.settle()
		if got := h.ongoing("zoe"); got.Offer != nil {
			t.Errorf("it rings at %s, who has not come back", got.Offer.Agent)
		}
		h.there("anna")
		if got := h.ongoing("zoe"); got.Offer == nil || got.Offer.ID == c.Offer.ID {
			t.Errorf("offer %+v", got.Offer)
		}
	})
}
