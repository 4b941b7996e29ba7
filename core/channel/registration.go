package channel

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// SubscriptionStatus is how a provider has an account registered, as it was asked last.
type SubscriptionStatus struct {
	At          time.Time
	Checks      []core.Check
	Problem     string    // why it could not be asked or mended; "" when it could
	Registered  time.Time // when the address was last given to the provider; zero: not since the plugin's start
	LastFailure string    // of a call of the provider's, as it tells
	FailedAt    time.Time
}

// subscription watches how a provider has an account registered, in one process.
type subscription struct {
	asking sync.Mutex // one question at a time
	mu     sync.Mutex
	end    context.CancelFunc // of the present watch; nil when there is none
	status atomic.Pointer[SubscriptionStatus]
}

// watchSubscription asks the provider soon, and then again and again, whether it calls this account's address.
func (a *account) watchSubscription(l *live) {
	a.leaveSubscription()
	if l.clients == nil || l.registration == nil {
		return
	}
	a.subscription.mu.Lock()
	defer a.subscription.mu.Unlock()
	ctx, end := context.WithCancel(a.host.life)
	a.subscription.end = end
	a.host.background(func() {
		defer end()
		pause := a.host.policy.firstCheck
		for {
			timer := time.NewTimer(pause)
			select {
			case <-timer.C:
			case <-l.exited():
				timer.Stop()
				return
			case <-ctx.Done():
				timer.Stop()
				return
			}
			a.checkSubscription(ctx, l)
			pause = a.host.policy.checkEvery
		}
	})
}

func (a *account) leaveSubscription() {
	a.subscription.mu.Lock()
	defer a.subscription.mu.Unlock()
	if a.subscription.end != nil {
		a.subscription.end()
		a.subscription.end = nil
	}
}

// checkSubscription asks the provider, and registers the address where that mends what failed.
func (a *account) checkSubscription(ctx context.Context, l *live) *SubscriptionStatus {
	a.subscription.asking.Lock()
	defer a.subscription.asking.Unlock()
	ctx, cancel := context.WithTimeout(ctx, validateLimit)
	defer cancel()
	now := SubscriptionStatus{At: time.Now()}
	former := a.subscription.status.Load()
	if former != nil {
		now.Registered = former.Registered
	}
	start := time.Now()
	r, err := l.registration.CheckSubscription(ctx, &channelv1.CheckSubscriptionRequest{Account: a.id})
	a.supervisor.stats.record(methodCheckSubscription, time.Since(start), err)
	if err == nil && r.GetRegister() {
		start = time.Now()
		var registered *channelv1.RegisterResponse
		registered, err = l.registration.Register(ctx, &channelv1.RegisterRequest{Account: a.id})
		a.supervisor.stats.record(methodRegister, time.Since(start), err)
		if err == nil {
			now.Registered = time.Now()
			a.host.log.Info("the provider was given the address of an account", "account", a.id, "plugin", a.supervisor.name)
			r.Checks = registered.GetChecks()
		}
	}
	if err != nil {
		now.Problem = a.failed("the provider could not be asked", err).Error()
	}
	now.Checks = checksOf(r.GetChecks())
	now.LastFailure = mask(r.GetLastFailure(), a.settings.Load().secrets)
	if r.GetLastFailureAt() != nil {
		now.FailedAt = r.GetLastFailureAt().AsTime()
	}
	if ctx.Err() != nil && err != nil {
		return &now // it was let go: that says nothing about the provider
	}
	a.subscription.status.Store(&now)
	if text, before := now.trouble(), former.trouble(); text != "" && text != before {
		a.host.options.Alert(Alert{
			Plugin: a.supervisor.name, Account: a.id, Code: "account-not-called",
			Text: fmt.Sprintf("The provider does not call the account %s: %s.", a.id, strings.TrimSuffix(text, ".")),
		})
	}
	return &now
}

// trouble is what keeps the provider from calling; "" when nothing is known to.
func (s *SubscriptionStatus) trouble() string {
	if s == nil {
		return ""
	}
	for _, c := range s.Checks {
		if c.State == core.CheckFailed {
			return c.Title + ": " + c.Detail
		}
	}
	return s.Problem
}

// unregister asks the provider to call no more, best effort: the account is going.
func (a *account) unregister(ctx context.Context, l *live) {
	a.leaveSubscription()
	if l.clients == nil || l.registration == nil {
		return
	}
	if _, err := l.registration.Unregister(ctx, &channelv1.UnregisterRequest{Account: a.id}); err != nil {
		a.host.log.Warn("the provider could not be told to call no more", "account", a.id, "error", a.failed("unregister", err))
	}
}
