package badgerkv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/guichet/guichet/core/kv"
)

// space keeps the engine away from the end of the volume. Badger writes its logs and tables through memory maps, where
// "no space left" is not an error but a signal that ends the process. So:
//
//   - The active log's blocks are allocated before they are written.
//   - Updates are refused (kv.ErrFull) while less than a reserve is free: enough for the flushes and compactions that
//     earlier updates have caused.
//   - A third of the reserve is a file, the ballast, that nobody else can use up. It shrinks step by step while others
//     go on filling the volume, so that what Badger has begun can end.
//   - A compaction waits before each table while there is no room for it.
//   - Opening and closing, which write tables, are refused as well.
//
// What remains is a volume that somebody fills entirely, ballast included, in the few milliseconds in which Badger
// copies a table into its file. Then the process ends; nothing acknowledged is lost.
type space struct {
	dir      string
	memtable int64
	reserve  int64 // bytes, ballast included, that must be free for updates
	floor    int64 // the ballast gives way to keep this much free
	log      hclog.Logger

	mu      sync.Mutex
	full    bool
	ballast int64 // bytes the ballast holds now
	ready   bool  // the active log's blocks are allocated
	active  int   // number of the active log
	written int64 // bytes in the active log, about
	changed bool  // the active log is new and its name not yet durable
	leaving atomic.Bool
	tables  atomic.Int64 // tables that passed beforeTable
}

const (
	reserveMost = 200 << 20
	ballastFile = "BALLAST"
	// watchIdle and watchFull are how often the volume is looked at apart from updates; the second while it is full and
	// the ballast may have to give way.
	watchIdle = 200 * time.Millisecond
	watchFull = 2 * time.Millisecond
)

// newSpace chooses the reserve: a tenth of the volume, at most 200 MB, but at least three memtables (a flush, a
// compaction's output, and as much again for what goes on while the volume fills).
func newSpace(dir string, memtable, total int64, log hclog.Logger) *space {
	s := &space{dir: dir, memtable: memtable, floor: memtable, log: log}
	s.reserve = max(min(total/10, reserveMost), 3*memtable)
	return s
}

// ballastGoal is the size of the ballast when all is well.
func (s *space) ballastGoal() int64 { return s.reserve / 3 }

// flushNeed is what writing one memtable as a table takes, index included.
func (s *space) flushNeed() int64 { return s.memtable + s.memtable/4 + 2<<20 }

// logBytes is how far the active log is allocated: Badger changes to a new one after the transaction that fills it.
func (s *space) logBytes() int64 { return s.memtable + s.memtable/4 + 1<<20 }

// admitOpening refuses to open while the replayed logs could not be written as tables. free is -1 when unknown. What an
// earlier process left as ballast is given back first.
func (s *space) admitOpening(free int64, logs int) error {
	if free < 0 {
		return nil
	}
	if err := os.Remove(filepath.Join(s.dir, ballastFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("badgerkv: %w", err)
	}
	need := int64(4 << 20)
	if logs > 0 {
		need = s.flushNeed()
	}
	if free, _ = volume(s.dir); free < need {
		return fmt.Errorf("badgerkv: %s has %d MB free, %d MB are needed to open: %w", s.dir, free>>20, need>>20+1, kv.ErrFull)
	}
	return nil
}

// begin takes the ballast and the active log's blocks. Where that fails, the engine starts full.
func (s *space) begin() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = newestLog(s.dir)
	s.changed = true
	free, _ := volume(s.dir)
	if free < 0 {
		s.ready = true
		return
	}
	if free < s.reserve || !s.arm() {
		s.full = true
		s.log.Warn("the disk is too full to write", "free", free, "reserve", s.reserve)
	}
}

// arm allocates the ballast and the active log; it reports whether both are there. With mu held.
func (s *space) arm() bool {
	if !s.ready {
		if err := allocate(s.logName(s.active), s.logBytes()); err != nil {
			s.log.Warn("cannot allocate the write-ahead log", "error", err)
			return false
		}
		s.ready = true
	}
	if goal := s.ballastGoal(); s.ballast < goal {
		if err := allocateSized(filepath.Join(s.dir, ballastFile), goal); err != nil {
			s.log.Warn("cannot allocate the ballast", "error", err)
			_ = os.Truncate(filepath.Join(s.dir, ballastFile), s.ballast)
			return false
		}
		s.ballast = goal
	}
	return true
}

