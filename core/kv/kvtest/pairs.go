package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/guichet/guichet/core/kv"
)

func testCollation(t *testing.T, db kv.DB) {
	long := string(bytes.Repeat([]byte{0xff}, kv.MaxKey))
	keys := []string{
		"", "\x00", "\x00\x00", "\x00\xff", "!", "!badger!", "!badger!txn", "A", "B", "a", "a\x00", "a\x00\x00", "a\x00\xff",
		"a\x01", "aa", "a\xff", "a\xff\x00", "a\xff\xff", "b", "k", "l", "z", "é", "\xff", "\xff\x00", "\xff\xff", long,
	}
	slices.Sort(keys)
	shuffled := slices.Clone(keys)
	slices.SortFunc(shuffled, func(a, b string) int { return len(b) - len(a) })
	update(t, db, func(tx kv.Tx) {
		for _, k := range shuffled {
			tx.Set([]byte(k), []byte("of "+k))
		}
	})
	var want []string
	for _, k := range keys {
		want = append(want, pair([]byte(k), []byte("of "+k)))
		if v := get(t, db, k); v != "of "+k {
			t.Errorf("get %q: %q", k, v)
		}
	}
	same(t, "forwards", want, list(t, db, kv.Range{}))
	slices.Reverse(want)
	same(t, "backwards", want, list(t, db, kv.Range{Reverse: true}))

	for _, p := range []string{"", "a", "a\x00", "a\xff", "\xff", "\xff\xff", "!badger!", "q"} {
		var want []string
		for _, k := range keys {
			if len(k) >= len(p) && k[:len(p)] == p {
				want = append(want, k)
			}
		}
		for _, reverse := range []bool{false, true} {
			r := kv.Prefix([]byte(p))
			r.Reverse, r.KeysOnly = reverse, true
			got := []string{}
			err := db.View(context.Background(), func(tx kv.Tx) error {
				for pair, err := range tx.Scan(r) {
					if err != nil {
						return err
					}
					got = append(got, string(pair.Key))
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if reverse {
				slices.Reverse(got)
			}
			if !slices.Equal(want, got) {
				t.Errorf("prefix %q, reverse %v: %q, want %q", p, reverse, got, want)
			}
		}
	}
}

func testRanges(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) {
		for _, k := range []string{"a", "b", "ba", "bb", "c", "d"} {
			tx.Set([]byte(k), []byte("1"))
		}
	})
	for _, test := range []struct {
		r    kv.Range
		want []string
	}{
		{kv.Range{}, []string{"a=1", "b=1", "ba=1", "bb=1", "c=1", "d=1"}},
		{kv.Range{Start: []byte("b"), End: []byte("c")}, []string{"b=1", "ba=1", "bb=1"}},
		{kv.Range{Start: []byte("b\x00"), End: []byte("c\x00")}, []string{"ba=1", "bb=1", "c=1"}},
		{kv.Range{Start: []byte("c")}, []string{"c=1", "d=1"}},
		{kv.Range{End: []byte("b")}, []string{"a=1"}},
		{kv.Range{Start: []byte("c"), End: []byte("b")}, []string{}},
		{kv.Range{Start: []byte("b"), End: []byte("b")}, []string{}},
		{kv.Range{Start: []byte("x")}, []string{}},
		{kv.Range{Limit: 2}, []string{"a=1", "b=1"}},
		{kv.Range{Limit: 2, Reverse: true}, []string{"d=1", "c=1"}},
		{kv.Range{Start: []byte("b"), End: []byte("d"), Reverse: true}, []string{"c=1", "bb=1", "ba=1", "b=1"}},
		{kv.Range{Start: []byte("b"), End: []byte("bb"), Reverse: true}, []string{"ba=1", "b=1"}},
		{kv.Range{Start: []byte("b"), End: []byte("bz"), Reverse: true, Limit: 1}, []string{"bb=1"}},
		{kv.Range{Start: []byte("b"), End: []byte("d"), KeysOnly: true}, []string{"b=", "ba=", "bb=", "c="}},
		{kv.Range{Limit: 99}, []string{"a=1", "b=1", "ba=1", "bb=1", "c=1", "d=1"}},
	} {
		same(t, fmt.Sprintf("%+v", test.r), test.want, list(t, db, test.r))
	}
}

func testValues(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) {
		tx.Set([]byte("empty"), []byte{})
		tx.Set([]byte("nil"), nil)
		tx.Set([]byte("large"), bytes.Repeat([]byte("x"), kv.MaxValue))
		tx.Delete([]byte("never there"))
	})
	check := func(tx kv.Tx) error {
		for _, k := range []string{"empty", "nil"} {
			if v, err := tx.Get([]byte(k)); err != nil || v == nil || len(v) != 0 {
				t.Errorf("get %s: %v, %v; want an empty value that is not nil", k, v, err)
			}
		}
		if v, err := tx.Get([]byte("large")); err != nil || len(v) != kv.MaxValue {
			t.Errorf("get large: %d bytes, %v", len(v), err)
		}
		if _, err := tx.Get([]byte("never there")); !errors.Is(err, kv.ErrNotFound) {
			t.Errorf("get an absent key: %v", err)
		}
		return nil
	}
	if err := errors.Join(db.View(context.Background(), check), db.Update(context.Background(), check)); err != nil {
		t.Fatal(err)
	}

	// What goes in and what comes out belongs to the caller.
	key, value := []byte("mine"), []byte("value")
	update(t, db, func(tx kv.Tx) {
		k, v := slices.Clone(key), slices.Clone(value)
		tx.Set(k, v)
		k[0], v[0] = '?', '?'
		got, _ := tx.Get(key)
		got[0] = '!'
		for p := range tx.Scan(kv.Prefix(key)) {
			p.Key[0], p.Value[0] = '!', '!'
		}
	})
	if v := get(t, db, "mine"); v != "value" {
		t.Errorf("the engine kept a slice that the caller changed: %q", v)
	}
	err := db.View(context.Background(), func(tx kv.Tx) error {
		got, _ := tx.Get(key)
		got[0] = '!'
		for p := range tx.Scan(kv.Prefix(key)) {
			p.Key[0], p.Value[0] = '!', '!'
		}
		if v := getTx(tx, "mine"); v != "value" {
			t.Errorf("a reader changed the stored value: %q", v)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func testOwnWrites(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) {
		tx.Set([]byte("old"), []byte("1"))
		tx.Set([]byte("gone"), []byte("1"))
	})
	var seen []string
	update(t, db, func(tx kv.Tx) {
		seen = nil
		look := func() {
			seen = append(seen, getTx(tx, "old")+getTx(tx, "gone")+getTx(tx, "new"))
		}
		look()
		tx.Set([]byte("old"), []byte("2"))
		tx.Set([]byte("new"), []byte("2"))
		tx.Delete([]byte("gone"))
		look()
		tx.Delete([]byte("new"))
		tx.Set([]byte("gone"), []byte("3"))
		tx.Set([]byte("old"), []byte("3"))
		look()
		tx.Set([]byte("new"), []byte("4"))
		look()
	})
	same(t, "own writes in Get", []string{"11-", "2-2", "33-", "334"}, seen)
	same(t, "afterwards", []string{"gone=3", "new=4", "old=3"}, list(t, db, kv.Range{}))
}

func testOwnWritesInScan(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) {
		for _, k := range []string{"a", "c", "e", "g", "i"} {
			tx.Set([]byte(k), []byte("old"))
		}
	})
	type seen struct{ Forwards, Backwards, First, Last, Keys, Part []string }
	var got seen
	update(t, db, func(tx kv.Tx) {
		tx.Set([]byte("0"), []byte("new"))
		tx.Set([]byte("c"), []byte("new"))
		tx.Set([]byte("d"), []byte("new"))
		tx.Delete([]byte("e"))
		tx.Delete([]byte("f"))
		tx.Delete([]byte("i"))
		tx.Set([]byte("z"), []byte("new"))
		got = seen{
			Forwards:  listTx(tx, kv.Range{}),
			Backwards: listTx(tx, kv.Range{Reverse: true}),
			First:     listTx(tx, kv.Range{Start: []byte("d"), Limit: 2}),
			Last:      listTx(tx, kv.Range{End: []byte("j"), Reverse: true, Limit: 2}),
			Keys:      listTx(tx, kv.Range{Start: []byte("c"), End: []byte("g"), KeysOnly: true}),
			Part:      listTx(tx, kv.Range{Start: []byte("e"), End: []byte("g")}),
		}
	})
	same(t, "own writes in Scan", seen{
		Forwards:  []string{"0=new", "a=old", "c=new", "d=new", "g=old", "z=new"},
		Backwards: []string{"z=new", "g=old", "d=new", "c=new", "a=old", "0=new"},
		First:     []string{"d=new", "g=old"},
		Last:      []string{"g=old", "d=new"},
		Keys:      []string{"c=", "d="},
		Part:      []string{},
	}, got)
	same(t, "afterwards", got.Forwards, list(t, db, kv.Range{}))
}

