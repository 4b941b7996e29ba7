package channel

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
)

// Upgrade replaces the running process of a plugin by one of the version that Find names now. The new process is started
// and the accounts are opened in it before the calls go there; then the old one drains and ends. If the new one does not
// come up the old one goes on, and the error says why. A plugin that no account needs has nothing to replace; one that is
// down is started.
func (h *Host) Upgrade(ctx context.Context, plugin string) error {
	h.mu.Lock()
	s, former := h.supervisors[plugin], h.manifests[plugin]
	if s == nil {
		delete(h.manifests, plugin) // what it was is of no use any more
	}
	h.mu.Unlock()
	if s == nil {
		return nil
	}
	if s.current.Load() == nil {
		s.restart()
		return nil
	}
	answer := make(chan error, 1)
	select {
	case s.upgrades <- answer:
	case <-s.done:
		return core.Errorf(core.Unavailable, "the plugin %s is being stopped", plugin)
	case <-ctx.Done():
		return ctx.Err()
	}
	err := <-answer
	if err == nil {
		return nil
	}
	if former != nil {
		h.described(plugin, former)
	}
	h.options.Alert(Alert{
		Plugin: plugin, Code: "upgrade-failed",
		Text: fmt.Sprintf("The new version of the plugin %s did not come up, the former one goes on: %v.", plugin, err),
	})
	return err
}

// Forget drops what is remembered of a plugin that is removed.
func (h *Host) Forget(plugin string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.supervisors[plugin] == nil {
		delete(h.manifests, plugin)
	}
}

// runs reports whether a process of the plugin is there, also one that drains.
func (h *Host) runs(plugin string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.supervisors[plugin]
	return s != nil && (s.current.Load() != nil || s.retired.Load() > 0)
}

// succeed starts the process that follows a running one, and lets the accounts and the calls move there. On error the
// former one has them as before.
func (s *supervisor) succeed(former *live) (*live, error) {
	s.mu.Lock()
	s.starts++
	generation := s.starts
	s.mu.Unlock()
	s.log.Info("a new version of the plugin is started beside the running one")
	p, err := s.launcher.launch(s.stopping)
	if err != nil {
		return nil, err
	}
	l := &live{process: p, clients: p.clients(), generation: generation, since: time.Now()}
	opening, opened := s.whileThere(l, s.policy.openLimit)
	err = s.accounts.move(opening, l)
	opened()
	select {
	case <-p.exited():
		err = errors.New("it ended while the accounts were opened in it: " + p.end(false))
	default:
	}
	if err != nil {
		p.end(false)
		return nil, err
	}
	if l.clients != nil && l.clients.live != nil {
		l.link = newLink(l.clients.live, s.log, p.exited())
	}
	s.current.Store(l)
	s.set(Running, time.Time{})
	s.log.Info("the new version of the plugin runs", "pid", p.pid(), "start", generation)
	s.serving(l)
	stopping, stopped := s.whileThere(l, s.policy.drainLimit)
	s.accounts.movePulls(stopping, former, l)
	stopped()
	s.retired.Add(1)
	s.retiring.Go(func() {
		defer s.retired.Add(-1)
		s.retire(former)
	})
	return l, nil
}

// whileThere is a time to do something in a process, which ends with it.
func (s *supervisor) whileThere(l *live, limit time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(s.stopping, limit)
	go func() {
		select {
		case <-l.exited():
			cancel()
		case <-ctx.Done():
		}
	}()
	return ctx, cancel
}

// retire drains and ends a process that calls no longer go to.
func (s *supervisor) retire(l *live) {
	drain, cancel := context.WithTimeout(context.Background(), s.policy.drainLimit)
	defer cancel()
	if err := l.drain(drain); err != nil {
		s.log.Warn("the former version of the plugin did not drain", "error", err)
	}
	l.link.close(closeRestart, "service restart")
	reason := l.end(true)
	l.link.wait()
	s.log.Info("the former version of the plugin has ended", "pid", l.pid(), "reason", reason)
}

// move opens the accounts in a process that is to take another's place. It is an error when one that is open cannot be
// opened there; then nothing has changed.
func (s *accountSet) move(ctx context.Context, l *live) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	type result struct {
		account *account
		urls    []string
		err     error
	}
	results := make(chan result, len(s.byID))
	for _, a := range s.byID {
		go func() {
			urls, err := a.openIn(ctx, l)
			results <- result{a, urls, err}
		}()
	}
	var all []result
	var failed error
	for range s.byID {
		r := <-results
		all = append(all, r)
		if r.err != nil && r.account.openError.Load() == nil {
			failed = fmt.Errorf("the account %s cannot be opened in it: %w", r.account.id, r.err)
		}
	}
	if failed != nil {
		return failed
	}
	for _, r := range all {
		if r.err != nil {
			text := r.err.Error()
			r.account.openError.Store(&text)
			continue
		}
		r.account.opened(r.urls)
	}
	s.in = l
	return nil
}

// movePulls lets the accounts fetch in the process that has taken another's place.
func (s *accountSet) movePulls(ctx context.Context, from, to *live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var moving sync.WaitGroup
	for _, a := range s.byID {
		if a.openError.Load() == nil {
			moving.Go(func() {
				a.movePull(ctx, from, to)
				a.watchSubscription(to)
			})
		}
	}
	moving.Wait()
}
