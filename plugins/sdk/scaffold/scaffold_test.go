package scaffold

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	for _, good := range []string{"a", "my-channel", "x2-y3"} {
		if err := Check(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "My", "my_channel", "my--channel", "-x", "x-", "2x", "../x", "a/b", `a\b`, "a.b", "a b", "é", strings.Repeat("x", 41),
	} {
		if Check(bad) == nil {
			t.Errorf("%q is taken for a name", bad)
		}
		if _, err := Write(Plugin{Name: bad, Dir: filepath.Join(t.TempDir(), "x"), Source: "../../.."}); err == nil {
			t.Errorf("%q is written", bad)
		}
	}
}

func TestNothingIsOverwritten(t *testing.T) {
	dir := t.TempDir()
	if _, err := Write(Plugin{Name: "one", Dir: dir, Source: "../../.."}); err != nil {
		t.Fatalf("into an empty folder: %v", err)
	}
	before, err := os.ReadFile(filepath.Join(dir, "main.go"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Write(Plugin{Name: "two", Dir: dir, Source: "../../.."}); err == nil || !strings.Contains(err.Error(), "nothing was written") {
		t.Errorf("into a folder with something in it: %v", err)
	}
	if after, err := os.ReadFile(filepath.Join(dir, "main.go")); err != nil || string(after) != string(before) {
		t.Errorf("the first plugin was changed: %v", err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Write(Plugin{Name: "one", Dir: file, Source: "../../.."}); err == nil {
		t.Error("over a file")
	}
}

func TestSource(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "x")
	if _, err := Write(Plugin{Name: "one", Dir: dir, Source: t.TempDir()}); err == nil || !strings.Contains(err.Error(), "not the source tree") {
		t.Errorf("without Guichet's source: %v", err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("something was written all the same")
	}
	if _, err := Write(Plugin{Name: "one", Dir: dir, Module: "no module", Source: "../../.."}); err == nil {
		t.Error("with a module's path that is none")
	}
	here, err := filepath.Abs("../../..")
	if err != nil {
		t.Fatal(err)
	}
	if found, ok := Source(here); !ok || !IsSource(found) {
		t.Errorf("the source tree that this test is in was not found: %q", found)
	}
}
