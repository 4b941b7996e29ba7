package linetest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"time"
	"unicode/utf16"
)

// maxBody is the largest request that LINE takes.
const maxBody = 2 << 20

// Sent is one message object that was accepted.
type Sent struct {
	ID       string
	To       string // user, group or room
	Seq      uint64 // over all recipients, from 1
	Reply    bool
	RetryKey string // of a push
	Message  json.RawMessage
	At       time.Time
}

// Text is the text of a text message, else "".
func (s Sent) Text() string {
	var m struct {
		Text string `json:"text"`
	}
	if json.Unmarshal(s.Message, &m) != nil {
		return ""
	}
	return m.Text
}

// accepted is what is remembered under a retry key.
type accepted struct {
	requestID string
	ids       []string
	body      uint64 // a hash
	at        time.Time
}

var retryKeyForm = regexp.MustCompile(`^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$`)

// outgoing is the body of a reply or a push.
type outgoing struct {
	To         string            `json:"to"`
	ReplyToken string            `json:"replyToken"`
	Messages   []json.RawMessage `json:"messages"`
}

func (p *Platform) reply(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("X-Line-Retry-Key") != "" {
		p.violate(w, http.StatusBadRequest, "The retry key is not supported by this API")
		return
	}
	req, _, ok := p.read(w, r, "ReplyMessageRequest")
	if !ok {
		return
	}
	p.mu.Lock()
	token, known := p.replies.get(req.ReplyToken)
	if !known || token.used || !p.opts.Now().Before(token.expires) {
		p.mu.Unlock()
		refuse(w, http.StatusBadRequest, "Invalid reply token")
		return
	}
	token.used = true
	ids, told := p.accept(token.to, req.Messages, true, "")
	p.mu.Unlock()
	p.tell(told)
	answer(w, http.StatusOK, map[string]any{"sentMessages": sentMessages(ids)})
}

func (p *Platform) push(w http.ResponseWriter, r *http.Request) {
	key := r.Header.Get("X-Line-Retry-Key")
	if key != "" && !retryKeyForm.MatchString(key) {
		p.violate(w, http.StatusBadRequest, "The retry key is invalid")
		return
	}
	req, raw, ok := p.read(w, r, "PushMessageRequest")
	if !ok {
		return
	}
	hash := fnv.New64a()
	_, _ = hash.Write(raw) // a hash takes every write
	sum, now := hash.Sum64(), p.opts.Now()

	p.mu.Lock()
	if key != "" {
		if before, ok := p.retries.get(key); ok && now.Sub(before.at) < p.opts.RetryKeyLife {
			if before.body != sum && len(p.violations) < 1000 {
				p.violations = append(p.violations, "the retry key "+key+" came back with another body")
			}
			p.mu.Unlock()
			w.Header().Set("X-Line-Accepted-Request-Id", before.requestID)
			answer(w, http.StatusConflict, map[string]any{
				"message": "The retry key is already accepted", "sentMessages": sentMessages(before.ids)})
			return
		}
	}
	customer, isUser := p.users[req.To]
	if _, isGroup := p.groups[req.To]; !isUser && !isGroup {
		p.mu.Unlock()
		refuse(w, http.StatusBadRequest, "Failed to send messages")
		return
	}
	if p.quota >= 0 && p.used >= p.quota {
		p.mu.Unlock()
		refuse(w, http.StatusTooManyRequests, "You have reached your monthly limit.")
		return
	}
	p.used++
	var ids []string
	var told []Sent
	if isUser && customer.blocked {
		// LINE accepts a message to someone who blocked the account, and drops it.
		p.dropped++
		ids = p.messageIDs(len(req.Messages))
	} else {
		ids, told = p.accept(req.To, req.Messages, false, key)
	}
	if key != "" {
		p.retries.put(key, &accepted{requestID: w.Header().Get("X-Line-Request-Id"), ids: ids, body: sum, at: now}, now)
	}
	p.mu.Unlock()
	p.tell(told)
	answer(w, http.StatusOK, map[string]any{"sentMessages": sentMessages(ids)})
}

// read decodes and checks a request's body; it has answered when ok is false.
func (p *Platform) read(w http.ResponseWriter, r *http.Request, schema string) (req outgoing, raw []byte, ok bool) {
	raw, err := io.ReadAll(io.LimitReader(r.Body, maxBody+1))
	if err != nil {
		return req, nil, false // the client is gone
	}
	if len(raw) > maxBody {
		p.violate(w, http.StatusRequestEntityTooLarge, "Request entity too large")
		return req, nil, false
	}
	if err := json.Unmarshal(raw, &req); err != nil {
		p.violate(w, http.StatusBadRequest, "The request body could not be parsed as JSON (line: 1, column: 1)")
		return req, nil, false
	}
	if p.spec != nil {
		if err := p.spec.CheckJSON(schema, raw); err != nil {
			p.violate(w, http.StatusBadRequest, "The request body has 1 error(s)", Detail{Message: err.Error(), Property: "messages"})
			return req, nil, false
		}
	}
	if details := p.complain(req); len(details) > 0 {
		p.violate(w, http.StatusBadRequest, fmt.Sprintf("The request body has %d error(s)", len(details)), details...)
		return req, nil, false
	}
	return req, raw, true
}

