package channel

import (
	"math/rand/v2"
	"time"
)

// policy is every length of time and every count that the supervision of plugins uses.
type policy struct {
	firstBackoff time.Duration // of the second restart in a row; the first is immediate
	maxBackoff   time.Duration
	jitter       float64       // part of a backoff by which it is made longer or shorter
	healthyAfter time.Duration // running for so long forgets earlier exits
	failAfter    int           // exits …
	failWithin   time.Duration // … in this time make the plugin failed
	failedRetry  time.Duration // pause between starts of a failed one
	healthEvery  time.Duration
	healthLimit  time.Duration
	healthMisses int
	drainLimit   time.Duration
	openLimit    time.Duration // of opening all accounts in a new process
	callLimit    time.Duration // of HandleHTTP, with everything that is waited for before it
	spoolPause   time.Duration // between tries of a spooled request that the plugin fails at, or that cannot be stored
	// What waits in the spool of one account: beyond either, requests are refused.
	spoolRequests int
	spoolBytes    int64
	refusedPull   time.Duration // least pause before fetching again where the provider refuses to serve
	longestPull   time.Duration // longest pause that a plugin may ask for before fetching again
	firstCheck    time.Duration // from Open to the first question how an account is registered
	checkEvery    time.Duration // between the questions
	random        func() float64
}

func standardPolicy() policy {
	return policy{
		firstBackoff:  time.Second,
		maxBackoff:    2 * time.Minute,
		jitter:        0.2,
		healthyAfter:  5 * time.Minute,
		failAfter:     6,
		failWithin:    10 * time.Minute,
		failedRetry:   15 * time.Minute,
		healthEvery:   15 * time.Second,
		healthLimit:   5 * time.Second,
		healthMisses:  3,
		drainLimit:    10 * time.Second,
		openLimit:     5 * time.Second,
		callLimit:     1500 * time.Millisecond, // LINE waits 2 s
		spoolPause:    time.Second,
		spoolRequests: 10_000,
		spoolBytes:    256 << 20,
		refusedPull:   30 * time.Second,
		longestPull:   time.Hour,
		firstCheck:    2 * time.Second,
		checkEvery:    10 * time.Minute,
		random:        rand.Float64,
	}
}

// backoff is the pause before the next start after so many exits in a row: none after the first, then doubling.
func (p *policy) backoff(exits int) time.Duration {
	if exits <= 1 {
		return 0
	}
	d := p.maxBackoff
	if shift := exits - 2; shift < 16 {
		d = min(p.firstBackoff<<shift, p.maxBackoff)
	}
	return time.Duration(float64(d) * (1 + p.jitter*(2*p.random()-1)))
}
