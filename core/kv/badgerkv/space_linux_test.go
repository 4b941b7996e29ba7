package badgerkv

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guichet/guichet/core/kv"
)

// TestHooksIntoBadger: two of the guards hang on how Badger works: on a message that it logs before each table of a
// compaction, and on the names of its files. A new version of Badger that changes either fails here.
func TestHooksIntoBadger(t *testing.T) {
	db := openTest(t, Options{small: true})
	first := newestLog(db.opt.Dir)
	value := make([]byte, 32<<10)
	for n := 0; newestLog(db.opt.Dir) < first+2; n++ {
		err := db.Update(context.Background(), func(tx kv.Tx) error {
			for i := range 20 {
				tx.Set(fmt.Appendf(nil, "%d/%d", n, i), value)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if db.space.active != newestLog(db.opt.Dir) {
		t.Errorf("the active log is %d, space thinks %d", newestLog(db.opt.Dir), db.space.active)
	}
	var st unix.Stat_t
	if err := unix.Stat(db.space.logName(db.space.active), &st); err != nil {
		t.Fatal(err)
	}
	if st.Blocks*512 < db.space.logBytes() {
		t.Errorf("the active log has %d bytes on disk, want %d", st.Blocks*512, db.space.logBytes())
	}
	deadline := time.Now().Add(time.Minute)
	for db.space.tables.Load() == 0 || db.space.compacted.Load() == 0 {
		if time.Now().After(deadline) {
			t.Fatalf("of the tables flushed and compacted, %d were allocated ahead, and for %d it was asked whether there is room",
				db.space.tables.Load(), db.space.compacted.Load())
		}
		if err := db.bdg.Flatten(1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Millisecond)
	}
}

// TestBallast: it is there while the engine runs, is not counted as data, and goes at the end.
func TestBallast(t *testing.T) {
	db := openTest(t, Options{})
	name := filepath.Join(db.opt.Dir, ballastFile)
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		t.Fatal(err)
	}
	if st.Size != db.space.ballastGoal() || st.Blocks*512 < st.Size {
		t.Errorf("the ballast has %d bytes, %d on disk; want %d", st.Size, st.Blocks*512, db.space.ballastGoal())
	}
	if s := db.Status(); s.Bytes >= st.Size+db.space.logBytes() {
		t.Errorf("an empty engine of %d bytes: the ballast is counted", s.Bytes)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(name); !os.IsNotExist(err) {
		t.Errorf("after Close the ballast is still there: %v", err)
	}
}

// TestReserve: what is kept free on volumes of different sizes.
func TestReserve(t *testing.T) {
	for _, test := range []struct{ memtable, total, want int64 }{
		{8 << 20, 64 << 20, 32 << 20},
		{8 << 20, 1 << 30, 1 << 30 / 10},
		{16 << 20, 100 << 30, 200 << 20},
		{64 << 20, 100 << 30, 256 << 20},
	} {
		s := newSpace("", test.memtable, test.total, nil)
		if s.reserve != test.want {
			t.Errorf("memtable %d MB, volume %d MB: reserve %d MB, want %d MB",
				test.memtable>>20, test.total>>20, s.reserve>>20, test.want>>20)
		}
	}
}
