package store

import (
	"encoding/base64"
	"iter"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// Page is part of a list, and where it goes on ("" at the end).
type Page struct {
	Conversations []*core.Conversation
	Next          string
}

// AllConversations lists what is not closed, the last activity first.
func (tx *Tx) AllConversations(cursor string, limit int) (Page, error) {
	return tx.page(newKey(familyList, listAll), cursor, limit)
}

// ConversationsOf lists what an agent has, the last activity first.
func (tx *Tx) ConversationsOf(agent, cursor string, limit int) (Page, error) {
	return tx.page(newKey(familyList, listMine).name(agent), cursor, limit)
}

// ClosedConversations lists what is closed, the last first; of one agent unless agent is "".
func (tx *Tx) ClosedConversations(agent, cursor string, limit int) (Page, error) {
	if agent == "" {
		return tx.page(newKey(familyList, listClosed), cursor, limit)
	}
	return tx.page(newKey(familyList, listHandled).name(agent), cursor, limit)
}

// ConversationsOfContact lists a contact's conversations, the newest first, with those of the contacts merged into it.
func (tx *Tx) ConversationsOfContact(contact core.ID, cursor string, limit int) (Page, error) {
	aliases, err := tx.Aliases(contact)
	if err != nil {
		return Page{}, err
	}
	prefixes := make([]key, len(aliases))
	for n, id := range aliases {
		prefixes[n] = newKey(familyList, listContact).id(id)
	}
	return tx.pageOf(prefixes, cursor, limit)
}

// ConversationsUnder lists the conversations that name a contact, the newest first, without those of its aliases.
func (tx *Tx) ConversationsUnder(contact core.ID, cursor string, limit int) (Page, error) {
	return tx.page(newKey(familyList, listContact).id(contact), cursor, limit)
}

// WaitingIn lists what waits in the queues, the longest waiting first.
func (tx *Tx) WaitingIn(queues []string, cursor string, limit int) (Page, error) {
	prefixes := make([]key, len(queues))
	for i, q := range queues {
		prefixes[i] = newKey(familyList, listQueue).name(q)
	}
	return tx.pageOf(prefixes, cursor, limit)
}

// OpenConversations yields every open conversation: those in a queue, then those that the router has yet to look at.
// One may come twice.
func (tx *Tx) OpenConversations() iter.Seq2[*core.Conversation, error] {
	return func(yield func(*core.Conversation, error) bool) {
		for _, prefix := range []key{newKey(familyList, listQueue), newKey(familyRoute)} {
			for p, err := range tx.kv.Scan(keysOf(prefix)) {
				var c *core.Conversation
				if err == nil {
					c, err = tx.Conversation(idAt(p.Key, len(p.Key)-16))
				}
				if core.CodeOf(err) == core.NotFound {
					continue // erased
				}
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
	}
}

// Places returns where every conversation that is not closed is listed.
func (tx *Tx) Places() (map[core.ID]core.Place, error) {
	places := make(map[core.ID]core.Place)
	for _, list := range []byte{listAll, listMine, listQueue} {
		for p, err := range tx.kv.Scan(keysOf(newKey(familyList, list))) {
			if err != nil {
				return nil, err
			}
			id := idAt(p.Key, len(p.Key)-16)
			place := places[id]
			switch list {
			case listAll:
				place.Open = true
			case listMine:
				place.Agent = nameAt(p.Key, 2)
			case listQueue:
				place.Queue = nameAt(p.Key, 2)
			}
			places[id] = place
		}
	}
	return places, nil
}

// CountWaiting counts what waits in a queue, up to limit.
func (tx *Tx) CountWaiting(queue string, limit int) (int, error) {
	r := keysOf(newKey(familyList, listQueue).name(queue))
	r.Limit = limit
	n := 0
	for _, err := range tx.kv.Scan(r) {
		if err != nil {
			return 0, err
		}
		n++
	}
	return n, nil
}

func (tx *Tx) page(prefix key, cursor string, limit int) (Page, error) {
	return tx.pageOf([]key{prefix}, cursor, limit)
}

// pageOf merges lists whose entries are ordered by time and id: the page is the head of the merge. One more than the
// page is looked at, to know whether it goes on.
func (tx *Tx) pageOf(prefixes []key, cursor string, limit int) (Page, error) {
	after, err := decodeCursor(cursor)
	if err != nil {
		return Page{}, err
	}
	var merged [][]byte
	for _, prefix := range prefixes {
		r := keysOf(prefix)
		if after != nil {
			r.Start = append(append(append([]byte(nil), prefix...), after...), 0)
		}
		r.Limit = limit + 1
		var own [][]byte
		for p, err := range tx.kv.Scan(r) {
			if err != nil {
				return Page{}, err
			}
			own = append(own, p.Key[len(prefix):])
		}
		if merged == nil {
			merged = own
		} else {
			merged = mergeSorted(merged, own, limit+1)
		}
	}
	return tx.load(merged, limit)
}

// load reads the conversations of a page; places are the last 24 bytes of index keys: time and id.
func (tx *Tx) load(places [][]byte, limit int) (Page, error) {
	var page Page
	if len(places) > limit {
		places = places[:limit]
		page.Next = base64.RawURLEncoding.EncodeToString(places[limit-1])
	}
	for _, p := range places {
		c, err := tx.Conversation(idAt(p, 8))
		if err != nil {
			return Page{}, err
		}
		page.Conversations = append(page.Conversations, c)
	}
	return page, nil
}

const placeSize = 24

func decodeCursor(cursor string) ([]byte, error) {
	if cursor == "" {
		return nil, nil
	}
	b, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || len(b) != placeSize {
		return nil, core.FieldErrorf("cursor", "the cursor is not one that this list gave: start again without it")
	}
	return b, nil
}

func mergeSorted(a, b [][]byte, limit int) [][]byte {
	out := make([][]byte, 0, min(len(a)+len(b), limit))
	for len(out) < limit && (len(a) > 0 || len(b) > 0) {
		if len(b) == 0 || (len(a) > 0 && string(a[0]) <= string(b[0])) {
			out, a = append(out, a[0]), a[1:]
		} else {
			out, b = append(out, b[0]), b[1:]
		}
	}
	return out
}

// EveryConversation yields all conversations in the order of their ids, for start-up, fsck and export.
func (tx *Tx) EveryConversation(after core.ID, limit int) ([]*core.Conversation, error) {
	var list []*core.Conversation
	start := newKey(familyConversation)
	if after != "" {
		start = kvAfterConversation(after)
	}
	for len(list) < limit {
		var found *core.Conversation
		for p, err := range tx.kv.Scan(kv.Range{Start: start, End: kv.PrefixEnd(newKey(familyConversation)), Limit: 1}) {
			if err != nil {
				return nil, err
			}
			c, err := tx.Conversation(idAt(p.Key, 1))
			if err != nil {
				return nil, err
			}
			found = c
		}
		if found == nil {
			break
		}
		list = append(list, found)
		start = kvAfterConversation(found.ID)
	}
	return list, nil
}

func kvAfterConversation(id core.ID) key {
	return key(kv.PrefixEnd(newKey(familyConversation).id(id)))
}
