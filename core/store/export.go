package store

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"slices"

	"github.com/guichet/guichet/core/kv"
)

// The export is JSON Lines: one object a line, UTF-8, in a fixed order, the same bytes for the same records. The first
// member of every line is "kind". The first line is
//
//	{"kind":"guichet","format":1,"schema":2}
//
// and every other line is one record:
//
//	{"kind":"conversation","id":"01J…","state":"open", …}
//	{"kind":"message","id":"…","conversation":"01J…","seq":1,"own_kind":"text", …}
//
// A record's members follow as they are stored. A member of the record that is itself called "kind" (of a message, an
// identity, a timer, a raw event) is called "own_kind" here. Some lines carry, before the record, what only its place
// in the store says:
//
//	trace              conversation, n
//	raw-event          conversation
//	account-raw-event  account
//	route              conversation (the router has to look at it; no record)
//	seen               hash, at     (an event of which a repetition is recognised; no record)
//	blob               hash, size, free_since (a content; no record)
//
// With Contents, the bytes of a blob follow its line in pieces:
//
//	{"kind":"blob-content","hash":"…","offset":0,"data":"base64…"}
//
// The kinds that hold secrets (credential, sign-in, api-key, setting, plugin-state) are written only with Secrets. The
// event log and the indexes are not part of an export: the one is short-lived, the others are made anew. KindNames
// lists all kinds.
const exportFormat = 1

// headerKind is the kind of the first line, contentKind that of a piece of a blob.
const (
	headerKind  = "guichet"
	contentKind = "blob-content"
)

// ownKind is what a record's own member "kind" is called in an export.
const ownKind = "own_kind"

// contentPiece is how many bytes of a blob one line carries.
const contentPiece = 48 << 10

// Contents are the bytes of attachments, by hash, as an export reads and an import writes them.
type Contents interface {
	// Size returns how many bytes a content has.
	Size(hash string) (int64, error)
	Open(hash string) (io.ReadSeekCloser, error)
	// Put stores content and returns its hash.
	Put(ctx context.Context, r io.Reader, limit int64) (hash string, size int64, mimeType string, err error)
}

// ExportOptions say what an export holds.
type ExportOptions struct {
	Secrets      bool     // also credentials, sign-ins, API keys, settings and the state of plugins
	Contents     Contents // to tell the size of blobs; nil leaves it out
	WithContents bool     // also their bytes
}

// KindNames returns the names of all kinds of records, sorted, without those that hold secrets unless asked for.
func KindNames(secrets bool) []string {
	var names []string
	for _, k := range kinds {
		if secrets || !k.secret {
			names = append(names, k.name)
		}
	}
	slices.Sort(names)
	return names
}

// exportOrder is the order of families in an export: contents before what refers to them, conversations before what
// belongs to them.
var exportOrder = [][]byte{
	{familyAttachment}, {familyCompany}, {familyContact}, {familyIdentity}, {familyConversation}, {familyAccountRaw},
	{familyRoute}, {familyOutbox}, {familyFetch}, {familyTimer}, {familyAgent}, {familyParked}, {familySeen}, {familySystem},
}

// Export writes every record to w, from one consistent snapshot.
func (s *Store) Export(ctx context.Context, w io.Writer, o ExportOptions) error {
	out := bufio.NewWriterSize(w, 64<<10)
	if _, err := fmt.Fprintf(out, "{\"kind\":%q,\"format\":%d,\"schema\":%d}\n", headerKind, exportFormat, Schema); err != nil {
		return err
	}
	err := s.View(ctx, func(tx *Tx) error {
		for _, family := range exportOrder {
			for p, err := range tx.kv.Scan(kv.Prefix(family)) {
				if err == nil {
					err = ctx.Err()
				}
				if err == nil {
					err = o.record(tx, out, p)
				}
				if err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("export: %w", err)
	}
	return out.Flush()
}

func (o ExportOptions) record(tx *Tx, out *bufio.Writer, p kv.Pair) error {
	kind := kindOf(p.Key)
	if kind == nil || kind.secret && !o.Secrets {
		return nil
	}
	line := []member{textMember("kind", kind.name)}
	if kind.extra != nil {
		line = append(line, kind.extra(p.Key, p.Value)...)
	}
	if kind.bare == nil {
		body, err := tx.body(p.Key, p.Value)
		if err != nil {
			return fmt.Errorf("%s %x: %w", kind.name, p.Key, err)
		}
		record, err := members(body)
		if err != nil {
			return fmt.Errorf("%s %x: %w", kind.name, p.Key, err)
		}
		line = append(line, renamed(record, "kind", ownKind)...)
	}
	hash := ""
	if kind == guardKind {
		hash = hex.EncodeToString(p.Key[2:])
		if o.Contents != nil {
			size, err := o.Contents.Size(hash)
			if err != nil {
				return fmt.Errorf("content %s: %w", hash, err)
			}
			line = slices.Insert(line, 2, member{name: "size", value: fmt.Append(nil, size)})
		}
	}
	if err := writeLine(out, line); err != nil {
		return err
	}
	if hash != "" && o.Contents != nil && o.WithContents {
		return o.content(out, hash)
	}
	return nil
}

// content writes the bytes of a blob in pieces.
func (o ExportOptions) content(out *bufio.Writer, hash string) error {
	r, err := o.Contents.Open(hash)
	if err != nil {
		return fmt.Errorf("content %s: %w", hash, err)
	}
	defer r.Close()
	piece := make([]byte, contentPiece)
	for offset := int64(0); ; {
		n, err := io.ReadFull(r, piece)
		if n > 0 || offset == 0 { // an empty content has one empty piece
			if err := writeLine(out, []member{
				textMember("kind", contentKind), textMember("hash", hash),
				{name: "offset", value: fmt.Append(nil, offset)},
				textMember("data", base64.StdEncoding.EncodeToString(piece[:n])),
			}); err != nil {
				return err
			}
			offset += int64(n)
		}
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("content %s: %w", hash, err)
		}
	}
}

func writeLine(out *bufio.Writer, line []member) error {
	raw, err := object(line)
	if err != nil {
		return err
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, raw); err != nil {
		return err
	}
	compact.WriteByte('\n')
	_, err = out.Write(compact.Bytes())
	return err
}

// renamed gives a record's own member another name, so that the line's "kind" is the only one.
func renamed(record []member, from, to string) []member {
	for i := range record {
		if record[i].name == from {
			record[i].name = to
		}
	}
	return record
}
