package kvdump_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/kvdump"
)

type record struct {
	Pair    [2]string
	Event   kv.Event
	Trimmed kv.Pos
}

func read(b []byte) (records []record, err error) {
	err = kvdump.Read(bytes.NewReader(b), kvdump.Sink{
		Pair: func(key, value []byte) error {
			records = append(records, record{Pair: [2]string{string(key), string(value)}})
			return nil
		},
		Event: func(e kv.Event) error {
			records = append(records, record{Event: e})
			return nil
		},
		Trimmed: func(upTo kv.Pos) error {
			records = append(records, record{Trimmed: upTo})
			return nil
		},
	})
	return records, err
}

func write(t testing.TB, records []record) []byte {
	t.Helper()
	var b bytes.Buffer
	w := kvdump.NewWriter(&b)
	for _, r := range records {
		var err error
		switch {
		case r.Event.Topic != nil:
			err = w.Event(r.Event)
		case r.Trimmed != 0:
			err = w.Trimmed(r.Trimmed)
		default:
			err = w.Pair([]byte(r.Pair[0]), []byte(r.Pair[1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var sample = []record{
	{Trimmed: 7},
	{Event: kv.Event{Pos: 8, Topic: []byte("topic"), Value: []byte{}}},
	{Pair: [2]string{"", ""}},
	{Pair: [2]string{"key", "value"}},
}

func TestRoundTrip(t *testing.T) {
	got, err := read(write(t, sample))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(sample, got); diff != "" {
		t.Errorf("read is not what was written (-want +got):\n%s", diff)
	}
}

// TestDamage changes and cuts every byte of a dump; each is noticed.
func TestDamage(t *testing.T) {
	whole := write(t, sample)
	for i := range whole {
		if _, err := read(whole[:i]); !errors.Is(err, kvdump.ErrCorrupt) {
			t.Errorf("cut at byte %d: %v", i, err)
		}
		for _, flip := range []byte{0x01, 0x80, 0xff} {
			damaged := bytes.Clone(whole)
			damaged[i] ^= flip
			if _, err := read(damaged); !errors.Is(err, kvdump.ErrCorrupt) {
				t.Errorf("byte %d changed by %02x: %v", i, flip, err)
			}
		}
	}
}

// TestSinkStops: an error of the receiver ends the reading and comes back as it is.
func TestSinkStops(t *testing.T) {
	stop := errors.New("stop")
	err := kvdump.Read(bytes.NewReader(write(t, sample)), kvdump.Sink{Trimmed: func(kv.Pos) error { return stop }})
	if !errors.Is(err, stop) || errors.Is(err, kvdump.ErrCorrupt) {
		t.Errorf("got %v, want the receiver's error", err)
	}
}

// FuzzRead: whatever comes in, Read ends, and what it accepts is written again to the same records.
func FuzzRead(f *testing.F) {
	f.Add(write(f, sample))
	f.Add([]byte("guichet kv dump 1\n"))
	f.Fuzz(func(t *testing.T, b []byte) {
		records, err := read(b)
		if err != nil {
			return
		}
		again, err := read(write(t, records))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(records, again); diff != "" {
			t.Errorf("(-first +again):\n%s", diff)
		}
	})
}
