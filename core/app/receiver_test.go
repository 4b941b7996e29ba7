package app

import (
	"strings"
	"testing"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/blob"
	"github.com/guichet/guichet/core/blob/keys"
	"github.com/guichet/guichet/core/kv/memkv"
	"github.com/guichet/guichet/core/store"
)

// TestStoredContent names content that was stored here before: only the account that stored it can.
func TestStoredContent(t *testing.T) {
	st, err := store.Open(t.Context(), memkv.New(), store.Options{})
	if err != nil {
		t.Fatal(err)
	}
	blobs, err := blob.Open(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := keys.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m := &mediaStore{store: st, blobs: blobs, keys: secret}
	handle, size, err := m.Put(t.Context(), "web", "text/plain", "note.txt", strings.NewReader("a note"))
	if err != nil || size != 6 {
		t.Fatalf("put %d bytes: %v", size, err)
	}
	named := func(account, handle string) core.Attachment {
		at := core.Attachment{State: core.Ready, Handle: handle, Size: 1 << 40}
		m.resolve(account, &at)
		return at
	}
	if at := named("web", handle); at.State != core.Ready || at.Hash == "" || at.Size != 6 || at.Name != "note.txt" || at.Type != "text/plain" {
		t.Errorf("its own account gets %+v", at)
	}
	gone := m.handle("web", strings.Repeat("0", 64), "a", "b")
	for what, at := range map[string]core.Attachment{
		"another account": named("other", handle), "a made-up handle": named("web", "x"+handle), "content that is not there": named("web", gone),
	} {
		if at.State != core.Refused || at.Hash != "" || at.Reason == "" {
			t.Errorf("%s: %+v", what, at)
		}
	}
}