// testScanWhileWriting deletes what it scans, and writes beside it: the pairs that were there must come out, once each.
func testScanWhileWriting(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) {
		for i := range 50 {
			tx.Set(fmt.Appendf(nil, "q%03d", i), nil)
		}
	})
	for _, reverse := range []bool{false, true} {
		var seen []string
		update(t, db, func(tx kv.Tx) {
			seen = nil
			r := kv.Prefix([]byte("q"))
			r.Reverse, r.KeysOnly = reverse, true
			for p := range tx.Scan(r) {
				seen = append(seen, string(p.Key))
				tx.Delete(p.Key)
				tx.Set(append([]byte("other"), p.Key...), nil)
			}
		})
		slices.Sort(seen)
		if len(seen) != 50 || len(slices.Compact(seen)) != 50 {
			t.Errorf("reverse %v: %d keys, want 50 different ones", reverse, len(seen))
		}
		if left := list(t, db, kv.Prefix([]byte("q"))); len(left) != 0 {
			t.Errorf("reverse %v: still there: %q", reverse, left)
		}
		if moved := list(t, db, kv.Prefix([]byte("other"))); len(moved) != 50 {
			t.Errorf("reverse %v: %d keys written while scanning, want 50", reverse, len(moved))
		}
		update(t, db, func(tx kv.Tx) {
			for i := range 50 {
				tx.Set(fmt.Appendf(nil, "q%03d", i), nil)
			}
		})
	}
}

