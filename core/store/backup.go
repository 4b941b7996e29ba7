package store

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/kvdump"
)

// BackupOptions say what a backup holds beside the records.
type BackupOptions struct {
	Version string    // of Guichet, for the header
	Created time.Time // for the header
	// Blobs are the contents of attachments; nil leaves them out. None is removed while the backup runs.
	Blobs BackupBlobs
	// Keys is the directory of keys; "" leaves them out. Without them the sealed secrets of a restored backup cannot be
	// read and must be entered anew; with them the file must be kept as safe as they.
	Keys string
	// Configuration is the path of guichet.toml; "" when there is none.
	Configuration string
	// Plugins are the approved copies of third-party plugins; nil leaves them out.
	Plugins BackupPlugins
	// LeftOut is told what should be in the backup and is not, for people; the backup says it, too. It may be nil.
	LeftOut func(text string)
}

// BackupBlobs are contents as a backup reads them.
type BackupBlobs interface {
	Hold() (release func())
	Each(ctx context.Context, fn func(hash string, size int64, changed time.Time) error) error
	Open(hash string) (io.ReadSeekCloser, error)
}

// The names of entries of a backup, and of what they become in the data directory.
const (
	backupDB            = "db"
	backupBlobs         = "blobs/"
	backupKeys          = "keys/"
	backupPlugins       = "plugins/"
	backupConfiguration = "guichet.toml"
	backupLeftOut       = "left-out" // becomes nothing
)

// maxLeftOut bounds what a backup says about what is not in it, in bytes.
const maxLeftOut = 64 << 10

