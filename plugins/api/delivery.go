package api

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// The types of deliveries.
const (
	typeMessage = "message"
	typeTyping  = "typing"
	typeRead    = "read"
	typeJoined  = "agent_joined"
	typeLeft    = "agent_left"
	typeEnded   = "ended"
	typePing    = "ping"
)

// delivery is what a program is told: the body of a webhook, and an item of what is fetched.
type delivery struct {
	ID           string    `json:"id"` // the same whenever it is delivered; of a message, the message's as well
	Type         string    `json:"type"`
	Account      string    `json:"account"`
	Conversation string    `json:"conversation,omitempty"`
	Customer     *party    `json:"customer,omitempty"`
	At           time.Time `json:"at"`
	Message      *outgoing `json:"message,omitempty"`
	Agent        *author   `json:"agent,omitempty"`
	UpTo         string    `json:"up_to,omitempty"`   // of read: the customer's message, by the id it was posted with
	Stopped      bool      `json:"stopped,omitempty"` // of typing
	Reason       string    `json:"reason,omitempty"`  // of ended
}

// party is a customer, as the program named them.
type party struct {
	Kind string `json:"kind"`
	ID   string `json:"id"`
}

// outgoing is a message of ours.
type outgoing struct {
	ID          string   `json:"id"`
	Text        string   `json:"text"`
	Format      string   `json:"format"`
	Author      author   `json:"author"`
	Attachments []file   `json:"attachments"`
	Choices     []choice `json:"choices,omitempty"`
	ReplyTo     string   `json:"reply_to,omitempty"` // the id of the customer's message that it answers
	Language    string   `json:"language,omitempty"`
}

type author struct {
	Kind    string `json:"kind"`
	Name    string `json:"name,omitempty"`
	Picture string `json:"picture_url,omitempty"`
}

// file is content that belongs to a message. Its address is made anew for each delivery, and good for a day.
type file struct {
	Name string `json:"name"`
	Type string `json:"type"`
	Size int64  `json:"size"`
	URL  string `json:"url,omitempty"`
}

type choice struct {
	Title string `json:"title"`
	Data  string `json:"data,omitempty"`
	URL   string `json:"url,omitempty"`
}

// The states of a record.
const (
	statePending   = "pending"   // it is being tried
	stateWaiting   = "waiting"   // to be fetched
	stateDelivered = "delivered" // the receiver has it, or it was fetched
	stateDead      = "dead"      // it will not be tried again by itself
)

// record is a delivery as it is kept.
type record struct {
	Delivery  delivery  `json:"delivery"`
	Handles   []string  `json:"handles,omitempty"` // of the message's files, in their order
	State     string    `json:"state"`
	Own       bool      `json:"own,omitempty"` // tried by this plugin; else the host repeats it
	Attempts  int       `json:"attempts"`
	CreatedAt time.Time `json:"created_at"`
	LastAt    time.Time `json:"last_at,omitzero"`
	NextAt    time.Time `json:"next_at,omitzero"` // of one that is tried by this plugin
	Until     time.Time `json:"until,omitzero"`   // when it is given up
	Status    int       `json:"status,omitempty"` // the receiver's last answer; 0 for none
	Error     string    `json:"error,omitempty"`
}

// shown is the state of an entry as it is told. The host gives up its messages without telling, and what waits is
// delivered once it was fetched.
func (e *entry) shown(now time.Time, fetched uint64) string {
	switch {
	case e.state == statePending && !e.own && now.After(e.until):
		return stateDead
	case e.state == stateWaiting && e.seq <= fetched:
		return stateDelivered
	}
	return e.state
}

// zippers are kept: each has most of a megabyte of its own.
var zippers = sync.Pool{New: func() any { return gzip.NewWriter(io.Discard) }}

