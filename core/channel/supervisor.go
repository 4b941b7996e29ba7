package channel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// State is where a plugin's process stands.
type State string

// The states of a plugin.
const (
	Stopped    State = "stopped"
	Starting   State = "starting"
	Running    State = "running"
	BackingOff State = "backing-off" // it ended; the next start is soon
	Failed     State = "failed"      // it ends again and again; it is still tried every 15 minutes
)

// errDown means that there is no process to ask within the caller's patience.
var errDown = errors.New("the plugin is not running")

// launcher starts a process of one plugin.
type launcher interface {
	launch(ctx context.Context) (process, error)
}

// process is one running plugin.
type process interface {
	pid() int
	clients() *clients
	// exited is closed when the process is gone or no longer speaks.
	exited() <-chan struct{}
	// health asks whether it can still work.
	health(ctx context.Context) error
	// drain lets it finish.
	drain(ctx context.Context) error
	// end ends the process and everything it started, if still there, and returns how it ended. With gently, it is
	// first asked.
	end(gently bool) (reason string)
	// output is what it last wrote, without the secrets that hide named.
	output() string
	hide(secrets []string)
}

// launchError is a failed start with what the process wrote.
type launchError struct {
	err    error
	output string
}

func (e *launchError) Error() string { return e.err.Error() }
func (e *launchError) Unwrap() error { return e.err }

// live is a process that takes calls.
type live struct {
	process
	*clients
	generation uint64 // counts the starts
	since      time.Time
	link       *link // of its live connections; nil where it has none
}

// Exit is how a process ended.
type Exit struct {
	At     time.Time
	After  time.Duration // how long it ran; 0 when it did not start
	Reason string
	Output string // the last of what it wrote
	Asked  bool   // somebody asked for a restart
}

// supervisor keeps one plugin running: it starts it, notices its end, and starts it again with pauses.
//
// One goroutine (run) makes all decisions; what others look at is behind mu or atomic.
type supervisor struct {
	name     string
	launcher launcher
	policy   policy
	log      *slog.Logger
	alert    func(Alert)
	// ready opens the accounts in a new process, before it takes calls. It is called with the process's context, which
	// ends when it exits.
	ready func(ctx context.Context, l *live)
	// serving is told that a process takes calls.
	serving func(l *live)

	// upkeep is called at each health check, while the plugin runs.
	upkeep   func(ctx context.Context)
	accounts accountSet

	begin    sync.Once // of start
	stopping context.Context
	halt     context.CancelFunc
	again    chan struct{}   // asks for a start without waiting for the pause to end
	upgrades chan chan error // asks for a process of another version; the answer says how it went
	retiring sync.WaitGroup  // processes that drain because another has taken their place
	retired  atomic.Int32    // how many there are
	bounced  chan struct{}   // asks for the end of the running process, and a start
	forgiven chan struct{}   // says that the cause of the last exits is gone
	spooling sync.RWMutex    // held for writing while a spooled request is handled that may end the process
	done     chan struct{}
	stats    statistics

	current atomic.Pointer[live]

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced at each change
	state    State
	nextAt   time.Time // of the next start, in BackingOff and Failed
	starts   uint64
	lastExit *Exit
	failed   bool // an alert was raised and not taken back
}

func newSupervisor(name string, l launcher, p policy, log *slog.Logger, alert func(Alert)) *supervisor {
	s := &supervisor{
		name: name, launcher: l, policy: p, log: log.With("plugin", name), alert: alert,
		ready: func(context.Context, *live) {}, serving: func(*live) {}, upkeep: func(context.Context) {},
		again: make(chan struct{}, 1), bounced: make(chan struct{}, 1), upgrades: make(chan chan error), forgiven: make(chan struct{}, 1), done: make(chan struct{}), changed: make(chan struct{}), state: Stopped,
	}
	s.stopping, s.halt = context.WithCancel(context.Background())
	return s
}

// start begins supervision.
func (s *supervisor) start() { go s.run() }

// stop drains and ends the process, for good.
func (s *supervisor) stop() {
	s.halt()
	<-s.done
}

// restart starts a plugin that waits in a pause at once.
func (s *supervisor) restart() {
	select {
	case s.again <- struct{}{}:
	default:
	}
}

// bounce drains and ends the running process and starts it again; one that waits in a pause is started at once.
func (s *supervisor) bounce() {
	if s.current.Load() == nil {
		s.restart()
		return
	}
	select {
	case s.bounced <- struct{}{}:
	default:
	}
}

// forgive forgets the exits so far: what ended the process will not come again.
func (s *supervisor) forgive() {
	select {
	case s.forgiven <- struct{}{}:
	default:
	}
}

func (s *supervisor) set(state State, nextAt time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.state, s.nextAt = state, nextAt
	close(s.changed)
	s.changed = make(chan struct{})
}

