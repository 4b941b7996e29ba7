package channel

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// kin knows the processes that one process has started, and those that these started, also when they have left its group
// and session: while it lives they stay below it, because it is made their reaper (see restrict).
type kin struct {
	leader int
	mu     sync.Mutex
	known  map[int]uint64 // pid → when it was started, which tells it from a later process with the pid
}

func newKin(leader int) *kin { return &kin{leader: leader, known: map[int]uint64{}} }

// look notes who is there now, and returns how much memory all of them use that they share with nobody, in bytes.
func (k *kin) look() (memory int64) {
	if k == nil {
		return 0
	}
	type process struct {
		parent int
		start  uint64
	}
	all := map[int]process{}
	names, err := os.ReadDir("/proc")
	if err != nil {
		return 0
	}
	for _, name := range names {
		if pid, err := strconv.Atoi(name.Name()); err == nil {
			if parent, start, ok := statOf(pid); ok {
				all[pid] = process{parent, start}
			}
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	for pid, start := range k.known {
		if all[pid].start != start {
			delete(k.known, pid)
		}
	}
	for grown := true; grown; {
		grown = false
		for pid, p := range all {
			_, parent := k.known[p.parent]
			if _, known := k.known[pid]; !known && pid != k.leader && (parent || p.parent == k.leader) {
				k.known[pid], grown = p.start, true
			}
		}
	}
	memory = memoryOf(k.leader)
	for pid := range k.known {
		memory += memoryOf(pid)
	}
	return memory
}

// kill ends all that are known.
func (k *kin) kill() {
	if k == nil {
		return
	}
	k.look() // what was started since, and which pids are others' by now
	k.mu.Lock()
	defer k.mu.Unlock()
	for pid, start := range k.known {
		if _, now, ok := statOf(pid); ok && now == start {
			_ = unix.Kill(pid, unix.SIGKILL) // gone already, or ends now
		}
	}
}

// statOf reads a process's parent and the moment of its start; ok is false for one that is gone or only waits to be
// reaped.
func statOf(pid int) (parent int, start uint64, ok bool) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, 0, false
	}
	// The second field is the program's name in brackets, which may contain anything.
	fields := bytes.Fields(raw[bytes.LastIndexByte(raw, ')')+1:])
	if len(fields) < 20 || string(fields[0]) == "Z" {
		return 0, 0, false
	}
	parent, err = strconv.Atoi(string(fields[1]))
	if err != nil {
		return 0, 0, false
	}
	start, err = strconv.ParseUint(string(fields[19]), 10, 64)
	return parent, start, err == nil
}

// memoryOf is the memory that a process has for itself, in bytes: resident, without mapped files.
func memoryOf(pid int) int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	var size, resident, shared int64
	if _, err := fmt.Sscan(string(raw), &size, &resident, &shared); err != nil {
		return 0
	}
	return (resident - shared) * int64(os.Getpagesize())
}

// has reports whether a process is one of those that are known.
func (k *kin) has(pid int) bool {
	if k == nil {
		return false
	}
	_, start, ok := statOf(pid)
	k.mu.Lock()
	defer k.mu.Unlock()
	known, found := k.known[pid]
	return ok && found && known == start
}

func parentOf(pid int) (parent int, ok bool) {
	parent, _, ok = statOf(pid)
	return parent, ok
}
