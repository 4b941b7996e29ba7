package store

import (
	"bufio"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"github.com/guichet/guichet/core"
)

// A backup is one file:
//
//	"guichet backup 1\n"
//	a line of JSON: BackupHeader
//	frames: each a uvarint length and so many bytes; a length of 0 ends them. Together they are one zstd stream.
//	the SHA-256 of everything before it, 32 bytes
//
// The zstd stream holds entries: a uvarint length and the name; then pieces, each a uvarint length and so many bytes,
// until a length of 0. An entry whose name is empty ends them. The entries are "db" (what kv.DB.Dump wrote),
// "blobs/HASH", "keys/NAME", "guichet.toml", the files of approved copies of plugins, "plugins/HASH/x/PATH" for those that
// can be run and "plugins/HASH/r/PATH" for others, and, when something is missing, "left-out": lines of text for people.
// Readers take any of them to be absent, but for "db".
const backupMagic = "guichet backup 1\n"

const (
	frameSize   = 64 << 10
	maxName     = 512
	maxHeader   = 64 << 10
	windowBytes = 1 << 20 // of zstd: a small machine takes backups too
)

// BackupHeader says what a backup is, before anything of it is unpacked.
type BackupHeader struct {
	Schema  int       `json:"schema"`
	Created time.Time `json:"created"`
	Version string    `json:"version"` // of Guichet
	Keys    bool      `json:"keys"`    // holds the keys that unseal its secrets
}

var errDamaged = core.Errorf(core.Invalid, "the backup is damaged or incomplete")

func damaged(err error) error {
	if err == nil || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return errDamaged
	}
	return core.Errorf(core.Invalid, "the backup is damaged or incomplete: %w", err)
}

// containerWriter writes a backup. The first error sticks.
type containerWriter struct {
	out  *bufio.Writer
	sum  hash.Hash
	zstd *zstd.Encoder
	err  error
}

func newContainerWriter(w io.Writer, h BackupHeader) (*containerWriter, error) {
	c := &containerWriter{out: bufio.NewWriterSize(w, frameSize), sum: sha256.New()}
	head, err := json.Marshal(h)
	if err != nil {
		return nil, err
	}
	c.raw([]byte(backupMagic))
	c.raw(append(head, '\n'))
	c.zstd, err = zstd.NewWriter(frames{c}, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(windowBytes), zstd.WithLowerEncoderMem(true))
	return c, err
}

func (c *containerWriter) raw(b []byte) {
	c.sum.Write(b)
	if c.err == nil {
		_, c.err = c.out.Write(b)
	}
}

// frames is where the zstd stream goes.
type frames struct{ c *containerWriter }

func (f frames) Write(b []byte) (int, error) {
	if len(b) > 0 {
		f.c.raw(binary.AppendUvarint(nil, uint64(len(b))))
		f.c.raw(b)
	}
	return len(b), f.c.err
}

// entry writes one entry with what fill writes.
func (c *containerWriter) entry(name string, fill func(io.Writer) error) error {
	if err := c.lengthed([]byte(name)); err != nil {
		return err
	}
	pieces := bufio.NewWriterSize(piecesWriter{c}, frameSize)
	if err := fill(pieces); err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if err := pieces.Flush(); err != nil {
		return err
	}
	return c.lengthed(nil)
}

func (c *containerWriter) lengthed(b []byte) error {
	if _, err := c.zstd.Write(binary.AppendUvarint(nil, uint64(len(b)))); err != nil {
		return err
	}
	_, err := c.zstd.Write(b)
	return err
}

type piecesWriter struct{ c *containerWriter }

func (p piecesWriter) Write(b []byte) (int, error) {
	if len(b) == 0 {
		return 0, nil
	}
	return len(b), p.c.lengthed(b)
}

// close ends the backup. It does not close what it is written to.
func (c *containerWriter) close() error {
	if err := c.lengthed(nil); err != nil {
		return err
	}
	if err := c.zstd.Close(); err != nil {
		return err
	}
	c.raw([]byte{0})
	c.raw(c.sum.Sum(nil))
	if c.err == nil {
		c.err = c.out.Flush()
	}
	return c.err
}

