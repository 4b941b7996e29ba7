package channel

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
)

// hostMain is a host as a process of its own, to be killed.
func hostMain() {
	h, err := New(Options{Data: os.Args[1], Receiver: &receiver{}, Find: fakeSource})
	if err == nil {
		err = h.Apply(setupOf(fakeAccount("shop")))
	}
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	for h.Status()[0].PID == 0 {
		time.Sleep(5 * time.Millisecond)
	}
	fmt.Println(h.Status()[0].PID)
	select {}
}

// alive reports whether a process runs; a zombie does not.
func alive(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z")
}

func needProc(t *testing.T) {
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("needs /proc")
	}
}

func TestKilledHostLeavesNoPlugin(t *testing.T) {
	needProc(t)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	host := exec.Command(self, t.TempDir())
	host.Env = append(os.Environ(), fakeVariable+"=host")
	out, err := host.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := host.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	pid, err := strconv.Atoi(strings.TrimSpace(line))
	if err != nil {
		_ = host.Process.Kill()
		t.Fatalf("the host said %q", line)
	}
	if !alive(pid) {
		t.Fatalf("the plugin %d does not run", pid)
	}
	if err := host.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = host.Wait()
	until(t, "the plugin of a killed host ends", func() bool { return !alive(pid) })
}

func TestPluginsIgnoreSignalsAndDrain(t *testing.T) {
	needProc(t)
	b := newBench(t)
	l := b.run(t)
	outcome := make(chan core.Outcome, 1)
	go func() { outcome <- b.Send(context.Background(), outgoing("slow")) }()
	until(t, "the send has begun", func() bool { return strings.Contains(b.log.String(), "sending slowly") })
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		if err := syscall.Kill(-l.pid(), s); err != nil {
			t.Fatal(err)
		}
	}
	b.Stop()
	if got := <-outcome; got.Kind != core.OutcomeAccepted {
		t.Errorf("a send that was under way when the host stopped: %+v\n%s", got, b.log)
	}
	if alive(l.pid()) {
		t.Error("the plugin still runs")
	}
	if r := b.Send(t.Context(), outgoing("x")); r.Kind != core.OutcomeNotStarted {
		t.Errorf("a send after the stop: %+v", r)
	}
	if b.Apply(b.setup) == nil {
		t.Error("a stopped host took a setup")
	}
}

func TestCrashIsRestartedAtOnceAndShown(t *testing.T) {
	b := newBench(t)
	first := b.run(t)
	start := time.Now()
	// The request that kills the plugin is asked again, kills it again, and is then given up.
	if r, err := b.post(t, "shop", "crash", nil); err == nil || r.Status != 503 {
		t.Errorf("answered %+v, %v", r, err)
	}
	if took := time.Since(start); took > 10*time.Second {
		t.Errorf("it took %s", took)
	}
	b.live(t, first.generation+1)
	status := b.Status()[0]
	if status.State != Running || status.Restarts < 2 || status.Version != "3.1" || status.LastExit == nil {
		t.Fatalf("status %+v", status)
	}
	for _, want := range []string{"raw last words of •••", "panic: in a goroutine of the author's", "goroutine "} {
		if !strings.Contains(status.LastExit.Output, want) {
			t.Errorf("the last output lacks %q:\n%s", want, status.LastExit.Output)
		}
	}
	if strings.Contains(status.LastExit.Output, fakeSecret) || strings.Contains(b.log.String(), fakeSecret) {
		t.Error("a secret was logged")
	}
	if status.LastExit.Reason != "exit status 2" {
		t.Errorf("it ended with %q", status.LastExit.Reason)
	}
}

