// Package badgerkv keeps package kv's contract on Badger: one committer groups the waiting updates into one Badger
// transaction and one sync, and nothing is seen before that sync has returned. It must not know what the keys mean.
//
// Start reading at [Open], then committer.go (how an update becomes durable) and space.go (what happens when the disk
// fills up).
//
// Badger runs in managed mode: the committer gives out the timestamps, and every reader reads at the newest timestamp
// that is durable. All values lie in the LSM tree (kv.MaxValue is far below the value threshold), so the value log
// stays empty and needs no garbage collection.
package badgerkv

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/hashicorp/go-hclog"

	"github.com/guichet/guichet/core/kv"
)

// Options say how to open an engine. Only Dir is required.
type Options struct {
	// Dir is the engine's own directory. It is made if it is not there.
	Dir string
	// Durability is "group" (the default: one sync for all updates that wait), "each" (one sync for each update) or
	// "none" (no sync: an update survives a killed process, not a power cut).
	Durability string
	// MemTableBytes is the size of Badger's memtable and, about, of its write-ahead log; 0 means MinMemTable, and smaller
	// values are raised to it. Badger keeps the buffers of up to eight tables that it has built, and a buffer grows by
	// doubling: twice the memtable is about four times the memory after a burst.
	MemTableBytes int64
	// Log receives warnings and what Badger has to say. Nil means no log.
	Log hclog.Logger
	// Now is the clock behind Tx.Now; nil means time.Now.
	Now func() time.Time

	small bool // the profile of a small volume, whatever the volume is: for tests
}

// MinMemTable is the smallest memtable, in bytes: Badger limits a transaction to 15 % of it, and one update of
// kv.MaxBytes must fit.
const MinMemTable = 8 << 20

// bigVolume is the size of a volume from which on the usual profile is taken, below it the small one.
const bigVolume = 2 << 30

// DB is an open engine. It implements kv.DB.
type DB struct {
	opt Options
	log hclog.Logger
	bdg *badger.DB

	lanes     *lanes
	committer *committer
	snapshots *snapshots
	events    *events
	space     *space

	closing    sync.Once
	closeErr   error
	failing    sync.Once
	fatal      chan error
	stopTables func() // ends the allocation of tables
	stopWatch  context.CancelFunc
	watching   sync.WaitGroup
}

var _ kv.DB = (*DB)(nil)

// Open opens the engine in opt.Dir, which no other process may have open. It returns an error that wraps kv.ErrFull
// while the volume has too little room to start safely.
func Open(opt Options) (*DB, error) {
	switch opt.Durability {
	case "":
		opt.Durability = "group"
	case "group", "each", "none":
	default:
		return nil, fmt.Errorf(`badgerkv: durability is %q; it must be "group", "each" or "none"`, opt.Durability)
	}
	if opt.Log == nil {
		opt.Log = hclog.NewNullLogger()
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if err := os.MkdirAll(opt.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("badgerkv: %w", err)
	}
	free, total := volume(opt.Dir)
	opt.MemTableBytes = max(opt.MemTableBytes, MinMemTable)

	db := &DB{opt: opt, log: opt.Log, lanes: newLanes(), fatal: make(chan error, 1)}
	db.space = newSpace(opt.Dir, opt.MemTableBytes, total, opt.Log)
	if err := db.start(free, opt.small || total >= 0 && total < bigVolume); err != nil {
		return nil, err
	}
	return db, nil
}

func (db *DB) start(free int64, small bool) (err error) {
	leftovers, err := heal(db.opt.Dir)
	if err != nil {
		return fmt.Errorf("badgerkv: %w", err)
	}
	if err := db.space.admitOpening(free, leftovers); err != nil {
		return err
	}
	if db.stopTables, err = watchTables(db.opt.Dir, db.space.tableBegun); err != nil {
		// Without it, an instance of inotify too many, the reserve must do.
		db.log.Warn("tables are not allocated ahead", "error", err)
		db.stopTables = func() {}
	}
	defer func() {
		if err != nil {
			db.stopTables()
		}
	}()
	if db.bdg, err = badger.OpenManaged(profile(db.opt, db.space, small)); err != nil {
		return fmt.Errorf("badgerkv: open %s: %w", db.opt.Dir, err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, db.bdg.Close())
		}
	}()
	ts := db.bdg.MaxVersion()
	if err := db.loadState(ts); err != nil {
		return err
	}
	db.bdg.SetDiscardTs(ts)
	db.snapshots = newSnapshots(ts)
	db.committer = newCommitter(db, ts, db.Last())
	db.space.begin()

	ctx, cancel := context.WithCancel(context.Background())
	db.stopWatch = cancel
	db.watching.Go(func() { db.space.watch(ctx) })
	go db.committer.loop()
	return nil
}

func (db *DB) loadState(ts uint64) error {
	reads := db.bdg.NewTransactionAt(ts, false)
	defer reads.Discard()
	if _, err := reads.Get(keyLoading); err == nil {
		return fmt.Errorf("badgerkv: %s holds a copy that was not loaded to its end; remove it and load again", db.opt.Dir)
	} else if !errors.Is(err, badger.ErrKeyNotFound) {
		return fmt.Errorf("badgerkv: %w", err)
	}
	var err error
	db.events, err = loadEvents(reads)
	return err
}

