package app

import (
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hashicorp/go-hclog"

	"github.com/guichet/guichet/core/kv/badgerkv"
	"github.com/guichet/guichet/core/store"
)

// TestAnOlderStoreIsBackedUpBeforeItIsMigrated goes once through what an upgrade does to a data directory.
func TestAnOlderStoreIsBackedUpBeforeItIsMigrated(t *testing.T) {
	dir := t.TempDir()
	dump, err := os.Open(filepath.Join("..", "store", "testdata", "schema-1", "store.dump"))
	if err != nil {
		t.Fatal(err)
	}
	defer dump.Close()
	loadInto(t, filepath.Join(dir, "db"), dump)

	var log bytes.Buffer
	d, err := Open(t.Context(), Options{DataDir: dir, Log: hclog.New(&hclog.LoggerOptions{Output: &log})})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.store.Fsck(t.Context(), func(f store.Finding) { t.Errorf("fsck: %s", f.Text) }); err != nil {
		t.Error(err)
	}
	if err := d.Close(); err != nil {
		t.Error(err)
	}
	for _, line := range []string{"a backup of the store is kept", "is being brought to the next schema", "has been brought to the next schema"} {
		if strings.Count(log.String(), line) != 1 {
			t.Errorf("the log does not say once that %s:\n%s", line, &log)
		}
	}

	backups, err := filepath.Glob(filepath.Join(dir, "before-schema-1-*.backup"))
	if err != nil || len(backups) != 1 {
		t.Fatalf("backups %q, %v", backups, err)
	}
	restored := t.TempDir()
	info, err := store.Restore(t.Context(), backups[0], restored, func(_ context.Context, dir string, r io.Reader) error {
		loadInto(t, dir, r)
		return nil
	})
	if err != nil || info.Schema != 1 {
		t.Errorf("the backup: %+v, %v", info, err)
	}
}

func loadInto(t *testing.T, dir string, dump io.Reader) {
	t.Helper()
	db, err := badgerkv.Open(badgerkv.Options{Dir: dir, Durability: "none"})
	if err != nil {
		t.Fatal(err)
	}
	if err := db.Load(t.Context(), dump); err != nil {
		t.Error(err)
	}
	if err := db.Close(); err != nil {
		t.Error(err)
	}
}
