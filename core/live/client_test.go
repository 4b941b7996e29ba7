package live

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// state is what a browser knows, in a form that can be compared.
type state struct {
	Me            Presence
	Conversations map[core.ID]string
	Offers        map[core.ID]core.ID // offer → conversation
	Messages      map[string]string   // conversation and seq → message
	Agents        map[string]Presence
}

func newState() state {
	return state{
		Conversations: map[core.ID]string{}, Offers: map[core.ID]core.ID{}, Messages: map[string]string{},
		Agents: map[string]Presence{},
	}
}

// client is the reference implementation of a browser: what it does with each frame is all that the protocol asks.
type client struct {
	store *store.Store
	agent string
	all   bool

	mu      sync.Mutex
	seq     uint64
	fresh   bool
	state   state
	pending *state // a snapshot of which parts are missing
	cutIn   int    // frames until the connection breaks; -1 is never
	resumed int
	cancel  context.CancelFunc
	done    chan struct{}
	closed  chan struct{}
	once    *sync.Once
}

var errCut = errors.New("cut")

func (c *client) Read(ctx context.Context) ([]byte, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.closed:
		return nil, errCut
	}
}
func (c *client) Ping(context.Context) error { return nil }
func (c *client) Close(int, string)          { c.once.Do(func() { close(c.closed) }) }

type anyFrame struct {
	Type         string          `json:"type"`
	Seq          uint64          `json:"seq"`
	Last         bool            `json:"last"`
	Part         int             `json:"part"`
	Resumed      bool            `json:"resumed"`
	Me           *me             `json:"me"`
	Agents       []Presence      `json:"agents"`
	Conversation json.RawMessage `json:"conversation"`
	Message      json.RawMessage `json:"message"`
	Offer        json.RawMessage `json:"offer"`
	Agent        string          `json:"agent"`
	Presence     core.Presence   `json:"presence"`
	Load         int             `json:"load"`

	Conversations []json.RawMessage `json:"conversations"`
	Offers        []Offer           `json:"offers"`
}

func (c *client) Write(ctx context.Context, raw []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cutIn == 0 {
		return errCut
	}
	if c.cutIn > 0 {
		c.cutIn--
	}
	var f anyFrame
	if err := json.Unmarshal(raw, &f); err != nil {
		panic(fmt.Sprintf("malformed frame %s: %v", raw, err))
	}
	switch f.Type {
	case "hello":
		if f.Resumed {
			c.resumed++
		}
		return nil
	case "snapshot":
		c.snapshot(&f)
		return nil
	case "conversation":
		c.hold(&c.state, f.Conversation)
	case "removed":
		c.drop(core.ID(text(f.Conversation)))
	case "message":
		id := core.ID(text(f.Conversation))
		if _, held := c.state.Conversations[id]; held {
			var m Message
			must(json.Unmarshal(f.Message, &m))
			c.state.Messages[place(id, m.Seq)] = string(f.Message)
		}
	case "offer":
		var o Offer
		must(json.Unmarshal(f.Offer, &o))
		c.state.Offers[o.ID] = o.Conversation
	case "offer-ended":
		delete(c.state.Offers, core.ID(text(f.Offer)))
	case "presence":
		p := Presence{Agent: f.Agent, Presence: f.Presence, Load: f.Load}
		if f.Agent == c.agent {
			c.state.Me = p
		}
		if c.all {
			c.state.Agents[f.Agent] = p
		}
	case "ping":
		return nil
	default:
		panic("unknown frame " + f.Type)
	}
	if f.Seq < c.seq {
		panic(fmt.Sprintf("position went back from %d to %d", c.seq, f.Seq))
	}
	c.seq, c.fresh = f.Seq, false
	return nil
}

func (c *client) snapshot(f *anyFrame) {
	if f.Part == 0 {
		s := newState()
		c.pending = &s
		s.Me = Presence{Agent: c.agent, Presence: f.Me.Presence, Load: f.Me.Load}
		c.pending.Me = s.Me
		for _, p := range f.Agents {
			c.pending.Agents[p.Agent] = p
		}
		for _, o := range f.Offers {
			c.pending.Offers[o.ID] = o.Conversation
		}
		c.all = f.Agents != nil
	}
	for _, raw := range f.Conversations {
		c.hold(c.pending, raw)
	}
	if f.Last {
		c.state, c.pending, c.seq, c.fresh = *c.pending, nil, f.Seq, false
	}
}

// hold takes a conversation in; one that was not held has its messages fetched, as a browser does when it opens one.
func (c *client) hold(s *state, raw json.RawMessage) {
	var summary Summary
	must(json.Unmarshal(raw, &summary))
	_, held := s.Conversations[summary.ID]
	s.Conversations[summary.ID] = string(raw)
	if !held {
		for k, v := range messagesOf(c.store, summary.ID) {
			s.Messages[k] = v
		}
	}
}

func (c *client) drop(id core.ID) {
	delete(c.state.Conversations, id)
	for k := range c.state.Messages {
		if k[:26] == string(id) {
			delete(c.state.Messages, k)
		}
	}
}

func messagesOf(s *store.Store, id core.ID) map[string]string {
	m := map[string]string{}
	must(s.View(context.Background(), func(tx *store.Tx) error {
		list, err := tx.Messages(id, 0, 1000)
		for _, msg := range list {
			m[place(id, msg.Seq)] = string(encode(ShowMessage(msg)))
		}
		return err
	}))
	return m
}

func place(id core.ID, seq uint64) string { return fmt.Sprintf("%s %d", id, seq) }

func text(raw json.RawMessage) string {
	var s string
	must(json.Unmarshal(raw, &s))
	return s
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}
