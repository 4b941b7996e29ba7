package live

import (
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// Summary is a conversation as lists show it, in the API and on the socket alike.
type Summary struct {
	ID                  core.ID       `json:"id"`
	Version             uint64        `json:"version"` // a frame with a lower one than the client has is stale
	State               core.State    `json:"state"`
	Channel             string        `json:"channel"`
	Account             string        `json:"account"`
	Workstream          string        `json:"workstream"`
	Queue               string        `json:"queue"`
	Assignee            string        `json:"assignee"`
	Former              string        `json:"former,omitempty"`
	OfferedTo           string        `json:"offered_to,omitempty"`
	Contact             Named         `json:"contact"`
	Plugin              string        `json:"plugin"` // of the account
	QueueName           string        `json:"queue_name"`
	AssigneeName        string        `json:"assignee_name"`
	Language            string        `json:"language,omitempty"`
	LastSeq             uint64        `json:"last_seq"`
	ReadUpTo            uint64        `json:"read_up_to"` // seq of the newest message that has been read
	FirstWords          string        `json:"first_words"`
	LastMessage         *core.Preview `json:"last_message"`
	LastCustomerMessage *core.Preview `json:"last_customer_message"`
	WaitingSince        *time.Time    `json:"waiting_since"`
	QueuedSince         *time.Time    `json:"queued_since"`
	Unread              int           `json:"unread"`
	Window              *time.Time    `json:"window"` // until when free text may be sent; null where there is no such limit
	NoReply             bool          `json:"no_reply,omitempty"`
	CreatedAt           time.Time     `json:"created_at"`
	LastActivity        time.Time     `json:"last_activity"`
	ClosedAt            *time.Time    `json:"closed_at"`
}

// Named is a contact with the name to show.
type Named struct {
	ID        core.ID `json:"id"`
	Name      string  `json:"name"`
	Anonymous bool    `json:"anonymous"` // nothing is known by which a person would call them
}

// Names resolves contacts, queues, agents and accounts to what lists show of them, within one transaction.
type Names struct {
	tx    *store.Tx
	setup *core.Setup
	known map[core.ID]Named
}

// NewNames returns a resolver that is valid as long as tx.
func NewNames(tx *store.Tx, setup *core.Setup) *Names {
	return &Names{tx: tx, setup: setup, known: map[core.ID]Named{}}
}

// Of returns the contact that stands for id now. One that is missing keeps its id and has no name.
func (n *Names) Of(id core.ID) (Named, error) {
	if named, ok := n.known[id]; ok {
		return named, nil
	}
	named := Named{ID: id, Anonymous: true}
	contact, err := n.tx.ResolveContact(id)
	switch {
	case err == nil:
		named = Named{ID: contact.ID, Name: contact.Name, Anonymous: contact.Anonymous()}
	case core.CodeOf(err) != core.NotFound:
		return named, err
	}
	n.known[id] = named
	return named, nil
}

// Summarize makes the summary of a conversation.
func Summarize(c *core.Conversation, names *Names) (*Summary, error) {
	contact, err := names.Of(c.Contact)
	if err != nil {
		return nil, err
	}
	s := &Summary{
		ID: c.ID, Version: c.Version, State: c.State, Channel: c.Channel, Account: c.Account, Workstream: c.Workstream,
		Queue: c.Queue, Assignee: c.Assignee, Former: c.Former, Contact: contact, Language: c.Language, LastSeq: c.LastSeq,
		LastMessage: c.LastMessage, LastCustomerMessage: c.LastCustomerMessage, WaitingSince: at(c.WaitingSince),
		QueuedSince: at(c.QueuedSince), Unread: c.Unread, ReadUpTo: c.ReadUpTo, Window: at(c.Window),
		NoReply: c.NoReply, CreatedAt: c.CreatedAt, LastActivity: c.LastActivity, ClosedAt: at(c.ClosedAt),
	}
	if c.Offer != nil {
		s.OfferedTo = c.Offer.Agent
	}
	if c.FirstWords != nil {
		s.FirstWords = c.FirstWords.Text
	}
	if c.Unread == 0 {
		s.ReadUpTo = c.LastSeq
	}
	if account := names.setup.Accounts[c.Account]; account != nil {
		s.Plugin = account.Plugin
	}
	if queue := names.setup.Queues[c.Queue]; queue != nil {
		s.QueueName = queue.Name
	}
	if agent := names.setup.Agents[c.Assignee]; agent != nil {
		s.AssigneeName = agent.Name
	}
	return s, nil
}

// at is a time that JSON shows as null when it is not set.
func at(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// Offer is a ringing offer as its agent sees it. Remaining time is told instead of a moment, because browsers' clocks
// are wrong.
type Offer struct {
	ID           core.ID `json:"id"`
	Conversation core.ID `json:"conversation"`
	Queue        string  `json:"queue"`
	Contact      Named   `json:"contact"`
	RemainingMS  int64   `json:"remaining_ms"`

	ringing *core.Offer
}

// OfferOf makes the view of a conversation's offer; nil when none rings. How long it still rings is filled in last, by
// [Offer.For].
func OfferOf(c *core.Conversation, names *Names) (*Offer, error) {
	if c.Offer == nil {
		return nil, nil
	}
	contact, err := names.Of(c.Contact)
	if err != nil {
		return nil, err
	}
	return &Offer{ID: c.Offer.ID, Conversation: c.ID, Queue: c.Offer.Queue, Contact: contact, ringing: c.Offer}, nil
}

// For returns the view with the time for which remaining says that the offer still rings.
func (o *Offer) For(remaining func(*core.Offer) time.Duration) *Offer {
	shown := *o
	shown.RemainingMS = max(0, remaining(o.ringing).Milliseconds())
	return &shown
}

// Message is a message as browsers and scripts see it.
type Message struct {
	ID           string             `json:"id"`
	Conversation core.ID            `json:"conversation"`
	Seq          uint64             `json:"seq"`
	Kind         string             `json:"kind"`
	From         Author             `json:"from"`
	Visibility   core.Visibility    `json:"visibility"`
	Text         string             `json:"text"`
	Attachments  []Attachment       `json:"attachments"`
	Location     *core.Location     `json:"location,omitempty"`
	Sticker      *core.Sticker      `json:"sticker,omitempty"`
	Contacts     []core.ContactCard `json:"contacts,omitempty"`
	Activity     *core.Activity     `json:"activity,omitempty"`
	Quotes       uint64             `json:"quotes,omitempty"`
	Reactions    []core.Reaction    `json:"reactions,omitempty"`
	State        core.MessageState  `json:"state"`
	Reason       *core.Reason       `json:"reason"`
	ExternalIDs  []string           `json:"external_ids"`
	OccurredAt   time.Time          `json:"occurred_at"`
	CreatedAt    time.Time          `json:"created_at"`
	EditedAt     *time.Time         `json:"edited_at,omitempty"`
	DeletedAt    *time.Time         `json:"deleted_at,omitempty"`
}

// Author is who wrote a message.
type Author struct {
	Kind core.AuthorKind `json:"kind"`
	ID   string          `json:"id"`
	Name string          `json:"name"`
}

// Attachment is content of a message. URL is where whoever may see the message gets it; "" until it is ready.
type Attachment struct {
	ID         core.ID              `json:"id"`
	State      core.AttachmentState `json:"state"`
	Reason     string               `json:"reason,omitempty"`
	Name       string               `json:"name"`
	Type       string               `json:"type"`
	Size       int64                `json:"size"`
	DurationMS int64                `json:"duration_ms,omitempty"`
	URL        string               `json:"url,omitempty"`
}

// ShowMessage makes the view of a message. Hashes, handles and tokens stay inside.
func ShowMessage(m *core.Message) *Message {
	v := &Message{
		ID: m.ID, Conversation: m.Conversation, Seq: m.Seq, Kind: m.Kind, From: Author(m.From), Visibility: m.Visibility,
		Text: m.Text, Attachments: make([]Attachment, 0, len(m.Attachments)), Location: m.Location, Sticker: m.Sticker, Contacts: m.Contacts,
		Activity: m.Activity, Quotes: m.Quotes, Reactions: m.Reactions, State: m.State, Reason: m.Reason,
		ExternalIDs: m.ExternalIDs, OccurredAt: m.OccurredAt, CreatedAt: m.CreatedAt, EditedAt: at(m.EditedAt),
		DeletedAt: at(m.DeletedAt),
	}
	if v.ExternalIDs == nil {
		v.ExternalIDs = []string{}
	}
	for _, a := range m.Attachments {
		shown := Attachment{
			ID: a.ID, State: a.State, Reason: a.Reason, Name: a.Name, Type: a.Type, Size: a.Size,
			DurationMS: a.Duration.Milliseconds(),
		}
		switch {
		case a.State != core.Ready:
		case a.Hash != "":
			shown.URL = "/api/v1/attachments/" + string(m.Conversation) + "/" + string(a.ID)
		default:
			shown.URL = a.URL
		}
		v.Attachments = append(v.Attachments, shown)
	}
	return v
}

// Presence is an agent's presence and load.
type Presence struct {
	Agent    string        `json:"agent"`
	Presence core.Presence `json:"presence"`
	Load     int           `json:"load"`
}
