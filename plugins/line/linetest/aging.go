package linetest

import "time"

// aging is a map that forgets: entries live for at least life, unless more than about limit are put in meanwhile. It
// keeps two generations and drops the older one as a whole, which costs nothing per entry. Not safe for concurrent use.
type aging[V any] struct {
	life       time.Duration
	limit      int
	young, old map[string]V
	since      time.Time
}

func newAging[V any](life time.Duration, limit int) *aging[V] {
	return &aging[V]{life: life, limit: limit, young: map[string]V{}}
}

func (a *aging[V]) put(key string, value V, now time.Time) {
	if a.since.IsZero() {
		a.since = now
	}
	if now.Sub(a.since) > a.life || len(a.young) >= (a.limit+1)/2 {
		a.old, a.young, a.since = a.young, map[string]V{}, now
	}
	a.young[key] = value
}

func (a *aging[V]) get(key string) (V, bool) {
	if value, ok := a.young[key]; ok {
		return value, true
	}
	value, ok := a.old[key]
	return value, ok
}
