package desk

import (
	"context"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// Accept takes an offered conversation.
func (d *Desk) Accept(ctx context.Context, a Actor, offer core.ID) (*core.Conversation, error) {
	return d.change(ctx, func(tx *store.Tx) (*core.Conversation, error) {
		c, err := d.offered(tx, a, offer)
		if err != nil {
			return nil, err
		}
		return c, d.accept(tx, c)
	})
}

// accept gives a conversation to the agent at whom it rings.
func (d *Desk) accept(tx *store.Tx, c *core.Conversation) error {
	s, err := tx.Session(c.ID, c.Sessions)
	if err != nil {
		return err
	}
	acceptSession(tx, s)
	tx.PutSession(s)
	d.assign(tx, c, s.Agent)
	d.trace(tx, c, "accepted", s.Agent+" accepted the offer.", map[string]any{"agent": s.Agent})
	tx.PutConversation(c, false)
	return nil
}

// Decline refuses an offer; the conversation goes on to somebody else.
func (d *Desk) Decline(ctx context.Context, a Actor, offer core.ID) error {
	_, err := d.change(ctx, func(tx *store.Tx) (*core.Conversation, error) {
		c, err := d.offered(tx, a, offer)
		if err != nil {
			return nil, err
		}
		return c, d.passOn(tx, c, core.AgentReject, "declined", a.Agent+" declined the offer.")
	})
	return err
}

// passOn ends an offer that was not taken and lets the router look for somebody else. The place in line stays.
func (d *Desk) passOn(tx *store.Tx, c *core.Conversation, reason core.ClosureReason, step, text string) error {
	agent := c.Offer.Agent
	if err := silence(tx, c, reason); err != nil {
		return err
	}
	if c.Declines == nil {
		c.Declines = make(map[string]int)
	}
	c.Declines[agent]++
	d.trace(tx, c, step, text, map[string]any{"agent": agent, "declines": c.Declines[agent]})
	tx.PutConversation(c, true)
	return nil
}

// offered reads the conversation of an offer that rings at the actor.
func (d *Desk) offered(tx *store.Tx, a Actor, offer core.ID) (*core.Conversation, error) {
	c, err := tx.ConversationByOffer(offer)
	if err != nil {
		return nil, err
	}
	if c.Offer == nil || c.Offer.ID != offer {
		return nil, core.Errorf(core.NotFound, "the offer %s is over", offer)
	}
	if c.Offer.Agent != a.Agent {
		return nil, core.Errorf(core.NotFound, "the offer %s is not yours", offer)
	}
	return c, nil
}

// Pick takes a waiting conversation without an offer, also beyond the agent's capacity.
func (d *Desk) Pick(ctx context.Context, a Actor, id core.ID) (*core.Conversation, error) {
	return d.change(ctx, func(tx *store.Tx) (*core.Conversation, error) {
		c, err := d.seen(tx, a, id)
		if err != nil {
			return nil, err
		}
		ws := d.workstream(c)
		switch {
		case c.Assignee == a.Agent && c.State == core.Active:
			return c, nil
		case c.State != core.Open:
			return nil, core.Errorf(core.Conflict, "the conversation is %s: only a waiting one can be picked", c.State)
		case c.Offer != nil && c.Offer.Agent == a.Agent:
			return c, d.accept(tx, c)
		case ws.Distribution == core.Push && !ws.PickFromPush && !a.seesAll():
			return nil, core.Errorf(core.Forbidden, "conversations of workstream %q are offered, not picked", ws.ID)
		}
		if err := silence(tx, c, core.AgentPicked); err != nil {
			return nil, err
		}
		openSession(tx, c, a.Agent, false)
		d.assign(tx, c, a.Agent)
		d.trace(tx, c, "picked", a.Agent+" picked the conversation.", map[string]any{"agent": a.Agent})
		tx.PutConversation(c, false)
		return c, nil
	})
}

// MarkRead says that whoever has the conversation has read it.
func (d *Desk) MarkRead(ctx context.Context, a Actor, id core.ID) error {
	var signal bool
	c, err := d.change(ctx, func(tx *store.Tx) (*core.Conversation, error) {
		c, err := d.seen(tx, a, id)
		if err != nil {
			return nil, err
		}
		signal = false
		if c.Unread == 0 || (c.Assignee != "" && c.Assignee != a.Agent) {
			return c, nil
		}
		c.Unread, signal = 0, c.Assignee == a.Agent
		c.ReadUpTo = c.LastSeq
		tx.PutConversation(c, false)
		return c, nil
	})
	if err == nil && signal && (c.LastInboundID != "" || c.ReadToken != "") {
		d.signals.send(c, core.Signal{ReadID: c.LastInboundID, ReadToken: c.ReadToken})
	}
	return err
}

// Typing tells the customer, where the channel can, that an agent is writing.
func (d *Desk) Typing(ctx context.Context, a Actor, id core.ID) {
	err := d.store.View(ctx, func(tx *store.Tx) error {
		c, err := d.owned(tx, a, id)
		if err == nil && c.State == core.Active {
			d.signals.typing(c)
		}
		return err
	})
	if err != nil {
		d.log.Debug("typing was not passed on", "conversation", id, "error", err)
	}
}

// End ends a conversation: after-work begins.
func (d *Desk) End(ctx context.Context, a Actor, id core.ID) (*core.Conversation, error) {
	return d.change(ctx, func(tx *store.Tx) (*core.Conversation, error) {
		c, err := d.owned(tx, a, id)
		if c != nil && c.Ended() { // again
			return c, nil
		}
		if err != nil {
			return nil, err
		}
		if c.State != core.Active {
			return nil, core.Errorf(core.Conflict, "the conversation is %s: pick or reopen it before ending it", c.State)
		}
		d.trace(tx, c, "ended", a.Agent+" ended the conversation.", map[string]any{"agent": a.Agent})
		return c, d.wrapUp(tx, c, core.AgentEndConversation)
	})
}

// Leave lets go of a conversation without ending it. An asynchronous one waits for the customer; a live one goes back
// in line. After End it is closed.
func (d *Desk) Leave(ctx context.Context, a Actor, id core.ID) (*core.Conversation, error) {
	return d.change(ctx, func(tx *store.Tx) (*core.Conversation, error) {
		c, err := d.owned(tx, a, id)
		if c != nil && c.Former == a.Agent && (c.State == core.Waiting || c.State == core.Closed) { // again
			return c, nil
		}
		if err != nil {
			return nil, err
		}
		switch c.State {
		case core.WrappingUp:
			return c, d.close(tx, c, core.AgentClosed)
		case core.Active:
		default:
			return nil, core.Errorf(core.Conflict, "the conversation is %s: there is nothing to leave", c.State)
		}
		if err := closeSession(tx, c, core.AgentClosed); err != nil {
			return nil, err
		}
		former, ws := c.Assignee, d.workstream(c)
		if !ws.Persistent {
			d.requeue(tx, c)
			c.Former = former
			d.trace(tx, c, "left", a.Agent+" left the conversation; it goes back in line.", map[string]any{"agent": a.Agent})
			tx.PutConversation(c, true)
			return c, nil
		}
		hasLeft(tx, c)
		c.Former, c.Assignee, c.Units = former, "", 0
		d.enter(tx, c, core.Waiting)
		d.trace(tx, c, "left", a.Agent+" left the conversation; it waits for the customer.", map[string]any{"agent": a.Agent})
		tx.PutConversation(c, false)
		return c, nil
	})
}

// Close ends after-work; a supervisor may close any conversation.
func (d *Desk) Close(ctx context.Context, a Actor, id core.ID) (*core.Conversation, error) {
	return d.change(ctx, func(tx *store.Tx) (*core.Conversation, error) {
		c, err := d.owned(tx, a, id)
		if c != nil && c.State == core.Closed { // again
			return c, nil
		}
		if err != nil {
			return nil, err
		}
		switch {
		case c.State == core.WrappingUp:
			return c, d.close(tx, c, core.ConversationClosed)
		case !a.seesAll():
			return nil, core.Errorf(core.Conflict, "the conversation is %s: end it first", c.State)
		}
		d.trace(tx, c, "closed", a.Agent+" closed the conversation.", map[string]any{"agent": a.Agent})
		return c, d.close(tx, c, core.ForceClosed)
	})
}

// Reopen takes a waiting conversation, or one just ended, up again. A closed one stays closed.
func (d *Desk) Reopen(ctx context.Context, a Actor, id core.ID) (*core.Conversation, error) {
	return d.change(ctx, func(tx *store.Tx) (*core.Conversation, error) {
		c, err := d.seen(tx, a, id)
		if err != nil {
			return nil, err
		}
		switch c.State {
		case core.Waiting, core.WrappingUp:
		case core.Active:
			if c.Assignee == a.Agent {
				return c, nil
			}
			return nil, core.Errorf(core.Conflict, "%s has the conversation", c.Assignee)
		case core.Closed:
			return nil, core.Errorf(core.Conflict, "a closed conversation is not reopened: the customer's next message starts a new one")
		default:
			return nil, core.Errorf(core.Conflict, "the conversation is waiting in its queue: pick it")
		}
		if c.State == core.WrappingUp {
			newer, err := tx.OngoingConversation(c.Account, c.Channel, c.Thread)
			if err != nil {
				return nil, err
			}
			if newer != nil {
				return nil, core.Errorf(core.Conflict, "the customer has begun conversation %s meanwhile: go on there", newer.ID)
			}
		}
		openSession(tx, c, a.Agent, false)
		d.assign(tx, c, a.Agent)
		d.trace(tx, c, "reopened", a.Agent+" reopened the conversation.", map[string]any{"agent": a.Agent})
		tx.PutConversation(c, false)
		return c, nil
	})
}

// Target is where a conversation is transferred to: a queue or an agent.
type Target struct {
	Queue string
	Agent string
}

// Transfer hands a conversation on. To a queue, it is offered to whoever is next there. To an agent, it rings at that
// agent, whatever their load; not taken, it goes back to its queue.
func (d *Desk) Transfer(ctx context.Context, a Actor, id core.ID, to Target) (*core.Conversation, error) {
	setup := d.Setup()
	switch {
	case (to.Queue == "") == (to.Agent == ""):
		return nil, core.Errorf(core.Invalid, "name either a queue or an agent to transfer to")
	case to.Queue != "" && setup.Queues[to.Queue] == nil:
		return nil, core.FieldErrorf("queue", "there is no queue %q", to.Queue)
	case to.Agent != "" && setup.Agents[to.Agent] == nil:
		return nil, core.FieldErrorf("agent", "there is no agent %q", to.Agent)
	case to.Queue != "" && len(setup.Queues[to.Queue].Members) == 0:
		return nil, core.FieldErrorf("queue", "nobody is in queue %q: the customer would wait for ever", to.Queue)
	}
	note, offer := core.NewID(nowUTC()), core.NewID(nowUTC())
	c, err := d.change(ctx, func(tx *store.Tx) (*core.Conversation, error) {
		c, err := d.owned(tx, a, id)
		if err != nil {
			return nil, err
		}
		if c.Ended() {
			return nil, core.Errorf(core.Conflict, "the conversation is %s: it cannot be transferred", c.State)
		}
		if to.Agent != "" && (c.Assignee == to.Agent || c.Offer != nil && c.Offer.Agent == to.Agent) {
			return nil, core.FieldErrorf("agent", "%s has the conversation already", to.Agent)
		}
		reason := core.AgentTransferToQueue
		if to.Agent != "" {
			reason = core.AgentTransferred
			if err := d.reachable(tx, to.Agent); err != nil {
				return nil, err
			}
		}
		if c.Offer != nil {
			if err := silence(tx, c, core.SystemReject); err != nil {
				return nil, err
			}
		} else if err := closeSession(tx, c, reason); err != nil {
			return nil, err
		}
		d.requeue(tx, c)
		c.Former, c.Declines = "", nil
		d.note(tx, c, string(note), "transferred", map[string]string{"by": a.Agent, "queue": to.Queue, "agent": to.Agent}, tx.Now())
		if to.Queue != "" {
			c.Queue = to.Queue
			d.trace(tx, c, "transferred", a.Agent+" transferred the conversation to queue "+to.Queue+".",
				map[string]any{"agent": a.Agent, "queue": to.Queue})
			tx.PutConversation(c, true)
			return c, nil
		}
		if c.Queue == "" {
			c.Queue = d.workstream(c).FallbackQueue
		}
		ring(tx, c, d.workstream(c), to.Agent, offer)
		d.trace(tx, c, "transferred", a.Agent+" transferred the conversation to "+to.Agent+", at whom it rings now.",
			map[string]any{"agent": a.Agent, "to": to.Agent})
		tx.ClearRouteMark(c.ID)
		tx.PutConversation(c, false)
		return c, nil
	})
	if err == nil && c.Offer != nil {
		d.timers.ringing(c.ID, c.Offer)
	}
	return c, err
}

// reachable refuses agents who could not answer an offer.
func (d *Desk) reachable(tx *store.Tx, agent string) error {
	s, err := tx.AgentStatus(agent)
	if err != nil {
		return err
	}
	if s.Presence != core.Available && s.Presence != core.Busy {
		return core.FieldErrorf("agent", "%s is %s: choose somebody who is there, or a queue", agent, s.Presence)
	}
	return nil
}

// trace appends a step to the routing trace.
func (d *Desk) trace(tx *store.Tx, c *core.Conversation, step, text string, facts map[string]any) {
	tx.AddTrace(c.ID, &core.TraceEntry{At: tx.Now(), Step: step, Revision: d.Setup().Revision, Text: text, Facts: facts})
}
