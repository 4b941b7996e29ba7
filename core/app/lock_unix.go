//go:build unix

package app

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"

	"github.com/guichet/guichet/core"
)

// lockDir makes this process the only one that uses a data directory, before anything in it is read or tidied. The lock
// goes with the process.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data directory cannot be locked: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close() // nothing was written
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, core.Errorf(core.Conflict,
				"another Guichet is using the data in %s: stop it, or choose another directory with --data", dir)
		}
		return nil, fmt.Errorf("the data directory cannot be locked: %w", err)
	}
	return f, nil
}
