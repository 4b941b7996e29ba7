package desk_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares text with a file of testdata.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

// situations bring a conversation into each state. Anna has or had it, or it rings at her.
var situations = []struct {
	name  string
	setup func(*core.Setup)
	make  func(h *house) *core.Conversation
}{
	{"queued", nil, func(h *house) *core.Conversation { return h.says("zoe", "hello") }},
	{"ringing", nil, func(h *house) *core.Conversation {
		h.there("anna")
		return h.says("zoe", "hello")
	}},
	{"active", nil, func(h *house) *core.Conversation {
		h.there("anna")
		return h.taken("zoe")
	}},
	{"waiting", nil, func(h *house) *core.Conversation {
		h.there("anna")
		c := h.taken("zoe")
		_, err := h.desk.Leave(ctx, agent("anna"), c.ID)
		h.ok(err)
		return c
	}},
	{"wrap-up", func(s *core.Setup) { s.Workstreams["social"].WrapUp.Block = "always" }, func(h *house) *core.Conversation {
		h.there("anna")
		c := h.taken("zoe")
		_, err := h.desk.End(ctx, agent("anna"), c.ID)
		h.ok(err)
		return c
	}},
	{"closed", nil, func(h *house) *core.Conversation {
		h.there("anna")
		c := h.taken("zoe")
		_, err := h.desk.Close(ctx, supervisor(), c.ID)
		h.ok(err)
		return c
	}},
}

var commands = []struct {
	name string
	run  func(h *house, a desk.Actor, c *core.Conversation) error
}{
	{"accept", func(h *house, a desk.Actor, c *core.Conversation) error {
		offer := core.NewID(time.Now())
		if c.Offer != nil {
			offer = c.Offer.ID
		}
		_, err := h.desk.Accept(ctx, a, offer)
		return err
	}},
	{"decline", func(h *house, a desk.Actor, c *core.Conversation) error {
		offer := core.NewID(time.Now())
		if c.Offer != nil {
			offer = c.Offer.ID
		}
		return h.desk.Decline(ctx, a, offer)
	}},
	{"pick", func(h *house, a desk.Actor, c *core.Conversation) error {
		_, err := h.desk.Pick(ctx, a, c.ID)
		return err
	}},
	{"reply", func(h *house, a desk.Actor, c *core.Conversation) error {
		_, _, err := h.desk.Reply(ctx, a, c.ID, desk.NewMessage{ID: "1", Text: "hi"})
		return err
	}},
	{"note", func(h *house, a desk.Actor, c *core.Conversation) error {
		_, _, err := h.desk.Reply(ctx, a, c.ID, desk.NewMessage{ID: "1", Text: "hm", Visibility: core.InternalNote})
		return err
	}},
	{"read", func(h *house, a desk.Actor, c *core.Conversation) error { return h.desk.MarkRead(ctx, a, c.ID) }},
	{"end", func(h *house, a desk.Actor, c *core.Conversation) error {
		_, err := h.desk.End(ctx, a, c.ID)
		return err
	}},
	{"leave", func(h *house, a desk.Actor, c *core.Conversation) error {
		_, err := h.desk.Leave(ctx, a, c.ID)
		return err
	}},
	{"close", func(h *house, a desk.Actor, c *core.Conversation) error {
		_, err := h.desk.Close(ctx, a, c.ID)
		return err
	}},
	{"reopen", func(h *house, a desk.Actor, c *core.Conversation) error {
		_, err := h.desk.Reopen(ctx, a, c.ID)
		return err
	}},
	{"to queue", func(h *house, a desk.Actor, c *core.Conversation) error {
		_, err := h.desk.Transfer(ctx, a, c.ID, desk.Target{Queue: "second"})
		return err
	}},
	{"to ben", func(h *house, a desk.Actor, c *core.Conversation) error {
		h.there("ben")
		_, err := h.desk.Transfer(ctx, a, c.ID, desk.Target{Agent: "ben"})
		return err
	}},
	{"to ben who is away", func(h *house, a desk.Actor, c *core.Conversation) error {
		_, err := h.desk.Transfer(ctx, a, c.ID, desk.Target{Agent: "ben"})
		return err
	}},
	{"to an empty queue", func(h *house, a desk.Actor, c *core.Conversation) error {
		_, err := h.desk.Transfer(ctx, a, c.ID, desk.Target{Queue: "empty"})
		return err
	}},
}

// TestCommands tries every command in every state, on behalf of whoever has the conversation, a colleague in the same
// queue, somebody of another queue, and a supervisor.
func TestCommands(t *testing.T) {
	var b strings.Builder
	people := []struct {
		name  string
		actor desk.Actor
	}{{"anna", agent("anna")}, {"colleague", agent("carl")}, {"outsider", agent("otto")}, {"supervisor", supervisor()}}
	for _, situation := range situations {
		for _, command := range commands {
			for _, person := range people {
				setup := func(s *core.Setup) {
					s.Queues["second"] = &core.Queue{ID: "second", Members: []string{"otto"}}
					s.Queues["empty"] = &core.Queue{ID: "empty"}
					s.Agents["otto"] = &core.Agent{ID: "otto", Capacity: 1}
					if situation.setup != nil {
						situation.setup(s)
					}
				}
				inBubble(t, setup, func(h *house) {
					c := situation.make(h)
					h.settle()
					err := command.run(h, person.actor, h.conversation(c.ID))
					h.settle()
					fmt.Fprintf(&b, "%-8s %-19s %-11s %s\n", situation.name, command.name, person.name, h.picture(c.ID, err))
				})
			}
		}
		b.WriteString("\n")
	}
	golden(t, "commands.txt", b.String())
}

// picture describes a conversation after a command.
func (h *house) picture(id core.ID, err error) string {
	if err != nil {
		return "refused: " + string(core.CodeOf(err))
	}
	c := h.conversation(id)
	parts := []string{string(c.State)}
	if c.Queue != "general" {
		parts = append(parts, "in "+c.Queue)
	}
	if c.Assignee != "" {
		parts = append(parts, "of "+c.Assignee)
	}
	if c.Former != "" && c.Former != c.Assignee {
		parts = append(parts, "formerly "+c.Former)
	}
	if c.Offer != nil {
		parts = append(parts, "ringing at "+c.Offer.Agent)
	}
	for _, a := range []string{"anna", "ben", "carl", "otto", "sue"} {
		if n := h.load(a); n != 0 {
			parts = append(parts, fmt.Sprintf("%s has %d", a, n))
		}
	}
	var reasons []string
	for _, r := range h.reasons(id) {
		if r == "" {
			r = "…"
		}
		reasons = append(reasons, string(r))
	}
	return strings.Join(parts, ", ") + " [" + strings.Join(reasons, ", ") + "]"
}
