package badgerkv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
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
//   - A part of the reserve is a file, the ballast, that nobody else can use up. It gives way in small steps while
//     others go on filling the volume, and as a whole when Badger begins a table that needs it.
//   - A table's blocks are allocated as soon as its file appears, while Badger still copies the table into it.
//   - A compaction waits before each table while there is no room for it.
//   - Opening and closing, which write tables, are refused as well.
//
// What remains is a volume whose last block is taken by somebody else in the fraction of a millisecond between the making
// of a table's file and the allocation of its blocks, or who takes the ballast, too, while a flush is on its way. Then the
// process ends; nothing acknowledged is lost.
type space struct {
	dir      string
	memtable int64
	reserve  int64 // bytes; see required
	floor    int64 // the ballast gives way to keep this much free
	log      hclog.Logger

	mu      sync.Mutex
	full    bool
	ballast int64 // bytes the ballast holds now
	data    int64 // bytes in tables
	ready   bool  // the active log's blocks are allocated
	active  int   // number of the active log
	written int64 // bytes in the active log, about
	changed bool  // the active log is new and its name not yet durable

	leaving   atomic.Bool
	held      atomic.Int64 // compactions that wait in beforeTable
	compacted atomic.Int64 // tables that passed it
	tables    atomic.Int64 // tables that tableBegun has allocated
}

const (
	reserveMost = 200 << 20
	ballastFile = "BALLAST"
	// watchIdle and watchFull are how often the volume is looked at apart from updates; the second while it is full and
	// the ballast may have to give way.
	watchIdle = 200 * time.Millisecond
	watchFull = 2 * time.Millisecond
)

// newSpace chooses the reserve: a tenth of the volume, at most 200 MB, but at least four memtables.
func newSpace(dir string, memtable, total int64, log hclog.Logger) *space {
	s := &space{dir: dir, memtable: memtable, floor: 2 << 20, log: log}
	s.reserve = max(min(total/10, reserveMost), 4*memtable)
	return s
}

// required is what must be free, ballast included, for updates: the reserve, but on a small volume, where a compaction
// may read most of the tables and write them again before it deletes them, room for that and for two flushes. With mu
// held.
func (s *space) required() int64 {
	return max(s.reserve, s.flushNeed()+s.memtable*3/2+min(s.data, 8*s.memtable))
}

// ballastGoal is the size of the ballast when all is well: a third of the reserve, but enough for one flush.
func (s *space) ballastGoal() int64 { return max(s.reserve/3, s.flushNeed()) }

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
	s.data = tableBytes(s.dir)
	if free < s.required() || !s.arm() {
		s.full = true
		s.log.Warn("the disk is too full to write", "free", free, "required", s.required())
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
		if required := s.required(); s.ready && free >= required-s.ballast && !(free < 2*required && s.backlog()) {
			return
		}
		s.full = true
		s.log.Warn("the disk is nearly full: updates are refused", "free", free, "required", s.required())
	}
	if give := min(s.floor-free, s.ballast); give > 0 {
		s.give(give)
		return
	}
	// An eighth more, so that it does not change to and fro.
	need := s.required()
	need += need / 8
	if !s.ready {
		need += s.logBytes()
	}
	if free+s.ballast >= need && !s.backlog() && s.arm() {
		s.full = false
		s.log.Info("the disk has room again: updates are accepted", "free", free)
	}
}

// backlog reports whether two logs wait to be flushed: a transaction that fills the active one would then wait inside
// Badger, where it cannot be refused any more. With mu held.
func (s *space) backlog() bool { return exists(s.logName(s.active - 2)) }

// give returns n bytes of the ballast to the volume. With mu held.
func (s *space) give(n int64) {
	if err := os.Truncate(filepath.Join(s.dir, ballastFile), s.ballast-n); err != nil {
		s.log.Error("cannot give the ballast back", "error", err)
		return
	}
	s.ballast -= n
}

// tableBegun allocates the blocks of a table whose file Badger has just made.
func (s *space) tableBegun(name string) {
	size := int64(0)
	for range 1000 { // Badger sets the length right after it has made the file
		info, err := os.Stat(name)
		if err != nil {
			return
		}
		if size = info.Size(); size > 0 {
			break
		}
		runtime.Gosched()
	}
	data := tableBytes(s.dir)
	s.mu.Lock()
	s.data = data
	if free, _ := volume(s.dir); free >= 0 && free < size+s.floor && s.ballast > 0 {
		s.full = true
		s.give(s.ballast)
	}
	s.mu.Unlock()
	if err := allocate(name, size); err != nil && !errors.Is(err, os.ErrNotExist) {
		s.log.Warn("cannot allocate a table", "error", err)
		return
	}
	s.tables.Add(1)
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
		data := tableBytes(s.dir)
		s.mu.Lock()
		s.data = data
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

// beforeTable holds a compaction back while there is no room for its next table and a flush.
func (s *space) beforeTable() {
	held := false
	for !s.leaving.Load() {
		s.mu.Lock()
		ballast := s.ballast
		s.mu.Unlock()
		if free, _ := volume(s.dir); free < 0 || free+ballast >= s.flushNeed()+s.memtable/2 {
			break
		}
		if !held {
			held = true
			s.held.Add(1)
		}
		time.Sleep(20 * time.Millisecond)
	}
	if held {
		s.held.Add(-1)
	}
	s.compacted.Add(1)
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
	if s.held.Load() > 0 {
		need += 3 * s.memtable // Badger waits for the compaction to end
	}
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

// tableBytes returns the length of all tables in dir.
func tableBytes(dir string) (sum int64) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	for _, e := range entries {
		if filepath.Ext(e.Name()) != ".sst" {
			continue
		}
		if info, err := e.Info(); err == nil { // it may just have been deleted
			sum += info.Size()
		}
	}
	return sum
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}
