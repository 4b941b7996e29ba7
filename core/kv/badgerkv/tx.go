package badgerkv

import (
	"errors"
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/guichet/guichet/core/kv"
)

// tx is one run of a closure. In an Update, own holds what this run wrote, over batch, what earlier closures of the same
// batch wrote, over reads, the last committed state. In a View only reads is there.
type tx struct {
	reads  *badger.Txn
	own    *overlay
	batch  *overlay
	hot    *hotValues
	mem    *arena
	events [][]byte // encoded; positions are given when the run is accepted
	meter  kv.Meter
	now    time.Time
	key    []byte // scratch for Get
	failed error  // the engine could not read
	ended  bool
	resume kv.Pos // where the event log goes on; only Load sets it
}

func (t *tx) use() {
	if t.ended {
		panic("kv: transaction used after its closure returned")
	}
}

func (t *tx) forWriting() {
	t.use()
	if t.own == nil {
		panic("kv: write in a View")
	}
}

// outcome is what the run comes to when the closure returned err.
func (t *tx) outcome(err error) error {
	switch {
	case t.failed != nil:
		return t.failed
	case t.meter.Err() != nil:
		return t.meter.Err()
	}
	return err
}

func (t *tx) Now() time.Time {
	t.use()
	return t.now
}

func (t *tx) Get(key []byte) ([]byte, error) {
	t.use()
	t.key = append(append(t.key[:0], spaceUser), key...)
	return t.get(t.key)
}

func (t *tx) get(key []byte) ([]byte, error) {
	if t.own != nil {
		if err := t.meter.Read(); err != nil {
			return nil, err
		}
		w, ok := t.own.get(key)
		if !ok {
			w, ok = t.batch.get(key)
		}
		if ok {
			if w.deleted {
				return nil, kv.ErrNotFound
			}
			return clone(w.value), nil
		}
		if value, ok := t.hot.get(key); ok {
			return clone(value), nil
		}
	}
	item, err := t.reads.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return nil, kv.ErrNotFound
	}
	if err == nil {
		var value []byte
		if value, err = item.ValueCopy(nil); err == nil {
			if t.own != nil {
				t.hot.add(string(key), clone(value))
			}
			return notNil(value), nil
		}
	}
	return nil, t.fail(err)
}

func (t *tx) fail(err error) error {
	err = fmt.Errorf("badgerkv: read: %w", err)
	if t.failed == nil {
		t.failed = err
	}
	return err
}

func (t *tx) Set(key, value []byte) {
	t.forWriting()
	if t.meter.Write(len(key), len(value)) {
		t.own.put(write{key: t.mem.key(spaceUser, key), value: t.mem.copy(value)})
	}
}

func (t *tx) Delete(key []byte) {
	t.forWriting()
	if t.meter.Write(len(key), 0) {
		t.own.put(write{key: t.mem.key(spaceUser, key), deleted: true})
	}
}

func (t *tx) Emit(topic, value []byte) {
	t.forWriting()
	if t.meter.Write(len(topic), len(value)) {
		t.events = append(t.events, encodeEvent(t.mem, topic, value))
	}
}

// setRaw and deleteRaw write an engine key; for the engine's own transactions.
func (t *tx) setRaw(key, value []byte) {
	t.own.put(write{key: t.mem.key(key[0], key[1:]), value: t.mem.copy(value)})
}

func (t *tx) deleteRaw(key []byte) {
	t.own.put(write{key: t.mem.key(key[0], key[1:]), deleted: true})
}

func clone(b []byte) []byte { return append(make([]byte, 0, len(b)), b...) }

func notNil(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}
