package store

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
)

// copies are the approved copies of plugins, by their hashes.
type copies map[string][]PluginFile

var errChanged = errors.New("plugin.toml:1: it was changed\nand more")

func (c copies) Approved() []PluginCopy {
	return []PluginCopy{{Hash: hashOne, Name: "echo 2"}, {Hash: hashTwo, Name: "echo 1"}, {Hash: hashGone, Name: "parrot 1"}}
}

func (c copies) Files(hash string) ([]PluginFile, error) {
	if files, ok := c[hash]; ok {
		return files, nil
	}
	return nil, errChanged
}

func file(path string, executable bool, content string) PluginFile {
	return PluginFile{Path: path, Executable: executable, Write: func(w io.Writer) error {
		_, err := io.WriteString(w, content)
		return err
	}}
}

var hashOne, hashTwo, hashGone = strings.Repeat("1a", 32), strings.Repeat("2b", 32), strings.Repeat("3c", 32)

func someCopies() copies {
	return copies{
		hashOne: {file("plugin.toml", false, "id = 2"), file("bin/echo", true, strings.Repeat("run", 100_000)), file("bin/lib/.hidden", false, "")},
		hashTwo: {file("plugin.toml", false, "id = 1"), {Path: "echo", Executable: true, Write: func(w io.Writer) error {
			_, err := io.WriteString(w, "half")
			return errors.Join(err, errors.New("it was exchanged meanwhile"))
		}}},
	}
}

func pluginBackup(t *testing.T, from BackupPlugins) (path string, told []string) {
	t.Helper()
	s := memory(t)
	populate(t, s)
	path = filepath.Join(t.TempDir(), "b")
	if err := s.Backup(t.Context(), path, BackupOptions{Plugins: from, LeftOut: func(text string) { told = append(told, text) }}); err != nil {
		t.Fatal(err)
	}
	return path, told
}

func TestApprovedCopiesAreRestoredAsTheyWere(t *testing.T) {
	path, told := pluginBackup(t, someCopies())
	want := []string{
		"the approved copy of the plugin echo 1 (sha256 " + hashTwo + "): it was exchanged meanwhile",
		"the approved copy of the plugin parrot 1 (sha256 " + hashGone + "): plugin.toml:1: it was changed and more",
	}
	if diff := cmp.Diff(want, told); diff != "" {
		t.Errorf("told while it was made: %s", diff)
	}
	dir := filepath.Join(t.TempDir(), "data")
	t.Cleanup(func() { _ = removeAll(dir) })
	info, err := Restore(t.Context(), path, dir, loadBadger(t))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, info.LeftOut); diff != "" || info.Plugins != 2 {
		t.Errorf("%d plugins, and the backup says: %s", info.Plugins, diff)
	}
	found := map[string]string{}
	root := filepath.Join(dir, "plugins")
	err = filepath.WalkDir(root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || name == root {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		short, _ := filepath.Rel(root, name)
		found[filepath.ToSlash(short)] = info.Mode().String()
		if !d.IsDir() {
			found[filepath.ToSlash(short)] += fmt.Sprint(" ", info.Size())
		}
		return nil
	})
	if diff := cmp.Diff(map[string]string{
		hashOne: "dr-x------", hashOne + "/bin": "dr-x------", hashOne + "/bin/lib": "dr-x------",
		hashOne + "/plugin.toml": "-r-------- 6", hashOne + "/bin/echo": "-r-x------ 300000", hashOne + "/bin/lib/.hidden": "-r-------- 0",
		hashTwo: "dr-x------", hashTwo + "/plugin.toml": "-r-------- 6", hashTwo + "/echo": "-r-x------ 4",
	}, found); diff != "" || err != nil {
		t.Errorf("restored (-want +got): %s, %v", diff, err)
	}
	if info, err := os.Stat(root); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of plugins: %v, %v", info, err)
	}
	if _, err := os.Stat(filepath.Join(dir, backupLeftOut)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is left out became a file: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, restoring)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the temporary directory is left: %v", err)
	}
}

// Nobody but who may do everything can remove what cannot be written; a restore that runs again has to.
func TestARestoreOfCopiesRunsAgain(t *testing.T) {
	path, _ := pluginBackup(t, someCopies())
	dir := t.TempDir()
	sealed := filepath.Join(dir, "plugins", hashOne, "bin")
	if err := errors.Join(os.MkdirAll(sealed, 0o700), os.WriteFile(filepath.Join(sealed, "echo"), nil, 0o400),
		os.Chmod(sealed, folderMode), os.Chmod(filepath.Dir(sealed), folderMode), os.Mkdir(filepath.Join(dir, restoring), 0o700)); err != nil { //nolint:gosec // folders
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), path, dir, loadBadger(t)); err != nil {
		t.Fatal(err)
	}
	if err := removeAll(filepath.Join(dir, "plugins")); err != nil {
		t.Error(err)
	}
}

func TestACopyThatCannotBeWrittenFails(t *testing.T) {
	s := memory(t)
	for _, room := range []int{100, 1000} {
		told := 0
		err := s.WriteBackup(t.Context(), &brokenWriter{room}, BackupOptions{Plugins: incompressible{}, LeftOut: func(string) { told++ }})
		if !errors.Is(err, errDiskFull) || told > 0 {
			t.Errorf("room for %d bytes: %v, told %d times", room, err, told)
		}
	}
}

// incompressible is one copy with a large file.
type incompressible struct{}

func (incompressible) Approved() []PluginCopy { return []PluginCopy{{Hash: hashOne, Name: "echo"}} }

func (incompressible) Files(string) ([]PluginFile, error) {
	return []PluginFile{{Path: "echo", Executable: true, Write: func(w io.Writer) error {
		x := uint64(1)
		for range 1 << 19 {
			x = x*6364136223846793005 + 1442695040888963407
			if _, err := w.Write([]byte{byte(x >> 56), byte(x >> 48)}); err != nil {
				return err
			}
		}
		return nil
	}}}, nil
}

// A name that a copy should not have is not written: the backup could not be read.
func TestOddNamesOfCopiesAreLeftOut(t *testing.T) {
	files := []PluginFile{file("fine", false, "x")}
	odd := []string{"../evil", "/etc/passwd", "a//b", ".", "", `a\b`, "c:evil", "a\nb", strings.Repeat("x", maxPluginPath+1)}
	for _, name := range odd {
		files = append(files, file(name, true, "x"))
	}
	path, told := pluginBackup(t, copies{hashOne: files, hashTwo: nil, hashGone: nil})
	if len(told) != len(odd) {
		t.Errorf("told %q", told)
	}
	dir := t.TempDir()
	t.Cleanup(func() { _ = removeAll(dir) })
	if info, err := Restore(t.Context(), path, dir, loadBadger(t)); err != nil || info.Plugins != 1 {
		t.Errorf("%+v, %v", info, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "plugins", hashOne, "fine")); err != nil || string(got) != "x" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestEntriesOfCopiesStayInTheirFolder(t *testing.T) {
	var dump bytes.Buffer
	if err := memory(t).db.Dump(t.Context(), &dump); err != nil {
		t.Fatal(err)
	}
	for name, good := range map[string]bool{
		"plugins/" + hashOne + "/x/echo": true, "plugins/" + hashOne + "/r/a/b/c.txt": true,
		"plugins/" + hashOne + "/r/" + strings.Repeat("p", maxPluginPath): true,
		"plugins/": false, "plugins/echo": false, "plugins/approved.json": false, "plugins/incoming/x/echo": false, "plugins/../x/echo": false,
		"plugins/" + hashOne: false, "plugins/" + hashOne + "/x": false, "plugins/" + hashOne + "/x/": false, "plugins/" + hashOne + "/echo": false,
		"plugins/" + hashOne + "/w/echo": false, "plugins/" + hashOne + "/../echo": false, "plugins/" + hashOne + "/x/../../evil": false,
		"plugins/" + hashOne + "/x//etc/passwd": false, "plugins/" + hashOne + "/x/a/../b": false, "plugins/" + hashOne + "/x/.": false,
		"plugins/" + hashOne + `/x/a\b`: false, "plugins/" + hashOne + "/x/c:evil": false, "plugins/" + hashOne + "/x/a\x00": false,
		"plugins/" + strings.ToUpper(hashOne) + "/x/echo": false, "plugins/" + hashOne[2:] + "/x/echo": false,
		"/plugins/" + hashOne + "/x/echo": false, "../plugins/" + hashOne + "/x/echo": false,
	} {
		forged := forge(t, BackupHeader{}, map[string]string{"db": dump.String(), name: "x"})
		if _, err := VerifyBackup(t.Context(), bytes.NewReader(forged)); good && err != nil || !good && core.CodeOf(err) != core.Invalid {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// What a backup says of itself is for people's terminals.
func TestWhatIsLeftOutIsPlainText(t *testing.T) {
	var dump bytes.Buffer
	if err := memory(t).db.Dump(t.Context(), &dump); err != nil {
		t.Fatal(err)
	}
	forged := forge(t, BackupHeader{}, map[string]string{"db": dump.String(), backupLeftOut: "one\x1b[2J\ntwo\r" + strings.Repeat(" ", 2*maxLeftOut)})
	info, err := VerifyBackup(t.Context(), bytes.NewReader(forged))
	if err != nil || len(info.LeftOut) != 2 || info.LeftOut[0] != "one[2J" || len(info.LeftOut[1]) > maxLeftOut {
		t.Errorf("%d lines, %v", len(info.LeftOut), err)
	}
}
