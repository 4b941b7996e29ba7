package badgerkv_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/badgerkv"
)

const fullVolume = "BADGERKV_FULL_VOLUME"

// onSmallVolume runs fn on a volume of 64 MB in memory, in a process with a mount namespace of its own: the test binary,
// started again for this one test. It skips where that is not permitted.
func onSmallVolume(t *testing.T, fn func(t *testing.T, volume string)) {
	t.Helper()
	if dir := os.Getenv(fullVolume); dir != "" {
		if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=64m"); err != nil {
			t.Skipf("cannot mount: %v", err)
		}
		fn(t, dir)
		return
	}
	child := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$", "-test.v")
	child.Env = append(os.Environ(), fullVolume+"="+t.TempDir())
	child.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWUSER | syscall.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
	var out bytes.Buffer
	child.Stdout, child.Stderr = &out, &out
	if err := child.Start(); err != nil {
		t.Skipf("user namespaces are not permitted here: %v", err)
	}
	err := child.Wait()
	switch {
	case err != nil:
		t.Errorf("%v\n%s", err, out.String())
	case strings.Contains(out.String(), "--- SKIP"):
		t.Skip(out.String())
	}
}

// crowd writes from several goroutines and remembers what was acknowledged.
type crowd struct {
	db      *badgerkv.DB
	mu      sync.Mutex
	acked   map[string]uint64 // key to the seed of its value
	tried   atomic.Int64
	refused atomic.Int64
	bytes   atomic.Int64
	stop    atomic.Bool
	running sync.WaitGroup
}

func valueOf(seed uint64) []byte {
	dice := rand.New(rand.NewPCG(seed, 0))
	b := make([]byte, 2000)
	for i := range b {
		b[i] = byte(dice.Uint32())
	}
	return b
}

// start lets writers write new keys until halt; with over > 0 each writes over that many keys instead.
func (c *crowd) start(t *testing.T, name string, over int) {
	c.stop.Store(false)
	for w := range 4 {
		c.running.Go(func() {
			for n := 0; !c.stop.Load(); n++ {
				i := n
				if over > 0 {
					i %= over
				}
				key, seed := fmt.Sprintf("%s/%d/%06d", name, w, i), rand.Uint64()
				value := valueOf(seed)
				err := c.db.Update(context.Background(), func(tx kv.Tx) error {
					tx.Set([]byte(key), value)
					return nil
				})
				c.tried.Add(1)
				switch {
				case err == nil:
					c.mu.Lock()
					c.acked[key] = seed
					c.mu.Unlock()
					c.bytes.Add(int64(len(value)))
				case errors.Is(err, kv.ErrFull):
					c.refused.Add(1)
				default:
					t.Errorf("update: %v", err)
					return
				}
			}
		})
	}
}

func (c *crowd) halt() {
	c.stop.Store(true)
	c.running.Wait()
}

