package telegram

import (
	"encoding/json"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"

	"github.com/guichet/guichet/plugins/sdk"
)

// wireMessage has the fields of a message that are used; those that a kind lacks stay empty.
type wireMessage struct {
	MessageID       int64        `json:"message_id"` // unique in its chat only
	ThreadID        int64        `json:"message_thread_id"`
	IsTopicMessage  bool         `json:"is_topic_message"`
	From            *wireUser    `json:"from"`
	SenderChat      *wireChat    `json:"sender_chat"`
	Chat            wireChat     `json:"chat"`
	Date            int64        `json:"date"`      // s
	EditDate        int64        `json:"edit_date"` // s
	ReplyTo         *wireMessage `json:"reply_to_message"`
	Text            string       `json:"text"`
	Entities        []wireEntity `json:"entities"`
	Caption         string       `json:"caption"`
	CaptionEntities []wireEntity `json:"caption_entities"`

	Photo     []wireFile   `json:"photo"` // one picture in several sizes
	Document  *wireFile    `json:"document"`
	Audio     *wireFile    `json:"audio"`
	Voice     *wireFile    `json:"voice"`
	Video     *wireFile    `json:"video"`
	VideoNote *wireFile    `json:"video_note"`
	Animation *wireFile    `json:"animation"` // comes with a document that is the same
	Sticker   *wireSticker `json:"sticker"`
	Location  *wirePlace   `json:"location"`
	Venue     *wireVenue   `json:"venue"` // comes with its location
	Contact   *wireContact `json:"contact"`

	NewChatMembers  []wireUser `json:"new_chat_members"`
	LeftChatMember  *wireUser  `json:"left_chat_member"`
	MigrateToChatID int64      `json:"migrate_to_chat_id"`
	MigrateFromID   int64      `json:"migrate_from_chat_id"`

	ReplyMarkup struct {
		InlineKeyboard [][]wireButton `json:"inline_keyboard"`
	} `json:"reply_markup"`
}

type wireEntity struct {
	Type   string `json:"type"`
	Offset int    `json:"offset"` // UTF-16 units
	Length int    `json:"length"`
	URL    string `json:"url"`
}

type wireFile struct {
	FileID       string `json:"file_id"`
	FileUniqueID string `json:"file_unique_id"`
	FileSize     int64  `json:"file_size"`
	MIMEType     string `json:"mime_type"`
	FileName     string `json:"file_name"`
	Title        string `json:"title"`    // of a piece of music
	Duration     int64  `json:"duration"` // s
	Width        int64  `json:"width"`
	Height       int64  `json:"height"`
}

type wireSticker struct {
	FileUniqueID string `json:"file_unique_id"`
	SetName      string `json:"set_name"`
	Emoji        string `json:"emoji"`
}

type wirePlace struct {
	Latitude  float64 `json:"latitude"`
	Longitude float64 `json:"longitude"`
}

type wireVenue struct {
	Location wirePlace `json:"location"`
	Title    string    `json:"title"`
	Address  string    `json:"address"`
}

type wireContact struct {
	PhoneNumber string `json:"phone_number"`
	FirstName   string `json:"first_name"`
	LastName    string `json:"last_name"`
	UserID      int64  `json:"user_id"`
	VCard       string `json:"vcard"`
}

type wireButton struct {
	Text         string `json:"text"`
	CallbackData string `json:"callback_data,omitempty"`
	URL          string `json:"url,omitempty"`
}

func (m *wireMessage) topic() int64 {
	if m.IsTopicMessage && m.Chat.Type != "private" {
		return m.ThreadID
	}
	return 0
}

// buttonTitle is what the customer saw on the button that carries data.
func (m *wireMessage) buttonTitle(data string) string {
	if m == nil {
		return ""
	}
	for _, row := range m.ReplyMarkup.InlineKeyboard {
		for _, button := range row {
			if button.CallbackData == data {
				return button.Text
			}
		}
	}
	return ""
}

