package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// ImportOptions say how an import treats what is there.
type ImportOptions struct {
	// Merge allows a store that already has records: those with the same identity are replaced.
	Merge bool
	// Contents receives the bytes of blobs; nil makes an export that has them an error.
	Contents Contents
}

// An import is committed in chunks of about so many lines and bytes, which keeps each within the limits of a
// transaction: a line may need a dozen index entries.
const (
	importLines = 100
	importBytes = 128 << 10
	maxLine     = 2 << 20
)

// Import reads what Export wrote and returns how many records it stored. Indexes are made anew. It refuses a store that
// has records, unless told to merge, and a file of another schema. It is committed in chunks: after an error, what came
// before the chunk at fault is there. Nothing is emitted: import while no browser is served, or restart afterwards.
func (s *Store) Import(ctx context.Context, r io.Reader, o ImportOptions) (records int, err error) {
	if !o.Merge {
		if err := s.refuseNonEmpty(ctx); err != nil {
			return 0, err
		}
	}
	in := &importer{store: s, options: o}
	scan := bufio.NewScanner(r)
	scan.Buffer(make([]byte, 64<<10), maxLine)
	for scan.Scan() {
		in.number++
		if err := in.line(ctx, scan.Bytes()); err != nil {
			in.abandon(err)
			return in.records, fmt.Errorf("line %d: %w", in.number, err)
		}
	}
	if err := scan.Err(); err != nil {
		in.abandon(err)
		return in.records, fmt.Errorf("line %d: %w", in.number+1, err)
	}
	if in.number == 0 {
		return 0, core.Errorf(core.Invalid, "the file is empty: it is not an export")
	}
	if err := in.endContent(); err != nil {
		return in.records, err
	}
	return in.records, in.flush(ctx)
}

// refuseNonEmpty fails when the store has records of the desk's work. The system's own (configuration, people who sign
// in and their presence, the audit log) do not count: a new installation has them.
func (s *Store) refuseNonEmpty(ctx context.Context) error {
	return s.View(ctx, func(tx *Tx) error {
		for _, family := range exportOrder {
			if family[0] == familySystem || family[0] == familyAgent {
				continue
			}
			r := kv.Prefix(family)
			r.Limit, r.KeysOnly = 1, true
			for _, err := range tx.kv.Scan(r) {
				if err != nil {
					return err
				}
				return core.Errorf(core.Conflict, "this store already has records: import into an empty one, or ask to merge")
			}
		}
		return nil
	})
}

// importer is one run of Import.
type importer struct {
	store   *Store
	options ImportOptions
	number  int // of the line being read, from 1
	records int // committed
	chunk   []importLine
	bytes   int

	hash    string // of the blob whose pieces are being read
	offset  int64
	pieces  *io.PipeWriter
	content chan error
}

// importLine is one record, ready to be stored.
type importLine struct {
	kind  *kind
	extra extras
	body  []byte
}

func (in *importer) line(ctx context.Context, raw []byte) error {
	list, err := members(raw)
	if err != nil || len(list) == 0 || list[0].name != "kind" {
		return core.Errorf(core.Invalid, `this is not a line of an export: each begins with {"kind":"…"`)
	}
	name := list[0].text()
	if in.number == 1 {
		return header(name, raw)
	}
	if name == contentKind {
		return in.piece(ctx, list)
	}
	if err := in.endContent(); err != nil {
		return err
	}
	kind := kindNamed(name)
	if kind == nil {
		return core.Errorf(core.Invalid, "this version does not know the kind %q: use a newer version of Guichet", name)
	}
	l := importLine{kind: kind, extra: make(extras)}
	rest := list[1:]
	for _, extra := range kind.names {
		for i, m := range rest {
			if m.name == extra {
				l.extra[extra] = m.text()
				rest = append(rest[:i:i], rest[i+1:]...)
				break
			}
		}
	}
	if l.body, err = object(renamed(rest, ownKind, "kind")); err != nil {
		return err
	}
	if _, err := kind.keyOf(l.extra, l.body); err != nil {
		return core.Errorf(core.Invalid, "a %s that cannot be read: %w", name, err)
	}
	if len(in.chunk) >= importLines || in.bytes+len(raw) > importBytes {
		if err := in.flush(ctx); err != nil {
			return err
		}
	}
	in.chunk = append(in.chunk, l)
	in.bytes += len(raw)
	return nil
}

