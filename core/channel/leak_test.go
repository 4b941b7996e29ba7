package channel

import (
	"os"
	"strconv"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

// TestNothingIsLeft counts what a long life of a host with crashing plugins would pile up.
func TestNothingIsLeft(t *testing.T) {
	before := goleak.IgnoreCurrent()
	files := openFiles(t)
	b := newBench(t)
	l := b.run(t)
	for i := range 3 {
		if r, err := b.post(t, "shop", "host", nil); err != nil || r.Status != 200 {
			t.Fatalf("the host's services: %d %s %v", r.Status, r.Body, err)
		}
		if r, err := b.post(t, "shop", "callback", ids(strconv.Itoa(i))); err != nil || r.Status != 200 {
			t.Fatalf("answered %+v, %v", r, err)
		}
		if i == 2 {
			break
		}
		if err := syscall.Kill(l.pid(), syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
		l = b.live(t, l.generation)
	}
	b.Stop()
	goleak.VerifyNone(t, before)
	until(t, "no more files are open than before", func() bool { return openFiles(t) <= files })
}

func openFiles(t *testing.T) int {
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc")
	}
	return len(entries)
}
