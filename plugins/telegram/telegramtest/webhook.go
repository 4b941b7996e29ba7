package telegramtest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// goneFor is for how long 410 is answered before Telegram ends a webhook by itself.
const goneFor = 23 * time.Hour

// webhook is how the bot's updates are delivered.
type webhook struct {
	url         string // "" for none
	secret      string
	connections int
	allowed     []string // kept without a webhook: it counts for getUpdates too
	inFlight    int
	lastError   string
	lastErrorAt time.Time
	goneSince   time.Time
	deliveries  int
}

var secretForm = regexp.MustCompile(`^[A-Za-z0-9_-]{1,256}$`)

func (p *Platform) setWebhook(q *request) (any, *refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	address, secret := q.text("url"), q.text("secret_token")
	u, err := url.Parse(address)
	// The real one takes https only, at four ports; a test on loopback takes http as well.
	if err != nil || u.Host == "" {
		return nil, bad("bad webhook: invalid webhook URL specified")
	}
	if _, given := q.params["secret_token"]; given && !secretForm.MatchString(secret) {
		return nil, bad("secret token contains unallowed characters")
	}
	if _, given := q.params["allowed_updates"]; !given {
		p.violate("setWebhook without allowed_updates keeps those of before")
	}
	next := webhook{url: address, secret: secret, connections: 40, allowed: p.hook.allowed, inFlight: p.hook.inFlight, deliveries: p.hook.deliveries}
	if n, given := q.number("max_connections"); given && n >= 1 && n <= 100 {
		next.connections = int(n)
	}
	q.object("allowed_updates", &next.allowed)
	if q.flag("drop_pending_updates") {
		p.queue = nil
	}
	p.hook = next
	if p.polling != nil {
		close(p.polling.replaced)
		p.polling = nil
	}
	p.changed.Broadcast()
	p.pump()
	return true, nil
}

func (p *Platform) deleteWebhook(q *request) (any, *refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if q.flag("drop_pending_updates") {
		p.violate("deleteWebhook dropped %d updates", len(p.queue))
		p.queue = nil
	}
	p.hook = webhook{allowed: p.hook.allowed, deliveries: p.hook.deliveries, inFlight: p.hook.inFlight}
	return true, nil
}

func (p *Platform) getWebhookInfo(*request) (any, *refusal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.expire()
	info := map[string]any{"url": p.hook.url, "has_custom_certificate": false, "pending_update_count": len(p.queue)}
	if p.hook.url != "" {
		info["max_connections"] = p.hook.connections
	}
	if len(p.hook.allowed) > 0 {
		info["allowed_updates"] = p.hook.allowed
	}
	if !p.hook.lastErrorAt.IsZero() {
		info["last_error_date"], info["last_error_message"] = p.hook.lastErrorAt.Unix(), p.hook.lastError
	}
	return info, nil
}

// Webhook is the address that is called, "" where there is none.
func (p *Platform) Webhook() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hook.url
}

// Secret is the secret token of the webhook.
func (p *Platform) Secret() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hook.secret
}

// SetWebhook sets a webhook as another program with the same token would.
func (p *Platform) SetWebhook(address, secret string, allowed ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hook = webhook{url: address, secret: secret, connections: 40, allowed: allowed}
	p.pump()
}

// Deliveries is how many webhook calls were made.
func (p *Platform) Deliveries() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.hook.deliveries
}

// pump begins the deliveries that may begin: the first of each chat, so many at once; the caller holds mu.
func (p *Platform) pump() {
	if p.hook.url == "" {
		return
	}
	p.queue = slices.DeleteFunc(p.queue, func(u *pending) bool { return !u.inFlight && !p.allows(u.kind) })
	now := time.Now()
	busy := map[int64]bool{}
	for _, u := range p.queue {
		if p.hook.inFlight >= p.hook.connections {
			return
		}
		if busy[u.chat] {
			continue
		}
		busy[u.chat] = true
		if u.inFlight || now.Before(u.notUntil) {
			continue
		}
		u.inFlight = true
		p.hook.inFlight++
		p.hook.deliveries++
		go p.deliver(u, p.hook.url, p.hook.secret)
	}
}

// deliver makes one webhook call and sees to what comes of it.
func (p *Platform) deliver(u *pending, address, secret string) {
	status, after, body, err := p.postUpdate(address, secret, u.text)
	p.mu.Lock()
	defer p.mu.Unlock()
	u.inFlight = false
	p.hook.inFlight--
	if err == nil && status >= 200 && status < 300 {
		p.queue = slices.DeleteFunc(p.queue, func(other *pending) bool { return other == u })
		p.confirm(u)
		p.hook.goneSince = time.Time{}
		p.called(body)
		p.pump()
		return
	}
	now := p.opts.Now()
	p.hook.lastErrorAt = now
	p.hook.lastError = fmt.Sprintf("Wrong response from the webhook: %d %s", status, http.StatusText(status))
	if err != nil {
		p.hook.lastError = "Connection failed"
	}
	if status == http.StatusGone {
		if p.hook.goneSince.IsZero() {
			p.hook.goneSince = now
		}
		if now.Sub(p.hook.goneSince) > goneFor {
			p.hook.url = ""
			return
		}
	}
	// The first retry comes at once, later ones ever later; what the product asks for is honoured.
	delay := time.Duration(0)
	if u.tries > 0 {
		delay = min(p.opts.ResendEvery<<min(u.tries-1, 10), 2*time.Minute)
	}
	u.tries++
	if after > 0 {
		delay = min(after, time.Hour)
	}
	u.notUntil = time.Now().Add(delay)
	time.AfterFunc(delay, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.expire()
		p.pump()
	})
}

// called carries out the call that an answer may hold. Nobody is told its result.
func (p *Platform) called(body []byte) {
	var call struct {
		Method string `json:"method"`
		ID     string `json:"callback_query_id"`
	}
	if len(body) == 0 || json.Unmarshal(body, &call) != nil || call.Method == "" {
		return
	}
	if call.Method != "answerCallbackQuery" {
		p.violate("a webhook was answered with a call of %s, whose outcome nobody learns", call.Method)
		return
	}
	p.answered[call.ID]++
}

// postUpdate delivers an update once.
func (p *Platform) postUpdate(address, secret string, update []byte) (status int, after time.Duration, body []byte, err error) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	go func() {
		select {
		case <-p.closing:
			cancel()
		case <-ctx.Done():
		}
	}()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(update))
	if err != nil {
		return 0, 0, nil, fmt.Errorf("telegramtest: %w", err)
	}
	r.Header.Set("Content-Type", "application/json")
	if secret != "" {
		r.Header.Set("X-Telegram-Bot-Api-Secret-Token", secret)
	}
	res, err := p.opts.Client.Do(r)
	if err != nil {
		return 0, 0, nil, fmt.Errorf("telegramtest: %w", err)
	}
	defer res.Body.Close()
	body, err = io.ReadAll(io.LimitReader(res.Body, 1<<20))
	if seconds, e := strconv.Atoi(res.Header.Get("Retry-After")); e == nil && seconds > 0 {
		after = time.Duration(seconds) * time.Second
	}
	return res.StatusCode, after, body, err
}