func header(name string, raw []byte) error {
	var h struct {
		Format int `json:"format"`
		Schema int `json:"schema"`
	}
	if name != headerKind || json.Unmarshal(raw, &h) != nil {
		return core.Errorf(core.Invalid, `this is not an export: its first line must be {"kind":%q, …}`, headerKind)
	}
	if h.Format != exportFormat || h.Schema < recordsSince || h.Schema > Schema {
		return core.Errorf(core.Invalid,
			"this export has format %d and schema %d, this version reads format %d and the schemas from %d to %d: import it with the version that wrote it, and upgrade then",
			h.Format, h.Schema, exportFormat, recordsSince, Schema)
	}
	return nil
}

// flush stores the chunk that was collected.
func (in *importer) flush(ctx context.Context) error {
	err := in.commit(ctx, in.chunk)
	in.chunk, in.bytes = in.chunk[:0], 0
	return err
}

func (in *importer) commit(ctx context.Context, lines []importLine) error {
	if len(lines) == 0 {
		return nil
	}
	err := in.store.UpdateLow(ctx, func(tx *Tx) error {
		for _, l := range lines {
			if err := tx.store(l); err != nil {
				return fmt.Errorf("%s: %w", l.kind.name, err)
			}
		}
		return nil
	})
	var limit *kv.LimitError
	if errors.As(err, &limit) && len(lines) > 1 { // records with very many index entries
		half := len(lines) / 2
		if err := in.commit(ctx, lines[:half]); err != nil {
			return err
		}
		return in.commit(ctx, lines[half:])
	}
	if err == nil {
		in.records += len(lines)
	}
	return err
}

// store writes one imported record and its index entries, in place of the one that is there.
func (tx *Tx) store(l importLine) error {
	k, err := l.kind.keyOf(l.extra, l.body)
	if err != nil {
		return err
	}
	raw, err := tx.kv.Get(k)
	var was, now map[string]string
	switch {
	case errors.Is(err, kv.ErrNotFound):
	case err != nil:
		return err
	default:
		if was, err = tx.indexAt(k, raw); err != nil {
			return err
		}
	}
	value := l.body
	if l.kind.bare != nil {
		if value, err = l.kind.bare(l.extra); err != nil {
			return err
		}
		tx.kv.Set(k, value)
	} else {
		tx.setBody(k, value)
	}
	if l.kind.index != nil {
		if now, err = l.kind.index(tx, k, value); err != nil {
			return err
		}
	}
	tx.reindex(was, now)
	if l.kind == guardKind {
		tx.touchContent(hex.EncodeToString(k[2:])) // the references say what its guard must be
	}
	return nil
}

// piece passes one piece of a blob on to Contents.
func (in *importer) piece(ctx context.Context, list []member) error {
	var p struct {
		Hash   string `json:"hash"`
		Offset int64  `json:"offset"`
		Data   string `json:"data"`
	}
	raw, err := object(list)
	if err == nil {
		err = json.Unmarshal(raw, &p)
	}
	if err != nil {
		return core.Errorf(core.Invalid, "a piece of a blob that cannot be read: %w", err)
	}
	data, err := base64.StdEncoding.DecodeString(p.Data)
	if err != nil {
		return core.Errorf(core.Invalid, "a piece of a blob that cannot be read: %w", err)
	}
	if in.options.Contents == nil {
		return core.Errorf(core.Invalid, "this export carries the bytes of attachments, and there is nowhere to keep them")
	}
	if p.Hash != in.hash {
		if err := in.endContent(); err != nil {
			return err
		}
		in.beginContent(ctx, p.Hash)
	}
	if p.Offset != in.offset {
		return core.Errorf(core.Invalid, "a piece of blob %s begins at %d where %d is expected", p.Hash, p.Offset, in.offset)
	}
	in.offset += int64(len(data))
	if _, err := io.Copy(in.pieces, bytes.NewReader(data)); err != nil {
		return err
	}
	return nil
}

func (in *importer) beginContent(ctx context.Context, hash string) {
	r, w := io.Pipe()
	in.hash, in.offset, in.pieces, in.content = hash, 0, w, make(chan error, 1)
	go func() {
		got, _, _, err := in.options.Contents.Put(ctx, r, 1<<40)
		if err == nil && got != hash {
			err = core.Errorf(core.Invalid, "the bytes of blob %s are not its own: they have the hash %s", hash, got)
		}
		r.CloseWithError(err)
		in.content <- err
	}()
}

// endContent waits until the blob that was being read is stored.
func (in *importer) endContent() error {
	if in.pieces == nil {
		return nil
	}
	in.pieces.Close()
	err := <-in.content
	in.hash, in.pieces = "", nil
	return err
}

// abandon ends the storing of a blob that will not be complete.
func (in *importer) abandon(err error) {
	if in.pieces != nil {
		in.pieces.CloseWithError(err)
		<-in.content
		in.pieces = nil
	}
}