// observe looks at the volume and changes between full and not full. With mu held.
func (s *space) observe() {
	free, _ := volume(s.dir)
	if free < 0 {
		return
	}
	if !s.full {
		if s.ready && free >= s.reserve-s.ballast {
			return
		}
		s.full = true
		s.log.Warn("the disk is nearly full: updates are refused", "free", free, "reserve", s.reserve)
	}
	if give := min(s.floor-free, s.ballast); give > 0 {
		if err := os.Truncate(filepath.Join(s.dir, ballastFile), s.ballast-give); err != nil {
			s.log.Error("cannot give the ballast back", "error", err)
			return
		}
		s.ballast -= give
		return
	}
	// An eighth more than the reserve, so that it does not change to and fro.
	need := s.reserve + s.reserve/8
	if !s.ready {
		need += s.logBytes()
	}
	if free+s.ballast >= need && s.arm() {
		s.full = false
		s.log.Info("the disk has room again: updates are accepted", "free", free)
	}
}

// admit is asked before each batch; it returns kv.ErrFull while updates are refused.
func (s *space) admit() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.observe()
	if s.full {
		return kv.ErrFull
	}
	return nil
}

func (s *space) isFull() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.full
}

// watch looks at the volume from time to time, until ctx ends.
func (s *space) watch(ctx context.Context) {
	timer := time.NewTimer(watchIdle)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		s.mu.Lock()
		s.observe()
		next := watchIdle
		if s.full && s.ballast > 0 {
			next = watchFull
		}
		s.mu.Unlock()
		timer.Reset(next)
	}
}

// wrote notes that a transaction of about n bytes was committed. When Badger has changed to a new log for it, the new
// one's blocks are allocated.
func (s *space) wrote(n int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.written += n
	for exists(s.logName(s.active + 1)) {
		s.active++
		s.written = n
		s.ready = false
		s.changed = true
	}
	if s.ready {
		return
	}
	if err := allocate(s.logName(s.active), s.logBytes()); err != nil {
		s.log.Warn("cannot allocate the write-ahead log", "error", err)
		return // observe finds it
	}
	s.ready = true
}

// logChanged reports, once for each log, that the active log is new.
func (s *space) logChanged() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	changed := s.changed
	s.changed = false
	return changed
}

// beforeTable holds a compaction back while there is no room for its next table.
func (s *space) beforeTable() {
	s.tables.Add(1)
	for !s.leaving.Load() {
		if free, _ := volume(s.dir); free < 0 || free >= s.memtable/2 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// admitClosing gives the ballast back and refuses to close while the memtable could not be written as a table.
func (s *space) admitClosing() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := os.Remove(filepath.Join(s.dir, ballastFile)); err != nil && !errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("badgerkv: %w", err)
	}
	s.ballast = 0
	need := min(s.flushNeed(), s.written+s.written/4+2<<20)
	if free, _ := volume(s.dir); free >= 0 && free < need {
		return fmt.Errorf("badgerkv: %s has %d MB free, %d MB are needed to close: %w", s.dir, free>>20, need>>20+1, kv.ErrFull)
	}
	s.leaving.Store(true)
	return nil
}

func (s *space) logName(n int) string { return filepath.Join(s.dir, fmt.Sprintf("%05d.mem", n)) }

// newestLog returns the number of the newest write-ahead log in dir: the active one.
func newestLog(dir string) int {
	newest := 0
	names, _ := filepath.Glob(filepath.Join(dir, "*.mem")) // the pattern is well formed
	for _, name := range names {
		var n int
		if _, err := fmt.Sscanf(filepath.Base(name), "%d.mem", &n); err == nil {
			newest = max(newest, n)
		}
	}
	return newest
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