// message translates what was said, and what a group says about itself.
func (t *translation) message(m *wireMessage, body json.RawMessage) {
	t.place(m.Chat, m.topic(), m.From, m.SenderChat, m.Date)
	switch {
	case m.Chat.Type == "channel":
		t.unknown("message.channel")
	case m.MigrateToChatID != 0:
		t.migrated(m.Chat.ID, m.MigrateToChatID)
	case m.MigrateFromID != 0:
		t.migrated(m.MigrateFromID, m.Chat.ID)
	case len(m.NewChatMembers) > 0:
		// That the bot itself has joined or left is told by my_chat_member.
		if members := t.others(m.NewChatMembers...); len(members) > 0 {
			t.add(func(e *sdk.Event) { e.GroupJoined = &sdk.GroupJoined{Members: members} })
			return
		}
		t.unknown("new_chat_members")
	case m.LeftChatMember != nil:
		if members := t.others(*m.LeftChatMember); len(members) > 0 {
			t.add(func(e *sdk.Event) { e.GroupLeft = &sdk.GroupLeft{Members: members} })
			return
		}
		t.unknown("left_chat_member")
	default:
		t.said(m, body)
	}
}

// said translates a customer's words. The parameter of a deep link (https://t.me/BOT?start=PARAMETER), which opens the
// chat, is told of beforehand.
func (t *translation) said(m *wireMessage, body json.RawMessage) {
	content := m.content()
	if content == nil {
		kind, spoken := m.strange(body)
		t.add(func(e *sdk.Event) {
			e.Unknown = &sdk.Unknown{Type: kind, IsMessage: spoken}
			if spoken {
				e.Unknown.MessageID = messageID(m.Chat.ID, m.MessageID)
			}
		})
		return
	}
	if parameter, ok := strings.CutPrefix(m.Text, "/start "); ok && m.Chat.Type == "private" && strings.TrimSpace(parameter) != "" {
		t.add(func(e *sdk.Event) {
			e.ConversationStarted = &sdk.ConversationStarted{Context: map[string]string{"start": strings.TrimSpace(parameter)}}
		})
	}
	t.add(func(e *sdk.Event) { e.Message = content })
}

// content is what a message says, nil when it is of no known kind.
func (m *wireMessage) content() *sdk.Message {
	out := &sdk.Message{ID: messageID(m.Chat.ID, m.MessageID), QuoteToken: messageID(m.Chat.ID, m.MessageID), Text: m.words()}
	// In a group with topics, a message that answers nothing refers to the one that opened the topic.
	if m.ReplyTo != nil && m.ReplyTo.MessageID != 0 && (m.topic() == 0 || m.ReplyTo.MessageID != m.ThreadID) {
		out.QuotedID = messageID(m.Chat.ID, m.ReplyTo.MessageID)
	}
	switch {
	case len(m.Photo) > 0:
		largest := slices.MaxFunc(m.Photo, func(a, b wireFile) int { return int(a.Width*a.Height - b.Width*b.Height) })
		out.Attachments = []sdk.Attachment{largest.attachment("photo", "image/jpeg", ".jpg")}
	case m.Animation != nil:
		out.Attachments = []sdk.Attachment{m.Animation.attachment("animation", "video/mp4", ".mp4")}
	case m.Document != nil:
		out.Attachments = []sdk.Attachment{m.Document.attachment("document", "application/octet-stream", "")}
	case m.Audio != nil:
		out.Attachments = []sdk.Attachment{m.Audio.attachment("audio", "audio/mpeg", ".mp3")}
	case m.Voice != nil:
		out.Attachments = []sdk.Attachment{m.Voice.attachment("voice", "audio/ogg", ".ogg")}
	case m.Video != nil:
		out.Attachments = []sdk.Attachment{m.Video.attachment("video", "video/mp4", ".mp4")}
	case m.VideoNote != nil:
		out.Attachments = []sdk.Attachment{m.VideoNote.attachment("video-note", "video/mp4", ".mp4")}
	case m.Sticker != nil:
		out.Sticker = &sdk.Sticker{PackageID: m.Sticker.SetName, ID: m.Sticker.FileUniqueID, Text: m.Sticker.Emoji}
	case m.Venue != nil:
		out.Location = &sdk.Location{
			Latitude: m.Venue.Location.Latitude, Longitude: m.Venue.Location.Longitude, Title: m.Venue.Title, Address: m.Venue.Address,
		}
	case m.Location != nil:
		out.Location = &sdk.Location{Latitude: m.Location.Latitude, Longitude: m.Location.Longitude}
	case m.Contact != nil:
		out.Contacts = []sdk.ContactCard{m.Contact.card()}
	case out.Text == "":
		return nil
	}
	return out
}

