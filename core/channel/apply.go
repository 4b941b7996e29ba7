package channel

import (
	"context"
	"fmt"
	"sync"

	"github.com/guichet/guichet/core"
)

// Apply makes the running plugins and open accounts agree with a setup: it starts the plugins that accounts need, opens
// new accounts, replaces settings that changed, closes accounts that are gone, and stops plugins that no account needs.
// It does not wait for processes to start. What cannot be done for one account is an error that does not keep the
// others from being done.
func (h *Host) Apply(setup *core.Setup) error {
	h.applying.Lock()
	defer h.applying.Unlock()
	h.mu.Lock()
	stopped := h.stopped
	h.mu.Unlock()
	if stopped {
		return core.Errorf(core.Unavailable, "the plugin host has been stopped")
	}

	former := *h.accounts.Load()
	all, problems := h.configuredAll(setup)
	next := make(map[string]*account, len(setup.Accounts))
	var changed, added []*account
	for id, configured := range setup.Accounts {
		settings := all[id]
		if settings == nil {
			if a := former[id]; a != nil && a.supervisor.name == configured.Plugin {
				next[id] = a // as it was
			}
			continue
		}
		a := former[id]
		if a == nil || a.supervisor.name != configured.Plugin {
			settings.wire.Revision = h.nextRevision()
			a = h.newAccount(id, h.supervisorOf(configured.Plugin), settings)
			added = append(added, a)
		} else if before := a.settings.Load(); !settings.same(before) {
			settings.wire.Revision = h.nextRevision()
			a.settings.Store(settings)
			changed = append(changed, a)
		}
		next[id] = a
	}
	// New accounts are known before their plugin can ask for them.
	h.accounts.Store(&next)

	ctx, cancel := context.WithTimeout(h.life, h.policy.openLimit)
	defer cancel()
	for id, a := range former {
		if next[id] != a {
			a.supervisor.accounts.remove(ctx, a)
		}
	}
	for _, a := range added {
		a.supervisor.accounts.add(ctx, a)
	}
	for _, a := range changed {
		a.supervisor.accounts.reopen(ctx, a)
		a.supervisor.restart() // new settings may be what it waits for
	}
	h.startAndStop(next)
	if len(problems) > 0 {
		return core.Errorf(core.Invalid, "some accounts keep their former settings: %w", joined(problems))
	}
	return nil
}

func joined(problems []error) error {
	err := problems[0]
	for _, p := range problems[1:] {
		err = fmt.Errorf("%w; %w", err, p)
	}
	return err
}

// startAndStop starts the supervisors of plugins that accounts need and stops the others, without waiting for either.
func (h *Host) startAndStop(accounts map[string]*account) {
	needed := map[*supervisor]bool{}
	for _, a := range accounts {
		needed[a.supervisor] = true
	}
	h.mu.Lock()
	var idle []*supervisor
	for name, s := range h.supervisors {
		if needed[s] {
			s.begin.Do(s.start)
		} else {
			delete(h.supervisors, name)
			idle = append(idle, s)
		}
	}
	h.mu.Unlock()
	for _, s := range idle {
		// The next process of this plugin, if it comes soon, must not wipe the sockets of the one that drains.
		h.leaving.Store(s.name, s.done)
		h.work.Go(func() {
			s.begin.Do(s.start) // also one that never began must come to its end
			s.stop()
			h.leaving.CompareAndDelete(s.name, s.done)
		})
	}
}

// supervisorOf returns the supervisor of a plugin, a new one where there is none. It does not start it.
func (h *Host) supervisorOf(plugin string) *supervisor {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.supervisors[plugin]; s != nil {
		return s
	}
	s := newSupervisor(plugin, h.launcher(plugin), h.policy, h.log, h.options.Alert)
	if former, ok := h.leaving.Load(plugin); ok {
		s.launcher = &afterLauncher{former: former.(chan struct{}), launcher: s.launcher}
	}
	s.ready = s.accounts.enter
	s.upkeep = s.accounts.retryOpen
	s.serving = func(l *live) {
		s.accounts.mu.Lock()
		defer s.accounts.mu.Unlock()
		for _, a := range s.accounts.byID {
			a.wakeSpool()
		}
	}
	h.supervisors[plugin] = s
	return s
}

// afterLauncher waits for a former process of the same plugin to be gone before the first start.
type afterLauncher struct {
	former <-chan struct{}
	launcher
}

func (l *afterLauncher) launch(ctx context.Context) (process, error) {
	select {
	case <-l.former:
		return l.launcher.launch(ctx)
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (h *Host) newAccount(id string, s *supervisor, settings *accountSettings) *account {
	a := &account{
		id: id, host: h, supervisor: s, slots: make(chan struct{}, h.options.AccountConcurrency),
		ledger: ledger{state: h.options.State, account: id},
	}
	a.settings.Store(settings)
	closed := "the plugin has not been started yet"
	a.openError.Store(&closed)
	a.spooled.init(h.options.Spool != nil)
	return a
}

// nextRevision numbers settings over all accounts. It starts again with the host, like the plugins.
func (h *Host) nextRevision() uint64 { return h.revision.Add(1) }

// accountSet is the accounts of one plugin, opened in each new process before it takes calls.
type accountSet struct {
	mu   sync.Mutex
	byID map[string]*account
	in   *live // the process in which they are open; nil before the first
}

// enter opens the accounts in a new process, side by side.
func (s *accountSet) enter(ctx context.Context, l *live) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.in = l
	var opening sync.WaitGroup
	for _, a := range s.byID {
		opening.Go(func() { a.open(ctx, l) })
	}
	opening.Wait()
}

func (s *accountSet) add(ctx context.Context, a *account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.byID == nil {
		s.byID = map[string]*account{}
	}
	s.byID[a.id] = a
	if s.running() {
		a.open(ctx, s.in)
	}
}

func (s *accountSet) reopen(ctx context.Context, a *account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.running() {
		a.open(ctx, s.in)
	}
}

func (s *accountSet) remove(ctx context.Context, a *account) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.byID, a.id)
	a.removed.Store(true)
	if s.running() {
		a.closeIn(ctx, s.in)
	}
}

// running reports whether the process that was entered last is still there.
func (s *accountSet) running() bool {
	if s.in == nil {
		return false
	}
	select {
	case <-s.in.exited():
		return false
	default:
		return true
	}
}

// retryOpen tries accounts that could not be opened again.
func (s *accountSet) retryOpen(ctx context.Context) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.byID {
		if a.openError.Load() != nil && s.running() {
			a.open(ctx, s.in)
		}
	}
}

// endPulls ends the fetching of all accounts: their process is going.
func (s *accountSet) endPulls() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.byID {
		a.endPull()
	}
}
