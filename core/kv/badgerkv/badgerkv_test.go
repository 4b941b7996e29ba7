package badgerkv_test

import (
	"os"
	"testing"

	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/badgerkv"
	"github.com/guichet/guichet/core/kv/kvtest"
)

func TestMain(m *testing.M) {
	kvtest.CrashChild(func(dir string) (kv.DB, error) {
		return badgerkv.Open(badgerkv.Options{Dir: dir, MemTableBytes: badgerkv.MinMemTable})
	})
	os.Exit(m.Run())
}

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

func openDir(t testing.TB, dir string) kv.DB { return open(t, badgerkv.Options{Dir: dir}) }

func TestDurable(t *testing.T) {
	kvtest.RunDurable(t, kvtest.Durable{
		Open:   openDir,
		Settle: func(db kv.DB) error { return db.(*badgerkv.DB).Compact() },
		Churn:  badgerkv.MinMemTable,
	})
}

// TestDurableWithoutSync: without syncs, what Close wrote is there all the same.
func TestDurableWithoutSync(t *testing.T) {
	kvtest.RunDurable(t, kvtest.Durable{
		Open: func(t testing.TB, dir string) kv.DB {
			return open(t, badgerkv.Options{Dir: dir, Durability: "none"})
		},
		Settle: func(db kv.DB) error { return db.(*badgerkv.DB).Compact() },
		Churn:  badgerkv.MinMemTable / 2,
	})
}

func TestCrash(t *testing.T) { kvtest.Crash(t, openDir) }
