package webchat

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/sdk"
)

// inBubble runs a test with time that passes only when everything waits.
func inBubble(t *testing.T, test func(t *testing.T, c *channel, d *desk)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		d := newDesk()
		c := openShop(d)
		defer func() { _ = c.Close() }()
		test(t, c, d)
	})
}

func TestFirstMessage(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		tab, welcome := enter(t, c, 0, "")
		defer tab.leave()
		if welcome.Status.State != "none" || len(welcome.Messages) != 0 || welcome.Gap || welcome.Limits.Text != 6000 {
			t.Errorf("welcome %+v", welcome)
		}
		if a := welcome.Availability; a == nil || !a.Open || !a.Agent || a.Wait != 90 || a.Line != 3 {
			t.Errorf("availability %+v", a)
		}
		if d.watches() != 0 || len(d.threads) != 0 {
			t.Error("something was begun before the first message")
		}
		tab.say(map[string]any{
			"t": "send", "id": "a1", "token": tokenOf(1), "text": " hel\u0000lo\r\nthere \u0007",
			"context": map[string]any{"cart": "3 items", "total": 12.5, "member": true, "nested": map[string]any{"no": 1}, "language": "fr-FR"},
		})
		accepted := tab.next(t, "accepted")
		if accepted.ID != "a1" {
			t.Errorf("accepted %+v", accepted)
		}
		synctest.Wait()
		visitor := visitorFor(1)
		if len(d.events) != 2 {
			t.Fatalf("%d events", len(d.events))
		}
		started, message := d.events[0], d.events[1]
		if diff := cmp.Diff(map[string]string{
			"page_url": "https://shop.example.com/cart", "page_title": "Cart", "referrer": "https://search.example.com/",
			"language": "fr-FR", "browser": "Firefox 128 on Windows", "cart": "3 items", "total": "12.5", "member": "true",
		}, started.ConversationStarted.Context); diff != "" {
			t.Errorf("context (-want +got):\n%s", diff)
		}
		if message.ID != visitor+":a1" || message.Message.ID != visitor+":a1" || message.Message.Text != "hello\nthere" {
			t.Errorf("message %+v %+v", message, message.Message)
		}
		if diff := cmp.Diff([]sdk.Identity{{Kind: "webchat-visitor", Value: visitor, Scoped: true}}, message.Sender.Identities); diff != "" {
			t.Error(diff)
		}
		if message.Thread != (sdk.Thread{ID: visitor, Kind: "user"}) || message.Sender.Language != "fr-CA" {
			t.Errorf("thread %v, language %q", message.Thread, message.Sender.Language)
		}
		if len(visitor) != 52 || strings.Contains(visitor, tokenOf(1)) {
			t.Errorf("visitor %q", visitor)
		}
		// The second message goes on with the conversation and says nothing of the page.
		tab.say(map[string]any{"t": "send", "id": "a2", "text": "more", "context": map[string]any{"cart": "4 items"}})
		tab.next(t, "accepted")
		if n := len(d.received("started")); n != 1 {
			t.Errorf("the conversation began %d times", n)
		}
		// The same id again is accepted and stored once.
		tab.say(map[string]any{"t": "send", "id": "a2", "text": "more"})
		tab.next(t, "accepted")
		if diff := cmp.Diff([]string{"hello\nthere", "more"}, d.texts(visitor)); diff != "" {
			t.Error(diff)
		}
	})
}

func TestOwnMessagesComeBackWithTheirClientID(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		tab, _ := enter(t, c, 1, "")
		defer tab.leave()
		tab.say(map[string]any{"t": "send", "id": "x", "text": "hi"})
		m := tab.next(t, "message").Message
		if m.Client != "x" || m.From.Kind != "customer" || m.Position == "" {
			t.Errorf("message %+v", m)
		}
		d.reply(visitorFor(1), "hello")
		if m := tab.next(t, "message").Message; m.Client != "" || m.From != (authorView{Kind: "agent", Name: "Ada"}) || m.Text != "hello" {
			t.Errorf("reply %+v", m)
		}
	})
}

func TestFirstMessageOfAKnownVisitorBringsTheirHistory(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		other, _ := enter(t, c, 1, "")
		defer other.leave()
		other.say(map[string]any{"t": "send", "id": "x", "text": "from the other tab"})
		other.next(t, "accepted")
		tab, _ := enter(t, c, 0, "")
		defer tab.leave()
		tab.say(map[string]any{"t": "send", "id": "y", "text": "from here", "token": tokenOf(1)})
		if w := tab.next(t, "welcome"); len(w.Messages) != 1 {
			t.Errorf("second welcome %+v", w)
		}
		tab.next(t, "accepted")
		synctest.Wait()
		if diff := cmp.Diff([]string{"from the other tab", "from here"}, d.texts(visitorFor(1))); diff != "" {
			t.Error(diff)
		}
	})
}

