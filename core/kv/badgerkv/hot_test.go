package badgerkv

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"testing"
)

// TestHotValuesNeverSayMoreThanWasCommitted compares with a map, over more values than are kept.
func TestHotValuesNeverSayMoreThanWasCommitted(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	hot, truth := newHotValues(), map[string][]byte{}
	hits := 0
	for range 40000 {
		key := fmt.Sprintf("key-%d", rng.IntN(3000))
		switch rng.IntN(4) {
		case 0:
			value := bytes.Repeat([]byte{byte(rng.IntN(256))}, rng.IntN(hotValueMax+200))
			hot.committed([]write{{key: key, value: value}})
			truth[key] = value
		case 1:
			hot.committed([]write{{key: key, deleted: true}})
			delete(truth, key)
		default:
			got, ok := hot.get([]byte(key))
			want, there := truth[key]
			if ok && (!there || !bytes.Equal(got, want)) {
				t.Fatalf("%s is said to have %d bytes, it has %d", key, len(got), len(want))
			}
			if ok {
				hits++
			} else if there {
				hot.add(key, clone(want))
			}
		}
		if hot.bytes < 0 || hot.bytes > hotGeneration {
			t.Fatalf("a generation holds %d bytes", hot.bytes)
		}
	}
	if hits == 0 {
		t.Fatal("nothing was ever found")
	}
}
