package desk

import (
	"context"
	"maps"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

const (
	signalLanes    = 4
	signalBacklog  = 256
	signalPatience = 10 * time.Second
	// typingEvery is how often a customer is told that an agent is writing; a browser may say so with every key.
	typingEvery = 3 * time.Second
	// typingKept is how many conversations' last times are remembered before old ones are forgotten.
	typingKept = 1000
)

// signals passes on to channels what is not a message, beside everything else and at best effort: too many at once, or
// a channel that does not answer, are nobody's concern.
type signals struct {
	desk *Desk
	jobs chan signal

	mu    sync.Mutex
	typed map[core.ID]time.Time // when the customer was last told that an agent is writing
}

type signal struct {
	account   string
	thread    core.Thread
	recipient core.IdentityKey
	what      core.Signal
}

func newSignals(d *Desk) *signals {
	return &signals{desk: d, jobs: make(chan signal, signalBacklog), typed: map[core.ID]time.Time{}}
}

// typing says that an agent is writing, unless that was said a moment ago.
func (s *signals) typing(c *core.Conversation) {
	now := time.Now()
	s.mu.Lock()
	said := now.Sub(s.typed[c.ID]) < typingEvery
	if !said {
		if len(s.typed) >= typingKept {
			maps.DeleteFunc(s.typed, func(_ core.ID, at time.Time) bool { return now.Sub(at) >= typingEvery })
		}
		s.typed[c.ID] = now
	}
	s.mu.Unlock()
	if !said {
		s.send(c, core.Signal{Typing: true})
	}
}

// pass tells the channel what happened in a conversation. Agents go by their first names, as everywhere before customers.
func (s *signals) pass(ctx context.Context, e core.SignalEvent) {
	var c *core.Conversation
	err := s.desk.store.View(ctx, func(tx *store.Tx) (err error) {
		c, err = tx.Conversation(e.Conversation)
		return err
	})
	if err != nil {
		s.desk.log.Debug("a signal was not passed on", "conversation", e.Conversation, "error", err)
		return
	}
	name := func(agent string) string {
		if a := s.desk.Setup().Agents[agent]; a != nil {
			return firstName(a.Name)
		}
		return "" // of somebody who is gone, the channel is told nothing
	}
	if name(e.Left) != "" {
		s.send(c, core.Signal{AgentLeft: name(e.Left)})
	}
	if name(e.Joined) != "" {
		s.send(c, core.Signal{AgentJoined: name(e.Joined)})
	}
	if e.Ended != "" {
		s.send(c, core.Signal{ConversationEnded: string(e.Ended)})
	}
}

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