func TestTurnedAway(t *testing.T) {
	hello := func(channel, token string) map[string]any {
		return map[string]any{"t": "hello", "channel": channel, "token": token}
	}
	for _, test := range []struct {
		name string
		say  map[string]any
		code string
	}{
		{"another channel", hello("elsewhere", tokenOf(1)), "unknown-channel"},
		{"a short token", hello("shop-chat", "abc"), "bad-token"},
		{"a token that is not base64url", hello("shop-chat", strings.Repeat("+", 43)), "bad-token"},
		{"a token with bits to spare", hello("shop-chat", strings.Repeat("A", 42)+"B"), "bad-token"},
		{"no hello", map[string]any{"t": "ping"}, "bad-frame"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *channel, d *desk) {
				tab := dial(c)
				tab.say(test.say)
				if bye := tab.next(t, "bye"); bye.Code != test.code {
					t.Errorf("bye %+v", bye)
				}
				<-tab.done
				if tab.code != closePolicy {
					t.Errorf("closed with %d", tab.code)
				}
			})
		})
	}
	t.Run("another path", func(t *testing.T) {
		c, _ := shop(t)
		tab := newTab()
		tab.request.URL.Path = "/channels/shop/elsewhere"
		var refused *sdk.ConnectionRefused
		if err := c.Connect(t.Context(), tab); !errors.As(err, &refused) || refused.Status != 404 {
			t.Errorf("%v", err)
		}
	})
	for name, raw := range map[string]string{"not JSON": "{", "not an object": "[]", "not UTF-8": "{\"t\":\"\xff\"}", "too large": `{"t":"` + strings.Repeat("x", maxFrame) + `"}`} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *channel, d *desk) {
				tab, _ := enter(t, c, 1, "")
				tab.in <- []byte(raw)
				if bye := tab.next(t, "bye"); bye.Code != "bad-frame" {
					t.Errorf("bye %+v", bye)
				}
				<-tab.done
				if tab.code != closeBadData {
					t.Errorf("closed with %d", tab.code)
				}
			})
		})
	}
}

func TestSilenceEndsAConnection(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		began := time.Now()
		mute := dial(c)
		<-mute.done
		if waited := time.Since(began); waited != helloWithin || mute.code != closeAway {
			t.Errorf("without hello: %d after %s", mute.code, waited)
		}
		tab, _ := enter(t, c, 1, "")
		for range 6 {
			time.Sleep(20 * time.Second)
			tab.say(map[string]any{"t": "ping", "at": 12345.5})
			if pong := tab.next(t, "pong"); pong.At != json.Number("12345.5") {
				t.Errorf("pong %+v", pong)
			}
		}
		began = time.Now()
		<-tab.done
		if waited := time.Since(began); waited != silence || tab.code != closeAway {
			t.Errorf("silent: %d after %s", tab.code, waited)
		}
	})
}

func TestBusyHostMeansLater(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		tab, _ := enter(t, c, 1, "")
		defer tab.leave()
		d.set(func(d *desk) {
			d.refuse = func(e sdk.Event) error {
				if e.Message != nil {
					return errBusy // after the conversation's start was stored
				}
				return nil
			}
		})
		for range 30 { // more often than the limit on messages: what was not stored does not count
			tab.say(map[string]any{"t": "send", "id": "x", "text": "hi"})
			if later := tab.next(t, "later"); later.ID != "x" || later.After == 0 {
				t.Fatalf("later %+v", later)
			}
		}
		if len(tab.rest(t)) != 0 {
			t.Error("more than the answers came")
		}
		d.set(func(d *desk) { d.refuse = nil })
		tab.say(map[string]any{"t": "send", "id": "x", "text": "hi"})
		tab.next(t, "accepted")
		if diff := cmp.Diff([]string{"hi"}, d.texts(visitorFor(1))); diff != "" {
			t.Error(diff)
		}
		if n := len(d.received("started")); n != 1 {
			t.Errorf("the conversation began %d times", n)
		}
	})
}

func TestHostThatDoesNotWatchYet(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		d.set(func(d *desk) { d.silent = true })
		tab := dial(c)
		tab.say(map[string]any{"t": "hello", "channel": "shop-chat", "token": tokenOf(1)})
		if bye := tab.next(t, "bye"); bye.Code != "restart" || bye.After == 0 {
			t.Errorf("bye %+v", bye)
		}
		<-tab.done
		if tab.code != closeTryAgain {
			t.Errorf("closed with %d", tab.code)
		}
	})
}

