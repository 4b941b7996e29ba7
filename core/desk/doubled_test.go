package desk_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"pgregory.net/rapid"

	"github.com/guichet/guichet/core"
)

// provider takes each message as often as it is sent, and says so or not. Its plugin is honest: what may have gone out it
// does not repeat, and what it finds is the truth.
type provider struct {
	mu    sync.Mutex
	send  string         // how sends go from now on
	find  string         // how askings go
	taken map[string]int // messages that the customer has, by the id of their outbox entry
}

func (p *provider) modes() (send, find string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.send, p.find
}

func (p *provider) set(send, find string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if send != "" {
		p.send = send
	}
	if find != "" {
		p.find = find
	}
}

func (p *provider) take(id string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.taken[id]++
}

func (p *provider) has(id string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.taken[id]
}

var (
	sendModes = []string{"fine", "taken, unknown", "not taken, unknown", "taken, lost", "not taken, lost", "taken, hangs", "not taken, hangs", "busy", "down"}
	findModes = []string{"tells", "tells", "cannot tell", "hangs", "limited", "down"}
)

// Send is the plugin's.
func (p *provider) Send(ctx context.Context, out *core.Outgoing) core.Outcome {
	mode, _ := p.modes()
	if mode == "down" {
		return core.Outcome{Kind: core.OutcomeNotStarted}
	}
	for _, at := range out.Previous {
		if at.Outcome == "" || at.Outcome == string(core.OutcomeLost) {
			return core.Outcome{Kind: core.OutcomeUnknown, MayDuplicate: true}
		}
	}
	if mode == "busy" {
		return core.Outcome{Kind: core.OutcomeRetryable}
	}
	if !strings.HasPrefix(mode, "not") {
		p.take(out.Entry.ID)
	}
	switch _, how, _ := strings.Cut(mode, ", "); how {
	case "unknown":
		return core.Outcome{Kind: core.OutcomeUnknown, MayDuplicate: true}
	case "lost":
		return core.Outcome{Kind: core.OutcomeLost}
	case "hangs":
		<-ctx.Done()
		return core.Outcome{Kind: core.OutcomeLost}
	}
	return accepted(out)
}

// Reconcile is the plugin's.
func (p *provider) Reconcile(ctx context.Context, out *core.Outgoing) core.Outcome {
	_, mode := p.modes()
	switch mode {
	case "cannot tell":
		return core.Outcome{Kind: core.OutcomeUnknown}
	case "hangs":
		<-ctx.Done()
		return core.Outcome{Kind: core.OutcomeLost}
	case "limited":
		return core.Outcome{Kind: core.OutcomeRateLimited, After: 20 * time.Second}
	case "down":
		return core.Outcome{Kind: core.OutcomeNotStarted}
	}
	if p.has(out.Entry.ID) > 0 {
		return accepted(out)
	}
	return core.Outcome{Kind: core.OutcomeRetryable}
}

// TestNeverDoubled: whatever goes wrong with sends, askings and processes, no customer gets a message twice, and what
// people read on a message is so.
func TestNeverDoubled(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(func(rt *rapid.T) step {
			return step{Op: rapid.IntRange(0, 7).Draw(rt, "op"), What: rapid.IntRange(0, 99).Draw(rt, "what")}
		}), 1, 40).Draw(rt, "steps")
		var story, found []string
		synctest.Test(t, func(t *testing.T) {
			f := &faults{TB: t}
			p := &provider{send: "fine", find: "tells", taken: map[string]int{}}
			h := newHouse(f, func(s *core.Setup) { s.Workstreams["social"].AutoClose = core.AutoClose{} })
			h.channels.answer(p.Send)
			h.channels.finds(p.Reconcile)
			h.start()
			h.there("anna")
			zoe := h.taken("zoe")
			for n, s := range steps {
				story = append(story, h.stepWith(p, zoe, n, s))
				h.settle()
				if h.judge(p, zoe, false); len(f.list) > 0 {
					break
				}
			}
			p.set("fine", "tells")
			h.pass(40 * time.Minute)
			h.judge(p, zoe, true)
			h.close()
			found = f.list
		})
		if len(found) > 0 {
			rt.Fatalf("after\n  %s\n%s", strings.Join(story, "\n  "), strings.Join(found, "\n"))
		}
	})
}

func (h *house) stepWith(p *provider, c *core.Conversation, n int, s step) string {
	switch s.Op {
	case 0, 1:
		h.reply(c, fmt.Sprint(n), "words")
		return "reply"
	case 2, 3:
		mode := sendModes[s.What%len(sendModes)]
		p.set(mode, "")
		return "send: " + mode
	case 4:
		mode := findModes[s.What%len(findModes)]
		p.set("", mode)
		return "find: " + mode
	case 5:
		d := []time.Duration{time.Second, 3 * time.Second, 12 * time.Second, 31 * time.Second, 2 * time.Minute, 10 * time.Minute, time.Hour}[s.What%7]
		h.pass(d)
		return d.String()
	case 6:
		h.stop()
		h.open()
		h.start()
		h.there("anna")
		return "restart"
	}
	for _, m := range h.messages(c.ID) { // a receipt, which may be earlier than the id that it is about
		if m.Outbox != "" && p.has(m.Outbox) > 0 && s.What%3 != int(m.Seq%3) {
			status := h.event(core.InStatus, "zoe")
			status.TargetIDs, status.Status = []string{"sent-" + m.Outbox}, core.Delivered
			h.receive(status)
		}
	}
	return "receipts"
}

// judge compares what people read with what the customer has. In the end nobody is being asked any more.
func (h *house) judge(p *provider, c *core.Conversation, end bool) {
	h.t.Helper()
	for _, m := range h.messages(c.ID) {
		if m.From.Kind != core.FromAgent {
			continue
		}
		has := p.has(m.Outbox)
		how := h.stands(m)
		switch {
		case has > 1:
			h.t.Errorf("the customer has message %d %d times", m.Seq, has)
		case (m.State == core.Sent || m.State == core.Delivered) != (has == 1) && end && m.State != core.Unknown,
			m.State.Rank() >= core.Sent.Rank() && has == 0, m.State == core.Failed && has == 1:
			h.t.Errorf("message %d is %s, and the customer has it %d times", m.Seq, how, has)
		case end && (m.State == core.Queued || how == "unknown asking"):
			h.t.Errorf("message %d is still %s", m.Seq, how)
		}
	}
	if end {
		if list := h.askTimers(); len(list) > 0 {
			h.t.Errorf("%d deadlines are left", len(list))
		}
	}
}
