package telegram

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// handled lists the updates that are asked for. Reactions come only where they are named, and in groups only to bots that
// administer them.
var handled = []string{"message", "edited_message", "callback_query", "my_chat_member", "message_reaction"}

// update is one update of Telegram, translated. It depends on nothing but its text and the bot.
type update struct {
	id       int64
	known    bool // it has an id
	events   []sdk.Event
	moved    *move  // a group got another id
	callback string // id of a pressed button that waits for an answer
}

type wireChat struct {
	ID    int64  `json:"id"`
	Type  string `json:"type"` // private, group, supergroup, channel
	Title string `json:"title"`
}

type wireUser struct {
	ID           int64  `json:"id"`
	FirstName    string `json:"first_name"`
	LastName     string `json:"last_name"`
	LanguageCode string `json:"language_code"`
}

type wireMember struct {
	Status   string `json:"status"`
	IsMember bool   `json:"is_member"` // of a restricted one
}

// wireMembership says that the bot's own standing in a chat has changed.
type wireMembership struct {
	Chat wireChat   `json:"chat"`
	From wireUser   `json:"from"`
	Date int64      `json:"date"` // s
	Old  wireMember `json:"old_chat_member"`
	New  wireMember `json:"new_chat_member"`
}

type wireCallback struct {
	ID      string       `json:"id"`
	From    wireUser     `json:"from"`
	Data    *string      `json:"data"`
	Message *wireMessage `json:"message"` // with a date of 0 where it can no longer be seen
}

type wireReactions struct {
	Chat      wireChat       `json:"chat"`
	MessageID int64          `json:"message_id"`
	User      *wireUser      `json:"user"`
	ActorChat *wireChat      `json:"actor_chat"`
	Date      int64          `json:"date"` // s
	Old       []wireReaction `json:"old_reaction"`
	New       []wireReaction `json:"new_reaction"`
}

type wireReaction struct {
	Type          string `json:"type"` // emoji, custom_emoji, paid
	Emoji         string `json:"emoji"`
	CustomEmojiID string `json:"custom_emoji_id"`
}

// parse translates one update. There is at least one event for whatever came: what cannot be read is kept raw.
func parse(raw []byte, bot string, received time.Time) update {
	fields := map[string]json.RawMessage{}
	err := json.Unmarshal(raw, &fields)
	t := translation{event: sdk.Event{ID: "update:" + digest(raw), OccurredAt: received, Raw: raw}, bot: bot}
	if given, ok := fields["update_id"]; ok && json.Unmarshal(given, &t.id) == nil {
		t.known = true
		// Numbers of two bots may meet where an account is given another one.
		t.event.ID = bot + ":" + strconv.FormatInt(t.id, 10)
	}
	delete(fields, "update_id")
	if err != nil || len(fields) == 0 {
		t.unknown("unreadable")
		return t.update
	}
	// There is one beside the id; should Telegram ever send two, the first we know is taken and all is kept raw.
	kind := slices.Sorted(maps.Keys(fields))[0]
	for _, known := range handled {
		if _, ok := fields[known]; ok {
			kind = known
			break
		}
	}
	t.translate(kind, fields[kind])
	return t.update
}

// translation is an update on its way to events.
type translation struct {
	update
	bot   string
	event sdk.Event // what all events of the update have in common
}

func (t *translation) add(change func(*sdk.Event)) {
	event := t.event
	change(&event)
	t.events = append(t.events, event)
}

func (t *translation) unknown(kind string) {
	t.add(func(e *sdk.Event) { e.Unknown = &sdk.Unknown{Type: kind} })
}

func (t *translation) translate(kind string, body json.RawMessage) {
	switch kind {
	case "message":
		var m wireMessage
		if err := json.Unmarshal(body, &m); err != nil {
			t.unreadable(&m)
			return
		}
		t.message(&m, body)
	case "edited_message":
		read(t, kind, body, t.edited)
	case "callback_query":
		read(t, kind, body, t.pressed)
	case "my_chat_member":
		read(t, kind, body, t.membership)
	case "message_reaction":
		read(t, kind, body, t.reactions)
	default:
		// Posts in channels, and what is written to a business account that a bot is connected to, are not for the desk.
		t.unknown(kind)
	}
}

// read decodes a body and goes on with it; one that cannot be read is kept.
func read[T any](t *translation, kind string, body json.RawMessage, then func(*T)) {
	var v T
	if json.Unmarshal(body, &v) != nil {
		t.unknown(kind)
		return
	}
	then(&v)
}