func (s *supervisor) run() {
	defer close(s.done)
	defer s.set(Stopped, time.Time{})
	defer s.retiring.Wait()
	var (
		row   int         // exits in a row, without a healthy run between them
		exits []time.Time // within policy.failWithin
	)
	for s.stopping.Err() == nil {
		s.set(Starting, time.Time{})
		exit := s.runOnce(func() {
			row, exits = 0, nil
			s.recovered()
		})
		if s.stopping.Err() != nil {
			return
		}
		now := time.Now()
		s.mu.Lock()
		s.lastExit = &exit
		s.mu.Unlock()
		if exit.Asked {
			s.log.Info("the plugin is started again, as somebody asked")
			row, exits = 0, nil
			continue
		}
		row++
		exits = append(exits, now)
		for len(exits) > 0 && now.Sub(exits[0]) > s.policy.failWithin {
			exits = exits[1:]
		}
		s.log.Error("the plugin ended", "reason", exit.Reason, "after", exit.After, "in_a_row", row)
		state, pause := BackingOff, s.policy.backoff(row)
		if s.isFailed() || len(exits) >= s.policy.failAfter {
			state, pause = Failed, s.policy.failedRetry
			s.fail(exit, len(exits))
		}
		if pause == 0 {
			continue
		}
		s.set(state, now.Add(pause))
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-s.again:
			timer.Stop()
		case <-s.stopping.Done():
			timer.Stop()
		}
	}
}

// runOnce runs one process from its start to its end. healthy is called once it has run long enough to be trusted, or
// the cause of earlier exits is gone.
func (s *supervisor) runOnce(healthy func()) Exit {
	s.mu.Lock()
	s.starts++
	generation := s.starts
	s.mu.Unlock()
	p, err := s.launcher.launch(s.stopping)
	if err != nil {
		exit := Exit{At: time.Now(), Reason: "it did not start: " + err.Error()}
		var failed *launchError
		if errors.As(err, &failed) {
			exit.Output = failed.output
		}
		return exit
	}
	l := &live{process: p, clients: p.clients(), generation: generation, since: time.Now()}
	opening, opened := s.whileThere(l, s.policy.openLimit)
	s.ready(opening, l)
	opened()
	if l.clients != nil && l.clients.live != nil {
		l.link = newLink(l.clients.live, s.log, p.exited())
	}
	s.current.Store(l)
	s.set(Running, time.Time{})
	s.log.Info("the plugin runs", "pid", p.pid(), "start", generation)
	s.serving(l)

	reason, asked, next := s.attend(l, healthy)
	for next != nil {
		l, p = next, next.process
		reason, asked, next = s.attend(l, healthy)
	}
	s.current.Store(nil) // calls that come from here on wait for the next process
	if s.stopping.Err() == nil {
		s.set(Starting, time.Time{})
	}
	gently := asked || s.stopping.Err() != nil
	s.accounts.endPulls()
	if gently {
		if !asked {
			l.link.close(closeGoingAway, "the server is stopping")
		}
		drain, cancel := context.WithTimeout(context.Background(), s.policy.drainLimit)
		if err := p.drain(drain); err != nil {
			s.log.Warn("the plugin did not drain", "error", err)
		}
		cancel()
	}
	l.link.close(closeRestart, "service restart")
	ended := p.end(gently)
	l.link.wait()
	if reason == "" {
		reason = ended
	}
	return Exit{At: time.Now(), After: time.Since(l.since), Reason: reason, Output: p.output(), Asked: asked}
}

// attend watches a running process until it ends, has to be ended, or is to be stopped. It returns why it has to be
// ended, or the process that has taken its place.
func (s *supervisor) attend(l *live, healthy func()) (reason string, asked bool, next *live) {
	trusted := time.NewTimer(s.policy.healthyAfter)
	defer trusted.Stop()
	ticker := time.NewTicker(s.policy.healthEvery)
	defer ticker.Stop()
	answers := make(chan error, 1)
	asking, misses := false, 0
	for {
		select {
		case <-l.exited():
			return "", false, nil
		case <-s.stopping.Done():
			return "", false, nil
		case <-s.bounced:
			return "somebody asked for a restart", true, nil
		case answer := <-s.upgrades:
			next, err := s.succeed(l)
			answer <- err
			if err == nil {
				return "", false, next
			}
		case <-trusted.C:
			healthy()
		case <-s.forgiven:
			healthy()
		case <-s.again:
			// It runs: there is nothing to hurry.
		case <-ticker.C:
			if asking {
				continue
			}
			asking = true
			go func() {
				ctx, cancel := context.WithTimeout(s.stopping, s.policy.healthLimit)
				defer cancel()
				err := l.health(ctx)
				if err == nil {
					s.upkeep(ctx)
				}
				answers <- err
			}()
		case err := <-answers:
			asking = false
			if err == nil {
				misses = 0
				continue
			}
			misses++
			s.log.Warn("the plugin missed a health check", "misses", misses, "error", err)
			if misses >= s.policy.healthMisses {
				return fmt.Sprintf("it did not answer %d health checks in a row", misses), false, nil
			}
		}
	}
}

func (s *supervisor) isFailed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

func (s *supervisor) fail(exit Exit, exits int) {
	s.mu.Lock()
	first := !s.failed
	s.failed = true
	s.mu.Unlock()
	if first {
		s.alert(Alert{
			Plugin: s.name, Code: "plugin-failed", Output: exit.Output,
			Text: fmt.Sprintf("The plugin %s ended %d times in %s and is now tried every %s only: %s.",
				s.name, exits, s.policy.failWithin, s.policy.failedRetry, exit.Reason),
		})
	}
}

func (s *supervisor) recovered() {
	s.mu.Lock()
	was := s.failed
	s.failed = false
	s.mu.Unlock()
	if was {
		s.alert(Alert{Plugin: s.name, Code: "plugin-recovered", Text: fmt.Sprintf("The plugin %s runs steadily again.", s.name)})
	}
}
