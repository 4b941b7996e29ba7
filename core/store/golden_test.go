package store

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/memkv"
)

var updateGolden = flag.Bool("update", false, "write the golden store of the present schema anew")

func golden(schema int) string { return filepath.Join("testdata", fmt.Sprintf("schema-%d", schema)) }

// TestGoldenStores opens a store that each schema left behind: a dump of its records, and what they say as an export.
// A golden store is written once, when its schema is new, and never changed afterwards.
func TestGoldenStores(t *testing.T) {
	if *updateGolden {
		writeGolden(t)
	}
	for schema := 1; schema <= Schema; schema++ {
		for name, open := range map[string]func(*testing.T) kv.DB{
			"memkv":    func(*testing.T) kv.DB { return memkv.NewWithClock(fixedClock) },
			"badgerkv": func(t *testing.T) kv.DB { return badger(t, t.TempDir()) },
		} {
			t.Run(fmt.Sprintf("schema-%d/%s", schema, name), func(t *testing.T) { openGolden(t, schema, open(t)) })
		}
	}
}

func openGolden(t *testing.T, schema int, db kv.DB) {
	dump, err := os.Open(filepath.Join(golden(schema), "store.dump"))
	if err != nil {
		t.Fatal(err)
	}
	defer dump.Close()
	if err := db.Load(t.Context(), dump); err != nil {
		t.Fatal(err)
	}
	s := openStore(t, db)
	clean(t, s)
	view(t, s, func(tx *Tx) error {
		c, err := tx.Conversation(id(10))
		if err != nil {
			return err
		}
		if c.Assignee != "alice" || c.State != core.Active || c.LastSeq != 2 {
			t.Errorf("conversation %+v", c)
		}
		m, err := tx.Message(c, 1)
		if err != nil {
			return err
		}
		if want := "Bonjour <b>\"vous\"</b> & merci"; m.Text != want || len(m.Attachments) != 2 {
			t.Errorf("message %+v", m)
		}
		page, err := tx.ConversationsOf("alice", "", 10)
		if len(page.Conversations) != 1 {
			t.Errorf("alice has %d conversations", len(page.Conversations))
		}
		return err
	})
	var got bytes.Buffer
	if err := s.Export(t.Context(), &got, ExportOptions{Secrets: true}); err != nil {
		t.Fatal(err)
	}
	want, err := os.ReadFile(filepath.Join(golden(schema), "export.jsonl"))
	if err != nil {
		t.Fatal(err)
	}
	// Only the first line names the schema. The records are the same.
	head, records, _ := strings.Cut(got.String(), "\n")
	wantHead, wantRecords, _ := strings.Cut(string(want), "\n")
	if schema == Schema && head != wantHead {
		t.Errorf("the export begins with %s, want %s", head, wantHead)
	}
	if diff := cmp.Diff(wantRecords, records); diff != "" {
		t.Errorf("the records say something else:\n%s", diff)
	}
}

func writeGolden(t *testing.T) {
	s := openStore(t, memkv.NewWithClock(fixedClock))
	populate(t, s)
	if err := os.MkdirAll(golden(Schema), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, write := range map[string]func(*bytes.Buffer) error{
		"store.dump":   func(b *bytes.Buffer) error { return s.db.Dump(t.Context(), b) },
		"export.jsonl": func(b *bytes.Buffer) error { return s.Export(t.Context(), b, ExportOptions{Secrets: true}) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(golden(Schema), name), b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}