// edited translates a changed text. Telegram tells the second, so two edits within one are told apart by the order of
// their updates.
func (t *translation) edited(m *wireMessage) {
	t.place(m.Chat, m.topic(), m.From, m.SenderChat, m.EditDate)
	if m.Location != nil || m.MessageID == 0 || m.Chat.Type == "channel" || m.Text == "" && m.Caption == "" && m.content() == nil {
		t.unknown("edited_message") // a place that moves, for one
		return
	}
	at := t.event.OccurredAt.Add(time.Duration(t.id%1000) * time.Millisecond)
	t.add(func(e *sdk.Event) {
		e.Edited = &sdk.Edited{MessageID: messageID(m.Chat.ID, m.MessageID), Text: m.words(), EditedAt: at}
	})
}

// migrated tells that a group has become a supergroup, which has another id. Both chats tell of it: the event is one.
func (t *translation) migrated(former, current int64) {
	t.moved = &move{from: former, to: current}
	t.add(func(e *sdk.Event) {
		e.ID = t.bot + ":moved:" + messageID(former, current)
		e.Thread = destination{chat: former}.thread(true)
		e.IdentityChanged = &sdk.IdentityChanged{Former: groupIdentity(former), Current: groupIdentity(current)}
	})
}

// groupIdentity is how the host names a group: by its thread.
func groupIdentity(chat int64) sdk.Identity {
	return sdk.Identity{Kind: "group", Value: strconv.FormatInt(chat, 10), Scoped: true}
}

// others are the members who are not the bot.
func (t *translation) others(members ...wireUser) []sdk.Identity {
	var out []sdk.Identity
	for _, member := range members {
		if member.ID != 0 && strconv.FormatInt(member.ID, 10) != t.bot {
			out = append(out, user(member.ID))
		}
	}
	return out
}

// words is the text or the caption, as typed, with the addresses behind linked words written out.
func (m *wireMessage) words() string {
	text, entities := m.Text, m.Entities
	if text == "" {
		text, entities = m.Caption, m.CaptionEntities
	}
	linked := slices.DeleteFunc(slices.Clone(entities), func(e wireEntity) bool { return e.Type != "text_link" || e.URL == "" })
	if len(linked) == 0 {
		return text
	}
	units := utf16.Encode([]rune(text))
	slices.SortStableFunc(linked, func(a, b wireEntity) int { return a.Offset - b.Offset })
	var b strings.Builder
	done := 0
	for _, e := range linked {
		end := e.Offset + e.Length
		if e.Offset < 0 || e.Length <= 0 || end > len(units) || end < done {
			continue
		}
		b.WriteString(string(utf16.Decode(units[done:end])))
		if label := string(utf16.Decode(units[e.Offset:end])); strings.TrimSpace(label) != e.URL {
			b.WriteString(" (" + e.URL + ")")
		}
		done = end
	}
	b.WriteString(string(utf16.Decode(units[done:])))
	return b.String()
}

