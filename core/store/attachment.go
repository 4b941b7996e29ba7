package store

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// What keeps a content alive. Every reference to a content begins with h r hash32:
//
//	h r hash32 m conv16 seq8 att16   an attachment of a message
//	h r hash32 u upload16            an upload that was not sent yet
//	h r hash32 e conv16 time8 hash16 a raw event
//	h r hash32 a account 0 time8 hash16  a raw event that belongs to no conversation
//	h r hash32 w account 0 id16      a webhook request that waits
//	h g hash32                       guard of a content: state1, and time8 unless it is referenced
//	h f time8 hash32                 contents that are free or condemned, by since when
//
// Every transaction that adds or removes a reference reads and writes the guard, and so does the one that condemns a
// content. So a reference and a removal never pass each other unseen.
const (
	attachmentReference = 'r'
	attachmentGuard     = 'g'
	attachmentFree      = 'f'

	referenceMessage    = 'm'
	referenceUpload     = 'u'
	referenceRaw        = 'e'
	referenceAccountRaw = 'a'
	referenceSpool      = 'w'
)

const (
	contentReferenced = 'r'
	contentFree       = 'f' // since a time; nothing refers to it
	contentCondemned  = 'x' // its file is being removed
)

// guard is the state of a content.
type guard struct {
	state byte
	since time.Time // of free and condemned
}

func (g guard) bytes() []byte {
	if g.state == contentReferenced {
		return []byte{g.state}
	}
	return binary.BigEndian.AppendUint64([]byte{g.state}, millis(g.since))
}

func parseGuard(raw []byte) guard {
	if len(raw) < 9 {
		return guard{state: contentReferenced}
	}
	return guard{state: raw[0], since: time.UnixMilli(int64(binary.BigEndian.Uint64(raw[1:]))).UTC()}
}

// hashBytes decodes a SHA-256 in hex; a malformed one is digested, so that it takes up its own place and no other's.
func hashBytes(hash string) []byte {
	raw, err := hex.DecodeString(hash)
	if err != nil || len(raw) != 32 {
		h := hash16("malformed", hash)
		raw = append(h[:], h[:]...)
	}
	return raw
}

func referencePrefix(hash string) key {
	return append(newKey(familyAttachment, attachmentReference), hashBytes(hash)...)
}

func messageReference(hash string, conversation core.ID, seq uint64, attachment core.ID) key {
	return referencePrefix(hash).byte(referenceMessage).id(conversation).uint64(seq).id(attachment)
}

func uploadReference(hash string, id core.ID) key {
	return referencePrefix(hash).byte(referenceUpload).id(id)
}

func spoolReference(hash, account string, id core.ID) key {
	return referencePrefix(hash).byte(referenceSpool).name(account).id(id)
}

func guardKey(hash string) key {
	return append(newKey(familyAttachment, attachmentGuard), hashBytes(hash)...)
}

func guardIndex(hash string, g guard) map[string]string {
	if g.state == contentReferenced {
		return nil
	}
	return entries(append(newKey(familyAttachment, attachmentFree).time(g.since), hashBytes(hash)...))
}

// noteReference remembers that an index entry was added or removed, if it is a reference to a content.
func (tx *Tx) noteReference(k string, added bool) {
	if len(k) < 34 || k[0] != familyAttachment || k[1] != attachmentReference {
		return
	}
	hash := hex.EncodeToString([]byte(k[2:34]))
	tx.touchContent(hash)
	tx.references[hash] = tx.references[hash] || added
}

// touchContent makes the transaction write the guard of a content as its references say.
func (tx *Tx) touchContent(hash string) {
	if tx.references == nil {
		tx.references = make(map[string]bool, 1)
	}
	if _, ok := tx.references[hash]; !ok {
		tx.references[hash] = false
	}
}

// settleReferences writes the guards of the contents whose references changed.
func (tx *Tx) settleReferences() {
	for hash, added := range tx.references {
		g, err := tx.guard(hash)
		if err != nil {
			tx.fail(err)
			return
		}
		if added && g != nil && g.state == contentCondemned {
			tx.fail(core.Errorf(core.Conflict, "the content %s is being removed: store it again", hash))
			return
		}
		used, err := tx.referenced(hash)
		if err != nil {
			tx.fail(err)
			return
		}
		switch {
		case used:
			tx.setGuard(hash, g, &guard{state: contentReferenced})
		case g == nil || g.state == contentReferenced:
			tx.setGuard(hash, g, &guard{state: contentFree, since: tx.Now()})
		}
	}
}

