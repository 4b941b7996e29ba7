// Package keys holds the keys of a data directory: it seals secrets that lie in the store, and derives keys for other
// purposes, such as signing addresses. It must not know what it seals or signs.
//
// Start reading at [Open]. There is one master key, DATA/keys/master.key; every other key is derived from it, so that a
// backup has one thing to take along or leave out.
package keys

import (
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/crypto/chacha20poly1305"
)

// FileName is the name of the master key's file in its directory.
const FileName = "master.key"

const (
	fileHeader = "guichet master key 1 "
	keySize    = 32
	// sealVersion is the first byte of everything sealed: XChaCha20-Poly1305 under the key derived for "seal 1".
	sealVersion = 1
)

// ErrSealed is returned by Open for what was not sealed with this key, or was changed since.
var ErrSealed = errors.New("this was sealed with another key, or is damaged")

// Keys are the keys of one data directory. They are safe for concurrent use.
type Keys struct {
	master []byte
}

// Open reads the master key in dir, and makes one where there is none yet: the directory with mode 0700, the file with
// 0600. A key file that others may read is refused.
func Open(dir string) (*Keys, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the directory of keys: %w", err)
	}
	path := filepath.Join(dir, FileName)
	k, err := load(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return k, err
	}
	if err := create(dir, path); err != nil {
		return nil, fmt.Errorf("make the master key: %w", err)
	}
	return load(path) // the one that is there now, also when another process was quicker
}

func load(path string) (*Keys, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	if mode := info.Mode().Perm(); mode&0o077 != 0 {
		return nil, fmt.Errorf("the master key %s may be read by others (mode %#o): set it to 0600", path, mode)
	}
	raw, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read the master key: %w", err)
	}
	text, ok := strings.CutPrefix(strings.TrimSpace(string(raw)), fileHeader)
	master, err := hex.DecodeString(text)
	if !ok || err != nil || len(master) != keySize {
		return nil, fmt.Errorf("the master key %s is damaged: restore it from a backup that holds the keys", path)
	}
	return &Keys{master: master}, nil
}

// create writes a new key durably. It does not replace one that is there.
func create(dir, path string) error {
	master := make([]byte, keySize)
	rand.Read(master) // never fails: see crypto/rand
	f, err := os.CreateTemp(dir, ".master-*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(fileHeader + hex.EncodeToString(master) + "\n")
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

// Derive returns the 32-byte key for a purpose. It is stable; keys of different purposes tell nothing of each other.
func (k *Keys) Derive(purpose string) []byte {
	key, err := hkdf.Key(sha256.New, k.master, nil, "guichet "+purpose, keySize)
	if err != nil {
		panic(fmt.Sprintf("keys: derive: %v", err)) // only for a size that HKDF cannot give
	}
	return key
}

// Seal encrypts a secret. context says what it is ("configuration 12"); Open must be given the same, so that a sealed
// secret cannot be moved to another place.
func (k *Keys) Seal(plain []byte, context string) []byte {
	aead := k.aead()
	out := make([]byte, 1+aead.NonceSize(), 1+aead.NonceSize()+len(plain)+aead.Overhead())
	out[0] = sealVersion
	rand.Read(out[1:])
	return aead.Seal(out, out[1:], plain, []byte(context))
}

// Open is the inverse of Seal. It fails with ErrSealed.
func (k *Keys) Open(sealed []byte, context string) ([]byte, error) {
	aead := k.aead()
	if len(sealed) < 1+aead.NonceSize() || sealed[0] != sealVersion {
		return nil, ErrSealed
	}
	nonce, text := sealed[1:1+aead.NonceSize()], sealed[1+aead.NonceSize():]
	plain, err := aead.Open(nil, nonce, text, []byte(context))
	if err != nil {
		return nil, ErrSealed
	}
	return plain, nil
}

func (k *Keys) aead() cipher.AEAD {
	a, err := chacha20poly1305.NewX(k.Derive("seal 1"))
	if err != nil {
		panic(fmt.Sprintf("keys: %v", err)) // only for a key of another length
	}
	return a
}
