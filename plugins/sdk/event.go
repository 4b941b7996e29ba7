package sdk

import "time"

// Event is one thing that happened on a channel. ID must be the same whenever the provider repeats the event: the host
// stores a repeated one once. Exactly one of the pointers at the end says what happened.
type Event struct {
	ID          string
	Address     map[string]string // which channel of the account; may be nil where there is one
	OccurredAt  time.Time         // by the provider's clock
	Redelivered bool
	Thread      Thread
	Sender      Sender
	Raw         []byte // the provider's own text of this event

	Message             *Message
	Edited              *Edited
	Deleted             *Deleted
	Reaction            *Reaction
	Postback            *Postback
	Status              *Status
	Read                *Read
	Typing              *Typing
	Echo                *Message // sent elsewhere as the account
	Blocked             *Blocked
	Unblocked           *Unblocked
	OptedOut            *OptedOut
	OptedIn             *OptedIn
	GroupJoined         *GroupJoined
	GroupLeft           *GroupLeft
	IdentityChanged     *IdentityChanged
	ConversationStarted *ConversationStarted
	ConversationEnded   *ConversationEnded
	SurveyAnswered      *SurveyAnswered
	LiveAgentRequested  *LiveAgentRequested
	Notice              *Notice
	Unknown             *Unknown
	ThreadControl       *ThreadControl
}

// Thread is the conversation at the provider. Kind is "user", "group" or "room".
type Thread struct {
	ID   string
	Kind string
}

// Sender is who caused an event; any element may be missing. The first identity is the one to answer to.
type Sender struct {
	Identities []Identity
	Name       string
	Language   string
	PictureURL string
}

// Identity names a customer at the provider. Scoped ones are meaningful only under this account.
type Identity struct {
	Kind     string
	Value    string
	Scoped   bool
	Verified bool
}

// Message is what a customer wrote.
type Message struct {
	ID          string
	Text        string
	Attachments []Attachment
	Location    *Location
	Sticker     *Sticker
	QuotedID    string
	ReplyToken  *ReplyToken
	ReadToken   string
	QuoteToken  string
	NoReply     bool
	Contacts    []ContactCard
	Format      TextFormat // of the text
}

// ContactCard is a person whose particulars the customer sent.
type ContactCard struct {
	Name   string
	Phones []string
	Emails []string
	ID     string // at the provider, where that person is known there
}

// ReplyToken answers once, for a short time.
type ReplyToken struct {
	Token     string
	ExpiresAt time.Time
}

// Attachment is content that belongs to a message. Handle is given back to FetchMedia; URL is set instead where the
// content lies at a public address.
type Attachment struct {
	Handle    string
	Type      string
	Name      string
	Size      int64
	Duration  time.Duration
	ExpiresAt time.Time
	URL       string
	Stored    bool // the handle is one of Host.PutMedia: nothing is fetched
}

// Location is a place on the map.
type Location struct {
	Latitude, Longitude float64
	Title, Address      string
}

// Sticker is a picture from a provider's set.
type Sticker struct {
	PackageID string
	ID        string
	Text      string
	Keywords  []string
}

// Edited replaces the text of a message; the largest EditedAt wins.
type Edited struct {
	MessageID  string
	Text       string
	EditedAt   time.Time
	ReplyToken *ReplyToken
}

// Deleted says that the customer took a message back.
type Deleted struct{ MessageID string }

// Reaction is an emoji put on, or taken off, a message.
type Reaction struct {
	MessageID string
	Emoji     string
	Removed   bool
}

// Postback is a pressed button.
type Postback struct {
	Data       string
	Params     map[string]string
	Text       string
	ReplyToken *ReplyToken
}

// StatusState is how far a message of ours has come.
type StatusState int

// The states, in their order.
const (
	StatusSent StatusState = iota + 1
	StatusDelivered
	StatusRead
	StatusFailed
)

// Status tells what became of messages that we sent.
type Status struct {
	MessageIDs []string
	State      StatusState
	Code       string
	Reason     string
}

// Read says that the customer has read up to a message or a time.
type Read struct {
	UpToID string
	UpTo   time.Time
}

// Typing says that the customer is typing, or has stopped.
type Typing struct{ Stopped bool }

// Blocked says that the customer blocked the account.
type Blocked struct{}

// Unblocked says that the customer follows the account, for the first time or again.
type Unblocked struct {
	First      bool
	ReplyToken *ReplyToken
}

// OptedOut and OptedIn are the customer's word on being written to.
type (
	OptedOut struct{ Keyword string }
	OptedIn  struct{ Keyword string }
)

// GroupJoined and GroupLeft tell of members; no members means the account itself.
type (
	GroupJoined struct {
		Members    []Identity
		ReplyToken *ReplyToken
	}
	GroupLeft struct{ Members []Identity }
)

// IdentityChanged says that the provider gave a customer another id.
type IdentityChanged struct{ Former, Current Identity }

// ConversationStarted opens a conversation with what is known about it.
type ConversationStarted struct{ Context map[string]string }

// ConversationEnded says that the customer ended the conversation.
type ConversationEnded struct{ Code string }

// SurveyAnswered carries the answers by question.
type SurveyAnswered struct{ Answers map[string]string }

// LiveAgentRequested says that the customer asked for a person.
type LiveAgentRequested struct{ Reason string }

// Notice is the provider's word about a template or the account.
type Notice struct {
	Kind           string
	Text           string
	AccountStopped bool
	AccountResumed bool
	Template       string // the template that it is about
}

// ThreadControl says that another application at the provider has taken over the thread, or given it to us. Meanwhile
// what the customer says comes as usual, and what we send is refused by the provider.
type ThreadControl struct {
	Ours        bool
	Application string // who has it, or had it, as the provider names it
}

// Unknown is an event or a message of a type that the plugin does not know. It is kept raw and never fails a batch.
type Unknown struct {
	Type       string
	IsMessage  bool
	MessageID  string
	ReplyToken *ReplyToken
}
