package blob

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
)

var start = time.Date(2026, 3, 14, 9, 26, 53, 0, time.UTC)

// clock is a clock that tests move.
type clock struct{ now time.Time }

func (c *clock) Now() time.Time { return c.now }

func open(t *testing.T) (*Store, *clock) {
	t.Helper()
	c := &clock{start}
	s, err := Open(filepath.Join(t.TempDir(), "blobs"), c.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s, c
}

func put(t *testing.T, s *Store, text string) string {
	t.Helper()
	hash, _, _, err := s.Put(t.Context(), strings.NewReader(text), 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return hash
}

func has(t *testing.T, s *Store, hash string) bool {
	t.Helper()
	ok, err := s.Has(hash)
	if err != nil {
		t.Fatal(err)
	}
	return ok
}

func TestPutAndOpen(t *testing.T) {
	s, _ := open(t)
	for _, text := range []string{"", "x", strings.Repeat("hello ", 20_000)} {
		sum := sha256.Sum256([]byte(text))
		want := hex.EncodeToString(sum[:])
		for range 2 { // the second time it is there already
			hash, size, _, err := s.Put(t.Context(), strings.NewReader(text), int64(len(text)))
			if err != nil || hash != want || size != int64(len(text)) {
				t.Errorf("put %d bytes: %s, %d, %v", len(text), hash, size, err)
			}
		}
		r, err := s.Open(want)
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || string(got) != text {
			t.Errorf("%d bytes come back, %v", len(got), err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if size, err := s.Size(want); err != nil || size != int64(len(text)) {
			t.Errorf("size %d, %v", size, err)
		}
		info, err := os.Stat(filepath.Join(s.dir, want[:2], want))
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("the file: %v, %v", info, err)
		}
	}
	n := 0
	if err := s.Each(t.Context(), func(string, int64, time.Time) error { n++; return nil }); err != nil || n != 3 {
		t.Errorf("%d contents, %v", n, err)
	}
	noTemp(t, s)
}

func noTemp(t *testing.T, s *Store) {
	t.Helper()
	left, err := os.ReadDir(s.temp())
	if err != nil || len(left) > 0 {
		t.Errorf("half-written files are left: %v, %v", left, err)
	}
}

type failingReader struct{ err error }

func (r failingReader) Read(p []byte) (int, error) { return copy(p, "some"), r.err }

func TestPutFails(t *testing.T) {
	s, _ := open(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	reset := errors.New("connection reset")
	for name, c := range map[string]struct {
		ctx  context.Context
		r    io.Reader
		want func(error) bool
	}{
		"too large":    {t.Context(), strings.NewReader("123456"), func(err error) bool { return core.CodeOf(err) == core.TooLarge }},
		"endless":      {t.Context(), failingReader{}, func(err error) bool { return core.CodeOf(err) == core.TooLarge }},
		"reader fails": {t.Context(), failingReader{reset}, func(err error) bool { return errors.Is(err, reset) }},
		"disk full": {t.Context(), failingReader{&os.PathError{Op: "write", Err: syscall.ENOSPC}},
			func(err error) bool { return core.CodeOf(err) == core.StorageFull && errors.Is(err, syscall.ENOSPC) }},
		"cancelled": {cancelled, strings.NewReader("1"), func(err error) bool { return errors.Is(err, context.Canceled) }},
	} {
		if hash, _, _, err := s.Put(c.ctx, c.r, 5); !c.want(err) || hash != "" {
			t.Errorf("%s: %q, %v", name, hash, err)
		}
		noTemp(t, s)
	}
	if err := s.Each(t.Context(), func(hash string, _ int64, _ time.Time) error {
		return fmt.Errorf("%s is there", hash)
	}); err != nil {
		t.Error(err)
	}
}

func TestAbsentAndMalformedHashes(t *testing.T) {
	s, _ := open(t)
	for _, hash := range []string{"", "ab", "../../etc/passwd", strings.Repeat("a", 64), strings.Repeat("A", 64), strings.Repeat("/", 64)} {
		if _, err := s.Open(hash); core.CodeOf(err) != core.NotFound {
			t.Errorf("open %q: %v", hash, err)
		}
		if _, err := s.Size(hash); core.CodeOf(err) != core.NotFound {
			t.Errorf("size of %q: %v", hash, err)
		}
		if has(t, s, hash) {
			t.Errorf("%q is there", hash)
		}
	}
	if err := s.Remove("../x"); core.CodeOf(err) != core.NotFound {
		t.Errorf("remove: %v", err)
	}
}

func TestRemove(t *testing.T) {
	s, _ := open(t)
	hash := put(t, s, "x")
	for range 2 {
		if err := s.Remove(hash); err != nil {
			t.Error(err)
		}
		if has(t, s, hash) {
			t.Error("still there")
		}
	}
}

func TestOpenClearsWhatACrashLeft(t *testing.T) {
	s, _ := open(t)
	hash := put(t, s, "kept")
	if err := os.WriteFile(filepath.Join(s.temp(), "put-123"), []byte("half"), 0o600); err != nil {
		t.Fatal(err)
	}
	again, err := Open(s.dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	noTemp(t, again)
	if !has(t, again, hash) {
		t.Error("a whole file went too")
	}
}

func TestManyPutTheSameAtOnce(t *testing.T) {
	s, _ := open(t)
	text := strings.Repeat("same ", 10_000)
	var all sync.WaitGroup
	for i := range 16 {
		all.Go(func() {
			if _, _, _, err := s.Put(t.Context(), strings.NewReader(text+fmt.Sprint(i%2)), 1<<20); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	noTemp(t, s)
	n := 0
	if err := s.Each(t.Context(), func(hash string, _ int64, _ time.Time) error {
		n++
		r, err := s.Open(hash)
		if err != nil {
			return err
		}
		defer r.Close()
		sum := sha256.New()
		if _, err := io.Copy(sum, r); err != nil {
			return err
		}
		if hex.EncodeToString(sum.Sum(nil)) != hash {
			t.Errorf("%s has other bytes", hash)
		}
		return nil
	}); err != nil || n != 2 {
		t.Errorf("%d contents, %v", n, err)
	}
}

func TestSniff(t *testing.T) {
	for _, c := range []struct{ head, want string }{
		{"", "text/plain; charset=utf-8"},
		{"Bonjour", "text/plain; charset=utf-8"},
		{"\x89PNG\r\n\x1a\n", "image/png"},
		{"\xff\xd8\xff\xe0", "image/jpeg"},
		{"GIF89a", "image/gif"},
		{"RIFF\x00\x00\x00\x00WEBPVP", "image/webp"},
		{"%PDF-1.7", "application/pdf"},
		{"PK\x03\x04", "application/zip"},
		{"\x00\x00\x00\x20ftypM4A \x00", "audio/mp4"},
		{"\x00\x00\x00\x20ftypisom\x00\x00", "video/mp4"},
		{"\x00\x00\x00\x20ftypqt  ", "video/quicktime"},
		{"\x00\x00\x00\x20ftypheic", "image/heic"},
		{"\x00\x00\x00\x20ftypavif", "image/avif"},
		{"\x00\x00\x00\x20ftyp3gp5", "video/3gpp"},
		{"ID3\x03", "audio/mpeg"},
		{"\xff\xfb\x90\x00", "audio/mpeg"},
		{"\xff\xf1\x50\x80", "audio/aac"},
		{"#!AMR\n", "audio/amr"},
		{"fLaC\x00", "audio/flac"},
		{"OggS\x00", "application/ogg"},
		{"\x1a\x45\xdf\xa3", "video/webm"},
		// What a browser might run is only ever downloaded.
		{"<!DOCTYPE html><script>alert(1)</script>", Binary},
		{"<html>", Binary},
		{"  \n<svg onload=alert(1)>", Binary},
		{"<?xml version=\"1.0\"?><svg/>", Binary},
		{"just text, and then <ScRiPt>", Binary},
		{"%!PS-Adobe-", Binary},
		{"MZ\x90\x00\x03", Binary},
		{"\x00asm\x01\x00", Binary},
	} {
		if got := Sniff([]byte(c.head)); got != c.want {
			t.Errorf("%q is %s, want %s", c.head, got, c.want)
		}
	}
	s, _ := open(t)
	if _, _, mime, err := s.Put(t.Context(), io.MultiReader(strings.NewReader("\x89PNG"), bytes.NewReader([]byte("\r\n\x1a\n"))), 100); err != nil || mime != "image/png" {
		t.Errorf("in pieces: %s, %v", mime, err)
	}
}

func TestSigner(t *testing.T) {
	c := &clock{start}
	s := NewSigner([]byte("key"), c.Now)
	g := Grant{Hash: strings.Repeat("a", 64), Name: "été \"x\".png", Type: "image/png", Expires: start.Add(time.Hour)}
	token := s.Sign(g)
	if strings.Trim(token, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.") != "" {
		t.Errorf("token %q", token)
	}
	if got, err := NewSigner([]byte("key"), c.Now).Verify(token); err != nil || got != g { // after a restart
		t.Errorf("%+v, %v", got, err)
	}
	for i := range token {
		bad := []byte(token)
		bad[i] ^= 1
		if _, err := s.Verify(string(bad)); core.CodeOf(err) != core.NotFound {
			t.Errorf("changed at %d: %v", i, err)
		}
	}
	for _, bad := range []string{"", ".", "a.b", token + "x", token[:len(token)-4], "x" + token, strings.Replace(token, ".", "", 1)} {
		if _, err := s.Verify(bad); core.CodeOf(err) != core.NotFound {
			t.Errorf("%q: %v", bad, err)
		}
	}
	if _, err := NewSigner([]byte("another"), c.Now).Verify(token); core.CodeOf(err) != core.NotFound {
		t.Errorf("another key: %v", err)
	}
	c.now = g.Expires.Add(-time.Nanosecond)
	if _, err := s.Verify(token); err != nil {
		t.Error(err)
	}
	c.now = g.Expires
	if _, err := s.Verify(token); core.CodeOf(err) != core.Gone {
		t.Errorf("expired: %v", err)
	}
}

func FuzzVerify(f *testing.F) {
	s := NewSigner([]byte("key"), func() time.Time { return start })
	good := s.Sign(Grant{Hash: "h", Expires: start.Add(time.Hour)})
	f.Add(good)
	f.Add("a.b")
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := s.Verify(token); err == nil && token != good {
			t.Errorf("%q was accepted", token)
		}
	})
}