// readContainer reads a backup from r: head is given the header, entry each entry with its content, of which it may
// leave the rest. It returns nil only if all of it was there and its checksum is right.
func readContainer(r io.Reader, head func(BackupHeader) error, entry func(name string, content io.Reader) error) error {
	in := &frameReader{in: bufio.NewReaderSize(r, frameSize), sum: sha256.New()}
	h, err := in.header()
	if err != nil {
		return err
	}
	if err := head(h); err != nil {
		return err
	}
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(8*windowBytes), zstd.WithDecoderLowmem(true))
	if err != nil {
		return err
	}
	defer z.Close()
	body := bufio.NewReaderSize(z, frameSize)
	for {
		name, err := entryName(body)
		if err != nil {
			return damaged(err)
		}
		if name == "" {
			break
		}
		content := &pieceReader{in: body}
		if err := entry(name, content); err != nil {
			return err
		}
		if _, err := io.Copy(io.Discard, content); err != nil {
			return damaged(err)
		}
	}
	if n, err := io.Copy(io.Discard, body); err != nil || n > 0 {
		return damaged(err)
	}
	return in.trailer()
}

func entryName(r *bufio.Reader) (string, error) {
	n, err := binary.ReadUvarint(r)
	if err != nil || n > maxName {
		return "", damaged(err)
	}
	name := make([]byte, n)
	_, err = io.ReadFull(r, name)
	return string(name), err
}

// frameReader reads the frames of a backup as one stream, and sums up all it reads.
type frameReader struct {
	in   *bufio.Reader
	sum  hash.Hash
	left uint64
	done bool
}

func (f *frameReader) header() (h BackupHeader, err error) {
	magic := make([]byte, len(backupMagic))
	if _, err := io.ReadFull(f.in, magic); err != nil || string(magic) != backupMagic {
		return h, core.Errorf(core.Invalid, "this is not a backup of Guichet, or one of a newer version")
	}
	f.sum.Write(magic)
	var line []byte
	for len(line) == 0 || line[len(line)-1] != '\n' {
		b, err := f.ReadByte()
		if err != nil || len(line) > maxHeader {
			return h, damaged(err)
		}
		line = append(line, b)
	}
	if err := json.Unmarshal(line, &h); err != nil {
		return h, damaged(err)
	}
	return h, nil
}

func (f *frameReader) ReadByte() (byte, error) {
	b, err := f.in.ReadByte()
	if err == nil {
		f.sum.Write([]byte{b})
	}
	return b, err
}

func (f *frameReader) Read(p []byte) (int, error) {
	for f.left == 0 {
		if f.done {
			return 0, io.EOF
		}
		n, err := binary.ReadUvarint(f)
		if err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		f.left, f.done = n, n == 0
	}
	n, err := f.in.Read(p[:min(uint64(len(p)), f.left)])
	f.sum.Write(p[:n])
	f.left -= uint64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}

// trailer checks the checksum, once the stream was read to its end.
func (f *frameReader) trailer() error {
	if n, err := io.Copy(io.Discard, f); err != nil || n > 0 {
		return damaged(err)
	}
	want := f.sum.Sum(nil)
	got := make([]byte, sha256.Size)
	if _, err := io.ReadFull(f.in, got); err != nil || string(got) != string(want) {
		return damaged(nil)
	}
	if _, err := f.in.ReadByte(); err != io.EOF {
		return damaged(err)
	}
	return nil
}

// pieceReader reads the pieces of one entry as one stream.
type pieceReader struct {
	in   *bufio.Reader
	left uint64
	done bool
}

func (p *pieceReader) Read(b []byte) (int, error) {
	for p.left == 0 {
		if p.done {
			return 0, io.EOF
		}
		n, err := binary.ReadUvarint(p.in)
		if err != nil {
			return 0, io.ErrUnexpectedEOF
		}
		p.left, p.done = n, n == 0
	}
	n, err := p.in.Read(b[:min(uint64(len(b)), p.left)])
	p.left -= uint64(n)
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, err
}
