package cli_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guichet/guichet/core/cli"
)

// pythonEcho is the example in another language.
const pythonEcho = "../../plugins/sdk/examples/python-echo"

// buildPython makes a bundle of the example. A machine without what it needs fails the test: scripts/test installs it.
// GUICHET_WITHOUT_PYTHON says that it is not wanted.
func buildPython(t *testing.T) (dir string) {
	t.Helper()
	if os.Getenv("GUICHET_WITHOUT_PYTHON") != "" {
		t.Skip("GUICHET_WITHOUT_PYTHON is set")
	}
	if out, err := exec.Command("/usr/bin/python3", "-c", "import grpc, google.protobuf, cryptography").CombinedOutput(); err != nil {
		t.Fatalf("python3-grpcio, python3-protobuf or python3-cryptography is missing: scripts/test installs them, and GUICHET_WITHOUT_PYTHON=1 does without: %v\n%s", err, out)
	}
	dir = filepath.Join(t.TempDir(), "bundle")
	if out, err := exec.Command(filepath.Join(pythonEcho, "build"), dir).CombinedOutput(); err != nil {
		t.Fatalf("build the example: %v\n%s", err, out)
	}
	return dir
}

// TestPythonKeepsTheContract puts the example in Python through the command that its author would use, with TLS and without.
func TestPythonKeepsTheContract(t *testing.T) {
	dir := buildPython(t)
	for _, way := range [][]string{nil, {"--no-tls"}} {
		var out, errs bytes.Buffer
		code := cli.Main(t.Context(), cli.Program{
			Args: append([]string{"plugin", "test", filepath.Join(dir, "echo.py"), "--fixtures", filepath.Join(pythonEcho, "fixtures.json")}, way...), Out: &out, Err: &errs,
		})
		if code != 0 {
			t.Fatalf("%q: exit code %d: %s\n%s", way, code, errs.String(), out.String())
		}
		// What is not tested must not count as kept.
		for _, kept := range []string{
			"handshake", "manifest", "health", "settings", "accounts", "requests", "verification", "duplicates", "unknown-events", "outcomes",
			"spooling", "isolation", "limits", "drain", "restart", "host-gone", "log", "secrets",
		} {
			if !strings.Contains(out.String(), "✓ "+kept+"\n") {
				t.Errorf("%q: %s was not shown to be kept:\n%s", way, kept, out.String())
			}
		}
	}
}