func TestRefusedMessages(t *testing.T) {
	for _, test := range []struct {
		name string
		send map[string]any
		code string
	}{
		{"too long", map[string]any{"id": "a", "text": strings.Repeat("é", maxText+1)}, "too-long"},
		{"empty", map[string]any{"id": "a", "text": " \n\u0000"}, "empty"},
		{"no id", map[string]any{"text": "hi"}, "not-allowed"},
		{"an id that is too long", map[string]any{"id": strings.Repeat("a", 65), "text": "hi"}, "not-allowed"},
		{"an id that is none", map[string]any{"id": "a b", "text": "hi"}, "not-allowed"},
		{"too many files", map[string]any{"id": "a", "attachments": strings.Split(strings.Repeat("x,", 11), ",")}, "not-allowed"},
		{"a made-up file", map[string]any{"id": "a", "attachments": []string{"eyJoIjoieCJ9.AAAA"}}, "attachment-unknown"},
	} {
		t.Run(test.name, func(t *testing.T) {
			inBubble(t, func(t *testing.T, c *channel, d *desk) {
				tab, _ := enter(t, c, 1, "")
				defer tab.leave()
				test.send["t"] = "send"
				tab.say(test.send)
				if refused := tab.next(t, "refused"); refused.Code != test.code {
					t.Errorf("refused %+v", refused)
				}
				if len(d.events) != 0 {
					t.Errorf("events %v", d.events)
				}
			})
		})
	}
	t.Run("the longest is taken", func(t *testing.T) {
		inBubble(t, func(t *testing.T, c *channel, d *desk) {
			tab, _ := enter(t, c, 1, "")
			defer tab.leave()
			tab.say(map[string]any{"t": "send", "id": "a", "text": strings.Repeat("é", maxText)})
			tab.next(t, "accepted")
		})
	})
}

func TestTooManyMessages(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		tab, _ := enter(t, c, 1, "")
		defer tab.leave()
		for i := range 10 {
			tab.say(map[string]any{"t": "send", "id": fmt.Sprint("m", i), "text": "hi"})
			tab.next(t, "accepted")
		}
		tab.say(map[string]any{"t": "send", "id": "m10", "text": "hi"})
		refused := tab.next(t, "refused")
		if refused.Code != "too-many" || refused.After != 3 || refused.ID != "m10" {
			t.Errorf("refused %+v", refused)
		}
		// What is accepted already is not counted again.
		tab.say(map[string]any{"t": "send", "id": "m9", "text": "hi"})
		tab.next(t, "accepted")
		time.Sleep(3 * time.Second)
		tab.say(map[string]any{"t": "send", "id": "m10", "text": "hi"})
		tab.next(t, "accepted")
		if n := len(d.texts(visitorFor(1))); n != 11 {
			t.Errorf("%d messages", n)
		}
	})
}

func TestTooManyFrames(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		tab, _ := enter(t, c, 1, "")
		for range framesBurst + 1 {
			tab.say(map[string]any{"t": "ping"})
		}
		if bye := tab.next(t, "bye"); bye.Code != "too-many" {
			t.Errorf("bye %+v", bye)
		}
		<-tab.done
	})
}

func TestTooManyConnections(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		for range maxVisitorConnections {
			tab, _ := enter(t, c, 1, "")
			defer tab.leave()
		}
		tab := dial(c)
		tab.say(map[string]any{"t": "hello", "channel": "shop-chat", "token": tokenOf(1)})
		if bye := tab.next(t, "bye"); bye.Code != "too-many" || bye.After == 0 {
			t.Errorf("of one visitor: %+v", bye)
		}
		<-tab.done
		if d.watches() != 1 {
			t.Errorf("%d watches", d.watches())
		}
		for range 60 - maxVisitorConnections - 1 {
			dial(c).leave()
		}
		tab = dial(c)
		if bye := tab.next(t, "bye"); bye.Code != "too-many" || bye.After == 0 {
			t.Errorf("from one address: %+v", bye)
		}
		<-tab.done
		// On loopback everybody may be behind it.
		local := dialFrom(c, "127.0.0.1:4711")
		local.say(map[string]any{"t": "hello", "channel": "shop-chat"})
		local.next(t, "welcome")
		local.leave()
	})
}

func TestSlowBrowserIsToComeAgain(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		tab, _ := enter(t, c, 1, "")
		synctest.Wait()
		tab.rest(t)
		tab.mu.Lock()
		tab.stalled = true
		tab.mu.Unlock()
		for i := range maxQueuedFrames + 5 {
			d.reply(visitorFor(1), fmt.Sprint(i))
			synctest.Wait()
		}
		<-tab.done
		if tab.code != closeTryAgain {
			t.Errorf("closed with %d %q", tab.code, tab.reason)
		}
		again, w := enter(t, c, 1, "p000001")
		defer again.leave()
		if !w.Gap || !w.More || len(w.Messages) != pageSize {
			t.Errorf("welcome with %d messages, gap %v, more %v", len(w.Messages), w.Gap, w.More)
		}
	})
}
