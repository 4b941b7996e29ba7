package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"unicode"
)

// BackupPlugins are the approved copies of third-party plugins as a backup reads them. They are taken along so that what
// was approved runs after a restore. Nothing is trusted for being in a backup: who runs a plugin compares every file with
// the approval first.
type BackupPlugins interface {
	// Approved names the copies that approvals speak of, each once.
	Approved() []PluginCopy
	// Files checks the copy with a hash and lists its files. An error says why it is not as it was approved.
	Files(hash string) ([]PluginFile, error)
}

// PluginCopy names the copy of one version of a plugin.
type PluginCopy struct {
	Hash string // SHA-256 of its plugin.toml, in hex: the name of its folder
	Name string // for people
}

// PluginFile is one file of a copy.
type PluginFile struct {
	Path       string // slash-separated, below the copy's folder
	Executable bool
	// Write copies the content to w, and fails when it is not what was approved.
	Write func(w io.Writer) error
}

// The mark in the name of an entry says which mode a file of a copy has; its folders have folderMode.
const (
	executableMark = "x"
	plainMark      = "r"

	executableMode fs.FileMode = 0o500
	plainMode      fs.FileMode = 0o400
	folderMode     fs.FileMode = 0o500

	maxPluginPath = 200 // bytes
)

// pluginEntry is what the name of an entry says of a file of a copy.
type pluginEntry struct {
	hash, path string
	executable bool
}

func (e pluginEntry) name() string {
	mark := plainMark
	if e.executable {
		mark = executableMark
	}
	return backupPlugins + e.hash + "/" + mark + "/" + e.path
}

// parsePluginEntry reads the name of an entry. ok is false for names of other entries, and for those that would lead out
// of the copy's folder.
func parsePluginEntry(name string) (e pluginEntry, ok bool) {
	rest, ok := strings.CutPrefix(name, backupPlugins)
	parts := strings.SplitN(rest, "/", 3)
	if !ok || len(parts) != 3 {
		return e, false
	}
	e = pluginEntry{hash: parts[0], path: parts[2], executable: parts[1] == executableMark}
	raw, err := hex.DecodeString(e.hash)
	plain := fs.ValidPath(e.path) && e.path != "." && len(e.path) <= maxPluginPath &&
		!strings.ContainsAny(e.path, `\:`) && !strings.ContainsFunc(e.path, unicode.IsControl)
	return e, err == nil && len(raw) == sha256.Size && strings.ToLower(e.hash) == e.hash &&
		(e.executable || parts[1] == plainMark) && plain
}

// writePlugins writes the copies of plugins. What is not as it was approved is left out, and leftOut is told.
func writePlugins(ctx context.Context, c *containerWriter, from BackupPlugins, copies []PluginCopy, leftOut func(string)) error {
	for _, copied := range copies {
		say := func(err error) {
			reason := strings.ReplaceAll(err.Error(), "\n", " ")
			leftOut(fmt.Sprintf("the approved copy of the plugin %s (sha256 %s): %s", copied.Name, copied.Hash, reason))
		}
		files, err := from.Files(copied.Hash)
		if err != nil {
			say(err)
			continue
		}
		for _, f := range files {
			if err := ctx.Err(); err != nil {
				return err
			}
			name := pluginEntry{copied.Hash, f.Path, f.Executable}.name()
			if _, ok := parsePluginEntry(name); !ok {
				say(fmt.Errorf("it holds %q", f.Path))
				continue
			}
			var bad error // of reading: the entry stays as far as it came, and is not run for it
			err := c.entry(name, func(w io.Writer) error {
				out := &stickyWriter{w: w}
				bad = f.Write(out)
				return out.err
			})
			if err != nil {
				return err
			}
			if bad != nil {
				say(bad)
			}
		}
	}
	return nil
}

// stickyWriter remembers whether writing failed, to tell that from reading.
type stickyWriter struct {
	w   io.Writer
	err error
}

func (s *stickyWriter) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	if err != nil {
		s.err = err
	}
	return n, err
}

// sealPlugins takes the right to write from the folders of unpacked copies, inner ones first.
func sealPlugins(dir string) error {
	var folders []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() && path != dir {
			folders = append(folders, path)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for i := len(folders) - 1; i >= 0; i-- {
		if err := os.Chmod(folders[i], folderMode); err != nil { //nolint:gosec // a folder that is entered
			return err
		}
	}
	return nil
}

// removeAll removes a folder in which there may be copies that cannot be written.
func removeAll(dir string) error {
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			err = os.Chmod(path, 0o700) //nolint:gosec // a folder that is removed
		}
		return err
	})
	return os.RemoveAll(dir) // says what is left
}
