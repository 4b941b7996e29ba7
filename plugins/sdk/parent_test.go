package sdk

import (
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"testing"
	"time"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// orphanVariable makes the test binary a host that dies at once ("parent") or the plugin that it leaves ("child").
const orphanVariable = "SDK_TEST_ORPHAN"

func TestMain(m *testing.M) {
	switch os.Getenv(orphanVariable) {
	case "parent":
		self, err := os.Executable()
		if err != nil {
			os.Exit(1)
		}
		child := exec.Command(self)
		child.Env = append(os.Environ(), orphanVariable+"=child", channelv1.MagicCookieKey+"="+channelv1.MagicCookieValue, "PLUGIN_PROTOCOL_VERSIONS=1")
		child.Stderr = os.Stderr
		handshake, err := child.StdoutPipe()
		if err != nil || child.Start() != nil {
			os.Exit(1)
		}
		_, _ = handshake.Read(make([]byte, 1)) // it serves
		fmt.Println(child.Process.Pid)
		os.Exit(0)
	case "child":
		Serve(Plugin[struct{}]{Manifest: Manifest{ID: "orphan", Name: "Orphan", Version: "1"}, Open: nobody})
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// TestOrphanEnds has a plugin without a lifeline lose its parent: looking at the parent's pid is enough.
func TestOrphanEnds(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	sockets := t.TempDir()
	if err := os.Chmod(sockets, 0o700); err != nil { //nolint:gosec // a directory
		t.Fatal(err)
	}
	parent := exec.Command(self)
	parent.Env = append(os.Environ(), orphanVariable+"=parent", "PLUGIN_UNIX_SOCKET_DIR="+sockets)
	var stderr strings.Builder
	parent.Stderr = &stderr
	out, err := parent.Output() // until the child, too, has closed standard error
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(out)))
	if err != nil {
		t.Fatalf("the parent said %q", out)
	}
	deadline := time.Now().Add(20 * time.Second)
	for running(pid) {
		if time.Now().After(deadline) {
			t.Fatalf("the orphan %d lives on", pid)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if !strings.Contains(stderr.String(), "the host is gone (this process has another parent)") {
		t.Errorf("it said %q", stderr.String())
	}
}

func running(pid int) bool {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	_, rest, _ := strings.Cut(string(stat), ") ")
	return err == nil && !strings.HasPrefix(rest, "Z")
}
