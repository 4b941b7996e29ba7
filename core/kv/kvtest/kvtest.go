// Package kvtest is the suite that every engine of package kv passes, and the chaos wrapper that catches closures which
// must not run twice. It must not know any engine.
//
// Start reading at [Run]. Engines that keep their data also pass [RunDurable] and [Crash]; tests above kv wrap their
// engine in [Chaos].
package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core/kv"
)

// Open opens an empty engine. The suite closes it.
type Open func(t testing.TB) kv.DB

// Run checks the whole contract of package kv, but for what needs a restart.
func Run(t *testing.T, open Open) {
	tests := []struct {
		name string
		run  func(t *testing.T, db kv.DB)
	}{
		{"Collation", testCollation},
		{"Ranges", testRanges},
		{"Values", testValues},
		{"OwnWrites", testOwnWrites},
		{"OwnWritesInScan", testOwnWritesInScan},
		{"ScanWhileWriting", testScanWhileWriting},
		{"NestedScans", testNestedScans},
		{"ViewIsASnapshot", testViewIsASnapshot},
		{"ViewCannotWrite", testViewCannotWrite},
		{"EndedTx", testEndedTx},
		{"Now", testNow},
		{"Atomicity", testAtomicity},
		{"Panic", testPanic},
		{"PanicInScan", testPanicInScan},
		{"Limits", testLimits},
		{"ReadLimit", testReadLimit},
		{"LargestUpdate", testLargestUpdate},
		{"Cancelled", testCancelled},
		{"ReadsCount", testReadsCount},
		{"WriteSkewWithGuard", testWriteSkewWithGuard},
		{"UniqueClaim", testUniqueClaim},
		{"Counters", testCounters},
		{"Transfers", testTransfers},
		{"LowLane", testLowLane},
		{"TailOrder", testTailOrder},
		{"TailWaits", testTailWaits},
		{"TailStops", testTailStops},
		{"TailFromThePast", testTailFromThePast},
		{"EmitIsAtomic", testEmitIsAtomic},
		{"Trim", testTrim},
		{"TrimAll", testTrimAll},
		{"Status", testStatus},
		{"Closed", testClosed},
		{"Model", testModel},
		{"ModelUnderChaos", func(t *testing.T, db kv.DB) { testModel(t, Chaos(db, 1)) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			db := open(t)
			t.Cleanup(func() {
				if err := db.Close(); err != nil {
					t.Errorf("close: %v", err)
				}
			})
			test.run(t, db)
		})
	}
	t.Run("DumpAndLoad", func(t *testing.T) { testDumpAndLoad(t, open) })
	t.Run("DumpWhileWriting", func(t *testing.T) { testDumpWhileWriting(t, open) })
	t.Run("DamagedDump", func(t *testing.T) { testDamagedDump(t, open) })
}

// patience is how long a test waits for what must happen before it calls it a failure.
const patience = 30 * time.Second

var errStop = errors.New("stop")

func update(t testing.TB, db kv.DB, fn func(tx kv.Tx)) {
	t.Helper()
	err := db.Update(context.Background(), func(tx kv.Tx) error {
		fn(tx)
		return nil
	})
	if err != nil {
		t.Fatalf("update: %v", err)
	}
}

func set(t testing.TB, db kv.DB, key, value string) {
	t.Helper()
	update(t, db, func(tx kv.Tx) { tx.Set([]byte(key), []byte(value)) })
}

// get returns the value of key as text, or "-" when it is absent.
func get(t testing.TB, db kv.DB, key string) string {
	t.Helper()
	var value string
	err := db.View(context.Background(), func(tx kv.Tx) error {
		value = getTx(tx, key)
		return nil
	})
	if err != nil {
		t.Fatalf("view: %v", err)
	}
	return value
}

func getTx(tx kv.Tx, key string) string {
	value, err := tx.Get([]byte(key))
	switch {
	case errors.Is(err, kv.ErrNotFound):
		return "-"
	case err != nil:
		return "error: " + err.Error()
	}
	return string(value)
}

// list returns the pairs of a range as "key=value" texts, quoted where they are not plain.
func list(t testing.TB, db kv.DB, r kv.Range) []string {
	t.Helper()
	var out []string
	err := db.View(context.Background(), func(tx kv.Tx) error {
		out = listTx(tx, r)
		return nil
	})
	if err != nil {
		t.Fatalf("view: %v", err)
	}
	return out
}

func listTx(tx kv.Tx, r kv.Range) []string {
	out := []string{}
	for p, err := range tx.Scan(r) {
		switch {
		case err != nil:
			return append(out, "error: "+err.Error())
		case r.KeysOnly && p.Value != nil:
			out = append(out, fmt.Sprintf("%q has a value", p.Key))
		case !r.KeysOnly && p.Value == nil:
			out = append(out, fmt.Sprintf("%q has no value", p.Key))
		default:
			out = append(out, pair(p.Key, p.Value))
		}
	}
	return out
}

func pair(key, value []byte) string { return quote(key) + "=" + quote(value) }

func quote(b []byte) string {
	if q := fmt.Sprintf("%q", b); q != `"`+string(b)+`"` {
		return q
	}
	return string(b)
}

func same[T any](t testing.TB, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

func testStatus(t *testing.T, db kv.DB) {
	before := db.Status()
	if before.Engine == "" {
		t.Error("the engine has no name")
	}
	for range 3 {
		set(t, db, "a", "b")
	}
	after := db.Status()
	if n := after.Commits - before.Commits; n != 3 {
		t.Errorf("3 updates counted as %d commits", n)
	}
	if n := after.Batches - before.Batches; n != 3 {
		t.Errorf("3 updates one after another counted as %d batches", n)
	}
	if after.Full || after.Waiting != 0 {
		t.Errorf("an idle engine: %+v", after)
	}
}

func testClosed(t *testing.T, db kv.DB) {
	set(t, db, "a", "b")
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	nothing := func(kv.Tx) error { return nil }
	ctx := context.Background()
	var tailed error
	for _, tailed = range db.Tail(ctx, 0) {
	}
	for name, err := range map[string]error{
		"View":      db.View(ctx, nothing),
		"Update":    db.Update(ctx, nothing),
		"UpdateLow": db.UpdateLow(ctx, nothing),
		"Dump":      db.Dump(ctx, new(bytes.Buffer)),
		"Trim":      db.Trim(ctx, 1),
		"Tail":      tailed,
	} {
		if !errors.Is(err, kv.ErrClosed) {
			t.Errorf("%s after Close: %v, want ErrClosed", name, err)
		}
	}
	if err := db.Close(); err != nil {
		t.Errorf("a second Close: %v", err)
	}
}
