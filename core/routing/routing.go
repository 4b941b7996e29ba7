// Package routing holds the pure decisions of unified routing: which queue a conversation goes to and which agent is
// offered it, each with its explanation. It reads no clock, no store and no configuration file; core/desk gives it
// everything it decides from.
//
// Start reading at [ChooseQueue] and [ChooseAgent]; explain.go says why in words.
package routing

import (
	"fmt"
	"slices"
	"time"

	"github.com/guichet/guichet/core"
)

// QueueChoice is the queue a conversation goes to, and why.
type QueueChoice struct {
	Queue string
	Why   string
}

// ChooseQueue decides which queue a conversation of a workstream waits in: the workstream's fallback queue, as long as
// there are no rules that say otherwise. It fails only when the configuration names no queue that exists.
func ChooseQueue(setup *core.Setup, workstream string) (QueueChoice, error) {
	ws, ok := setup.Workstreams[workstream]
	if !ok {
		return QueueChoice{}, fmt.Errorf("workstream %q does not exist", workstream)
	}
	if _, ok := setup.Queues[ws.FallbackQueue]; ok {
		return QueueChoice{Queue: ws.FallbackQueue, Why: fmt.Sprintf("the fallback queue of workstream %s", workstream)}, nil
	}
	return QueueChoice{}, fmt.Errorf("workstream %q has the fallback queue %q, which does not exist", workstream, ws.FallbackQueue)
}

// Candidate is an agent as the assignment sees them.
type Candidate struct {
	Agent     string
	Presence  core.Presence
	Capacity  int       // units in all
	Load      int       // units taken, ringing offers included
	IdleSince time.Time // when the agent last received or finished work
}

// Free returns the units that are left; it may be negative after a manual pick.
func (c Candidate) Free() int { return c.Capacity - c.Load }

// Work is a conversation as the assignment sees it.
type Work struct {
	Units            int
	AllowedPresences []core.Presence
	Declines         map[string]int // by agent
	DeclinesAllowed  int            // declines after which an agent is not offered it again; 0 means no limit
}

// Verdict says why a candidate was or was not chosen.
type Verdict struct {
	Agent    string        `json:"agent"`
	Free     int           `json:"free"`
	Presence core.Presence `json:"presence,omitempty"` // where that is the reason
	Result   string        `json:"result"`             // "chosen", "eligible", or the reason against
}

// Results of a candidate.
const (
	Chosen           = "chosen"
	Eligible         = "eligible"
	PresenceExcluded = "presence"
	NoCapacity       = "capacity"
	DeclinedTooOften = "declined too often"
	DeclinedBefore   = "declined before"
)

// AgentChoice is who is offered the conversation ("" for nobody), why, and how every candidate fared.
type AgentChoice struct {
	Agent    string
	Why      string // a sentence
	Verdicts []Verdict
}

// ChooseAgent picks the member with the most free capacity; ties go to the longest idle, then to the name that sorts
// first. Agents in a presence that the workstream does not allow, without room for the conversation, or who have
// declined it as often as is allowed, are left out. Who declined it before is offered it again only when nobody else
// is eligible: then whoever declined it least often.
func ChooseAgent(work Work, candidates []Candidate) AgentChoice {
	choice := AgentChoice{Verdicts: make([]Verdict, len(candidates))}
	best, fallback := -1, -1
	for i, c := range candidates {
		v := Verdict{Agent: c.Agent, Free: c.Free(), Result: judge(work, c)}
		switch v.Result {
		case Eligible:
			if best < 0 || before(c, candidates[best]) {
				best = i
			}
		case DeclinedBefore:
			if fallback < 0 || lessReluctant(work, c, candidates[fallback]) {
				fallback = i
			}
		case PresenceExcluded:
			v.Presence = c.Presence
		}
		choice.Verdicts[i] = v
	}
	if best < 0 {
		best = fallback
	}
	if best < 0 {
		choice.Why = explainNobody(choice.Verdicts)
		return choice
	}
	choice.Agent = candidates[best].Agent
	choice.Why = explainChosen(work, candidates, choice.Verdicts, best)
	choice.Verdicts[best].Result = Chosen
	return choice
}

func judge(work Work, c Candidate) string {
	switch {
	case !slices.Contains(work.AllowedPresences, c.Presence):
		return PresenceExcluded
	case c.Free() < work.Units:
		return NoCapacity
	case work.Declines[c.Agent] >= work.DeclinesAllowed && work.DeclinesAllowed > 0:
		return DeclinedTooOften
	case work.Declines[c.Agent] > 0:
		return DeclinedBefore
	}
	return Eligible
}

// before reports whether a is to be preferred to b.
func before(a, b Candidate) bool {
	if a.Free() != b.Free() {
		return a.Free() > b.Free()
	}
	if !a.IdleSince.Equal(b.IdleSince) {
		return a.IdleSince.Before(b.IdleSince)
	}
	return a.Agent < b.Agent
}

func lessReluctant(work Work, a, b Candidate) bool {
	if work.Declines[a.Agent] != work.Declines[b.Agent] {
		return work.Declines[a.Agent] < work.Declines[b.Agent]
	}
	return before(a, b)
}

// Place is where a conversation stands in the order of all that wait.
type Place struct {
	Priority int // of its queue; smaller goes first
	Since    time.Time
	ID       core.ID
}

// Before orders waiting conversations: by the priority of the queue, then the longest waiting, then the older id.
func (p Place) Before(q Place) bool {
	if p.Priority != q.Priority {
		return p.Priority < q.Priority
	}
	if !p.Since.Equal(q.Since) {
		return p.Since.Before(q.Since)
	}
	return p.ID < q.ID
}
