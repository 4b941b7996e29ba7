package store

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv/memkv"
)

// contents keeps blobs in memory.
type contents map[string][]byte

func (c contents) Size(hash string) (int64, error) { return int64(len(c[hash])), nil }

func (c contents) Open(hash string) (io.ReadSeekCloser, error) {
	b, ok := c[hash]
	if !ok {
		return nil, core.Errorf(core.NotFound, "no content %s", hash)
	}
	return readSeekCloser{bytes.NewReader(b)}, nil
}

type readSeekCloser struct{ *bytes.Reader }

func (readSeekCloser) Close() error { return nil }

func (c contents) Put(_ context.Context, r io.Reader, limit int64) (string, int64, string, error) {
	b, err := io.ReadAll(io.LimitReader(r, limit))
	if err != nil {
		return "", 0, "", err
	}
	return c.add(b), int64(len(b)), "application/octet-stream", nil
}

func (c contents) add(b []byte) string {
	sum := sha256.Sum256(b)
	hash := hex.EncodeToString(sum[:])
	c[hash] = b
	return hash
}

func export(t *testing.T, s *Store, o ExportOptions) string {
	t.Helper()
	var b bytes.Buffer
	if err := s.Export(t.Context(), &b, o); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestExportImportExport(t *testing.T) {
	engines(t, func(t *testing.T, s *Store) {
		populate(t, s)
		have := contents{}
		update(t, s, func(tx *Tx) error { // long texts, markup, a field of a later version, blobs of several sizes
			c, err := tx.Conversation(id(10))
			if err != nil {
				return err
			}
			m := &core.Message{ID: "long", State: core.Received, Text: strings.Repeat("<&\u2028é", 20_000)}
			for i, size := range []int{0, 1, contentPiece, 2*contentPiece + 1} {
				m.Attachments = append(m.Attachments, core.Attachment{
					ID: id(100 + i), State: core.Ready, Hash: have.add(bytes.Repeat([]byte{byte(i)}, size)),
				})
			}
			tx.AppendMessage(c, m)
			tx.PutConversation(c, false)
			raw, err := tx.kv.Get(newKey(familyContact).id(id(2)))
			tx.kv.Set(newKey(familyContact).id(id(2)), bytes.Replace(raw, []byte(`{`), []byte(`{"later":{"kind":"x"},`), 1))
			return err
		})
		for _, h := range []string{hashA, hashB, hashC} {
			have[h] = []byte("not its own bytes")
		}
		plain := export(t, s, ExportOptions{Secrets: true})

		to := memory(t)
		n, err := to.Import(t.Context(), strings.NewReader(plain), ImportOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Count(plain, "\n") - 1; n != want {
			t.Errorf("imported %d records of %d", n, want)
		}
		clean(t, to)
		if diff := cmp.Diff(plain, export(t, to, ExportOptions{Secrets: true})); diff != "" {
			t.Error(diff)
		}
		same(t, to, pairs(t, s))
		if err := s.View(t.Context(), func(tx *Tx) error { return nil }); err != nil {
			t.Error(err)
		}

		// Merging the same again changes nothing.
		if _, err := to.Import(t.Context(), strings.NewReader(plain), ImportOptions{Merge: true}); err != nil {
			t.Fatal(err)
		}
		same(t, to, pairs(t, s))
		clean(t, to)
	})
}

func TestExportWithContents(t *testing.T) {
	s, have := memory(t), contents{}
	update(t, s, func(tx *Tx) error {
		for i, size := range []int{0, 1, contentPiece, 2*contentPiece + 1} {
			tx.PutUpload(&core.Upload{ID: id(i), Hash: have.add(bytes.Repeat([]byte{byte(i)}, size))})
		}
		return nil
	})
	o := ExportOptions{Contents: have, WithContents: true}
	all := export(t, s, o)
	to, got := memory(t), contents{}
	if _, err := to.Import(t.Context(), strings.NewReader(all), ImportOptions{Contents: got}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(have, got); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(all, export(t, to, ExportOptions{Contents: got, WithContents: true})); diff != "" {
		t.Error(diff)
	}
	if !strings.Contains(export(t, s, ExportOptions{Contents: have}), `"size":98305`) {
		t.Error("the size of a blob is not told")
	}
	if _, err := memory(t).Import(t.Context(), strings.NewReader(all), ImportOptions{}); core.CodeOf(err) != core.Invalid {
		t.Errorf("bytes with nowhere to keep them: %v", err)
	}
	wrong := strings.Replace(all, `"data":"AQ=="`, `"data":"Ag=="`, 1)
	if wrong == all {
		t.Fatal("the fixture has changed")
	}
	if _, err := memory(t).Import(t.Context(), strings.NewReader(wrong), ImportOptions{Contents: contents{}}); core.CodeOf(err) != core.Invalid {
		t.Errorf("bytes that are not the blob's: %v", err)
	}
	cut := all[:strings.LastIndex(all, `{"kind":"blob-content"`)]
	cut = cut[:len(cut)-2]
	if _, err := memory(t).Import(t.Context(), strings.NewReader(cut), ImportOptions{Contents: contents{}}); err == nil {
		t.Error("a file cut short was imported")
	}
}

func TestExportLeavesSecretsOut(t *testing.T) {
	s := memory(t)
	populate(t, s)
	var kinds []string
	for line := range strings.Lines(export(t, s, ExportOptions{})) {
		var l struct {
			Kind string `json:"kind"`
		}
		if err := json.Unmarshal([]byte(line), &l); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(line, `{"kind":`) {
			t.Errorf("the kind does not come first: %s", line)
		}
		kinds = append(kinds, l.Kind)
	}
	slices.Sort(kinds)
	kinds = slices.DeleteFunc(slices.Compact(kinds), func(k string) bool { return k == headerKind })
	if diff := cmp.Diff(KindNames(false), kinds); diff != "" {
		t.Error(diff)
	}
	for _, secret := range []string{"credential", "sign-in", "api-key", "setting", "plugin-state"} {
		if slices.Contains(kinds, secret) {
			t.Errorf("%s is exported", secret)
		}
	}
}

func TestImportRefuses(t *testing.T) {
	head := fmt.Sprintf("{\"kind\":\"guichet\",\"format\":1,\"schema\":%d}\n", Schema)
	for name, c := range map[string]struct {
		text, want string
	}{
		"nothing":               {"", "empty"},
		"something else":        {"hello\n", "not a line of an export"},
		"no header":             {`{"kind":"contact","id":"x"}` + "\n", "first line"},
		"a later schema":        {`{"kind":"guichet","format":1,"schema":99}` + "\n", "schema 99"},
		"a later format":        {`{"kind":"guichet","format":2,"schema":1}` + "\n", "format 2"},
		"an unknown kind":       {head + `{"kind":"spaceship"}` + "\n", `line 2: this version does not know the kind "spaceship"`},
		"kind not first":        {head + `{"id":"x","kind":"contact"}` + "\n", "line 2"},
		"not an object":         {head + `["kind"]` + "\n", "line 2"},
		"wrong types":           {head + `{"kind":"contact","name":7}` + "\n", "line 2: a contact that cannot be read"},
		"a message of nobody":   {head + `{"kind":"message","id":"x","conversation":"01KKNTQ1T8000000000000000A","seq":1}` + "\n", "there is no conversation"},
		"a malformed seen hash": {head + `{"kind":"seen","hash":"xyz","at":"2026-03-14T09:26:53Z"}` + "\n", "line 2"},
		"a malformed time":      {head + `{"kind":"seen","hash":"00000000000000000000000000000000","at":"soon"}` + "\n", "soon"},
		"a piece out of place":  {head + `{"kind":"blob-content","hash":"aa","offset":5,"data":""}` + "\n", "begins at 5"},
	} {
		t.Run(name, func(t *testing.T) {
			s := memory(t)
			_, err := s.Import(t.Context(), strings.NewReader(c.text), ImportOptions{Contents: contents{}})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v, want %q", err, c.want)
			}
			clean(t, s)
		})
	}
	t.Run("a store that has records", func(t *testing.T) {
		s := memory(t)
		do(t, s, func(tx *Tx) { tx.PutContact(&core.Contact{ID: id(1)}) })
		if _, err := s.Import(t.Context(), strings.NewReader(head), ImportOptions{}); core.CodeOf(err) != core.Conflict {
			t.Errorf("got %v", err)
		}
	})
	t.Run("not a new installation", func(t *testing.T) {
		s := memory(t)
		do(t, s, func(tx *Tx) {
			tx.SetSetting("install-id", []byte("y"))
			tx.AddConfiguration(&core.AppliedConfiguration{Revision: 1})
		})
		if _, err := s.Import(t.Context(), strings.NewReader(head), ImportOptions{}); err != nil {
			t.Errorf("got %v", err)
		}
	})
}

// TestMergeKeepsIndexesRight imports changed records over those that are there.
func TestMergeKeepsIndexesRight(t *testing.T) {
	s := memory(t)
	populate(t, s)
	text := export(t, s, ExportOptions{Secrets: true})
	for from, to := range map[string]string{
		`"assignee":"alice","units":30`: `"assignee":"carla"`, `"external_ids":["ext-1"]`: `"external_ids":["ext-2"]`,
		`"load":30`: `"load":0`, `"hash":"` + hashA + `"}`: `"hash":"` + hashB + `"}`, `"token_hash":"t1","agent":"alice"`: `"token_hash":"t1","agent":"bob"`,
	} {
		changed := strings.Replace(text, from, to, 1)
		if changed == text {
			t.Fatalf("the fixture has no %s", from)
		}
		text = changed
	}
	if _, err := s.Import(t.Context(), strings.NewReader(text), ImportOptions{Merge: true}); err != nil {
		t.Fatal(err)
	}
	for _, f := range findings(t, s) {
		if f.Problem != Unreadable || !bytes.Contains(f.Key, []byte{attachmentGuard}) {
			t.Errorf("fsck: %+v", f)
		}
	}
}

func FuzzImport(f *testing.F) {
	s := openStore(f, memkv.NewWithClock(fixedClock))
	populate(f, s)
	var b bytes.Buffer
	if err := s.Export(context.Background(), &b, ExportOptions{Secrets: true}); err != nil {
		f.Fatal(err)
	}
	for line := range strings.Lines(b.String()) {
		f.Add(line)
	}
	head, _, _ := strings.Cut(b.String(), "\n")
	f.Fuzz(func(t *testing.T, line string) {
		s := openStore(t, memkv.NewWithClock(fixedClock))
		if _, err := s.Import(t.Context(), strings.NewReader(head+"\n"+line), ImportOptions{Contents: contents{}}); err != nil {
			return
		}
		for _, f := range findings(t, s) {
			switch f.Problem {
			case IndexMissing, IndexStray, IndexWrong, Misplaced, UnknownKey, PartStray, Unreadable:
				t.Errorf("%s at %q: %s", f.Problem, f.Key, f.Text)
			}
		}
	})
}