// unreadable tells of a message with a field that is not of its type. The decoder has read the others, so it keeps its
// place, and people see that something came.
func (t *translation) unreadable(m *wireMessage) {
	t.place(m.Chat, m.topic(), m.From, m.SenderChat, m.Date)
	t.add(func(e *sdk.Event) {
		e.Unknown = &sdk.Unknown{Type: "message", IsMessage: e.Thread.ID != ""}
		if e.Unknown.IsMessage && m.MessageID != 0 {
			e.Unknown.MessageID = messageID(m.Chat.ID, m.MessageID)
		}
	})
}

// place sets where and when something happened, and who did it.
func (t *translation) place(chat wireChat, topic int64, from *wireUser, as *wireChat, at int64) {
	t.event.Thread = threadOf(chat, topic)
	if at > 0 {
		t.event.OccurredAt = time.Unix(at, 0).UTC()
	}
	switch {
	case as != nil && chat.Type != "private":
		// Somebody who writes as a group or a channel, whose own id is not shown.
		t.event.Sender = sdk.Sender{Identities: []sdk.Identity{user(as.ID)}, Name: as.Title}
	case from != nil && from.ID != 0:
		t.event.Sender = sdk.Sender{Identities: []sdk.Identity{user(from.ID)}, Name: from.name(), Language: from.LanguageCode}
	}
}

func (t *translation) pressed(q *wireCallback) {
	t.callback = q.ID
	chat, topic := wireChat{ID: q.From.ID, Type: "private"}, int64(0)
	if q.Message != nil && q.Message.Chat.ID != 0 {
		chat, topic = q.Message.Chat, q.Message.topic()
	}
	t.place(chat, topic, &q.From, nil, 0)
	if q.Data == nil {
		t.unknown("callback_query.game")
		return
	}
	t.add(func(e *sdk.Event) { e.Postback = &sdk.Postback{Data: *q.Data, Text: q.Message.buttonTitle(*q.Data)} })
}

func (t *translation) membership(m *wireMembership) {
	t.place(m.Chat, 0, &m.From, nil, m.Date)
	was, is := m.Old.present(), m.New.present()
	switch {
	case was == is:
		t.unknown("my_chat_member." + m.New.Status) // promoted, restricted …
	case m.Chat.Type == "private" && is:
		t.add(func(e *sdk.Event) { e.Unblocked = &sdk.Unblocked{First: m.Old.Status != "kicked"} })
	case m.Chat.Type == "private":
		t.add(func(e *sdk.Event) { e.Blocked = &sdk.Blocked{} })
	case m.Chat.Type == "channel":
		t.unknown("my_chat_member." + m.New.Status)
	case is:
		t.add(func(e *sdk.Event) { e.GroupJoined = &sdk.GroupJoined{} })
	default:
		t.add(func(e *sdk.Event) { e.GroupLeft = &sdk.GroupLeft{} })
	}
}

func (m wireMember) present() bool {
	return m.Status != "left" && m.Status != "kicked" && (m.Status != "restricted" || m.IsMember)
}

// reactions tells what was put on and taken off.
func (t *translation) reactions(r *wireReactions) {
	t.place(r.Chat, 0, r.User, r.ActorChat, r.Date)
	base := t.event.ID
	tell := func(reaction wireReaction, removed bool) {
		t.add(func(e *sdk.Event) {
			e.ID = base + ":" + strconv.Itoa(len(t.events))
			e.Reaction = &sdk.Reaction{MessageID: messageID(r.Chat.ID, r.MessageID), Emoji: reaction.text(), Removed: removed}
		})
	}
	for _, former := range r.Old {
		if !slices.Contains(r.New, former) {
			tell(former, true)
		}
	}
	for _, current := range r.New {
		if !slices.Contains(r.Old, current) {
			tell(current, false)
		}
	}
	if len(t.events) == 0 {
		t.unknown("message_reaction")
	}
}

// text is the emoji. One of a set of Telegram's own has none, and a paid one is a star.
func (r wireReaction) text() string {
	switch {
	case r.Emoji != "":
		return r.Emoji
	case r.Type == "paid":
		return "⭐"
	}
	return "❔"
}

func (u *wireUser) name() string {
	if u.LastName == "" {
		return u.FirstName
	}
	return u.FirstName + " " + u.LastName
}

// user is a Telegram user's identity, vouched for by Telegram.
func user(id int64) sdk.Identity {
	return sdk.Identity{Kind: userKind, Value: strconv.FormatInt(id, 10), Verified: true}
}

// threadOf names the conversation: the chat, and in a group that is divided into topics the topic as well, so that an
// answer goes where the question was asked.
func threadOf(chat wireChat, topic int64) sdk.Thread {
	if chat.ID == 0 {
		return sdk.Thread{}
	}
	return destination{chat: chat.ID, topic: topic}.thread(chat.Type != "private")
}

// messageID is a message's id for the host. Telegram numbers the messages of each chat anew.
func messageID(chat, message int64) string {
	return strconv.FormatInt(chat, 10) + ":" + strconv.FormatInt(message, 10)
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}
