package sdk

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// rateWait is how long a send waits for its turn. Beyond it the host is told when to come again, so that its other
// conversations are not held up.
const rateWait = 2 * time.Second

// rateLimits keep Send to the rates that the manifest declares. They live as long as the process and are not shared with
// another one: what the provider itself answers counts all the same.
type rateLimits struct {
	rates []Rate

	mu      sync.Mutex
	buckets map[bucketKey]*rate.Limiter
	sweep   int // as soon as there are so many, the full ones are forgotten
}

// bucketKey names one bucket: the rate's place in the manifest and what it counts for.
type bucketKey struct {
	rate int
	what string
}

// firstSweep is how many buckets are kept before it is looked for full ones.
const firstSweep = 1024

func newRateLimits(rates []Rate) *rateLimits {
	return &rateLimits{rates: rates, buckets: map[bucketKey]*rate.Limiter{}, sweep: firstSweep}
}

// checkRates finds what cannot be kept to.
func checkRates(rates []Rate) error {
	for _, r := range rates {
		if r.Scope < ScopeRecipient || r.Scope > ScopeApplication || r.Calls <= 0 || r.Per <= 0 || r.Burst < 0 {
			return fmt.Errorf("sdk: the rate %+v needs a scope, a number of calls and a time", r)
		}
	}
	return nil
}

// wait lets a send through when every bucket has a call left, after a short while at most. Otherwise nothing is taken
// from any of them, and the error is *RateLimited.
func (l *rateLimits) wait(ctx context.Context, account string, out *Outgoing) error {
	if len(l.rates) == 0 {
		return nil
	}
	var (
		now    = time.Now()
		delay  time.Duration
		slow   Rate
		turns  []*rate.Reservation
		giveUp = func(at time.Time) {
			for _, turn := range slices.Backward(turns) {
				turn.CancelAt(at)
			}
		}
	)
	l.mu.Lock()
	for i, r := range l.rates {
		turn := l.bucket(bucketKey{i, counts(r.Scope, account, out)}, r).ReserveN(now, 1)
		turns = append(turns, turn)
		if d := turn.DelayFrom(now); d > delay {
			delay, slow = d, r
		}
	}
	limit := rateWait
	if deadline, ok := ctx.Deadline(); ok {
		limit = min(limit, deadline.Sub(now)/2) // the send itself wants time too
	}
	if delay > limit {
		giveUp(now) // of this very moment: those that need not have waited are given back as well
	}
	l.mu.Unlock()
	switch {
	case delay > limit:
		return l.limited(delay, slow)
	case delay == 0:
		return nil
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		giveUp(time.Now())
		return l.limited(delay, slow)
	}
}

func (l *rateLimits) limited(after time.Duration, r Rate) error {
	return &RateLimited{After: after, Scope: r.Scope, Reason: fmt.Sprintf("the provider takes %d calls in %s", r.Calls, r.Per)}
}

// bucket finds or makes a bucket. The caller holds mu.
func (l *rateLimits) bucket(key bucketKey, r Rate) *rate.Limiter {
	if b := l.buckets[key]; b != nil {
		return b
	}
	if len(l.buckets) >= l.sweep {
		// A full bucket is as good as none.
		maps.DeleteFunc(l.buckets, func(_ bucketKey, b *rate.Limiter) bool { return b.Tokens() >= float64(b.Burst()) })
		l.sweep = max(firstSweep, 2*len(l.buckets))
	}
	burst := r.Burst
	if burst == 0 {
		burst = r.Calls
	}
	b := rate.NewLimiter(rate.Limit(float64(r.Calls)/r.Per.Seconds()), burst)
	l.buckets[key] = b
	return b
}

// counts names what a scope counts a send for. A recipient is the thread: a group takes as much as one person.
func counts(scope RateScope, account string, out *Outgoing) string {
	const sep = "\x00"
	switch scope {
	case ScopeRecipient:
		if out.Thread.ID != "" {
			return account + sep + out.Thread.Kind + sep + out.Thread.ID
		}
		return account + sep + out.Recipient.Kind + sep + out.Recipient.Value
	case ScopeChannel:
		parts := []string{account}
		for _, key := range slices.Sorted(maps.Keys(out.Address)) {
			parts = append(parts, key, out.Address[key])
		}
		return strings.Join(parts, sep)
	case ScopeAccount:
		return account
	}
	return ""
}

// send is Send within the declared rates.
func (s *server) send(ctx context.Context, id string, a *openAccount, out *Outgoing) (Receipt, error) {
	if err := s.limits.wait(ctx, id, out); err != nil {
		return Receipt{Resume: out.Resume}, err
	}
	return a.channel.Send(ctx, out)
}
