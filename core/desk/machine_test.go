package desk_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/store"
)

// step is one thing that happens. Which one it is and whom it concerns is read from numbers, so that a failing sequence
// can be made shorter.
type step struct{ Op, Who, What, How int }

// faults collects what a run in a bubble finds; the property reports it outside.
type faults struct {
	testing.TB
	list []string
}

var errGivenUp = errors.New("given up")

func (f *faults) Helper()                   {}
func (f *faults) Error(args ...any)         { f.list = append(f.list, fmt.Sprint(args...)) }
func (f *faults) Errorf(s string, a ...any) { f.list = append(f.list, fmt.Sprintf(s, a...)) }
func (f *faults) Fatal(args ...any)         { f.Error(args...); panic(errGivenUp) }
func (f *faults) Fatalf(s string, a ...any) { f.Errorf(s, a...); panic(errGivenUp) }

// TestMachine does random things in random order, with restarts in between, and checks after each that nothing is lost,
// nobody has more than the records say, nobody waits whom somebody could serve, and what goes out goes out in order.
func TestMachine(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{
				rapid.IntRange(0, len(ops)-1).Draw(rt, "op"), rapid.IntRange(0, 3).Draw(rt, "who"),
				rapid.IntRange(0, 9).Draw(rt, "what"), rapid.IntRange(0, 9).Draw(rt, "how"),
			}
		}), 1, 60).Draw(rt, "steps")
		var story []string
		var found []string
		synctest.Test(t, func(t *testing.T) {
			f := &faults{TB: t}
			m := &machine{house: newHouse(f, func(s *core.Setup) {
				s.Queues["second"] = &core.Queue{ID: "second", Members: []string{"carl", "anna"}}
				s.Workstreams["social"].WrapUp = core.WrapUp{Block: "custom", For: 2 * time.Minute}
			})}
			defer func() {
				if p := recover(); p != nil && p != errGivenUp { //nolint:errorlint // a value of our own
					panic(p)
				}
				m.stop()
				m.db.Close()
				found = f.list
			}()
			m.start()
			for _, s := range steps {
				what := ops[s.Op].run(m, s)
				story = append(story, ops[s.Op].name+" "+what)
				m.settle()
				m.check()
				m.nobodyWaitsInVain()
				if len(f.list) > 0 {
					return
				}
			}
			m.stop()
			m.check()
		})
		if len(found) > 0 {
			rt.Fatalf("after\n  %s\n%s", strings.Join(story, "\n  "), strings.Join(found, "\n"))
		}
	})
}

type machine struct {
	*house
	said   []core.Inbound // for redelivery
	drafts int
}

var machineAgents = []string{"anna", "ben", "carl", "sue"}

func (m *machine) actor(s step) desk.Actor {
	if machineAgents[s.Who] == "sue" {
		return supervisor()
	}
	return agent(machineAgents[s.Who])
}

// any returns one of the conversations that are not closed.
func (m *machine) any(n int) *core.Conversation {
	var list []*core.Conversation
	m.view(func(tx *store.Tx) error {
		page, err := tx.AllConversations("", 100)
		list = page.Conversations
		return err
	})
	if len(list) == 0 {
		return &core.Conversation{ID: core.NewID(time.Now())}
	}
	slices.SortFunc(list, func(a, b *core.Conversation) int { return strings.Compare(string(a.ID), string(b.ID)) })
	return list[n%len(list)]
}

// told fails on errors that no command should give, and says what came of it.
func (m *machine) told(err error) string {
	switch code := core.CodeOf(err); code {
	case "":
		return "ok"
	case core.NotFound, core.Conflict, core.Forbidden, core.Invalid:
		return string(code)
	default:
		m.t.Errorf("%v", err)
		return "broken"
	}
}

func customer(n int) string { return fmt.Sprint("customer-", n%5) }

