package badgerkv

import (
	"bytes"
	"iter"
	"slices"

	"github.com/dgraph-io/badger/v4"

	"github.com/guichet/guichet/core/kv"
)

// Scan merges up to three layers: Badger's, the batch's and the run's own.
func (t *tx) Scan(r kv.Range) iter.Seq2[kv.Pair, error] {
	return func(yield func(kv.Pair, error) bool) {
		t.use()
		lo := append([]byte{spaceUser}, r.Start...)
		hi := []byte{spaceEnd}
		if len(r.End) > 0 {
			hi = append([]byte{spaceUser}, r.End...)
		}
		if bytes.Compare(lo, hi) >= 0 {
			return
		}
		s := t.open(lo, hi, r.Reverse)
		defer s.close()
		for n := 0; r.Limit <= 0 || n < r.Limit; {
			w, item, ok := s.next()
			if !ok {
				return
			}
			if t.own != nil {
				if err := t.meter.Read(); err != nil {
					yield(kv.Pair{}, err)
					return
				}
			}
			var p kv.Pair
			if item != nil {
				p.Key = clone(item.Key()[1:])
				if !r.KeysOnly {
					value, err := item.ValueCopy(nil)
					if err != nil {
						yield(kv.Pair{}, t.fail(err))
						return
					}
					p.Value = notNil(value)
				}
			} else {
				if w.deleted {
					continue
				}
				p.Key = []byte(w.key[1:])
				if !r.KeysOnly {
					p.Value = clone(w.value)
				}
			}
			n++
			if !yield(p, nil) {
				return
			}
		}
	}
}

// cursor walks engine keys in [lo, hi) over Badger and pending writes at once.
type cursor struct {
	it      *badger.Iterator
	lo, hi  []byte
	reverse bool
	pending []write // in the direction of the walk
	moved   bool    // the iterator's item was given out and must be passed
}

func (t *tx) open(lo, hi []byte, reverse bool) *cursor {
	s := &cursor{lo: lo, hi: hi, reverse: reverse}
	if t.own != nil {
		l, h := string(lo), string(hi)
		own := t.own.between(nil, l, h)
		s.pending = t.batch.between(nil, l, h)
		if len(own) > 0 {
			s.pending = union(nil, s.pending, own)
		}
		if reverse {
			slices.Reverse(s.pending)
		}
	}
	s.it = t.reads.NewIterator(badger.IteratorOptions{Reverse: reverse, Prefix: commonPrefix(lo, hi, reverse)})
	if reverse {
		s.it.Seek(hi)
		if s.it.Valid() && bytes.Compare(s.it.Item().Key(), hi) >= 0 {
			s.it.Next()
		}
	} else {
		s.it.Seek(lo)
	}
	return s
}

// next returns the next pending write, or else the next item of Badger's, which is valid until the following call.
func (s *cursor) next() (w write, item *badger.Item, ok bool) {
	if s.moved {
		s.it.Next()
		s.moved = false
	}
	var key []byte
	if s.it.Valid() {
		item = s.it.Item()
		key = item.Key()
		if s.reverse && bytes.Compare(key, s.lo) < 0 || !s.reverse && bytes.Compare(key, s.hi) >= 0 {
			item = nil
		}
	}
	if len(s.pending) == 0 {
		s.moved = item != nil
		return write{}, item, item != nil
	}
	w = s.pending[0]
	if item != nil {
		before := string(key) < w.key
		if s.reverse {
			before = string(key) > w.key
		}
		if before {
			s.moved = true
			return write{}, item, true
		}
		s.moved = string(key) == w.key
	}
	s.pending = s.pending[1:]
	return w, nil, true
}

func (s *cursor) close() { s.it.Close() }

// commonPrefix returns a prefix of all keys in [lo, hi); with it Badger leaves out the tables that cannot hold any.
// A reverse walk starts at hi, which must then have the prefix too, or be beyond all keys.
func commonPrefix(lo, hi []byte, reverse bool) []byte {
	n := 0
	for n < len(lo) && n < len(hi) && lo[n] == hi[n] {
		n++
	}
	if n == 0 {
		return lo[:1] // hi is the end of the key space
	}
	if !reverse && n == len(hi)-1 && n < len(lo) && lo[n]+1 == hi[n] {
		n++ // hi is the end of the prefix lo[:n]
	}
	return lo[:n]
}
