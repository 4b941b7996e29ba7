package badgerkv

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/dgraph-io/badger/v4"

	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/kvdump"
)

const (
	// dumpChunk is how many records Dump reads with one iterator: an iterator keeps files that Badger would delete.
	dumpChunk = 50000
	// loadBytes and loadCount bound what Load writes in one transaction.
	loadBytes = kv.MaxBytes / 2
	loadCount = kv.MaxWrites / 2
)

// Dump writes the newest durable state in the format of package kvdump. Updates go on meanwhile.
func (db *DB) Dump(ctx context.Context, w io.Writer) error {
	s := db.snapshots.acquire()
	if s == nil {
		return kv.ErrClosed
	}
	defer db.snapshots.release(s)
	d := dumper{db: db, ts: s.ts, out: kvdump.NewWriter(w)}
	for next := []byte{spaceOwn}; next != nil; {
		if err := ctx.Err(); err != nil {
			return err
		}
		var err error
		if next, err = d.chunk(next); err != nil {
			return fmt.Errorf("badgerkv: dump: %w", err)
		}
	}
	return d.out.Close()
}

type dumper struct {
	db      *DB
	ts      uint64
	out     *kvdump.Writer
	trimmed kv.Pos
}

// chunk writes records from the engine key start on and returns where to go on; nil at the end.
func (d *dumper) chunk(start []byte) ([]byte, error) {
	reads := d.db.bdg.NewTransactionAt(d.ts, false)
	defer reads.Discard()
	it := reads.NewIterator(badger.IteratorOptions{})
	defer it.Close()
	n := 0
	for it.Seek(start); it.Valid(); it.Next() {
		key := it.Item().Key()
		if n++; n > dumpChunk {
			return clone(key), nil
		}
		err := it.Item().Value(func(value []byte) error { return d.record(key, value) })
		if err != nil {
			return nil, err
		}
	}
	return nil, nil
}

func (d *dumper) record(key, value []byte) error {
	switch {
	case key[0] == spaceUser:
		return d.out.Pair(key[1:], value)
	case key[0] == spaceEvent:
		e, err := decodeEvent(eventPos(key), value)
		if err != nil || e.Pos <= d.trimmed { // left over from a Trim that was interrupted
			return err
		}
		return d.out.Event(e)
	case bytes.Equal(key, keyTrimmed):
		d.trimmed = kv.Pos(binary.BigEndian.Uint64(value))
		return d.out.Trimmed(d.trimmed)
	}
	return nil
}

// Load reads what Dump wrote into this engine, which must hold nothing and which nobody else may use meanwhile. When it
// fails, the directory is incomplete and will not open again.
func (db *DB) Load(ctx context.Context, r io.Reader) error {
	if err := db.mustBeEmpty(ctx); err != nil {
		return err
	}
	l := loader{db: db, ctx: ctx}
	l.add(clone(keyLoading), nil)
	if err := l.flush(); err != nil {
		return err
	}
	err := kvdump.Read(r, kvdump.Sink{
		Pair: func(key, value []byte) error {
			return l.add(append([]byte{spaceUser}, key...), value)
		},
		Event: func(e kv.Event) error {
			if e.Pos != l.last+1 {
				return fmt.Errorf("%w: event %d follows event %d", kvdump.ErrCorrupt, e.Pos, l.last)
			}
			l.last = e.Pos
			var mem arena
			return l.add(eventKey(e.Pos), encodeEvent(&mem, e.Topic, e.Value))
		},
		Trimmed: func(upTo kv.Pos) error {
			l.last, l.trimmed = upTo, upTo
			return l.add(clone(keyTrimmed), binary.BigEndian.AppendUint64(nil, uint64(upTo)))
		},
	})
	if err == nil {
		err = l.flush()
	}
	if err != nil {
		return fmt.Errorf("badgerkv: load: %w", err)
	}
	return l.finish()
}

func (db *DB) mustBeEmpty(ctx context.Context) error {
	if db.Last() > 0 {
		return errors.New("badgerkv: load: the engine is not empty")
	}
	return db.View(ctx, func(t kv.Tx) error {
		for range t.Scan(kv.Range{Limit: 1, KeysOnly: true}) {
			return errors.New("badgerkv: load: the engine is not empty")
		}
		return nil
	})
}

// loader writes records in transactions of a bounded size.
type loader struct {
	db    *DB
	ctx   context.Context
	keys  [][]byte
	vals  [][]byte
	bytes int

	last, trimmed kv.Pos
}

func (l *loader) add(key, value []byte) error {
	l.keys, l.vals = append(l.keys, key), append(l.vals, value)
	l.bytes += len(key) + len(value)
	if len(l.keys) < loadCount && l.bytes < loadBytes {
		return nil
	}
	return l.flush()
}

func (l *loader) flush() error {
	err := l.db.submit(l.ctx, func(t kv.Tx) error {
		for i, key := range l.keys {
			t.(*tx).setRaw(key, l.vals[i])
		}
		return nil
	}, true)
	l.keys, l.vals, l.bytes = nil, nil, 0
	return err
}

// finish takes the mark of an incomplete load away and goes on with the event log where the dump ends.
func (l *loader) finish() error {
	err := l.db.submit(l.ctx, func(t kv.Tx) error {
		t.(*tx).deleteRaw(keyLoading)
		t.(*tx).resume = l.last
		return nil
	}, true)
	if err != nil {
		return err
	}
	l.db.events.adopt(l.last, l.trimmed)
	return nil
}
