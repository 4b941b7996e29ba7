package live

import (
	"encoding/json"
	"strconv"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
)

// Codes with which the server closes a socket. After all but CloseSignedOut and CloseGone the browser connects again.
const (
	CloseGoingAway = 1001 // the server stops
	CloseTryAgain  = 1013 // the server could not follow
	CloseSignedOut = 4001 // the credential no longer holds
	CloseTooSlow   = 4002 // the browser read too slowly; coming back it gets the rest or a snapshot
	CloseGone      = 4003 // the person is no longer configured
)

// What may wait for one socket: beyond it the socket is closed as too slow.
const (
	slotsMost = 4000
	bytesMost = 8 << 20
	// fleetingMost is how much may wait before typing and viewers are left out.
	fleetingMost = 64
)

// slotKind is what a slot tells about.
type slotKind byte

const (
	slotConversation slotKind = iota
	slotMessage
	slotOffer
	slotPresence
	slotTyping
	slotViewers
	slotPing
)

// slotKey names the thing of which only the newest state matters.
type slotKey struct {
	kind slotKind
	id   string // of a conversation, an offer, an agent
	seq  uint64 // of a message
}

// slot is what a socket is to be told about one thing. A newer state replaces the content where it stands: the slot
// keeps its place and its position in the log, so that nothing starves, and a client that is cut off after it is told
// again whatever came later.
type slot struct {
	key     slotKey
	seq     uint64
	version uint64 // of the conversation that was read; 0 where it does not matter

	body []byte // JSON of the conversation, message, presence …; shared by all sockets
	// Of a conversation: lost says that the client was out of sight meanwhile and must forget what it knows of it; shown
	// that it may see it now; closed that this is the last it is told.
	lost, shown, closed bool
	stale               bool   // nothing is to be told after all
	offer               *Offer // of an offer that rings
	conversation        core.ID
}

// socket is one subscribed browser.
type socket struct {
	credential string
	viewer     *viewer // under Hub.mu
	viewing    core.ID // conversation that the person looks at; under Hub.mu
	// rings holds the offers this socket was told of and that have not ended, by conversation; under Hub.mu.
	rings map[core.ID]ring

	mu      sync.Mutex
	queue   []*slot
	slots   map[slotKey]*slot
	bytes   int
	again   bool // the queue is void: begin with a snapshot
	wake    chan struct{}
	stopped chan struct{}
	code    int
	reason  string
	// floor holds the versions that a snapshot or replay has told: older reads that come later are left out.
	floor map[core.ID]uint64
}

func newSocket(v *viewer, credential string) *socket {
	return &socket{
		credential: credential, viewer: v, slots: make(map[slotKey]*slot), rings: make(map[core.ID]ring),
		wake: make(chan struct{}, 1), stopped: make(chan struct{}),
	}
}

// push adds what is new. It never waits.
func (s *socket) push(n *slot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.code != 0 || s.again {
		return
	}
	if n.key.kind == slotConversation {
		if n.version != 0 && n.version < s.floor[core.ID(n.key.id)] {
			if !n.lost {
				return
			}
			gone := *n
			gone.outdate()
			n = &gone
		}
		if n.lost {
			s.dropMessages(n.key.id)
		}
	}
	if n.key.kind >= slotTyping && len(s.queue) >= fleetingMost {
		return
	}
	if have, ok := s.slots[n.key]; ok {
		s.bytes += len(n.body) - len(have.body)
		have.version, have.body, have.offer = n.version, n.body, n.offer
		have.shown, have.closed, have.lost, have.stale = n.shown, n.closed, n.lost || have.lost, false
	} else {
		own := *n // the slot of this socket; the body stays shared
		s.slots[n.key] = &own
		s.queue = append(s.queue, &own)
		s.bytes += len(n.body)
	}
	if len(s.queue) > slotsMost || s.bytes > bytesMost {
		s.halt(CloseTooSlow, "too slow: connect again")
		return
	}
	s.rouse()
}

// outdate empties a conversation's slot when something newer was told already. The client must still forget what it
// missed while it was out of sight; what it may see comes with the event of the newer version.
func (n *slot) outdate() {
	n.stale, n.shown, n.closed = !n.lost, false, false
}

