package live

import (
	"context"
	"slices"

	"github.com/guichet/guichet/core"
)

// This is the second path: typing and viewers. Nothing of it is kept, numbered or resumed.

type typingFrame struct {
	Type         string  `json:"type"`
	Conversation core.ID `json:"conversation"`
	From         Author  `json:"from"`
}

type viewersFrame struct {
	Type         string   `json:"type"`
	Conversation core.ID  `json:"conversation"`
	Agents       []string `json:"agents"` // sorted
}

// typing passes on that a person writes, to colleagues and to the customer.
func (h *Hub) typing(ctx context.Context, s *socket, conversation string) {
	r, v := h.sighted(ctx, s, conversation)
	if r == nil {
		return
	}
	from := Author{Kind: core.FromAgent, ID: v.agent.ID, Name: v.agent.Name}
	h.tellTyping(r, from, v.agent.ID)
	if h.typed != nil {
		h.typed(ctx, v.agent, r.ID)
	}
}

// CustomerTyping tells the agents concerned that the customer is writing.
func (h *Hub) CustomerTyping(ctx context.Context, conversation core.ID) {
	r, err := h.read(ctx, h.setup(), conversation)
	if err != nil || r.conversation == nil {
		return
	}
	h.tellTyping(r.conversation, Author{Kind: core.FromCustomer, ID: string(r.conversation.Contact)}, "")
}

func (h *Hub) tellTyping(c *core.Conversation, from Author, except string) {
	body := encode(typingFrame{Type: "typing", Conversation: c.ID, From: from})
	n := &slot{key: slotKey{kind: slotTyping, id: string(c.ID) + " " + from.ID}, body: body}
	audience := c.Audience()
	h.mu.Lock()
	defer h.mu.Unlock()
	for s := range h.sockets {
		// Those who see everything are told only of what they look at.
		if s.viewer.agent.ID == except || !s.viewer.in(audience) || (s.viewer.all && s.viewing != c.ID && c.Assignee != s.viewer.agent.ID) {
			continue
		}
		s.push(n)
	}
}

// view notes which conversation a person looks at; "" is none.
func (h *Hub) view(ctx context.Context, s *socket, conversation string) {
	var now core.ID
	if conversation != "" {
		c, _ := h.sighted(ctx, s, conversation)
		if c == nil {
			return
		}
		now = c.ID
	}
	h.mu.Lock()
	was := s.viewing
	s.viewing = now
	h.mu.Unlock()
	if was == now {
		return
	}
	for _, id := range []core.ID{was, now} {
		if id != "" {
			h.showViewers(id)
		}
	}
}

// showViewers tells everyone who looks at a conversation who else does.
func (h *Hub) showViewers(conversation core.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	agents := []string{}
	for s := range h.sockets {
		if s.viewing == conversation && !slices.Contains(agents, s.viewer.agent.ID) {
			agents = append(agents, s.viewer.agent.ID)
		}
	}
	slices.Sort(agents)
	n := &slot{
		key:  slotKey{kind: slotViewers, id: string(conversation)},
		body: encode(viewersFrame{Type: "viewers", Conversation: conversation, Agents: agents}),
	}
	for s := range h.sockets {
		if s.viewing == conversation {
			s.push(n)
		}
	}
}

// sighted reads a conversation that the socket's person may see; nil when there is none.
func (h *Hub) sighted(ctx context.Context, s *socket, conversation string) (*core.Conversation, *viewer) {
	id, err := core.ParseID(conversation)
	if err != nil {
		return nil, nil
	}
	r, err := h.read(ctx, h.setup(), id)
	if err != nil || r.conversation == nil {
		return nil, nil
	}
	h.mu.Lock()
	v := s.viewer
	h.mu.Unlock()
	if !v.in(r.conversation.Audience()) {
		return nil, nil
	}
	return r.conversation, v
}
