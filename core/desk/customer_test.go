package desk_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
)

// watcher keeps what a customer's watch is told, in words.
type watcher struct {
	mu   sync.Mutex
	told []string
	last core.Position
}

func (w *watcher) tell(c core.ThreadChange) {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case c.Message != nil:
		w.last = max(w.last, c.Message.Position)
		text := string(c.Message.From) + " " + c.Message.Author + ": " + c.Message.Text
		if c.Message.Deleted {
			text = "deleted"
		}
		w.told = append(w.told, text)
	case c.Status != nil:
		text := fmt.Sprintf("%s, agent %q, place %d", c.Status.State, c.Status.Agent, c.Status.Place)
		if c.Status.ReadUpTo != "" {
			_, seq := c.Status.ReadUpTo.Split()
			text += fmt.Sprintf(", read up to %d", seq)
		}
		w.told = append(w.told, text)
	default:
		w.told = append(w.told, "lost: "+c.Lost)
	}
}

// take returns what was told since the last time.
func (w *watcher) take() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	told := w.told
	w.told = nil
	return told
}

func user(id string) core.Thread { return core.Thread{ID: id, Kind: "user"} }

// customers serves the customers of a house until the test's end.
func (h *house) customers() (*desk.Customers, func()) {
	c := desk.NewCustomers(h.desk)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	synctest.Wait()
	return c, func() { cancel(); <-done }
}

func named(s *core.Setup) {
	for id, name := range map[string]string{"anna": "Anna Karenina", "ben": "Ben Hur", "carl": "Carl Gauss"} {
		s.Agents[id].Name = name
	}
}

func TestCustomerWatch(t *testing.T) {
	inBubble(t, named, func(h *house) {
		c, end := h.customers()
		defer end()
		h.there("anna")
		var w, other watcher
		stop := c.Watch("shop", user("ada"), "", w.tell)
		defer stop()
		defer c.Watch("shop", user("bob"), "", other.tell)()
		h.settle()
		want := func(lines ...string) {
			t.Helper()
			if diff := cmp.Diff(lines, w.take()); diff != "" {
				t.Fatalf("-want +told\n%s", diff)
			}
		}
		want(`, agent "", place 0`)
		conversation := h.says("ada", "hello")
		got := w.take()
		if len(got) < 2 || !slices.Contains(got, "customer : hello") || got[len(got)-1] != "open, agent \"\", place 1" && got[0] != "open, agent \"\", place 1" {
			t.Fatalf("after the first words: %q", got)
		}
		_, err := h.desk.Accept(ctx, agent("anna"), conversation.Offer.ID)
		h.ok(err)
		h.settle()
		want(`active, agent "Anna", place 0`)
		h.ok(h.desk.MarkRead(ctx, agent("anna"), conversation.ID))
		h.settle()
		if got := w.take(); len(got) != 1 || got[0] != `active, agent "Anna", place 0, read up to 1` {
			t.Fatalf("after an agent has read: %q", got)
		}
		_, _, err = h.desk.Reply(ctx, desk.Actor{Agent: "anna", Name: "Anna Karenina", Role: core.AgentRole}, conversation.ID, desk.NewMessage{ID: "1", Text: "at once"})
		h.ok(err)
		h.settle()
		if got := w.take(); !slices.Contains(got, "agent Anna: at once") {
			t.Fatalf("after an answer: %q", got)
		}
		_, _, err = h.desk.Reply(ctx, agent("anna"), conversation.ID, desk.NewMessage{ID: "2", Text: "a difficult customer", Visibility: core.InternalNote})
		h.ok(err)
		h.settle()
		want()
		edit := h.event(core.InEdited, "ada")
		edit.TargetIDs, edit.Text, edit.At = []string{"m-event-1"}, "hello again", time.Now()
		h.receive(edit)
		want("customer : hello again")
		deletion := h.event(core.InDeleted, "ada")
		deletion.TargetIDs = []string{"m-event-1"}
		h.receive(deletion)
		if got := w.take(); !slices.Contains(got, "deleted") {
			t.Fatalf("after the customer took it back: %q", got)
		}
		_, err = h.desk.End(ctx, agent("anna"), conversation.ID)
		h.ok(err)
		h.settle()
		if got := w.take(); len(got) != 1 || got[0][:7] != "wrap-up" {
			t.Fatalf("after the end: %q", got)
		}
		// A new conversation of the same customer is told like the first.
		h.says("ada", "one more thing")
		if got := w.take(); !slices.Contains(got, "customer : one more thing") {
			t.Fatalf("after a new conversation began: %q", got)
		}
		if got := other.take(); len(got) != 1 {
			t.Errorf("another customer was told %q", got)
		}
		stop()
		h.says("ada", "is anybody there")
		want()
	})
}

func TestCustomerWatchAfter(t *testing.T) {
	inBubble(t, named, func(h *house) {
		c, end := h.customers()
		h.says("ada", "one")
		h.says("ada", "two")
		history, more, err := c.History(ctx, "shop", user("ada"), "", 10)
		h.ok(err)
		if len(history) != 2 || more {
			t.Fatalf("%d messages, more %v", len(history), more)
		}
		h.says("ada", "three")
		var w watcher
		c.Watch("shop", user("ada"), history[1].Position, w.tell)
		h.settle()
		if got := w.take(); len(got) != 2 || got[1] != "customer : three" {
			t.Errorf("a watch from the second message was told %q", got)
		}
		end()
		if got := w.take(); len(got) != 1 || got[0] != "lost: the host is stopping" {
			t.Errorf("at the end it was told %q", got)
		}
	})
}

