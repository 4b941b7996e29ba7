package store

import (
	"github.com/guichet/guichet/core/kv"
)

// rewrite writes a record and the difference of its index entries. It reads what is stored where this transaction has
// not done so yet, so that no entry of the former record stays behind.
func rewrite[T any](tx *Tx, k key, v *T, index func(*T) map[string]string) {
	was, ok := tx.stored(k, func() (map[string]string, error) { return indexOf(tx, k, index) })
	if !ok {
		return
	}
	put(tx, k, v)
	now := index(v)
	tx.reindex(was, now)
	tx.remember(k, indexed{keys: now})
}

// remove deletes a record and its index entries. Removing an absent one does nothing.
func remove[T any](tx *Tx, k key, index func(*T) map[string]string) {
	was, ok := tx.stored(k, func() (map[string]string, error) { return indexOf(tx, k, index) })
	if !ok {
		return
	}
	tx.drop(k)
	tx.reindex(was, nil)
	tx.remember(k, indexed{})
}

// stored returns the index entries that belong to what is stored at k. The second result is false when that could not
// be read; the transaction fails then.
func (tx *Tx) stored(k key, read func() (map[string]string, error)) (map[string]string, bool) {
	if was, ok := tx.was[string(k)]; ok {
		return was.keys, true
	}
	keys, err := read()
	if err != nil {
		tx.fail(err)
		return nil, false
	}
	return keys, true
}

func indexOf[T any](tx *Tx, k key, index func(*T) map[string]string) (map[string]string, error) {
	v, err := get[T](tx, k)
	if err != nil || v == nil {
		return nil, err
	}
	return index(v), nil
}

// listed reads the records that an index names: each key of the range begins with prefix, and at makes the record's key
// of the rest.
func listed[T any](tx *Tx, prefix key, at func(rest []byte) key) ([]*T, error) {
	var list []*T
	for p, err := range tx.kv.Scan(keysOf(prefix)) {
		if err != nil {
			return nil, err
		}
		v, err := get[T](tx, at(p.Key[len(prefix):]))
		if err != nil {
			return nil, err
		}
		if v != nil {
			list = append(list, v)
		}
	}
	return list, nil
}

// entries makes an index of keys without values.
func entries(keys ...key) map[string]string {
	m := make(map[string]string, len(keys))
	for _, k := range keys {
		m[string(k)] = ""
	}
	return m
}

// before is the range of the keys under prefix that come before end, or all of them when end is nil, from the last down.
func before(prefix, end key, limit int) kv.Range {
	r := kv.Prefix(prefix)
	if end != nil {
		r.End = end
	}
	r.Reverse, r.Limit = true, limit
	return r
}
