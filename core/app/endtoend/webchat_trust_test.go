package endtoend

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/guichet/guichet/plugins/webchat/webchattest"
	"github.com/guichet/guichet/scripts/load/harness"
)

// A visitor gets at nobody else's conversation, whatever their browser says.
func TestVisitorsCannotReachEachOther(t *testing.T) {
	bothWays(t, func(t *testing.T, way func(*webchattest.Options)) {
		s := open(t, harness.Config{More: chat})
		agent := s.agent(1)
		ana := s.visitor("Ana", way)
		c := s.chats(agent, ana, "my card is 4111")
		secret := s.reads(ana, "my card is 4111")
		s.say(agent, c, "a", "noted for Ana")
		answer := s.reads(ana, "noted for Ana")
		s.awaitState(agent, c, "a", "sent")
		handle := s.upload(ana, "card.png", picture(t, 20))

		// Before a word of their own and after it.
		eve := s.visitor("Eve", way, func(o *webchattest.Options) { o.Fresh = false })
		s.arrive(eve)
		try := func(frames ...map[string]any) {
			t.Helper()
			for _, frame := range append(frames,
				map[string]any{"t": "older", "before": answer.Position + "~"}, map[string]any{"t": "older", "before": answer.Position},
				map[string]any{"t": "seen", "delivered": answer.Position, "read": answer.Position},
				map[string]any{"t": "typing", "on": true, "conversation": c, "thread": secret.Conversation},
			) {
				s.must(eve.Say(s.ctx, frame))
			}
			if _, err := eve.Send(s.ctx, "look at this", handle); refusal(err) != "attachment-unknown" {
				t.Errorf("another visitor's file: %v, want attachment-unknown", err)
			}
			for _, forged := range []string{"", "AAAA.AAAA", handle + "A", strings.ToUpper(handle)} {
				if _, err := eve.Send(s.ctx, "look at this", forged); refusal(err) != "attachment-unknown" {
					t.Errorf("the handle %q: %v, want attachment-unknown", forged, err)
				}
			}
		}
		try(map[string]any{"t": "end", "conversation": c, "thread": secret.Conversation})
		s.writes(eve, "Hello")
		other := s.accept(agent)
		try()
		s.reads(eve, "Hello")
		// The same id as hers is another message.
		s.must(eve.SendAs(s.ctx, secret.Client, "with her id"))
		s.hears(agent, other, "with her id")
		for _, word := range []string{"4111", "noted for Ana", c} {
			if eve.wasGiven(word) {
				t.Errorf("a frame to another visitor holds %q", word)
			}
		}
		if m := s.message(agent, c, "a"); m.State != "sent" {
			t.Errorf("the answer to Ana is %s, which only Ana may say", m.State)
		}
		if shown, err := agent.Conversation(s.ctx, c); err != nil || shown.State != "active" {
			t.Errorf("Ana's conversation is %+v (%v)", shown, err)
		}

		// A cursor is no key: the one who asks is shown their own.
		cursor := s.poll(ana.Token(), "", 1).Cursor
		for _, frame := range s.poll(eve.Token(), cursor, 1).Frames {
			if strings.Contains(string(frame), "4111") || strings.Contains(string(frame), "noted for Ana") {
				t.Errorf("with another's cursor a visitor is shown %s", frame)
			}
		}
	})
}

// polled is the answer to a poll.
type polled struct {
	Frames []rawFrame
	Cursor string
}

// rawFrame is a frame as it came.
type rawFrame []byte

// UnmarshalJSON keeps the bytes.
func (r *rawFrame) UnmarshalJSON(b []byte) error {
	*r = bytes.Clone(b)
	return nil
}

// poll asks as a visitor, and waits for so many seconds at most.
func (s *scene) poll(token, cursor string, wait int) (out polled) {
	s.t.Helper()
	client := &harness.Client{Server: s.Server, Key: token}
	query := url.Values{"channel": {"site"}, "cursor": {cursor}, "wait": {fmt.Sprint(wait)}}
	_, err := client.Do(s.ctx, http.MethodGet, "/channels/site/poll?"+query.Encode(), nil, &out)
	s.must(err)
	return out
}

// Tokens that nobody was given open nothing.
func TestTokensThatAreNone(t *testing.T) {
	s := open(t, harness.Config{More: chat})
	real := webchattest.NewToken()
	for _, token := range []string{"x", real[:42], real + "A", "!" + real[1:], strings.Repeat("=", 43)} {
		v := s.visitor("Eve", func(o *webchattest.Options) { o.Token, o.Fresh = token, false })
		var bye *webchattest.Bye
		if err := v.Connect(s.ctx); !errors.As(err, &bye) || bye.Code != "bad-token" {
			t.Errorf("the token %q: %v, want bad-token", token, err)
		}
		v = s.visitor("Eve", polling, func(o *webchattest.Options) { o.Token, o.Fresh = token, false })
		if err := v.Connect(s.ctx); !errors.As(err, &bye) || bye.Code != "bad-token" {
			t.Errorf("polling with the token %q: %v, want bad-token", token, err)
		}
		if _, err := v.Upload(s.ctx, "a.txt", []byte("a")); refusal(err) != "bad-token" {
			t.Errorf("a file with the token %q: %v, want bad-token", token, err)
		}
	}
	for _, name := range []string{"line", "nothing"} {
		v := s.visitor("Lost", func(o *webchattest.Options) { o.Channel = name })
		var bye *webchattest.Bye
		if err := v.Connect(s.ctx); !errors.As(err, &bye) || bye.Code != "unknown-channel" {
			t.Errorf("the channel %q: %v, want unknown-channel", name, err)
		}
	}
}

