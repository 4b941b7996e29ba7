package desk_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/store"
)

// rings says at whom a customer's conversation rings; "" for nobody.
func (h *house) rings(customer string) string {
	h.t.Helper()
	c := h.ongoing(customer)
	if c == nil || c.Offer == nil {
		return ""
	}
	return c.Offer.Agent
}

func (h *house) accept(customer string) *core.Conversation {
	h.t.Helper()
	c := h.ongoing(customer)
	_, err := h.desk.Accept(ctx, agent(c.Offer.Agent), c.Offer.ID)
	h.ok(err)
	h.settle()
	return h.conversation(c.ID)
}

func (h *house) decline(customer string) {
	h.t.Helper()
	c := h.ongoing(customer)
	h.ok(h.desk.Decline(ctx, agent(c.Offer.Agent), c.Offer.ID))
	h.settle()
}

func (h *house) wants(customer, want string) {
	h.t.Helper()
	if got := h.rings(customer); got != want {
		h.t.Errorf("%s rings at %q, want %q", customer, got, want)
	}
}

func room(n int) func(*core.Setup) {
	return func(s *core.Setup) {
		for _, a := range s.Agents {
			a.Capacity = n
		}
	}
}

func TestOfferedAtOnce(t *testing.T) {
	inBubble(t, room(1), func(h *house) {
		h.says("zoe", "hello")
		h.wants("zoe", "")
		h.there("anna") // a presence
		h.wants("zoe", "anna")
		h.says("yan", "hello")
		h.wants("yan", "")
		c := h.accept("zoe")
		_, err := h.desk.End(ctx, agent("anna"), c.ID) // capacity that gets free
		h.ok(err)
		h.settle()
		h.wants("yan", "anna")
		h.there("ben")
		h.decline("yan") // a decline
		h.wants("yan", "ben")
		time.Sleep(30 * time.Second) // a timeout: both declined it once, and anna has been idle for longer
		h.settle()
		h.wants("yan", "anna")
		h.says("xia", "hello")
		h.wants("xia", "ben")
		h.says("wim", "hello")
		h.wants("wim", "")
		h.ok(h.desk.Apply(ctx, newSetup(room(2)))) // a change of the configuration
		h.settle()
		if got := h.rings("wim"); got == "" {
			t.Error("more capacity in the configuration changes nothing")
		}
	})
}

func TestPresenceExcluded(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		for _, p := range []core.Presence{core.DoNotDisturb, core.Away, core.Offline} {
			h.presence("anna", p)
			h.says("zoe", string(p))
			h.wants("zoe", "")
		}
		h.presence("anna", core.Busy)
		h.wants("zoe", "anna")
		_, err := h.desk.SetPresence(ctx, agent("anna"), core.Inactive)
		h.refused(err, core.Invalid)
	})
}

func TestBacklogOldestFirst(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		for i := range 9 {
			h.says(fmt.Sprint("customer-", i), "hello")
		}
		h.there("anna")
		for i := range 9 {
			want := ""
			if i < 3 {
				want = "anna"
			}
			h.wants(fmt.Sprint("customer-", i), want)
		}
		c := h.accept("customer-1")
		_, err := h.desk.Close(ctx, supervisor(), c.ID)
		h.ok(err)
		h.settle()
		h.wants("customer-3", "anna")
		h.wants("customer-4", "")
	})
}

// TestOldestAcrossQueues: queues of one priority are emptied together, by age; a smaller priority goes first.
func TestOldestAcrossQueues(t *testing.T) {
	three := func(s *core.Setup) {
		for i, name := range []string{"general", "sales", "vip"} {
			s.Queues[name] = &core.Queue{ID: name, Priority: map[bool]int{true: 1, false: 5}[name == "vip"], Members: []string{"anna"}}
			ws := *s.Workstreams["social"]
			ws.ID, ws.FallbackQueue = name, name
			s.Workstreams[name] = &ws
			s.Channels["line"+name] = &core.Channel{ID: "line" + name, Account: name, Workstream: name}
			s.Accounts[name] = &core.Account{ID: name}
			_ = i
		}
		s.Agents["anna"].Capacity = 4
	}
	inBubble(t, three, func(h *house) {
		var order []core.ID
		for i, queue := range []string{"general", "sales", "general", "sales", "vip"} {
			e := h.message(fmt.Sprint("customer-", i), "hello")
			e.Account = queue
			h.receive(e)
			h.view(func(tx *store.Tx) error {
				c, err := tx.OngoingConversation(queue, "line"+queue, e.Thread)
				order = append(order, c.ID)
				return err
			})
		}
		h.there("anna")
		for i, id := range order {
			if ringing := h.conversation(id).Offer != nil; ringing != (i != 3) {
				t.Errorf("conversation %d rings: %v", i, ringing)
			}
		}
	})
}

