package core

import "time"

// InboundKind is what happened on a channel.
type InboundKind string

// The kinds of inbound events.
const (
	InMessage             InboundKind = "message"
	InEdited              InboundKind = "edited"
	InDeleted             InboundKind = "deleted"
	InReaction            InboundKind = "reaction"
	InPostback            InboundKind = "postback"
	InStatus              InboundKind = "status"
	InRead                InboundKind = "read"
	InTyping              InboundKind = "typing"
	InEcho                InboundKind = "echo"
	InBlocked             InboundKind = "blocked"
	InUnblocked           InboundKind = "unblocked"
	InOptedOut            InboundKind = "opted-out"
	InOptedIn             InboundKind = "opted-in"
	InGroupJoined         InboundKind = "group-joined"
	InGroupLeft           InboundKind = "group-left"
	InIdentityChanged     InboundKind = "identity-changed"
	InConversationStarted InboundKind = "conversation-started"
	InConversationEnded   InboundKind = "conversation-ended"
	InSurveyAnswered      InboundKind = "survey-answered"
	InLiveAgentRequested  InboundKind = "live-agent-requested"
	InNotice              InboundKind = "notice"
	InThreadControl       InboundKind = "thread-control"
	InUnknown             InboundKind = "unknown"
)

// Inbound is one event as a channel reports it. (Account, Kind, ID) is stored once within 30 days.
type Inbound struct {
	Account     string
	Kind        InboundKind
	ID          string            // the provider's id of the event
	Address     map[string]string // which channel of the account
	OccurredAt  time.Time
	ReceivedAt  time.Time
	Redelivered bool
	Thread      Thread
	Sender      Sender
	Raw         []byte

	Message *InboundMessage // message, echo, postback; also unknown messages
	// TargetIDs are the provider's ids of the messages that the event is about: edited, deleted, reaction, status, read.
	TargetIDs []string
	Text      string // edited: the new text; notice: its text; conversation-ended: its code
	At        time.Time
	Status    MessageState // status: sent, delivered, read, failed
	Code      string
	Reason    string
	Emoji     string
	Removed   bool // reaction taken off; typing stopped
	First     bool // unblocked: a new follower
	Former    *IdentityKey
	Current   *IdentityKey
	Members   []IdentityKey
	Values    map[string]string // conversation-started: context; survey-answered: answers; postback: params; thread-control: ours
	Name      string            // notice and unknown: the provider's word for it; thread-control: the other application
	Reply     *ReplyToken
	// AccountStopped and AccountResumed come with a notice.
	AccountStopped, AccountResumed bool
}

// InboundMessage is the content of an inbound message.
type InboundMessage struct {
	ExternalID  string
	Kind        string // as Message.Kind
	Text        string
	Attachments []Attachment // state fetching or ready by URL; ids are given when stored
	Location    *Location
	Sticker     *Sticker
	Contacts    []ContactCard
	QuotedID    string
	QuoteToken  string
	ReadToken   string
	NoReply     bool
}

// Sender is who caused an event. The first identity is the one to answer to.
type Sender struct {
	Identities []SenderIdentity
	Name       string
	Language   string
	Picture    string
}

// SenderIdentity is one name of a sender.
type SenderIdentity struct {
	IdentityKey
	Verified bool
}
