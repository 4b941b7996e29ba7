package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/guichet/guichet/core"
)

// restoring is where a restore is unpacked before it becomes the data directory's content.
const restoring = ".restoring"

// Restore unpacks the backup at path into a data directory that is empty or absent. It checks the whole backup before it
// writes anything; load opens a new engine in a directory and reads the dump into it. The records appear last, so that
// a restore that was interrupted never looks complete; it can be run again.
func Restore(ctx context.Context, path, dir string, load func(ctx context.Context, dir string, r io.Reader) error) (BackupInfo, error) {
	f, err := os.Open(path)
	if err != nil {
		return BackupInfo{}, fmt.Errorf("restore: %w", err)
	}
	defer f.Close()
	info, err := VerifyBackup(ctx, f)
	if err != nil {
		return info, err
	}
	if info.Schema > Schema {
		return info, core.Errorf(core.Invalid,
			"this backup was written by a newer version of Guichet (its schema is %d, this version knows %d): use that version", info.Schema, Schema)
	}
	if err := beginRestore(dir); err != nil {
		return info, err
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return info, fmt.Errorf("restore: %w", err)
	}
	temp := filepath.Join(dir, restoring)
	if err := unpack(ctx, f, temp, load); err != nil {
		return info, fmt.Errorf("restore: %w", err)
	}
	for _, name := range []string{"blobs", "keys", "plugins", backupConfiguration, backupDB} {
		err := os.Rename(filepath.Join(temp, name), filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return info, fmt.Errorf("restore: %w", err)
		}
		if err := syncDir(dir); err != nil {
			return info, fmt.Errorf("restore: %w", err)
		}
	}
	return info, os.RemoveAll(temp)
}

// beginRestore checks that the directory holds nothing but what an interrupted restore left, and clears that away.
func beginRestore(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	there, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("restore: %w", err)
	}
	interrupted := false
	for _, e := range there {
		interrupted = interrupted || e.Name() == restoring
	}
	for _, e := range there {
		if !interrupted || e.Name() == backupDB {
			return core.Errorf(core.Conflict,
				"the data directory %s is not empty: it holds %s. Restore into an empty one, or move its content away first", dir, e.Name())
		}
		if name := e.Name(); name != restoring && name != "blobs" && name != "keys" && name != "plugins" && name != backupConfiguration {
			return core.Errorf(core.Conflict, "the data directory %s is not empty: it holds %s", dir, name)
		}
	}
	for _, e := range there {
		if err := removeAll(filepath.Join(dir, e.Name())); err != nil {
			return fmt.Errorf("restore: %w", err)
		}
	}
	return os.Mkdir(filepath.Join(dir, restoring), 0o700)
}

func unpack(ctx context.Context, r io.Reader, dir string, load func(context.Context, string, io.Reader) error) error {
	err := readContainer(r, func(BackupHeader) error { return nil }, func(name string, content io.Reader) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := safeEntry(name); err != nil {
			return err
		}
		if name == backupDB {
			return load(ctx, filepath.Join(dir, backupDB), content)
		}
		if name == backupLeftOut {
			return nil
		}
		path, mode := filepath.Join(dir, filepath.FromSlash(name)), fs.FileMode(0o600)
		if hash, ok := strings.CutPrefix(name, backupBlobs); ok {
			path = filepath.Join(dir, "blobs", hash[:2], hash)
		}
		if e, ok := parsePluginEntry(name); ok {
			path, mode = filepath.Join(dir, "plugins", e.hash, filepath.FromSlash(e.path)), plainMode
			if e.executable {
				mode = executableMode
			}
		}
		return unpackFile(path, mode, content)
	})
	if err != nil {
		return err
	}
	if err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.IsDir() {
			return err
		}
		return syncDir(path)
	}); err != nil {
		return err
	}
	return sealPlugins(filepath.Join(dir, "plugins"))
}

func unpackFile(path string, mode fs.FileMode, content io.Reader) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, content)
	if err == nil {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}
