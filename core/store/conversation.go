package store

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// Conversation reads a conversation; a NotFound error when there is none.
func (tx *Tx) Conversation(id core.ID) (*core.Conversation, error) {
	k := conversationKey(id)
	c, err := get[core.Conversation](tx, k)
	if err != nil {
		return nil, err
	}
	if c == nil {
		return nil, missing("conversation", id)
	}
	if !tx.view {
		audience := c.Audience()
		agent, units := loadOf(c)
		tx.remember(k, indexed{keys: conversationIndex(c), agent: agent, units: units, audience: &audience, place: c.Place()})
	}
	return c, nil
}

// PutConversation writes a conversation that is new or was read in this transaction: its version grows, its indexes and
// the load of the agents concerned follow, and the change is emitted. route leaves a mark for the router (false leaves
// an existing mark alone).
func (tx *Tx) PutConversation(c *core.Conversation, route bool) {
	k := conversationKey(c.ID)
	was := tx.was[string(k)]
	if c.Version > 0 && was.keys == nil {
		tx.fail(errNotRead("conversation", c.ID))
		return
	}
	c.Version++
	c.UpdatedAt = tx.Now()
	put(tx, k, c)
	keys := conversationIndex(c)
	tx.reindex(was.keys, keys)
	agent, units := loadOf(c)
	tx.moveLoad(was.agent, was.units, agent, units)
	if route {
		tx.kv.Set(newKey(familyRoute).id(c.ID), nil)
	}
	audience, place := c.Audience(), c.Place()
	event := &core.ConversationEvent{
		Conversation: c.ID, Version: c.Version, State: c.State, Before: was.audience, After: audience, Route: route,
	}
	if place != was.place {
		event.Place = &place
	}
	tx.emit(core.TopicConversation, event)
	before := audience
	if was.audience != nil {
		before = *was.audience
	}
	tx.remember(k, indexed{keys: keys, agent: agent, units: units, audience: &before, place: place})
}

func errNotRead(kind string, id any) error {
	return core.Errorf(core.Internal, "%s %v was written without being read in the same transaction", kind, id)
}

// loadOf says whose capacity a conversation takes, and how much.
func loadOf(c *core.Conversation) (agent string, units int) {
	switch {
	case c.Units == 0:
		return "", 0
	case c.Offer != nil:
		return c.Offer.Agent, c.Units
	default:
		return c.Assignee, c.Units
	}
}

// conversationIndex returns every index entry of a conversation.
func conversationIndex(c *core.Conversation) map[string]string {
	m := make(map[string]string, 8)
	set := func(k key, v string) { m[string(k)] = v }
	id := c.ID.Bytes()
	set(newKey(familyList, listContact).id(c.Contact).down(c.CreatedAt).id(c.ID), "")
	set(threadListPrefix(c.Account, c.Thread).down(c.CreatedAt).id(c.ID), "")
	if c.State == core.Closed {
		set(newKey(familyList, listClosed).down(c.ClosedAt).id(c.ID), "")
		if c.Former != "" {
			set(newKey(familyList, listHandled).name(c.Former).down(c.ClosedAt).id(c.ID), "")
		}
		return m
	}
	set(newKey(familyList, listAll).down(c.LastActivity).id(c.ID), "")
	place := c.Place()
	if place.Agent != "" {
		set(newKey(familyList, listMine).name(place.Agent).down(c.LastActivity).id(c.ID), "")
	}
	if place.Queue != "" {
		set(newKey(familyList, listQueue).name(place.Queue).time(c.QueuedSince).id(c.ID), "")
	}
	if c.Offer != nil {
		set(newKey(familyList, listOffered).name(c.Offer.Agent).id(c.ID), "")
		set(newKey(familyOffer).id(c.Offer.ID), string(id[:]))
	}
	if !c.Ended() {
		set(newKey(familyThread).hash(threadHash(c.Account, c.Channel, c.Thread)), string(id[:]))
	}
	return m
}

