package memkv

import (
	"iter"
	"slices"
	"time"

	"github.com/guichet/guichet/core/kv"
)

// tx is one run of a closure on one snapshot. In a View, writes is nil.
type tx struct {
	root   *node
	now    time.Time
	writes map[string]pending
	reads  map[string]uint64 // the version of each key got from the snapshot; 0 for an absent one
	events []kv.Event
	meter  kv.Meter
	ended  bool
}

type pending struct {
	value   []byte
	deleted bool
}

func (t *tx) use() {
	if t.ended {
		panic("kv: transaction used after its closure returned")
	}
}

func (t *tx) forWriting() {
	t.use()
	if t.writes == nil {
		panic("kv: write in a View")
	}
}

func (t *tx) Now() time.Time {
	t.use()
	return t.now
}

func (t *tx) Get(key []byte) ([]byte, error) {
	t.use()
	if t.writes != nil {
		if err := t.meter.Read(); err != nil {
			return nil, err
		}
		if p, ok := t.writes[string(key)]; ok {
			if p.deleted {
				return nil, kv.ErrNotFound
			}
			return clone(p.value), nil
		}
	}
	n := t.root.find(string(key))
	if t.reads != nil {
		t.reads[string(key)] = 0
		if n != nil {
			t.reads[string(key)] = n.version
		}
	}
	if n == nil {
		return nil, kv.ErrNotFound
	}
	return clone(n.value), nil
}

func (t *tx) Set(key, value []byte) {
	t.forWriting()
	if t.meter.Write(len(key), len(value)) {
		t.writes[string(key)] = pending{value: clone(value)}
	}
}

func (t *tx) Delete(key []byte) {
	t.forWriting()
	if t.meter.Write(len(key), 0) {
		t.writes[string(key)] = pending{deleted: true}
	}
}

func (t *tx) Emit(topic, value []byte) {
	t.forWriting()
	if t.meter.Write(len(topic), len(value)) {
		t.events = append(t.events, kv.Event{Topic: clone(topic), Value: clone(value)})
	}
}

// Scan yields the snapshot with the run's own writes put into it.
func (t *tx) Scan(r kv.Range) iter.Seq2[kv.Pair, error] {
	return func(yield func(kv.Pair, error) bool) {
		t.use()
		root := t.root
		for _, key := range t.written(r) {
			if p := t.writes[key]; p.deleted {
				root = root.without(key)
			} else {
				root = root.with(key, p.value, 0)
			}
		}
		n := 0
		root.walk(string(r.Start), string(r.End), len(r.End) > 0, r.Reverse, func(at *node) bool {
			if r.Limit > 0 && n == r.Limit {
				return false
			}
			n++
			if t.writes != nil {
				if err := t.meter.Read(); err != nil {
					yield(kv.Pair{}, err)
					return false
				}
			}
			p := kv.Pair{Key: []byte(at.key)}
			if !r.KeysOnly {
				p.Value = clone(at.value)
			}
			return yield(p, nil)
		})
	}
}

// written returns the keys in r that this run wrote.
func (t *tx) written(r kv.Range) []string {
	var keys []string
	for key := range t.writes {
		if key >= string(r.Start) && (len(r.End) == 0 || key < string(r.End)) {
			keys = append(keys, key)
		}
	}
	slices.Sort(keys)
	return keys
}

func clone(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }
