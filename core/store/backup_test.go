package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/memkv"
)

// heldContents are contents that say whether a backup holds them.
type heldContents struct {
	contents
	held bool
}

func (c *heldContents) Hold() func() {
	c.held = true
	return func() { c.held = false }
}

func (c *heldContents) Each(_ context.Context, fn func(string, int64, time.Time) error) error {
	for _, hash := range slices.Sorted(maps.Keys(c.contents)) {
		if err := fn(hash, int64(len(c.contents[hash])), start); err != nil {
			return err
		}
	}
	return nil
}

func (c *heldContents) Open(hash string) (io.ReadSeekCloser, error) {
	if !c.held {
		return nil, errors.New("read while not held")
	}
	return c.contents.Open(hash)
}

// dataDir makes the directories that a backup takes along.
func dataDir(t *testing.T) (keys, configuration string) {
	dir := t.TempDir()
	keys, configuration = filepath.Join(dir, "keys"), filepath.Join(dir, "guichet.toml")
	for path, text := range map[string]string{configuration: "[server]\n", filepath.Join(keys, "master.key"): "secret"} {
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return keys, configuration
}

// loadBadger is how the application loads a dump.
func loadBadger(t *testing.T) func(context.Context, string, io.Reader) error {
	return func(ctx context.Context, dir string, r io.Reader) error {
		db := badger(t, dir)
		defer db.Close()
		return db.Load(ctx, r)
	}
}

func TestBackupOfALiveStoreIsRestored(t *testing.T) {
	s := openStore(t, badger(t, t.TempDir()))
	populate(t, s)
	blobs := &heldContents{contents: contents{}}
	for i := range 5 {
		blobs.add(bytes.Repeat([]byte{byte(i)}, i*50_000))
	}
	keys, configuration := dataDir(t)
	path := filepath.Join(t.TempDir(), "all.backup")

	// Writes go on. Each transaction writes two records that must be restored together.
	stop := make(chan struct{})
	var writers sync.WaitGroup
	writers.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := s.Update(context.WithoutCancel(t.Context()), func(tx *Tx) error {
				tx.SetSetting("left", fmt.Append(nil, i))
				tx.SetSetting("right", fmt.Append(nil, i))
				return nil
			}); err != nil {
				t.Error(err)
				return
			}
		}
	})
	err := s.Backup(t.Context(), path, BackupOptions{
		Version: "1.2.3", Created: start, Blobs: blobs, Keys: keys, Configuration: configuration,
	})
	close(stop)
	writers.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if blobs.held {
		t.Error("the files are still held")
	}
	if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the file: %v %v", info.Mode(), err)
	}

	dir := filepath.Join(t.TempDir(), "data")
	info, err := Restore(t.Context(), path, dir, loadBadger(t))
	if err != nil {
		t.Fatal(err)
	}
	want := BackupHeader{Schema: Schema, Created: start, Version: "1.2.3", Keys: true}
	if diff := cmp.Diff(want, info.BackupHeader); diff != "" {
		t.Error(diff)
	}
	if info.Blobs != 5 || info.Pairs == 0 || !info.Configuration {
		t.Errorf("info %+v", info)
	}
	restored := openStore(t, badger(t, filepath.Join(dir, "db")))
	clean(t, restored)
	view(t, restored, func(tx *Tx) error {
		left, err := tx.Setting("left")
		right, err2 := tx.Setting("right")
		if string(left) != string(right) {
			t.Errorf("half of a transaction was restored: %s and %s", left, right)
		}
		return errors.Join(err, err2)
	})
	for hash, want := range blobs.contents {
		got, err := os.ReadFile(filepath.Join(dir, "blobs", hash[:2], hash))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("content %s: %d bytes, %v", hash, len(got), err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "keys", "master.key")); err != nil || string(got) != "secret" {
		t.Errorf("key %q, %v", got, err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "guichet.toml")); err != nil || string(got) != "[server]\n" {
		t.Errorf("configuration %q, %v", got, err)
	}
	if _, err := os.Stat(filepath.Join(dir, restoring)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary directory is left: %v", err)
	}
	if _, err := Restore(t.Context(), path, dir, loadBadger(t)); core.CodeOf(err) != core.Conflict {
		t.Errorf("restoring over data: %v", err)
	}
}

func TestBackupWithoutKeys(t *testing.T) {
	s := memory(t)
	populate(t, s)
	var b bytes.Buffer
	if err := s.WriteBackup(t.Context(), &b, BackupOptions{}); err != nil {
		t.Fatal(err)
	}
	err := readContainer(&b, func(h BackupHeader) error {
		if h.Keys {
			t.Error("the header says that keys are in it")
		}
		return nil
	}, func(name string, _ io.Reader) error {
		if name != backupDB {
			t.Errorf("it holds %s", name)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

func smallBackup(t *testing.T) []byte {
	t.Helper()
	s := memory(t)
	populate(t, s)
	blobs := &heldContents{contents: contents{}}
	blobs.add([]byte("hello"))
	var b bytes.Buffer
	if err := s.WriteBackup(t.Context(), &b, BackupOptions{Created: start, Blobs: blobs}); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestADamagedBackupIsRefusedBeforeAnythingIsTouched(t *testing.T) {
	good := smallBackup(t)
	if _, err := VerifyBackup(t.Context(), bytes.NewReader(good)); err != nil {
		t.Fatal(err)
	}
	try := func(what string, raw []byte) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "b")
		if err := os.WriteFile(path, raw, 0o600); err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "data")
		if _, err := Restore(t.Context(), path, dir, loadBadger(t)); core.CodeOf(err) != core.Invalid {
			t.Errorf("%s: %v", what, err)
		}
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: the data directory was made", what)
		}
	}
	try("nothing", nil)
	try("something else", []byte("PK\x03\x04"))
	try("more behind it", append(bytes.Clone(good), 0))
	for i := 0; i < len(good); i += 97 {
		try(fmt.Sprintf("cut at %d", i), good[:i])
		flipped := bytes.Clone(good)
		flipped[i] ^= 0x10
		try(fmt.Sprintf("flipped at %d", i), flipped)
	}
}

// forge makes a container of entries, with a right checksum.
func forge(t *testing.T, h BackupHeader, entries map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	c, err := newContainerWriter(&b, h)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range entries {
		if err := c.entry(name, func(w io.Writer) error { _, err := io.WriteString(w, text); return err }); err != nil {
			t.Fatal(err)
		}
	}
	if err := c.close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestVerifyLooksInside(t *testing.T) {
	var dump bytes.Buffer
	if err := memory(t).db.Dump(t.Context(), &dump); err != nil {
		t.Fatal(err)
	}
	db := dump.String()
	for name, entries := range map[string]map[string]string{
		"no records":           {"guichet.toml": ""},
		"records cut short":    {"db": db[:len(db)-3]},
		"another content":      {"db": db, "blobs/" + hashA: "x"},
		"a content's bad name": {"db": db, "blobs/xyz": "x"},
		"out of the directory": {"db": db, "../evil": "x"},
		"out of blobs":         {"db": db, "blobs/../../evil": "x"},
		"out of keys":          {"db": db, "keys/../evil": "x"},
		"a hidden key":         {"db": db, "keys/.x": "x"},
		"an absolute path":     {"db": db, "/etc/passwd": "x"},
		"a nested folder":      {"db": db, "blobs/keys/x": "x"},
	} {
		if _, err := VerifyBackup(t.Context(), bytes.NewReader(forge(t, BackupHeader{}, entries))); core.CodeOf(err) != core.Invalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := VerifyBackup(t.Context(), bytes.NewReader(forge(t, BackupHeader{}, map[string]string{"db": db}))); err != nil {
		t.Errorf("the forged backup itself: %v", err)
	}
	path := filepath.Join(t.TempDir(), "b")
	if err := os.WriteFile(path, forge(t, BackupHeader{Schema: Schema + 1}, map[string]string{"db": db}), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Restore(t.Context(), path, filepath.Join(t.TempDir(), "d"), loadBadger(t))
	if core.CodeOf(err) != core.Invalid || !strings.Contains(err.Error(), "newer version") {
		t.Errorf("a newer backup: %v", err)
	}
}

func TestAnInterruptedRestoreRunsAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	if err := os.WriteFile(path, smallBackup(t), 0o600); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	broken := errors.New("power cut")
	if _, err := Restore(t.Context(), path, dir, func(context.Context, string, io.Reader) error { return broken }); !errors.Is(err, broken) {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "db")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("records are there: %v", err)
	}
	if err := os.Mkdir(filepath.Join(dir, "blobs"), 0o700); err != nil { // as if it had come further
		t.Fatal(err)
	}
	if _, err := Restore(t.Context(), path, dir, loadBadger(t)); err != nil {
		t.Fatal(err)
	}
	clean(t, openStore(t, badger(t, filepath.Join(dir, "db"))))
}

func TestRestoreLeavesAForeignDirectoryAlone(t *testing.T) {
	path := filepath.Join(t.TempDir(), "b")
	if err := os.WriteFile(path, smallBackup(t), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, names := range [][]string{{"notes.txt"}, {"guichet.toml"}, {restoring, "photos"}, {restoring, "db"}} {
		dir := t.TempDir()
		for _, name := range names {
			if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		if _, err := Restore(t.Context(), path, dir, loadBadger(t)); core.CodeOf(err) != core.Conflict {
			t.Errorf("%v: %v", names, err)
		}
		for _, name := range names {
			if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
				t.Error(err)
			}
		}
	}
}

// brokenWriter fails after some bytes, as a full disk does.
type brokenWriter struct{ left int }

var errDiskFull = errors.New("no space left")

func (w *brokenWriter) Write(p []byte) (int, error) {
	if w.left -= len(p); w.left < 0 {
		return 0, errDiskFull
	}
	return len(p), nil
}

func TestABackupThatCannotBeWrittenFails(t *testing.T) {
	s := memory(t)
	populate(t, s)
	for _, room := range []int{0, 10, 1000} {
		if err := s.WriteBackup(t.Context(), &brokenWriter{room}, BackupOptions{}); !errors.Is(err, errDiskFull) {
			t.Errorf("room for %d bytes: %v", room, err)
		}
	}
	path := filepath.Join(t.TempDir(), "b")
	err := s.Backup(t.Context(), path, BackupOptions{Configuration: filepath.Join(t.TempDir(), "absent")})
	if err == nil {
		t.Error("a missing file was backed up")
	}
	left, _ := os.ReadDir(filepath.Dir(path))
	if len(left) > 0 {
		t.Errorf("%v is left", left)
	}
}

func TestBackupBeforeAMigration(t *testing.T) {
	db := memkv.New()
	var b bytes.Buffer
	s := &Store{db: db}
	if err := s.migrateTo(t.Context(), 1, nil, Options{}); err != nil {
		t.Fatal(err)
	}
	err := s.migrateTo(t.Context(), 2, map[int]migration{1: renameStep("a", "")}, Options{
		Backup: func(ctx context.Context, db kv.DB, from int) error {
			return WriteBackup(ctx, &b, db, from, BackupOptions{})
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	info, err := VerifyBackup(t.Context(), &b)
	if err != nil || info.Schema != 1 || info.Pairs != 1 {
		t.Errorf("%+v, %v", info, err)
	}
}

func FuzzVerifyBackup(f *testing.F) {
	f.Add([]byte(backupMagic + "{}\n\x00"))
	f.Add([]byte(backupMagic + "{}\n\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		if _, err := VerifyBackup(t.Context(), bytes.NewReader(raw)); err == nil && !bytes.HasPrefix(raw, []byte(backupMagic)) {
			t.Error("accepted")
		}
	})
}
