package blob

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
)

// references is a store's bookkeeping, kept in memory: by hash, since when a content is free; in use and condemned are
// marked.
type references struct {
	free      map[string]time.Time
	used      map[string]bool
	condemned map[string]bool
	forget    error // what Forget fails with
}

func newReferences() *references {
	return &references{free: map[string]time.Time{}, used: map[string]bool{}, condemned: map[string]bool{}}
}

func (r *references) FreeContents(_ context.Context, before time.Time, limit int) ([]string, error) {
	var list []string
	for hash, since := range r.free {
		if (since.Before(before) || r.condemned[hash]) && len(list) < limit {
			list = append(list, hash)
		}
	}
	return list, nil
}

func (r *references) UnknownContents(_ context.Context, hashes []string) ([]string, error) {
	return slices.DeleteFunc(slices.Clone(hashes), func(h string) bool {
		_, free := r.free[h]
		return free || r.used[h]
	}), nil
}

func (r *references) Condemn(_ context.Context, hash string, before time.Time) (bool, error) {
	since, free := r.free[hash]
	if r.used[hash] || free && !since.Before(before) && !r.condemned[hash] {
		return false, nil
	}
	r.condemned[hash], r.free[hash] = true, time.Time{}
	return true, nil
}

func (r *references) Forget(_ context.Context, hash string) error {
	if r.forget != nil {
		return r.forget
	}
	delete(r.condemned, hash)
	delete(r.free, hash)
	return nil
}

func (r *references) Pardon(_ context.Context, hash string) error {
	delete(r.condemned, hash)
	r.free[hash] = start.Add(1000 * time.Hour)
	return nil
}

func collect(t *testing.T, s *Store, r References, now time.Time) int {
	t.Helper()
	n, err := s.Collect(t.Context(), r, now)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func TestCollectKeepsAContentForTwoDays(t *testing.T) {
	s, _ := open(t)
	r := newReferences()
	used, freed, never := put(t, s, "used"), put(t, s, "freed"), put(t, s, "never referred to")
	r.used[used] = true
	r.free[freed] = start.Add(time.Hour)

	if n := collect(t, s, r, start.Add(KeepFor)); n != 0 {
		t.Errorf("%d removed after 48 h", n)
	}
	if n := collect(t, s, r, start.Add(KeepFor+time.Minute)); n != 1 || has(t, s, never) || !has(t, s, freed) {
		t.Errorf("%d removed, of which the one that was never referred to: %v", n, !has(t, s, never))
	}
	if n := collect(t, s, r, start.Add(KeepFor+2*time.Hour)); n != 1 || has(t, s, freed) {
		t.Errorf("%d removed, of which the freed one: %v", n, !has(t, s, freed))
	}
	if !has(t, s, used) {
		t.Error("a content in use was removed")
	}
	if len(r.condemned) > 0 {
		t.Errorf("condemned: %v", r.condemned)
	}
}

func TestCollectSparesWhatWasStoredAgain(t *testing.T) {
	s, c := open(t)
	r := newReferences()
	freed, never := put(t, s, "freed"), put(t, s, "never referred to")
	r.free[freed] = start
	c.now = start.Add(40 * time.Hour)
	put(t, s, "freed")
	put(t, s, "never referred to")
	if n := collect(t, s, r, start.Add(50*time.Hour)); n != 0 || !has(t, s, freed) || !has(t, s, never) {
		t.Errorf("%d removed", n)
	}
	if len(r.condemned) > 0 {
		t.Errorf("condemned: %v", r.condemned)
	}
	if n := collect(t, s, r, c.now.Add(KeepFor+time.Hour)); n != 1 || has(t, s, never) {
		t.Errorf("%d removed once that is old too", n)
	}
}

func TestCollectRemovesNothingDuringABackup(t *testing.T) {
	s, _ := open(t)
	r := newReferences()
	freed, never := put(t, s, "freed"), put(t, s, "never referred to")
	r.free[freed] = start
	late := start.Add(1000 * time.Hour)
	first, second := s.Hold(), s.Hold()
	for range 2 {
		if n := collect(t, s, r, late); n != 0 || !has(t, s, freed) || !has(t, s, never) {
			t.Errorf("%d removed during a backup", n)
		}
		first() // twice: releasing again does nothing
	}
	put(t, s, "stored meanwhile")
	second()
	if n := collect(t, s, r, late); n != 3 {
		t.Errorf("%d removed afterwards", n)
	}
}

// TestCollectFinishesWhatACrashInterrupted: the file is gone or still there, and the record says condemned.
func TestCollectFinishesWhatACrashInterrupted(t *testing.T) {
	s, c := open(t)
	r := newReferences()
	freed := put(t, s, "freed")
	r.free[freed] = start
	power := errors.New("power cut")
	r.forget = power
	late := start.Add(100 * time.Hour)
	if _, err := s.Collect(t.Context(), r, late); !errors.Is(err, power) {
		t.Fatalf("got %v", err)
	}
	if has(t, s, freed) || !r.condemned[freed] {
		t.Fatal("the crash did not come in between")
	}
	r.forget = nil
	if n := collect(t, s, r, late); n != 1 || len(r.condemned) > 0 || len(r.free) > 0 {
		t.Errorf("%d removed, condemned %v, free %v", n, r.condemned, r.free)
	}

	// Condemned, and stored again before the removal went on: it stays.
	again := put(t, s, "freed")
	r.condemned[again], r.free[again] = true, time.Time{}
	c.now = late
	put(t, s, "freed")
	if n := collect(t, s, r, late); n != 0 || !has(t, s, again) || r.condemned[again] {
		t.Errorf("%d removed", n)
	}
}

// TestACrashBetweenFileAndRecord: the file was stored, the process died before a record named it.
func TestACrashBetweenFileAndRecord(t *testing.T) {
	s, _ := open(t)
	hash := put(t, s, "orphan")
	again, err := Open(s.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := newReferences()
	if n := collect(t, again, r, start.Add(time.Hour)); n != 0 {
		t.Errorf("%d removed at once: the provider delivers again and the file is still good", n)
	}
	if n := collect(t, again, r, start.Add(KeepFor+time.Hour)); n != 1 || has(t, again, hash) {
		t.Errorf("%d removed in the end", n)
	}
}

func TestCollectManyAndStop(t *testing.T) {
	s, _ := open(t)
	r := newReferences()
	var hashes []string
	for i := range 2*collectAtOnce + 3 {
		hash := put(t, s, string(rune(i+0x100)))
		hashes = append(hashes, hash)
		if i%2 == 0 {
			r.free[hash] = start
		}
	}
	stopped, stop := context.WithCancel(t.Context())
	stop()
	if _, err := s.Collect(stopped, r, start); !errors.Is(err, context.Canceled) {
		t.Errorf("stopped: %v", err)
	}
	if n := collect(t, s, r, start.Add(100*time.Hour)); n != len(hashes) {
		t.Errorf("%d of %d removed", n, len(hashes))
	}
}

func TestCollectReportsAFileThatCannotBeRemoved(t *testing.T) {
	s, _ := open(t)
	r := newReferences()
	hash := put(t, s, "x")
	r.free[hash] = start
	if err := os.Remove(s.path(hash)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(s.path(hash)+"/in-the-way", 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(s.path(hash), start, start); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Collect(t.Context(), r, start.Add(100*time.Hour)); err == nil || core.CodeOf(err) != core.Internal {
		t.Errorf("got %v", err)
	}
}
