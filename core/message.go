package core

import "time"

// AuthorKind is who wrote a message.
type AuthorKind string

// The kinds of authors.
const (
	FromCustomer AuthorKind = "customer"
	FromAgent    AuthorKind = "agent"
	FromBot      AuthorKind = "bot"
	FromSystem   AuthorKind = "system" // an activity line, such as a transfer
)

// Author is who wrote a message. ID is a contact's, an agent's or a bot's.
type Author struct {
	Kind AuthorKind `json:"kind"`
	ID   string     `json:"id"`
	Name string     `json:"name,omitempty"`
}

// Visibility is who may see a message.
type Visibility string

// Public messages are the customer's and for the customer; internal ones are seen by agents only.
const (
	Public       Visibility = "public"
	InternalNote Visibility = "internal"
)

// MessageState is how far a message has come. Inbound and internal messages are Received. It never goes back, except to
// Queued: from Failed or Unknown by a person's retry, and from Unknown when the provider says that nothing was sent.
type MessageState string

// The states of a message.
const (
	Received  MessageState = "received"
	Queued    MessageState = "queued"
	Sent      MessageState = "sent"
	Delivered MessageState = "delivered"
	Read      MessageState = "read"
	Failed    MessageState = "failed"
	Unknown   MessageState = "unknown" // it may have been sent; the reason says whether the provider is being asked
)

// Message is one message of a conversation.
type Message struct {
	// ID is unique per conversation and author: made by the client for agents, by Guichet for customers.
	ID           string        `json:"id"`
	Conversation ID            `json:"conversation"`
	Seq          uint64        `json:"seq"`  // order of arrival, from 1, without gaps
	Kind         string        `json:"kind"` // "text", "attachment", "location", "sticker", "contact", "postback", "activity", "unsupported"
	From         Author        `json:"from"`
	Visibility   Visibility    `json:"visibility"`
	Text         string        `json:"text,omitempty"`
	Attachments  []Attachment  `json:"attachments,omitempty"`
	Location     *Location     `json:"location,omitempty"`
	Sticker      *Sticker      `json:"sticker,omitempty"`
	Contacts     []ContactCard `json:"contacts,omitempty"`
	Activity     *Activity     `json:"activity,omitempty"`
	Quotes       uint64        `json:"quotes,omitempty"` // seq of the message it answers
	QuoteToken   string        `json:"quote_token,omitempty"`
	Reactions    []Reaction    `json:"reactions,omitempty"`
	State        MessageState  `json:"state"`
	Reason       *Reason       `json:"reason,omitempty"` // why it failed or is unknown
	Outbox       string        `json:"outbox,omitempty"` // id of its outbox entry
	ExternalIDs  []string      `json:"external_ids,omitempty"`
	OccurredAt   time.Time     `json:"occurred_at"` // by the provider's clock
	CreatedAt    time.Time     `json:"created_at"`  // stored here
	EditedAt     time.Time     `json:"edited_at,omitzero"`
	DeletedAt    time.Time     `json:"deleted_at,omitzero"`   // the customer took it back; the text is gone
	Fingerprint  string        `json:"fingerprint,omitempty"` // of what the client sent, to tell a repeat from a clash
}

// Reason is a code for machines, a sentence for people, and the provider's own words.
type Reason struct {
	Code     string `json:"code"` // "rejected-content", "window-closed", "quota", "deadline", "unknown", "asking" …
	Text     string `json:"text"`
	Provider string `json:"provider,omitempty"`
}

// AttachmentState is where the content of an attachment stands.
type AttachmentState string

// The states of an attachment.
const (
	Fetching       AttachmentState = "fetching"
	Ready          AttachmentState = "ready"
	GoneAtProvider AttachmentState = "gone"
	Refused        AttachmentState = "refused"
)

// Attachment is content that belongs to a message.
type Attachment struct {
	ID        ID              `json:"id"`
	State     AttachmentState `json:"state"`
	Reason    string          `json:"reason,omitempty"`
	Name      string          `json:"name,omitempty"`
	Type      string          `json:"type"` // MIME
	Size      int64           `json:"size,omitempty"`
	Hash      string          `json:"hash,omitempty"`   // sha-256 of the content, hex, once ready
	Handle    string          `json:"handle,omitempty"` // the plugin's, while fetching
	URL       string          `json:"url,omitempty"`    // content that lies at a public address
	Duration  time.Duration   `json:"duration,omitempty"`
	ExpiresAt time.Time       `json:"expires_at,omitzero"`
}

// Location is a place on the map.
type Location struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
	Title     string  `json:"title,omitempty"`
	Address   string  `json:"address,omitempty"`
}

// Sticker is a picture from a provider's set.
type Sticker struct {
	PackageID string   `json:"package_id,omitempty"`
	ID        string   `json:"id"`
	Text      string   `json:"text,omitempty"`
	Keywords  []string `json:"keywords,omitempty"`
}

// ContactCard is a person whose particulars the customer sent.
type ContactCard struct {
	Name   string   `json:"name"`
	Phones []string `json:"phones,omitempty"`
	Emails []string `json:"emails,omitempty"`
}

// Reaction is an emoji on a message.
type Reaction struct {
	Emoji string `json:"emoji"`
	By    string `json:"by"`
}

// Activity is what a system message tells: "transferred", "accepted", "blocked" … with its parameters. The text in the
// reader's language is made from it by the face that shows it.
type Activity struct {
	Name   string            `json:"name"`
	Params map[string]string `json:"params,omitempty"`
}

// Rank orders the delivery states; statuses merge by the highest. Failed and Unknown are outside the order.
func (s MessageState) Rank() int {
	switch s {
	case Queued:
		return 1
	case Sent:
		return 2
	case Delivered:
		return 3
	case Read:
		return 4
	}
	return 0
}
