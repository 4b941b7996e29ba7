package channel

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

func init() {
	swappingPrelude = func(words []string) error {
		// The executable's path gets another content between the check and the execution.
		return confined(words[1:], func() {
			if err := os.Rename(words[0]+".other", words[0]); err != nil {
				fmt.Fprintln(os.Stderr, err)
			}
		})
	}
}

func TestSwappedBetweenCheckAndExecution(t *testing.T) {
	needProc(t)
	dir := t.TempDir()
	program, other := filepath.Join(dir, "program"), filepath.Join(dir, "program.other")
	for name, source := range map[string]string{program: "/bin/echo", other: "/bin/false"} {
		content, err := os.ReadFile(source)
		if err == nil {
			err = os.WriteFile(name, content, 0o700)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	f, err := os.Open(program)
	if err != nil {
		t.Fatal(err)
	}
	hash, err := hashOf(f)
	_ = f.Close()
	if err != nil {
		t.Fatal(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	spec := fmt.Sprintf(`{"path":%q,"sha256":%q,"args":["the","approved","one"],"bundle":%q,"work":%q,"sockets":%q,
		"Allowed":{"Memory":536870912,"OpenFiles":64,"FileSize":1048576}}`, program, hash, dir, dir, dir)
	out, err := exec.Command(self, "swapping-prelude", program, spec).CombinedOutput()
	if err != nil || string(out) != "the approved one\n" {
		t.Errorf("ran %q, %v", out, err)
	}
	// By now something else lies there.
	out, err = exec.Command(self, PreludeCommand, spec).CombinedOutput()
	if err == nil || !strings.Contains(string(out), "was changed after it was approved") {
		t.Errorf("ran %q, %v", out, err)
	}
}

func TestOpenForWritingIsNotRun(t *testing.T) {
	name := filepath.Join(t.TempDir(), "program")
	writer, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = writer.Close() }()
	const empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
	if _, err := verified(name, empty); err == nil || !strings.Contains(err.Error(), "open for writing") {
		t.Errorf("verified with %v", err)
	}
}
