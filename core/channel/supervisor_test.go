package channel

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// fakeLauncher starts processes that live as long as the test says.
type fakeLauncher struct {
	mu       sync.Mutex
	launched []time.Duration // when, since the first
	first    time.Time
	fail     error
	life     time.Duration // 0: until ended
	mute     bool          // does not answer health checks
	drains   int
	last     *fakeProcess
}

func (l *fakeLauncher) launch(context.Context) (process, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.first.IsZero() {
		l.first = time.Now()
	}
	l.launched = append(l.launched, time.Since(l.first))
	if l.fail != nil {
		return nil, &launchError{err: l.fail, output: "what it wrote"}
	}
	p := &fakeProcess{launcher: l, gone: make(chan struct{})}
	if l.life > 0 {
		time.AfterFunc(l.life, p.die)
	}
	l.last = p
	return p, nil
}

func (l *fakeLauncher) set(change func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	change()
}

func (l *fakeLauncher) starts() []time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.launched)
}

func (l *fakeLauncher) process() *fakeProcess {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

type fakeProcess struct {
	launcher *fakeLauncher
	once     sync.Once
	gone     chan struct{}
	gently   bool
}

func (p *fakeProcess) die()                    { p.once.Do(func() { close(p.gone) }) }
func (p *fakeProcess) pid() int                { return 7 }
func (p *fakeProcess) clients() *clients       { return &clients{} }
func (p *fakeProcess) exited() <-chan struct{} { return p.gone }
func (p *fakeProcess) output() string          { return "last words" }
func (p *fakeProcess) hide([]string)           {}

func (p *fakeProcess) health(ctx context.Context) error {
	p.launcher.mu.Lock()
	mute := p.launcher.mute
	p.launcher.mu.Unlock()
	if mute {
		<-ctx.Done()
		return ctx.Err()
	}
	return nil
}

func (p *fakeProcess) drain(context.Context) error {
	p.launcher.mu.Lock()
	defer p.launcher.mu.Unlock()
	p.launcher.drains++
	return nil
}

func (p *fakeProcess) end(gently bool) string {
	p.gently = gently
	p.die()
	return "exit status 1"
}

// supervise runs a supervisor without jitter in a bubble of fake time.
func supervise(t *testing.T, l *fakeLauncher, test func(s *supervisor, alerts chan Alert)) {
	t.Helper()
	synctest.Test(t, func(*testing.T) {
		alerts := make(chan Alert, 10)
		p := standardPolicy()
		p.random = func() float64 { return 0.5 }
		s := newSupervisor("fake", l, p, slog.New(slog.DiscardHandler), func(a Alert) { alerts <- a })
		s.start()
		synctest.Wait()
		test(s, alerts)
		s.stop()
		if got := s.status().State; got != Stopped {
			t.Errorf("after the stop it is %s", got)
		}
	})
}

func TestCrashLoopBacksOffAndFails(t *testing.T) {
	l := &fakeLauncher{fail: errors.New("exec format error")}
	supervise(t, l, func(s *supervisor, alerts chan Alert) {
		time.Sleep(time.Minute)
		synctest.Wait()
		// The first restart is immediate; then 1 s, 2 s, 4 s, 8 s; the sixth exit makes it failed.
		want := []time.Duration{0, 0, time.Second, 3 * time.Second, 7 * time.Second, 15 * time.Second}
		if got := l.starts(); !slices.Equal(got, want) {
			t.Errorf("started at %v, want %v", got, want)
		}
		status := s.status()
		if status.State != Failed || status.LastExit.Output != "what it wrote" || status.Restarts != 5 {
			t.Errorf("status %+v", status)
		}
		if a := <-alerts; a.Code != "plugin-failed" || a.Output != "what it wrote" {
			t.Errorf("alert %+v", a)
		}
		time.Sleep(29*time.Minute + time.Second)
		synctest.Wait()
		if got := l.starts()[len(want):]; !slices.Equal(got, []time.Duration{15*time.Minute + 15*time.Second}) {
			t.Errorf("then at %v", got)
		}
		if len(alerts) != 0 {
			t.Error("the same alert was raised again")
		}

		// It is mended: after five good minutes it is trusted again, and the next exit is the first.
		l.set(func() { l.fail = nil })
		s.restart()
		synctest.Wait()
		if got := s.status().State; got != Running {
			t.Errorf("after the mending it is %s", got)
		}
		time.Sleep(5*time.Minute + time.Second)
		synctest.Wait()
		if a := <-alerts; a.Code != "plugin-recovered" {
			t.Errorf("alert %+v", a)
		}
		before := len(l.starts())
		l.process().die()
		synctest.Wait()
		if got := len(l.starts()); got != before+1 {
			t.Errorf("%d starts after the exit, want 1 at once", got-before)
		}
	})
}

func TestBackoffStaysBelowTwoMinutes(t *testing.T) {
	p := standardPolicy()
	for exits := range 100 {
		for _, r := range []float64{0, 0.5, 1} {
			p.random = func() float64 { return r }
			d := p.backoff(exits)
			if exits <= 1 && d != 0 {
				t.Errorf("after %d exits it waits %s", exits, d)
			}
			if exits > 1 && (d < 800*time.Millisecond || d > 144*time.Second) {
				t.Errorf("after %d exits it waits %s", exits, d)
			}
		}
	}
	p.random = func() float64 { return 0 }
	if d := p.backoff(60); d != 96*time.Second {
		t.Errorf("the longest pause less a fifth is %s", d)
	}
}

func TestRareExitsAreForgotten(t *testing.T) {
	l := &fakeLauncher{life: 6 * time.Minute}
	supervise(t, l, func(s *supervisor, alerts chan Alert) {
		time.Sleep(24 * time.Hour)
		synctest.Wait()
		if got := len(l.starts()); got != 24*10+1 {
			t.Errorf("%d starts in a day", got)
		}
		if s.status().State != Running || len(alerts) != 0 {
			t.Errorf("status %+v, %d alerts", s.status(), len(alerts))
		}
	})
}

func TestMutePluginIsEnded(t *testing.T) {
	l := &fakeLauncher{mute: true}
	supervise(t, l, func(s *supervisor, _ chan Alert) {
		first := l.process()
		// Checks begin after 15, 30 and 45 s, and are given 5 s each.
		time.Sleep(50*time.Second - time.Millisecond)
		synctest.Wait()
		select {
		case <-first.gone:
			t.Error("it was ended before the third miss")
		default:
		}
		l.set(func() { l.mute = false })
		time.Sleep(2 * time.Millisecond)
		synctest.Wait()
		if first.gently {
			t.Error("a process that does not answer was asked to end")
		}
		if got := s.status(); got.State != Running || got.Restarts != 1 || got.LastExit.Reason != "it did not answer 3 health checks in a row" {
			t.Errorf("status %+v, %+v", got, got.LastExit)
		}
	})
}

func TestStopDrains(t *testing.T) {
	l := &fakeLauncher{}
	supervise(t, l, func(s *supervisor, _ chan Alert) {
		s.stop()
		if l.drains != 1 || !l.process().gently {
			t.Errorf("%d drains, gently %v", l.drains, l.process().gently)
		}
		if _, err := s.await(t.Context(), 0); !errors.Is(err, errDown) {
			t.Errorf("waiting for a stopped plugin: %v", err)
		}
	})
}

// TestBounce restarts again and again: that drains each time and is not held against the plugin.
func TestBounce(t *testing.T) {
	l := &fakeLauncher{}
	supervise(t, l, func(s *supervisor, alerts chan Alert) {
		for n := 1; n <= 10; n++ {
			s.bounce()
			synctest.Wait()
			if starts := l.starts(); len(starts) != n+1 || starts[n] != 0 {
				t.Fatalf("starts %v", starts)
			}
		}
		if l.drains != 10 || len(alerts) != 0 {
			t.Errorf("%d drains, %d alerts", l.drains, len(alerts))
		}
	})
}

func TestAwait(t *testing.T) {
	l := &fakeLauncher{fail: errors.New("not yet")}
	supervise(t, l, func(s *supervisor, _ chan Alert) {
		// The next start is in 1 s: not worth waiting for with a patience of 500 ms, worth it with 2 s.
		short, cancel := context.WithTimeout(context.Background(), 500*time.Millisecond)
		defer cancel()
		start := time.Now()
		if _, err := s.await(short, 0); !errors.Is(err, errDown) || time.Since(start) != 0 {
			t.Errorf("it waited %s: %v", time.Since(start), err)
		}
		l.set(func() { l.fail = nil })
		long, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		got, err := s.await(long, 0)
		if err != nil || time.Since(start) != time.Second {
			t.Fatalf("it waited %s: %v", time.Since(start), err)
		}
		if again, err := s.await(long, got.generation-1); err != nil || again != got {
			t.Errorf("the running one: %v, %v", again, err)
		}
		if _, err := s.await(long, got.generation); !errors.Is(err, errDown) || time.Since(start) != 2*time.Second {
			t.Errorf("a later one: %v after %s", err, time.Since(start))
		}
	})
}

func TestCallsWaitUntilAccountsAreOpen(t *testing.T) {
	l := &fakeLauncher{}
	synctest.Test(t, func(t *testing.T) {
		s := newSupervisor("fake", l, standardPolicy(), slog.New(slog.DiscardHandler), func(Alert) {})
		opened := false
		s.ready = func(ctx context.Context, _ *live) {
			pause(ctx, time.Second)
			opened = true
		}
		s.start()
		if _, err := s.await(t.Context(), 0); err != nil || !opened {
			t.Errorf("taken with accounts open %v: %v", opened, err)
		}
		s.stop()
	})
}
