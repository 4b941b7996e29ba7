// Package kvdump is the file format that engines write in DB.Dump and read in DB.Load: every pair, every event and the
// position up to which the event log was trimmed, with a checksum at the end, so that a copy cut short is noticed. It
// must not know what the keys mean, nor how an engine stores them.
//
// Start reading at [Writer] and [Read].
//
// Layout: the line "guichet kv dump 1", then records, each a kind byte and its fields. A field of bytes is a uvarint
// length and the bytes; a position or count is a uvarint. The last record is 'z', the number of records before it, and
// the CRC-32C (big-endian, 4 bytes) of everything before those 4 bytes.
package kvdump

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"hash/crc32"
	"io"

	"github.com/guichet/guichet/core/kv"
)

const magic = "guichet kv dump 1\n"

const (
	kindPair    = 'p'
	kindEvent   = 'e'
	kindTrimmed = 't'
	kindEnd     = 'z'
)

// ErrCorrupt is returned, wrapped, by Read for a dump that is cut short or damaged.
var ErrCorrupt = errors.New("kvdump: the dump is damaged or incomplete")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Writer writes one dump. The first error sticks and is returned by Close.
type Writer struct {
	out   *bufio.Writer
	sum   hash.Hash32
	buf   []byte
	count uint64
	err   error
}

// NewWriter begins a dump on w.
func NewWriter(w io.Writer) *Writer {
	d := &Writer{out: bufio.NewWriterSize(w, 64<<10), sum: crc32.New(castagnoli)}
	d.buf = append(d.buf, magic...)
	d.flush()
	return d
}

// Pair writes one key and its value.
func (d *Writer) Pair(key, value []byte) error {
	d.buf = append(d.buf, kindPair)
	d.bytes(key)
	d.bytes(value)
	return d.record()
}

// Event writes one event. Events must be written in the order of their positions.
func (d *Writer) Event(e kv.Event) error {
	d.buf = append(d.buf, kindEvent)
	d.buf = binary.AppendUvarint(d.buf, uint64(e.Pos))
	d.bytes(e.Topic)
	d.bytes(e.Value)
	return d.record()
}

// Trimmed writes the position up to which events have been forgotten.
func (d *Writer) Trimmed(upTo kv.Pos) error {
	d.buf = append(d.buf, kindTrimmed)
	d.buf = binary.AppendUvarint(d.buf, uint64(upTo))
	return d.record()
}

// Close ends the dump with its checksum. It does not close the underlying writer.
func (d *Writer) Close() error {
	d.buf = append(d.buf, kindEnd)
	d.buf = binary.AppendUvarint(d.buf, d.count)
	d.flush()
	d.buf = binary.BigEndian.AppendUint32(d.buf, d.sum.Sum32())
	d.flush()
	if d.err == nil {
		d.err = d.out.Flush()
	}
	if d.err != nil {
		return fmt.Errorf("write dump: %w", d.err)
	}
	return nil
}

func (d *Writer) bytes(b []byte) {
	d.buf = binary.AppendUvarint(d.buf, uint64(len(b)))
	d.buf = append(d.buf, b...)
}

func (d *Writer) record() error {
	d.count++
	d.flush()
	return d.err
}

func (d *Writer) flush() {
	d.sum.Write(d.buf)
	if d.err == nil {
		_, d.err = d.out.Write(d.buf)
	}
	d.buf = d.buf[:0]
}

// Sink receives the records of a dump. The slices are the receiver's to keep.
type Sink struct {
	Pair    func(key, value []byte) error
	Event   func(e kv.Event) error
	Trimmed func(upTo kv.Pos) error
}

// Read reads a dump from r into s. It reads no further than the dump's end, apart from buffering. An error that wraps
// ErrCorrupt means that records already delivered must not be used.
func Read(r io.Reader, s Sink) error {
	d := &reader{in: bufio.NewReaderSize(r, 64<<10), sum: crc32.New(castagnoli)}
	head := make([]byte, len(magic))
	if err := d.full(head); err != nil {
		return err
	}
	if string(head) != magic {
		return fmt.Errorf("%w: it does not begin with %q", ErrCorrupt, magic)
	}
	for count := uint64(0); ; count++ {
		kind, err := d.ReadByte()
		if err != nil {
			return damaged(err)
		}
		switch kind {
		case kindPair:
			err = d.pair(s)
		case kindEvent:
			err = d.event(s)
		case kindTrimmed:
			var upTo uint64
			if upTo, err = binary.ReadUvarint(d); err != nil {
				return damaged(err)
			}
			err = s.Trimmed(kv.Pos(upTo))
		case kindEnd:
			return d.end(count)
		default:
			return fmt.Errorf("%w: unknown record %q", ErrCorrupt, kind)
		}
		if err != nil {
			return err
		}
	}
}

type reader struct {
	in  *bufio.Reader
	sum hash.Hash32
	one [1]byte
}

func (d *reader) ReadByte() (byte, error) {
	b, err := d.in.ReadByte()
	if err == nil {
		d.one[0] = b
		d.sum.Write(d.one[:])
	}
	return b, err
}

func (d *reader) full(b []byte) error {
	if _, err := io.ReadFull(d.in, b); err != nil {
		return damaged(err)
	}
	d.sum.Write(b)
	return nil
}

// bytes reads a field of at most limit bytes, so that a damaged length cannot ask for gigabytes.
func (d *reader) bytes(limit int) ([]byte, error) {
	n, err := binary.ReadUvarint(d)
	if err != nil {
		return nil, damaged(err)
	}
	if n > uint64(limit) {
		return nil, fmt.Errorf("%w: a field of %d bytes", ErrCorrupt, n)
	}
	b := make([]byte, n)
	return b, d.full(b)
}

func (d *reader) pair(s Sink) error {
	key, err := d.bytes(kv.MaxKey)
	if err != nil {
		return err
	}
	value, err := d.bytes(kv.MaxValue)
	if err != nil {
		return err
	}
	return s.Pair(key, value)
}

func (d *reader) event(s Sink) error {
	pos, err := binary.ReadUvarint(d)
	if err != nil {
		return damaged(err)
	}
	topic, err := d.bytes(kv.MaxKey)
	if err != nil {
		return err
	}
	value, err := d.bytes(kv.MaxValue)
	if err != nil {
		return err
	}
	return s.Event(kv.Event{Pos: kv.Pos(pos), Topic: topic, Value: value})
}

func (d *reader) end(count uint64) error {
	want, err := binary.ReadUvarint(d)
	if err != nil {
		return damaged(err)
	}
	sum := d.sum.Sum32()
	var b [4]byte
	if err := d.full(b[:]); err != nil {
		return err
	}
	if want != count || binary.BigEndian.Uint32(b[:]) != sum {
		return fmt.Errorf("%w: its checksum does not match", ErrCorrupt)
	}
	return nil
}

// damaged tells a dump that ended early from a reader that failed.
func damaged(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too early", ErrCorrupt)
	}
	return fmt.Errorf("read dump: %w", err)
}
