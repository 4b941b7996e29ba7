package core

import "time"

// TraceEntry is one step of how a conversation was routed, for people who ask why.
type TraceEntry struct {
	At       time.Time      `json:"at"`
	Step     string         `json:"step"`     // "classified", "queued", "offered", "declined", "timed-out", "accepted" …
	Revision int            `json:"revision"` // of the configuration that decided
	Text     string         `json:"text"`     // a sentence
	Facts    map[string]any `json:"facts,omitempty"`
}

// RawEvent is an event as the provider sent it. A text above 32 KiB lies in a blob.
type RawEvent struct {
	Kind       InboundKind `json:"kind"`
	ID         string      `json:"id"`
	ReceivedAt time.Time   `json:"received_at"`
	Body       string      `json:"body,omitempty"`
	Blob       string      `json:"blob,omitempty"` // sha-256, hex
}

// FetchJob is an attachment that waits to be fetched from its provider.
type FetchJob struct {
	Conversation ID        `json:"conversation"`
	Seq          uint64    `json:"seq"`
	Attachment   ID        `json:"attachment"`
	Account      string    `json:"account"`
	Handle       string    `json:"handle"`
	Attempts     int       `json:"attempts"`
	NextAt       time.Time `json:"next_at"`
	ExpiresAt    time.Time `json:"expires_at,omitzero"`
	CreatedAt    time.Time `json:"created_at"`
}

// Timer is a deadline. It names the version of the record it belongs to, so that a late one does nothing.
type Timer struct {
	Due     time.Time `json:"due"`
	Kind    TimerKind `json:"kind"`
	Ref     string    `json:"ref"`     // a conversation's id, an agent's id, an outbox entry's id
	Version uint64    `json:"version"` // of a wrap-up: the session that ended; of an asking: the message's seq; else 0
	Offer   ID        `json:"offer,omitempty"`
	// Conversation is where the outbox entry of an asking is; "" for other kinds, whose Ref says it.
	Conversation ID `json:"conversation,omitempty"`
}

// TimerKind is what a timer is for. The values are stored.
type TimerKind byte

// The kinds of timers.
const (
	TimerOffer     TimerKind = 1 // an offer has rung long enough
	TimerAutoClose TimerKind = 2 // a conversation may have been inactive for long enough
	TimerPresence  TimerKind = 3 // an agent's presence lease ends
	TimerWrapUp    TimerKind = 4 // capacity blocked for wrap-up is released
	TimerAsk       TimerKind = 5 // the provider is asked what became of a send whose outcome is unknown
)

// ParkedStatus is a status of a message whose external id is not known yet.
type ParkedStatus struct {
	Account    string       `json:"account"`
	ExternalID string       `json:"external_id"`
	State      MessageState `json:"state"`
	Reason     *Reason      `json:"reason,omitempty"`
	At         time.Time    `json:"at"`
}
