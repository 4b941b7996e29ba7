//go:build !unix

package app

import (
	"fmt"
	"os"
	"path/filepath"
)

// lockDir opens the lock file; here the storage engine's own lock keeps a second process out.
func lockDir(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("the data directory cannot be locked: %w", err)
	}
	return f, nil
}