// Backup writes a backup to a new file at path, while the store goes on working, and reads it back to check it. The file
// appears at path only when it is complete, durable and good; one that is there is replaced.
func (s *Store) Backup(ctx context.Context, path string, o BackupOptions) (err error) {
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+"-*")
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer os.Remove(f.Name())
	defer f.Close()
	if err := s.WriteBackup(ctx, f, o); err != nil {
		return noSpace(err)
	}
	if err := f.Sync(); err != nil {
		return noSpace(fmt.Errorf("backup: %w", err))
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	if _, err := VerifyBackup(ctx, f); err != nil {
		return fmt.Errorf("the backup was written and cannot be read back: %w", err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return syncDir(filepath.Dir(path))
}

// noSpace gives a full disk its code.
func noSpace(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return core.Errorf(core.StorageFull, "the disk is full: no backup was written: %w", err)
	}
	return err
}

// WriteBackup writes a backup to w, while the store goes on working: the records as they were at one moment, and all
// contents that were there then. The receiver should check it with VerifyBackup.
func (s *Store) WriteBackup(ctx context.Context, w io.Writer, o BackupOptions) error {
	return WriteBackup(ctx, w, s.db, Schema, o)
}

// WriteBackup writes a backup of an engine whose records have a schema, perhaps not that of this version: the one to be
// made before a migration.
func WriteBackup(ctx context.Context, w io.Writer, db kv.DB, schema int, o BackupOptions) error {
	if o.Blobs != nil {
		defer o.Blobs.Hold()()
	}
	c, err := newContainerWriter(w, BackupHeader{
		Schema: schema, Created: Time(o.Created), Version: o.Version, Keys: o.Keys != "",
	})
	if err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	defer c.zstd.Close()
	if err := o.write(ctx, c, db); err != nil {
		return fmt.Errorf("backup: %w", err)
	}
	return c.close()
}

func (o BackupOptions) write(ctx context.Context, c *containerWriter, db kv.DB) error {
	if o.Configuration != "" {
		if err := c.file(backupConfiguration, o.Configuration); err != nil {
			return err
		}
	}
	if o.Keys != "" {
		files, err := os.ReadDir(o.Keys)
		if err != nil {
			return err
		}
		for _, f := range files {
			if !f.Type().IsRegular() || strings.HasPrefix(f.Name(), ".") {
				continue
			}
			if err := c.file(backupKeys+f.Name(), filepath.Join(o.Keys, f.Name())); err != nil {
				return err
			}
		}
	}
	// Which copies there are is asked before the records are read, and the copies are read after: what is taken away
	// in between is missed, and said.
	var copies []PluginCopy
	if o.Plugins != nil {
		copies = o.Plugins.Approved()
	}
	if err := c.entry(backupDB, func(w io.Writer) error { return db.Dump(ctx, w) }); err != nil {
		return err
	}
	var leftOut []string
	err := writePlugins(ctx, c, o.Plugins, copies, func(text string) {
		leftOut = append(leftOut, text)
		if o.LeftOut != nil {
			o.LeftOut(text)
		}
	})
	if err != nil {
		return err
	}
	if len(leftOut) > 0 {
		text := []byte(strings.Join(leftOut, "\n"))
		if err := c.entry(backupLeftOut, func(w io.Writer) error {
			_, err := w.Write(text[:min(len(text), maxLeftOut)])
			return err
		}); err != nil {
			return err
		}
	}
	if o.Blobs == nil {
		return nil
	}
	// The contents come after the records: whatever the records refer to is there, and stays while the files are held.
	return o.Blobs.Each(ctx, func(hash string, _ int64, _ time.Time) error {
		return c.entry(backupBlobs+hash, func(w io.Writer) error {
			r, err := o.Blobs.Open(hash)
			if err != nil {
				return err
			}
			defer r.Close()
			_, err = io.Copy(w, r)
			return err
		})
	})
}

func (c *containerWriter) file(name, path string) error {
	return c.entry(name, func(w io.Writer) error {
		f, err := os.Open(path)
		if err != nil {
			return err
		}
		defer f.Close()
		_, err = io.Copy(w, f)
		return err
	})
}

// BackupInfo is what a backup holds.
type BackupInfo struct {
	BackupHeader
	Pairs         int // keys of the store
	Blobs         int
	Plugins       int // copies of third-party plugins
	Configuration bool
	LeftOut       []string // what should be in it and is not, for people
}

// VerifyBackup reads a whole backup and checks all of it: its checksum, the form of its records, and every content
// against its hash.
func VerifyBackup(ctx context.Context, r io.Reader) (BackupInfo, error) {
	var info BackupInfo
	db, plugin := false, ""
	err := readContainer(r, func(h BackupHeader) error {
		info.BackupHeader = h
		return nil
	}, func(name string, content io.Reader) error {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := safeEntry(name); err != nil {
			return err
		}
		switch {
		case name == backupDB:
			db = true
			if err := kvdump.Read(content, kvdump.Sink{
				Pair: func(_, _ []byte) error {
					info.Pairs++
					return nil
				},
				Event:   func(kv.Event) error { return nil },
				Trimmed: func(kv.Pos) error { return nil },
			}); err != nil {
				return damaged(err)
			}
		case strings.HasPrefix(name, backupBlobs):
			info.Blobs++
			return verifyBlob(strings.TrimPrefix(name, backupBlobs), content)
		case strings.HasPrefix(name, backupPlugins):
			if e, _ := parsePluginEntry(name); e.hash != plugin {
				info.Plugins++
				plugin = e.hash
			}
		case name == backupConfiguration:
			info.Configuration = true
		case name == backupLeftOut:
			text, err := io.ReadAll(io.LimitReader(content, maxLeftOut))
			if err != nil {
				return damaged(err)
			}
			for line := range strings.Lines(string(text)) {
				info.LeftOut = append(info.LeftOut, printable(line))
			}
		}
		return nil
	})
	if err == nil && !db {
		err = errDamaged
	}
	return info, err
}

// printable leaves out what a terminal would take for a command.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if !unicode.IsPrint(r) {
			return -1
		}
		return r
	}, text)
}

func verifyBlob(hash string, content io.Reader) error {
	sum := sha256.New()
	if _, err := io.Copy(sum, content); err != nil {
		return damaged(err)
	}
	if hex.EncodeToString(sum.Sum(nil)) != hash {
		return damaged(fmt.Errorf("the content %s is not what its name says", hash))
	}
	return nil
}

// safeEntry refuses names that would lead out of the data directory.
func safeEntry(name string) error {
	if strings.HasPrefix(name, backupPlugins) {
		if _, ok := parsePluginEntry(name); !ok {
			return damaged(fmt.Errorf("it holds %q", name))
		}
		return nil
	}
	rest := name
	for _, folder := range []string{backupBlobs, backupKeys} {
		rest = strings.TrimPrefix(rest, folder)
	}
	known := name == backupDB || name == backupConfiguration || name == backupLeftOut || rest != name
	if !known || rest == "" || strings.ContainsAny(rest, `/\`) || strings.HasPrefix(rest, ".") {
		return damaged(fmt.Errorf("it holds %q", name))
	}
	if strings.HasPrefix(name, backupBlobs) {
		if raw, err := hex.DecodeString(rest); err != nil || len(raw) != sha256.Size {
			return damaged(fmt.Errorf("it holds %q", name))
		}
	}
	return nil
}
