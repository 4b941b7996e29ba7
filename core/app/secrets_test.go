package app

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/core/config"
	"github.com/guichet/guichet/core/store"
)

// Stored secrets stay while a version that is kept, or the file, refers to them, and for a day in any case.
func TestStoredSecretsAreCollected(t *testing.T) {
	d, err := Open(t.Context(), Options{DataDir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close() //nolint:errcheck // a test
	now := time.Now()
	d.secrets.now = func() time.Time { return now }
	for _, id := range []string{"in-version", "in-file", "nowhere"} {
		if err := d.secrets.Keep(t.Context(), id, "text of "+id); err != nil {
			t.Fatal(err)
		}
	}
	if text, found := d.secrets.text("nowhere"); !found || text != "text of nowhere" {
		t.Fatalf("text %q, %v", text, found)
	}
	err = d.store.View(t.Context(), func(tx *store.Tx) error {
		raw, err := tx.Setting(secretPrefix + "nowhere")
		if strings.Contains(string(raw), "text of") {
			t.Error("a secret lies readable in the store")
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	save := func(revision int, text string) {
		t.Helper()
		v := config.Version{Revision: revision, Hash: "0123456789abcdef", When: now, Redacted: []byte(text)}
		if err := d.history.SaveApplied(t.Context(), v); err != nil {
			t.Fatal(err)
		}
	}
	save(1, `token = { stored = "in-version" }`)
	collect := func(want ...string) {
		t.Helper()
		removed, err := d.secrets.collect(t.Context(), []byte(`token = { stored = "in-file" }`))
		if err != nil || removed != len(want) {
			t.Errorf("removed %d, %v; want %v", removed, err, want)
		}
		for _, id := range want {
			if _, found := d.secrets.text(id); found {
				t.Errorf("%s is still there", id)
			}
		}
	}
	collect()
	now = now.Add(secretGrace + time.Minute)
	collect("nowhere")
	// Versions beyond the newest 200 are forgotten, and their secrets with them.
	for n := 2; n <= versionsKept+1; n++ {
		save(n, fmt.Sprintf("# %d", n))
	}
	list, err := newEditor(d, nil, nil).Versions(t.Context(), 2*versionsKept)
	if err != nil || len(list) != versionsKept || list[0].Revision != versionsKept+1 || list[versionsKept-1].Revision != 2 {
		t.Errorf("%d versions are kept, %v", len(list), err)
	}
	collect("in-version")
	if _, found := d.secrets.text("in-file"); !found {
		t.Error("a secret of the file was removed")
	}
}
