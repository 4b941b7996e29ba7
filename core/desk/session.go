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

// ring proposes an open conversation to an agent and reserves the capacity. After the commit the caller tells the
// timers, which count the ringing.
func ring(tx *store.Tx, c *core.Conversation, ws *core.Workstream, agent string, offer core.ID) {
	now := tx.Now()
	c.Offer = &core.Offer{ID: offer, Agent: agent, Queue: c.Queue, At: now, Deadline: store.Time(now.Add(ws.OfferTimeout))}
	c.Units = ws.Capacity
	openSession(tx, c, agent, true)
	tx.PutTimer(offerTimer(c.ID, c.Offer))
}

func offerTimer(conversation core.ID, offer *core.Offer) *core.Timer {
	return &core.Timer{Due: offer.Deadline, Kind: core.TimerOffer, Ref: string(conversation), Offer: offer.ID}
}

// hush ends the ringing: the offer was taken, or is taken back.
func hush(tx *store.Tx, c *core.Conversation) {
	if c.Offer != nil {
		tx.DeleteTimer(offerTimer(c.ID, c.Offer))
		c.Offer, c.Units = nil, 0
	}
}

// silence takes a ringing offer back.
func silence(tx *store.Tx, c *core.Conversation, reason core.ClosureReason) error {
	if c.Offer == nil {
		return nil
	}
	hush(tx, c)
	return closeSession(tx, c, reason)
}

// assign gives a conversation to an agent; the session must have been opened.
func (d *Desk) assign(tx *store.Tx, c *core.Conversation, agent string) {
	hush(tx, c)
	if c.State != core.Active || c.Assignee != agent {
		told := &core.SignalEvent{Conversation: c.ID, Joined: agent}
		if c.State == core.Active {
			told.Left = c.Assignee
		}
		tx.Signal(told)
	}
	c.Assignee, c.Former, c.Declines = agent, "", nil
	c.Units = d.workstream(c).Capacity
	d.enter(tx, c, core.Active)
	tx.ClearRouteMark(c.ID)
}

// requeue puts a conversation back in line; the caller writes it with a route mark.
func (d *Desk) requeue(tx *store.Tx, c *core.Conversation) {
	hush(tx, c)
	hasLeft(tx, c)
	c.Assignee, c.Units = "", 0
	c.QueuedSince = tx.Now()
	if c.WaitingSince.IsZero() {
		c.WaitingSince = tx.Now()
	}
	d.enter(tx, c, core.Open)
}

// hasLeft tells the customer's channel that whoever answered does so no longer.
func hasLeft(tx *store.Tx, c *core.Conversation) {
	if c.State == core.Active && c.Assignee != "" {
		tx.Signal(&core.SignalEvent{Conversation: c.ID, Left: c.Assignee})
	}
}

// isOver tells the customer's channel that a conversation ends, once.
func isOver(tx *store.Tx, c *core.Conversation, reason core.ClosureReason) {
	if !c.Ended() {
		tx.Signal(&core.SignalEvent{Conversation: c.ID, Ended: reason})
	}
}

// wrapUp ends a conversation; after-work goes on as long as the workstream says.
func (d *Desk) wrapUp(tx *store.Tx, c *core.Conversation, reason core.ClosureReason) error {
	if err := closeSession(tx, c, reason); err != nil {
		return err
	}
	isOver(tx, c, reason)
	ws := d.workstream(c)
	c.Former, c.WaitingSince = c.Assignee, time.Time{}
	switch ws.WrapUp.Block {
	case "none":
		c.Units = 0
	case "custom":
		tx.PutTimer(&core.Timer{
			Due: tx.Now().Add(ws.WrapUp.For), Kind: core.TimerWrapUp, Ref: string(c.ID), Version: uint64(c.Sessions), //nolint:gosec // a small count
		})
	}
	d.enter(tx, c, core.WrappingUp)
	tx.PutConversation(c, false)
	return nil
}

// close ends a conversation for good.
func (d *Desk) close(tx *store.Tx, c *core.Conversation, reason core.ClosureReason) error {
	if err := closeSession(tx, c, reason); err != nil {
		return err
	}
	hush(tx, c)
	isOver(tx, c, reason)
	if c.Assignee != "" {
		c.Former = c.Assignee
	}
	c.Assignee, c.Units = "", 0
	c.ClosedAt, c.WaitingSince, c.Reply = tx.Now(), time.Time{}, nil
	d.enter(tx, c, core.Closed)
	tx.ClearRouteMark(c.ID)
	tx.PutConversation(c, false)
	return nil
}

// enter moves a conversation into a state, from which its inactivity counts anew.
func (d *Desk) enter(tx *store.Tx, c *core.Conversation, state core.State) {
	c.State, c.LastActivity = state, tx.Now()
	if state == core.Closed {
		d.setCloseDue(tx, c, time.Time{})
		return
	}
	d.armAutoClose(tx, c)
}

// armAutoClose makes sure that something looks at a conversation by the time it may close. A timer that is due earlier
// does: it looks again when it finds that there was activity meanwhile.
func (d *Desk) armAutoClose(tx *store.Tx, c *core.Conversation) {
	limit := d.patience(c)
	if limit <= 0 {
		return
	}
	due := store.Time(c.LastActivity.Add(limit))
	if c.CloseDue.IsZero() || due.Before(c.CloseDue) {
		d.setCloseDue(tx, c, due)
	}
}

func (d *Desk) setCloseDue(tx *store.Tx, c *core.Conversation, due time.Time) {
	if !c.CloseDue.IsZero() {
		tx.DeleteTimer(&core.Timer{Due: c.CloseDue, Kind: core.TimerAutoClose, Ref: string(c.ID)})
	}
	if c.CloseDue = due; !due.IsZero() {
		tx.PutTimer(&core.Timer{Due: due, Kind: core.TimerAutoClose, Ref: string(c.ID)})
	}
}

// patience is how long a conversation may be inactive in its state before it closes; 0 means for ever. Where capacity
// is blocked for longer after the end, that rules.
func (d *Desk) patience(c *core.Conversation) time.Duration {
	ws := d.workstream(c)
	switch c.State {
	case core.Open:
		return ws.AutoClose.Open
	case core.Active:
		return ws.AutoClose.Active
	case core.Waiting:
		return ws.AutoClose.Waiting
	case core.WrappingUp:
		if ws.AutoClose.WrapUp > 0 && ws.WrapUp.Block == "custom" {
			return max(ws.AutoClose.WrapUp, ws.WrapUp.For)
		}
		return ws.AutoClose.WrapUp
	}
	return 0
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
