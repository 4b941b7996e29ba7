package badgerkv

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/guichet/guichet/core/kv"
)

// dirty returns the memory maps of Badger's logs in dir that hold pages which are not on disk, as "file: n kB".
func dirty(t *testing.T, dir string) (maps []string) {
	t.Helper()
	f, err := os.Open("/proc/self/smaps")
	if err != nil {
		t.Skipf("no /proc/self/smaps: %v", err)
	}
	defer f.Close()
	name := ""
	for lines := bufio.NewScanner(f); lines.Scan(); {
		line := lines.Text()
		fields := strings.Fields(line)
		if !strings.HasSuffix(fields[0], ":") { // 7f…-7f… rw-s 00000000 fe:00 123 /path
			name = ""
			if len(fields) == 6 && strings.HasPrefix(fields[5], dir) &&
				(strings.HasSuffix(fields[5], ".mem") || strings.HasSuffix(fields[5], ".vlog")) {
				name = strings.TrimPrefix(fields[5], dir+"/")
			}
			continue
		}
		if name == "" || fields[0] != "Private_Dirty:" && fields[0] != "Shared_Dirty:" {
			continue
		}
		if fields[1] != "0" {
			maps = append(maps, name+": "+fields[1]+" kB "+fields[0])
		}
	}
	return maps
}

// onDisk skips the test where the directory's file system has no disk behind it, so that a page never becomes clean.
func onDisk(t *testing.T, dir string) {
	t.Helper()
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		t.Fatal(err)
	}
	if st.Type == unix.TMPFS_MAGIC || st.Type == unix.RAMFS_MAGIC {
		t.Skip("the temporary directory is in memory: its pages never become clean; set TMPDIR to a disk")
	}
}

const rotations = 6

// TestAcknowledgedIsOnDisk is the proof that one transaction a batch and one sync suffice, over several changes of
// Badger's log: after each acknowledged batch no page of any log is dirty.
func TestAcknowledgedIsOnDisk(t *testing.T) {
	db := openTest(t, Options{})
	dir := db.opt.Dir
	onDisk(t, dir)
	first := newestLog(dir)
	for batch := 0; newestLog(dir) < first+rotations; batch++ {
		var writers sync.WaitGroup
		for w := range 1 + batch%3 {
			writers.Go(func() {
				err := db.Update(context.Background(), func(tx kv.Tx) error {
					value := make([]byte, 40<<10)
					for i := range 8 {
						tx.Set(fmt.Appendf(nil, "%d/%d/%d", batch, w, i), value)
					}
					tx.Emit([]byte("topic"), nil)
					return nil
				})
				if err != nil {
					t.Error(err)
				}
			})
		}
		writers.Wait()
		if maps := dirty(t, dir); len(maps) > 0 {
			t.Fatalf("after batch %d was acknowledged, not on disk: %q", batch, maps)
		}
		if t.Failed() {
			return
		}
	}
}

// TestTheProofCanFail is the counterpart: with several transactions before one sync, a change of logs between them
// leaves the older log dirty, and the same check sees it.
func TestTheProofCanFail(t *testing.T) {
	db := openTest(t, Options{})
	dir := db.opt.Dir
	onDisk(t, dir)
	value := make([]byte, 40<<10)
	ts := uint64(1000) // the committer is idle; its timestamps lie below
	for range rotations {
		for before := newestLog(dir); newestLog(dir) == before; ts++ {
			w := db.bdg.NewTransactionAt(ts, true)
			for i := range 8 {
				if err := w.Set(fmt.Appendf(nil, "k%d/%d", ts, i), value); err != nil {
					t.Fatal(err)
				}
			}
			if err := w.CommitAt(ts, nil); err != nil {
				t.Fatal(err)
			}
		}
		if err := db.bdg.Sync(); err != nil {
			t.Fatal(err)
		}
		if maps := dirty(t, dir); len(maps) > 0 {
			t.Logf("as expected, not on disk: %q", maps)
			return
		}
	}
	t.Errorf("%d times several transactions over a change of logs before one sync, and no page was dirty: the check does not see", rotations)
}

// TestOpenHeals: what a process leaves that is killed while Badger makes or removes a log.
func TestOpenHeals(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		for _, name := range []string{"00040.mem", "00041.mem", "000050.vlog"} {
			if err := os.WriteFile(dir+"/"+name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		db, err := Open(Options{Dir: dir, MemTableBytes: MinMemTable})
		if err != nil {
			t.Fatalf("open with logs of no length: %v", err)
		}
		err = db.Update(context.Background(), emit("1"))
		if err := errors.Join(err, db.Close()); err != nil {
			t.Fatal(err)
		}
		if db.Last() != kv.Pos(round+1) {
			t.Errorf("Last is %d after %d rounds", db.Last(), round+1)
		}
	}
}