func TestRequestThatMeetsADyingPluginIsAskedAgain(t *testing.T) {
	b := newBench(t)
	b.run(t)
	if err := os.WriteFile(filepath.Join(b.options.Data, "plugins", "fake", "die-once"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	r, err := b.post(t, "shop", "callback", ids("before", "die-once"))
	if err != nil || r.Status != 200 {
		t.Fatalf("answered %+v, %v", r, err)
	}
	until(t, "the events are stored", func() bool { return len(b.received.ids()) == 2 })
	if got := b.Status()[0]; got.Restarts != 1 {
		t.Errorf("%d restarts", got.Restarts)
	}
}

func TestPanicHarmsOneRequestOnly(t *testing.T) {
	b := newBench(t)
	l := b.run(t)
	r, err := b.post(t, "shop", "panic", nil)
	if err == nil || r.Status != 503 || !strings.Contains(err.Error(), "panic in HandleHTTP") {
		t.Errorf("answered %+v, %v", r, err)
	}
	if now := b.live(t, 0); now.pid() != l.pid() {
		t.Error("the process was replaced")
	}
	until(t, "the stack is in the log", func() bool { return strings.Contains(b.log.String(), "special") })
	if strings.Contains(b.log.String(), fakeSecret) {
		t.Error("a secret was logged")
	}
}

func TestHangHarmsNoOther(t *testing.T) {
	b := newBench(t, func(o *Options) { o.AccountConcurrency = 4 })
	b.setup = setupOf(fakeAccount("shop"), fakeAccount("other"))
	b.run(t)
	type answer struct {
		Response
		took time.Duration
	}
	answers := make(chan answer, 20)
	for range 20 {
		go func() {
			start := time.Now()
			r, _ := b.HandleHTTP(context.Background(), "shop", Request{Method: "POST", Path: "hang", ReceivedAt: time.Now()})
			answers <- answer{r, time.Since(start)}
		}()
	}
	for range 20 {
		if r, err := b.post(t, "other", "callback", ids(strconv.Itoa(len(b.received.ids())))); err != nil || r.Status != 200 {
			t.Errorf("the other account got %+v, %v", r, err)
		}
	}
	for range 20 {
		// 1.5 s, and some for a busy machine; also for those that wait for a slot.
		if r := <-answers; r.Status != 503 || r.took < b.policy.callLimit || r.took > b.policy.callLimit+5*time.Second {
			t.Errorf("a hanging request got %+v", r)
		}
	}
}

func TestOutputIsLoggedAndHarmless(t *testing.T) {
	b := newBench(t)
	b.run(t)
	if r, err := b.post(t, "shop", "output", nil); err != nil || r.Status != 200 {
		t.Fatalf("answered %+v, %v", r, err)
	}
	until(t, "the output is logged", func() bool {
		log := b.log.String()
		return strings.Contains(log, "on stdout") && strings.Contains(log, "@message") && strings.Contains(log, "the token is •••") &&
			strings.Contains(log, "t=•••") && strings.Contains(log, "account=shop")
	})
	if strings.Contains(b.log.String(), fakeSecret) {
		t.Error("a secret was logged")
	}
	if tail := b.live(t, 0).output(); len(tail) > outputBytes || !strings.Contains(tail, "on stdout") && !strings.Contains(tail, "the token is") {
		t.Errorf("%d bytes of output are kept", len(tail))
	}
}

func TestSurroundingsAreClean(t *testing.T) {
	t.Setenv("GUICHET_SECRET_OF_THE_HOST", "x")
	t.Setenv("TZ", "Europe/Paris")
	b := newBench(t)
	b.run(t)
	r, err := b.post(t, "shop", "environment", nil)
	var env []string
	if err != nil || json.Unmarshal(r.Body, &env) != nil {
		t.Fatalf("answered %+v, %v", r, err)
	}
	allowed := map[string]bool{fakeVariable: true, "GUICHET_PLUGIN": true, "GUICHET_LIFELINE_FD": true}
	for _, name := range allowedEnvironment {
		allowed[name] = true
	}
	zone := false
	for _, line := range env {
		name, value, _ := strings.Cut(line, "=")
		if !allowed[name] && !strings.HasPrefix(name, "PLUGIN_") {
			t.Errorf("the plugin sees %s", name)
		}
		zone = zone || name == "TZ" && value == "Europe/Paris"
	}
	if !zone {
		t.Error("the plugin does not see the time zone")
	}
	r, err = b.post(t, "shop", "directory", nil)
	if want := filepath.Join(b.options.Data, "plugins", "fake") + " 0"; err != nil || string(r.Body) != want {
		t.Errorf("working directory and size of stdin: %q, %v", r.Body, err)
	}
	info, err := os.Stat(filepath.Join(b.options.Data, "plugins", "fake"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the working directory has mode %v, %v", info.Mode(), err)
	}
}

// sockets lists what lies in the plugin's socket directory.
func sockets(b *bench) (list []string) {
	_ = filepath.WalkDir(filepath.Join(b.options.Data, "run"), func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			list = append(list, path)
		}
		return nil
	})
	return list
}

func TestSocketsDoNotPileUp(t *testing.T) {
	b := newBench(t)
	l := b.run(t)
	for range 2 {
		if err := syscall.Kill(l.pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		l = b.live(t, l.generation)
	}
	if left := sockets(b); len(left) != 1 {
		t.Errorf("sockets after two kills: %v", left)
	}
	b.Stop()
	if left := sockets(b); len(left) != 0 {
		t.Errorf("sockets after the stop: %v", left)
	}
}

func TestLongPathsGetShortSockets(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Data = filepath.Join(o.Data, strings.Repeat("long", 30)) })
	b.run(t)
	if left := sockets(b); len(left) != 0 {
		t.Errorf("sockets lie at %v", left)
	}
	if r, err := b.post(t, "shop", "callback", ids("a")); err != nil || r.Status != 200 {
		t.Errorf("answered %+v, %v", r, err)
	}
}