var ops = []struct {
	name string
	run  func(m *machine, s step) string
}{
	{"message", func(m *machine, s step) string {
		e := m.message(customer(s.What), "words")
		if s.How < 4 {
			e.Reply = &core.ReplyToken{Token: e.ID, ReceivedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute)}
		}
		m.said = append(m.said, e)
		m.receive(e)
		return customer(s.What)
	}},
	{"message", func(m *machine, s step) string {
		e := m.message(customer(s.What), "words")
		m.said = append(m.said, e)
		m.receive(e)
		return customer(s.What)
	}},
	{"redelivery", func(m *machine, s step) string {
		m.receive(m.said[:min(len(m.said), s.What+1)]...)
		return ""
	}},
	{"event", func(m *machine, s step) string {
		kinds := []core.InboundKind{
			core.InEdited, core.InDeleted, core.InStatus, core.InRead, core.InBlocked, core.InUnblocked, core.InConversationEnded,
			core.InLiveAgentRequested, core.InEcho, core.InUnknown,
		}
		e := m.event(kinds[s.How], customer(s.What))
		c := m.any(s.What)
		if c.LastSeq > 0 {
			e.TargetIDs = m.house.said(c.ID, uint64(s.How)%c.LastSeq+1).ExternalIDs
		}
		e.Status = []core.MessageState{core.Delivered, core.Read, core.Failed}[s.What%3]
		if e.Kind == core.InEcho {
			e.Message = &core.InboundMessage{ExternalID: "echo-" + e.ID, Text: "elsewhere"}
		}
		m.receive(e)
		return string(e.Kind) + " " + customer(s.What)
	}},
	{"accept", func(m *machine, s step) string {
		var ringing []*core.Conversation
		m.view(func(tx *store.Tx) (err error) {
			ringing, err = tx.OfferedTo(machineAgents[s.Who])
			return err
		})
		if len(ringing) == 0 {
			return "nothing"
		}
		_, err := m.desk.Accept(ctx, m.actor(s), ringing[s.What%len(ringing)].Offer.ID)
		return m.told(err)
	}},
	{"accept all", func(m *machine, s step) string {
		for _, a := range machineAgents {
			m.view(func(tx *store.Tx) error {
				ringing, err := tx.OfferedTo(a)
				for _, c := range ringing {
					if _, err := m.desk.Accept(ctx, agent(a), c.Offer.ID); err != nil {
						m.t.Error(err)
					}
				}
				return err
			})
		}
		return ""
	}},
	{"decline", func(m *machine, s step) string {
		c := m.any(s.What)
		if c.Offer == nil {
			return "nothing"
		}
		return m.told(m.desk.Decline(ctx, agent(c.Offer.Agent), c.Offer.ID))
	}},
	{"pick", func(m *machine, s step) string {
		_, err := m.desk.Pick(ctx, m.actor(s), m.any(s.What).ID)
		return m.told(err)
	}},
	{"reply", func(m *machine, s step) string {
		c := m.any(s.What)
		a := m.actor(s)
		if c.Assignee != "" && s.How < 8 {
			a = agent(c.Assignee)
		}
		m.drafts++
		_, _, err := m.desk.Reply(ctx, a, c.ID, desk.NewMessage{ID: fmt.Sprint(m.drafts), Text: "answer"})
		return m.told(err)
	}},
	{"retry", func(m *machine, s step) string {
		c := m.any(s.What)
		for _, message := range m.messages(c.ID) {
			if message.State == core.Failed || message.State == core.Unknown {
				_, err := m.desk.Retry(ctx, supervisor(), c.ID, message.Seq)
				return m.told(err)
			}
		}
		return "nothing"
	}},
	{"read", func(m *machine, s step) string { return m.told(m.desk.MarkRead(ctx, m.actor(s), m.any(s.What).ID)) }},
	{"end", func(m *machine, s step) string {
		c := m.any(s.What)
		_, err := m.desk.End(ctx, agent(c.Assignee), c.ID)
		return m.told(err)
	}},
	{"leave", func(m *machine, s step) string {
		c := m.any(s.What)
		_, err := m.desk.Leave(ctx, agent(c.Assignee), c.ID)
		return m.told(err)
	}},
	{"close", func(m *machine, s step) string {
		_, err := m.desk.Close(ctx, m.actor(s), m.any(s.What).ID)
		return m.told(err)
	}},
	{"reopen", func(m *machine, s step) string {
		_, err := m.desk.Reopen(ctx, m.actor(s), m.any(s.What).ID)
		return m.told(err)
	}},
	{"transfer", func(m *machine, s step) string {
		to := desk.Target{Agent: machineAgents[s.How%4]}
		if s.How > 5 {
			to = desk.Target{Queue: []string{"general", "second"}[s.How%2]}
		}
		c := m.any(s.What)
		_, err := m.desk.Transfer(ctx, m.actor(s), c.ID, to)
		return m.told(err)
	}},
	{"presence", func(m *machine, s step) string {
		p := []core.Presence{core.Available, core.Busy, core.Away, core.DoNotDisturb, core.Offline}[s.What%5]
		_, err := m.desk.SetPresence(ctx, m.actor(s), p)
		return machineAgents[s.Who] + " " + string(p) + " " + m.told(err)
	}},
	{"connected", func(m *machine, s step) string {
		return machineAgents[s.Who] + " " + m.told(m.desk.Connected(ctx, machineAgents[s.Who]))
	}},
	{"disconnected", func(m *machine, s step) string {
		return machineAgents[s.Who] + " " + m.told(m.desk.Disconnected(ctx, machineAgents[s.Who]))
	}},
	{"time", func(m *machine, s step) string {
		d := []time.Duration{time.Second, 10 * time.Second, 31 * time.Second, 3 * time.Minute, 40 * time.Minute}[s.What%5]
		time.Sleep(d)
		return d.String()
	}},
	{"clock", func(m *machine, s step) string {
		d := []time.Duration{0, time.Minute, -time.Minute}[s.What%3]
		m.jump.Store(int64(d))
		return d.String()
	}},
	{"restart", func(m *machine, s step) string {
		m.restart()
		return ""
	}},
	{"provider", func(m *machine, s step) string {
		kinds := []core.OutcomeKind{
			core.OutcomeAccepted, core.OutcomeAccepted, core.OutcomeRejected, core.OutcomeRateLimited, core.OutcomeRetryable,
			core.OutcomeUnknown, core.OutcomeLost, core.OutcomeNotStarted, "hang", "parts",
		}
		kind := kinds[s.What]
		m.channels.answer(func(c context.Context, out *core.Outgoing) core.Outcome {
			switch kind {
			case core.OutcomeAccepted:
				return accepted(out)
			case "hang":
				<-c.Done()
				return core.Outcome{Kind: core.OutcomeLost}
			case "parts":
				o := accepted(out)
				if len(out.Entry.Resume) < 3 {
					o.Resume = out.Entry.Resume + "i"
				}
				return o
			}
			return core.Outcome{Kind: kind, Cause: "content"}
		})
		return string(kind)
	}},
	{"finds", func(m *machine, s step) string {
		kinds := []core.OutcomeKind{
			core.OutcomeAccepted, core.OutcomeAccepted, core.OutcomeRejected, core.OutcomeRateLimited, core.OutcomeRetryable,
			core.OutcomeUnknown, core.OutcomeLost, core.OutcomeNotStarted, "hang", "nobody",
		}
		kind := kinds[s.What]
		if kind == "nobody" {
			m.channels.finds(nil)
			return string(kind)
		}
		m.channels.finds(func(c context.Context, out *core.Outgoing) core.Outcome {
			switch kind {
			case core.OutcomeAccepted:
				return accepted(out)
			case "hang":
				<-c.Done()
				return core.Outcome{Kind: core.OutcomeLost}
			}
			return core.Outcome{Kind: kind, Cause: "content"}
		})
		return string(kind)
	}},
	{"setup", func(m *machine, s step) string {
		m.setup = newSetup(func(c *core.Setup) {
			c.Revision = m.setup.Revision + 1
			c.Queues["second"] = &core.Queue{ID: "second", Members: []string{"carl", "anna"}, Priority: s.How % 2}
			c.Workstreams["social"].Persistent = s.What%4 != 0
			room(1 + s.What%4)(c)
		})
		return m.told(m.desk.Apply(ctx, m.setup))
	}},
}

// nobodyWaitsInVain looks for a customer who waits in a queue although somebody could be offered the conversation.
func (h *house) nobodyWaitsInVain() {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		for c, err := range tx.OpenConversations() {
			if err != nil {
				return err
			}
			if c.State != core.Open || c.Offer != nil {
				continue
			}
			ws := h.setup.Workstreams[c.Workstream]
			for _, member := range h.setup.Queues[c.Queue].Members {
				s, err := tx.AgentStatus(member)
				if err != nil {
					return err
				}
				if slices.Contains(ws.AllowedPresences, s.Presence) && s.Load+ws.Capacity <= h.setup.Agents[member].Capacity && c.Declines[member] < ws.DeclinesAllowed {
					h.t.Errorf("%s waits in %s although %s could take it", c.ID, c.Queue, member)
				}
			}
		}
		return nil
	})
}
