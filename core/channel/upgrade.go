package channel

import (
	"context"
	"errors"
	"fmt"
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
	open := s.accounts.open()
	s.enterWithin(l)
	err = s.accounts.missing(open)
	select {
	case <-p.exited():
		err = errors.New("it ended while the accounts were opened in it: " + p.end(false))
	default:
	}
	if err != nil {
		p.end(false)
		s.enterWithin(former)
		return nil, err
	}
	if l.clients != nil && l.clients.live != nil {
		l.link = newLink(l.clients.live, s.log, p.exited())
	}
	s.current.Store(l)
	s.set(Running, time.Time{})
	s.log.Info("the new version of the plugin runs", "pid", p.pid(), "start", generation)
	s.serving(l)
	s.retired.Add(1)
	s.retiring.Go(func() {
		defer s.retired.Add(-1)
		s.retire(former)
	})
	return l, nil
}

// enterWithin opens the accounts in a process, in limited time, while it is there.
func (s *supervisor) enterWithin(l *live) {
	ctx, cancel := context.WithTimeout(s.stopping, s.policy.openLimit)
	defer cancel()
	go func() {
		select {
		case <-l.exited():
			cancel()
		case <-ctx.Done():
		}
	}()
	s.ready(ctx, l)
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

// open returns the accounts that are open.
func (s *accountSet) open() (open []*account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.byID {
		if a.openError.Load() == nil {
			open = append(open, a)
		}
	}
	return open
}

// missing says which of the accounts that were open is not any more.
func (s *accountSet) missing(open []*account) error {
	for _, a := range open {
		if problem := a.openError.Load(); problem != nil && !a.removed.Load() {
			return fmt.Errorf("the account %s cannot be opened in it: %s", a.id, *problem)
		}
	}
	return nil
}
