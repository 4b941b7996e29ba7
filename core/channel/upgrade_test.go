package channel

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
)

func TestUpgradeTakesOver(t *testing.T) {
	s := newStrangers(t)
	s.approve(t, "1.0", "", "")
	former := s.run(t)
	// A call that the former version has begun comes to its end there.
	slow := make(chan core.Outcome, 1)
	go func() { slow <- s.Send(context.Background(), outgoing("slow")) }()
	until(t, "the former version sends", func() bool { return strings.Contains(s.log.String(), "sending slowly") })
	s.approve(t, "2.0", "", "")
	if err := s.Upgrade(t.Context(), "fake"); err != nil {
		t.Fatal(err)
	}
	if r, err := s.post(t, "shop", "callback", ids("a")); err != nil || r.Status != 200 {
		t.Fatalf("answered %+v, %v", r, err)
	}
	status := s.Status()[0]
	if status.Version != "2.0" || status.PID == former.pid() || status.Hash != s.current.Hash || status.State != Running || status.Accounts[0].Problem != "" {
		t.Errorf("after the upgrade: %+v", status)
	}
	if got := <-slow; got.Kind != core.OutcomeAccepted {
		t.Errorf("what the former version was sending: %+v", got)
	}
	until(t, "the former version ends", func() bool { return !alive(former.pid()) })
	if status := s.Status()[0]; status.LastExit != nil || len(s.alerts) != 0 {
		t.Errorf("an upgrade is no failure: %+v", status.LastExit)
	}
	// The next start, after a crash, is of the new version too.
	now := s.live(t, 0)
	if err := syscall.Kill(now.pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	s.live(t, now.generation)
	if v := s.Status()[0].Version; v != "2.0" {
		t.Errorf("version %s was started", v)
	}
}

// Requests that come all the while are answered, each once, and nobody waits for the new process.
func TestUpgradeLosesNothing(t *testing.T) {
	s := newStrangers(t)
	s.approve(t, "1.0", "", "")
	s.run(t)
	done := make(chan struct{})
	sent := make(chan int, 1)
	var failed atomic.Pointer[string]
	go func() {
		n := 0
		defer func() { sent <- n }()
		for ; ; n++ {
			select {
			case <-done:
				return
			default:
			}
			body := ids(strconv.Itoa(n))
			r, err := s.HandleHTTP(context.Background(), "shop", Request{
				Method: "POST", Path: "callback", Body: body, ReceivedAt: time.Now(), Headers: []Header{{"X-Signature", sign(fakeSecret, body)}},
			})
			if err != nil || r.Status != 200 {
				text := strconv.Itoa(r.Status) + " " + string(r.Body)
				failed.Store(&text)
				return
			}
		}
	}()
	for _, version := range []string{"2.0", "3.0"} {
		s.approve(t, version, "", "")
		if err := s.Upgrade(t.Context(), "fake"); err != nil {
			t.Fatal(err)
		}
	}
	close(done)
	if n := <-sent; failed.Load() != nil || len(s.received.ids()) != n || n == 0 {
		t.Errorf("%d requests, %d events, failed: %v", n, len(s.received.ids()), failed.Load())
	}
}

// A new version that does not come up leaves everything as it was, and says why.
func TestUpgradeThatFails(t *testing.T) {
	for behaviour, want := range map[string]string{
		"crashes": "start", "lies-about-version": `"9.9"`, "refuses": "the account shop cannot be opened in it: the new version refuses",
	} {
		t.Run(behaviour, func(t *testing.T) {
			s := newStrangers(t)
			s.approve(t, "1.0", "", "")
			former := s.run(t)
			first := s.current
			s.approve(t, "2.0", behaviour, "")
			err := s.Upgrade(t.Context(), "fake")
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("upgraded with %v", err)
			}
			s.mu.Lock()
			s.current = first
			s.mu.Unlock()
			if status := s.Status()[0]; status.PID != former.pid() || status.Version != "1.0" || status.Accounts[0].Problem != "" {
				t.Errorf("the former version: %+v", status)
			}
			if r, err := s.post(t, "shop", "callback", ids("a")); err != nil || r.Status != 200 {
				t.Errorf("answered %+v, %v", r, err)
			}
			told := false
			for len(s.alerts) > 0 {
				alert := <-s.alerts
				told = told || alert.Code == "upgrade-failed" && strings.Contains(alert.Text, want)
			}
			if !told {
				t.Error("nobody was told")
			}
		})
	}
}

