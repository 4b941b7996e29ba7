// Package live carries the durable event log to the browsers that are subscribed. A browser holds one socket, says up to
// which event it knows everything, and gets the rest or a snapshot; from then on it gets what concerns it. It must not
// decide anything about conversations, and it must never make the desk wait: a browser that reads too slowly is let go.
//
// Start reading at [Hub], then event.go for how one event reaches many sockets, subscribe.go for what a new socket gets
// first, and shape.go for what conversations and messages look like to browsers and in the API.
//
// Why a client's state always becomes what a fresh snapshot would be: every change of a record emits an event whose
// audiences name everyone who could see it before or can see it afterwards. For each event the hub reads the record as
// it is now, which is at least as new as the event. So the last event that concerns a client is answered from a record
// that is final for that client: either it may see it, and gets it, or it may not, and gets a removal.
package live

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// Options is what a Hub needs.
type Options struct {
	Store *store.Store
	// Setup returns the configuration in force.
	Setup func() *core.Setup
	// Connected and Disconnected are told of an agent's first and last socket. They may be called again for the same
	// state; the last call is the truth. Nil means that nobody wants to know.
	Connected, Disconnected func(ctx context.Context, agent string) error
	// Remaining returns for how long an offer still rings; nil asks the wall clock.
	Remaining func(offer *core.Offer) time.Duration
	// Typing passes on to the customer that an agent is writing. Best effort; nil means no.
	Typing func(ctx context.Context, agent core.Agent, conversation core.ID)
	Log    hclog.Logger
}

const (
	// pingEvery is how often a socket is asked whether it is alive and its credential still holds.
	pingEvery = 20 * time.Second
	// replayMost is how many events are replayed; a client further behind gets a snapshot, which is then smaller.
	replayMost = 20000
	// endedKept is how many ended offers are remembered for clients that come back.
	endedKept = 4096
)

// Hub follows the log for all sockets. Make it with New, run Run, serve sockets with Serve, end with Close.
type Hub struct {
	store *store.Store
	setup func() *core.Setup
	rings func(offer *core.Offer) time.Duration
	typed func(ctx context.Context, agent core.Agent, conversation core.ID)
	log   hclog.Logger

	presence *presence
	serving  sync.WaitGroup

	mu      sync.Mutex
	sockets map[*socket]struct{}
	pos     uint64 // every event up to here was handed to the sockets
	// epoch is the position before which audiences may have meant other people: the start, and each change of roles
	// and memberships, plus one. A client that knows less gets a snapshot, also one that has missed no event.
	epoch   uint64
	applied *core.Setup        // that the sockets' viewers were made from
	ringing map[core.ID][]ring // offers that were told and have not ended, by conversation
	ended   []endedOffer
	floor   uint64 // offers that ended up to here may have been forgotten
	closed  bool
}

// ring is an offer of which some socket has been told.
type ring struct {
	offer   core.ID
	agent   string
	version uint64 // of the conversation when it was read
}

type endedOffer struct {
	pos          uint64
	offer        core.ID
	conversation core.ID
	agent        string
}

// New returns a hub that begins at the end of the log.
func New(o Options) *Hub {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	if o.Remaining == nil {
		o.Remaining = func(offer *core.Offer) time.Duration { return time.Until(offer.Deadline) }
	}
	last := uint64(o.Store.DB().Last())
	return &Hub{
		store: o.Store, setup: o.Setup, rings: o.Remaining, typed: o.Typing, log: o.Log,
		presence: newPresence(o.Connected, o.Disconnected, o.Log),
		sockets:  make(map[*socket]struct{}), ringing: make(map[core.ID][]ring),
		pos: last, epoch: last + 1, applied: o.Setup(),
	}
}