func threadHash(account, channel string, t core.Thread) [16]byte {
	return hash16(account, channel, t.Kind, t.ID)
}

// OngoingConversation finds the conversation of a thread that has not ended; nil when the next message starts a new one.
func (tx *Tx) OngoingConversation(account, channel string, thread core.Thread) (*core.Conversation, error) {
	raw, err := tx.kv.Get(newKey(familyThread).hash(threadHash(account, channel, thread)))
	if err == kv.ErrNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return tx.Conversation(idAt(raw, 0))
}

// ConversationByOffer finds the conversation that an offer proposes; a NotFound error once it no longer rings.
func (tx *Tx) ConversationByOffer(offer core.ID) (*core.Conversation, error) {
	raw, err := tx.kv.Get(newKey(familyOffer).id(offer))
	if err == kv.ErrNotFound {
		return nil, core.Errorf(core.NotFound, "the offer %s is over", offer)
	}
	if err != nil {
		return nil, err
	}
	return tx.Conversation(idAt(raw, 0))
}

// OfferedTo returns the conversations that ring at an agent.
func (tx *Tx) OfferedTo(agent string) ([]*core.Conversation, error) {
	prefix := newKey(familyList, listOffered).name(agent)
	var list []*core.Conversation
	for p, err := range tx.kv.Scan(keysOf(prefix)) {
		if err != nil {
			return nil, err
		}
		c, err := tx.Conversation(idAt(p.Key, len(prefix)))
		if err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}

// RouteMarks returns the conversations that the router has to look at, at most limit.
func (tx *Tx) RouteMarks(limit int) ([]core.ID, error) {
	r := keysOf(newKey(familyRoute))
	r.Limit = limit
	var ids []core.ID
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			return nil, err
		}
		ids = append(ids, idAt(p.Key, 1))
	}
	return ids, nil
}

// HasRouteMark reports whether the router has to look at a conversation.
func (tx *Tx) HasRouteMark(id core.ID) (bool, error) {
	_, err := tx.kv.Get(newKey(familyRoute).id(id))
	if err == kv.ErrNotFound {
		return false, nil
	}
	return err == nil, err
}

// ClearRouteMark says that the router has looked.
func (tx *Tx) ClearRouteMark(id core.ID) { tx.kv.Delete(newKey(familyRoute).id(id)) }

func sessionKey(conversation core.ID, number int) key {
	return newKey(familyConversation).id(conversation).byte(partSession).uint32(uint32(number))
}

// PutSession writes a session of a conversation.
func (tx *Tx) PutSession(s *core.Session) { put(tx, sessionKey(s.Conversation, s.Number), s) }

// Session reads one session; a NotFound error when there is none.
func (tx *Tx) Session(conversation core.ID, number int) (*core.Session, error) {
	s, err := get[core.Session](tx, sessionKey(conversation, number))
	if err == nil && s == nil {
		err = missing("session", number)
	}
	return s, err
}

// Sessions returns the sessions of a conversation, oldest first.
func (tx *Tx) Sessions(conversation core.ID) ([]*core.Session, error) {
	return all[core.Session](tx, kv.Prefix(newKey(familyConversation).id(conversation).byte(partSession)))
}

// AddTrace appends an entry to a conversation's routing trace: behind those of the same millisecond.
func (tx *Tx) AddTrace(conversation core.ID, entry *core.TraceEntry) {
	for n := 0; ; n++ {
		k := traceKey(conversation, entry.At, n)
		_, err := tx.kv.Get(k)
		if err == kv.ErrNotFound {
			put(tx, k, entry)
			return
		}
		if err != nil {
			tx.fail(err)
			return
		}
	}
}

func traceKey(conversation core.ID, at time.Time, n int) key {
	return newKey(familyConversation).id(conversation).byte(partTrace).time(at).uint16(uint16(n))
}

