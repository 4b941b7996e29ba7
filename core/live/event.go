package live

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// conversationsPerContact bounds how many conversations of a contact are looked at when its name changes.
const conversationsPerContact = 50

// reading is what was read of one conversation, once for all sockets.
type reading struct {
	id           core.ID
	conversation *core.Conversation // nil when it no longer exists
	offer        *Offer
	body         []byte // of the summary
}

// handle hands one event to the sockets that it concerns. Whether it concerns nobody is decided, and it is handed on,
// in the same breath as h.pos moves past it: a socket that joins meanwhile either gets it or begins after it.
func (h *Hub) handle(ctx context.Context, ev store.Event) error {
	pos := uint64(ev.Pos)
	var err error
	switch string(ev.Topic) {
	case core.TopicConversation:
		err = h.conversationChanged(ctx, pos, ev.Value)
	case core.TopicMessage:
		err = h.messageChanged(ctx, pos, ev.Value)
	case core.TopicContact:
		err = h.contactChanged(ctx, pos, ev.Value)
	case core.TopicAgent:
		err = h.agentChanged(ctx, pos, ev.Value)
	default:
		h.tell(pos, func() {})
	}
	if err != nil {
		return fmt.Errorf("event %d (%s): %w", pos, ev.Topic, err)
	}
	return nil
}

// passes reports whether an event concerns nobody, and if so moves past it. A conversation of which an offer was told
// concerns us even when its agent is away: the offer's end must be remembered.
func (h *Hub) passes(pos uint64, conversation core.ID, concerned func(s *socket) bool) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.ringing[conversation]) > 0 {
		return false
	}
	for s := range h.sockets {
		if concerned(s) {
			return false
		}
	}
	h.pos = pos
	return true
}

// tell hands an event on and moves past it.
func (h *Hub) tell(pos uint64, hand func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	hand()
	h.pos = pos
}

// idle moves past an event without looking at it when nobody listens and nothing rings.
func (h *Hub) idle(pos uint64) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.sockets) > 0 || len(h.ringing) > 0 {
		return false
	}
	h.pos = pos
	return true
}

func (h *Hub) conversationChanged(ctx context.Context, pos uint64, value []byte) error {
	if h.idle(pos) {
		return nil
	}
	var e core.ConversationEvent
	if err := json.Unmarshal(value, &e); err != nil {
		return err
	}
	concerned := func(s *socket) bool {
		return s.viewer.in(e.After) || (e.Before != nil && s.viewer.in(*e.Before))
	}
	if h.passes(pos, e.Conversation, concerned) {
		return nil
	}
	var r *reading
	return h.readUnder(pos, func(setup *core.Setup) (err error) {
		r, err = h.read(ctx, setup, e.Conversation)
		return err
	}, func() {
		h.tellConversation(pos, r, e.Before, e.After)
		h.tellOffer(pos, r)
	})
}

// tellConversation pushes a conversation to whom it concerns. h.mu is held.
func (h *Hub) tellConversation(pos uint64, r *reading, before *core.Audience, after core.Audience) {
	for s := range h.sockets {
		saw := before != nil && s.viewer.in(*before)
		sees := s.viewer.in(after)
		if saw || sees {
			s.push(r.slot(pos, s.viewer, saw && !sees))
		}
	}
}

// slot makes the slot of a conversation for one viewer.
func (r *reading) slot(pos uint64, v *viewer, lost bool) *slot {
	n := &slot{key: slotKey{kind: slotConversation, id: string(r.id)}, seq: pos, lost: lost}
	c := r.conversation
	if c == nil {
		return n
	}
	n.version = c.Version
	n.shown = v.holds(c)
	n.closed = c.State == core.Closed && v.in(c.Audience())
	if n.shown || n.closed {
		n.body = r.body
	}
	return n
}

// tellOffer compares the offer of a conversation with the ones that were told. h.mu is held.
func (h *Hub) tellOffer(pos uint64, r *reading) {
	var now core.Offer
	version := ^uint64(0) // of a conversation that is gone
	if r.conversation != nil {
		version = r.conversation.Version
		if r.conversation.Offer != nil {
			now = *r.conversation.Offer
		}
	}
	h.settle(pos, r.id, now.ID, version)
	for s := range h.sockets {
		told := s.rings[r.id]
		if version < told.version {
			continue // a snapshot has told more than this reading knows; a later event brings the rest
		}
		if now.ID != "" && now.Agent == s.viewer.agent.ID && told.offer != now.ID {
			s.rings[r.id] = ring{offer: now.ID, agent: now.Agent, version: version}
			h.noteRing(r.id, s.rings[r.id])
			s.push(&slot{key: slotKey{kind: slotOffer, id: string(now.ID)}, seq: pos, offer: r.offer, conversation: r.id})
		}
	}
}

// settle tells which of a conversation's told offers have ended, and remembers it. Every socket of the agent is told:
// also one that has just come back may know the offer from before. h.mu is held.
func (h *Hub) settle(pos uint64, conversation, now core.ID, version uint64) {
	var left []ring
	for _, told := range h.ringing[conversation] {
		if told.offer == now || version < told.version {
			left = append(left, told)
			continue
		}
		if len(h.ended) >= endedKept {
			drop := len(h.ended) / 2
			h.floor = h.ended[drop-1].pos
			h.ended = append(h.ended[:0], h.ended[drop:]...)
		}
		h.ended = append(h.ended, endedOffer{pos: pos, offer: told.offer, conversation: conversation, agent: told.agent})
		for s := range h.sockets {
			if s.viewer.agent.ID == told.agent {
				s.push(endedSlot(pos, told.offer, conversation))
			}
			if s.rings[conversation].offer == told.offer {
				delete(s.rings, conversation)
			}
		}
	}
	if left == nil {
		delete(h.ringing, conversation)
	} else {
		h.ringing[conversation] = left
	}
}

