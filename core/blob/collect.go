package blob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// KeepFor is how long a content stays after its last reference went, or after it was stored when none ever came.
const KeepFor = 48 * time.Hour

// References is what Collect asks of the store. Condemn, under the content's guard, makes every transaction that would
// add a reference fail until Forget or Pardon.
type References interface {
	FreeContents(ctx context.Context, before time.Time, limit int) ([]string, error)
	UnknownContents(ctx context.Context, hashes []string) ([]string, error)
	Condemn(ctx context.Context, hash string, before time.Time) (bool, error)
	Forget(ctx context.Context, hash string) error
	Pardon(ctx context.Context, hash string) error
}

// collectAtOnce is how many contents are looked up in one transaction.
const collectAtOnce = 500

// Collect removes the contents to which nothing has referred for KeepFor, and returns how many. While a backup holds the
// files it removes none. It may be interrupted anywhere; the next one finishes what was begun.
func (s *Store) Collect(ctx context.Context, refs References, now time.Time) (removed int, err error) {
	before := now.Add(-KeepFor)
	for {
		free, err := refs.FreeContents(ctx, before, collectAtOnce)
		if err != nil {
			return removed, fmt.Errorf("collect attachments: %w", err)
		}
		gone := 0
		for _, hash := range free {
			done, held, err := s.collect(ctx, refs, hash, before)
			if err != nil || held {
				return removed, err
			}
			if done {
				gone++
			}
		}
		removed += gone
		if len(free) < collectAtOnce || gone == 0 {
			break
		}
	}
	n, err := s.collectUnknown(ctx, refs, before)
	return removed + n, err
}

// collectUnknown removes the files that were stored and that no record ever named: the process died in between, or the
// upload was refused.
func (s *Store) collectUnknown(ctx context.Context, refs References, before time.Time) (removed int, err error) {
	var old []string
	look := func() error {
		unknown, err := refs.UnknownContents(ctx, old)
		if err != nil {
			return err
		}
		old = old[:0]
		for _, hash := range unknown {
			done, held, err := s.collect(ctx, refs, hash, before)
			if err != nil {
				return err
			}
			if held {
				return errHeld
			}
			if done {
				removed++
			}
		}
		return nil
	}
	err = s.Each(ctx, func(hash string, _ int64, changed time.Time) error {
		if changed.Before(before) {
			old = append(old, hash)
		}
		if len(old) < collectAtOnce {
			return nil
		}
		return look()
	})
	if err == nil {
		err = look()
	}
	if errors.Is(err, errHeld) {
		err = nil
	}
	return removed, err
}

var errHeld = errors.New("a backup holds the files")

// collect removes one content if it may go. held says that a backup is running.
func (s *Store) collect(ctx context.Context, refs References, hash string, before time.Time) (done, held bool, err error) {
	if !wellFormed(hash) {
		return false, false, refs.Forget(ctx, hash)
	}
	if !s.hold.TryLock() {
		return false, true, nil
	}
	defer s.hold.Unlock()
	l := s.lock(hash)
	l.Lock()
	defer l.Unlock()
	may, err := refs.Condemn(ctx, hash, before)
	if err != nil || !may {
		return false, false, err
	}
	info, err := os.Stat(s.path(hash))
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return true, false, refs.Forget(ctx, hash)
	case err != nil:
		return false, false, err
	case !info.ModTime().Before(before): // stored again since; whoever did will name it soon
		return false, false, refs.Pardon(ctx, hash)
	}
	if err := s.remove(hash); err != nil {
		return false, false, err
	}
	return true, false, refs.Forget(ctx, hash)
}