// Run follows the log until ctx ends or the store is closed.
func (h *Hub) Run(ctx context.Context) {
	for ctx.Err() == nil {
		h.mu.Lock()
		from := h.pos
		h.mu.Unlock()
		err := h.follow(ctx, from)
		switch {
		case ctx.Err() != nil || errors.Is(err, store.ErrClosed):
			return
		case errors.Is(err, store.ErrTrimmed):
			h.restart()
		default:
			h.log.Error("the event log could not be read; trying again", "error", err)
			select {
			case <-ctx.Done():
			case <-time.After(time.Second):
			}
		}
	}
}

func (h *Hub) follow(ctx context.Context, from uint64) error {
	for ev, err := range h.store.Tail(ctx, store.Pos(from)) {
		if err != nil {
			return err
		}
		h.checkSetup()
		if err := h.handle(ctx, ev); err != nil {
			if ctx.Err() != nil {
				return err
			}
			// The sockets have missed something: they start again from a snapshot.
			h.log.Error("an event could not be handed on", "position", ev.Pos, "error", err)
			h.restart()
			return err
		}
	}
	return ctx.Err()
}

// restart goes on from the end of the log and gives every socket a fresh snapshot.
func (h *Hub) restart() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.pos = uint64(h.store.DB().Last())
	h.epoch = h.pos + 1
	for s := range h.sockets {
		s.resync()
	}
}

// SetupChanged looks at the configuration again: sockets whose role or queues changed get a new snapshot, those of
// people who are gone are closed. It is called after a configuration has been applied.
func (h *Hub) SetupChanged() { h.checkSetup() }

func (h *Hub) checkSetup() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.adopt(h.setup()) // asked for under mu, so that an older one is never adopted after a newer one
}

// readUnder reads with the configuration of the moment and hands on what was read. Where another one was adopted
// meanwhile it reads again: the sockets have been given, or are about to be given, snapshots with the newer names, which
// the older ones must not follow.
func (h *Hub) readUnder(pos uint64, read func(*core.Setup) error, hand func()) error {
	for {
		setup := h.setup()
		if err := read(setup); err != nil {
			return err
		}
		h.mu.Lock()
		if setup == h.applied || setup == h.setup() {
			hand()
			h.pos = pos
			h.mu.Unlock()
			return nil
		}
		h.mu.Unlock()
	}
}

// sameNames reports whether lists show the same names under two configurations.
func sameNames(was, now *core.Setup) bool {
	return maps.EqualFunc(was.Queues, now.Queues, func(a, b *core.Queue) bool { return a.Name == b.Name }) &&
		maps.EqualFunc(was.Agents, now.Agents, func(a, b *core.Agent) bool { return a.Name == b.Name }) &&
		maps.EqualFunc(was.Accounts, now.Accounts, func(a, b *core.Account) bool { return a.Plugin == b.Plugin })
}

// adopt brings viewers up to date with a configuration. h.mu is held.
func (h *Hub) adopt(now *core.Setup) {
	if now == h.applied {
		return
	}
	renamed := !sameNames(h.applied, now)
	h.applied = now
	h.epoch = h.pos + 1
	for s := range h.sockets {
		v, ok := newViewer(now, s.viewer.agent.ID)
		switch {
		case !ok:
			s.stop(CloseGone, "this person is no longer configured")
		case renamed || !v.same(s.viewer):
			s.viewer = v
			s.resync()
		default:
			s.viewer = v
		}
	}
}

// End closes the sockets of an agent that were opened with a credential; with any, when credential is "".
func (h *Hub) End(agent, credential string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.sockets {
		if s.viewer.agent.ID == agent && (credential == "" || s.credential == credential) {
			s.stop(CloseSignedOut, "signed out")
		}
	}
}

// Sockets returns how many sockets are open.
func (h *Hub) Sockets() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.sockets)
}

// Close lets every socket go and waits for them.
func (h *Hub) Close() {
	h.mu.Lock()
	h.closed = true
	for s := range h.sockets {
		s.stop(CloseGoingAway, "the server is stopping")
	}
	h.mu.Unlock()
	h.serving.Wait()
	h.presence.close()
}
