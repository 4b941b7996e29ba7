package kvtest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/guichet/guichet/core/kv"
)

// Durable says how to use an engine that keeps its data in a directory.
type Durable struct {
	// Open opens the engine in dir, which it or an earlier run of it may have used.
	Open func(t testing.TB, dir string) kv.DB
	// Settle makes the engine do now what it would do in the background: flush, compact.
	Settle func(db kv.DB) error
	// Churn is how many bytes must be written for the engine to have something to flush by itself.
	Churn int
}

// RunDurable checks what an engine owes after Close and Open.
func RunDurable(t *testing.T, d Durable) {
	t.Run("Reopen", func(t *testing.T) { testReopen(t, d) })
	t.Run("ReopenTrimmed", func(t *testing.T) { testReopenTrimmed(t, d) })
	t.Run("OldSnapshot", func(t *testing.T) { testOldSnapshot(t, d) })
	t.Run("Tombstones", func(t *testing.T) { testTombstones(t, d) })
}

func closeDB(t testing.TB, db kv.DB) {
	t.Helper()
	if err := db.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
}

func testReopen(t *testing.T, d Durable) {
	dir := t.TempDir()
	var want, events []string
	for round := range 4 {
		db := d.Open(t, dir)
		same(t, fmt.Sprintf("pairs after %d restarts", round), append([]string{}, want...), list(t, db, kv.Range{}))
		same(t, fmt.Sprintf("events after %d restarts", round), append([]string{}, events...), tailN(t, db, 0, len(events)))
		update(t, db, func(tx kv.Tx) {
			tx.Set(fmt.Appendf(nil, "round%d", round), numberOf(uint64(round)))
			tx.Set([]byte("common"), numberOf(uint64(round)))
			tx.Set(fmt.Appendf(nil, "gone%d", round), nil)
			tx.Emit([]byte("t"), numberOf(uint64(round)))
		})
		update(t, db, func(tx kv.Tx) { tx.Delete(fmt.Appendf(nil, "gone%d", round)) })
		want = list(t, db, kv.Range{})
		events = tailN(t, db, 0, round+1)
		closeDB(t, db)
	}
	if len(want) != 5 {
		t.Errorf("at the end there are %q", want)
	}
}

func testReopenTrimmed(t *testing.T, d Durable) {
	dir := t.TempDir()
	last := kv.Pos(0)
	for round := range 4 {
		db := d.Open(t, dir)
		if db.Last() != last {
			t.Errorf("Last is %d after %d restarts, want %d", db.Last(), round, last)
		}
		update(t, db, func(tx kv.Tx) {
			for range 10 {
				tx.Emit([]byte("t"), nil)
			}
		})
		last += 10
		if err := db.Trim(context.Background(), last-kv.Pos(5*(round%2))); err != nil { // all, or all but five
			t.Fatal(err)
		}
		closeDB(t, db)
	}
}

// testOldSnapshot holds a View open while everything it sees is overwritten or deleted, flushed and compacted.
func testOldSnapshot(t *testing.T, d Durable) {
	const keys = 50
	db := d.Open(t, t.TempDir())
	defer closeDB(t, db)
	fat := make([]byte, kv.MaxBytes/keys-100)
	dice := rand.New(rand.NewPCG(5, 0))
	overwrite := func(round int) {
		for i := range fat {
			fat[i] = byte(dice.Uint32())
		}
		update(t, db, func(tx kv.Tx) {
			for i := range keys {
				tx.Set(fmt.Appendf(nil, "key/%03d", i), append(fmt.Appendf(nil, "%d ", round), fat...))
			}
			if round%2 == 1 {
				tx.Delete([]byte("key/000"))
			}
		})
	}
	overwrite(0)
	err := db.View(context.Background(), func(tx kv.Tx) error {
		for round := 1; round*kv.MaxBytes < 3*d.Churn; round++ {
			overwrite(round)
		}
		if err := d.Settle(db); err != nil {
			return err
		}
		seen := 0
		for p, err := range tx.Scan(kv.Prefix([]byte("key/"))) {
			if err != nil {
				return err
			}
			if string(p.Value[:2]) != "0 " {
				return fmt.Errorf("%s is of a later round: %q", p.Key, p.Value[:2])
			}
			seen++
		}
		if seen != keys || getTx(tx, "key/000") == "-" {
			return fmt.Errorf("an old View sees %d keys, want %d", seen, keys)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// testTombstones writes over, deletes and brings back keys at random, with flushes, compactions and restarts between,
// and compares with a map: no deleted key may come back, no older value show again.
func testTombstones(t *testing.T, d Durable) {
	const keySpace, rounds = 400, 12
	for seed := range uint64(2) {
		dice := rand.New(rand.NewPCG(seed, 0))
		dir := t.TempDir()
		db := d.Open(t, dir)
		model := map[string]string{}
		for round := range rounds {
			for written := 0; written < d.Churn/3; {
				next := maps.Clone(model)
				update(t, db, func(tx kv.Tx) {
					for range 50 {
						key := fmt.Sprintf("key/%03d", dice.IntN(keySpace))
						switch dice.IntN(5) {
						case 0, 1:
							tx.Delete([]byte(key))
							delete(next, key)
						case 2:
							tx.Set([]byte(key), nil)
							next[key] = ""
						default:
							value := make([]byte, 1000+dice.IntN(8000))
							for i := 0; i < len(value); i += 8 { // does not compress
								copy(value[i:], numberOf(dice.Uint64()))
							}
							tx.Set([]byte(key), value)
							next[key] = string(value)
							written += len(value)
						}
					}
				})
				model = next
			}
			compare(t, db, model, "while running")
			if dice.IntN(3) == 0 {
				if err := d.Settle(db); err != nil {
					t.Fatalf("settle: %v", err)
				}
				compare(t, db, model, "after compaction")
			}
			if dice.IntN(2) == 0 {
				closeDB(t, db)
				db = d.Open(t, dir)
				compare(t, db, model, "after a restart")
			}
			if t.Failed() {
				t.Fatalf("seed %d, round %d", seed, round)
			}
		}
		closeDB(t, db)
	}
}

func compare(t testing.TB, db kv.DB, model map[string]string, when string) {
	t.Helper()
	err := db.View(context.Background(), func(tx kv.Tx) error {
		for _, reverse := range []bool{false, true} {
			keys := slices.Sorted(maps.Keys(model))
			if reverse {
				slices.Reverse(keys)
			}
			for p, err := range tx.Scan(kv.Range{Reverse: reverse}) {
				switch {
				case err != nil:
					return err
				case len(keys) == 0 || string(p.Key) != keys[0]:
					return fmt.Errorf("%s: a scan (reverse %v) yields %q, which should not be there or not here", when, reverse, p.Key)
				case string(p.Value) != model[keys[0]]:
					return fmt.Errorf("%s: %q has a value of another time", when, p.Key)
				}
				keys = keys[1:]
			}
			if len(keys) > 0 {
				return fmt.Errorf("%s: a scan (reverse %v) misses %q and %d more", when, reverse, keys[0], len(keys)-1)
			}
		}
		for i := range 400 {
			key := fmt.Sprintf("key/%03d", i)
			value, ok := model[key]
			if got := getTx(tx, key); ok && got != value || !ok && got != "-" {
				return fmt.Errorf("%s: get %q is wrong (should be there: %v)", when, key, ok)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
