package app

import (
	"os"
	"path/filepath"
	"testing"
)

func TestGrantedMemory(t *testing.T) {
	for text, want := range map[string]int64{"1073741824\n": 1 << 30, "max\n": 0, "": 0, "-5": 0, "lots": 0} {
		path := filepath.Join(t.TempDir(), "memory.max")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, ok := grantedMemory(path)
		if ok != (want > 0) || (ok && got != want) {
			t.Errorf("%q: %d %v, want %d", text, got, ok, want)
		}
	}
	if _, ok := grantedMemory(filepath.Join(t.TempDir(), "absent")); ok {
		t.Error("a limit was read from a file that is not there")
	}
}