// guard reads the guard of a content; nil when nothing ever referred to it.
func (tx *Tx) guard(hash string) (*guard, error) {
	raw, err := tx.kv.Get(guardKey(hash))
	if err == kv.ErrNotFound {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	g := parseGuard(raw)
	return &g, nil
}

// setGuard writes a guard, or removes it when now is nil.
func (tx *Tx) setGuard(hash string, was, now *guard) {
	var old, new map[string]string
	if was != nil {
		old = guardIndex(hash, *was)
	}
	if now == nil {
		tx.kv.Delete(guardKey(hash))
	} else {
		tx.kv.Set(guardKey(hash), now.bytes())
		new = guardIndex(hash, *now)
	}
	tx.reindex(old, new)
}

// referenced reports whether anything refers to a content.
func (tx *Tx) referenced(hash string) (bool, error) {
	r := keysOf(referencePrefix(hash))
	r.Limit = 1
	for _, err := range tx.kv.Scan(r) {
		return err == nil, err
	}
	return false, nil
}

// FreeContents returns the hashes of contents to which nothing has referred since before a time, the oldest first, at
// most limit; among them those that were condemned and whose file may still be there.
func (s *Store) FreeContents(ctx context.Context, before time.Time, limit int) ([]string, error) {
	var list []string
	err := s.View(ctx, func(tx *Tx) error {
		prefix := newKey(familyAttachment, attachmentFree)
		for p, err := range tx.kv.Scan(kv.Range{
			Start: prefix, End: newKey(familyAttachment, attachmentFree).time(before), Limit: limit, KeysOnly: true,
		}) {
			if err != nil {
				return err
			}
			list = append(list, hex.EncodeToString(p.Key[len(prefix)+8:]))
		}
		return nil
	})
	return list, err
}

// UnknownContents returns those of the hashes that nothing ever referred to.
func (s *Store) UnknownContents(ctx context.Context, hashes []string) ([]string, error) {
	var list []string
	err := s.View(ctx, func(tx *Tx) error {
		list = nil
		for _, hash := range hashes {
			g, err := tx.guard(hash)
			if err != nil {
				return err
			}
			if g == nil {
				list = append(list, hash)
			}
		}
		return nil
	})
	return list, err
}

// Condemn says that the file of a content is about to be removed, and reports whether it may be: nothing refers to the
// content, nor has since before a time. From then on until Forget or Pardon, a transaction that adds a reference fails.
func (s *Store) Condemn(ctx context.Context, hash string, before time.Time) (bool, error) {
	var may bool
	err := s.UpdateLow(ctx, func(tx *Tx) error {
		may = false
		g, err := tx.guard(hash)
		if err != nil {
			return err
		}
		if g != nil && (g.state == contentReferenced || g.state == contentFree && !g.since.Before(before)) {
			return nil
		}
		used, err := tx.referenced(hash)
		if err != nil || used {
			return err
		}
		tx.setGuard(hash, g, &guard{state: contentCondemned})
		may = true
		return nil
	})
	return may, err
}

// Forget says that the file of a condemned content is gone.
func (s *Store) Forget(ctx context.Context, hash string) error {
	return s.settle(ctx, hash, func(*Tx) *guard { return nil })
}

// Pardon says that a condemned content stays: it was stored again meanwhile.
func (s *Store) Pardon(ctx context.Context, hash string) error {
	return s.settle(ctx, hash, func(tx *Tx) *guard { return &guard{state: contentFree, since: tx.Now()} })
}

func (s *Store) settle(ctx context.Context, hash string, to func(*Tx) *guard) error {
	return s.UpdateLow(ctx, func(tx *Tx) error {
		g, err := tx.guard(hash)
		if err != nil {
			return err
		}
		if g == nil || g.state != contentCondemned {
			return nil
		}
		tx.setGuard(hash, g, to(tx))
		return nil
	})
}
