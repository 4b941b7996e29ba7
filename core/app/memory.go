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
	// gcPercent trades a little of the processor for memory: the appliance runs beside other things on small machines.
	gcPercent = 60
	// memoryShare is how much of the memory that the machine grants this process may use before it collects harder.
	memoryShare = 0.8
	// idleLook is how often it is seen whether nothing happens, so that memory can be given back.
	idleLook = 5 * time.Second
)

// tuneMemory sets the collector for a small machine. GOGC and GOMEMLIMIT in the environment win.
func tuneMemory() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
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

// giveBackMemory returns memory to the system, once, when work has come to rest: after a burst the heap would otherwise
// stay at its peak for minutes.
func (a *App) giveBackMemory(ctx context.Context) {
	tick := time.NewTicker(idleLook)
	defer tick.Stop()
	seen, rested := a.data.db.Status().Commits, false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := a.data.db.Status().Commits
		if now-seen > 10 {
			seen, rested = now, false
			continue
		}
		seen = now
		if !rested {
			rested = true
			debug.FreeOSMemory()
		}
	}
}
