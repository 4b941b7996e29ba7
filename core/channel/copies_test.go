package channel

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A backup gets a copy as it was approved, or is told why not. Links are not followed.
func TestFilesOfAKeptBundle(t *testing.T) {
	dir, b := small(t)
	for name, c := range map[string]struct {
		change func(kept string) error
		listed bool // it is found out only while it is copied
		want   string
	}{
		"as approved": {func(string) error { return nil }, true, ""},
		"gone":        {func(kept string) error { removeReadOnly(kept); return nil }, false, "the approved copy is not there"},
		"changed":     {func(kept string) error { return replace(kept, "run", "#!/bin/sh\nevil\n") }, false, "run was changed after it was approved"},
		"changed meanwhile": {
			func(kept string) error { return replace(kept, "run", "#!/bin/sh\nevil\n") }, true, "run was changed after it was approved",
		},
		"a link": {func(kept string) error {
			return linkInstead(filepath.Join(kept, "run"), filepath.Join(dir, "run"))
		}, false, "run: is no ordinary file"},
		"a link meanwhile": {func(kept string) error {
			return linkInstead(filepath.Join(kept, "run"), filepath.Join(dir, "run"))
		}, true, "is no ordinary file"},
		"a link for the folder": {func(kept string) error { return linkInstead(kept, dir) }, false, "is no folder"},
	} {
		t.Run(name, func(t *testing.T) {
			shelf, err := NewShelf(t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { removeReadOnly(shelf.dir) })
			if _, err := shelf.Keep(dir, b.Hash); err != nil {
				t.Fatal(err)
			}
			change := func() {
				if err := c.change(shelf.Folder(b.Hash)); err != nil {
					t.Fatal(err)
				}
			}
			if !c.listed {
				change()
			}
			files, err := shelf.Files(b.Hash)
			if !c.listed {
				if err == nil || !strings.Contains(err.Error(), c.want) {
					t.Errorf("listed with %v", err)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			change()
			got, problem := map[string]bool{}, ""
			for _, f := range files {
				var content bytes.Buffer
				if err := f.Write(&content); err != nil {
					problem = err.Error()
					continue
				}
				want, err := os.ReadFile(filepath.Join(dir, f.Path))
				if err != nil || !bytes.Equal(content.Bytes(), want) {
					t.Errorf("%s: %d bytes, %v", f.Path, content.Len(), err)
				}
				got[f.Path] = f.Executable
			}
			want := map[string]bool{BundleManifest: false, "lib/words.txt": false, "run": true}
			if c.want != "" {
				delete(want, "run")
			}
			if diff := cmp.Diff(want, got); diff != "" || !strings.Contains(problem, c.want) || c.want == "" && problem != "" {
				t.Errorf("read (-want +got) %s, and %q", diff, problem)
			}
		})
	}
	shelf, err := NewShelf(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, hash := range []string{"", "..", "../..", "incoming"} {
		if _, err := shelf.Files(hash); err == nil || !strings.Contains(err.Error(), "is no hash") {
			t.Errorf("%q: %v", hash, err)
		}
	}
}

// replace puts another file in the place of one, as somebody would who may.
func replace(dir, name, text string) error {
	path := filepath.Join(dir, name)
	if err := os.Chmod(dir, 0o700); err != nil { //nolint:gosec // a folder
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return os.WriteFile(path, []byte(text), 0o500) //nolint:gosec // a program
}

func linkInstead(path, to string) error {
	if err := os.Chmod(filepath.Dir(path), 0o700); err != nil { //nolint:gosec // a folder
		return err
	}
	removeReadOnly(path)
	return os.Symlink(to, path)
}