// What is counted by client address follows forwarding headers behind a trusted proxy only, and there from the right.
func TestAddressesAreCountedBehindTrustedProxies(t *testing.T) {
	const visitors, each = 8, 20 // files an hour: 20 of a visitor, 100 at once of an address and 200 an hour
	// files lets that many visitors give files with the forwarding header that forwarded makes, and counts those taken.
	files := func(s *scene, forwarded func(visitor, file int) string) (taken int, took time.Duration) {
		began := time.Now()
		var all atomic.Int64
		var wait sync.WaitGroup
		for n := range visitors {
			token := webchattest.NewToken()
			wait.Go(func() {
				for file := range each {
					r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.URL()+"/channels/site/uploads?channel=site", strings.NewReader("a file"))
					if err != nil {
						t.Error(err)
						return
					}
					r.Header.Set("Authorization", "Bearer "+token)
					r.Header.Set("X-File-Name", "a.txt")
					r.Header.Set("X-Forwarded-For", forwarded(n, file))
					response, err := http.DefaultClient.Do(r)
					if err != nil {
						t.Error(err)
						return
					}
					body, _ := io.ReadAll(response.Body)
					_ = response.Body.Close()
					switch response.StatusCode {
					case http.StatusCreated:
						all.Add(1)
					case http.StatusTooManyRequests:
						if !strings.Contains(string(body), `"too-many"`) || response.Header.Get("Retry-After") == "" {
							t.Errorf("a file too many is answered %s %v", body, response.Header)
						}
					default:
						t.Errorf("a file is answered %d: %s", response.StatusCode, body)
					}
				}
			})
		}
		wait.Wait()
		return int(all.Load()), time.Since(began)
	}
	one := func(int, int) string { return "198.51.100.7" }
	behind := func(t *testing.T, more string) *scene { return open(t, harness.Config{Agents: 1, More: chat + more}) }
	const trusting = "[server]\ntrusted_proxies = [\"127.0.0.1\"]\n"

	t.Run("nobody is trusted", func(t *testing.T) {
		s := behind(t, "")
		if taken, _ := files(s, one); taken != visitors*each {
			t.Errorf("%d of %d files were taken: a header that anybody can write was believed", taken, visitors*each)
		}
	})
	t.Run("a proxy is trusted", func(t *testing.T) {
		s := behind(t, trusting)
		for what, forwarded := range map[string]func(int, int) string{
			"one address": one,
			// What a client puts in front of what the proxy adds is not believed.
			"a made-up hop": func(n, file int) string { return fmt.Sprintf("203.0.113.%d, 198.51.100.8", n*each+file) },
			"one network":   func(n, file int) string { return fmt.Sprintf("2001:db8:0:7::%x", n*each+file+1) },
		} {
			taken, took := files(s, forwarded)
			if back := int(took/(18*time.Second)) + 1; taken < 100 || taken > 100+back {
				t.Errorf("%s: %d files were taken in %s, want 100 and what has come back", what, taken, took)
			}
		}
		if taken, _ := files(s, func(n, _ int) string { return fmt.Sprintf("192.0.2.%d", n+1) }); taken != visitors*each {
			t.Errorf("%d of %d files of visitors with addresses of their own were taken", taken, visitors*each)
		}
	})
	t.Run("connections", func(t *testing.T) {
		s := behind(t, trusting)
		from := func(address string) error {
			v := s.visitor("Visitor", func(o *webchattest.Options) { o.Header = http.Header{"X-Forwarded-For": {address}} })
			defer v.Close()
			ctx, cancel := context.WithTimeout(s.ctx, patience)
			defer cancel()
			return v.Connect(ctx)
		}
		let := 0
		var bye *webchattest.Bye
		for ; let < 1000; let++ { // 60 at once and two more a second
			if err := from("198.51.100.7"); err != nil {
				if !errors.As(err, &bye) || bye.Code != "too-many" || bye.After <= 0 {
					t.Fatalf("connection %d: %v, want too-many", let+1, err)
				}
				break
			}
		}
		if let < 60 || let == 1000 {
			t.Errorf("%d connections were let in", let)
		}
		if err := from("198.51.100.8"); err != nil {
			t.Errorf("another address: %v", err)
		}
	})
}