// noteRing remembers that a socket was told of an offer, so that its end is told also to a client that is away then.
// h.mu is held.
func (h *Hub) noteRing(conversation core.ID, told ring) {
	for _, known := range h.ringing[conversation] {
		if known.offer == told.offer {
			return
		}
	}
	h.ringing[conversation] = append(h.ringing[conversation], told)
}

func endedSlot(pos uint64, offer, conversation core.ID) *slot {
	return &slot{key: slotKey{kind: slotOffer, id: string(offer)}, seq: pos, conversation: conversation}
}

func (h *Hub) messageChanged(ctx context.Context, pos uint64, value []byte) error {
	if h.idle(pos) {
		return nil
	}
	var e core.MessageEvent
	if err := json.Unmarshal(value, &e); err != nil {
		return err
	}
	concerned := func(s *socket) bool { return s.viewer.in(e.After) }
	if h.passes(pos, "", concerned) {
		return nil
	}
	var n *slot
	err := h.store.View(ctx, func(tx *store.Tx) (err error) {
		n, err = readMessage(tx, e.Conversation, e.Seq, pos)
		return err
	})
	if err != nil {
		return err
	}
	h.push(pos, n, concerned)
	return nil
}

// push hands one slot, or nothing, to the sockets that it concerns and moves past the event.
func (h *Hub) push(pos uint64, n *slot, concerned func(s *socket) bool) {
	h.tell(pos, func() {
		for s := range h.sockets {
			if n != nil && concerned(s) {
				s.push(n)
			}
		}
	})
}

// readMessage makes the slot of a message; nil when it no longer exists.
func readMessage(tx *store.Tx, conversation core.ID, seq, pos uint64) (*slot, error) {
	m, err := tx.Message(&core.Conversation{ID: conversation}, seq)
	if core.CodeOf(err) == core.NotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	key := slotKey{kind: slotMessage, id: string(conversation), seq: seq}
	return &slot{key: key, seq: pos, body: encode(ShowMessage(m))}, nil
}

// contactChanged tells anew the conversations that show the contact's name. A contact that has just been made is shown
// nowhere yet: whatever shows it first emits an event of its own.
func (h *Hub) contactChanged(ctx context.Context, pos uint64, value []byte) error {
	var e core.ContactEvent
	if err := json.Unmarshal(value, &e); err != nil {
		return err
	}
	if e.Version <= 1 || h.passes(pos, "", func(*socket) bool { return true }) {
		h.tell(pos, func() {})
		return nil
	}
	var list []*reading
	return h.readUnder(pos, func(setup *core.Setup) error {
		return h.store.View(ctx, func(tx *store.Tx) (err error) {
			list, err = readContact(tx, setup, e.Contact)
			return err
		})
	}, func() {
		for _, r := range list {
			h.tellConversation(pos, r, nil, r.conversation.Audience())
		}
	})
}

func readContact(tx *store.Tx, setup *core.Setup, contact core.ID) ([]*reading, error) {
	page, err := tx.ConversationsOfContact(contact, "", conversationsPerContact)
	if err != nil {
		return nil, err
	}
	names := NewNames(tx, setup)
	var list []*reading
	for _, c := range page.Conversations {
		if c.State == core.Closed {
			continue
		}
		r, err := newReading(tx, names, c)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, nil
}

func (h *Hub) agentChanged(ctx context.Context, pos uint64, value []byte) error {
	var e core.AgentEvent
	if err := json.Unmarshal(value, &e); err != nil {
		return err
	}
	concerned := func(s *socket) bool { return s.viewer.all || s.viewer.agent.ID == e.Agent }
	if h.passes(pos, "", concerned) {
		return nil
	}
	var n *slot
	err := h.store.View(ctx, func(tx *store.Tx) (err error) {
		n, err = readPresence(tx, e.Agent, pos)
		return err
	})
	if err != nil {
		return err
	}
	h.push(pos, n, concerned)
	return nil
}

func readPresence(tx *store.Tx, agent string, pos uint64) (*slot, error) {
	status, err := tx.AgentStatus(agent)
	if err != nil {
		return nil, err
	}
	body := encode(Presence{Agent: agent, Presence: status.Presence, Load: status.Load})
	return &slot{key: slotKey{kind: slotPresence, id: agent}, seq: pos, body: body}, nil
}

func (h *Hub) read(ctx context.Context, setup *core.Setup, id core.ID) (*reading, error) {
	var r *reading
	err := h.store.View(ctx, func(tx *store.Tx) (err error) {
		r, err = readConversation(tx, setup, id)
		return err
	})
	return r, err
}

func readConversation(tx *store.Tx, setup *core.Setup, id core.ID) (*reading, error) {
	c, err := tx.Conversation(id)
	if core.CodeOf(err) == core.NotFound {
		return &reading{id: id}, nil
	}
	if err != nil {
		return nil, err
	}
	return newReading(tx, NewNames(tx, setup), c)
}

func newReading(tx *store.Tx, names *Names, c *core.Conversation) (*reading, error) {
	summary, err := Summarize(c, names)
	if err != nil {
		return nil, err
	}
	offer, err := OfferOf(c, names)
	if err != nil {
		return nil, err
	}
	return &reading{id: c.ID, conversation: c, offer: offer, body: encode(summary)}, nil
}
