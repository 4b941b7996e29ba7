package core

import (
	"crypto/rand"
	"time"

	"github.com/oklog/ulid/v2"
)

// ID names a record that Guichet creates: a ULID, 26 characters, sortable by the time of creation. Things that an
// administrator names (accounts, channels, queues, agents …) have kebab-case names instead, as plain strings.
type ID string

// NewID returns an ID for a record created at t. Make it outside a storage closure: closures may run again.
func NewID(t time.Time) ID {
	return ID(ulid.MustNew(ulid.Timestamp(t), rand.Reader).String())
}

// ParseID checks the form of s, as it comes from a URL or a file.
func ParseID(s string) (ID, error) {
	u, err := ulid.ParseStrict(s)
	if err != nil {
		return "", Errorf(Invalid, "malformed id %q: ids are 26 characters, digits and capital letters", s)
	}
	return ID(u.String()), nil
}

// Bytes returns the 16 bytes of a valid ID; the zero bytes for an empty or malformed one.
func (id ID) Bytes() [16]byte {
	u, err := ulid.ParseStrict(string(id))
	if err != nil {
		return [16]byte{}
	}
	return u
}

// IDFromBytes is the inverse of Bytes.
func IDFromBytes(b [16]byte) ID { return ID(ulid.ULID(b).String()) }
