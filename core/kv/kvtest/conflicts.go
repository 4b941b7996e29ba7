package kvtest

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/guichet/guichet/core/kv"
)

// together runs fn n times at once and waits for all.
func together(n int, fn func(i int)) {
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { fn(i) })
	}
	wg.Wait()
}

func number(b []byte) uint64 {
	if len(b) != 8 {
		return 0
	}
	return binary.BigEndian.Uint64(b)
}

func numberOf(n uint64) []byte { return binary.BigEndian.AppendUint64(nil, n) }

// testReadsCount: a value read and a value written from it belong together, though they lie under different keys.
func testReadsCount(t *testing.T, db kv.DB) {
	update(t, db, func(tx kv.Tx) {
		tx.Set([]byte("source"), numberOf(0))
		tx.Set([]byte("copy"), numberOf(0))
	})
	const rounds = 200
	together(4, func(i int) {
		for n := range uint64(rounds) {
			err := db.Update(context.Background(), func(tx kv.Tx) error {
				source, err := tx.Get([]byte("source"))
				if err != nil {
					return err
				}
				if i == 0 {
					tx.Set([]byte("source"), numberOf(number(source)+1))
					return nil
				}
				// The copy must never fall behind: whoever wrote it read the source that was valid at its commit.
				copied, err := tx.Get([]byte("copy"))
				if err != nil {
					return err
				}
				if number(copied) > number(source) {
					return fmt.Errorf("the copy is %d, its source %d", number(copied), number(source))
				}
				tx.Set([]byte("copy"), source)
				return nil
			})
			if err != nil {
				t.Errorf("update %d of writer %d: %v", n, i, err)
				return
			}
		}
	})
	if v := number([]byte(get(t, db, "source"))); v != rounds {
		t.Errorf("the source is %d after %d increments", v, rounds)
	}
}

// testWriteSkewWithGuard: of two doctors on call at least one stays, since both updates read and write a guard key.
func testWriteSkewWithGuard(t *testing.T, db kv.DB) {
	for round := range 100 {
		update(t, db, func(tx kv.Tx) {
			tx.Set([]byte("on call/0"), nil)
			tx.Set([]byte("on call/1"), nil)
			tx.Delete([]byte("guard")) // each round begins with an absent guard
		})
		together(2, func(i int) {
			err := db.Update(context.Background(), func(tx kv.Tx) error {
				guard, err := tx.Get([]byte("guard"))
				if err != nil && !errors.Is(err, kv.ErrNotFound) {
					return err
				}
				n := 0
				for _, err := range tx.Scan(kv.Prefix([]byte("on call/"))) {
					if err != nil {
						return err
					}
					n++
				}
				if n < 2 {
					return nil
				}
				tx.Delete(fmt.Appendf(nil, "on call/%d", i))
				tx.Set([]byte("guard"), numberOf(number(guard)+1))
				return nil
			})
			if err != nil {
				t.Errorf("round %d: %v", round, err)
			}
		})
		if left := list(t, db, kv.Prefix([]byte("on call/"))); len(left) != 1 {
			t.Fatalf("round %d: on call are %q, want one", round, left)
		}
	}
}

// testUniqueClaim: of several that find a name free and take it, one gets it. The name is its own guard key.
func testUniqueClaim(t *testing.T, db kv.DB) {
	errTaken := errors.New("taken")
	const claimants = 4
	for round := range 100 {
		name := fmt.Appendf(nil, "name/%d", round)
		if round%2 == 1 { // taken and given back before
			update(t, db, func(tx kv.Tx) { tx.Set(name, []byte("x")) })
			update(t, db, func(tx kv.Tx) { tx.Delete(name) })
		}
		var mu sync.Mutex
		var winners []string
		together(claimants, func(i int) {
			me := fmt.Sprint(i)
			err := db.Update(context.Background(), func(tx kv.Tx) error {
				switch _, err := tx.Get(name); {
				case err == nil:
					return errTaken
				case !errors.Is(err, kv.ErrNotFound):
					return err
				}
				tx.Set(name, []byte(me))
				return nil
			})
			switch {
			case err == nil:
				mu.Lock()
				winners = append(winners, me)
				mu.Unlock()
			case !errors.Is(err, errTaken):
				t.Error(err)
			}
		})
		if v := get(t, db, string(name)); len(winners) != 1 || winners[0] != v {
			t.Fatalf("round %d: %q think they have the name, the store says %q", round, winners, v)
		}
	}
}

