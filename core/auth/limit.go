package auth

import (
	"net/netip"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
)

// How many failed sign-ins are tolerated within the window. Only failures count, so an office behind one address does
// not lock itself out. An address from which a person has signed in before is not stopped by what others do to that
// person's e-mail address. Of an IPv6 address only the network counts, see placeOf.
const (
	failureWindow      = 15 * time.Minute
	failuresPerEmail   = 10
	failuresPerAddress = 50
	// attemptsKept bounds the memory: beyond it the whole record of the older half is forgotten.
	attemptsKept = 20000
)

// attempts remembers failed sign-ins, in memory: a restart forgives.
type attempts struct {
	mu       sync.Mutex
	failures map[string][]time.Time // "e:" + e-mail or "a:" + address → failures, oldest first
	good     map[string]time.Time   // e-mail + " " + address → last success
}

// placeOf is what counts as one address: of IPv6 the first 64 bits, because whoever has one address of such a network
// usually has them all.
func placeOf(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	a = a.Unmap().WithZone("")
	if a.Is4() {
		return a.String()
	}
	return netip.PrefixFrom(a, 64).Masked().String()
}

func newAttempts() *attempts {
	return &attempts{failures: make(map[string][]time.Time), good: make(map[string]time.Time)}
}

// LimitError is the RateLimited error of a sign-in that has to wait.
type LimitError struct {
	After time.Duration
}

func (e *LimitError) Error() string { return "too many failed sign-ins" }

// RetryAfter is when trying again may help.
func (e *LimitError) RetryAfter() time.Duration { return e.After }

// reserve counts an attempt as failed before its outcome is known, so that attempts in flight count too; settle takes
// it back after a success.
func (a *attempts) reserve(now time.Time, email, address string) error {
	address = placeOf(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.bound()
	_, familiar := a.good[email+" "+address]
	wait := a.wait(now, "a:"+address, failuresPerAddress)
	if !familiar {
		wait = max(wait, a.wait(now, "e:"+email, failuresPerEmail))
	} else {
		wait = a.wait(now, "g:"+email+" "+address, failuresPerEmail)
	}
	if wait > 0 {
		return &core.Error{
			Code: core.RateLimited, Message: "Too many failed sign-ins. Wait a few minutes and try again.",
			Cause: &LimitError{After: wait},
		}
	}
	for _, k := range a.keys(email, address, familiar) {
		a.failures[k] = append(a.failures[k], now)
	}
	return nil
}

func (a *attempts) keys(email, address string, familiar bool) []string {
	if familiar {
		return []string{"a:" + address, "g:" + email + " " + address}
	}
	return []string{"a:" + address, "e:" + email}
}

// succeeded takes back what reserve counted and remembers the address.
func (a *attempts) succeeded(now time.Time, email, address string) {
	address = placeOf(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	_, familiar := a.good[email+" "+address]
	a.good[email+" "+address] = now
	if list := a.failures["a:"+address]; len(list) > 0 {
		a.failures["a:"+address] = list[:len(list)-1]
	}
	for _, k := range a.keys(email, address, familiar)[1:] {
		delete(a.failures, k)
	}
}

// released takes back an attempt that was never judged.
func (a *attempts) released(email, address string) {
	address = placeOf(address)
	a.mu.Lock()
	defer a.mu.Unlock()
	_, familiar := a.good[email+" "+address]
	for _, k := range a.keys(email, address, familiar) {
		if list := a.failures[k]; len(list) > 0 {
			a.failures[k] = list[:len(list)-1]
		}
	}
}

// wait returns how long until the window holds fewer than limit failures.
func (a *attempts) wait(now time.Time, key string, limit int) time.Duration {
	list := a.failures[key]
	for len(list) > 0 && now.Sub(list[0]) >= failureWindow {
		list = list[1:]
	}
	if len(list) == 0 {
		delete(a.failures, key)
		return 0
	}
	a.failures[key] = list
	if len(list) < limit {
		return 0
	}
	return list[len(list)-limit].Add(failureWindow).Sub(now)
}

func (a *attempts) bound() {
	if len(a.failures) > attemptsKept {
		n := 0
		for k := range a.failures {
			delete(a.failures, k)
			if n++; n > attemptsKept/2 {
				break
			}
		}
	}
	if len(a.good) > attemptsKept {
		n := 0
		for k := range a.good {
			delete(a.good, k)
			if n++; n > attemptsKept/2 {
				break
			}
		}
	}
}
