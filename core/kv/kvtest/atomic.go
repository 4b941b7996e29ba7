package kvtest

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/guichet/guichet/core/kv"
)

func testAtomicity(t *testing.T, db kv.DB) {
	set(t, db, "kept", "1")
	err := db.Update(context.Background(), func(tx kv.Tx) error {
		tx.Set([]byte("kept"), []byte("2"))
		tx.Set([]byte("more"), []byte("2"))
		tx.Delete([]byte("kept"))
		tx.Emit([]byte("topic"), nil)
		return errStop
	})
	if !errors.Is(err, errStop) {
		t.Errorf("Update returned %v, want the closure's error", err)
	}
	same(t, "after an error", []string{"kept=1"}, list(t, db, kv.Range{}))
	if db.Last() != 0 {
		t.Errorf("an event of a failed update got position %d", db.Last())
	}
	// A failed closure leaves nothing for the one that follows it.
	set(t, db, "next", "1")
	same(t, "after another update", []string{"kept=1", "next=1"}, list(t, db, kv.Range{}))
}

func testPanic(t *testing.T, db kv.DB) {
	err := db.Update(context.Background(), func(tx kv.Tx) error {
		tx.Set([]byte("a"), nil)
		panic("oh no")
	})
	var p *kv.PanicError
	if !errors.As(err, &p) || p.Value != "oh no" || len(p.Stack) == 0 {
		t.Errorf("Update returned %#v, want a PanicError with its stack", err)
	}
	if v := get(t, db, "a"); v != "-" {
		t.Errorf("a closure that panicked left %q", v)
	}
	set(t, db, "b", "1")
}

// testPanicInScan panics where an engine has something open.
func testPanicInScan(t *testing.T, db kv.DB) {
	set(t, db, "a", "1")
	err := db.Update(context.Background(), func(tx kv.Tx) error {
		for range tx.Scan(kv.Range{}) {
			panic("in a scan")
		}
		return nil
	})
	var p *kv.PanicError
	if !errors.As(err, &p) || p.Value != "in a scan" {
		t.Errorf("Update returned %v, want a PanicError", err)
	}
	func() {
		defer func() {
			if recover() != "in a view" {
				t.Error("a panic in a View did not come through")
			}
		}()
		_ = db.View(context.Background(), func(tx kv.Tx) error {
			for range tx.Scan(kv.Range{}) {
				panic("in a view")
			}
			return nil
		})
	}()
	set(t, db, "a", "2")
	same(t, "afterwards", []string{"a=2"}, list(t, db, kv.Range{}))
}

func testLimits(t *testing.T, db kv.DB) {
	key := func(n int) []byte { return make([]byte, n) }
	for _, test := range []struct {
		what string
		fn   func(kv.Tx)
	}{
		{"", func(tx kv.Tx) { tx.Set(key(kv.MaxKey), nil) }},
		{"key", func(tx kv.Tx) { tx.Set(key(kv.MaxKey+1), nil) }},
		{"key", func(tx kv.Tx) { tx.Delete(key(kv.MaxKey + 1)) }},
		{"key", func(tx kv.Tx) { tx.Emit(key(kv.MaxKey+1), nil) }},
		{"", func(tx kv.Tx) { tx.Set(key(1), key(kv.MaxValue)) }},
		{"value", func(tx kv.Tx) { tx.Set(key(1), key(kv.MaxValue+1)) }},
		{"value", func(tx kv.Tx) { tx.Emit(key(1), key(kv.MaxValue+1)) }},
		{"", func(tx kv.Tx) {
			for i := range kv.MaxWrites {
				tx.Set(fmt.Appendf(nil, "%d", i), nil)
			}
		}},
		{"writes", func(tx kv.Tx) {
			for i := range kv.MaxWrites {
				tx.Set(fmt.Appendf(nil, "%d", i%10), nil)
			}
			tx.Delete(key(1))
		}},
		{"writes", func(tx kv.Tx) {
			for range kv.MaxWrites + 1 {
				tx.Emit(key(1), nil)
			}
		}},
		{"bytes", func(tx kv.Tx) {
			for i := range kv.MaxBytes/kv.MaxValue + 1 {
				tx.Set(fmt.Appendf(nil, "%d", i), key(kv.MaxValue-2))
			}
		}},
	} {
		before, last := list(t, db, kv.Range{KeysOnly: true}), db.Last()
		err := db.Update(context.Background(), func(tx kv.Tx) error {
			test.fn(tx)
			return nil
		})
		if test.what == "" {
			if err != nil {
				t.Errorf("within the limits: %v", err)
			}
			continue
		}
		var limit *kv.LimitError
		if !errors.As(err, &limit) || limit.What != test.what || limit.Got <= limit.Limit {
			t.Errorf("limit of %s: got %v", test.what, err)
		}
		same(t, "after "+test.what, before, list(t, db, kv.Range{KeysOnly: true}))
		if db.Last() != last {
			t.Errorf("after %s: events were kept", test.what)
		}
	}
}

