package kvtest

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"

	"github.com/guichet/guichet/core/kv"
)

const (
	crashDir     = "KVTEST_CRASH_DIR"
	crashWriters = 4
)

// CrashChild turns the process into the one that Crash kills, if Crash started it. Call it first in TestMain:
//
//	func TestMain(m *testing.M) {
//		kvtest.CrashChild(func(dir string) (kv.DB, error) { … })
//		os.Exit(m.Run())
//	}
func CrashChild(open func(dir string) (kv.DB, error)) {
	dir := os.Getenv(crashDir)
	if dir == "" {
		return
	}
	if err := crashChild(dir, open); err != nil {
		fmt.Fprintln(os.Stderr, "child:", err)
	}
	os.Exit(1)
}

func counterKey(w int) []byte { return fmt.Appendf(nil, "counter/%d", w) }
func recordKey(w int, n uint64) []byte {
	return append(fmt.Appendf(nil, "record/%d/", w), numberOf(n)...)
}

// crashChild writes for ever and tells of each write on stdout once it is acknowledged.
func crashChild(dir string, open func(dir string) (kv.DB, error)) error {
	db, err := open(dir)
	if err != nil {
		return err
	}
	errs := make(chan error)
	for w := range crashWriters {
		go func() {
			value := bytes.Repeat([]byte{byte('a' + w)}, 3000)
			for {
				var n uint64
				err := db.Update(context.Background(), func(tx kv.Tx) error {
					n = number([]byte(getTx(tx, string(counterKey(w))))) + 1
					tx.Set(counterKey(w), numberOf(n))
					tx.Set(recordKey(w, n), value)
					if n > 100 {
						tx.Delete(recordKey(w, n-100))
					}
					tx.Emit(counterKey(w), numberOf(n))
					return nil
				})
				if err != nil {
					errs <- err
					return
				}
				if _, err := fmt.Printf("%d %d\n", w, n); err != nil {
					errs <- err
					return
				}
			}
		}()
	}
	return <-errs
}

// Crash starts the test binary again, as a process that writes (see CrashChild), kills it at a random moment, and opens
// what it left: everything acknowledged must be there, nothing half. It does so several times on one directory.
func Crash(t *testing.T, open func(t testing.TB, dir string) kv.DB) {
	const rounds = 8
	dir := t.TempDir()
	dice := rand.New(rand.NewPCG(3, 0))
	var acked [crashWriters]uint64
	for round := range rounds {
		runAndKill(t, dir, 1+dice.IntN(2500), &acked)
		db := open(t, dir)
		checkCrash(t, db, acked)
		// The rest of what Open has begun may be interrupted as well.
		if dice.IntN(2) == 0 {
			update(t, db, func(tx kv.Tx) { tx.Set([]byte("parent"), numberOf(uint64(round))) })
		}
		closeDB(t, db)
		if t.Failed() {
			t.Fatalf("after kill %d", round+1)
		}
	}
}

// runAndKill kills the child after so many acknowledgements, and reads those that it still got out.
func runAndKill(t *testing.T, dir string, acks int, acked *[crashWriters]uint64) {
	t.Helper()
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), crashDir+"="+dir)
	var stderr bytes.Buffer
	child.Stderr = &stderr
	stdout, err := child.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	var kill sync.Once
	lines := bufio.NewScanner(stdout)
	seen := 0
	for lines.Scan() {
		var w int
		var n uint64
		if _, err := fmt.Sscanf(lines.Text(), "%d %d", &w, &n); err != nil || w >= crashWriters {
			continue // cut off by the kill
		}
		acked[w] = max(acked[w], n)
		if seen++; seen >= acks {
			kill.Do(func() {
				if err := child.Process.Kill(); err != nil {
					t.Errorf("kill: %v", err)
				}
			})
		}
	}
	_ = child.Wait() // killed
	if seen < acks {
		t.Fatalf("the child ended by itself after %d acknowledgements:\n%s", seen, stderr.String())
	}
}

func checkCrash(t *testing.T, db kv.DB, acked [crashWriters]uint64) {
	t.Helper()
	var stored [crashWriters]uint64
	var total uint64
	err := db.View(context.Background(), func(tx kv.Tx) error {
		for w := range crashWriters {
			stored[w] = number([]byte(getTx(tx, string(counterKey(w)))))
			total += stored[w]
			if stored[w] < acked[w] {
				t.Errorf("writer %d: %d were acknowledged, %d are there", w, acked[w], stored[w])
			}
			want := uint64(1)
			if stored[w] > 100 {
				want = stored[w] - 99
			}
			for p, err := range tx.Scan(kv.Prefix(fmt.Appendf(nil, "record/%d/", w))) {
				if err != nil {
					return err
				}
				if !bytes.Equal(p.Key, recordKey(w, want)) || len(p.Value) != 3000 {
					t.Errorf("writer %d: record %q (%d bytes), want number %d", w, p.Key, len(p.Value), want)
					return nil
				}
				want++
			}
			if want != stored[w]+1 {
				t.Errorf("writer %d: records up to %d, the counter says %d", w, want-1, stored[w])
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
	if uint64(db.Last()) != total {
		t.Errorf("%d events for %d updates", db.Last(), total)
		return
	}
	var told [crashWriters]uint64
	if total == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for e, err := range db.Tail(ctx, 0) {
		if err != nil {
			t.Errorf("tail: %v", err)
			return
		}
		var w int
		if _, err := fmt.Sscanf(string(e.Topic), "counter/%d", &w); err != nil {
			t.Error(err)
			return
		}
		if told[w]++; number(e.Value) != told[w] {
			t.Errorf("event %d tells of update %d of writer %d, want %d", e.Pos, number(e.Value), w, told[w])
			return
		}
		if e.Pos == db.Last() {
			break
		}
	}
	if told != stored {
		t.Errorf("events tell of %v, stored are %v", told, stored)
	}
}
