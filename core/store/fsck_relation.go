package store

import (
	"encoding/hex"
	"errors"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// relations checks what must hold between a record and others.
func (c *checker) relations(kind string, k, body []byte) error {
	if k[0] == familyConversation && kind != "conversation" && !c.inside(k) {
		c.found(Dangling, k, "a %s belongs to conversation %s, which does not exist", kind, idAt(k, 1))
		return nil
	}
	switch kind {
	case "conversation":
		return relate(body, func(v *core.Conversation) error { return c.conversation(k, v) })
	case "message":
		return relate(body, func(v *core.Message) error { return c.message(k, v) })
	case "session":
		c.now.sessions++
		return relate(body, func(v *core.Session) error {
			if v.Number != c.now.sessions {
				c.found(SessionGap, k, "conversation %s has session %d where session %d is expected", v.Conversation, v.Number, c.now.sessions)
				c.now.sessions = v.Number
			}
			return nil
		})
	case "identity":
		return relate(body, func(v *core.Identity) error {
			return c.exists(k, newKey(familyContact).id(v.Contact), "an identity belongs to contact "+string(v.Contact))
		})
	case "contact":
		return relate(body, func(v *core.Contact) error {
			if v.MergedInto == "" {
				return nil
			}
			return c.exists(k, newKey(familyContact).id(v.MergedInto), "a contact was merged into "+string(v.MergedInto))
		})
	case "agent":
		return relate(body, func(v *core.AgentStatus) error {
			c.stored[v.Agent] = v.Load
			return nil
		})
	case "outbox":
		return relate(body, func(v *core.OutboxEntry) error { return c.outbox(k, v) })
	case "fetch":
		return relate(body, func(v *core.FetchJob) error { return c.fetch(k, v) })
	case "timer":
		return relate(body, func(v *core.Timer) error { return c.timer(k, v) })
	case "route":
		return c.exists(k, conversationKey(idAt(k, 1)), "the router is to look at conversation "+string(idAt(k, 1)))
	case "blob":
		return c.content(k, hex.EncodeToString(k[2:]), parseGuard(body))
	}
	return nil
}

// relate decodes a record that has been read before.
func relate[T any](body []byte, check func(*T) error) error {
	v := new(T)
	if _, err := decode(body, v); err != nil {
		return err
	}
	return check(v)
}

// inside reports whether k lies in the conversation that the walk has come to.
func (c *checker) inside(k []byte) bool {
	return c.now.conversation != nil && c.now.conversation.ID == idAt(k, 1)
}

func (c *checker) present(k key) (bool, error) {
	_, err := c.tx.kv.Get(k)
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

func (c *checker) exists(k []byte, other key, text string) error {
	ok, err := c.present(other)
	if err == nil && !ok {
		c.found(Dangling, k, "%s, which does not exist", text)
	}
	return err
}

func (c *checker) conversation(k []byte, v *core.Conversation) error {
	c.leaveConversation()
	c.now = place{conversation: v}
	agent, units := loadOf(v)
	switch {
	case agent != "":
		c.load[agent] += units
	case v.Units != 0:
		c.found(LoadWrong, k, "conversation %s takes %d units of nobody", v.ID, v.Units)
	}
	if err := c.exists(k, newKey(familyContact).id(v.Contact), "conversation "+string(v.ID)+" is with contact "+string(v.Contact)); err != nil {
		return err
	}
	marked, err := c.present(newKey(familyRoute).id(v.ID))
	if err != nil {
		return err
	}
	var held bool
	switch v.State {
	case core.Open:
		held = v.Queue != "" || v.Offer != nil || marked
	case core.Active:
		held = v.Assignee != ""
	case core.Waiting:
		held = v.Former != "" || v.Assignee != "" || v.Queue != "" || marked
	case core.WrappingUp, core.Closed:
		held = true
	}
	if !held {
		c.found(Orphan, k, "conversation %s is %s with no agent, in no queue, and nothing will route it", v.ID, v.State)
	}
	return nil
}

// leaveConversation checks what is known once all parts of a conversation were seen.
func (c *checker) leaveConversation() {
	v := c.now.conversation
	if v == nil {
		return
	}
	if c.now.seq != v.LastSeq {
		c.found(MessageGap, conversationKey(v.ID), "conversation %s ends with message %d and has messages up to %d", v.ID, v.LastSeq, c.now.seq)
	}
	if c.now.sessions != v.Sessions {
		c.found(SessionGap, conversationKey(v.ID), "conversation %s ends with session %d and has sessions up to %d", v.ID, v.Sessions, c.now.sessions)
	}
	c.now = place{}
}

func (c *checker) message(k []byte, m *core.Message) error {
	c.now.seq++
	if m.Seq != c.now.seq {
		c.found(MessageGap, k, "conversation %s has message %d where message %d is expected", m.Conversation, m.Seq, c.now.seq)
		c.now.seq = m.Seq
	}
	if m.State == core.Queued {
		e, err := c.tx.OutboxEntry(m.Conversation, m.Seq)
		if err != nil {
			return err
		}
		if e == nil || !unsettled(e) {
			c.found(OutboxWrong, k, "message %d of conversation %s is queued and nothing will send it", m.Seq, m.Conversation)
		}
	}
	for _, a := range m.Attachments {
		if a.State != core.Fetching {
			continue
		}
		ok, err := c.present(fetchKey(m.Conversation, m.Seq, a.ID))
		if err != nil {
			return err
		}
		if !ok {
			c.found(FetchWrong, k, "attachment %s of message %d of conversation %s waits and nothing will fetch it", a.ID, m.Seq, m.Conversation)
		}
	}
	return nil
}

// messageAt reads the message at a place; nil when there is none.
func (c *checker) messageAt(conversation core.ID, seq uint64) (*core.Message, error) {
	return get[core.Message](c.tx, messageKey(conversation, seq))
}

func (c *checker) outbox(k []byte, e *core.OutboxEntry) error {
	m, err := c.messageAt(e.Conversation, e.Seq)
	switch {
	case err != nil:
		return err
	case m == nil:
		c.found(OutboxWrong, k, "the outbox sends message %d of conversation %s, which does not exist", e.Seq, e.Conversation)
	case m.State == core.Received:
		c.found(OutboxWrong, k, "the outbox sends message %d of conversation %s, which came in or is internal", e.Seq, e.Conversation)
	}
	return nil
}

func (c *checker) fetch(k []byte, j *core.FetchJob) error {
	m, err := c.messageAt(j.Conversation, j.Seq)
	if err != nil {
		return err
	}
	if m != nil {
		for _, a := range m.Attachments {
			if a.ID == j.Attachment && a.State == core.Fetching {
				return nil
			}
		}
	}
	c.found(FetchWrong, k, "attachment %s of message %d of conversation %s is to be fetched and does not wait", j.Attachment, j.Seq, j.Conversation)
	return nil
}

func (c *checker) timer(k []byte, t *core.Timer) error {
	var other key
	of := t.Ref
	switch t.Kind {
	case core.TimerPresence:
		other = newKey(familyAgent).name(of)
	case core.TimerAsk:
		of = string(t.Conversation)
		other = outboxKey(t.Conversation, t.Version)
	default:
		other = conversationKey(core.ID(of))
	}
	ok, err := c.present(other)
	if err == nil && !ok {
		c.found(TimerStray, k, "a timer is set for %q, which does not exist", of)
	}
	return err
}

func (c *checker) content(k []byte, hash string, g guard) error {
	used, err := c.tx.referenced(hash)
	if err != nil {
		return err
	}
	if (g.state == contentReferenced) != used {
		c.guard(k, hash, "the guard of content "+hash+" does not say whether something refers to it")
	}
	if !used || c.has == nil {
		return nil
	}
	ok, err := c.has(hash)
	if err == nil && !ok {
		c.found(BlobMissing, k, "the content %s has no file", hash)
	}
	return err
}
