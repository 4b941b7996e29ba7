package sdk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	tokenMargin   = time.Minute      // before its end a token is fetched again
	tokenFailure  = time.Second      // for so long a failure is told to those who come after
	tokenPatience = 30 * time.Second // for one fetch
)

// TokenCache keeps an access token that has to be fetched and ends after a while. However many ask, there is one fetch at
// a time; one of them leaving does not harm the others. Set Fetch before the first use; a TokenCache must not be copied.
type TokenCache struct {
	// Fetch gets a new token. lifetime is how long it is good for; 0: until it is refused.
	Fetch func(ctx context.Context) (token string, lifetime time.Duration, err error)
	// Margin is how long before its end a token is not used any more; one minute by default, and at most half its life.
	Margin time.Duration
	Clock  Clock

	flights singleflight.Group
	mu      sync.Mutex
	token   string
	until   time.Time // zero: until it is refused
	err     error     // of a fetch that has just failed
	failed  time.Time
}

// Token returns a token that is good for a while.
func (c *TokenCache) Token(ctx context.Context) (string, error) {
	c.mu.Lock()
	now := c.Clock.Now()
	token, err := c.token, c.err
	good := token != "" && (c.until.IsZero() || now.Before(c.until))
	justFailed := err != nil && now.Sub(c.failed) < tokenFailure && !now.Before(c.failed)
	c.mu.Unlock()
	switch {
	case good:
		return token, nil
	case justFailed:
		return "", err
	}
	fetched := c.flights.DoChan("", func() (any, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), tokenPatience)
		defer cancel()
		return c.fetch(ctx)
	})
	select {
	case r := <-fetched:
		if r.Err != nil {
			return "", r.Err
		}
		return r.Val.(string), nil
	case <-ctx.Done():
		return "", ctx.Err()
	}
}

// fetch gets a new token and keeps what came of it.
func (c *TokenCache) fetch(ctx context.Context) (token string, err error) {
	var lifetime time.Duration
	defer func() {
		if p := recover(); p != nil { // it would end the process: this is a goroutine of nobody's
			token, err = "", fmt.Errorf("sdk: panic in Fetch: %v", p)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		now := c.Clock.Now()
		if c.err = err; err != nil {
			c.failed = now
			return
		}
		c.token, c.until = token, time.Time{}
		if lifetime > 0 {
			margin := c.Margin
			if margin == 0 {
				margin = tokenMargin
			}
			c.until = now.Add(max(lifetime-margin, lifetime/2))
		}
	}()
	token, lifetime, err = c.Fetch(ctx)
	if err == nil && token == "" {
		err = errors.New("sdk: Fetch returned no token and no error")
	}
	return token, err
}

// Refused forgets a token that the provider has refused; the next caller fetches another. It does nothing when that has
// been done already.
func (c *TokenCache) Refused(token string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.token == token {
		c.token = ""
	}
}

// Do calls the provider with a token. Where call fails with *AuthenticationFailed the token is fetched again and the call
// made once more, not oftener.
func (c *TokenCache) Do(ctx context.Context, call func(token string) error) error {
	for again := false; ; again = true {
		token, err := c.Token(ctx)
		if err != nil {
			return err
		}
		err = call(token)
		var refused *AuthenticationFailed
		if again || !errors.As(err, &refused) {
			return err
		}
		c.Refused(token)
	}
}