func TestDeclines(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		h.says("zoe", "hello")
		for n := range 3 {
			h.wants("zoe", "anna")
			if h.load("anna") != 1 {
				t.Errorf("load %d while it rings", h.load("anna"))
			}
			h.decline("zoe")
			if got := h.ongoing("zoe").Declines["anna"]; got != n+1 {
				t.Errorf("%d declines", got)
			}
		}
		h.wants("zoe", "")
		if h.load("anna") != 0 {
			t.Errorf("load %d after the decline", h.load("anna"))
		}
		h.there("ben")
		h.wants("zoe", "ben")
		h.decline("zoe")
		h.wants("zoe", "ben") // he declined it less often than is allowed, and nobody else may have it
		c, err := h.desk.Pick(ctx, agent("anna"), h.ongoing("zoe").ID)
		h.ok(err)
		if c.Assignee != "anna" || len(c.Declines) != 0 {
			t.Errorf("picked: %+v", c)
		}
	})
}

// TestDeclinedHeadHoldsUpNobody: conversations that everybody declined do not keep the ones behind them from being
// handed out.
func TestDeclinedHeadHoldsUpNobody(t *testing.T) {
	inBubble(t, func(s *core.Setup) { s.Workstreams["social"].DeclinesAllowed = 1; room(200)(s) }, func(h *house) {
		h.there("anna")
		for i := range 120 {
			name := fmt.Sprint("customer-", i)
			h.says(name, "hello")
			h.decline(name)
			h.wants(name, "")
		}
		h.says("zoe", "hello")
		h.wants("zoe", "anna")
	})
}

func TestAffinity(t *testing.T) {
	inBubble(t, room(1), func(h *house) {
		h.there("anna")
		c := h.taken("zoe")
		_, err := h.desk.Leave(ctx, agent("anna"), c.ID)
		h.ok(err)
		h.there("ben")
		h.taken("yan") // fills anna or ben
		h.taken("xia") // and the other
		h.says("zoe", "one more thing")
		h.wants("zoe", "anna") // whatever her load
		if h.load("anna") != 2 {
			t.Errorf("load %d", h.load("anna"))
		}
		_, texts := h.trace(c.ID)
		if last := texts[len(texts)-1]; last != "Offered to anna, who had the conversation before." {
			t.Errorf("the trace says %q", last)
		}
		h.decline("zoe")
		h.wants("zoe", "")
		// While she is not there, others get it.
		h.there("carl")
		h.wants("zoe", "carl")
		c = h.accept("zoe")
		_, err = h.desk.Leave(ctx, agent("carl"), c.ID)
		h.ok(err)
		h.presence("carl", core.Away)
		h.says("zoe", "hello?")
		h.wants("zoe", "")
		h.presence("carl", core.Available)
		h.wants("zoe", "carl")
	})
}

func TestAffinityBeyondTheQueue(t *testing.T) {
	// Sue is in no queue; she gets back what she had all the same.
	inBubble(t, nil, func(h *house) {
		c := h.says("zoe", "hello")
		_, err := h.desk.Pick(ctx, supervisor(), c.ID)
		h.ok(err)
		_, err = h.desk.Leave(ctx, supervisor(), c.ID)
		h.ok(err)
		h.says("zoe", "hello?")
		h.wants("zoe", "")
		h.there("sue")
		h.wants("zoe", "sue")
	})
}

func TestPickDistribution(t *testing.T) {
	inBubble(t, func(s *core.Setup) { s.Workstreams["social"].Distribution = core.Pick }, func(h *house) {
		h.there("anna")
		c := h.says("zoe", "hello")
		if c.Queue != "general" || c.Offer != nil {
			t.Errorf("%+v", c)
		}
		_, texts := h.trace(c.ID)
		if want := "Put in queue general: the fallback queue of workstream social. It waits there to be picked."; texts[0] != want {
			t.Errorf("the trace says %q", texts[0])
		}
		_, err := h.desk.Pick(ctx, agent("anna"), c.ID)
		h.ok(err)
	})
}

