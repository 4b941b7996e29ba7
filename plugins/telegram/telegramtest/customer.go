package telegramtest

import (
	"fmt"
	"strconv"
)

// chat is a place where messages are.
type chat struct {
	id      int64
	kind    string // private, group, supergroup
	title   string // of a group
	first   string // of a person
	next    int64  // the next message's number
	blocked bool
	left    bool
	movedTo int64
	topics  map[int64]bool
	picture *File
}

func (c *chat) number() int64 {
	n := c.next
	c.next++
	return n
}

func (c *chat) wire() map[string]any {
	w := map[string]any{"id": c.id, "type": c.kind}
	if c.kind == "private" {
		w["first_name"] = c.first
		return w
	}
	w["title"] = c.title
	if len(c.topics) > 0 {
		w["is_forum"] = true
	}
	return w
}

// Customer is a person who uses Telegram.
type Customer struct {
	ID       int64
	platform *Platform
	name     string
}

// NewCustomer makes a person who has started the bot.
func (p *Platform) NewCustomer(name string) *Customer {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nextUser++
	c := &Customer{ID: p.nextUser, platform: p, name: name}
	p.chats[c.ID] = &chat{id: c.ID, kind: "private", first: name, next: 1}
	return c
}

func (c *Customer) user() map[string]any {
	return map[string]any{"id": c.ID, "is_bot": false, "first_name": c.name, "language_code": "fr"}
}

// Said is what came of saying something: the update and the message.
type Said struct {
	Update  int64
	Message int64
	Chat    int64
}

// Say writes a text to the bot.
func (c *Customer) Say(text string) Said { return c.Send(map[string]any{"text": text}) }

// Send sends the bot a message with these fields.
func (c *Customer) Send(content map[string]any) Said { return c.SendTo(c.ID, content) }

// SendTo sends a message to a chat.
func (c *Customer) SendTo(to int64, content map[string]any) Said {
	p := c.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	where := p.chats[to]
	for where.movedTo != 0 {
		where = p.chats[where.movedTo]
	}
	message := p.message(where, c.user())
	for name, value := range content {
		message[name] = value
	}
	return Said{Update: p.push("message", where.id, message), Message: message["message_id"].(int64), Chat: where.id}
}

// message begins a message in a chat; the caller holds mu.
func (p *Platform) message(where *chat, from map[string]any) map[string]any {
	m := map[string]any{"message_id": where.number(), "date": p.opts.Now().Unix(), "chat": where.wire()}
	if from != nil {
		m["from"] = from
	}
	return m
}

// Edit changes the text of a message.
func (c *Customer) Edit(said Said, text string) int64 {
	p := c.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.push("edited_message", said.Chat, map[string]any{
		"message_id": said.Message, "date": p.opts.Now().Unix(), "edit_date": p.opts.Now().Unix(), "chat": p.chats[said.Chat].wire(),
		"from": c.user(), "text": text,
	})
}

// Press presses a button below a message of the bot's and returns the query that is to be answered.
func (c *Customer) Press(on Sent, b Button) (query string, update int64) {
	p := c.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	query = fmt.Sprintf("query-%d", p.nextUpdate)
	update = p.push("callback_query", on.Chat, map[string]any{
		"id": query, "from": c.user(), "chat_instance": "1", "data": b.CallbackData,
		"message": map[string]any{
			"message_id": on.ID, "date": on.At.Unix(), "chat": p.chats[on.Chat].wire(), "text": on.Text,
			"reply_markup": map[string]any{"inline_keyboard": on.Buttons},
		},
	})
	return query, update
}

// Block makes the person block the bot, or unblock it.
func (c *Customer) Block(blocked bool) int64 {
	p := c.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	where := p.chats[c.ID]
	where.blocked = blocked
	was, is := "member", "kicked"
	if !blocked {
		was, is = is, was
	}
	return p.push("my_chat_member", c.ID, p.standing(where, c.user(), was, is))
}

func (p *Platform) standing(where *chat, by map[string]any, was, is string) map[string]any {
	bot := map[string]any{"id": p.bot, "is_bot": true, "first_name": "Shop"}
	return map[string]any{
		"chat": where.wire(), "from": by, "date": p.opts.Now().Unix(),
		"old_chat_member": map[string]any{"status": was, "user": bot}, "new_chat_member": map[string]any{"status": is, "user": bot},
	}
}

// SetPicture gives the person a profile picture.
func (c *Customer) SetPicture(content []byte) {
	p := c.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	p.chats[c.ID].picture = p.file(&File{Name: "profile.jpg", Type: "image/jpeg", Content: content})
}

// Group is a group that the bot is in.
type Group struct {
	platform *Platform
	first    int64
}

// NewGroup makes a group; with topics it is a supergroup that is divided.
func (p *Platform) NewGroup(title string, topics ...int64) *Group {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.nextUser++
	g := &chat{id: -(p.nextUser % 1_000_000_000), kind: "group", title: title, next: 1}
	if len(topics) > 0 {
		g.kind, g.topics, g.id = "supergroup", map[int64]bool{}, -1_000_000_000_000-(p.nextUser%1_000_000_000)
		for _, t := range topics {
			g.topics[t] = true
		}
	}
	p.chats[g.id] = g
	return &Group{platform: p, first: g.id}
}

// ID is the group's id now.
func (g *Group) ID() int64 {
	g.platform.mu.Lock()
	defer g.platform.mu.Unlock()
	id := g.first
	for g.platform.chats[id].movedTo != 0 {
		id = g.platform.chats[id].movedTo
	}
	return id
}

// First is the id that the group had at first.
func (g *Group) First() int64 { return g.first }

// Upgrade makes the group a supergroup, with another id. Silently leaves the two messages out that tell of it.
func (g *Group) Upgrade(silently bool) (to int64) {
	p := g.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	old := p.chats[g.first]
	grown := &chat{id: -1_000_000_000_000 + g.first, kind: "supergroup", title: old.title, next: 1}
	p.chats[grown.id] = grown
	if !silently {
		leaving := p.message(old, nil)
		leaving["migrate_to_chat_id"] = grown.id
		p.push("message", old.id, leaving)
		coming := p.message(grown, nil)
		coming["migrate_from_chat_id"] = old.id
		p.push("message", grown.id, coming)
	}
	old.movedTo = grown.id
	return grown.id
}

// Expel takes the bot out of the group.
func (g *Group) Expel(by *Customer) int64 {
	p := g.platform
	p.mu.Lock()
	defer p.mu.Unlock()
	where := p.chats[g.first]
	where.left = true
	return p.push("my_chat_member", where.id, p.standing(where, by.user(), "member", "kicked"))
}

// EventID is what a plugin that names events by bot and update calls an update.
func (p *Platform) EventID(update int64) string {
	return strconv.FormatInt(p.bot, 10) + ":" + strconv.FormatInt(update, 10)
}