func testNestedScans(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) {
		for _, k := range []string{"a1", "a2", "b1", "b2"} {
			tx.Set([]byte(k), []byte("v"))
		}
	})
	walk := func(tx kv.Tx) string {
		out := ""
		for a := range tx.Scan(kv.Prefix([]byte("a"))) {
			for b := range tx.Scan(kv.Range{Start: []byte("b"), Reverse: true}) {
				out += string(a.Key) + string(b.Key) + getTx(tx, string(a.Key)) + " "
				if string(b.Key) == "b1" {
					break
				}
			}
		}
		return out
	}
	const want = "a1b2v a1b1v a2b2v a2b1v "
	update(t, db, func(tx kv.Tx) { same(t, "in an Update", want, walk(tx)) })
	err := db.View(context.Background(), func(tx kv.Tx) error {
		same(t, "in a View", want, walk(tx))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

func testViewIsASnapshot(t *testing.T, db kv.DB) {
	set(t, db, "a", "1")
	err := db.View(context.Background(), func(tx kv.Tx) error {
		before := getTx(tx, "a") + getTx(tx, "b")
		update(t, db, func(tx kv.Tx) {
			tx.Set([]byte("a"), []byte("2"))
			tx.Set([]byte("b"), []byte("2"))
		})
		if after := getTx(tx, "a") + getTx(tx, "b"); before != "1-" || after != "1-" {
			t.Errorf("a View saw %s, then %s", before, after)
		}
		same(t, "scan in the same View", []string{"a=1"}, listTx(tx, kv.Range{}))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if v := get(t, db, "a"); v != "2" {
		t.Errorf("a new View sees %s, want 2", v)
	}
	if err := db.View(context.Background(), func(kv.Tx) error { return errStop }); !errors.Is(err, errStop) {
		t.Errorf("View returned %v, want the closure's error", err)
	}
}

func testViewCannotWrite(t *testing.T, db kv.DB) {
	for name, write := range map[string]func(kv.Tx){
		"Set":    func(tx kv.Tx) { tx.Set([]byte("a"), nil) },
		"Delete": func(tx kv.Tx) { tx.Delete([]byte("a")) },
		"Emit":   func(tx kv.Tx) { tx.Emit([]byte("a"), nil) },
	} {
		panicked := func() (panicked bool) {
			defer func() { panicked = recover() != nil }()
			_ = db.View(context.Background(), func(tx kv.Tx) error {
				write(tx)
				return nil
			})
			return false
		}()
		if !panicked {
			t.Errorf("%s in a View did not panic", name)
		}
	}
	set(t, db, "a", "1") // the engine goes on
}

func testEndedTx(t *testing.T, db kv.DB) {
	var kept []kv.Tx
	keep := func(tx kv.Tx) error {
		kept = append(kept, tx)
		return nil
	}
	if err := errors.Join(db.View(context.Background(), keep), db.Update(context.Background(), keep)); err != nil {
		t.Fatal(err)
	}
	for i, tx := range kept {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("transaction %d could be used after its closure had returned", i)
				}
			}()
			_, _ = tx.Get([]byte("a"))
		}()
	}
}

func testNow(t *testing.T, db kv.DB) {
	before := time.Now().Add(-time.Millisecond)
	var in time.Time
	update(t, db, func(tx kv.Tx) {
		in = tx.Now()
		if again := tx.Now(); !again.Equal(in) {
			t.Errorf("Now changed within a run: %v, %v", in, again)
		}
	})
	if after := time.Now().Add(time.Millisecond); in.Before(before) || in.After(after) {
		t.Errorf("Now is %v, between %v and %v", in, before, after)
	}
}
