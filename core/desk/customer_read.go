package desk

import (
	"fmt"
	"hash/maphash"
	"maps"
	"slices"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// telling is a change on its way to one watch.
type telling struct {
	watch  *threadWatch
	change core.ThreadChange
}

// reading is one look at the store on behalf of those who watch. What it finds is told when it is over.
type reading struct {
	customers *Customers
	tx        *store.Tx
	setup     *core.Setup
	lines     *lines
	tellings  []telling
}

// tellAll tells a change to all who watch a thread.
func (r *reading) tellAll(t *watchedThread, change core.ThreadChange) {
	w := &r.customers.watch
	w.mu.Lock()
	defer w.mu.Unlock()
	for watch := range t.watches {
		r.tellings = append(r.tellings, telling{watch, change})
	}
}

// start begins a watch.
func (r *reading) start(watch *threadWatch) error {
	w := &r.customers.watch
	w.mu.Lock()
	t := w.threads[watch.key]
	w.mu.Unlock()
	if t == nil {
		conversations, err := r.tx.ConversationsOfThread(watch.key.account, watch.key.thread, nil, watchedBack)
		if err != nil {
			return err
		}
		t = &watchedThread{key: watch.key, watches: map[*threadWatch]struct{}{}, told: map[core.Position]uint64{}}
		if len(conversations) > 0 {
			if err := r.stand(t, conversations[0]); err != nil {
				return err
			}
		}
		w.mu.Lock()
		w.threads[t.key] = t
		for _, c := range conversations {
			w.conversations[c.ID] = t
			t.known = append(t.known, c.ID)
		}
		w.mu.Unlock()
	}
	status := t.status
	r.tellings = append(r.tellings, telling{watch, core.ThreadChange{Status: &status}})
	if watch.after != "" {
		missed, more, err := historyAfter(r.tx, t.key.account, t.key.thread, watch.after, watchBehind)
		if err != nil {
			return err
		}
		if more {
			r.tellings = append(r.tellings, telling{watch, core.ThreadChange{Lost: "too much was said since"}})
			w.stop(watch)
			return nil
		}
		for _, m := range missed {
			r.tellings = append(r.tellings, telling{watch, core.ThreadChange{Message: m}})
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.threads[t.key] != t: // all were lost meanwhile
		watch.over = true
		r.tellings = append(r.tellings, telling{watch, core.ThreadChange{Lost: "events were missed"}})
	case !watch.over:
		t.watches[watch] = struct{}{}
	case len(t.watches) == 0:
		w.forget(t)
	}
	return nil
}

// stand notes where a thread stands; its newest conversation is c.
func (r *reading) stand(t *watchedThread, c *core.Conversation) error {
	status, err := statusForCustomer(r.setup, c, r.lines)
	if err != nil {
		return err
	}
	t.newest, t.status, t.queue = c.ID, status, ""
	if c.State == core.Open {
		t.queue = c.Queue
	}
	return nil
}

// begun looks whose thread a new conversation belongs to, and tells those who watch it of what was said so far.
func (r *reading) begun(id core.ID) error {
	c, err := r.tx.Conversation(id)
	if core.CodeOf(err) == core.NotFound {
		return nil // erased already
	}
	if err != nil {
		return err
	}
	w := &r.customers.watch
	w.mu.Lock()
	t := w.threads[threadKey{c.Account, c.Thread}]
	if t != nil && w.conversations[id] == nil {
		w.conversations[id] = t
		t.known = append(t.known, id)
	}
	w.mu.Unlock()
	if t == nil {
		return nil
	}
	if err := r.restate(t, c); err != nil {
		return err
	}
	for at := uint64(0); ; {
		messages, err := r.tx.Messages(id, at, threadPage)
		if err != nil {
			return err
		}
		for _, m := range messages {
			at = m.Seq
			r.tellMessage(t, m)
		}
		if len(messages) < threadPage {
			return nil
		}
	}
}

// restate tells where a thread stands, if that has changed.
func (r *reading) restate(t *watchedThread, c *core.Conversation) error {
	if c.ID < t.newest {
		return nil
	}
	before := t.status
	if err := r.stand(t, c); err != nil {
		return err
	}
	if status := t.status; status != before {
		r.tellAll(t, core.ThreadChange{Status: &status})
	}
	return nil
}

// tellMessage tells of a message, unless it looks as it was told last.
func (r *reading) tellMessage(t *watchedThread, m *core.Message) {
	if !forCustomer(m) {
		return
	}
	message := asCustomerSees(m)
	digest := maphash.String(r.customers.watch.seed, fmt.Sprintf("%+v", *message))
	before, told := t.told[message.Position]
	if told && before == digest {
		return
	}
	t.told[message.Position] = digest
	if !told {
		if t.order = append(t.order, message.Position); len(t.order) > toldKept {
			delete(t.told, t.order[0])
			t.order = t.order[1:]
		}
	}
	r.tellAll(t, core.ThreadChange{Message: message})
}

// changed tells of changes of a conversation: where it stands first, then the messages in their order.
func (r *reading) changed(id core.ID, seqs map[uint64]struct{}) error {
	w := &r.customers.watch
	w.mu.Lock()
	t := w.conversations[id]
	w.mu.Unlock()
	if t == nil {
		return nil
	}
	c, err := r.tx.Conversation(id)
	if core.CodeOf(err) == core.NotFound {
		r.tellAll(t, core.ThreadChange{Lost: "the conversation is gone"})
		w.mu.Lock()
		w.forget(t)
		w.mu.Unlock()
		return nil
	}
	if err != nil {
		return err
	}
	if err := r.restate(t, c); err != nil {
		return err
	}
	for _, seq := range slices.Sorted(maps.Keys(seqs)) {
		if seq == 0 {
			continue
		}
		m, err := r.tx.Message(c, seq)
		if err != nil {
			return err
		}
		r.tellMessage(t, m)
	}
	return nil
}

// moved tells those who wait in the lines their places.
func (r *reading) moved(queues map[string]struct{}) error {
	if len(queues) == 0 {
		return nil
	}
	w := &r.customers.watch
	w.mu.Lock()
	threads := slices.Collect(maps.Values(w.threads))
	w.mu.Unlock()
	for _, t := range threads {
		if _, moved := queues[t.queue]; !moved {
			continue
		}
		place, err := r.lines.place(t.queue, t.newest)
		if err != nil {
			return err
		}
		if place != t.status.Place {
			t.status.Place = place
			status := t.status
			r.tellAll(t, core.ThreadChange{Status: &status})
		}
	}
	return nil
}
