package line

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// issuer makes numbered tokens that live for a while, each after a second.
type issuer struct {
	made int
	life time.Duration
	err  error
}

func (i *issuer) issue(ctx context.Context) (string, time.Duration, error) {
	i.made++
	n := i.made
	select {
	case <-time.After(time.Second):
	case <-ctx.Done():
		return "", 0, ctx.Err()
	}
	return fmt.Sprintf("token-%d", n), i.life, i.err
}

func TestOneCallerIssuesForAll(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: 15 * time.Minute}
		tokens := &tokens{issue: i.issue, now: time.Now}
		// The one who happens to start it gives up, and takes nobody with him.
		hasty, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		first := make(chan error, 1)
		go func() {
			_, err := tokens.get(hasty)
			first <- err
		}()
		synctest.Wait()
		got := make(chan string, 10)
		for range 10 {
			go func() {
				token, err := tokens.get(t.Context())
				if err != nil {
					t.Error(err)
				}
				got <- token
			}()
		}
		var lost *callError
		if err := <-first; !errors.As(err, &lost) || !lost.notSent {
			t.Errorf("the hasty caller got %v", err)
		}
		for range 10 {
			if token := <-got; token != "token-1" {
				t.Errorf("got %s", token)
			}
		}
		if i.made != 1 {
			t.Errorf("%d were issued", i.made)
		}
	})
}

func TestTokensAreReplacedInTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := &issuer{life: 15 * time.Minute}
		tokens := &tokens{issue: i.issue, now: time.Now}
		want := func(want string) {
			t.Helper()
			if token, err := tokens.get(t.Context()); err != nil || token != want {
				t.Errorf("%s, %v, want %s", token, err, want)
			}
		}
		want("token-1")
		time.Sleep(13 * time.Minute)
		want("token-1")
		time.Sleep(time.Minute)
		want("token-2")
		// A refused token is replaced; one that was refused late is not the present one any more.
		if !tokens.drop("token-2") {
			t.Error("no other is asked for")
		}
		want("token-3")
		tokens.drop("token-2")
		want("token-3")
		i.life = 10 * time.Second
		tokens.drop("token-3")
		want("token-4")
		want("token-4")
		i.err = errors.New("closed")
		tokens.drop("token-4")
		var noToken *tokenError
		if _, err := tokens.get(t.Context()); !errors.As(err, &noToken) {
			t.Errorf("%v", err)
		}
		i.err = nil
		want("token-6")
	})
}

func TestIssuingEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		tokens := &tokens{now: time.Now, issue: func(ctx context.Context) (string, time.Duration, error) {
			<-ctx.Done()
			return "", 0, ctx.Err()
		}}
		started := time.Now()
		if _, err := tokens.get(t.Context()); err == nil || time.Since(started) != issuePatience {
			t.Errorf("%v after %s", err, time.Since(started))
		}
	})
}

func TestConfiguredTokenStays(t *testing.T) {
	tokens := &tokens{fixed: "given", now: time.Now}
	if tokens.drop("given") {
		t.Error("another would be asked for")
	}
	if token, err := tokens.get(t.Context()); err != nil || token != "given" {
		t.Errorf("%s, %v", token, err)
	}
}
