// Package blob keeps the content of attachments as files named by their SHA-256, outside the store:
// DATA/blobs/ab/abcd…. The same content lies there once. It must not know what refers to a content (that is
// core/store) nor who may see it: access is checked by message.
//
// Start reading at [Store]. sign.go makes the signed, expiring addresses under which providers fetch a content;
// collect.go removes what nothing refers to. Package keys, beside this one, holds the keys of a data directory.
package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/guichet/guichet/core"
)

// Store is a directory of contents. It is safe for concurrent use; only one process may use a directory.
type Store struct {
	dir string
	now func() time.Time

	locks [64]sync.Mutex // by the first byte of a hash: a file is not stored and removed at the same time
	hold  sync.RWMutex   // read-held by backups, held while a file is removed
}

// Open opens the directory, making it if it is not there, and removes what an earlier process left half-written. now is
// the clock for the age of files; nil means time.Now.
func Open(dir string, now func() time.Time) (*Store, error) {
	if now == nil {
		now = time.Now
	}
	s := &Store{dir: dir, now: now}
	if err := os.MkdirAll(s.temp(), 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of attachments: %w", err)
	}
	left, err := os.ReadDir(s.temp())
	if err != nil {
		return nil, fmt.Errorf("read the directory of attachments: %w", err)
	}
	for _, e := range left {
		if err := os.Remove(filepath.Join(s.temp(), e.Name())); err != nil {
			return nil, fmt.Errorf("remove a half-written attachment: %w", err)
		}
	}
	return s, nil
}

func (s *Store) temp() string            { return filepath.Join(s.dir, "tmp") }
func (s *Store) path(hash string) string { return filepath.Join(s.dir, hash[:2], hash) }

func (s *Store) lock(hash string) *sync.Mutex {
	b, _ := hex.DecodeString(hash[:2])
	return &s.locks[int(b[0])%len(s.locks)]
}

// Put stores what r gives, at most limit bytes, and returns its SHA-256 (hex), its size, and its type as its first
// bytes tell (see Sniff). When it returns, the file and its name are durable. A content that nothing refers to is
// removed after KeepFor. It fails with core.TooLarge beyond the limit, and with core.StorageFull on a full disk.
func (s *Store) Put(ctx context.Context, r io.Reader, limit int64) (hash string, size int64, mimeType string, err error) {
	f, err := os.CreateTemp(s.temp(), "put-*")
	if err != nil {
		return "", 0, "", failed("store an attachment", err)
	}
	defer os.Remove(f.Name())
	w := &digester{to: f, sum: sha256.New()}
	size, err = io.Copy(w, io.LimitReader(&reader{ctx, r}, limit+1))
	if err == nil && size > limit {
		err = core.Errorf(core.TooLarge, "the content is larger than the %d bytes allowed", limit)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return "", 0, "", failed("store an attachment", err)
	}
	hash = hex.EncodeToString(w.sum.Sum(nil))
	if err := s.keep(f.Name(), hash); err != nil {
		return "", 0, "", failed("store an attachment", err)
	}
	return hash, size, Sniff(w.head.Bytes()), nil
}

// keep gives a complete file its name, or renews the one that has it already.
func (s *Store) keep(temp, hash string) error {
	l := s.lock(hash)
	l.Lock()
	defer l.Unlock()
	path := s.path(hash)
	now := s.now()
	if _, err := os.Stat(path); err == nil {
		return os.Chtimes(path, now, now)
	}
	if err := os.Chtimes(temp, now, now); err != nil {
		return err
	}
	folder := filepath.Dir(path)
	if err := os.Mkdir(folder, 0o700); err == nil {
		if err := syncDir(s.dir); err != nil {
			return err
		}
	} else if !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := os.Rename(temp, path); err != nil {
		return err
	}
	return syncDir(folder)
}

// Open opens a content for reading. It fails with core.NotFound when there is none.
func (s *Store) Open(hash string) (io.ReadSeekCloser, error) {
	if !wellFormed(hash) {
		return nil, core.Errorf(core.NotFound, "there is no content %q", hash)
	}
	f, err := os.Open(s.path(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, core.Errorf(core.NotFound, "there is no content %s", hash)
	}
	if err != nil {
		return nil, fmt.Errorf("open content %s: %w", hash, err)
	}
	return f, nil
}

// Has reports whether a content is there.
func (s *Store) Has(hash string) (bool, error) {
	_, err := s.Size(hash)
	if core.CodeOf(err) == core.NotFound {
		return false, nil
	}
	return err == nil, err
}

// Size returns how many bytes a content has. It fails with core.NotFound when there is none.
func (s *Store) Size(hash string) (int64, error) {
	if !wellFormed(hash) {
		return 0, core.Errorf(core.NotFound, "there is no content %q", hash)
	}
	info, err := os.Stat(s.path(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return 0, core.Errorf(core.NotFound, "there is no content %s", hash)
	}
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// Remove deletes a content at once, whatever refers to it. Collect is the careful way.
func (s *Store) Remove(hash string) error {
	if !wellFormed(hash) {
		return core.Errorf(core.NotFound, "there is no content %q", hash)
	}
	s.hold.Lock()
	defer s.hold.Unlock()
	l := s.lock(hash)
	l.Lock()
	defer l.Unlock()
	return s.remove(hash)
}

// remove deletes a file and makes that durable. The caller holds its lock.
func (s *Store) remove(hash string) error {
	err := os.Remove(s.path(hash))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("remove content %s: %w", hash, err)
	}
	return syncDir(filepath.Dir(s.path(hash)))
}

// Hold keeps every file where it is until release is called, as a backup needs.
func (s *Store) Hold() (release func()) {
	s.hold.RLock()
	return sync.OnceFunc(s.hold.RUnlock)
}

// Each calls fn for every content, in the order of their hashes.
func (s *Store) Each(ctx context.Context, fn func(hash string, size int64, changed time.Time) error) error {
	folders, err := os.ReadDir(s.dir)
	if err != nil {
		return fmt.Errorf("read the directory of attachments: %w", err)
	}
	for _, folder := range folders {
		if len(folder.Name()) != 2 {
			continue
		}
		files, err := os.ReadDir(filepath.Join(s.dir, folder.Name()))
		if err != nil {
			return fmt.Errorf("read the directory of attachments: %w", err)
		}
		for _, f := range files {
			if err := ctx.Err(); err != nil {
				return err
			}
			info, err := f.Info()
			if errors.Is(err, fs.ErrNotExist) || !wellFormed(f.Name()) {
				continue
			}
			if err != nil {
				return err
			}
			if err := fn(f.Name(), info.Size(), info.ModTime()); err != nil {
				return err
			}
		}
	}
	return nil
}

func wellFormed(hash string) bool {
	raw, err := hex.DecodeString(hash)
	return err == nil && len(raw) == sha256.Size && hex.EncodeToString(raw) == hash
}

// failed adds what was being done, and tells a full disk from other failures.
func failed(doing string, err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return core.Errorf(core.StorageFull, "the disk is full: nothing was stored: %w", err)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

func syncDir(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// reader stops when its context ends.
type reader struct {
	ctx context.Context
	r   io.Reader
}

func (r *reader) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.r.Read(p)
}

// digester writes on while it computes the hash and keeps the first bytes.
type digester struct {
	to   io.Writer
	sum  hash.Hash
	head bytes.Buffer
}

func (d *digester) Write(p []byte) (int, error) {
	if room := sniffLength - d.head.Len(); room > 0 {
		d.head.Write(p[:min(room, len(p))])
	}
	d.sum.Write(p)
	return d.to.Write(p)
}
