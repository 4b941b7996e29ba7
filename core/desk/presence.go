package desk

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

const (
	// grace is how long an agent may be gone before their work goes to others, counted from the loss of the last live
	// connection, from the last call of one who set their presence through the API, or from the start of the process.
	grace = 150 * time.Second
	// touchEvery is how often a call renews a lease, at most.
	touchEvery = 20 * time.Second
)

// connections knows which agents hold a live connection to this process.
type connections struct {
	mu      sync.Mutex
	live    map[string]bool
	touched map[string]time.Time
}

func (c *connections) set(agent string, live bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live == nil {
		c.live = map[string]bool{}
	}
	c.live[agent] = live
}

func (c *connections) has(agent string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.live[agent]
}

// tired reports whether a call should renew an agent's lease now.
func (c *connections) tired(agent string, now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.live[agent] || now.Sub(c.touched[agent]) < touchEvery {
		return false
	}
	if c.touched == nil {
		c.touched = map[string]time.Time{}
	}
	c.touched[agent] = now
	return true
}

// Presence returns an agent's presence and load.
func (d *Desk) Presence(ctx context.Context, agent string) (status *core.AgentStatus, err error) {
	err = d.store.View(ctx, func(tx *store.Tx) error {
		status, err = tx.AgentStatus(agent)
		return err
	})
	return status, err
}

// SetPresence changes the actor's presence. It holds while they have a live connection, else for the grace time after
// their last call.
func (d *Desk) SetPresence(ctx context.Context, a Actor, p core.Presence) (status *core.AgentStatus, err error) {
	if !p.Settable() {
		return nil, core.FieldErrorf("presence", "write available, busy, do-not-disturb, away or offline, not %q", p)
	}
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if status, err = tx.AgentStatus(a.Agent); err != nil {
			return err
		}
		if status.Presence != p || status.PresenceSince.IsZero() {
			status.Presence, status.PresenceSince = p, tx.Now()
			if p == core.Available {
				status.IdleSince = tx.Now()
			}
		}
		status.Former = ""
		until := time.Time{}
		// Asked here and not before: a connection lost meanwhile is followed by a transaction that comes after this one.
		if !d.presence.has(a.Agent) {
			until = tx.Now().Add(grace)
		}
		lease(tx, status, until)
		tx.PutAgentStatus(status)
		return nil
	})
	return status, err
}

// lease sets until when a presence holds by itself; the zero time means as long as there is a live connection.
func lease(tx *store.Tx, s *core.AgentStatus, until time.Time) {
	if !s.LeaseUntil.IsZero() {
		tx.DeleteTimer(&core.Timer{Due: s.LeaseUntil, Kind: core.TimerPresence, Ref: s.Agent})
	}
	if s.LeaseUntil = store.Time(until); !until.IsZero() {
		tx.PutTimer(&core.Timer{Due: s.LeaseUntil, Kind: core.TimerPresence, Ref: s.Agent})
	}
}

// Connected says that an agent has a live connection. Back within the grace time they have the presence they had.
func (d *Desk) Connected(ctx context.Context, agent string) error {
	d.presence.set(agent, true)
	_, err := d.arrived(ctx, agent)
	return err
}

// Present says that an agent is there without a live connection, as from a browser whose WebSockets are blocked. It
// holds for the grace time; whoever stays says it again.
func (d *Desk) Present(ctx context.Context, agent string) (*core.AgentStatus, error) {
	status, err := d.Presence(ctx, agent)
	if err != nil || status.Former == "" && !status.PresenceSince.IsZero() {
		return status, err // any call renews it, see Touch
	}
	return d.arrived(ctx, agent)
}

// arrived gives an agent the presence that they had, or begin with.
func (d *Desk) arrived(ctx context.Context, agent string) (status *core.AgentStatus, err error) {
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		if status, err = tx.AgentStatus(agent); err != nil {
			return err
		}
		switch {
		case status.Former != "":
			status.Presence, status.PresenceSince = status.Former, tx.Now()
		case status.PresenceSince.IsZero():
			status.Presence, status.PresenceSince = d.presenceAtSignIn(agent), tx.Now()
		}
		status.Former = ""
		until := time.Time{}
		if !d.presence.has(agent) {
			until = tx.Now().Add(grace)
		}
		lease(tx, status, until)
		tx.PutAgentStatus(status)
		return nil
	})
	return status, err
}

func (d *Desk) presenceAtSignIn(agent string) core.Presence {
	if a := d.Setup().Agents[agent]; a != nil && a.Presence.Settable() {
		return a.Presence
	}
	return core.Available
}

// Disconnected says that an agent's last live connection is gone: nothing new is offered to them, and what they have
// stays theirs for the grace time.
func (d *Desk) Disconnected(ctx context.Context, agent string) error {
	d.presence.set(agent, false)
	return d.store.Update(ctx, func(tx *store.Tx) error {
		s, err := tx.AgentStatus(agent)
		if err != nil {
			return err
		}
		if s.Presence == core.Offline && s.Former == "" && s.Load == 0 {
			return nil // has nothing that others would have to take over
		}
		suspend(tx, s)
		return nil
	})
}