func TestOfferedNotPicked(t *testing.T) {
	inBubble(t, func(s *core.Setup) { s.Workstreams["social"].PickFromPush = false }, func(h *house) {
		c := h.says("zoe", "hello")
		_, err := h.desk.Pick(ctx, agent("anna"), c.ID)
		h.refused(err, core.Forbidden)
		h.there("anna")
		_, err = h.desk.Pick(ctx, agent("ben"), c.ID)
		h.refused(err, core.Forbidden)
		_, err = h.desk.Pick(ctx, agent("anna"), c.ID) // at whom it rings
		h.ok(err)
	})
}

func TestTransferNotTaken(t *testing.T) {
	inBubble(t, room(1), func(h *house) {
		h.there("anna", "ben")
		c := h.taken("zoe")
		other := map[string]string{"anna": "ben", "ben": "anna"}[c.Assignee]
		h.taken("yan") // fills the other
		_, err := h.desk.Transfer(ctx, agent(c.Assignee), c.ID, desk.Target{Agent: other})
		h.ok(err)
		h.settle()
		h.wants("zoe", other) // beyond the capacity
		if h.load(other) != 2 || h.load(c.Assignee) != 0 {
			t.Errorf("loads %d and %d", h.load(other), h.load(c.Assignee))
		}
		h.decline("zoe")
		h.wants("zoe", c.Assignee) // back in the queue
		list := h.messages(c.ID)
		if last := list[len(list)-1]; last.Kind != "activity" || last.Activity.Name != "transferred" || last.Visibility != core.InternalNote {
			t.Errorf("no activity line: %+v", last)
		}
		if h.conversation(c.ID).LastMessage.Text != "hello" {
			t.Error("the activity line replaces the customer's words")
		}
	})
}

func TestTraceOfNobody(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		h.presence("anna", core.Away)
		c := h.says("zoe", "hello")
		_, texts := h.trace(c.ID)
		if want := "Put in queue general: the fallback queue of workstream social. Nobody can take it now: of 3 members, 3 are not there."; texts[0] != want {
			t.Errorf("the trace says %q", texts[0])
		}
		h.view(func(tx *store.Tx) error {
			list, err := tx.Trace(c.ID)
			if list[0].Facts["candidates"] == nil || list[0].Revision != 1 {
				t.Errorf("facts %v", list[0].Facts)
			}
			return err
		})
	})
}

// TestTrace is the whole story of a conversation, as an administrator reads it.
func TestTrace(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna", "ben")
		h.says("zoe", "hello")
		h.decline("zoe")
		time.Sleep(30 * time.Second)
		h.settle()
		c := h.accept("zoe")
		h.there("carl")
		_, err := h.desk.Transfer(ctx, agent(c.Assignee), c.ID, desk.Target{Agent: "carl"})
		h.ok(err)
		h.settle()
		c = h.accept("zoe")
		_, err = h.desk.Leave(ctx, agent("carl"), c.ID)
		h.ok(err)
		h.says("zoe", "again")
		c = h.accept("zoe")
		_, err = h.desk.End(ctx, agent("carl"), c.ID)
		h.ok(err)
		_, err = h.desk.Reopen(ctx, agent("carl"), c.ID)
		h.ok(err)
		_, err = h.desk.Transfer(ctx, agent("carl"), c.ID, desk.Target{Queue: "general"})
		h.ok(err)
		h.settle()
		_, err = h.desk.Close(ctx, supervisor(), c.ID)
		h.ok(err)
		steps, texts := h.trace(c.ID)
		var b strings.Builder
		for i := range steps {
			fmt.Fprintf(&b, "%-12s %s\n", steps[i], texts[i])
		}
		golden(t, "trace.txt", b.String())
	})
}

// TestFairShare: n equal agents with room for k get k of n·k conversations each.
func TestFairShare(t *testing.T) {
	inBubble(t, room(5), func(h *house) {
		h.there("anna", "ben", "carl")
		for i := range 15 {
			h.says(fmt.Sprint("customer-", i), "hello")
		}
		for _, a := range []string{"anna", "ben", "carl"} {
			if h.load(a) != 5 {
				t.Errorf("%s has %d of 15", a, h.load(a))
			}
		}
	})
}

func TestApplyRefused(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("zoe")
		err := h.desk.Apply(ctx, newSetup(func(s *core.Setup) { s.Channels, s.Agents["anna"] = nil, nil; delete(s.Agents, "anna") }))
		h.refused(err, core.Conflict)
		for _, want := range []string{"channel line", "agent anna", string(c.ID)} {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%q does not name %s", err, want)
			}
		}
		_, err = h.desk.Close(ctx, supervisor(), c.ID)
		h.ok(err)
		h.ok(h.desk.Apply(ctx, newSetup(func(s *core.Setup) { s.Channels = nil; delete(s.Agents, "anna") })))
	})
}
