package linetest

import (
	"net/http"
	"time"
)

const (
	// statelessLife is how long an issued token is good.
	statelessLife = 15 * time.Minute
	// replyTokenCap ends the life of a reply token however often its event is redelivered.
	replyTokenCap = 20 * time.Minute
)

// replyToken answers one event, once.
type replyToken struct {
	to      string // user, group or room
	made    time.Time
	expires time.Time
	used    bool
}

func (p *Platform) issueToken(w http.ResponseWriter, r *http.Request) {
	if r.PostFormValue("grant_type") != "client_credentials" ||
		r.PostFormValue("client_id") != p.opts.ChannelID || r.PostFormValue("client_secret") != p.opts.ChannelSecret {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_client", "error_description": "invalid client_secret"})
		return
	}
	token := "stateless-" + randomHex(24)
	p.mu.Lock()
	p.access[token] = p.opts.Now().Add(statelessLife)
	p.issued++
	p.mu.Unlock()
	answer(w, http.StatusOK, map[string]any{
		"token_type": "Bearer", "access_token": token, "expires_in": int(statelessLife.Seconds()) - 1,
	})
}

func (p *Platform) verifyToken(w http.ResponseWriter, r *http.Request) {
	token := r.FormValue("access_token")
	if !p.known(token) {
		answer(w, http.StatusBadRequest, map[string]string{
			"error": "invalid_request", "error_description": "access_token invalid"})
		return
	}
	answer(w, http.StatusOK, map[string]any{"client_id": p.opts.ChannelID, "expires_in": 3138007490, "scope": "P CM"})
}

func (p *Platform) known(token string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if token == p.opts.AccessToken {
		return true
	}
	until, ok := p.access[token]
	return ok && p.opts.Now().Before(until)
}

// authorized lets only calls with a good access token through.
func (p *Platform) authorized(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !p.known(bearer(r)) {
			w.Header().Set("WWW-Authenticate", `Bearer error="invalid_token"`)
			refuse(w, http.StatusUnauthorized, "Authentication failed due to the following reason: invalid token. "+
				"Confirm that the access token in the authorization header is valid.")
			return
		}
		next(w, r)
	}
}

// RevokeTokens ends all issued tokens at once, as reissuing the channel secret does.
func (p *Platform) RevokeTokens() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.access)
}

// TokensIssued is how many stateless tokens were issued.
func (p *Platform) TokensIssued() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.issued
}

// newReplyToken makes the token of an event.
func (p *Platform) newReplyToken(to string) string {
	token := randomHex(16)
	now := p.opts.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.replies.put(token, &replyToken{to: to, made: now, expires: now.Add(p.opts.ReplyTokenLife)}, now)
	return token
}

// renew gives the tokens of a redelivered event another minute.
func (p *Platform) renew(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if t, ok := p.replies.get(token); ok && !t.used {
		t.expires = p.opts.Now().Add(p.opts.ReplyTokenLife)
		if last := t.made.Add(replyTokenCap); last.Before(t.expires) {
			t.expires = last
		}
	}
}

// ExpireReplyTokens ends every reply token of a user, group or room.
func (p *Platform) ExpireReplyTokens(to string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, generation := range []map[string]*replyToken{p.replies.young, p.replies.old} {
		for _, token := range generation {
			if token.to == to {
				token.expires = p.opts.Now()
			}
		}
	}
}