// suspend shows an agent as offline for the grace time, after which their work goes to others.
func suspend(tx *store.Tx, s *core.AgentStatus) {
	if s.Former == "" {
		s.Former = s.Presence
	}
	s.Presence = core.Offline
	lease(tx, s, tx.Now().Add(grace))
	tx.PutAgentStatus(s)
}

// Touch renews the lease of an agent who set their presence through the API. It is cheap: most calls do nothing.
func (d *Desk) Touch(ctx context.Context, agent string) {
	if !d.presence.tired(agent, time.Now()) {
		return
	}
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		s, err := tx.AgentStatus(agent)
		if err != nil || s.LeaseUntil.IsZero() || s.Former != "" {
			return err
		}
		lease(tx, s, tx.Now().Add(grace))
		tx.PutAgentStatus(s)
		return nil
	})
	if err != nil {
		d.log.Warn("a presence could not be renewed", "agent", agent, "error", err)
	}
}

// resumePresence gives everybody the grace time after a start: the connections of the last process are gone.
func (d *Desk) resumePresence(ctx context.Context) error {
	var list []*core.AgentStatus
	err := d.store.View(ctx, func(tx *store.Tx) (err error) {
		list, err = tx.AgentStatuses()
		return err
	})
	if err != nil {
		return err
	}
	for chunk := range slices.Chunk(list, 100) {
		err := d.store.Update(ctx, func(tx *store.Tx) error {
			for _, seen := range chunk {
				s, err := tx.AgentStatus(seen.Agent)
				if err != nil {
					return err
				}
				switch {
				case d.presence.has(seen.Agent): // back before the desk had started
				case !s.LeaseUntil.IsZero():
					lease(tx, s, tx.Now().Add(grace))
					tx.PutAgentStatus(s)
				case s.Presence != core.Offline || s.Load > 0:
					suspend(tx, s)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// missed passes an offer on that rang out. Where the workstream wants it, whoever did not hear it is inactive from then on,
// until they choose a presence again: their other conversations stay theirs.
func (d *Desk) missed(tx *store.Tx, c *core.Conversation) error {
	agent := c.Offer.Agent
	if err := d.passOn(tx, c, core.AgentTimeout, "timed-out", agent+" did not answer the offer in time."); err != nil {
		return err
	}
	ws := d.workstream(c)
	s, err := tx.AgentStatus(agent)
	if err != nil || !ws.InactiveAfterMissed || !slices.Contains(ws.AllowedPresences, s.Presence) {
		return err // they have changed their presence since, or are gone
	}
	s.Presence, s.PresenceSince = core.Inactive, tx.Now()
	tx.PutAgentStatus(s)
	return nil
}

// releaseBatch is how many conversations of a gone agent are released in one transaction.
const releaseBatch = 50

// leaseEnded takes the work of an agent who has been gone for too long and gives it to others.
func (d *Desk) leaseEnded(tx *store.Tx, agent string) error {
	s, err := tx.AgentStatus(agent)
	if err != nil || s.LeaseUntil.IsZero() {
		return err
	}
	if s.LeaseUntil.After(tx.Now()) {
		return nil // renewed; that has a timer of its own
	}
	held, err := activeOf(tx, s)
	if err != nil {
		return err
	}
	offered, err := tx.OfferedTo(agent)
	if err != nil {
		return err
	}
	for _, c := range offered[:min(len(offered), releaseBatch)] {
		if err := silence(tx, c, core.AgentDisconnected); err != nil {
			return err
		}
		d.trace(tx, c, "disconnected", agent+" is gone; the offer is withdrawn.", map[string]any{"agent": agent})
		tx.PutConversation(c, true)
	}
	for _, c := range held[:min(len(held), releaseBatch)] {
		if err := closeSession(tx, c, core.AgentDisconnected); err != nil {
			return err
		}
		d.requeue(tx, c)
		d.trace(tx, c, "disconnected", agent+" has been gone for too long; the conversation goes back in line.", map[string]any{"agent": agent})
		tx.PutConversation(c, true)
	}
	// Offline at once, so that what was taken back does not ring at them again.
	s.Presence, s.PresenceSince, s.Former = core.Offline, time.Time{}, ""
	until := time.Time{}
	if len(offered) > releaseBatch || len(held) > releaseBatch { // the rest follows at once
		until = tx.Now().Add(time.Millisecond)
	}
	lease(tx, s, until)
	tx.PutAgentStatus(s)
	return nil
}

// activeOf returns the conversations that an agent has. Among those that merely wait for their customers, it looks no
// further than the agent's load explains.
func activeOf(tx *store.Tx, s *core.AgentStatus) ([]*core.Conversation, error) {
	var held []*core.Conversation
	units := 0
	for cursor := ""; units < s.Load; {
		page, err := tx.ConversationsOf(s.Agent, cursor, releaseBatch)
		if err != nil {
			return nil, err
		}
		for _, c := range page.Conversations {
			units += c.Units
			if c.State == core.Active {
				held = append(held, c)
			}
		}
		if cursor = page.Next; cursor == "" {
			break
		}
	}
	return held, nil
}
