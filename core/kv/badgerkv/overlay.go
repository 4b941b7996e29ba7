package badgerkv

import (
	"slices"
	"sort"
	"unsafe"
)

// overlay holds writes that Badger has not seen yet, in engine keys: those of one run of a closure, or, merged, those
// of a batch. It finds one key by a map and a range by a sorted list of keys that is brought up to date only when a
// scan asks for it.
type overlay struct {
	index  map[string]int32 // position in writes
	writes []write
	sorted []string
	fresh  []string // keys not yet merged into sorted
	spare  []string // the list that sorted will be merged into next
	bytes  int64    // keys and values, roughly what Badger counts
}

type write struct {
	key     string
	value   []byte
	deleted bool
}

// entryOverhead is what Badger adds to the size of a key and a value when it checks a transaction's size: two meta
// bytes, the version (8) and a margin of 10; rounded up.
const entryOverhead = 24

// keepCapacity is how many writes an overlay may have held and still be reused as it is: clearing a large map costs
// as much as its capacity, on every reuse.
const keepCapacity = 4096

func newOverlay() *overlay { return &overlay{index: make(map[string]int32)} }

func (o *overlay) reset() {
	if len(o.writes) > keepCapacity {
		*o = *newOverlay()
		return
	}
	clear(o.index)
	clear(o.writes)
	clear(o.sorted)
	clear(o.fresh)
	o.writes, o.sorted, o.fresh, o.bytes = o.writes[:0], o.sorted[:0], o.fresh[:0], 0
}

func (o *overlay) len() int { return len(o.writes) }

// get returns the write of an engine key, if there is one.
func (o *overlay) get(key []byte) (write, bool) {
	i, ok := o.index[string(key)]
	if !ok {
		return write{}, false
	}
	return o.writes[i], true
}

// put records a write. w.key and w.value must stay unchanged until the batch is committed.
func (o *overlay) put(w write) {
	if i, ok := o.index[w.key]; ok {
		o.bytes += int64(len(w.value) - len(o.writes[i].value))
		o.writes[i] = w
		return
	}
	o.index[w.key] = int32(len(o.writes))
	o.writes = append(o.writes, w)
	o.fresh = append(o.fresh, w.key)
	o.bytes += int64(len(w.key) + len(w.value) + entryOverhead)
}

// merge adds all writes of other, which win.
func (o *overlay) merge(other *overlay) {
	for _, w := range other.writes {
		o.put(w)
	}
}

// between appends the writes with lo ≤ key < hi to dst, in key order.
func (o *overlay) between(dst []write, lo, hi string) []write {
	o.sort()
	i := sort.SearchStrings(o.sorted, lo)
	for ; i < len(o.sorted) && o.sorted[i] < hi; i++ {
		dst = append(dst, o.writes[o.index[o.sorted[i]]])
	}
	return dst
}

func (o *overlay) sort() {
	if len(o.fresh) == 0 {
		return
	}
	slices.Sort(o.fresh)
	if len(o.sorted) == 0 || o.sorted[len(o.sorted)-1] < o.fresh[0] {
		o.sorted = append(o.sorted, o.fresh...)
		o.fresh = o.fresh[:0]
		return
	}
	merged := o.spare[:0]
	a, b := o.sorted, o.fresh
	for len(a) > 0 && len(b) > 0 {
		if a[0] < b[0] {
			merged, a = append(merged, a[0]), a[1:]
		} else {
			merged, b = append(merged, b[0]), b[1:]
		}
	}
	merged = append(append(merged, a...), b...)
	o.spare, o.sorted, o.fresh = o.sorted, merged, o.fresh[:0]
}

// union merges two lists in key order; where both write a key, that of the second counts.
func union(dst, older, newer []write) []write {
	for len(older) > 0 && len(newer) > 0 {
		switch {
		case older[0].key < newer[0].key:
			dst, older = append(dst, older[0]), older[1:]
		case older[0].key > newer[0].key:
			dst, newer = append(dst, newer[0]), newer[1:]
		default:
			dst, older, newer = append(dst, newer[0]), older[1:], newer[1:]
		}
	}
	return append(append(dst, older...), newer...)
}

// arena copies the keys and values of one batch into few large pieces of memory, which are used again for the next
// batch. Nothing taken from it may be kept beyond the batch.
type arena struct {
	block []byte
	full  [][]byte
}

const arenaBlock = 64 << 10

// take returns n bytes of memory with undefined content.
func (a *arena) take(n int) []byte {
	if cap(a.block)-len(a.block) < n {
		if cap(a.block) > 0 {
			a.full = append(a.full, a.block)
		}
		a.block = make([]byte, 0, max(n, arenaBlock))
	}
	start := len(a.block)
	a.block = a.block[:start+n]
	return a.block[start : start+n : start+n]
}

func (a *arena) copy(b []byte) []byte {
	c := a.take(len(b))
	copy(c, b)
	return c
}

// key returns the concatenation of a space's byte and a key, as a string that shares the arena's memory.
func (a *arena) key(space byte, key []byte) string {
	c := a.take(1 + len(key))
	c[0] = space
	copy(c[1:], key)
	return unsafe.String(unsafe.SliceData(c), len(c))
}

// reset makes the memory available again. Only one block is kept.
func (a *arena) reset() {
	if len(a.full) > 0 {
		a.block = a.full[0]
		clear(a.full)
		a.full = a.full[:0]
	}
	if cap(a.block) > arenaBlock {
		a.block = nil
	}
	a.block = a.block[:0]
}
