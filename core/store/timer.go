package store

import (
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

func timerKey(t *core.Timer) key {
	return append(newKey(familyTimer).time(t.Due).byte(byte(t.Kind)), t.Ref...)
}

// PutTimer sets a deadline.
func (tx *Tx) PutTimer(t *core.Timer) {
	t.Due = Time(t.Due)
	put(tx, timerKey(t), t)
	tx.emit(core.TopicTimer, &core.TimerEvent{Due: t.Due.UnixMilli()})
}

// DeleteTimer removes a deadline that has been dealt with.
func (tx *Tx) DeleteTimer(t *core.Timer) { tx.kv.Delete(timerKey(t)) }

// HasTimer reports whether a deadline still stands.
func (tx *Tx) HasTimer(t *core.Timer) (bool, error) {
	_, err := tx.kv.Get(timerKey(t))
	if err == kv.ErrNotFound {
		return false, nil
	}
	return err == nil, err
}

// DueTimers returns the deadlines up to now, earliest first, at most limit, without those that skip holds back. from is
// the earliest that may still stand, so that a scan does not walk over removed ones.
func (tx *Tx) DueTimers(from, now time.Time, limit int, skip func(*core.Timer) bool) ([]*core.Timer, error) {
	var list []*core.Timer
	for p, err := range tx.kv.Scan(kv.Range{
		Start: newKey(familyTimer).time(from), End: newKey(familyTimer).time(now.Add(time.Millisecond)),
	}) {
		if err != nil {
			return nil, err
		}
		t, err := read[core.Timer](tx, p.Key, p.Value)
		if err != nil {
			return nil, err
		}
		if skip(t) {
			continue
		}
		if list = append(list, t); len(list) == limit {
			break
		}
	}
	return list, nil
}

// NextTimer returns when the earliest deadline at or after from is due; the zero time when there is none.
func (tx *Tx) NextTimer(from time.Time) (time.Time, error) {
	r := kv.Prefix(newKey(familyTimer))
	r.Start, r.Limit = newKey(familyTimer).time(from), 1
	list, err := all[core.Timer](tx, r)
	if err != nil || len(list) == 0 {
		return time.Time{}, err
	}
	return list[0].Due, nil
}
