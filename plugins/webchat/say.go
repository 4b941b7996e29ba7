package webchat

import (
	"context"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/guichet/guichet/plugins/sdk"
)

// speaker is who says something, and from where.
type speaker struct {
	visitor  string
	client   string // the address that limits count by
	language string
	page     page
	agent    string // the User-Agent
	place    sdk.ChannelAddress
}

// The codes of `refused`.
const (
	tooLong           = "too-long"
	tooMany           = "too-many"
	emptyMessage      = "empty"
	attachmentUnknown = "attachment-unknown"
	notAllowed        = "not-allowed"
)

func (s *speaker) event(id string) sdk.Event {
	return sdk.Event{
		ID: id, Address: s.place.Address, OccurredAt: time.Now(), Thread: threadOf(s.visitor),
		Sender: sdk.Sender{Identities: []sdk.Identity{identityOf(s.visitor)}, Language: s.language},
	}
}

// checkMessage refuses what no repetition makes right. It takes no tokens.
func checkMessage(s *speaker, f *frame) (refused *refusedFrame) {
	refuse := func(code string) *refusedFrame {
		return &refusedFrame{T: "refused", ID: cutText(plain(f.ID), maxID), Code: code}
	}
	switch {
	case !idForm.MatchString(f.ID), len(f.Attachments) > limitsOf(s.place).Files:
		return refuse(notAllowed)
	case utf8.RuneCountInString(f.Text) > maxText:
		return refuse(tooLong)
	case f.Text == "" && len(f.Attachments) == 0:
		return refuse(emptyMessage)
	}
	return nil
}

// takeMessage counts a message against the limits of its visitor and its address.
func (c *channel) takeMessage(s *speaker, id string) (refused *refusedFrame) {
	after, ok := c.limits.messages.take(s.visitor)
	if ok {
		if after, ok = c.limits.addressMessages.take(s.client); ok {
			return nil
		}
		c.limits.messages.put(s.visitor)
	}
	return &refusedFrame{T: "refused", ID: id, Code: tooMany, After: inSeconds(after)}
}

// giveBack undoes takeMessage: the panel will have to send it again through no fault of its own.
func (c *channel) giveBack(s *speaker) {
	c.limits.messages.put(s.visitor)
	c.limits.addressMessages.put(s.client)
}

// messageEvents makes the events of a message that was checked: first, where it begins a conversation, what is known of
// the visit, so that rules can decide by it; then that the visitor no longer types; then the message. All have the same
// ids whenever the panel repeats it.
func (c *channel) messageEvents(s *speaker, f *frame, attachments []sdk.Attachment, begins, typed bool) []sdk.Event {
	id := messageID(s.visitor, f.ID)
	var events []sdk.Event
	if begins {
		if variables := s.variables(f.variables); len(variables) > 0 {
			started := s.event(id)
			started.ConversationStarted = &sdk.ConversationStarted{Context: variables}
			events = append(events, started)
		}
	}
	if typed {
		stopped := s.event(id)
		stopped.Typing = &sdk.Typing{Stopped: true}
		events = append(events, stopped)
	}
	message := s.event(id)
	message.Message = &sdk.Message{ID: id, Text: f.Text, Attachments: attachments}
	return append(events, message)
}

// variables are the context variables that a conversation begins with: where the visitor is, then what the page gave.
func (s *speaker) variables(given map[string]string) map[string]string {
	variables := map[string]string{}
	for name, value := range map[string]string{
		"page_url": s.page.URL, "page_title": s.page.Title, "referrer": s.page.Referrer, "language": s.language,
		"browser": browserOf(s.agent),
	} {
		if value != "" {
			variables[name] = value
		}
	}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		if _, taken := variables[name]; taken || len(variables) < maxVariables {
			variables[name] = given[name] // the page may know better
		}
	}
	return variables
}

// begins reports whether a message in a thread of this state begins a conversation.
func begins(state sdk.ThreadState) bool {
	switch state {
	case sdk.ThreadOpen, sdk.ThreadActive, sdk.ThreadWaiting:
		return false
	}
	return true
}

// receipts makes the events of how far our messages have come at the visitor's. done marks them as told.
func (v *visit) receipts(s *speaker, delivered, read string) (events []sdk.Event, done func()) {
	delivered = max(delivered, read)
	var newlyDelivered, newlyRead []string
	v.mu.Lock()
	for _, o := range v.ours {
		if o.position <= read && !o.read {
			newlyRead = append(newlyRead, o.external)
		} else if o.position <= delivered && !o.delivered && !o.read {
			newlyDelivered = append(newlyDelivered, o.external)
		}
	}
	v.mu.Unlock()
	add := func(ids []string, state sdk.StatusState, what, position string) {
		if len(ids) == 0 {
			return
		}
		e := s.event(strings.Join([]string{v.id, what, position, ids[len(ids)-1]}, ":"))
		e.Sender = sdk.Sender{}
		e.Status = &sdk.Status{MessageIDs: ids, State: state}
		events = append(events, e)
	}
	add(newlyDelivered, sdk.StatusDelivered, "delivered", delivered)
	add(newlyRead, sdk.StatusRead, "read", read)
	return events, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		for i := range v.ours {
			o := &v.ours[i]
			o.read = o.read || o.position <= read
			o.delivered = o.delivered || o.position <= delivered
		}
	}
}

// endEvent says that the visitor ends the conversation; ok is false when there is none to end. The host is asked: what
// was told may be a moment old.
func (c *channel) endEvent(ctx context.Context, s *speaker) (e sdk.Event, ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, hostPatience)
	defer cancel()
	status, err := c.host.Conversations().ThreadStatus(ctx, threadOf(s.visitor))
	if err != nil || status.Conversation == "" || begins(status.State) {
		return sdk.Event{}, false, err
	}
	e = s.event(s.visitor + ":end:" + status.Conversation)
	e.ConversationEnded = &sdk.ConversationEnded{Code: "visitor"}
	return e, true, nil
}