func testReadLimit(t *testing.T, db kv.DB) {
	const keys = 100
	update(t, db, func(tx kv.Tx) {
		for i := range keys {
			tx.Set(fmt.Appendf(nil, "%d", i), nil)
		}
	})
	scan := func(tx kv.Tx) error {
		for range kv.MaxReads / keys {
			for _, err := range tx.Scan(kv.Range{}) {
				if err != nil {
					return err
				}
			}
		}
		return nil
	}
	if err := db.Update(context.Background(), scan); err != nil {
		t.Errorf("reads within the limit: %v", err)
	}
	var limit *kv.LimitError
	for name, more := range map[string]func(kv.Tx) error{
		"Get": func(tx kv.Tx) error {
			_, err := tx.Get([]byte("1"))
			return err
		},
		"Scan": func(tx kv.Tx) error {
			for _, err := range tx.Scan(kv.Range{Limit: 1}) {
				return err
			}
			return nil
		},
	} {
		for _, swallow := range []bool{false, true} {
			limit = nil
			err := db.Update(context.Background(), func(tx kv.Tx) error {
				if err := scan(tx); err != nil {
					return err
				}
				tx.Set([]byte("x"), nil)
				if err := more(tx); !swallow {
					return err
				}
				return nil
			})
			if !errors.As(err, &limit) || limit.What != "reads" {
				t.Errorf("one %s too many (error swallowed: %v): %v", name, swallow, err)
			}
		}
	}
	if v := get(t, db, "x"); v != "-" {
		t.Error("an update beyond the limit was written")
	}
	if err := db.View(context.Background(), func(tx kv.Tx) error { return errors.Join(scan(tx), scan(tx)) }); err != nil {
		t.Errorf("a View has no limit of reads: %v", err)
	}
}

// testLargestUpdate commits the largest updates that the limits allow, several at once.
func testLargestUpdate(t *testing.T, db kv.DB) {
	const writers = 4
	value := make([]byte, kv.MaxBytes/kv.MaxWrites-16)
	errs := make(chan error)
	for w := range writers {
		go func() {
			errs <- db.Update(context.Background(), func(tx kv.Tx) error {
				for i := range kv.MaxWrites {
					tx.Set(fmt.Appendf(nil, "%02d/%012d", w, i), value)
				}
				return nil
			})
		}()
	}
	for range writers {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := len(list(t, db, kv.Range{KeysOnly: true})); n != writers*kv.MaxWrites {
		t.Errorf("%d keys, want %d", n, writers*kv.MaxWrites)
	}
}

func testCancelled(t *testing.T, db kv.DB) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	for name, run := range map[string]func(context.Context, func(kv.Tx) error) error{
		"View": db.View, "Update": db.Update, "UpdateLow": db.UpdateLow,
	} {
		err := run(ctx, func(kv.Tx) error {
			t.Errorf("%s ran its closure with a cancelled context", name)
			return nil
		})
		if !errors.Is(err, context.Canceled) {
			t.Errorf("%s with a cancelled context: %v", name, err)
		}
	}
	// Cancelled while it runs: it commits all the same.
	ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	err := db.Update(ctx, func(tx kv.Tx) error {
		cancel()
		tx.Set([]byte("a"), []byte("1"))
		return nil
	})
	if v := get(t, db, "a"); (err == nil) != (v == "1") {
		t.Errorf("cancelled while running: error %v, but the key holds %q", err, v)
	}
}
