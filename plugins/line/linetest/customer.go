package linetest

import (
	"fmt"
	"strconv"
	"sync/atomic"

	"github.com/oklog/ulid/v2"
)

// Customer is a LINE user who has the account as a friend.
type Customer struct {
	ID       string
	Name     string
	Language string
	Picture  string

	platform *Platform
	seq      atomic.Uint64
	blocked  bool // guarded by the platform's lock
	hidden   bool // has not consented: no profile
}

// Group is a group chat ("group") or a multi-person chat ("room") that the account is in.
type Group struct {
	ID   string
	Kind string
}

// NewCustomer adds a user.
func (p *Platform) NewCustomer(name string) *Customer {
	n := p.nextUser.Add(1)
	c := &Customer{ID: fmt.Sprintf("%s%012x", p.prefix, n), Name: name, Language: "en", platform: p}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users[c.ID] = c
	return c
}

// NewGroup adds a group chat, or with kind "room" a multi-person chat.
func (p *Platform) NewGroup(kind string) *Group {
	letter := "C"
	if kind == "room" {
		letter = "R"
	}
	g := &Group{ID: fmt.Sprintf("%s%s%012x", letter, p.prefix[1:], p.nextUser.Add(1)), Kind: kind}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.groups[g.ID] = g
	return g
}

// Block makes the customer block the account, or with false unblock it.
func (c *Customer) Block(blocked bool) {
	c.platform.mu.Lock()
	defer c.platform.mu.Unlock()
	c.blocked = blocked
}

// HideProfile withdraws the customer's consent to show the profile.
func (c *Customer) HideProfile() {
	c.platform.mu.Lock()
	defer c.platform.mu.Unlock()
	c.hidden = true
}

// Seq is the number of the last text made by Next.
func (c *Customer) Seq() uint64 { return c.seq.Load() }

// Event is a webhook event. Its fields may be changed before it is posted.
type Event struct {
	Type            string          `json:"type"`
	Message         *Message        `json:"message,omitempty"`
	Mode            string          `json:"mode"`
	Timestamp       int64           `json:"timestamp"` // ms
	Source          *Source         `json:"source,omitempty"`
	WebhookEventID  string          `json:"webhookEventId"`
	DeliveryContext DeliveryContext `json:"deliveryContext"`
	ReplyToken      string          `json:"replyToken,omitempty"`
	Unsend          any             `json:"unsend,omitempty"`
	Follow          any             `json:"follow,omitempty"`
	Postback        any             `json:"postback,omitempty"`
	Joined          any             `json:"joined,omitempty"`
	Left            any             `json:"left,omitempty"`
}

// Source is where an event came from.
type Source struct {
	Type    string `json:"type"`
	UserID  string `json:"userId,omitempty"`
	GroupID string `json:"groupId,omitempty"`
	RoomID  string `json:"roomId,omitempty"`
}

// DeliveryContext says whether an event was sent before.
type DeliveryContext struct {
	IsRedelivery bool `json:"isRedelivery"`
}

// Message is the content of a message event.
type Message struct {
	Type                string            `json:"type"`
	ID                  string            `json:"id"`
	Text                string            `json:"text,omitempty"`
	QuoteToken          string            `json:"quoteToken,omitempty"`
	QuotedMessageID     string            `json:"quotedMessageId,omitempty"`
	MarkAsReadToken     string            `json:"markAsReadToken,omitempty"`
	ContentProvider     map[string]string `json:"contentProvider,omitempty"`
	Duration            int64             `json:"duration,omitempty"`
	FileName            string            `json:"fileName,omitempty"`
	FileSize            int64             `json:"fileSize,omitempty"`
	Title               string            `json:"title,omitempty"`
	Address             string            `json:"address,omitempty"`
	Latitude            float64           `json:"latitude,omitempty"`
	Longitude           float64           `json:"longitude,omitempty"`
	PackageID           string            `json:"packageId,omitempty"`
	StickerID           string            `json:"stickerId,omitempty"`
	StickerResourceType string            `json:"stickerResourceType,omitempty"`
	Keywords            []string          `json:"keywords,omitempty"`
}

