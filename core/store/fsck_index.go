package store

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// ownerOf returns the key of the record to which an index entry belongs. It is false for what is not an index entry.
func ownerOf(k, value []byte) (key, bool) {
	last16 := func() core.ID { return idAt(k, len(k)-16) }
	switch k[0] {
	case familyConversation:
		if len(k) == 34 && k[17] == partClient && len(value) == 8 {
			return messageKey(idAt(k, 1), binary.BigEndian.Uint64(value)), true
		}
	case familyList:
		if len(k) >= 18 {
			return conversationKey(last16()), true
		}
	case familyOffer, familyThread:
		if len(k) == 17 && len(value) == 16 {
			return conversationKey(idAt(value, 0)), true
		}
	case familyIdentities:
		if len(k) == 33 {
			return append(newKey(familyIdentity), k[17:]...), true
		}
	case familyAlias:
		if len(k) == 33 {
			return contactKey(last16()), true
		}
	case familyWord:
		return ownerOfWord(k)
	case familyExternal:
		if len(k) == 17 && len(value) == 24 {
			return messageKey(idAt(value, 0), binary.BigEndian.Uint64(value[16:])), true
		}
	case familyPending:
		if len(k) == 25 {
			return outboxKey(idAt(k, 1), binary.BigEndian.Uint64(k[17:])), true
		}
	case familyAttachment:
		return ownerOfAttachmentEntry(k)
	case familySystem:
		switch {
		case len(k) < 18:
		case k[1] == systemSignInOf, k[1] == systemSignInEnd:
			return append(newKey(familySystem, systemSignIn), k[len(k)-16:]...), true
		case k[1] == systemAPIKeyHash && len(value) == 16:
			return apiKeyKey(idAt(value, 0)), true
		case k[1] == systemAPIKeyOf:
			return apiKeyKey(last16()), true
		}
	}
	return nil, false
}

// ownerOfWord tells a word of a contact from one of an identity by what follows the zero byte at the word's end.
func ownerOfWord(k []byte) (key, bool) {
	_, rest, _ := bytes.Cut(k[1:], []byte{0})
	switch len(rest) {
	case 16:
		return contactKey(idAt(rest, 0)), true
	case 32:
		return append(newKey(familyIdentity), rest[16:]...), true
	}
	return nil, false
}

func ownerOfAttachmentEntry(k []byte) (key, bool) {
	switch {
	case len(k) == 42 && k[1] == attachmentFree:
		return append(newKey(familyAttachment, attachmentGuard), k[10:]...), true
	case len(k) < 36 || k[1] != attachmentReference:
		return nil, false
	}
	rest := k[35:]
	switch k[34] {
	case referenceMessage:
		if len(rest) == 40 {
			return messageKey(idAt(rest, 0), binary.BigEndian.Uint64(rest[16:])), true
		}
	case referenceUpload:
		return append(newKey(familySystem, systemUpload), rest...), true
	case referenceRaw:
		if len(rest) > 16 {
			return append(newKey(familyConversation).id(idAt(rest, 0)).byte(partRaw), rest[16:]...), true
		}
	case referenceAccountRaw:
		return append(newKey(familyAccountRaw), rest...), true
	case referenceSpool:
		return append(newKey(familySystem, systemSpool), rest...), true
	}
	return nil, false
}

// claims reports whether the record at owner has this index entry.
func (tx *Tx) claims(owner, k, value []byte) (bool, error) {
	raw, err := tx.kv.Get(owner)
	if errors.Is(err, kv.ErrNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	want, err := tx.indexAt(owner, raw)
	if err != nil {
		return false, err
	}
	v, ok := want[string(k)]
	return ok && v == string(value), nil
}

// indexAt returns the index entries of the record at k; none for one that cannot be read.
func (tx *Tx) indexAt(k, raw []byte) (map[string]string, error) {
	kind := kindOf(k)
	if kind == nil || kind.index == nil {
		return nil, nil
	}
	body := raw
	if kind.bare == nil {
		var err error
		if body, err = tx.body(k, raw); err != nil {
			return nil, nil
		}
	}
	m, err := kind.index(tx, k, body)
	if core.CodeOf(err) == core.NotFound || errors.Is(err, errUnreadable) {
		return nil, nil
	}
	return m, err
}

// dropStray deletes an index entry unless its record claims it by now.
func (tx *Tx) dropStray(k []byte) error {
	value, err := tx.kv.Get(k)
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	if owner, ok := ownerOf(k, value); ok {
		if claimed, err := tx.claims(owner, k, value); err != nil || claimed {
			return err
		}
	}
	tx.reindex(map[string]string{string(k): string(value)}, nil)
	return nil
}

// restoreEntry writes one index entry of the record at k, if the record is still there and has it.
func (tx *Tx) restoreEntry(kind *kind, k []byte, entry string) error {
	raw, err := tx.kv.Get(k)
	if errors.Is(err, kv.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	want, err := tx.indexAt(k, raw)
	if err != nil {
		return err
	}
	if value, ok := want[entry]; ok {
		tx.reindex(nil, map[string]string{entry: value})
	}
	return nil
}

// reference checks, at a reference to a content, that the content's guard says so.
func (c *checker) reference(k []byte) error {
	if len(k) < 34 || k[0] != familyAttachment || k[1] != attachmentReference {
		return nil
	}
	hash := hex.EncodeToString(k[2:34])
	g, err := c.tx.guard(hash)
	if err != nil {
		return err
	}
	if g == nil || g.state != contentReferenced {
		c.guard(k, hash, "something refers to the content "+hash+" and its guard does not say so")
	}
	return nil
}

func (c *checker) guard(k []byte, hash, text string) {
	c.index(IndexWrong, k, text, func(tx *Tx) error {
		tx.touchContent(hash)
		return nil
	})
}

// isPart reports whether k is a part of a long record after its first.
func isPart(k []byte) bool {
	return len(k) > 3 && k[0] == familyOverflow || len(k) > 20 && k[0] == familyConversation && k[17] == partOverflow
}

// partOf returns the record to which a part belongs, and the part's number.
func partOf(k []byte) (record key, number int) {
	end := len(k) - 2
	number = int(binary.BigEndian.Uint16(k[end:]))
	if k[0] == familyOverflow {
		return append(newKey(), k[1:end]...), number
	}
	return append(append(newKey(), k[:17]...), k[18:end]...), number
}

func partsOf(raw []byte) int { return int(binary.BigEndian.Uint16(raw[1:])) }