// profile is Badger's setting for a small machine: the memory it takes under load stays near 100 MB.
func profile(opt Options, s *space, small bool) badger.Options {
	b := badger.DefaultOptions(opt.Dir).
		WithLogger(badgerLog{log: opt.Log.Named("badger"), space: s}).
		WithSyncWrites(false). // the committer syncs
		WithDetectConflicts(false).
		WithMetricsEnabled(false).
		WithMemTableSize(opt.MemTableBytes).
		WithNumMemtables(2).
		WithNumLevelZeroTables(5).
		WithNumLevelZeroTablesStall(15).
		WithNumCompactors(2).
		WithCompression(options.Snappy).
		WithBlockCacheSize(16 << 20).
		WithIndexCacheSize(8 << 20).
		WithValueThreshold(1 << 20).
		WithValueLogFileSize(1 << 20)
	if small {
		// A compaction of level 0 writes at most its two tables and the base level again, before it deletes them.
		b = b.WithNumLevelZeroTables(1).WithNumLevelZeroTablesStall(2).WithBaseTableSize(1 << 20).WithBaseLevelSize(4 << 20)
	}
	return b
}

// heal prepares a directory that a killed process may have left: it makes what Badger will replay durable, since
// readers see it from the start, and removes logs of length 0, which Badger leaves when it is killed between making (or
// emptying) and filling (or removing) one, and then refuses to open. It returns the number of write-ahead logs.
func heal(dir string) (logs int, err error) {
	for _, pattern := range []string{"*.mem", "*.vlog"} {
		names, err := filepath.Glob(filepath.Join(dir, pattern))
		if err != nil {
			return 0, err
		}
		for _, name := range names {
			info, err := os.Stat(name)
			if err != nil {
				return 0, err
			}
			if info.Size() == 0 {
				if err := os.Remove(name); err != nil {
					return 0, err
				}
				continue
			}
			if pattern == "*.mem" {
				logs++
				if err := syncFile(name); err != nil {
					return 0, err
				}
			}
		}
	}
	return logs, syncFile(dir)
}

// syncFile makes a file, or the names in a directory, durable.
func syncFile(name string) error {
	f, err := os.Open(name)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// syncLog makes the last transaction durable, and the name of the log that it lies in.
func (db *DB) syncLog() error {
	if db.space.logChanged() {
		if err := syncFile(db.opt.Dir); err != nil {
			return err
		}
	}
	return db.bdg.Sync()
}

// View runs fn on the newest durable state.
func (db *DB) View(ctx context.Context, fn func(kv.Tx) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s := db.snapshots.acquire()
	if s == nil {
		return kv.ErrClosed
	}
	defer db.snapshots.release(s)
	t := &tx{reads: db.bdg.NewTransactionAt(s.ts, false), now: db.opt.Now()}
	defer func() {
		t.ended = true
		t.reads.Discard()
	}()
	return t.outcome(fn(t))
}

// Update runs fn in the next batch.
func (db *DB) Update(ctx context.Context, fn func(kv.Tx) error) error {
	return db.submit(ctx, fn, false)
}

// UpdateLow runs fn in a batch that no ordinary update waits for; at the latest every sixteenth batch takes one.
func (db *DB) UpdateLow(ctx context.Context, fn func(kv.Tx) error) error {
	return db.submit(ctx, fn, true)
}

// Fatal receives the error that stopped the engine, once, when a commit or a sync has failed. From then on every call
// returns kv.ErrClosed. The process should end: only a start from disk knows what was kept.
func (db *DB) Fatal() <-chan error { return db.fatal }

func (db *DB) fail(err error) {
	db.failing.Do(func() {
		db.log.Error("the storage has stopped", "error", err)
		db.lanes.close()
		db.snapshots.close()
		db.events.close()
		db.fatal <- err
	})
}

// Status tells what operators watch.
func (db *DB) Status() kv.Status {
	free, _ := volume(db.opt.Dir)
	ordinary, low, _ := db.lanes.waiting()
	return kv.Status{
		Engine:    "badger",
		Bytes:     diskUse(db.opt.Dir),
		FreeBytes: free,
		Full:      db.space.isFull(),
		Commits:   db.committer.commits.Load(),
		Batches:   db.committer.batches.Load(),
		Waiting:   ordinary + low,
	}
}

// Close stops the engine: running closures end, waiting ones get kv.ErrClosed. It waits for open Views and Dumps. When
// the volume has too little room even to close, it returns an error that wraps kv.ErrFull and leaves Badger as it is;
// nothing is lost, the next Open replays the log.
func (db *DB) Close() error {
	db.closing.Do(func() { db.closeErr = db.close() })
	return db.closeErr
}

func (db *DB) close() error {
	db.lanes.close()
	<-db.committer.stopped
	db.events.close()
	db.snapshots.close()
	<-db.snapshots.drained()
	db.stopWatch()
	db.watching.Wait()
	if err := db.space.admitClosing(); err != nil {
		return err
	}
	err := db.bdg.Close()
	db.stopTables()
	if err != nil {
		return fmt.Errorf("badgerkv: close: %w", err)
	}
	return nil
}
