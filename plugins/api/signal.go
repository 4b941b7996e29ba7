package api

import (
	"context"
	"crypto/rand"
	"errors"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// typingTimeout is how long telling of typing may take: soon it is not true any more, and others wait for this lane.
const typingTimeout = 2 * time.Second

// Signal tells the program what is not a message. Typing is told once, or not at all. The others are kept first and then
// tried for a day, like messages; they may overtake a message that is being tried again.
func (c *channel) Signal(ctx context.Context, thread sdk.Thread, recipient sdk.Identity, signal sdk.Signal) error {
	r := c.newRecord("evt_"+rand.Text(), "", thread, recipient)
	d := &r.Delivery
	switch {
	case signal.Typing != nil:
		d.Type, d.Stopped = typeTyping, signal.Typing.Stopped
		if c.receiver == nil {
			return nil // by the time it is fetched it is not true any more
		}
		ctx, cancel := context.WithTimeout(ctx, typingTimeout)
		defer cancel()
		if came := c.receiver.post(ctx, *d); came.problem != "" {
			return errors.New(came.problem)
		}
		return nil
	case signal.Read != nil:
		d.Type, d.UpTo = typeRead, signal.Read.MessageID
	case signal.AgentJoined != nil:
		d.Type, d.Agent = typeJoined, &author{Kind: "agent", Name: signal.AgentJoined.Name, Picture: signal.AgentJoined.PictureURL}
		if signal.AgentJoined.Kind == sdk.AuthorBot {
			d.Agent.Kind = "bot"
		}
	case signal.AgentLeft != nil:
		d.Type, d.Agent = typeLeft, &author{Kind: "agent", Name: signal.AgentLeft.Name}
	case signal.ConversationEnded != nil:
		d.Type, d.Reason = typeEnded, signal.ConversationEnded.Code
	default:
		return nil
	}
	r.State, r.Own, r.NextAt = statePending, true, r.CreatedAt
	if c.receiver == nil {
		r.State, r.Own = stateWaiting, false
	}
	if _, err := c.kept.add(ctx, r); err != nil {
		return err
	}
	c.rouse()
	return nil
}

// rouse tells the worker that something may be due.
func (c *channel) rouse() {
	select {
	case c.wake <- struct{}{}:
	default:
	}
}
