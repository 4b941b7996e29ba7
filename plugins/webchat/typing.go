package webchat

import (
	"context"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// Typing ends by itself after typingLasts, in both directions: the word that it has stopped may be lost.

// agentTypes shows the tabs that somebody types, or has stopped.
func (v *visit) agentTypes(on bool) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if !on {
		v.stopAgentTyping()
		return
	}
	if v.ctx.Err() != nil {
		return
	}
	if v.agentTimer != nil {
		v.agentTimer.Stop()
	}
	var timer *time.Timer
	timer = time.AfterFunc(typingLasts, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.agentTimer == timer {
			v.stopAgentTyping()
		}
	})
	v.agentTimer = timer
	v.tell(encode(typingFrame{"typing", v.status.Agent, true}))
}

// stopAgentTyping takes the sign away, if it is shown. The caller holds mu.
func (v *visit) stopAgentTyping() {
	if v.agentTimer == nil {
		return
	}
	v.agentTimer.Stop()
	v.agentTimer = nil
	v.tell(encode(typingFrame{"typing", v.status.Agent, false}))
}

// customerTypes takes the panel's word that the visitor types, or has stopped, and reports whether to pass it on.
func (v *visit) customerTypes(on bool) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	was := v.customerTimer != nil
	if was {
		v.customerTimer.Stop()
		v.customerTimer = nil
	}
	if !on || v.ctx.Err() != nil {
		return was
	}
	var timer *time.Timer
	timer = time.AfterFunc(typingLasts, func() {
		v.mu.Lock()
		paused := v.customerTimer == timer
		if paused {
			v.customerTimer = nil
		}
		v.mu.Unlock()
		if paused {
			v.customerPaused()
		}
	})
	v.customerTimer = timer
	now := time.Now()
	if was && now.Sub(v.customerTold) < typingEvery {
		return false
	}
	v.customerTold = now
	return true
}

// customerPaused tells the host that nothing was heard of the visitor's typing for a while.
func (v *visit) customerPaused() {
	ctx, cancel := context.WithTimeout(v.ctx, hostPatience)
	defer cancel()
	// Best effort: the host forgets typing by itself, too.
	_ = v.c.host.Receive(ctx, nil, v.typingEvent(false))
}

func (v *visit) typingEvent(on bool) sdk.Event {
	place, _ := v.c.place("")
	now := time.Now()
	return sdk.Event{
		ID: v.id + ":typing:" + now.UTC().Format(time.RFC3339Nano), Address: place.Address, OccurredAt: now, Thread: v.thread,
		Sender: sdk.Sender{Identities: []sdk.Identity{identityOf(v.id)}}, Typing: &sdk.Typing{Stopped: !on},
	}
}

func identityOf(visitor string) sdk.Identity {
	return sdk.Identity{Kind: visitorKind, Value: visitor, Scoped: true}
}
