//go:build unix

package sdk

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

func TestPrivate(t *testing.T) {
	root := t.TempDir()
	made := func(name string, mode os.FileMode) string {
		path := filepath.Join(root, name)
		if err := errors.Join(os.Mkdir(path, 0o700), os.Chmod(path, mode)); err != nil {
			t.Fatal(err)
		}
		return path
	}
	good := made("good", 0o700)
	if err := private(good); err != nil {
		t.Errorf("a private one: %v", err)
	}
	link, file := filepath.Join(root, "link"), filepath.Join(root, "file")
	if err := errors.Join(os.Symlink(good, link), os.WriteFile(file, nil, 0o700)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"": "is not set", filepath.Join(root, "none"): "no such file", file: "is no directory", link: "is no directory",
		made("open", 0o755): "has the mode 0755", made("entered", 0o711): "has the mode 0711", made("useless", 0o500): "has the mode 0500",
	} {
		if err := private(path); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, not %q", path, err, want)
		}
	}
	if os.Geteuid() != 0 {
		return // only root can give away
	}
	others := made("others", 0o700)
	if err := os.Chown(others, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	if err := private(others); err == nil || !strings.Contains(err.Error(), "belongs to another user") {
		t.Errorf("another user's: %v", err)
	}
}

// TestServesNobodyInClearWhereOthersReach starts a plugin as a host does that gives neither a certificate nor a private
// directory.
func TestServesNobodyInClearWhereOthersReach(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{"", t.TempDir()} {
		if dir != "" {
			if err := os.Chmod(dir, 0o755); err != nil { //nolint:gosec // this is what is tested
				t.Fatal(err)
			}
		}
		child := exec.Command(self)
		child.Env = append(os.Environ(), orphanVariable+"=child", channelv1.MagicCookieKey+"="+channelv1.MagicCookieValue,
			"PLUGIN_PROTOCOL_VERSIONS=1", socketDirectory+"="+dir)
		var said strings.Builder
		child.Stderr = &said
		out, err := child.Output()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 || len(out) > 0 || !strings.Contains(said.String(), "nobody is served without TLS there") {
			t.Errorf("in %q: %v, it printed %q and said %q", dir, err, out, said.String())
		}
	}
}

// TestInClearIsNotMultiplexed: go-plugin would take the first connection for the host's, whoever made it.
func TestInClearIsNotMultiplexed(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a directory
		t.Fatal(err)
	}
	t.Setenv(socketDirectory, dir)
	t.Setenv(multiplex, "true")
	if _, err := inClear(); err != nil {
		t.Fatal(err)
	}
	if value, set := os.LookupEnv(multiplex); set {
		t.Errorf("it is still asked to multiplex: %q", value)
	}
}
