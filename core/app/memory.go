package app

import (
	"context"
	"os"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

const (
	// calmPercent and busyPercent trade the processor for memory (see GOGC): the appliance runs beside other things on
	// small machines, and collecting often costs next to nothing while little happens.
	calmPercent = 30
	busyPercent = 60
	// busyCommits is from how many commits between two looks on the desk is busy.
	busyCommits = 2000
	// memoryShare is how much of the memory that the machine grants this process may use before it collects harder.
	memoryShare = 0.8
	// look is how often it is seen how much happens.
	look = 5 * time.Second
)

// tuneMemory sets the collector for a small machine. GOGC and GOMEMLIMIT in the environment win.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(calmPercent)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		if granted, ok := grantedMemory("/sys/fs/cgroup/memory.max"); ok {
			debug.SetMemoryLimit(int64(float64(granted) * memoryShare))
		}
	}
}

// grantedMemory reads the limit of the control group (Linux, version 2), in bytes; false when there is none.
func grantedMemory(path string) (int64, bool) {
	raw, err := os.ReadFile(path)
	if err != nil {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.TrimSpace(string(raw)), 10, 64)
	return n, err == nil && n > 0 // "max" is no limit
}

// mindMemory collects as hard as there is time for, and returns memory to the system, once, when work has come to rest:
// after a burst the heap would otherwise stay at its peak for minutes.
func (a *App) mindMemory(ctx context.Context) {
	tick := time.NewTicker(look)
	defer tick.Stop()
	ours := os.Getenv("GOGC") == ""
	seen, rested, busy := a.data.db.Status().Commits, false, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := a.data.db.Status().Commits
		commits := now - seen
		seen = now
		if was := busy; ours {
			if busy = commits >= busyCommits; busy != was {
				debug.SetGCPercent(map[bool]int{true: busyPercent, false: calmPercent}[busy])
			}
		}
		switch {
		case commits > 10:
			rested = false
		case !rested:
			rested = true
			debug.FreeOSMemory()
		}
	}
}
