package channelv1

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
)

// TestPeerOfAnotherProcess: the process itself and what it started are taken, in any generation; others of the same user
// are not.
func TestPeerOfAnotherProcess(t *testing.T) {
	start := func() (leader, below int) {
		t.Helper()
		cmd := exec.Command("sh", "-c", "sleep 600 & echo $!; wait")
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Fscan(out, &below); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = syscall.Kill(below, syscall.SIGKILL)
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		return cmd.Process.Pid, below
	}
	leader, below := start()
	other, _ := start()
	for _, c := range []struct {
		pid, leader int
		taken       bool
	}{
		{leader, leader, true}, {below, leader, true}, {below, os.Getpid(), true}, {leader, below, false}, {other, leader, false}, {below, other, false},
		{0, leader, false}, // of another namespace
		{os.Getpid(), leader, false},
	} {
		err := Peer{UID: 1, PID: c.pid}.Check(1, c.leader)
		if (err == nil) != c.taken || err != nil && !strings.Contains(err.Error(), "nor started by it") {
			t.Errorf("%d below %d: %v", c.pid, c.leader, err)
		}
	}
}

// TestPeerOfAnotherUser has a thread of this process become somebody else.
func TestPeerOfAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can become somebody else")
	}
	const nobody = 65534
	dir, err := os.MkdirTemp("", "guichet-peer-*")
	if err == nil {
		err = os.Chmod(dir, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	path := filepath.Join(dir, "s")
	// asNobody runs f on a thread that ends with it.
	asNobody := func(f func() error) error {
		done := make(chan error)
		go func() {
			runtime.LockOSThread() // never unlocked
			if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, nobody, nobody, nobody); errno != 0 {
				done <- errno
				return
			}
			done <- f()
		}()
		return <-done
	}
	ours := func(p Peer) error { return p.Check(os.Geteuid(), 0) }
	refused := func(who string, err error) {
		t.Helper()
		if err == nil || !strings.Contains(err.Error(), "is of the user 65534, not of 0") {
			t.Errorf("%s was taken: %v", who, err)
		}
	}

	var listener net.Listener
	if err := asNobody(func() (err error) { listener, err = net.Listen("unix", path); return err }); err != nil {
		t.Fatal(err)
	}
	conn, err := net.Dial("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = InClear(ours).ClientHandshake(t.Context(), "", conn)
	refused("a stranger who listens", err)
	_, _ = conn.Close(), listener.Close()

	if listener, err = net.Listen("unix", path); err == nil {
		err = os.Chmod(path, 0o777)
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := asNobody(func() (err error) { conn, err = net.Dial("unix", path); return err }); err != nil {
		t.Fatal(err)
	}
	accepted, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = InClear(ours).ServerHandshake(accepted)
	refused("a stranger who connects", err)
	_, _, _ = accepted.Close(), conn.Close(), listener.Close()
}
