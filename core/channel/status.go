package channel

import (
	"maps"
	"math/bits"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/guichet/guichet/core"
)

// PluginStatus is how a plugin is doing.
type PluginStatus struct {
	Name    string
	Version string // "" until it has described itself
	Kind    string // KindBuiltIn, KindThirdParty
	Hash    string // of a third-party plugin's approved bundle, in hex
	Confinement
	State      State
	PID        int           // 0 unless it runs
	Uptime     time.Duration // of the running process
	Restarts   uint64        // starts beyond the first
	NextStart  time.Time     // while it waits; zero otherwise
	LastExit   *Exit         // nil when it has never ended
	Calls      []CallStatus  // by method, those that were called
	Spooled    uint64        // requests taken while it was down
	Accounts   []AccountStatus
	Retirement string // why and when the provider ends this channel
}

// CallStatus counts the calls of one method.
type CallStatus struct {
	Method string
	Calls  uint64
	Errors uint64
	Total  time.Duration
	// Buckets counts calls by duration: Buckets[i] took less than 2^i microseconds and not less than half of that; the
	// last takes all longer ones.
	Buckets [24]uint64
}

// AccountStatus is how an account is doing.
type AccountStatus struct {
	ID           string
	Problem      string    // why it is not open; "" when it is
	LastInbound  time.Time // zero when there was none since the start
	LastOutbound time.Time
	Live         int                 // connections of customers' browsers
	Pull         *PullStatus         // nil where nothing is fetched
	Subscription *SubscriptionStatus // nil where the provider was not asked
}

// Status returns how the plugins are doing, by name.
func (h *Host) Status() []PluginStatus {
	h.mu.Lock()
	supervisors := maps.Clone(h.supervisors)
	h.mu.Unlock()
	accounts := *h.accounts.Load()
	var all []PluginStatus
	for _, name := range slices.Sorted(maps.Keys(supervisors)) {
		s := supervisors[name]
		status := s.status()
		status.Kind, status.Hash, status.Confinement = h.kindOf(name, s.current.Load())
		if m, ok := h.manifest(name); ok {
			status.Version, status.Retirement = m.GetVersion(), m.GetRetirementNotice()
		}
		for _, a := range accounts {
			if a.supervisor == s {
				status.Accounts = append(status.Accounts, a.status())
			}
		}
		slices.SortFunc(status.Accounts, func(a, b AccountStatus) int { return strings.Compare(a.ID, b.ID) })
		all = append(all, status)
	}
	return all
}

func (s *supervisor) status() PluginStatus {
	s.mu.Lock()
	defer s.mu.Unlock()
	status := PluginStatus{Name: s.name, State: s.state, NextStart: s.nextAt, Spooled: s.stats.spooled.Load()}
	if s.starts > 1 {
		status.Restarts = s.starts - 1
	}
	if s.lastExit != nil {
		exit := *s.lastExit
		status.LastExit = &exit
	}
	if l := s.current.Load(); l != nil {
		status.PID, status.Uptime = l.pid(), time.Since(l.since)
	}
	for m := range s.stats.methods {
		if c := s.stats.methods[m].status(method(m)); c.Calls > 0 {
			status.Calls = append(status.Calls, c)
		}
	}
	return status
}

func (a *account) status() AccountStatus {
	status := AccountStatus{ID: a.id, Live: a.host.connections.of(a.id)}
	if problem := a.openError.Load(); problem != nil {
		status.Problem = *problem
	}
	status.Pull, status.Subscription = a.pulling.status.Load(), a.subscription.status.Load()
	if at := a.lastInbound.Load(); at != 0 {
		status.LastInbound = time.UnixMilli(at)
	}
	if at := a.lastOutbound.Load(); at != 0 {
		status.LastOutbound = time.UnixMilli(at)
	}
	return status
}

// Restart drains and ends a plugin's process and starts it again, without waiting for either; other plugins are not
// touched. A plugin that waits for its next start is started at once.
func (h *Host) Restart(plugin string) error {
	h.mu.Lock()
	s := h.supervisors[plugin]
	h.mu.Unlock()
	if s == nil {
		return core.Errorf(core.NotFound, "no account uses a plugin %q, so it does not run", plugin)
	}
	s.bounce()
	return nil
}

// Quantile is the length of time within which so great a part of the calls ended: the upper end of its bucket.
func (c *CallStatus) Quantile(part float64) time.Duration {
	var seen uint64
	for i, n := range c.Buckets {
		if seen += n; float64(seen) >= part*float64(c.Calls) && seen > 0 {
			return time.Duration(1<<i) * time.Microsecond
		}
	}
	return 0
}

// method is a call that is counted.
type method int

const (
	methodHandleHTTP method = iota
	methodSend
	methodReconcile
	methodFetchMedia
	methodFetchProfile
	methodSignal
	methodValidate
	methodCheckSubscription
	methodRegister
	methodCount
)

var methodNames = [methodCount]string{"HandleHTTP", "Send", "Reconcile", "FetchMedia", "FetchProfile", "Signal", "Validate",
	"CheckSubscription", "Register"}

// statistics counts the calls of one plugin, without locks.
type statistics struct {
	methods [methodCount]callCounter
	spooled atomic.Uint64
}

type callCounter struct {
	calls, errors, micros atomic.Uint64
	buckets               [24]atomic.Uint64
}

func (s *statistics) record(m method, took time.Duration, err error) {
	c := &s.methods[m]
	micros := uint64(max(took.Microseconds(), 0)) //nolint:gosec // not negative
	c.calls.Add(1)
	c.micros.Add(micros)
	c.buckets[min(bits.Len64(micros), len(c.buckets)-1)].Add(1)
	if err != nil {
		c.errors.Add(1)
	}
}

func (c *callCounter) status(m method) CallStatus {
	status := CallStatus{
		Method: methodNames[m], Calls: c.calls.Load(), Errors: c.errors.Load(),
		Total: time.Duration(c.micros.Load()) * time.Microsecond, //nolint:gosec // a length of time
	}
	for i := range c.buckets {
		status.Buckets[i] = c.buckets[i].Load()
	}
	return status
}
