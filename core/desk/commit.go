package desk

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/routing"
	"github.com/guichet/guichet/core/store"
)

// decision is what the router wants to commit, and what came of it.
type decision struct {
	from     *waiter
	queue    string // to put it in; "" when it is in one
	agent    string // to offer it to; "" for nobody yet
	affinity bool
	offer    core.ID
	units    int
	text     string // why this agent, or why none
	verdicts []routing.Verdict

	err    error
	status *core.AgentStatus // the agent's, after the commit
}

var errStale = errors.New("the conversation or the agent has changed meanwhile")

// commit takes a waiter out of its line, reserves the agent's capacity, and writes the decision beside the router.
func (r *router) commit(ctx context.Context, w *waiter, d *decision) {
	if l := r.lines[w.queue]; l != nil {
		l.remove(w)
	}
	delete(r.returning, w.id)
	w.inFlight = true
	d.from = w
	if w.unqueued {
		d.queue = w.queue
	}
	if d.agent != "" {
		now := nowUTC()
		s := r.staffer(d.agent)
		s.reserved += d.units
		s.idleSince = now
		d.offer = core.NewID(now)
	}
	r.lanes <- struct{}{}
	r.desk.run(func() {
		d.err = r.desk.commitDecision(ctx, d)
		<-r.lanes
		r.mu.Lock()
		r.results = append(r.results, d)
		r.mu.Unlock()
		r.signal()
	})
}

// conclude takes a finished commit into the index.
func (r *router) conclude(d *decision, touched map[string]struct{}) {
	w := d.from
	w.inFlight = false
	if d.agent != "" {
		s := r.staffer(d.agent)
		s.reserved -= d.units
		if d.err == nil {
			s.take(d.status)
		}
		for _, queue := range r.queuesOf[d.agent] { // the reservation may have kept others waiting
			touched[queue] = struct{}{}
		}
	}
	switch {
	case errors.Is(d.err, errStale):
		r.look(w.id)
		if d.agent != "" {
			r.lookAgent(d.agent)
		}
		return
	case core.CodeOf(d.err) == core.NotFound:
		r.drop(w.id)
		return
	case d.err != nil:
		r.desk.log.Error("a routing decision could not be stored; it is taken again", "conversation", w.id, "error", d.err)
		time.AfterFunc(time.Second, func() { r.look(w.id) })
		return
	}
	if d.queue != "" {
		w.unqueued, w.stored = false, d.queue
	}
	// The log tells of what was written: if it has done so already, the record is read again now, else it will be.
	if w.again {
		r.look(w.id)
	}
}

// commitDecision writes a decision after checking again that it still holds.
func (desk *Desk) commitDecision(ctx context.Context, d *decision) error {
	var offer *core.Offer
	err := desk.store.Update(ctx, func(tx *store.Tx) error {
		d.status, offer = nil, nil
		c, err := tx.Conversation(d.from.id)
		if err != nil {
			return err
		}
		if c.State != core.Open || c.Offer != nil || c.Queue != d.from.stored || !maps.Equal(c.Declines, d.from.declines) {
			return errStale
		}
		setup := desk.Setup()
		if d.queue != "" {
			if setup.Queues[d.queue] == nil {
				return errStale
			}
			c.Queue = d.queue
			desk.trace(tx, c, "queued", queued(d), factsOfQueue(d))
		}
		tx.ClearRouteMark(c.ID)
		if d.agent == "" {
			tx.PutConversation(c, false)
			return nil
		}
		ws, agent := setup.Workstreams[c.Workstream], setup.Agents[d.agent]
		if d.status, err = tx.AgentStatus(d.agent); err != nil {
			return err
		}
		if d.affinity && c.Former != d.agent {
			return errStale
		}
		if ws == nil || agent == nil || !slices.Contains(ws.AllowedPresences, d.status.Presence) ||
			!d.affinity && d.status.Load+ws.Capacity > agent.Capacity {
			return errStale
		}
		ring(tx, c, ws, d.agent, d.offer)
		offer = c.Offer
		desk.trace(tx, c, "offered", d.text, factsOfOffer(d))
		tx.PutConversation(c, false)
		return nil
	})
	if err == nil && offer != nil {
		desk.timers.ringing(d.from.id, offer)
	}
	return err
}

func queued(d *decision) string {
	text := "Put in queue " + d.queue + ": " + d.from.why + "."
	if d.agent == "" && d.text != "" {
		text += " " + d.text
	}
	return text
}

func factsOfQueue(d *decision) map[string]any {
	facts := map[string]any{"queue": d.queue}
	if d.agent == "" && len(d.verdicts) > 0 {
		facts["candidates"] = shown(d.verdicts)
	}
	return facts
}

func factsOfOffer(d *decision) map[string]any {
	facts := map[string]any{"agent": d.agent, "offer": d.offer}
	if len(d.verdicts) > 0 {
		facts["candidates"], facts["members"] = shown(d.verdicts), len(d.verdicts)
	}
	return facts
}

// shownVerdicts is how many verdicts a trace entry keeps.
const shownVerdicts = 6

// shown keeps a trace entry small: the verdicts that tell most.
func shown(verdicts []routing.Verdict) []routing.Verdict {
	if len(verdicts) <= shownVerdicts {
		return verdicts
	}
	rank := func(v routing.Verdict) int {
		switch v.Result {
		case routing.Chosen:
			return 0
		case routing.Eligible:
			return 1
		case routing.PresenceExcluded:
			return 3
		}
		return 2
	}
	list := slices.Clone(verdicts)
	slices.SortStableFunc(list, func(a, b routing.Verdict) int {
		if rank(a) != rank(b) {
			return rank(a) - rank(b)
		}
		return b.Free - a.Free
	})
	return list[:shownVerdicts]
}