// attachment describes a file. Telegram does not give its name and type with the file itself, so the handle keeps them.
func (f *wireFile) attachment(kind, mimeType, ending string) sdk.Attachment {
	name := f.FileName
	if name == "" && f.Title != "" {
		name = f.Title + ending
	}
	if name == "" {
		name = kind + "-" + f.FileUniqueID + ending
	}
	if f.MIMEType != "" {
		mimeType = f.MIMEType
	}
	return sdk.Attachment{
		Handle: handle{file: f.FileID, mimeType: mimeType, name: name}.String(), Type: mimeType, Name: name,
		Size: max(f.FileSize, 0), Duration: time.Duration(min(max(f.Duration, 0), 1<<30)) * time.Second,
	}
}

func (c *wireContact) card() sdk.ContactCard {
	card := sdk.ContactCard{Name: strings.TrimSpace(c.FirstName + " " + c.LastName)}
	if c.PhoneNumber != "" {
		card.Phones = []string{c.PhoneNumber}
	}
	if c.UserID != 0 {
		card.ID = strconv.FormatInt(c.UserID, 10)
	}
	// RFC 6350 §3.3: a property a line, its value behind the colon.
	for line := range strings.Lines(c.VCard) {
		property, value, ok := strings.Cut(strings.TrimSpace(line), ":")
		name, _, _ := strings.Cut(strings.ToUpper(property), ";")
		if ok && value != "" && (name == "EMAIL" || strings.HasSuffix(name, ".EMAIL")) {
			card.Emails = append(card.Emails, value)
		}
	}
	return card
}

// about are the fields that say something of a message but not what it says.
var about = []string{
	"message_id", "message_thread_id", "direct_messages_topic", "from", "sender_chat", "sender_boost_count", "sender_business_bot",
	"sender_tag", "date", "guest_query_id", "business_connection_id", "chat", "forward_origin", "forward_from", "forward_from_chat",
	"forward_from_message_id", "forward_signature", "forward_sender_name", "forward_date", "is_topic_message", "is_automatic_forward",
	"reply_to_message", "external_reply", "quote", "reply_to_story", "reply_to_checklist_task_id", "reply_to_poll_option_id", "via_bot",
	"guest_bot_caller_user", "guest_bot_caller_chat", "edit_date", "has_protected_content", "is_from_offline", "is_paid_post",
	"media_group_id", "author_signature", "paid_star_count", "entities", "link_preview_options", "suggested_post_info", "effect_id",
	"caption", "caption_entities", "show_caption_above_media", "has_media_spoiler", "reply_markup", "text",
}

// service are the fields of messages that nobody has written: a chat tells what happened in it.
var service = []string{
	"chat_owner_left", "chat_owner_changed", "new_chat_title", "new_chat_photo", "delete_chat_photo", "group_chat_created",
	"supergroup_chat_created", "channel_chat_created", "message_auto_delete_timer_changed", "pinned_message", "successful_payment",
	"refunded_payment", "connected_website", "write_access_allowed", "proximity_alert_triggered", "boost_added", "chat_background_set",
	"direct_message_price_changed", "forum_topic_created", "forum_topic_edited", "forum_topic_closed", "forum_topic_reopened",
	"general_forum_topic_hidden", "general_forum_topic_unhidden", "giveaway_created", "giveaway_completed", "managed_bot_created",
	"paid_message_price_changed", "video_chat_scheduled", "video_chat_started", "video_chat_ended", "video_chat_participants_invited",
	"checklist_tasks_done", "checklist_tasks_added", "poll_option_added", "poll_option_deleted",
}

// strange names a message of a kind that is not translated, and says whether a person has said something with it.
func (m *wireMessage) strange(body json.RawMessage) (kind string, spoken bool) {
	fields := map[string]json.RawMessage{}
	if json.Unmarshal(body, &fields) != nil {
		return "message", true
	}
	for _, name := range about {
		delete(fields, name)
	}
	names := slices.Sorted(maps.Keys(fields))
	if len(names) == 0 {
		return "message", true
	}
	return names[0], !slices.Contains(service, names[0])
}