// Event makes an event of a type, with what every event has. Repliable ones get a reply token.
func (c *Customer) Event(kind string) Event {
	event := Event{
		Type:           kind,
		Mode:           "active",
		Timestamp:      c.platform.opts.Now().UnixMilli(),
		Source:         &Source{Type: "user", UserID: c.ID},
		WebhookEventID: ulid.Make().String(),
	}
	switch kind {
	case "unsend", "unfollow", "leave", "memberLeft":
	default:
		event.ReplyToken = c.platform.newReplyToken(c.ID)
	}
	return event
}

// message makes a message event.
func (c *Customer) message(m Message) Event {
	event := c.Event("message")
	m.ID = strconv.FormatUint(c.platform.nextID.Add(1), 10)
	m.QuoteToken, m.MarkAsReadToken = "quote-"+m.ID, "read-"+m.ID
	event.Message = &m
	return event
}

// Text makes a text message.
func (c *Customer) Text(text string) Event { return c.message(Message{Type: "text", Text: text}) }

// Next makes a text message with the customer's name and the next number, so that a reader can tell whether any is
// missing, doubled or out of order.
func (c *Customer) Next() Event {
	return c.Text(c.Name + " #" + strconv.FormatUint(c.seq.Add(1), 10))
}

// Sticker makes a sticker message.
func (c *Customer) Sticker(packageID, stickerID string, keywords ...string) Event {
	return c.message(Message{Type: "sticker", PackageID: packageID, StickerID: stickerID, StickerResourceType: "STATIC", Keywords: keywords})
}

// Location makes a location message.
func (c *Customer) Location(title, address string, latitude, longitude float64) Event {
	return c.message(Message{Type: "location", Title: title, Address: address, Latitude: latitude, Longitude: longitude})
}

// Attach makes a message with content that the platform holds: "image", "video", "audio" or "file".
func (c *Customer) Attach(kind, fileName string, content Content) Event {
	m := Message{Type: kind}
	switch kind {
	case "file":
		m.FileName, m.FileSize = fileName, int64(len(content.Bytes))
	default:
		m.ContentProvider = map[string]string{"type": "line"}
	}
	if kind == "video" || kind == "audio" {
		m.Duration = 1000
	}
	event := c.message(m)
	c.platform.AddContent(event.Message.ID, content)
	return event
}

// Unsend takes a message back, and its content with it.
func (c *Customer) Unsend(messageID string) Event {
	c.platform.takeBack(messageID)
	event := c.Event("unsend")
	event.Unsend = map[string]string{"messageId": messageID}
	return event
}

// Edit changes the text of a message.
func (c *Customer) Edit(messageID, text string) Event {
	event := c.Event("messageEdited")
	event.Message = &Message{Type: "text", ID: messageID, Text: text, QuoteToken: "quote-" + messageID}
	return event
}

// FollowEvent tells that the customer added the account, or with unblocked came back; UnfollowEvent that he blocked it.
func (c *Customer) FollowEvent(unblocked bool) Event {
	c.Block(false)
	event := c.Event("follow")
	event.Follow = map[string]bool{"isUnblocked": unblocked}
	return event
}

// UnfollowEvent: see FollowEvent.
func (c *Customer) UnfollowEvent() Event {
	c.Block(true)
	return c.Event("unfollow")
}

// Postback tells that the customer pressed a button.
func (c *Customer) Postback(data string) Event {
	event := c.Event("postback")
	event.Postback = map[string]string{"data": data}
	return event
}

// In moves an event into a group or room.
func (g *Group) In(event Event, platform *Platform) Event {
	source := Source{Type: g.Kind}
	if event.Source != nil {
		source.UserID = event.Source.UserID
	}
	if g.Kind == "room" {
		source.RoomID = g.ID
	} else {
		source.GroupID = g.ID
	}
	event.Source = &source
	if event.ReplyToken != "" {
		event.ReplyToken = platform.newReplyToken(g.ID)
	}
	return event
}
