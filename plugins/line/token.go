package line

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"sync"
	"time"
)

const (
	// tokenMargin is how long before its end a token is replaced. Stateless tokens live for 15 minutes.
	tokenMargin = time.Minute
	// issuePatience bounds the issuing of a token, which does not end with the caller who happened to start it.
	issuePatience = 10 * time.Second
)

// tokens gives out the channel access token: the configured one, or a stateless one that is issued when needed, by one
// caller for all.
type tokens struct {
	fixed string
	issue func(context.Context) (token string, life time.Duration, err error)
	now   func() time.Time

	mu      sync.Mutex
	current string
	until   time.Time
	flight  *issuing
}

// issuing is a request for a token that is under way.
type issuing struct {
	done  chan struct{}
	token string
	err   error
}

func (t *tokens) get(ctx context.Context) (string, error) {
	if t.fixed != "" {
		return t.fixed, nil
	}
	t.mu.Lock()
	if t.current != "" && t.now().Before(t.until) {
		defer t.mu.Unlock()
		return t.current, nil
	}
	flight := t.flight
	if flight == nil {
		flight = &issuing{done: make(chan struct{})}
		t.flight = flight
		go t.fly(flight)
	}
	t.mu.Unlock()
	select {
	case <-flight.done:
		return flight.token, flight.err
	case <-ctx.Done():
		return "", &callError{notSent: true, timeout: true, err: errors.New("no access token was issued in time")}
	}
}

// fly issues a token and tells everyone who waits.
func (t *tokens) fly(flight *issuing) {
	ctx, cancel := context.WithTimeout(context.Background(), issuePatience)
	defer cancel()
	token, life, err := t.issue(ctx)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flight = nil
	if err != nil {
		flight.err = &tokenError{err}
	} else {
		flight.token = token
		// A life shorter than the margin is still used for half of it, rather than asked for again at each call.
		t.current, t.until = token, t.now().Add(max(life-tokenMargin, life/2))
	}
	close(flight.done)
}

// drop forgets a refused token and says whether asking for another makes sense.
func (t *tokens) drop(token string) bool {
	if t.fixed != "" {
		return false
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current == token {
		t.current = ""
	}
	return true
}

// tokenError says that no token could be had, so that the call itself was never made.
type tokenError struct{ err error }

func (e *tokenError) Error() string { return "no access token: " + e.err.Error() }
func (e *tokenError) Unwrap() error { return e.err }

// issueToken asks for a stateless token: it needs no more than the channel's id and secret, and cannot be used up.
func (c *client) issueToken(ctx context.Context) (string, time.Duration, error) {
	res, err := c.call(ctx, request{
		method: http.MethodPost,
		url:    c.api + "/oauth2/v3/token",
		form: url.Values{
			"grant_type":    {"client_credentials"},
			"client_id":     {c.settings.ChannelID},
			"client_secret": {c.settings.ChannelSecret},
		},
		open: true,
	})
	if err != nil {
		return "", 0, err
	}
	var issued struct {
		AccessToken string `json:"access_token"`
		ExpiresIn   int64  `json:"expires_in"` // s
	}
	if json.Unmarshal(res.body, &issued) != nil || issued.AccessToken == "" {
		return "", 0, &apiError{status: http.StatusBadGateway, message: "the token endpoint's answer holds no token"}
	}
	return issued.AccessToken, time.Duration(issued.ExpiresIn) * time.Second, nil
}