// complain checks the limits that the specification's schemas leave out.
func (p *Platform) complain(req outgoing) []Detail {
	if len(req.Messages) < 1 || len(req.Messages) > 5 {
		return []Detail{{Message: "Size must be between 1 and 5", Property: "messages"}}
	}
	var details []Detail
	for i, raw := range req.Messages {
		var m struct {
			Type               string `json:"type"`
			Text               string `json:"text"`
			OriginalContentURL string `json:"originalContentUrl"`
			PreviewImageURL    string `json:"previewImageUrl"`
			Duration           int64  `json:"duration"`
			Sender             *struct {
				Name string `json:"name"`
			} `json:"sender"`
		}
		at := "messages[" + strconv.Itoa(i) + "]"
		bad := func(property, message string) {
			details = append(details, Detail{Message: message, Property: at + "." + property})
		}
		if err := json.Unmarshal(raw, &m); err != nil {
			bad("type", "Must be a message object")
			continue
		}
		switch m.Type {
		case "text":
			switch units := len(utf16.Encode([]rune(m.Text))); {
			case len(bytes.TrimSpace([]byte(m.Text))) == 0:
				bad("text", "May not be empty")
			case units > 5000:
				bad("text", "Length must be between 0 and 5000")
			}
		case "image", "video", "audio":
			p.complainURL(m.OriginalContentURL, "originalContentUrl", bad)
			if m.Type != "audio" {
				p.complainURL(m.PreviewImageURL, "previewImageUrl", bad)
			} else if m.Duration <= 0 {
				bad("duration", "Must be greater than 0")
			}
		case "textV2", "sticker", "location", "imagemap", "template", "flex", "coupon":
		default:
			bad("type", "Must be one of the following values: [text, textV2, sticker, image, video, audio, location, imagemap, template, flex, coupon]")
		}
		if m.Sender != nil {
			if len(utf16.Encode([]rune(m.Sender.Name))) > 20 {
				bad("sender.name", "Length must be between 0 and 20")
			}
			if reservedName.MatchString(m.Sender.Name) {
				bad("sender.name", "May not contain a reserved word")
			}
		}
	}
	return details
}

var reservedName = regexp.MustCompile(`(?i)\bline\b`)

func (p *Platform) complainURL(address, property string, bad func(property, message string)) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || len(address) > 2000 || (u.Scheme != "https" && (u.Scheme != "http" || !p.opts.AllowHTTP)) {
		bad(property, "Must be a valid HTTPS URL of at most 2000 characters")
	}
}

// accept records message objects; the caller holds the lock.
func (p *Platform) accept(to string, messages []json.RawMessage, reply bool, key string) (ids []string, told []Sent) {
	ids = p.messageIDs(len(messages))
	now := p.opts.Now()
	for i, message := range messages {
		p.total++
		s := Sent{ID: ids[i], To: to, Seq: p.total, Reply: reply, RetryKey: key, Message: message, At: now}
		told = append(told, s)
		switch keep := p.opts.KeepPerUser; {
		case keep < 0:
		case keep > 0 && len(p.sent[to]) >= keep:
			kept := p.sent[to]
			copy(kept, kept[1:])
			kept[len(kept)-1] = s
		default:
			p.sent[to] = append(p.sent[to], s)
		}
	}
	p.arrived.Broadcast()
	return ids, told
}

func (p *Platform) tell(sent []Sent) {
	if p.opts.OnSent == nil {
		return
	}
	for _, s := range sent {
		p.opts.OnSent(s)
	}
}

func (p *Platform) messageIDs(n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = strconv.FormatUint(p.nextID.Add(1), 10)
	}
	return ids
}

func sentMessages(ids []string) []map[string]string {
	out := make([]map[string]string, len(ids))
	for i, id := range ids {
		out[i] = map[string]string{"id": id, "quoteToken": "quote-" + id}
	}
	return out
}

// Sent returns the messages to a user, group or room, in the order in which they were accepted.
func (p *Platform) Sent(to string) []Sent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Sent(nil), p.sent[to]...)
}

// Total is how many message objects were accepted, and Dropped how many pushes went to customers who block the account.
func (p *Platform) Total() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.total
}

// Dropped: see Total.
func (p *Platform) Dropped() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.dropped
}

// Await waits until a recipient has been sent n messages, of which the kept ones are returned.
func (p *Platform) Await(ctx context.Context, to string, n int) ([]Sent, error) {
	stop := context.AfterFunc(ctx, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.arrived.Broadcast()
	})
	defer stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.sent[to]) < n {
		if err := ctx.Err(); err != nil {
			return append([]Sent(nil), p.sent[to]...), fmt.Errorf("linetest: %d of %d messages to %s: %w", len(p.sent[to]), n, to, err)
		}
		p.arrived.Wait()
	}
	return append([]Sent(nil), p.sent[to]...), nil
}

// Forget drops the record of sent messages and of signals.
func (p *Platform) Forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.sent)
	p.signals = nil
}
