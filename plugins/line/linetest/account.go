package linetest

import (
	"encoding/json"
	"net/http"
	"strings"
)

// Signal is a loading animation or a mark-as-read that the product asked for.
type Signal struct {
	Loading string // the user whom it was shown
	Seconds int
	Read    string // the token of the message up to which was read
}

// Signals returns what the product signalled, in order.
func (p *Platform) Signals() []Signal {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]Signal(nil), p.signals...)
}

// SetQuota limits the pushes of the month; -1 lifts the limit.
func (p *Platform) SetQuota(limit, used int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.quota, p.used = limit, used
}

// SetEndpoint registers the webhook URL and whether its use is switched on, as the console does.
func (p *Platform) SetEndpoint(address string, active bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.endpoint, p.active = address, active
}

func (p *Platform) showQuota(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	limit := p.quota
	p.mu.Unlock()
	if limit < 0 {
		answer(w, http.StatusOK, map[string]any{"type": "none"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"type": "limited", "value": limit})
}

func (p *Platform) showUsage(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	used := p.used
	p.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{"totalUsage": used})
}

func (p *Platform) profile(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	customer, ok := p.users[r.PathValue("user")]
	group, inGroup := r.PathValue("group"), true
	if group != "" {
		_, inGroup = p.groups[group]
	}
	if !ok || !inGroup || customer.hidden || (group == "" && customer.blocked) {
		p.mu.Unlock()
		refuse(w, http.StatusNotFound, "Not found")
		return
	}
	profile := map[string]string{"userId": customer.ID, "displayName": customer.Name}
	if customer.Picture != "" {
		profile["pictureUrl"] = customer.Picture
	}
	if group == "" && customer.Language != "" {
		profile["language"] = customer.Language
	}
	p.mu.Unlock()
	answer(w, http.StatusOK, profile)
}

func (p *Platform) info(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]string{
		"userId": p.bot, "basicId": "@guichet", "displayName": "Fake shop", "chatMode": "chat", "markAsReadMode": "manual"})
}

func (p *Platform) showEndpoint(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	endpoint, active := p.endpoint, p.active
	p.mu.Unlock()
	if endpoint == "" {
		refuse(w, http.StatusNotFound, "Webhook endpoint not found")
		return
	}
	answer(w, http.StatusOK, map[string]any{"endpoint": endpoint, "active": active})
}

func (p *Platform) setEndpoint(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Endpoint string `json:"endpoint"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || req.Endpoint == "" || len(req.Endpoint) > 500 ||
		(!strings.HasPrefix(req.Endpoint, "https://") && !p.opts.AllowHTTP) {
		p.violate(w, http.StatusBadRequest, "Invalid webhook endpoint URL")
		return
	}
	p.mu.Lock()
	p.endpoint = req.Endpoint
	p.mu.Unlock()
	answer(w, http.StatusOK, struct{}{})
}

// testEndpoint calls the webhook with an empty list of events; LINE allows that 60 times an hour.
func (p *Platform) testEndpoint(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Endpoint string `json:"endpoint"`
	}
	// The body is optional.
	_ = json.NewDecoder(r.Body).Decode(&req)
	p.mu.Lock()
	endpoint := p.endpoint
	p.tests++
	tests := p.tests
	p.mu.Unlock()
	if tests > 60 {
		refuse(w, http.StatusTooManyRequests, "The API rate limit has been exceeded. Try again later.")
		return
	}
	if req.Endpoint != "" {
		endpoint = req.Endpoint
	}
	if endpoint == "" {
		refuse(w, http.StatusNotFound, "Webhook endpoint not found")
		return
	}
	status, err := p.Post(r.Context(), endpoint)
	result := map[string]any{
		"success": status == http.StatusOK, "timestamp": p.opts.Now().UTC().Format("2006-01-02T15:04:05.000Z"),
		"statusCode": status, "reason": "OK", "detail": "200",
	}
	switch {
	case err != nil:
		result["statusCode"], result["reason"], result["detail"] = 0, "COULD_NOT_CONNECT", "could not connect"
	case status != http.StatusOK:
		result["reason"], result["detail"] = "ERROR_STATUS_CODE", http.StatusText(status)
	}
	answer(w, http.StatusOK, result)
}

func (p *Platform) loading(w http.ResponseWriter, r *http.Request) {
	var req struct {
		ChatID  string `json:"chatId"`
		Seconds *int   `json:"loadingSeconds"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil {
		p.violate(w, http.StatusBadRequest, "The request body could not be parsed as JSON (line: 1, column: 1)")
		return
	}
	seconds := 20
	if req.Seconds != nil {
		seconds = *req.Seconds
	}
	p.mu.Lock()
	_, known := p.users[req.ChatID]
	p.mu.Unlock()
	if !known || seconds < 5 || seconds > 60 || seconds%5 != 0 {
		p.violate(w, http.StatusBadRequest, "The request body has 1 error(s)", Detail{Message: "Invalid value", Property: "chatId or loadingSeconds"})
		return
	}
	p.signal(Signal{Loading: req.ChatID, Seconds: seconds})
	answer(w, http.StatusAccepted, struct{}{})
}

func (p *Platform) markAsRead(w http.ResponseWriter, r *http.Request) {
	var req struct {
		Token string `json:"markAsReadToken"`
	}
	if err := json.NewDecoder(r.Body).Decode(&req); err != nil || !strings.HasPrefix(req.Token, "read-") {
		p.violate(w, http.StatusBadRequest, "Invalid markAsReadToken")
		return
	}
	p.signal(Signal{Read: req.Token})
	answer(w, http.StatusOK, struct{}{})
}

// signal remembers the newest thousand.
func (p *Platform) signal(s Signal) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.signals) >= 1000 {
		p.signals = append(p.signals[:0], p.signals[1:]...)
	}
	p.signals = append(p.signals, s)
}
