package keys

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

func TestTheKeyIsMadeOnceAndStays(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "keys")
	first, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	second, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(first.Derive("a"), second.Derive("a")) {
		t.Error("the key changed over a restart")
	}
	if bytes.Equal(first.Derive("a"), first.Derive("b")) || len(first.Derive("a")) != 32 {
		t.Error("two purposes share a key")
	}
	for path, want := range map[string]os.FileMode{dir: 0o700, filepath.Join(dir, FileName): 0o600} {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
	}
	files, err := os.ReadDir(dir)
	if err != nil || len(files) != 1 {
		t.Errorf("left in the directory: %v, %v", files, err)
	}
	other, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Equal(first.Derive("a"), other.Derive("a")) {
		t.Error("two directories have the same key")
	}
}

func TestManyOpenAtOnce(t *testing.T) {
	dir := t.TempDir()
	var mu sync.Mutex
	seen := map[string]bool{}
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			k, err := Open(dir)
			if err != nil {
				t.Error(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			seen[string(k.Derive("x"))] = true
		})
	}
	all.Wait()
	if len(seen) != 1 {
		t.Errorf("%d different keys", len(seen))
	}
}

func TestABadKeyFileIsRefused(t *testing.T) {
	good := fileHeader + strings.Repeat("ab", keySize)
	for name, c := range map[string]struct {
		text string
		mode os.FileMode
		want string
	}{
		"readable by others": {good, 0o644, "read by others"},
		"empty":              {"", 0o600, "damaged"},
		"too short":          {fileHeader + "abcd", 0o600, "damaged"},
		"not hex":            {fileHeader + strings.Repeat("zz", keySize), 0o600, "damaged"},
		"a later version":    {"guichet master key 2 " + strings.Repeat("ab", keySize), 0o600, "damaged"},
	} {
		dir := t.TempDir()
		path := filepath.Join(dir, FileName)
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, c.mode); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadFile(path); err != nil || string(left) != c.text {
			t.Errorf("%s: the file was changed", name)
		}
	}
}

func TestSeal(t *testing.T) {
	k, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	other, err := Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	for _, plain := range []string{"", "hunter2", strings.Repeat("x", 100_000)} {
		sealed := k.Seal([]byte(plain), "account shop-line")
		if again := k.Seal([]byte(plain), "account shop-line"); bytes.Equal(sealed, again) {
			t.Error("sealing twice gives the same bytes")
		}
		if plain != "" && bytes.Contains(sealed, []byte(plain)) {
			t.Error("the secret can be read")
		}
		got, err := k.Open(sealed, "account shop-line")
		if err != nil || string(got) != plain {
			t.Errorf("%d bytes come back, %v", len(got), err)
		}
		for name, open := range map[string]func() ([]byte, error){
			"another context": func() ([]byte, error) { return k.Open(sealed, "account other") },
			"another key":     func() ([]byte, error) { return other.Open(sealed, "account shop-line") },
			"cut":             func() ([]byte, error) { return k.Open(sealed[:len(sealed)-1], "account shop-line") },
			"very short":      func() ([]byte, error) { return k.Open(sealed[:3], "account shop-line") },
			"nothing":         func() ([]byte, error) { return k.Open(nil, "account shop-line") },
			"another version": func() ([]byte, error) {
				return k.Open(append([]byte{9}, sealed[1:]...), "account shop-line")
			},
			"changed": func() ([]byte, error) {
				bad := bytes.Clone(sealed)
				bad[len(bad)/2] ^= 1
				return k.Open(bad, "account shop-line")
			},
		} {
			if _, err := open(); !errors.Is(err, ErrSealed) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
