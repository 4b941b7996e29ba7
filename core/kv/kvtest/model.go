package kvtest

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"

	"github.com/guichet/guichet/core/kv"
)

// testModel compares the engine, step by step, with a map and a list.
func testModel(t *testing.T, db kv.DB) {
	var checks atomic.Int64
	rapid.Check(t, func(rt *rapid.T) {
		m := &model{
			db:     db,
			prefix: fmt.Sprintf("check%d/", checks.Add(1)), // one engine serves all checks
			pairs:  map[string]string{},
			start:  db.Last(),
		}
		rt.Repeat(map[string]func(*rapid.T){
			"update": m.update,
			"fail":   m.fail,
			"look":   m.look,
			"tail":   m.tail,
			"":       m.check,
		})
	})
}

type model struct {
	db     kv.DB
	prefix string
	pairs  map[string]string // without the prefix
	events []string
	start  kv.Pos
}

// keys are few, so that they meet, and of the kinds that are easily got wrong.
var keys = rapid.SampledFrom([]string{"", "\x00", "\x00\x00", "a", "a\x00", "a\xff", "aa", "ab", "b", "\xff", "\xff\xff"})

type step struct {
	Do         string
	Key, Value string
	End        string
	Reverse    bool
	Limit      int
}

var steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) step {
	return step{
		Do:      rapid.SampledFrom([]string{"set", "set", "delete", "get", "scan", "emit"}).Draw(t, "do"),
		Key:     keys.Draw(t, "key"),
		Value:   rapid.StringN(0, 3, -1).Draw(t, "value"),
		End:     keys.Draw(t, "end"),
		Reverse: rapid.Bool().Draw(t, "reverse"),
		Limit:   rapid.IntRange(0, 3).Draw(t, "limit"),
	}
}), 0, 12)

// run applies steps to a transaction and to pairs alike, and compares what both say.
func (m *model) run(tx kv.Tx, steps []step, pairs map[string]string, events *[]string) error {
	for _, s := range steps {
		key := []byte(m.prefix + s.Key)
		switch s.Do {
		case "set":
			tx.Set(key, []byte(s.Value))
			pairs[s.Key] = s.Value
		case "delete":
			tx.Delete(key)
			delete(pairs, s.Key)
		case "emit":
			tx.Emit(key, []byte(s.Value))
			*events = append(*events, pair(key, []byte(s.Value)))
		case "get":
			want, ok := pairs[s.Key]
			if !ok {
				want = "-"
			}
			if got := getTx(tx, string(key)); got != want {
				return fmt.Errorf("get %q: %q, want %q", s.Key, got, want)
			}
		case "scan":
			if err := m.scan(tx, s, pairs); err != nil {
				return err
			}
		}
	}
	return nil
}

func (m *model) scan(tx kv.Tx, s step, pairs map[string]string) error {
	r := kv.Range{Start: []byte(m.prefix + s.Key), End: []byte(m.prefix + s.End), Reverse: s.Reverse, Limit: s.Limit}
	if s.End == "" {
		r.End = kv.PrefixEnd([]byte(m.prefix))
	}
	want := []string{}
	for _, k := range slices.Sorted(maps.Keys(pairs)) {
		if k >= s.Key && (s.End == "" || k < s.End) {
			want = append(want, pair([]byte(m.prefix+k), []byte(pairs[k])))
		}
	}
	if s.Reverse {
		slices.Reverse(want)
	}
	if s.Limit > 0 && len(want) > s.Limit {
		want = want[:s.Limit]
	}
	if got := listTx(tx, r); !slices.Equal(got, want) {
		return fmt.Errorf("scan %+v: %q, want %q", r, got, want)
	}
	return nil
}

func (m *model) update(t *rapid.T) {
	script := steps.Draw(t, "steps")
	update := m.db.Update
	if rapid.Bool().Draw(t, "low") {
		update = m.db.UpdateLow
	}
	var pairs map[string]string
	var events []string
	err := update(context.Background(), func(tx kv.Tx) error {
		pairs, events = maps.Clone(m.pairs), slices.Clone(m.events)
		return m.run(tx, script, pairs, &events)
	})
	if err != nil {
		t.Fatal(err)
	}
	m.pairs, m.events = pairs, events
}

func (m *model) fail(t *rapid.T) {
	script := steps.Draw(t, "steps")
	panics := rapid.Bool().Draw(t, "panics")
	err := m.db.Update(context.Background(), func(tx kv.Tx) error {
		events := slices.Clone(m.events)
		if err := m.run(tx, script, maps.Clone(m.pairs), &events); err != nil {
			return err
		}
		if panics {
			panic(errStop)
		}
		return errStop
	})
	if err == nil || !strings.Contains(err.Error(), errStop.Error()) {
		t.Fatalf("a failing update: %v", err)
	}
}

func (m *model) look(t *rapid.T) {
	script := steps.Draw(t, "steps")
	script = slices.DeleteFunc(script, func(s step) bool { return s.Do != "get" && s.Do != "scan" })
	err := m.db.View(context.Background(), func(tx kv.Tx) error { return m.run(tx, script, m.pairs, nil) })
	if err != nil {
		t.Fatal(err)
	}
}

func (m *model) tail(t *rapid.T) {
	from := rapid.IntRange(0, len(m.events)).Draw(t, "from")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	i := from
	if i == len(m.events) {
		return
	}
	for e, err := range m.db.Tail(ctx, m.start+kv.Pos(from)) {
		if err != nil {
			t.Fatal(err)
		}
		if got := pair(e.Topic, e.Value); got != m.events[i] || e.Pos != m.start+kv.Pos(i+1) {
			t.Fatalf("event %d is %q, want %q at %d", e.Pos, got, m.events[i], m.start+kv.Pos(i+1))
		}
		if i++; i == len(m.events) {
			return
		}
	}
	t.Fatalf("the tail ended at event %d of %d", i, len(m.events))
}

// check compares everything that is stored; rapid calls it after every step.
func (m *model) check(t *rapid.T) {
	err := m.db.View(context.Background(), func(tx kv.Tx) error { return m.scan(tx, step{}, m.pairs) })
	if err != nil {
		t.Fatal(err)
	}
	if last := m.start + kv.Pos(len(m.events)); m.db.Last() != last {
		t.Fatalf("Last is %d, want %d", m.db.Last(), last)
	}
}
