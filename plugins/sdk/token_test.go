package sdk

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// issuer hands out numbered tokens, slowly.
type issuer struct {
	issued   atomic.Int64
	takes    time.Duration
	lifetime time.Duration
	err      error
}

func (i *issuer) cache() *TokenCache {
	return &TokenCache{Fetch: func(ctx context.Context) (string, time.Duration, error) {
		n := i.issued.Add(1)
		select {
		case <-time.After(i.takes):
		case <-ctx.Done():
			return "", 0, ctx.Err()
		}
		return fmt.Sprint("token ", n), i.lifetime, i.err
	}}
}

func TestTokenIsFetchedOnceForManyAndAgainBeforeItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{takes: time.Second, lifetime: time.Hour}
		c := i.cache()
		var work sync.WaitGroup
		for range 100 {
			work.Go(func() {
				if token, err := c.Token(t.Context()); token != "token 1" || err != nil {
					t.Errorf("%q, %v", token, err)
				}
			})
		}
		work.Wait()
		time.Sleep(59*time.Minute - time.Millisecond)
		if token, err := c.Token(t.Context()); token != "token 1" || err != nil {
			t.Errorf("%q, %v", token, err)
		}
		time.Sleep(time.Millisecond)
		if token, err := c.Token(t.Context()); token != "token 2" || err != nil {
			t.Errorf("a minute before its end: %q, %v", token, err)
		}
		i.lifetime = time.Minute // no longer than the margin
		c.Refused("token 2")
		_, _ = c.Token(t.Context())
		time.Sleep(29 * time.Second)
		if token, _ := c.Token(t.Context()); token != "token 3" {
			t.Errorf("a short-lived one: %q", token)
		}
		time.Sleep(time.Second)
		if token, _ := c.Token(t.Context()); token != "token 4" {
			t.Errorf("after half its life: %q", token)
		}
		i.lifetime = 0
		c.Refused("token 4")
		_, _ = c.Token(t.Context())
		time.Sleep(1000 * time.Hour)
		if token, _ := c.Token(t.Context()); token != "token 5" {
			t.Errorf("one without an end: %q", token)
		}
	})
}

func TestWhoLeavesDoesNotHarmOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{takes: 10 * time.Second}
		c := i.cache()
		first, cancel := context.WithCancel(t.Context())
		time.AfterFunc(time.Second, cancel)
		var work sync.WaitGroup
		work.Go(func() {
			start := time.Now()
			if _, err := c.Token(first); !errors.Is(err, context.Canceled) || time.Since(start) != time.Second {
				t.Errorf("who left got %v after %s", err, time.Since(start))
			}
		})
		synctest.Wait()
		if token, err := c.Token(t.Context()); token != "token 1" || err != nil {
			t.Errorf("%q, %v", token, err)
		}
		work.Wait()
		i.takes = time.Hour
		c.Refused("token 1")
		if _, err := c.Token(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a fetch without end: %v", err)
		}
	})
}

func TestFailuresAreKeptForAMoment(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{err: &AuthenticationFailed{Reason: "no such client"}}
		c := i.cache()
		for range 10 {
			var refused *AuthenticationFailed
			if _, err := c.Token(t.Context()); !errors.As(err, &refused) {
				t.Fatal(err)
			}
		}
		if n := i.issued.Load(); n != 1 {
			t.Errorf("fetched %d times at once", n)
		}
		i.err = nil
		time.Sleep(time.Second)
		if token, err := c.Token(t.Context()); token != "token 2" || err != nil {
			t.Errorf("a second later: %q, %v", token, err)
		}
		c.Refused("token 2")
		c.Fetch = func(context.Context) (string, time.Duration, error) { return "", 0, nil }
		if _, err := c.Token(t.Context()); err == nil {
			t.Error("nothing is no token")
		}
		time.Sleep(time.Second)
		c.Fetch = func(context.Context) (string, time.Duration, error) { panic("ouch") }
		if _, err := c.Token(t.Context()); err == nil || !strings.Contains(err.Error(), "ouch") {
			t.Errorf("a panic became %v", err)
		}
	})
}

func TestARefusedTokenIsFetchedAgainOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{takes: time.Second, lifetime: time.Hour}
		c := i.cache()
		good := "token 1"
		call := func(token string) error {
			time.Sleep(time.Second)
			if token != good {
				return fmt.Errorf("the provider: %w", &AuthenticationFailed{Reason: "401"})
			}
			return nil
		}
		if err := c.Do(t.Context(), call); err != nil {
			t.Fatal(err)
		}
		good = "token 2" // the provider has taken the first one back
		var work sync.WaitGroup
		for range 50 {
			work.Go(func() {
				if err := c.Do(t.Context(), call); err != nil {
					t.Error(err)
				}
			})
		}
		work.Wait()
		if n := i.issued.Load(); n != 2 {
			t.Errorf("%d tokens for 50 calls that were refused", n)
		}
		good = ""
		calls := 0
		var refused *AuthenticationFailed
		err := c.Do(t.Context(), func(token string) error { calls++; return call(token) })
		if !errors.As(err, &refused) || calls != 2 {
			t.Errorf("%d calls with tokens that are all refused: %v", calls, err)
		}
		other := errors.New("404")
		if err := c.Do(t.Context(), func(string) error { calls++; return other }); !errors.Is(err, other) || calls != 3 {
			t.Errorf("%d calls, %v", calls, err)
		}
	})
}
