package badgerkv_test

import (
	"testing"

	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/badgerkv"
	"github.com/guichet/guichet/core/kv/kvtest"
)

func open(t testing.TB, opt badgerkv.Options) *badgerkv.DB {
	t.Helper()
	if opt.Dir == "" {
		opt.Dir = t.TempDir()
	}
	if opt.MemTableBytes == 0 {
		opt.MemTableBytes = badgerkv.MinMemTable
	}
	db, err := badgerkv.Open(opt)
	if err != nil {
		t.Fatal(err)
	}
	return db
}

func TestContract(t *testing.T) {
	for _, durability := range []string{"group", "each"} {
		t.Run(durability, func(t *testing.T) {
			kvtest.Run(t, func(t testing.TB) kv.DB { return open(t, badgerkv.Options{Durability: durability}) })
		})
	}
}
