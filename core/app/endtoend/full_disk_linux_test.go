package endtoend

import (
	"context"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/guichet/guichet/scripts/load/harness"
)

// smallDisk names the environment variable by which the test finds itself inside its namespace.
const smallDisk = "GUICHET_TEST_SMALL_DISK"

// TestFullDisk fills the volume that the data lies on to the last byte: what is written is refused with 507, or 503 to
// providers, what is read goes on, and when space returns so does everything, with nothing acknowledged lost.
func TestFullDisk(t *testing.T) {
	if os.Getenv(smallDisk) == "" {
		inNamespace(t)
		return
	}
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	if err := os.Mkdir(data, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Mount("tmpfs", data, "tmpfs", 0, "size=64m"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(data, syscall.MNT_DETACH) }) // the namespace goes with the process
	s := open(t, harness.Config{}, func(o *harness.Options) { o.Dir = dir })
	agent := s.agent(1)
	customer, conversation := s.begin(agent, "Aiko", "first")

	filler := filepath.Join(data, "filler")
	fillUp(t, filler)
	refused := 0
	s.await("a write that is refused", func() bool {
		_, _, err := agent.Send(s.ctx, conversation, harness.Draft{ID: "full-" + strconv.Itoa(refused), Text: strings.Repeat("x", 2000)})
		refused++
		return harness.StatusOf(err) == http.StatusInsufficientStorage
	})
	fillUp(t, filler)
	var problem *harness.Problem
	_, _, err := agent.Send(s.ctx, conversation, harness.Draft{ID: "while-full", Text: "x"})
	if !errors.As(err, &problem) || problem.Status != http.StatusInsufficientStorage || problem.Code != "storage-full" {
		t.Fatalf("a message on a full disk was answered %v, want 507 storage-full", err)
	}
	if status, err := s.Post(s.ctx, customer.Text("while full")); err != nil || status != http.StatusServiceUnavailable {
		t.Fatalf("a webhook on a full disk was answered %d %v, want 503", status, err)
	}
	if _, err := agent.Messages(s.ctx, conversation, 0); err != nil {
		t.Fatalf("reading on a full disk: %v", err)
	}

	s.must(os.Remove(filler))
	s.await("a write that is taken", func() bool {
		_, _, err := agent.Send(s.ctx, conversation, harness.Draft{ID: "while-full", Text: "x"})
		return err == nil
	})
	s.deliver(customer.Text("after"))
	messages, err := agent.Messages(s.ctx, conversation, 0)
	s.must(err)
	texts := map[string]bool{}
	for _, m := range messages {
		texts[m.Text] = true
	}
	for _, want := range []string{"first", "x", "after"} {
		if !texts[want] {
			t.Errorf("%q is not among the messages", want)
		}
	}
}

// fillUp writes until nothing more goes in.
func fillUp(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close() //nolint:errcheck // it is only there to take space
	for size := 1 << 20; size > 0; size /= 2 {
		chunk := make([]byte, size)
		for {
			if _, err := f.Write(chunk); err != nil {
				if !errors.Is(err, syscall.ENOSPC) {
					t.Fatal(err)
				}
				break
			}
		}
	}
}

// inNamespace runs this test again where it may mount a small disk.
func inNamespace(t *testing.T) {
	command := exec.CommandContext(context.Background(), os.Args[0], "-test.run", "^TestFullDisk$", "-test.v")
	command.Env = append(os.Environ(), smallDisk+"=1")
	command.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
		Pdeathsig:   syscall.SIGKILL,
	}
	out, err := command.CombinedOutput()
	if errors.Is(err, syscall.EPERM) || errors.Is(err, syscall.ENOSPC) {
		t.Skipf("user namespaces are not permitted here, so no disk can be filled: %v", err)
	}
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	t.Logf("%s", out)
}
