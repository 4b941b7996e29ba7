package desk

import (
	"context"
	"time"

	"github.com/guichet/guichet/core"
)

const (
	signalLanes    = 4
	signalBacklog  = 256
	signalPatience = 10 * time.Second
)

// signals passes on to channels what is not a message, beside everything else and at best effort: too many at once, or
// a channel that does not answer, are nobody's concern.
type signals struct {
	desk *Desk
	jobs chan signal
}

type signal struct {
	account   string
	thread    core.Thread
	recipient core.IdentityKey
	what      core.Signal
}

func newSignals(d *Desk) *signals { return &signals{desk: d, jobs: make(chan signal, signalBacklog)} }

func (s *signals) send(c *core.Conversation, what core.Signal) {
	select {
	case s.jobs <- signal{c.Account, c.Thread, c.Identity, what}:
	default:
		s.desk.log.Debug("too many signals at once: one is dropped", "conversation", c.ID)
	}
}

func (s *signals) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case job := <-s.jobs:
			patience, cancel := context.WithTimeout(ctx, signalPatience)
			s.desk.channels.Signal(patience, job.account, job.thread, job.recipient, job.what)
			cancel()
		}
	}
}
