package live

import (
	"context"
	"errors"
	"sort"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// What a snapshot holds at most, and how much of it goes into one frame.
const (
	snapshotMost = 500
	snapshotPart = 100
)

// hello is the first frame. Seq is up to where the client knows everything now: what it said when it resumes, else
// nothing until the snapshot has come.
type hello struct {
	Type    string `json:"type"`
	Seq     uint64 `json:"seq"`
	Resumed bool   `json:"resumed"`
}

// snapshotFrame is one part of a snapshot. Seq is 0 in all parts but the last, so that a client that is cut off in
// between does not believe that it knows everything.
type snapshotFrame struct {
	Type          string            `json:"type"`
	Seq           uint64            `json:"seq"`
	Part          int               `json:"part"`
	Last          bool              `json:"last"`
	Me            *me               `json:"me,omitempty"`
	Agents        []Presence        `json:"agents,omitzero"` // for those who see all
	Conversations []rawConversation `json:"conversations"`
	Offers        []*Offer          `json:"offers"`
	Truncated     bool              `json:"truncated"`
}

type me struct {
	Agent    string        `json:"agent"`
	Presence core.Presence `json:"presence"`
	Load     int           `json:"load"`
	Capacity int           `json:"capacity"`
}

type rawConversation []byte

func (r rawConversation) MarshalJSON() ([]byte, error) { return r, nil }

// snapshot is what a viewer's live state is at one moment.
type snapshot struct {
	me        me
	agents    []Presence
	list      []*reading
	truncated bool
}

// readSnapshot reads a viewer's live state: what is theirs, what rings at them, what waits in their queues; for those
// who see all, everything that is not closed.
func readSnapshot(tx *store.Tx, setup *core.Setup, v *viewer) (*snapshot, error) {
	status, err := tx.AgentStatus(v.agent.ID)
	if err != nil {
		return nil, err
	}
	snap := &snapshot{me: me{
		Agent: v.agent.ID, Presence: status.Presence, Load: status.Load, Capacity: v.agent.Capacity,
	}}
	names, have := NewNames(tx, setup), make(map[core.ID]bool)
	add := func(c *core.Conversation) error {
		if have[c.ID] || !v.holds(c) {
			return nil
		}
		have[c.ID] = true
		r, err := newReading(tx, names, c)
		snap.list = append(snap.list, r)
		return err
	}
	take := func(page store.Page, err error) error {
		snap.truncated = snap.truncated || page.Next != ""
		for _, c := range page.Conversations {
			err = errors.Join(err, add(c))
		}
		return err
	}
	offered, err := tx.OfferedTo(v.agent.ID)
	err = errors.Join(err, take(store.Page{Conversations: offered}, err))
	err = errors.Join(err, take(tx.ConversationsOf(v.agent.ID, "", snapshotMost)))
	if v.all {
		err = errors.Join(err, take(tx.AllConversations("", snapshotMost)))
		statuses, failed := tx.AgentStatuses()
		err = errors.Join(err, failed)
		snap.agents = make([]Presence, 0, len(statuses))
		for _, s := range statuses {
			snap.agents = append(snap.agents, Presence{Agent: s.Agent, Presence: s.Presence, Load: s.Load})
		}
	} else {
		queues := make([]string, 0, len(v.queues))
		for q := range v.queues {
			queues = append(queues, q)
		}
		err = errors.Join(err, take(tx.WaitingIn(queues, "", snapshotMost)))
	}
	return snap, err
}

// frames writes a snapshot for the position before which it was read.
func (snap *snapshot) frames(seq uint64, agent string, stale map[core.ID]bool, rings func(*core.Offer) time.Duration) []snapshotFrame {
	offers := []*Offer{}
	bodies := make([]rawConversation, 0, len(snap.list))
	for _, r := range snap.list {
		if r.offer != nil && r.conversation.Offer.Agent == agent && !stale[r.id] {
			offers = append(offers, r.offer.For(rings))
		}
		bodies = append(bodies, rawConversation(r.body))
	}
	var list []snapshotFrame
	for part := 0; part == 0 || len(bodies) > 0; part++ {
		n := min(len(bodies), snapshotPart)
		f := snapshotFrame{
			Type: "snapshot", Part: part, Conversations: bodies[:n], Offers: []*Offer{}, Truncated: snap.truncated,
		}
		if part == 0 {
			f.Me, f.Agents, f.Offers = &snap.me, snap.agents, offers
		}
		bodies = bodies[n:]
		list = append(list, f)
	}
	last := &list[len(list)-1]
	last.Seq, last.Last = seq, true
	return list
}

// begin makes a snapshot for a socket: what the hub hands on from now on follows it.
func (h *Hub) begin(ctx context.Context, s *socket) ([]snapshotFrame, error) {
	h.mu.Lock()
	s.clear()
	clear(s.rings)
	v, seq := s.viewer, h.pos
	h.mu.Unlock()
	var snap *snapshot
	err := h.store.View(ctx, func(tx *store.Tx) (err error) {
		snap, err = readSnapshot(tx, h.setup(), v)
		return err
	})
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	stale, err := h.reconcile(s, snap.list)
	if err != nil {
		return nil, err
	}
	return snap.frames(seq, v.agent.ID, stale, h.rings), nil
}

// reconcile compares what was read for one socket with what the hub has pushed to it meanwhile. What the hub read
// earlier is dropped; the offers of what the hub read later are stale, and returned. h.mu is held.
//
// Of a socket that is ending nothing is known: what was pushed to it is gone. Its client may still be reached, but must
// not be told of an offer whose end the hub has passed already.
func (h *Hub) reconcile(s *socket, list []*reading) (stale map[core.ID]bool, err error) {
	stale = make(map[core.ID]bool)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.code != 0 {
		return nil, errEnding
	}
	s.floor = make(map[core.ID]uint64, len(list))
	for _, r := range list {
		c := r.conversation
		if c == nil {
			continue
		}
		key := slotKey{kind: slotConversation, id: string(r.id)}
		if pushed := s.slots[key]; pushed != nil {
			if pushed.version > c.Version {
				stale[r.id] = true
				continue
			}
			if pushed.version < c.Version {
				pushed.outdate()
			}
		}
		s.floor[r.id] = c.Version
		if r.offer != nil && c.Offer.Agent == s.viewer.agent.ID {
			s.rings[r.id] = ring{offer: c.Offer.ID, agent: c.Offer.Agent, version: c.Version}
			h.noteRing(r.id, s.rings[r.id])
		}
	}
	return stale, nil
}

// concern is what a replay found about one thing.
type concern struct {
	at   uint64 // position of the first event about it
	lost bool
}

// missed is what happened after a position, as far as a viewer is concerned.
type missed struct {
	conversations map[core.ID]*concern
	messages      map[slotKey]*concern
	contacts      map[core.ID]*concern
	agents        map[string]*concern
}

var errEnding = errors.New("live: the socket is ending")

var errTooOld = errors.New("live: the position is too old to resume from")

// resume makes what a client has missed since a position, in the order of the log; errTooOld when only a snapshot helps.
// One event may be told in several frames of its position, so the event at the position itself is told again.
func (h *Hub) resume(ctx context.Context, s *socket, since uint64) ([]*slot, error) {
	h.mu.Lock()
	s.clear()
	clear(s.rings)
	v, upTo := s.viewer, h.pos
	possible := since >= h.epoch && since > h.floor && since <= upTo && upTo-since <= replayMost
	h.mu.Unlock()
	if !possible {
		return nil, errTooOld
	}
	m, err := h.collect(ctx, v, since, upTo)
	if err != nil {
		return nil, err
	}
	var list []*slot
	var read []*reading
	err = h.store.View(ctx, func(tx *store.Tx) error {
		list, read, err = m.read(tx, h.setup(), v, since)
		return err
	})
	if err != nil {
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.viewer != v {
		return nil, errTooOld
	}
	stale, err := h.reconcile(s, read)
	if err != nil {
		return nil, err
	}
	kept := list[:0]
	for _, n := range list {
		if n.key.kind != slotOffer || !stale[n.conversation] {
			kept = append(kept, n)
		}
	}
	for _, e := range h.ended {
		if e.pos >= since && e.pos <= upTo && e.agent == v.agent.ID {
			kept = append(kept, endedSlot(e.pos, e.offer, e.conversation))
		}
	}
	sort.SliceStable(kept, func(i, j int) bool { return kept[i].seq < kept[j].seq })
	return kept, nil
}

// collect reads the log from one position to another and notes what concerned the viewer then.
func (h *Hub) collect(ctx context.Context, v *viewer, since, upTo uint64) (*missed, error) {
	m := &missed{
		conversations: make(map[core.ID]*concern), messages: make(map[slotKey]*concern),
		contacts: make(map[core.ID]*concern), agents: make(map[string]*concern),
	}
	for ev, err := range h.store.Tail(ctx, store.Pos(since-1)) {
		if errors.Is(err, store.ErrTrimmed) {
			return nil, errTooOld
		}
		if err != nil {
			return nil, err
		}
		if err := m.note(v, ev); err != nil {
			return nil, err
		}
		if uint64(ev.Pos) >= upTo {
			return m, nil
		}
	}
	return nil, errTooOld
}
