package api

import (
	"context"
	"net/http"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// threadKind is the kind of every thread here: one customer's conversation, whatever your program calls it.
const threadKind = "user"

func threadOf(conversation string) sdk.Thread { return sdk.Thread{ID: conversation, Kind: threadKind} }

// event makes the frame of an event.
func (a *activity) event(received time.Time) sdk.Event {
	e := sdk.Event{ID: a.ID, OccurredAt: a.At, Thread: threadOf(a.Conversation), Sender: a.Customer.sender()}
	if e.OccurredAt.IsZero() {
		e.OccurredAt = received
	}
	return e
}

// sender names a customer. An e-mail address or a phone number tells one customer of all channels only where your program
// has made sure that it is theirs: otherwise anybody could pass for anybody.
func (c *customer) sender() sdk.Sender {
	if c.ID == "" {
		return sdk.Sender{}
	}
	everywhere := c.Kind == "phone" || c.Kind == "email"
	s := sdk.Sender{
		Name: c.Name, Language: c.Language, PictureURL: c.Picture,
		Identities: []sdk.Identity{{Kind: c.Kind, Value: c.ID, Scoped: !everywhere, Verified: true}},
	}
	if c.EmailVerified && c.Email != "" && c.Kind != "email" {
		s.Identities = append(s.Identities, sdk.Identity{Kind: "email", Value: c.Email, Verified: true})
	}
	if c.PhoneVerified && c.Phone != "" && c.Kind != "phone" {
		s.Identities = append(s.Identities, sdk.Identity{Kind: "phone", Value: c.Phone, Verified: true})
	}
	return s
}

// variables are the context variables that a conversation begins with: those given, and what is said of the customer and
// not vouched for.
func (a *activity) variables() map[string]string {
	variables := map[string]string{}
	if c := &a.Customer; c.Email != "" && !c.EmailVerified {
		variables["email"] = c.Email
	}
	if c := &a.Customer; c.Phone != "" && !c.PhoneVerified {
		variables["phone"] = c.Phone
	}
	for name, value := range a.Variables {
		variables[name] = value
	}
	return variables
}

// events makes the events of an activity. They have the same ids whenever it is posted.
func (c *channel) events(ctx context.Context, a *activity, r *http.Request) ([]sdk.Event, error) {
	e := a.event(sdk.ReceivedAt(r))
	switch a.Type {
	case kindMessage:
		var list []sdk.Event
		if variables := a.variables(); len(variables) > 0 && c.begins(ctx, a) {
			started := e
			started.ConversationStarted = &sdk.ConversationStarted{Context: variables}
			list = append(list, started)
		}
		message, err := c.message(ctx, a)
		if err != nil {
			return nil, err
		}
		e.Message = message
		return append(list, e), nil
	case kindStart:
		e.ConversationStarted = &sdk.ConversationStarted{Context: a.variables()}
	case kindEdit:
		e.Edited = &sdk.Edited{MessageID: a.Message, Text: a.Text, EditedAt: e.OccurredAt}
	case kindDelete:
		e.Deleted = &sdk.Deleted{MessageID: a.Message}
	case kindPostback:
		e.Postback = &sdk.Postback{Data: a.Data, Text: a.Text, Params: a.Params}
	case kindTyping:
		e.ID, e.Typing = "typing:"+a.Conversation, &sdk.Typing{Stopped: a.Stopped}
	case kindRead:
		e.Read = &sdk.Read{UpToID: a.UpTo}
		if a.UpTo == "" {
			e.Read.UpTo = e.OccurredAt
		}
		if e.ID == "" {
			e.ID = "read:" + a.Conversation + ":" + a.UpTo + ":" + e.OccurredAt.Format(time.RFC3339Nano)
		}
	case kindEnd:
		e.ConversationEnded = &sdk.ConversationEnded{Code: a.Reason}
	}
	return []sdk.Event{e}, nil
}

// begins reports whether a message begins a conversation. Where the host cannot say, it is taken to: then the one that
// goes on learns the variables, which does no harm.
func (c *channel) begins(ctx context.Context, a *activity) bool {
	status, err := c.host.Conversations().ThreadStatus(ctx, threadOf(a.Conversation))
	if err != nil {
		return true
	}
	switch status.State {
	case sdk.ThreadOpen, sdk.ThreadActive, sdk.ThreadWaiting:
		return false
	}
	return true
}

// message makes the content of a message; files that came with it are stored first.
func (c *channel) message(ctx context.Context, a *activity) (*sdk.Message, error) {
	m := &sdk.Message{ID: a.ID, Text: a.Text, QuotedID: a.ReplyTo}
	if a.Format == "markdown" {
		m.Format = sdk.Markdown
	}
	if l := a.Location; l != nil {
		m.Location = &sdk.Location{Latitude: l.Latitude, Longitude: l.Longitude, Title: l.Title, Address: l.Address}
	}
	for _, who := range a.Contacts {
		m.Contacts = append(m.Contacts, sdk.ContactCard{Name: who.Name, Phones: who.Phones, Emails: who.Emails})
	}
	for i := range a.Attachments {
		at, err := c.attach(ctx, &a.Attachments[i])
		if err != nil {
			return nil, err
		}
		m.Attachments = append(m.Attachments, at)
	}
	return m, nil
}
