package store

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/guichet/guichet/core"
)

// The key space. One leading byte per family, fixed-width parts first, big-endian. Names that administrators choose end
// with a zero byte; text from outside appears only as a hash (16 bytes of SHA-256). Times are milliseconds; ^ marks an
// inverted one, so that newest comes first.
//
//	c conv16 .                 conversation (guard of everything below it)
//	c conv16 m seq8            message
//	c conv16 i hash16          author and client-made id of a message → seq8
//	c conv16 s number4         session
//	c conv16 t time8 n2        routing trace
//	c conv16 r time8 hash16    raw event, as the provider sent it
//	c conv16 v hash16          context variable, by the hash of its name
//	c conv16 d hash16          an agent's draft, by the hash of the agent's id
//	c conv16 x … n2            further parts of a long record of the conversation: codec.go
//	l a ^time8 conv16          conversations not closed, last activity first
//	l m agent 0 ^time8 conv16  an agent's conversations, last activity first
//	l q queue 0 time8 conv16   a queue's waiting conversations, oldest first
//	l z ^time8 conv16          closed conversations, last closed first
//	l y agent 0 ^time8 conv16  an agent's closed conversations
//	l t contact16 ^time8 conv16  a contact's conversations
//	l h hash16 ^time8 conv16   an account's thread: its conversations, the newest first
//	l o agent 0 conv16         conversations offered to an agent
//	o offer16                  → conv16
//	u hash16                   account, channel and thread → conv16 of the conversation that goes on (guard)
//	r conv16                   the router has to look at this conversation
//	k contact16                contact
//	i hash16                   identity (guard)
//	j contact16 hash16         a contact's identities
//	a contact16 contact16      the contacts merged into a contact
//	q word 0 contact16         a word of a contact: words.go
//	q word 0 contact16 hash16  a word of an identity, under the contact it belongs to
//	y company16                company
//	x hash16                   account and external id of a message → conv16 seq8
//	d hash16                   account, kind and id of an event that was stored → time8
//	p hash16                   account and external id: statuses that came before their message
//	g agent                    agent status
//	b conv16 seq8              outbox entry
//	n conv16 seq8              outbox entry that is not settled
//	f conv16 seq8 att16        attachment to fetch
//	t time8 kind1 ref          timer
//	h …                        attachments: see attachment.go
//	z … n2                     further parts of any other long record
//	w account 0 time8 hash16   raw event that belongs to no conversation
//	s …                        people who sign in, settings, schema: see auth.go, schema.go
type family = byte

const (
	familyConversation family = 'c'
	familyList         family = 'l'
	familyOffer        family = 'o'
	familyThread       family = 'u'
	familyRoute        family = 'r'
	familyContact      family = 'k'
	familyIdentity     family = 'i'
	familyIdentities   family = 'j'
	familyCompany      family = 'y'
	familyExternal     family = 'x'
	familySeen         family = 'd'
	familyParked       family = 'p'
	familyAgent        family = 'g'
	familyOutbox       family = 'b'
	familyPending      family = 'n'
	familyFetch        family = 'f'
	familyTimer        family = 't'
	familyAttachment   family = 'h'
	familyAccountRaw   family = 'w'
	familySystem       family = 's'
	familyOverflow     family = 'z'
	familyAlias        family = 'a'
	familyWord         family = 'q'
)

const (
	listAll     = 'a'
	listMine    = 'm'
	listQueue   = 'q'
	listClosed  = 'z'
	listHandled = 'y'
	listContact = 't'
	listOffered = 'o'
	listThread  = 'h'
)

const (
	partRecord   = '.'
	partMessage  = 'm'
	partClient   = 'i'
	partSession  = 's'
	partTrace    = 't'
	partRaw      = 'r'
	partVariable = 'v'
	partOverflow = 'x'
	partDraft    = 'd'
)

// key builds key bytes part by part.
type key []byte

func newKey(parts ...byte) key { return append(make(key, 0, 48), parts...) }

func (k key) id(id core.ID) key {
	b := id.Bytes()
	return append(k, b[:]...)
}
func (k key) name(s string) key    { return append(append(k, s...), 0) }
func (k key) byte(b byte) key      { return append(k, b) }
func (k key) hash(h [16]byte) key  { return append(k, h[:]...) }
func (k key) uint64(n uint64) key  { return binary.BigEndian.AppendUint64(k, n) }
func (k key) uint32(n uint32) key  { return binary.BigEndian.AppendUint32(k, n) }
func (k key) uint16(n uint16) key  { return binary.BigEndian.AppendUint16(k, n) }
func (k key) time(t time.Time) key { return k.uint64(millis(t)) }
func (k key) down(t time.Time) key { return k.uint64(^millis(t)) }

func millis(t time.Time) uint64 {
	if t.IsZero() {
		return 0
	}
	return uint64(t.UnixMilli())
}

// hash16 digests texts from outside, unambiguously.
func hash16(parts ...string) [16]byte {
	h := sha256.New()
	var n [8]byte
	for _, p := range parts {
		binary.BigEndian.PutUint64(n[:], uint64(len(p)))
		h.Write(n[:])
		h.Write([]byte(p))
	}
	var out [16]byte
	copy(out[:], h.Sum(nil))
	return out
}

func conversationKey(id core.ID) key { return newKey(familyConversation).id(id).byte(partRecord) }
func messageKey(id core.ID, seq uint64) key {
	return newKey(familyConversation).id(id).byte(partMessage).uint64(seq)
}

func idAt(k []byte, offset int) core.ID {
	var b [16]byte
	copy(b[:], k[offset:])
	return core.IDFromBytes(b)
}