// testCounters hammers a few keys; no increment may be lost, also not one that begins with an absent key.
func testCounters(t *testing.T, db kv.DB) {
	const writers, rounds, counters = 8, 100, 3
	together(writers, func(i int) {
		for n := range rounds {
			key := fmt.Appendf(nil, "counter/%d", (i+n)%counters)
			err := db.Update(context.Background(), func(tx kv.Tx) error {
				v, err := tx.Get(key)
				if err != nil && !errors.Is(err, kv.ErrNotFound) {
					return err
				}
				tx.Set(key, numberOf(number(v)+1))
				tx.Emit(key, numberOf(number(v)+1))
				return nil
			})
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
	sum := uint64(0)
	for i := range counters {
		sum += number([]byte(get(t, db, fmt.Sprintf("counter/%d", i))))
	}
	if sum != writers*rounds {
		t.Errorf("the counters add up to %d after %d increments", sum, writers*rounds)
	}
	if db.Last() != writers*rounds {
		t.Errorf("%d events for %d increments", db.Last(), writers*rounds)
	}
}

// testTransfers moves money about while others look: the sum is the same in every snapshot.
func testTransfers(t *testing.T, db kv.DB) {
	const accounts, start, rounds = 10, 100, 150
	key := func(i int) []byte { return fmt.Appendf(nil, "account/%02d", i) }
	update(t, db, func(tx kv.Tx) {
		for i := range accounts {
			tx.Set(key(i), numberOf(start))
		}
	})
	sum := func(tx kv.Tx) (sum uint64, err error) {
		for p, err := range tx.Scan(kv.Prefix([]byte("account/"))) {
			if err != nil {
				return 0, err
			}
			sum += number(p.Value)
		}
		return sum, nil
	}
	together(6, func(i int) {
		dice := rand.New(rand.NewPCG(1, uint64(i)))
		for range rounds {
			if i < 2 {
				err := db.View(context.Background(), func(tx kv.Tx) error {
					s, err := sum(tx)
					if err == nil && s != accounts*start {
						err = fmt.Errorf("a reader found %d in all, want %d", s, accounts*start)
					}
					return err
				})
				if err != nil {
					t.Error(err)
					return
				}
				continue
			}
			from, to, amount := dice.IntN(accounts), dice.IntN(accounts), uint64(dice.IntN(20))
			err := db.Update(context.Background(), func(tx kv.Tx) error {
				a, err := tx.Get(key(from))
				if err != nil || from == to || number(a) < amount {
					return err
				}
				b, err := tx.Get(key(to))
				if err != nil {
					return err
				}
				tx.Set(key(from), numberOf(number(a)-amount))
				tx.Set(key(to), numberOf(number(b)+amount))
				if s, err := sum(tx); err != nil || s != accounts*start {
					return fmt.Errorf("a writer found %d in all, want %d (%w)", s, accounts*start, err)
				}
				return nil
			})
			if err != nil {
				t.Error(err)
				return
			}
		}
	})
}

// testLowLane: low updates commit beside ordinary ones that never pause.
func testLowLane(t *testing.T, db kv.DB) {
	stop := make(chan struct{})
	var busy sync.WaitGroup
	for i := range 4 {
		busy.Go(func() {
			for n := uint64(0); ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				if err := db.Update(context.Background(), func(tx kv.Tx) error {
					tx.Set(fmt.Appendf(nil, "busy/%d", i), numberOf(n))
					return nil
				}); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	for n := range 20 {
		if err := db.UpdateLow(context.Background(), func(tx kv.Tx) error {
			tx.Set(fmt.Appendf(nil, "low/%d", n), nil)
			return nil
		}); err != nil {
			t.Error(err)
		}
	}
	close(stop)
	busy.Wait()
	if low := list(t, db, kv.Prefix([]byte("low/"))); len(low) != 20 {
		t.Errorf("%d low updates are there, want 20", len(low))
	}
}
