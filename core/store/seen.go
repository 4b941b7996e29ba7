package store

import (
	"encoding/binary"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// SeenFor is how long an event's id is kept to recognise a repetition.
const SeenFor = 30 * 24 * time.Hour

// Claim records that an event is being stored. It returns false when it was stored before.
func (tx *Tx) Claim(account string, kind core.InboundKind, id string) (bool, error) {
	k := newKey(familySeen).hash(hash16(account, string(kind), id))
	_, err := tx.kv.Get(k)
	switch {
	case err == nil:
		return false, nil
	case err != kv.ErrNotFound:
		return false, err
	}
	tx.kv.Set(k, binary.BigEndian.AppendUint64(nil, millis(tx.Now())))
	return true, nil
}

// ForgetSeen removes ids older than SeenFor among the next limit of them, and returns where to go on (nil at the end).
func (tx *Tx) ForgetSeen(from []byte, limit int) (next []byte, removed int, err error) {
	r := kv.Prefix(newKey(familySeen))
	if from != nil {
		r.Start = from
	}
	r.Limit = limit
	before := millis(tx.Now().Add(-SeenFor))
	count := 0
	var last []byte
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			return nil, 0, err
		}
		count++
		last = p.Key
		if binary.BigEndian.Uint64(p.Value) < before {
			tx.kv.Delete(p.Key)
			removed++
		}
	}
	if count < limit {
		return nil, removed, nil
	}
	return append(append([]byte(nil), last...), 0), removed, nil
}

// Park keeps a status until the message it is about gets its external id. A later status merges into an earlier one.
func (tx *Tx) Park(s *core.ParkedStatus) { put(tx, parkedKey(s.Account, s.ExternalID), s) }

// Parked returns the status that came before its message; nil when there is none.
func (tx *Tx) Parked(account, external string) (*core.ParkedStatus, error) {
	return get[core.ParkedStatus](tx, parkedKey(account, external))
}

// Unpark removes a parked status.
func (tx *Tx) Unpark(account, external string) { tx.kv.Delete(parkedKey(account, external)) }

// ForgetParked removes statuses that were parked longer than SeenFor ago among the next limit of them, and returns where
// to go on (nil at the end): their messages are not ours.
func (tx *Tx) ForgetParked(from []byte, limit int) (next []byte, removed int, err error) {
	r := kv.Prefix(newKey(familyParked))
	if from != nil {
		r.Start = from
	}
	r.Limit = limit
	before := tx.Now().Add(-SeenFor)
	count := 0
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			return nil, 0, err
		}
		count++
		next = append(append([]byte(nil), p.Key...), 0)
		s, err := read[core.ParkedStatus](tx, p.Key, p.Value)
		if err != nil {
			return nil, 0, err
		}
		if s.At.Before(before) {
			tx.kv.Delete(p.Key)
			removed++
		}
	}
	if count < limit {
		return nil, removed, nil
	}
	return next, removed, nil
}

func parkedKey(account, external string) key {
	return newKey(familyParked).hash(hash16(account, external))
}
