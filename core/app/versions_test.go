package app

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/config"
)

// Without a server a version is put back in the file, and in force when the server starts.
func TestRollbackWithoutServer(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "guichet.toml")
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const first = "# first\n[mail]\nhost = \"smtp.example.com\"\nfrom = \"a@example.com\"\npassword = \"hush-hush-hush\"\n\n[[queue]]\nid = \"general\"\n"
	write(first)
	d, err := Open(t.Context(), Options{DataDir: dir, ConfigPath: path})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // a test
	serve := func() *config.Source {
		t.Helper()
		s := config.NewSource(config.Options{Path: path, Environment: d.environment, History: d.history,
			Apply: func(context.Context, *config.Config, int) error { return nil }})
		if err := s.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		return s
	}
	serve()
	write("# second\n[[queue]]\nid = \"general\"\n")
	serve()
	run := func(words ...string) (string, error) {
		var out bytes.Buffer
		err := d.Operations().Run(t.Context(), words, nil, &out)
		return out.String(), err
	}
	out, err := run("config rollback", "version=1")
	if err != nil || !strings.Contains(out, "+# first\n") || !strings.Contains(out, "when Guichet starts") || strings.Contains(out, "hush-hush") {
		t.Errorf("%v\n%s", err, out)
	}
	if text, err := os.ReadFile(path); err != nil || string(text) != first {
		t.Errorf("%v, the file is\n%s", err, text)
	}
	if _, revision := serve().Current(); revision != 3 {
		t.Errorf("revision %d is in force, want 3", revision)
	}
	if out, err := run("config diff", "version=2"); err != nil || !strings.Contains(out, "+# first\n") || strings.Contains(out, "hush-hush") {
		t.Errorf("%v\n%s", err, out)
	}
	if _, err := run("config rollback", "version=7"); core.CodeOf(err) != core.NotFound {
		t.Errorf("err %v", err)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	if _, err := run("config rollback", "version=2"); core.CodeOf(err) != core.Forbidden {
		t.Errorf("err %v", err)
	}
}
