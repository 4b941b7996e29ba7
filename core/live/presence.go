package live

import (
	"context"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"
)

const (
	// presencePatience bounds one report to the desk.
	presencePatience = 10 * time.Second
	// A report that failed is made again after a pause that doubles from the first to the longest.
	presenceFirstPause   = time.Second
	presenceLongestPause = time.Minute
)

// presence counts each agent's sockets and reports the first and the last. Reports are level-triggered: whatever the
// order in which sockets come and go, the last report tells how it is. One that could not be stored is made again until
// it is, also when there is no socket left: else an agent who has gone would be offered conversations for ever.
type presence struct {
	connected, disconnected func(ctx context.Context, agent string) error
	log                     hclog.Logger

	life    context.Context // ends the repeated reports
	end     context.CancelFunc
	repeats sync.WaitGroup

	mu     sync.Mutex
	agents map[string]*attendance
}

type attendance struct {
	sockets int // under presence.mu

	reporting sync.Mutex
	told      bool // what was reported last; under reporting
	repeating bool // a goroutine makes the failed report again; under reporting
}

func newPresence(connected, disconnected func(ctx context.Context, agent string) error, log hclog.Logger) *presence {
	nobody := func(context.Context, string) error { return nil }
	if connected == nil {
		connected = nobody
	}
	if disconnected == nil {
		disconnected = nobody
	}
	p := &presence{connected: connected, disconnected: disconnected, log: log, agents: make(map[string]*attendance)}
	p.life, p.end = context.WithCancel(context.Background())
	return p
}

// close gives up the reports that have not been stored. After the last socket; the next start knows that nobody is
// connected.
func (p *presence) close() {
	p.end()
	p.repeats.Wait()
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
	if p.report(context.WithoutCancel(ctx), agent, a) || a.repeating {
		return
	}
	a.repeating = true
	p.repeats.Go(func() { p.repeat(agent, a) })
}

// report tells the desk how it is when it knows otherwise, and returns whether it knows now. a.reporting is held.
func (p *presence) report(ctx context.Context, agent string, a *attendance) bool {
	p.mu.Lock()
	here := a.sockets > 0
	p.mu.Unlock()
	if here == a.told {
		return true
	}
	ctx, cancel := context.WithTimeout(ctx, presencePatience)
	defer cancel()
	tell := p.disconnected
	if here {
		tell = p.connected
	}
	if err := tell(ctx, agent); err != nil {
		p.log.Warn("an agent's connection could not be recorded; trying again", "agent", agent, "connected", here, "error", err)
		return false
	}
	a.told = here
	return true
}

// repeat reports until the desk knows.
func (p *presence) repeat(agent string, a *attendance) {
	for pause := presenceFirstPause; ; pause = min(2*pause, presenceLongestPause) {
		select {
		case <-p.life.Done():
			return
		case <-time.After(pause):
		}
		a.reporting.Lock()
		done := p.report(p.life, agent, a)
		a.repeating = !done
		a.reporting.Unlock()
		if done {
			return
		}
	}
}
