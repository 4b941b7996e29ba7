package badgerkv_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/badgerkv"
)

// BenchmarkCommit is the group commit: each update reads one key and writes four, with values of 200 bytes. ns/op is
// per update; commits/sync is the mean size of a group.
func BenchmarkCommit(b *testing.B) {
	for _, durability := range []string{"group", "each", "none"} {
		for _, writers := range []int{1, 16, 64} {
			b.Run(fmt.Sprintf("durability=%s/writers=%d", durability, writers), func(b *testing.B) {
				db, err := badgerkv.Open(badgerkv.Options{Dir: b.TempDir(), Durability: durability})
				if err != nil {
					b.Fatal(err)
				}
				defer db.Close()
				value := make([]byte, 200)
				var next atomic.Uint64
				before := db.Status()
				b.ReportAllocs()
				b.ResetTimer()
				var wg sync.WaitGroup
				for range writers {
					wg.Go(func() {
						for {
							n := next.Add(1)
							if n > uint64(b.N) {
								return
							}
							err := db.Update(context.Background(), func(tx kv.Tx) error {
								var key [16]byte
								binary.BigEndian.PutUint64(key[:], n%5000)
								if _, err := tx.Get(key[:]); err != nil && err != kv.ErrNotFound {
									return err
								}
								tx.Set(key[:], value)
								for i := range uint64(3) {
									binary.BigEndian.PutUint64(key[:], 1<<32+n)
									binary.BigEndian.PutUint64(key[8:], i)
									tx.Set(key[:], value)
								}
								return nil
							})
							if err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
				b.StopTimer()
				after := db.Status()
				b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "commits/s")
				b.ReportMetric(float64(after.Commits-before.Commits)/float64(max(1, after.Batches-before.Batches)), "commits/sync")
			})
		}
	}
}
