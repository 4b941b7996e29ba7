package webchat

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
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
//
// An event's id is made of the messages that it is about and of nothing that the panel says: the same told again is the
// same event, another set is another, and however many positions a panel makes up, there are no more events than ways to
// cut the row of our messages in two. What was seen stays seen: it counts for older messages that are shown later, too.
func (v *visit) receipts(s *speaker, delivered, read string) (events []sdk.Event, done func()) {
	var newlyDelivered, newlyRead []string
	further := false // something has arrived that is not read
	v.mu.Lock()
	v.readUpTo = max(v.readUpTo, min(read, v.last))
	v.deliveredUpTo = max(v.deliveredUpTo, min(delivered, v.last), v.readUpTo)
	delivered, read = v.deliveredUpTo, v.readUpTo
	for _, o := range v.ours {
		if o.position <= read && !o.read {
			newlyRead = append(newlyRead, o.external)
		}
		if o.position <= delivered && !o.delivered && !o.read {
			newlyDelivered = append(newlyDelivered, o.external)
			further = further || o.position > read
		}
	}
	v.mu.Unlock()
	if !further {
		newlyDelivered = nil // being read says it
	}
	if len(newlyDelivered)+len(newlyRead) == 0 {
		return nil, func() {}
	}
	if _, ok := v.c.limits.receipts.take(v.id); !ok {
		return nil, func() {} // the next word of it tells all of it
	}
	add := func(ids []string, state sdk.StatusState, what string) {
		if len(ids) == 0 {
			return
		}
		e := s.event(strings.Join([]string{v.id, what, digestOf(ids)}, ":"))
		e.Sender = sdk.Sender{}
		e.Status = &sdk.Status{MessageIDs: ids, State: state}
		events = append(events, e)
	}
	add(newlyDelivered, sdk.StatusDelivered, "delivered")
	add(newlyRead, sdk.StatusRead, "read")
	return events, func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		for i := range v.ours {
			o := &v.ours[i]
			o.read = o.read || slices.Contains(newlyRead, o.external)
			o.delivered = o.delivered || slices.Contains(newlyDelivered, o.external)
		}
	}
}

// digestOf names a set of ids in short.
func digestOf(ids []string) string {
	sum := sha256.Sum256([]byte(strings.Join(ids, "\n")))
	return hex.EncodeToString(sum[:16])
}

// endEvent says that the visitor ends the conversation; nil when there is none to end. The host is asked: what was told
// may be a moment old. Every request is an event of its own, for a conversation can be ended, taken up again and ended
// again: one that its panel names is the same whenever it is repeated. after is positive when the panel is to ask again.
func (c *channel) endEvent(ctx context.Context, s *speaker, request string) (e *sdk.Event, after int) {
	if wait, ok := c.limits.ends.take(s.visitor); !ok {
		return nil, inSeconds(wait)
	}
	ctx, cancel := context.WithTimeout(ctx, hostPatience)
	defer cancel()
	status, err := c.host.Conversations().ThreadStatus(ctx, threadOf(s.visitor))
	switch {
	case err != nil:
		c.busy("thread status", err)
		return nil, tryAgainAfter
	case status.Conversation == "" || begins(status.State):
		return nil, 0
	}
	if !idForm.MatchString(request) {
		request = rand.Text()
	}
	ended := s.event(strings.Join([]string{s.visitor, "end", status.Conversation, request}, ":"))
	ended.ConversationEnded = &sdk.ConversationEnded{Code: "visitor"}
	return &ended, 0
}
