package badgerkv

import (
	"context"
	"testing"

	"go.uber.org/goleak"

	"github.com/guichet/guichet/core/kv"
)

// TestNothingRunsAfterClose: no goroutine is left, also not that of a tail that was waiting.
func TestNothingRunsAfterClose(t *testing.T) {
	before := goleak.IgnoreCurrent()
	db, err := Open(Options{Dir: t.TempDir(), MemTableBytes: MinMemTable})
	if err != nil {
		t.Fatal(err)
	}
	tailed := make(chan struct{})
	go func() {
		for range db.Tail(context.Background(), 0) {
			tailed <- struct{}{}
		}
	}()
	err = db.Update(context.Background(), func(tx kv.Tx) error {
		tx.Emit([]byte("t"), nil)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	<-tailed
	go func() { <-tailed }() // the tail's last word is ErrClosed
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	goleak.VerifyNone(t, before)
}
