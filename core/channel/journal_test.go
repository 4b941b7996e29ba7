package channel

import (
	"fmt"
	"testing"
)

func TestJournal(t *testing.T) {
	j := &journal{}
	if lines := j.after(0, 10); len(lines) != 0 {
		t.Errorf("an empty journal has %v", lines)
	}
	for n := 1; n <= journalLines+500; n++ {
		j.add(fmt.Sprint("line ", n))
	}
	numbers := func(lines []Line) (first, last uint64, n int) {
		for i, l := range lines {
			if l.Text != fmt.Sprint("line ", l.Number) || l.Number != lines[0].Number+uint64(i) {
				t.Fatalf("line %d is %q", l.Number, l.Text)
			}
		}
		if len(lines) == 0 {
			return 0, 0, 0
		}
		return lines[0].Number, lines[len(lines)-1].Number, len(lines)
	}
	const end = journalLines + 500
	for _, c := range []struct {
		after       uint64
		limit       int
		first, last uint64
	}{
		{0, 10, end - 9, end}, {0, 5000, 501, end}, {1, 10, 501, 510}, {600, 3, 601, 603}, {end - 1, 10, end, end}, {end, 10, 0, 0}, {end + 7, 10, 0, 0},
	} {
		first, last, _ := numbers(j.after(c.after, c.limit))
		if first != c.first || last != c.last {
			t.Errorf("after %d, at most %d: %d to %d, want %d to %d", c.after, c.limit, first, last, c.first, c.last)
		}
	}
}

func TestJournalCutsLongLines(t *testing.T) {
	j := &journal{}
	long := ""
	for len(long) < 3*journalLineBytes {
		long += "é"
	}
	j.add(long + "x")
	if text := j.after(0, 1)[0].Text; len(text) > journalLineBytes+3 || text[:4] != "éé" {
		t.Errorf("kept %d bytes", len(text))
	}
}

// TestRestartAndLog restarts a real process: the log goes on over it, and its accounts are open again.
func TestRestartAndLog(t *testing.T) {
	b := newBench(t)
	l := b.run(t)
	if err := b.Restart("no-such"); err == nil {
		t.Error("a plugin that does not run was restarted")
	}
	if _, err := b.HandleHTTP(t.Context(), "shop", Request{Method: "POST", Path: "output"}); err != nil {
		t.Fatal(err)
	}
	until(t, "the log tells", func() bool { lines, _ := b.Log("fake", 0, 100); return len(lines) >= 3 })
	before, _ := b.Log("fake", 0, 100)
	if err := b.Restart("fake"); err != nil {
		t.Fatal(err)
	}
	next := b.live(t, l.generation)
	if next.pid() == l.pid() {
		t.Error("it is the same process")
	}
	if r, err := b.HandleHTTP(t.Context(), "shop", Request{Method: "POST", Path: "output"}); err != nil || r.Status != 200 {
		t.Errorf("after the restart: %+v, %v", r, err)
	}
	last := before[len(before)-1].Number
	until(t, "the log goes on", func() bool { lines, _ := b.Log("fake", last, 100); return len(lines) >= 3 })
	if s := b.Status()[0]; s.LastExit == nil || !s.LastExit.Asked || s.Restarts != 1 {
		t.Errorf("the status is %+v", s)
	}
}
