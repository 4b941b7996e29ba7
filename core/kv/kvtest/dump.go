package kvtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/kvdump"
)

func openAndClose(t *testing.T, open Open) kv.DB {
	t.Helper()
	db := open(t)
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

func testDumpAndLoad(t *testing.T, open Open) {
	for _, trim := range []kv.Pos{0, 7, 1000} {
		from, to := openAndClose(t, open), openAndClose(t, open)
		for i := range 3000 {
			if i%1000 == 0 {
				update(t, from, func(tx kv.Tx) {
					for n := range 1000 {
						tx.Set(fmt.Appendf(nil, "k%05d", i+n), bytes.Repeat([]byte("v"), n))
					}
				})
			}
		}
		update(t, from, func(tx kv.Tx) {
			tx.Set(nil, nil)
			tx.Set([]byte{0}, []byte{0})
			tx.Set(bytes.Repeat([]byte{0xff}, kv.MaxKey), bytes.Repeat([]byte{0xff}, kv.MaxValue))
			tx.Delete([]byte("k00007"))
			tx.Set([]byte("k00008"), []byte("overwritten"))
			for i := range 20 {
				tx.Emit([]byte("t"), numberOf(uint64(i)))
			}
		})
		if err := from.Trim(context.Background(), trim); err != nil {
			t.Fatal(err)
		}
		var copied bytes.Buffer
		if err := from.Dump(context.Background(), &copied); err != nil {
			t.Fatal(err)
		}
		if err := from.Load(context.Background(), bytes.NewReader(copied.Bytes())); err == nil {
			t.Error("Load into an engine that is not empty succeeded")
		}
		if err := to.Load(context.Background(), bytes.NewReader(copied.Bytes())); err != nil {
			t.Fatal(err)
		}
		same(t, "pairs", list(t, from, kv.Range{}), list(t, to, kv.Range{}))
		if from.Last() != to.Last() {
			t.Errorf("Last is %d, want %d", to.Last(), from.Last())
		}
		trimmed := min(trim, 20)
		same(t, "events", tailN(t, from, trimmed, int(20-trimmed)), tailN(t, to, trimmed, int(20-trimmed)))
		if trimmed > 0 {
			for _, err := range to.Tail(context.Background(), 0) {
				if !errors.Is(err, kv.ErrTrimmed) {
					t.Errorf("what was trimmed before the dump: %v, want ErrTrimmed", err)
				}
				break
			}
		}
		update(t, to, func(tx kv.Tx) { tx.Emit([]byte("after"), nil) })
		same(t, "the log goes on", []string{"21 after="}, tailN(t, to, 20, 1))
	}
}

// testDumpWhileWriting: each update moves two keys together, and so they stand in the copy.
func testDumpWhileWriting(t *testing.T, open Open) {
	from, to := openAndClose(t, open), openAndClose(t, open)
	write := func(n uint64) error {
		return from.Update(context.Background(), func(tx kv.Tx) error {
			tx.Set([]byte("a"), numberOf(n))
			tx.Set(fmt.Appendf(nil, "m%04d", n%2000), bytes.Repeat([]byte("v"), 500))
			tx.Set([]byte("z"), numberOf(n))
			tx.Emit([]byte("t"), numberOf(n))
			return nil
		})
	}
	for n := range uint64(500) {
		if err := write(n); err != nil {
			t.Fatal(err)
		}
	}
	stop := make(chan struct{})
	var writing sync.WaitGroup
	writing.Go(func() {
		for n := uint64(500); ; n++ {
			select {
			case <-stop:
				return
			default:
			}
			if err := write(n); err != nil {
				t.Error(err)
				return
			}
		}
	})
	var copied bytes.Buffer
	err := from.Dump(context.Background(), &copied)
	close(stop)
	writing.Wait()
	if err != nil {
		t.Fatal(err)
	}
	if err := to.Load(context.Background(), &copied); err != nil {
		t.Fatal(err)
	}
	a, z := get(t, to, "a"), get(t, to, "z")
	if a != z || number([]byte(a)) < 499 {
		t.Errorf("the copy is torn: %d and %d", number([]byte(a)), number([]byte(z)))
	}
	if last := uint64(to.Last()); last != number([]byte(a))+1 {
		t.Errorf("the copy has %d events of %d updates", last, number([]byte(a))+1)
	}
}

func testDamagedDump(t *testing.T, open Open) {
	from := openAndClose(t, open)
	update(t, from, func(tx kv.Tx) {
		tx.Set([]byte("key"), []byte("value"))
		tx.Emit([]byte("topic"), nil)
	})
	var copied bytes.Buffer
	if err := from.Dump(context.Background(), &copied); err != nil {
		t.Fatal(err)
	}
	whole := copied.Bytes()
	flipped := bytes.Clone(whole)
	flipped[bytes.Index(flipped, []byte("value"))] ^= 1
	for name, damaged := range map[string][]byte{
		"empty":     nil,
		"short":     whole[:len(whole)-1],
		"half":      whole[:len(whole)/2],
		"flipped":   flipped,
		"not a one": []byte("hello, this is something else entirely"),
	} {
		if err := openAndClose(t, open).Load(context.Background(), bytes.NewReader(damaged)); !errors.Is(err, kvdump.ErrCorrupt) {
			t.Errorf("a %s dump: %v, want ErrCorrupt", name, err)
		}
	}
}
