package app

import (
	"os"
	"runtime"
	"testing"
)

func TestSizesForPeople(t *testing.T) {
	for bytes, want := range map[int64]string{
		0: "0 bytes", 999: "999 bytes", 1000: "1.0 KB", 999_949: "1000 KB", 1_500_000: "1.5 MB", 123_456_789: "123 MB", 5_000_000_000: "5.0 GB", 7_000_000_000_000_000: "7000 TB",
	} {
		if got := size(bytes); got != want {
			t.Errorf("%d is %q, want %q", bytes, got, want)
		}
	}
}

func TestMemoryOfAProcess(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells how much memory a process uses")
	}
	if got := processMemory(os.Getpid()); got < 1<<20 || got > 4<<30 {
		t.Errorf("this process uses %d bytes", got)
	}
	if got := processMemory(-1); got != 0 {
		t.Errorf("no process uses %d bytes", got)
	}
}
