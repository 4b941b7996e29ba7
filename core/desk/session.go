package desk

import (
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// openSession begins a leg of the conversation with an agent.
func openSession(tx *store.Tx, c *core.Conversation, agent string, offered bool) {
	c.Sessions++
	s := &core.Session{Conversation: c.ID, Number: c.Sessions, Agent: agent, Queue: c.Queue}
	if offered {
		s.OfferedAt = tx.Now()
	} else {
		acceptSession(tx, s)
	}
	tx.PutSession(s)
}

func acceptSession(tx *store.Tx, s *core.Session) {
	s.AcceptedAt = tx.Now()
	s.Participants = append(s.Participants, core.Participant{Agent: s.Agent, Mode: "primary", Since: tx.Now()})
}

// closeSession ends the newest leg, if it has not ended.
func closeSession(tx *store.Tx, c *core.Conversation, reason core.ClosureReason) error {
	if c.Sessions == 0 {
		return nil
	}
	s, err := tx.Session(c.ID, c.Sessions)
	if err != nil {
		return err
	}
	if !s.ClosedAt.IsZero() {
		return nil
	}
	s.ClosedAt, s.Reason = tx.Now(), reason
	tx.PutSession(s)
	return nil
}

// ring proposes an open conversation to an agent and reserves the capacity.
func ring(tx *store.Tx, c *core.Conversation, ws *core.Workstream, agent string, offer core.ID) {
	now := tx.Now()
	c.Offer = &core.Offer{ID: offer, Agent: agent, Queue: c.Queue, At: now, Deadline: now.Add(ws.OfferTimeout)}
	c.Units = ws.Capacity
	openSession(tx, c, agent, true)
	tx.PutTimer(&core.Timer{Due: c.Offer.Deadline, Kind: core.TimerOffer, Ref: string(c.ID), Offer: offer})
}

// silence takes a ringing offer back.
func silence(tx *store.Tx, c *core.Conversation, reason core.ClosureReason) error {
	if c.Offer == nil {
		return nil
	}
	c.Offer, c.Units = nil, 0
	return closeSession(tx, c, reason)
}

// assign gives a conversation to an agent; the session must have been opened.
func assign(c *core.Conversation, ws *core.Workstream, agent string) {
	c.State, c.Assignee, c.Former, c.Offer = core.Active, agent, "", nil
	c.Units = ws.Capacity
	c.Declines = nil
}

// requeue puts a conversation back in line; the caller writes it with a route mark.
func requeue(tx *store.Tx, c *core.Conversation) {
	c.State, c.Assignee, c.Offer, c.Units = core.Open, "", nil, 0
	c.QueuedSince = tx.Now()
	if c.WaitingSince.IsZero() {
		c.WaitingSince = tx.Now()
	}
}

// wrapUp ends a conversation; after-work goes on as long as the workstream says.
func (d *Desk) wrapUp(tx *store.Tx, c *core.Conversation, reason core.ClosureReason) error {
	if err := closeSession(tx, c, reason); err != nil {
		return err
	}
	ws := d.workstream(c)
	c.State, c.Former, c.WaitingSince = core.WrappingUp, c.Assignee, time.Time{}
	switch ws.WrapUp.Block {
	case "none":
		c.Units = 0
	case "custom":
		tx.PutTimer(&core.Timer{Due: tx.Now().Add(ws.WrapUp.For), Kind: core.TimerWrapUp, Ref: string(c.ID)})
	}
	d.autoClose(tx, c, ws.AutoClose.WrapUp)
	tx.PutConversation(c, false)
	return nil
}

// close ends a conversation for good.
func (d *Desk) close(tx *store.Tx, c *core.Conversation, reason core.ClosureReason) error {
	if err := closeSession(tx, c, reason); err != nil {
		return err
	}
	if c.Assignee != "" {
		c.Former = c.Assignee
	}
	c.State, c.Assignee, c.Offer, c.Units = core.Closed, "", nil, 0
	c.ClosedAt, c.WaitingSince, c.Reply = tx.Now(), time.Time{}, nil
	tx.ClearRouteMark(c.ID)
	tx.PutConversation(c, false)
	return nil
}

// autoClose arms the inactivity timer of the state that a conversation has just entered.
func (d *Desk) autoClose(tx *store.Tx, c *core.Conversation, after time.Duration) {
	if after > 0 {
		tx.PutTimer(&core.Timer{Due: tx.Now().Add(after), Kind: core.TimerAutoClose, Ref: string(c.ID)})
	}
}

// workstream returns a conversation's workstream; one that has left the configuration is stood in for by safe defaults,
// so that what is open can still be finished.
func (d *Desk) workstream(c *core.Conversation) *core.Workstream {
	if ws, ok := d.Setup().Workstreams[c.Workstream]; ok {
		return ws
	}
	return &core.Workstream{
		ID: c.Workstream, Persistent: true, Distribution: core.Pick, PickFromPush: true, Capacity: 1, FallbackQueue: c.Queue,
		OfferTimeout: 2 * time.Minute, WrapUp: core.WrapUp{Block: "none"},
	}
}
