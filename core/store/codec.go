package store

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"sync"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// The first byte of every value. A long value begins with formatLong and the number of its parts (2 bytes); its first
// part follows, the others lie at overflowKey(key, 1…).
const (
	formatJSON = 1 // JSON
	formatLong = 2 // JSON, in parts
)

// A value up to partSize lies in one piece; that leaves room below kv.MaxValue. maxRecord is the size that no record
// may exceed, so that one can always be written in one transaction beside its indexes.
const (
	partSize  = 60 << 10
	maxRecord = 900 << 10
)

var errEmpty = errors.New("empty value")

// encode returns a record as JSON. HTML is not escaped: texts would grow up to sixfold.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode reads JSON into v, a pointer to the zero value of a record. It reports whether the record has fields that this
// version does not know.
func decode[T any](body []byte, v *T) (unknown bool, err error) {
	if strictly(body, v) {
		return false, nil
	}
	var again T
	if err := json.Unmarshal(body, &again); err != nil {
		return false, fmt.Errorf("decode: %w", err)
	}
	*v = again
	return true, nil
}

// strict is a decoder that refuses unknown fields. Its buffer, which would otherwise be made for every record, is used
// again as long as nothing went wrong and no record was long.
type strict struct {
	from    bytes.Reader
	decoder *json.Decoder
}

const strictKeeps = 16 << 10 // bytes of a record after which a decoder is not kept

var stricts = sync.Pool{New: func() any {
	s := new(strict)
	s.decoder = json.NewDecoder(&s.from)
	s.decoder.DisallowUnknownFields()
	return s
}}

// strictly reports whether body is one JSON value whose fields v all knows, and decodes it into v.
func strictly(body []byte, v any) bool {
	s := stricts.Get().(*strict)
	s.from.Reset(body)
	if err := s.decoder.Decode(v); err != nil {
		return false
	}
	if s.from.Len() > 0 || s.decoder.Buffered().(*bytes.Reader).Len() > 0 {
		return false // something follows, which json.Unmarshal will name
	}
	s.from.Reset(nil)
	if len(body) <= strictKeeps {
		stricts.Put(s)
	}
	return true
}

// body returns the JSON of the record whose stored value is raw, reading the rest of a long one.
func (tx *Tx) body(k, raw []byte) ([]byte, error) {
	switch {
	case len(raw) == 0:
		return nil, errEmpty
	case raw[0] == formatJSON:
		return raw[1:], nil
	case raw[0] == formatLong && len(raw) > 3:
		return tx.longBody(k, raw)
	}
	return nil, fmt.Errorf("value has encoding %d, which this version cannot read: use a newer version of Guichet", raw[0])
}

func (tx *Tx) longBody(k, raw []byte) ([]byte, error) {
	parts := int(binary.BigEndian.Uint16(raw[1:]))
	body := append(make([]byte, 0, parts*partSize), raw[3:]...)
	for i := 1; i < parts; i++ {
		part, err := tx.kv.Get(overflowKey(k, i))
		if err != nil {
			return nil, fmt.Errorf("part %d of %d: %w", i+1, parts, err)
		}
		body = append(body, part...)
	}
	if !tx.view {
		tx.setParts(k, parts)
	}
	return body, nil
}

// overflowKey is where a part of a long record lies: within its conversation, or in a family of its own.
func overflowKey(k []byte, part int) key {
	if k[0] == familyConversation && len(k) > 17 {
		return append(append(newKey(k[:17]...), partOverflow), k[17:]...).uint16(uint16(part))
	}
	return append(newKey(familyOverflow), k...).uint16(uint16(part))
}

func (tx *Tx) setParts(k []byte, parts int) {
	if tx.parts == nil {
		tx.parts = make(map[string]int, 1)
	}
	tx.parts[string(k)] = parts
}

// read decodes the record whose stored value is raw. In an update it keeps what this version does not know, for put.
func read[T any](tx *Tx, k, raw []byte) (*T, error) {
	body, err := tx.body(k, raw)
	if err != nil {
		return nil, fmt.Errorf("record %x: %w", k, err)
	}
	v := new(T)
	unknown, err := decode(body, v)
	if err != nil {
		return nil, fmt.Errorf("record %x: %w", k, err)
	}
	if unknown && !tx.view {
		if tx.unknown == nil {
			tx.unknown = make(map[string][]byte, 1)
		}
		tx.unknown[string(k)] = body
	}
	return v, nil
}

// get reads and decodes a record. It returns nil for an absent one.
func get[T any](tx *Tx, k []byte) (*T, error) {
	raw, err := tx.kv.Get(k)
	if err == kv.ErrNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read record: %w", err)
	}
	return read[T](tx, k, raw)
}

// all decodes every record of a range.
func all[T any](tx *Tx, r kv.Range) ([]*T, error) {
	var list []*T
	for p, err := range tx.kv.Scan(r) {
		if err != nil {
			return nil, err
		}
		v, err := read[T](tx, p.Key, p.Value)
		if err != nil {
			return nil, err
		}
		list = append(list, v)
	}
	return list, nil
}

// put encodes and writes a record. Fields of the stored one that this version does not know survive when the record was
// read in this transaction, as every record that is changed rather than made is.
func put[T any](tx *Tx, k []byte, v *T) {
	body, err := encode(v)
	if err != nil {
		tx.fail(fmt.Errorf("record %x: %w", k, err))
		return
	}
	if was, ok := tx.unknown[string(k)]; ok {
		if body, err = keepUnknown(body, was, reflect.TypeFor[T]()); err != nil {
			tx.fail(fmt.Errorf("record %x: %w", k, err))
			return
		}
		tx.unknown[string(k)] = body
	}
	tx.setBody(k, body)
}

// setBody writes a record's JSON, in parts when it is long.
func (tx *Tx) setBody(k, body []byte) {
	had := tx.parts[string(k)]
	if len(body) <= partSize {
		tx.kv.Set(k, append(append(make([]byte, 0, len(body)+1), formatJSON), body...))
		tx.dropParts(k, 1, had)
		return
	}
	if len(body) > maxRecord {
		tx.fail(core.Errorf(core.TooLarge, "this is too large to be stored: %d bytes where %d are allowed", len(body), maxRecord))
		return
	}
	parts := (len(body) + partSize - 1) / partSize
	first := binary.BigEndian.AppendUint16([]byte{formatLong}, uint16(parts))
	tx.kv.Set(k, append(first, body[:partSize]...))
	for i := 1; i < parts; i++ {
		tx.kv.Set(overflowKey(k, i), body[i*partSize:min(len(body), (i+1)*partSize)])
	}
	tx.dropParts(k, parts, had)
	tx.setParts(k, parts)
}

// drop deletes a record that was read in this transaction, with all its parts.
func (tx *Tx) drop(k []byte) {
	tx.kv.Delete(k)
	tx.dropParts(k, 1, tx.parts[string(k)])
	delete(tx.unknown, string(k))
}

func (tx *Tx) dropParts(k []byte, from, to int) {
	for i := from; i < to; i++ {
		tx.kv.Delete(overflowKey(k, i))
	}
	delete(tx.parts, string(k))
}