// At no time do two processes fetch for one account, and nothing is fetched twice or not at all.
func TestUpgradeMovesPulls(t *testing.T) {
	s := newStrangers(t)
	// Confined as it is, the plugin reaches its provider's folder only below its working folder.
	folder := filepath.Join(s.options.Data, "plugins", "fake", "provider")
	if err := os.MkdirAll(folder, 0o700); err != nil {
		t.Fatal(err)
	}
	s.setup.Accounts["shop"].Settings["provider"] = folder
	s.approve(t, "1.0", "", "")
	offer(t, folder, 100)
	s.run(t)
	for i, version := range []string{"2.0", "3.0", "4.0"} {
		offer(t, folder, 1000*(i+1)) // the former version is in the middle of it
		s.approve(t, version, "", "")
		if err := s.Upgrade(t.Context(), "fake"); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "all are there", func() bool { return len(s.received.ids()) == 3000 })
	for i, id := range s.received.ids() {
		if id != fmt.Sprint("pulled-", i) {
			t.Fatalf("number %d is %s", i, id)
		}
	}
	if text := s.log.String(); strings.Contains(text, "two of us fetch") {
		t.Error("two calls of Pull were open at once")
	}
}

// One that does not drain is ended, while the new one works.
func TestUpgradeOfOneThatDoesNotDrain(t *testing.T) {
	s := newStrangers(t)
	s.policy.drainLimit = 300 * time.Millisecond
	s.approve(t, "1.0", "slow-drain", "")
	former := s.run(t)
	go s.Send(context.Background(), outgoing("never"))
	s.approve(t, "2.0", "", "")
	if err := s.Upgrade(t.Context(), "fake"); err != nil {
		t.Fatal(err)
	}
	if got := s.Send(t.Context(), outgoing("fine")); got.Kind != core.OutcomeAccepted {
		t.Errorf("sending: %+v", got)
	}
	until(t, "the former version is ended", func() bool { return !alive(former.pid()) })
}

func TestStopDuringAnUpgrade(t *testing.T) {
	s := newStrangers(t)
	s.approve(t, "1.0", "", "")
	s.run(t)
	s.approve(t, "2.0", "garbage", "") // which takes until the start's limit
	failed := make(chan error, 1)
	go func() { failed <- s.Upgrade(context.Background(), "fake") }()
	until(t, "the new version is started", func() bool { return strings.Contains(s.log.String(), "beside the running one") })
	s.Stop()
	if err := <-failed; err == nil {
		t.Error("it was upgraded while it was stopped")
	}
}

func TestLeakingPluginIsEnded(t *testing.T) {
	if !abilities().prelude {
		t.Skip("for Linux")
	}
	if raceDetector {
		t.Skip("the race detector takes more than that by itself")
	}
	s := newStrangers(t)
	s.approve(t, "1.0", "", `memory = "100 MB"`)
	former := s.run(t)
	_, _ = s.post(t, "shop", "leak", nil)
	s.live(t, former.generation)
	exit := s.Status()[0].LastExit
	if exit == nil || !strings.Contains(exit.Reason, "of memory, more than the 100 MB that it may use") {
		t.Errorf("it ended with %+v", exit)
	}
	if alert := <-s.alerts; alert.Code != "plugin-over-memory" || !strings.Contains(alert.Text, "100 MB") {
		t.Errorf("told: %+v", alert)
	}
}

// A flood of output costs neither memory nor a log without end.
func TestFloodIsBounded(t *testing.T) {
	s := newStrangers(t)
	s.approve(t, "1.0", "", "")
	l := s.run(t)
	s.ask(t, "flood", "")
	until(t, "all of it has come", func() bool { return strings.Contains(s.log.String(), "lines were not logged") })
	if n := strings.Count(s.log.String(), "\n"); n > 5000 {
		t.Errorf("%d lines were logged", n)
	}
	if n := len(l.output()); n > outputBytes {
		t.Errorf("%d bytes are kept", n)
	}
}
