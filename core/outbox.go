package core

import "time"

// OutboxState is where an outgoing message stands between us and the provider.
type OutboxState string

// The states of an outbox entry. Sending is written, durably, before the plugin is asked: after a crash it means that
// nobody knows.
const (
	OutboxQueued  OutboxState = "queued"
	OutboxSending OutboxState = "sending"
	OutboxDone    OutboxState = "done"    // accepted
	OutboxFailed  OutboxState = "failed"  // will not be tried again by itself
	OutboxUnknown OutboxState = "unknown" // may have been sent; the provider is asked, or a person decides
)

// OutboxEntry is one message on its way out. Entries of a conversation leave in the order of Seq, one at a time.
type OutboxEntry struct {
	ID           string      `json:"id"` // a UUID, stable over all attempts of one send; a person's retry makes a new one
	Conversation ID          `json:"conversation"`
	Seq          uint64      `json:"seq"` // of the message
	Account      string      `json:"account"`
	State        OutboxState `json:"state"`
	Attempts     []Attempt   `json:"attempts,omitempty"` // at the present resume point, oldest first, the last 10
	AttemptCount int         `json:"attempt_count"`
	NextAt       time.Time   `json:"next_at"`
	Deadline     time.Time   `json:"deadline"` // after which it fails if nothing was sent
	Resume       string      `json:"resume,omitempty"`
	ExternalIDs  []string    `json:"external_ids,omitempty"`
	Reason       *Reason     `json:"reason,omitempty"`
	RequestID    string      `json:"request_id,omitempty"`
	AskAt        time.Time   `json:"ask_at,omitzero"` // of an unknown one: when the provider is asked next what became of it
	Asked        int         `json:"asked,omitempty"` // how often it was asked and could not tell
	CreatedAt    time.Time   `json:"created_at"`
	UpdatedAt    time.Time   `json:"updated_at"`
}

// Attempt is one call to the plugin and what it was told.
type Attempt struct {
	StartedAt     time.Time   `json:"started_at"`
	Outcome       string      `json:"outcome,omitempty"` // "" while nobody knows
	Reason        string      `json:"reason,omitempty"`
	Reply         *ReplyToken `json:"reply,omitempty"`
	LastInboundID string      `json:"last_inbound_id,omitempty"`
	LastInboundAt time.Time   `json:"last_inbound_at,omitzero"`
}

// Outgoing is what a channel is asked to send, or was asked to send when it is asked what became of it.
type Outgoing struct {
	Entry      OutboxEntry
	Message    Message
	Channel    string
	Thread     Thread
	Recipient  IdentityKey
	Context    Attempt   // for this attempt
	Previous   []Attempt // earlier ones at this resume point
	Language   string
	AuthorName string
	QuoteToken string
}

// OutcomeKind is what came of an attempt to send.
type OutcomeKind string

// The outcomes.
const (
	OutcomeAccepted       OutcomeKind = "accepted"
	OutcomeRejected       OutcomeKind = "rejected"
	OutcomeWindowClosed   OutcomeKind = "window-closed"
	OutcomeQuota          OutcomeKind = "quota"
	OutcomeRateLimited    OutcomeKind = "rate-limited"
	OutcomeRetryable      OutcomeKind = "retryable"
	OutcomeAuthentication OutcomeKind = "authentication"
	OutcomeAccountBlocked OutcomeKind = "account-blocked"
	OutcomeUnknown        OutcomeKind = "unknown"
	// OutcomeLost means that the plugin died or did not answer: nobody knows, and the plugin is asked again with this
	// attempt marked as without outcome.
	OutcomeLost OutcomeKind = "lost"
	// OutcomeNotStarted means that the plugin was never asked (it is down, or draining): nothing was sent.
	OutcomeNotStarted OutcomeKind = "not-started"
)

// Outcome is what came of an attempt to send.
type Outcome struct {
	Kind           OutcomeKind
	Already        bool   // accepted earlier
	Cause          string // of a rejection: "content", "recipient", "opted-out", "too-large"
	Scope          string // of a rate limit: "recipient", "channel", "account", "application"
	After          time.Duration
	MayDuplicate   bool // of unknown: repeating may send it twice
	Reason         string
	Code           string // the provider's
	RequestID      string
	ExternalIDs    []string
	UsedReplyToken bool
	Resume         string // where to go on; with accepted: more is to be sent
}
