package webchat

import (
	"sync"
	"time"
)

// buckets are token buckets by key. A key that has not been used for as long as its bucket takes to fill is forgotten.
type buckets struct {
	every time.Duration // one token comes back in this time
	burst float64

	mu    sync.Mutex
	byKey map[string]bucket
	swept time.Time
}

type bucket struct {
	tokens float64
	at     time.Time
}

// newBuckets lets count things happen in a period, and burst at once.
func newBuckets(count int, period time.Duration, burst int) *buckets {
	return &buckets{every: period / time.Duration(count), burst: float64(burst), byKey: map[string]bucket{}}
}

// take counts one use; when there have been too many it counts nothing and says after how long to try again. Nobody is
// counted under the empty key.
func (b *buckets) take(key string) (after time.Duration, ok bool) {
	if key == "" {
		return 0, true
	}
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sweep(now)
	k := b.filled(key, now)
	if k.tokens < 1 {
		return time.Duration((1 - k.tokens) * float64(b.every)), false
	}
	k.tokens--
	b.byKey[key] = k
	return 0, true
}

// put gives one use back.
func (b *buckets) put(key string) {
	if key == "" {
		return
	}
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	k := b.filled(key, now)
	k.tokens = min(k.tokens+1, b.burst)
	b.byKey[key] = k
}

func (b *buckets) filled(key string, now time.Time) bucket {
	k, known := b.byKey[key]
	if !known {
		return bucket{tokens: b.burst, at: now}
	}
	return k.filled(now, b.every, b.burst)
}

// filled returns the bucket with what has come back until now.
func (k bucket) filled(now time.Time, every time.Duration, burst float64) bucket {
	return bucket{tokens: min(k.tokens+float64(now.Sub(k.at))/float64(every), burst), at: now}
}

// sweep forgets the full buckets, now and then; all of them when there are too many, which is kinder than memory
// without end.
func (b *buckets) sweep(now time.Time) {
	if now.Sub(b.swept) < sweepBucketsEachMinute && len(b.byKey) < maxBuckets {
		return
	}
	b.swept = now
	for key := range b.byKey {
		if b.filled(key, now).tokens >= b.burst {
			delete(b.byKey, key)
		}
	}
	if len(b.byKey) >= maxBuckets {
		clear(b.byKey)
	}
}

// counts is how many of something there are at the moment, by key and in all.
type counts struct {
	mu    sync.Mutex
	byKey map[string]int
	all   int
}

func newCounts() *counts { return &counts{byKey: map[string]int{}} }

// enter counts one more, unless the key has its share or there are too many in all. The caller owes a leave.
func (c *counts) enter(key string, share, all int) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all >= all || key != "" && c.byKey[key] >= share {
		return false
	}
	c.all++
	if key != "" {
		c.byKey[key]++
	}
	return true
}

func (c *counts) leave(key string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all--
	if key == "" {
		return
	}
	if c.byKey[key]--; c.byKey[key] <= 0 {
		delete(c.byKey, key)
	}
}

// inSeconds rounds a wait up to whole seconds, at least one.
func inSeconds(d time.Duration) int {
	return max(int((d+time.Second-1)/time.Second), 1)
}
