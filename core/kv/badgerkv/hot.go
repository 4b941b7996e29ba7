package badgerkv

import "strings"

// hotValues keeps the values that closures read again and again: a conversation is read by every message that is added to
// it, and reading it from Badger's tables costs more than all the rest of the closure. Only the committer's goroutine
// uses it, and it is brought up to date by every batch that was committed, so it always says what Badger would say at
// the committer's timestamp.
//
// It is bounded by two generations: what was not read since the last change of generations is forgotten.
type hotValues struct {
	young, old map[string][]byte
	bytes      int // of the young generation
}

const (
	hotGeneration = 6 << 20  // of a generation
	hotValueMax   = 16 << 10 // a larger value is not kept
	hotOverhead   = 64       // what an entry costs beside its key and value, about
)

func newHotValues() *hotValues {
	return &hotValues{young: map[string][]byte{}, old: map[string][]byte{}}
}

// get returns a value that must not be changed.
func (h *hotValues) get(key []byte) ([]byte, bool) {
	if v, ok := h.young[string(key)]; ok {
		return v, true
	}
	v, ok := h.old[string(key)]
	if ok {
		delete(h.old, string(key))
		h.add(string(key), v)
	}
	return v, ok
}

// add keeps a value, which must not be changed afterwards.
func (h *hotValues) add(key string, value []byte) {
	if len(value) > hotValueMax {
		h.forget(key)
		return
	}
	if was, ok := h.young[key]; ok {
		h.bytes += len(value) - len(was)
	} else {
		h.bytes += len(key) + len(value) + hotOverhead
	}
	h.young[key] = value
	if h.bytes > hotGeneration {
		h.old, h.young, h.bytes = h.young, make(map[string][]byte, len(h.young)), 0
	}
}

func (h *hotValues) forget(key string) {
	if was, ok := h.young[key]; ok {
		h.bytes -= len(key) + len(was) + hotOverhead
		delete(h.young, key)
	}
	delete(h.old, key)
}

// committed takes a batch in: of the keys that are kept, the new values; what was deleted is forgotten.
func (h *hotValues) committed(writes []write) {
	for i := range writes {
		w := &writes[i]
		_, inYoung := h.young[w.key]
		_, inOld := h.old[w.key]
		switch {
		case !inYoung && !inOld:
		case w.deleted:
			h.forget(w.key)
		default:
			delete(h.old, w.key)
			h.add(strings.Clone(w.key), clone(w.value)) // the batch's memory is used again
		}
	}
}