func TestCustomerHistory(t *testing.T) {
	inBubble(t, named, func(h *house) {
		c := desk.NewCustomers(h.desk)
		h.there("anna")
		for round := range 3 {
			conversation := h.taken("ada")
			for n := range 4 {
				h.reply(conversation, fmt.Sprint(n), fmt.Sprintf("%d.%d", round, n))
				_, _, err := h.desk.Reply(ctx, agent("anna"), conversation.ID, desk.NewMessage{ID: fmt.Sprint("n", n), Text: "between us", Visibility: core.InternalNote})
				h.ok(err)
			}
			_, err := h.desk.End(ctx, agent("anna"), conversation.ID)
			h.ok(err)
			h.settle()
		}
		h.says("bob", "somebody else")
		var want []string
		for round := range 3 {
			want = append(want, "hello")
			for n := range 4 {
				want = append(want, fmt.Sprintf("%d.%d", round, n))
			}
		}
		for limit := 1; limit <= 16; limit++ {
			var back, forth []string
			for before, more := core.Position(""), true; more; {
				list, again, err := c.History(ctx, "shop", user("ada"), before, limit)
				h.ok(err)
				more = again
				var page []string
				for _, m := range list {
					page = append(page, m.Text)
				}
				back = append(page, back...)
				before = list[0].Position
			}
			if diff := cmp.Diff(want, back); diff != "" {
				t.Fatalf("backwards by %d: -want +got\n%s", limit, diff)
			}
			for after, more := core.Position("0"), true; more; {
				list, again, err := c.HistoryAfter(ctx, "shop", user("ada"), after, limit)
				h.ok(err)
				more = again
				for _, m := range list {
					if m.Position <= after {
						t.Fatalf("position %s comes after %s", m.Position, after)
					}
					forth, after = append(forth, m.Text), m.Position
				}
			}
			if diff := cmp.Diff(want, forth); diff != "" {
				t.Fatalf("forwards by %d: -want +got\n%s", limit, diff)
			}
		}
		list, _, err := c.History(ctx, "other", user("ada"), "", 10)
		h.ok(err)
		if len(list) != 0 {
			t.Errorf("another account has %d of the messages", len(list))
		}
	})
}

func TestCustomersInLine(t *testing.T) {
	inBubble(t, named, func(h *house) {
		c, end := h.customers()
		defer end()
		available := func() core.Availability {
			a, err := c.Availability(ctx, "shop", nil)
			h.ok(err)
			return a
		}
		if a := available(); a != (core.Availability{Open: true}) {
			t.Errorf("with nobody there: %+v", a)
		}
		watchers := map[string]*watcher{}
		for _, name := range []string{"ada", "bob", "cleo"} {
			h.says(name, "hello")
			watchers[name] = &watcher{}
			defer c.Watch("shop", user(name), "", watchers[name].tell)()
		}
		h.settle()
		for name, place := range map[string]int{"ada": 1, "bob": 2, "cleo": 3} {
			if got := watchers[name].take(); len(got) != 1 || got[0] != fmt.Sprintf("open, agent \"\", place %d", place) {
				t.Errorf("%s was told %q", name, got)
			}
		}
		if a := available(); a.InLine != 3 || a.AgentAvailable {
			t.Errorf("with three in line: %+v", a)
		}
		_, err := h.desk.Pick(ctx, agent("anna"), h.ongoing("ada").ID)
		h.ok(err)
		time.Sleep(3 * time.Second)
		synctest.Wait()
		for name, want := range map[string]string{"ada": `active, agent "Anna", place 0`, "bob": `open, agent "", place 1`, "cleo": `open, agent "", place 2`} {
			if got := watchers[name].take(); len(got) != 1 || got[0] != want {
				t.Errorf("%s was told %q, want %q", name, got, want)
			}
		}
		h.there("ben")
		time.Sleep(3 * time.Second)
		if a := available(); !a.AgentAvailable || !a.Open {
			t.Errorf("with ben there: %+v", a)
		}
		if _, err := c.Availability(ctx, "nowhere", nil); core.CodeOf(err) != core.NotFound {
			t.Errorf("an account that is not there: %v", err)
		}
	})
}

// TestManyCustomersWatch stops and starts watches while everybody writes: each is told everything that came after it
// had begun, in order.
func TestManyCustomersWatch(t *testing.T) {
	inBubble(t, named, func(h *house) {
		c, end := h.customers()
		defer end()
		const customers, rounds = 30, 6
		watchers := make([]*watcher, customers)
		stops := make([]func(), customers)
		seen := make([][]string, customers)
		for round := range rounds {
			var events []core.Inbound
			for i := range customers {
				if round == 0 || (i+round)%3 == 0 { // comes again, from where it was
					after := core.Position("0")
					if stops[i] != nil {
						stops[i]()
						synctest.Wait()
						seen[i] = append(seen[i], messagesOf(watchers[i].take())...)
						after = max(after, watchers[i].last)
					}
					watchers[i] = &watcher{last: after}
					stops[i] = c.Watch("shop", user(fmt.Sprint("c", i)), after, watchers[i].tell)
				}
				events = append(events, h.message(fmt.Sprint("c", i), fmt.Sprintf("%d.%d", i, round)))
			}
			h.receive(events...)
		}
		for i := range customers {
			seen[i] = append(seen[i], messagesOf(watchers[i].take())...)
			stops[i]()
			var want []string
			for round := range rounds {
				want = append(want, fmt.Sprintf("customer : %d.%d", i, round))
			}
			if diff := cmp.Diff(want, slices.Compact(seen[i])); diff != "" {
				t.Errorf("customer %d: -want +told\n%s", i, diff)
			}
		}
	})
}

func messagesOf(told []string) (list []string) {
	for _, line := range told {
		if len(line) > 8 && line[:8] == "customer" {
			list = append(list, line)
		}
	}
	return list
}
