package live

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

// presencePatience bounds one report to the desk.
const presencePatience = 10 * time.Second

// presence counts each agent's sockets and reports the first and the last. Reports are level-triggered: whatever the
// order in which sockets come and go, the last report tells how it is.
type presence struct {
	connected, disconnected func(ctx context.Context, agent string) error
	log                     hclog.Logger

	mu     sync.Mutex
	agents map[string]*attendance
}

type attendance struct {
	sockets int // under presence.mu

	reporting sync.Mutex
	told      bool // what was reported last; under reporting
}

func newPresence(connected, disconnected func(ctx context.Context, agent string) error, log hclog.Logger) *presence {
	nobody := func(context.Context, string) error { return nil }
	if connected == nil {
		connected = nobody
	}
	if disconnected == nil {
		disconnected = nobody
	}
	return &presence{connected: connected, disconnected: disconnected, log: log, agents: make(map[string]*attendance)}
}

// change counts a socket that came (1) or went (-1), or none (0), and reports what is not yet known.
func (p *presence) change(ctx context.Context, agent string, by int) {
	p.mu.Lock()
	a := p.agents[agent]
	if a == nil {
		a = &attendance{}
		p.agents[agent] = a
	}
	a.sockets += by
	p.mu.Unlock()

	a.reporting.Lock()
	defer a.reporting.Unlock()
	p.mu.Lock()
	here := a.sockets > 0
	p.mu.Unlock()
	if here == a.told {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), presencePatience)
	defer cancel()
	report := p.disconnected
	if here {
		report = p.connected
	}
	if err := report(ctx, agent); err != nil {
		p.log.Warn("an agent's connection could not be recorded", "agent", agent, "connected", here, "error", err)
		return // the next socket, or the next ping, tries again
	}
	a.told = here
}