// dropMessages forgets what waits about the messages of a conversation that went out of sight: what is left of them
// would be stale when it comes back.
func (s *socket) dropMessages(conversation string) {
	kept := s.queue[:0]
	for _, q := range s.queue {
		if q.key.kind == slotMessage && q.key.id == conversation {
			s.bytes -= len(q.body)
			delete(s.slots, q.key)
			continue
		}
		kept = append(kept, q)
	}
	clear(s.queue[len(kept):])
	s.queue = kept
}

// next takes the oldest slot; nil when nothing waits. again means that a snapshot is due first.
func (s *socket) next() (n *slot, again bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.again {
		return nil, true
	}
	if len(s.queue) == 0 {
		s.queue = nil // let go of the grown array
		return nil, false
	}
	n = s.queue[0]
	s.queue[0] = nil
	s.queue = s.queue[1:]
	delete(s.slots, n.key)
	s.bytes -= len(n.body)
	return n, false
}

// clear forgets what waits: a snapshot that is about to be made covers it.
func (s *socket) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.again = false
	s.queue, s.bytes = nil, 0
	clear(s.slots)
	s.floor = nil
}

// resync asks for a fresh snapshot.
func (s *socket) resync() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.code == 0 {
		s.again = true
		s.rouse()
	}
}

// stop ends the socket; the first reason counts.
func (s *socket) stop(code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.halt(code, reason)
}

func (s *socket) halt(code int, reason string) {
	if s.code == 0 {
		s.code, s.reason = code, reason
		s.queue, s.bytes = nil, 0
		clear(s.slots)
		close(s.stopped)
	}
}

func (s *socket) ending() (code int, reason string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.code, s.reason
}

func (s *socket) rouse() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// frames writes a slot as the frames that the browser gets. rings says for how long an offer still rings.
func (n *slot) frames(now time.Time, rings func(*core.Offer) time.Duration) [][]byte {
	switch n.key.kind {
	case slotConversation:
		if n.stale {
			return nil
		}
		var list [][]byte
		if n.lost || (!n.shown && !n.closed) {
			list = append(list, n.removed())
		}
		if n.shown || n.closed {
			list = append(list, n.frame("conversation", "conversation"))
		}
		if n.closed {
			list = append(list, n.removed())
		}
		return list
	case slotMessage:
		b := n.begin("message")
		b = append(b, `,"conversation":"`...)
		b = append(b, n.key.id...)
		b = append(b, `","message":`...)
		return [][]byte{append(append(b, n.body...), '}')}
	case slotOffer:
		if n.offer == nil {
			b := n.begin("offer-ended")
			b = append(b, `,"offer":"`...)
			b = append(b, n.key.id...)
			b = append(b, `","conversation":"`...)
			b = append(b, n.conversation...)
			return [][]byte{append(b, `"}`...)}
		}
		b := append(n.begin("offer"), `,"offer":`...)
		return [][]byte{append(append(b, encode(n.offer.For(rings))...), '}')}
	case slotPresence: // the body is an object whose fields belong to the frame
		b := append(n.begin("presence"), ',')
		return [][]byte{append(b, n.body[1:]...)}
	case slotPing:
		b := append([]byte(`{"type":"ping","at":"`), now.UTC().Format(time.RFC3339Nano)...)
		return [][]byte{append(b, `"}`...)}
	default: // typing and viewers are whole frames already
		return [][]byte{n.body}
	}
}

func (n *slot) begin(kind string) []byte {
	b := make([]byte, 0, len(n.body)+128)
	b = append(b, `{"type":"`...)
	b = append(b, kind...)
	b = append(b, `","seq":`...)
	return strconv.AppendUint(b, n.seq, 10)
}

func (n *slot) frame(kind, field string) []byte {
	b := append(n.begin(kind), `,"`...)
	b = append(b, field...)
	b = append(b, `":`...)
	return append(append(b, n.body...), '}')
}

func (n *slot) removed() []byte {
	b := append(n.begin("removed"), `,"conversation":"`...)
	b = append(b, n.key.id...)
	return append(b, `"}`...)
}

// encode writes a value of this package's own types, which always have a JSON form.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("live: " + err.Error())
	}
	return b
}