// encode makes a record small enough to be kept: the longest text that the host sends has 30,000 bytes.
func (r *record) encode() ([]byte, error) {
	var b bytes.Buffer
	zip := zippers.Get().(*gzip.Writer)
	defer zippers.Put(zip)
	zip.Reset(&b)
	encoder := json.NewEncoder(zip)
	encoder.SetEscapeHTML(false)
	if err := errors.Join(encoder.Encode(r), zip.Close()); err != nil {
		return nil, fmt.Errorf("encode a delivery: %w", err)
	}
	if b.Len() > maxValue {
		return nil, errRecordTooLarge
	}
	return b.Bytes(), nil
}

// maxValue is how large a value of the account's state may be, in bytes.
const maxValue = 32 << 10

var errRecordTooLarge = errors.New("the delivery is too large to be kept")

// maxRecord is how large a record may be when it is unpacked; it is far larger than any that is made here.
const maxRecord = 1 << 20

func decodeRecord(raw []byte) (*record, error) {
	zip, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, fmt.Errorf("a kept delivery cannot be read: %w", err)
	}
	r := &record{}
	if err := json.NewDecoder(io.LimitReader(zip, maxRecord)).Decode(r); err != nil {
		return nil, fmt.Errorf("a kept delivery cannot be read: %w", err)
	}
	return r, nil
}

// published returns a delivery with the addresses of its files. A file that the host no longer publishes has none.
func (c *channel) published(ctx context.Context, r *record) (delivery, error) {
	d := r.Delivery
	if d.Message == nil || len(r.Handles) == 0 {
		return d, nil
	}
	m := *d.Message
	m.Attachments = append([]file(nil), m.Attachments...)
	for i, handle := range r.Handles {
		address, err := c.host.PublishMedia(ctx, handle, attachedFor)
		switch {
		case err == nil:
			m.Attachments[i].URL = address
		case c.now().Sub(r.CreatedAt) < retryFor:
			return d, fmt.Errorf("publish a file: %w", err)
		}
	}
	d.Message = &m
	return d, nil
}

var authorKinds = map[sdk.AuthorKind]string{sdk.AuthorAgent: "agent", sdk.AuthorBot: "bot", sdk.AuthorSystem: "system"}

// recordOf makes the record of a message of ours.
func (c *channel) recordOf(out *sdk.Outgoing) *record {
	m := &outgoing{
		ID: out.OutboxID, Text: out.Text, Format: "plain", ReplyTo: out.QuotedID, Language: out.Context.Language, Attachments: []file{},
		Author: author{Kind: authorKinds[out.Author.Kind], Name: out.Author.Name, Picture: out.Author.PictureURL},
	}
	if m.Author.Kind == "" {
		m.Author.Kind = "system"
	}
	if out.Format == sdk.Markdown {
		m.Format = "markdown"
	}
	for _, button := range out.Choices {
		data := button.Postback
		if data == "" && button.URL == "" {
			data = button.Title
		}
		m.Choices = append(m.Choices, choice{button.Title, data, button.URL})
	}
	r := c.newRecord(out.OutboxID, typeMessage, out.Thread, out.Recipient)
	for _, at := range out.Attachments {
		m.Attachments = append(m.Attachments, file{Name: at.Name, Type: at.Type, Size: at.Size})
		r.Handles = append(r.Handles, at.Handle)
	}
	r.Delivery.Message = m
	if len(out.Previous) > 0 {
		r.CreatedAt = out.Previous[0].StartedAt.UTC()
		r.Delivery.At, r.Until = r.CreatedAt, r.CreatedAt.Add(retryFor)
	}
	return r
}

func (c *channel) newRecord(id, kind string, thread sdk.Thread, customer sdk.Identity) *record {
	now := c.now().UTC().Truncate(time.Millisecond)
	r := &record{
		Delivery: delivery{ID: id, Type: kind, Account: c.account.ID, Conversation: thread.ID, At: now},
		State:    statePending, CreatedAt: now, Until: now.Add(retryFor),
	}
	if customer.Value != "" {
		r.Delivery.Customer = &party{customer.Kind, customer.Value}
	}
	return r
}
