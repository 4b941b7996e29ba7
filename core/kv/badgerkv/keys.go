package badgerkv

import (
	"encoding/binary"
	"fmt"

	"github.com/guichet/guichet/core/kv"
)

// The engine's key space. Every key begins with one of these bytes, so that the caller's keys can never meet the
// engine's own, nor Badger's ("!badger!"). User keys come last: a scan "to the end" needs no other bound.
const (
	spaceOwn   = 'a' // the engine's own records
	spaceEvent = 'e' // the event log: position, 8 bytes big-endian
	spaceUser  = 'k' // the caller's keys
	spaceEnd   = 'l' // greater than every key
)

var (
	// keyTrimmed holds the position up to which events were forgotten (8 bytes big-endian). It also keeps positions
	// from being given out again after the whole log was trimmed.
	keyTrimmed = []byte("atrimmed")
	// keyLoading is there while Load runs; a store that has it is incomplete.
	keyLoading = []byte("aloading")
)

func eventKey(pos kv.Pos) []byte {
	k := make([]byte, 9)
	k[0] = spaceEvent
	binary.BigEndian.PutUint64(k[1:], uint64(pos))
	return k
}

func eventPos(key []byte) kv.Pos { return kv.Pos(binary.BigEndian.Uint64(key[1:])) }

// An event's value is the topic's length (2 bytes big-endian), the topic, and the value.

func encodeEvent(mem *arena, topic, value []byte) []byte {
	b := mem.take(2 + len(topic) + len(value))
	binary.BigEndian.PutUint16(b, uint16(len(topic)))
	copy(b[2:], topic)
	copy(b[2+len(topic):], value)
	return b
}

// decodeEvent copies an event out of its encoding.
func decodeEvent(pos kv.Pos, b []byte) (kv.Event, error) {
	if len(b) < 2 {
		return kv.Event{}, fmt.Errorf("badgerkv: event %d is damaged", pos)
	}
	n := int(binary.BigEndian.Uint16(b))
	if len(b) < 2+n {
		return kv.Event{}, fmt.Errorf("badgerkv: event %d is damaged", pos)
	}
	b = append([]byte(nil), b[2:]...)
	return kv.Event{Pos: pos, Topic: b[:n:n], Value: b[n:]}, nil
}
