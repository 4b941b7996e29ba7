package live

import (
	"encoding/json"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// note takes down one event of the past, by the audience it had then.
func (m *missed) note(v *viewer, ev store.Event) error {
	pos := uint64(ev.Pos)
	switch string(ev.Topic) {
	case core.TopicConversation:
		var e core.ConversationEvent
		if err := json.Unmarshal(ev.Value, &e); err != nil {
			return err
		}
		saw, sees := e.Before != nil && v.in(*e.Before), v.in(e.After)
		if saw || sees {
			c := first(m.conversations, e.Conversation, pos)
			c.lost = c.lost || !sees
		}
	case core.TopicMessage:
		var e core.MessageEvent
		if err := json.Unmarshal(ev.Value, &e); err != nil {
			return err
		}
		if v.in(e.After) {
			first(m.messages, slotKey{kind: slotMessage, id: string(e.Conversation), seq: e.Seq}, pos)
		}
	case core.TopicContact:
		var e core.ContactEvent
		if err := json.Unmarshal(ev.Value, &e); err != nil {
			return err
		}
		if e.Version > 1 {
			first(m.contacts, e.Contact, pos)
		}
	case core.TopicAgent:
		var e core.AgentEvent
		if err := json.Unmarshal(ev.Value, &e); err != nil {
			return err
		}
		if v.all || v.agent.ID == e.Agent {
			first(m.agents, e.Agent, pos)
		}
	}
	return nil
}

func first[K comparable](of map[K]*concern, key K, pos uint64) *concern {
	c := of[key]
	if c == nil {
		c = &concern{at: pos}
		of[key] = c
	}
	return c
}

// read turns what was missed into slots with what the records say now. Offers that ring are told again: which of them
// the client knows already cannot be told from the log.
func (m *missed) read(tx *store.Tx, setup *core.Setup, v *viewer, since uint64) (list []*slot, read []*reading, err error) {
	tell := func(r *reading, c *concern) {
		list = append(list, r.slot(c.at, v, c.lost))
		read = append(read, r)
	}
	for id, c := range m.conversations {
		r, err := readConversation(tx, setup, id)
		if err != nil {
			return nil, nil, err
		}
		tell(r, c)
	}
	for id, c := range m.contacts {
		others, err := readContact(tx, setup, id)
		if err != nil {
			return nil, nil, err
		}
		for _, r := range others {
			if m.conversations[r.id] == nil && v.in(r.conversation.Audience()) {
				tell(r, c)
			}
		}
	}
	for key, c := range m.messages {
		n, err := readMessage(tx, core.ID(key.id), key.seq, c.at)
		if err != nil {
			return nil, nil, err
		}
		if n != nil {
			list = append(list, n)
		}
	}
	for agent, c := range m.agents {
		n, err := readPresence(tx, agent, c.at)
		if err != nil {
			return nil, nil, err
		}
		list = append(list, n)
	}
	offered, err := tx.OfferedTo(v.agent.ID)
	if err != nil {
		return nil, nil, err
	}
	names := NewNames(tx, setup)
	for _, c := range offered {
		r, err := newReading(tx, names, c)
		if err != nil {
			return nil, nil, err
		}
		read = append(read, r)
		list = append(list, &slot{
			key: slotKey{kind: slotOffer, id: string(c.Offer.ID)}, seq: since, offer: r.offer, conversation: c.ID,
		})
	}
	return list, read, nil
}