// Trace returns a conversation's routing trace, oldest first.
func (tx *Tx) Trace(conversation core.ID) ([]*core.TraceEntry, error) {
	return all[core.TraceEntry](tx, kv.Prefix(newKey(familyConversation).id(conversation).byte(partTrace)))
}

// AddRaw keeps an event as the provider sent it, beside its conversation, and the blob it may lie in.
func (tx *Tx) AddRaw(conversation core.ID, raw *core.RawEvent) {
	put(tx, rawKey(conversation, raw), raw)
	tx.reindex(nil, rawIndex(conversation, raw))
}

func rawKey(conversation core.ID, raw *core.RawEvent) key {
	return newKey(familyConversation).id(conversation).byte(partRaw).time(raw.ReceivedAt).hash(hash16(string(raw.Kind), raw.ID))
}

func rawIndex(conversation core.ID, raw *core.RawEvent) map[string]string {
	if raw.Blob == "" {
		return nil
	}
	return entries(append(referencePrefix(raw.Blob).byte(referenceRaw).id(conversation), rawKey(conversation, raw)[18:]...))
}

func keysOf(prefix []byte) kv.Range {
	r := kv.Prefix(prefix)
	r.KeysOnly = true
	return r
}

// Signal tells, once this transaction is durable, what the customer's channel may pass on.
func (tx *Tx) Signal(e *core.SignalEvent) { tx.emit(core.TopicSignal, e) }

// emit appends an event to the log.
func (tx *Tx) emit(topic string, v any) {
	raw, err := json.Marshal(v)
	if err != nil {
		tx.fail(err)
		return
	}
	tx.kv.Emit([]byte(topic), raw)
}

// AddAccountRaw keeps an event that belongs to no conversation.
func (tx *Tx) AddAccountRaw(account string, raw *core.RawEvent) {
	put(tx, accountRawKey(account, raw), raw)
	tx.reindex(nil, accountRawIndex(account, raw))
}

func accountRawKey(account string, raw *core.RawEvent) key {
	return newKey(familyAccountRaw).name(account).time(raw.ReceivedAt).hash(hash16(string(raw.Kind), raw.ID))
}

func accountRawIndex(account string, raw *core.RawEvent) map[string]string {
	if raw.Blob == "" {
		return nil
	}
	return entries(append(referencePrefix(raw.Blob).byte(referenceAccountRaw), accountRawKey(account, raw)[1:]...))
}

// AccountRaw returns the events of an account that belong to no conversation, oldest first.
func (tx *Tx) AccountRaw(account string, limit int) ([]*core.RawEvent, error) {
	r := kv.Prefix(newKey(familyAccountRaw).name(account))
	r.Limit = limit
	return all[core.RawEvent](tx, r)
}

// RawEvents returns the events of a conversation as the provider sent them, oldest first.
func (tx *Tx) RawEvents(conversation core.ID) ([]*core.RawEvent, error) {
	return all[core.RawEvent](tx, kv.Prefix(newKey(familyConversation).id(conversation).byte(partRaw)))
}

// rawWindow is how long before its message an event may have come in, and rawLimit how many events are looked at.
const (
	rawWindow = 10 * time.Minute
	rawLimit  = 1000
)

// ForgetRaw removes what providers sent about a message that its author took back: the events, from shortly before the
// message was stored on, that name it. One that lies in a blob is not searched; it goes when it came with the message.
func (tx *Tx) ForgetRaw(conversation core.ID, external string, created time.Time) error {
	prefix := newKey(familyConversation).id(conversation).byte(partRaw)
	r := kv.Prefix(prefix)
	r.Start, r.Limit = append(newKey(prefix...), newKey().time(created.Add(-rawWindow))...), rawLimit
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			return err
		}
		raw, err := read[core.RawEvent](tx, p.Key, p.Value)
		if err != nil {
			return err
		}
		if strings.Contains(raw.Body, external) || raw.Blob != "" && !raw.ReceivedAt.After(created) {
			tx.drop(p.Key)
			tx.reindex(rawIndex(conversation, raw), nil)
		}
	}
	return nil
}
