package telegramtest

import (
	"net/http"
	"strings"
	"time"
	"unicode/utf16"
)

// Sent is a message that was accepted from the bot.
type Sent struct {
	Method   string
	Chat     int64
	Topic    int64
	ID       int64
	Text     string // or the caption
	Entities []Entity
	ReplyTo  int64 // 0 for none, also when the message is not there
	Buttons  [][]Button
	File     *File
	At       time.Time
}

// Entity marks a stretch of a text.
type Entity struct {
	Type     string `json:"type"`
	Offset   int    `json:"offset"`
	Length   int    `json:"length"`
	URL      string `json:"url,omitempty"`
	Language string `json:"language,omitempty"`
}

// Button is one of an inline keyboard.
type Button struct {
	Text         string `json:"text"`
	CallbackData string `json:"callback_data,omitempty"`
	URL          string `json:"url,omitempty"`
}

// Action is a chat action, such as typing.
type Action struct {
	Chat   int64
	Topic  int64
	Action string
}

// Sent are the messages that a chat was sent, in order; of all chats with 0.
func (p *Platform) Sent(chat int64) []Sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	var out []Sent
	for _, s := range p.sent {
		if chat == 0 || s.Chat == chat {
			out = append(out, s)
		}
	}
	return out
}

// Actions are the chat actions that were taken.
func (p *Platform) Actions() []Action {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Action(nil), p.actions...)
}

// Answered is how often a pressed button was answered.
func (p *Platform) Answered(query string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.answered[query]
}

// destination finds the chat of a call, or refuses it as Telegram does; the caller holds mu.
func (p *Platform) destination(q *request) (*chat, *refusal) {
	id, ok := q.number("chat_id")
	if !ok {
		return nil, bad("chat_id is empty")
	}
	c := p.chats[id]
	switch {
	case c == nil:
		return nil, bad("chat not found")
	case c.movedTo != 0:
		return nil, &refusal{code: http.StatusBadRequest, text: "Bad Request: group chat was upgraded to a supergroup chat", migrateTo: c.movedTo}
	case c.blocked:
		return nil, &refusal{code: http.StatusForbidden, text: "Forbidden: bot was blocked by the user"}
	case c.left:
		return nil, &refusal{code: http.StatusForbidden, text: "Forbidden: bot was kicked from the group chat"}
	}
	return c, nil
}

func (p *Platform) sendMessage(q *request) (any, *refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	text := q.text("text")
	units := utf16.Encode([]rune(text))
	switch {
	case strings.TrimSpace(text) == "":
		p.violate("sendMessage without a text")
		return nil, bad("message text is empty")
	case len(units) > 4096:
		p.violate("sendMessage with %d units", len(units))
		return nil, bad("message is too long")
	}
	return p.accept(q, "text", "entities", nil)
}

// sendFile takes a photo, a document or the like that is uploaded.
func (p *Platform) sendFile(q *request) (any, *refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	field := strings.ToLower(strings.TrimPrefix(q.method, "send"))
	file := q.files[field]
	switch {
	case file == nil:
		p.violate("%s without %s", q.method, field)
		return nil, bad("there is no %s in the request", field)
	case int64(len(file.Content)) > p.opts.UploadsAtMost:
		return nil, &refusal{code: http.StatusRequestEntityTooLarge, text: "Request Entity Too Large"}
	case len(file.Content) == 0:
		return nil, bad("file must be non-empty")
	case field == "photo" && len(file.Content) > 10<<20:
		p.violate("sendPhoto with %d bytes", len(file.Content))
		return nil, bad("file is too big")
	case field == "photo" && strings.Contains(string(file.Content[:min(len(file.Content), 64)]), "not a picture"):
		return nil, bad("IMAGE_PROCESS_FAILED")
	case len(utf16.Encode([]rune(q.text("caption")))) > 1024:
		p.violate("%s with a long caption", q.method)
		return nil, bad("message caption is too long")
	}
	return p.accept(q, "caption", "caption_entities", file)
}

// accept makes the message; the caller holds mu.
func (p *Platform) accept(q *request, words, marks string, file *File) (any, *refusal) {
	c, refused := p.destination(q)
	if refused != nil {
		return nil, refused
	}
	s := Sent{Method: q.method, Chat: c.id, Text: q.text(words), File: file, At: p.opts.Now()}
	s.Topic, _ = q.number("message_thread_id")
	if s.Topic != 0 && !c.topics[s.Topic] {
		return nil, bad("message thread not found")
	}
	if q.object(marks, &s.Entities) {
		units := utf16.Encode([]rune(s.Text))
		for _, e := range s.Entities {
			if e.Offset < 0 || e.Length <= 0 || e.Offset+e.Length > len(units) {
				p.violate("%s: entity %+v does not lie in %d units", q.method, e, len(units))
			}
		}
	}
	var reply struct {
		Message int64 `json:"message_id"`
		Anyway  bool  `json:"allow_sending_without_reply"`
	}
	if q.object("reply_parameters", &reply) {
		switch {
		case reply.Message > 0 && reply.Message < c.next:
			s.ReplyTo = reply.Message
		case !reply.Anyway:
			return nil, bad("message to be replied not found")
		}
	}
	var markup struct {
		Rows [][]Button `json:"inline_keyboard"`
	}
	if q.object("reply_markup", &markup) {
		s.Buttons = markup.Rows
		for _, row := range markup.Rows {
			for _, b := range row {
				if len(b.CallbackData) > 64 || b.Text == "" || (b.CallbackData == "") == (b.URL == "") {
					p.violate("%s: button %+v", q.method, b)
					return nil, bad("BUTTON_DATA_INVALID")
				}
			}
		}
	}
	s.ID = c.number()
	p.sent = append(p.sent, s)
	if most := p.opts.KeepSent; most > 0 && len(p.sent) > most {
		p.sent = append([]Sent(nil), p.sent[len(p.sent)-most:]...)
	}
	if p.opts.OnSent != nil {
		p.opts.OnSent(s)
	}
	p.changed.Broadcast()
	message := map[string]any{
		"message_id": s.ID, "date": s.At.Unix(), "chat": c.wire(), words: s.Text,
		"from": map[string]any{"id": p.bot, "is_bot": true, "first_name": "Shop", "username": p.opts.Username},
	}
	return message, nil
}

func (p *Platform) sendChatAction(q *request) (any, *refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c, refused := p.destination(q)
	if refused != nil {
		return nil, refused
	}
	topic, _ := q.number("message_thread_id")
	p.actions = append(p.actions, Action{Chat: c.id, Topic: topic, Action: q.text("action")})
	return true, nil
}

func (p *Platform) answerCallbackQuery(q *request) (any, *refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id := q.text("callback_query_id")
	if !strings.HasPrefix(id, "query-") {
		return nil, bad("query is too old and response timeout expired or query ID is invalid")
	}
	p.answered[id]++
	p.changed.Broadcast()
	return true, nil
}

func (p *Platform) getChat(q *request) (any, *refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	id, _ := q.number("chat_id")
	c := p.chats[id]
	if c == nil {
		return nil, bad("chat not found")
	}
	return c.wire(), nil
}