// verify reads everything that was acknowledged.
func (c *crowd) verify(t *testing.T, when string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	err := c.db.View(context.Background(), func(tx kv.Tx) error {
		for key, seed := range c.acked {
			if got, err := tx.Get([]byte(key)); err != nil || !bytes.Equal(got, valueOf(seed)) {
				return fmt.Errorf("%s: %s was acknowledged and is wrong: %w", when, key, err)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// until waits for a condition.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited a minute for: %s", what)
		}
	}
}

// write writes n bytes and returns how many the volume took.
func write(t *testing.T, f *os.File, n int) int {
	t.Helper()
	written, err := f.Write(bytes.Repeat([]byte("x"), n))
	if err != nil && !errors.Is(err, unix.ENOSPC) {
		t.Fatal(err)
	}
	return written
}

// fill writes to a file until the volume has not one byte left, and returns how many it took.
func fill(t *testing.T, f *os.File) (taken int) {
	t.Helper()
	for n := 256 << 10; n > 0; {
		written := write(t, f, n)
		taken += written
		if written < n {
			n /= 2
		}
	}
	return taken
}

// held is how many bytes the ballast has.
func held(dir string) int64 {
	info, err := os.Stat(filepath.Join(dir, "BALLAST"))
	if err != nil {
		return -1
	}
	return info.Size()
}

// quiet waits until full says so, no flush is to be done, and no table has come or gone for a while.
func quiet(t *testing.T, dir string, full func() bool) {
	t.Helper()
	last, since := "", time.Now()
	until(t, "no flush and no compaction", func() bool {
		logs, _ := filepath.Glob(filepath.Join(dir, "*.mem"))
		tables, _ := filepath.Glob(filepath.Join(dir, "*.sst"))
		if now := fmt.Sprint(logs, tables); now != last || len(logs) != 1 || !full() {
			last, since = now, time.Now()
		}
		return time.Since(since) > 300*time.Millisecond
	})
}

// TestFullByOthers: another program fills the volume to the last byte while writers write. Updates are refused, reads go
// on, nothing crashes; when there is room again, updates succeed; after a restart everything acknowledged is there.
func TestFullByOthers(t *testing.T) {
	onSmallVolume(t, func(t *testing.T, volume string) {
		dir := filepath.Join(volume, "db")
		c := &crowd{db: open(t, badgerkv.Options{Dir: dir}), acked: map[string]uint64{}}
		for round := range 3 {
			c.start(t, fmt.Sprint("round", round), 400)
			before := c.bytes.Load()
			until(t, "some megabytes written", func() bool { return c.bytes.Load() > before+6<<20 })

			refused := c.refused.Load()
			name := filepath.Join(volume, "other")
			other, err := os.Create(name)
			if err != nil {
				t.Fatal(err)
			}
			// Step by step, with an update tried after each: on a disk, where the reserve is larger and writing slower,
			// the engine has that time too.
			taken := 0
			quiet(t, dir, func() (full bool) {
				if c.db.Status().Full {
					return true
				}
				taken += write(t, other, 512<<10)
				tried := c.tried.Load()
				until(t, "an update tried", func() bool { return c.tried.Load() > tried })
				return false
			})
			if c.refused.Load() == refused {
				t.Error("no update was refused")
			}
			// Then all that is left, the ballast as well.
			until(t, "the ballast eaten up", func() bool {
				taken += fill(t, other)
				return held(dir) == 0
			})
			taken += fill(t, other)
			before = c.refused.Load()
			until(t, "more updates refused", func() bool { return c.refused.Load() > before+100 })
			if s := c.db.Status(); !s.Full {
				t.Errorf("the volume is full, the status says %+v", s)
			}
			t.Logf("the other program took %d MB; refused so far: %d updates; %+v", taken>>20, c.refused.Load(), c.db.Status())
			c.halt()
			c.verify(t, "while full")

			if err := errors.Join(other.Close(), os.Remove(name)); err != nil {
				t.Fatal(err)
			}
			until(t, "an update succeeding again", func() bool {
				err := c.db.Update(context.Background(), func(tx kv.Tx) error {
					tx.Set([]byte("again"), nil)
					return nil
				})
				if err != nil && !errors.Is(err, kv.ErrFull) {
					t.Fatal(err)
				}
				return err == nil
			})
			c.verify(t, "with room again")
		}
		if err := c.db.Close(); err != nil {
			t.Fatal(err)
		}
		c.db = open(t, badgerkv.Options{Dir: dir})
		c.verify(t, "after a restart")
		if err := c.db.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestFullByItself: the engine's own data fill the volume. It can still be closed and opened, and read.
func TestFullByItself(t *testing.T) {
	onSmallVolume(t, func(t *testing.T, volume string) {
		dir := filepath.Join(volume, "db")
		c := &crowd{db: open(t, badgerkv.Options{Dir: dir}), acked: map[string]uint64{}}
		for round := range 3 {
			c.start(t, fmt.Sprint("round", round), 0)
			refused := c.refused.Load()
			until(t, "updates refused", func() bool { return c.refused.Load() > refused+1000 })
			c.halt()
			c.verify(t, "while full")
			t.Logf("acknowledged %d MB; %+v", c.bytes.Load()>>20, c.db.Status())
			if err := c.db.Close(); err != nil {
				t.Fatal(err)
			}
			c.db = open(t, badgerkv.Options{Dir: dir})
			c.verify(t, "after a restart")
		}
		if err := c.db.Close(); err != nil {
			t.Fatal(err)
		}
	})
}

// TestFullAtTheEnds: with not one byte left, the engine refuses to close and to open, with a sentence, instead of
// crashing; nothing is lost.
func TestFullAtTheEnds(t *testing.T) {
	onSmallVolume(t, func(t *testing.T, volume string) {
		dir := filepath.Join(volume, "db")
		c := &crowd{db: open(t, badgerkv.Options{Dir: dir}), acked: map[string]uint64{}}
		c.start(t, "a", 0)
		until(t, "a megabyte written", func() bool { return c.bytes.Load() > 1<<20 })
		c.halt()
		other, err := os.Create(filepath.Join(volume, "other"))
		if err != nil {
			t.Fatal(err)
		}
		until(t, "the ballast eaten up", func() bool {
			fill(t, other)
			return held(dir) == 0
		})
		fill(t, other)
		if err := c.db.Close(); !errors.Is(err, kv.ErrFull) {
			t.Errorf("close on a full volume: %v, want ErrFull", err)
		}
		// What a process leaves that ends here.
		left := filepath.Join(volume, "left")
		if err := os.Truncate(other.Name(), 0); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(left, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		if _, err := other.Seek(0, 0); err != nil {
			t.Fatal(err)
		}
		fill(t, other)
		if db, err := badgerkv.Open(badgerkv.Options{Dir: left}); !errors.Is(err, kv.ErrFull) {
			t.Fatalf("open on a full volume: %v, %v; want ErrFull", db, err)
		}
		if err := os.Truncate(other.Name(), 0); err != nil {
			t.Fatal(err)
		}
		c.db = open(t, badgerkv.Options{Dir: left})
		c.verify(t, "after a restart")
		if err := c.db.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
