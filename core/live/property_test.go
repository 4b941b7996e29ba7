package live

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/guichet/guichet/core"
)

func TestClientAlwaysEndsUpWithWhatASnapshotSays(t *testing.T) {
	resumes := 0
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 20, 80).Draw(rt, "steps")
		failure := ""
		synctest.Test(t, func(*testing.T) {
			var n int
			failure, n = newWorld().run(steps)
			resumes += n
		})
		if failure != "" {
			rt.Fatal(failure)
		}
	})
	if resumes == 0 {
		t.Error("no client ever resumed: the test proves nothing about replay")
	}
}

func TestSnapshotOfManyComesInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		steps := slices.Repeat([]step{{Kind: "new"}}, 250)
		steps = append(steps, step{Kind: "connect", A: 0}, step{Kind: "cut-soon", A: 0, B: 2}, step{Kind: "settle"}, step{Kind: "connect", A: 0})
		if failure, _ := w.run(steps); failure != "" {
			t.Fatal(failure)
		}
	})
}

func TestLateLossAfterAReplayIsStillALoss(t *testing.T) {
	s := newSocket(&viewer{}, "")
	key := slotKey{kind: slotConversation, id: "c"}
	s.floor = map[core.ID]uint64{"c": 7}
	s.push(&slot{key: key, seq: 1, version: 6, shown: true, body: []byte(`{"version":6}`)})
	if n, _ := s.next(); n != nil {
		t.Fatalf("a reading older than the replay was told: %s", n.frames(time.Now(), nil))
	}
	s.push(&slot{key: key, seq: 2, version: 6, shown: true, lost: true, body: []byte(`{"version":6}`)})
	s.push(&slot{key: key, seq: 3, version: 8, shown: true, body: []byte(`{"version":8}`)})
	n, _ := s.next()
	want := []string{`{"type":"removed","seq":2,"conversation":"c"}`, `{"type":"conversation","seq":2,"conversation":{"version":8}}`}
	var got []string
	for _, f := range n.frames(time.Now(), nil) {
		got = append(got, string(f))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestSlowBrowserIsLetGoAndNobodyWaits(t *testing.T) {
	s := newSocket(&viewer{}, "")
	for i := range slotsMost {
		s.push(&slot{key: slotKey{kind: slotMessage, id: "c", seq: uint64(i + 1)}, seq: uint64(i + 1), body: []byte("{}")})
		s.push(&slot{key: slotKey{kind: slotConversation, id: "c"}, seq: uint64(i + 1), version: uint64(i + 1), shown: true, body: []byte("{}")})
	}
	if code, _ := s.ending(); code != CloseTooSlow {
		t.Errorf("%d things wait and the socket goes on (code %d)", len(s.queue), code)
	}
	select {
	case <-s.stopped:
	default:
		t.Error("the socket is not told to stop")
	}
	// One thing that changes often waits once: the newest state, at the place where it was first told.
	s = newSocket(&viewer{}, "")
	for i := range 10 * slotsMost {
		s.push(&slot{key: slotKey{kind: slotConversation, id: "c"}, seq: uint64(i + 1), version: uint64(i + 1), shown: true, body: []byte(fmt.Sprint(i + 1))})
	}
	n, _ := s.next()
	if code, _ := s.ending(); code != 0 || n.seq != 1 || string(n.body) != fmt.Sprint(10*slotsMost) {
		t.Errorf("code %d, position %d, state %s", code, n.seq, n.body)
	}
}