func TestChildrenOfAPluginEndWithIt(t *testing.T) {
	needProc(t)
	b := newBench(t)
	l := b.run(t)
	r, err := b.post(t, "shop", "child", nil)
	child, _ := strconv.Atoi(string(r.Body))
	if err != nil || !alive(child) {
		t.Fatalf("answered %+v, %v", r, err)
	}
	// The child holds the plugin's output open, for which go-plugin would wait for ever.
	if err := syscall.Kill(l.pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	b.live(t, l.generation)
	until(t, "the child ends", func() bool { return !alive(child) })
}

func TestStoppedProcessIsEnded(t *testing.T) {
	b := newBench(t)
	b.policy.healthEvery, b.policy.healthLimit = 50*time.Millisecond, 50*time.Millisecond
	l := b.run(t)
	// It neither answers nor ends: go-plugin's own Kill would wait for it without end.
	if err := syscall.Kill(l.pid(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	b.live(t, l.generation)
	if exit := b.Status()[0].LastExit; exit == nil || !strings.Contains(exit.Reason, "3 health checks") {
		t.Errorf("it ended with %+v", exit)
	}
}

func TestWhatDoesNotStart(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(self)
	if err != nil {
		t.Fatal(err)
	}
	right := sha256.Sum256(content)
	serve := []string{fakeVariable + "=serve"}
	for _, c := range []struct {
		name   string
		source Source
		ok     bool
		reason string // of the exit
		output string
	}{
		{"approved", Source{Path: self, Env: serve, SHA256: right[:]}, true, "", ""},
		{"changed since", Source{Path: self, Env: serve, SHA256: make([]byte, 32)}, true, "not the one that was approved", ""},
		{"missing", Source{Path: "/no/such/file"}, true, "no such file", ""},
		{"crashes", Source{Path: self, Env: []string{fakeVariable + "=crash"}}, true, "did not start", "crashes before it serves"},
		{"no plugin", Source{Path: "/bin/echo", Args: []string{"hello"}}, true, "Unrecognized remote plugin message: hello", ""},
		{"unknown", Source{}, false, "there is no plugin", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t, func(o *Options) { o.Find = func(string) (Source, bool) { return c.source, c.ok } })
			if err := b.Apply(b.setup); err != nil {
				t.Fatal(err)
			}
			if c.reason == "" {
				b.live(t, 0)
				l := b.live(t, 0)
				if err := syscall.Kill(l.pid(), syscall.SIGKILL); err != nil {
					t.Fatal(err)
				}
				b.live(t, l.generation) // the hash is taken anew at each start
				return
			}
			until(t, "the failed start is shown", func() bool { return b.Status()[0].LastExit != nil })
			exit := b.Status()[0].LastExit
			if !strings.Contains(exit.Reason, c.reason) || !strings.Contains(exit.Output, c.output) {
				t.Errorf("shown: %+v", exit)
			}
			start := time.Now()
			b.Stop()
			if took := time.Since(start); took > 5*time.Second {
				t.Errorf("the stop took %s", took)
			}
		})
	}
}

func TestStopDuringAStart(t *testing.T) {
	b := newBench(t, func(o *Options) {
		o.Find = func(string) (Source, bool) { return Source{Path: "/bin/sleep", Args: []string{"600"}}, true }
	})
	if err := b.Apply(b.setup); err != nil {
		t.Fatal(err)
	}
	until(t, "the program is being started", func() bool { return b.Status()[0].State == Starting })
	start := time.Now()
	b.Stop()
	if took := time.Since(start); took > 5*time.Second {
		t.Errorf("the stop took %s: it waited for the start", took)
	}
}
