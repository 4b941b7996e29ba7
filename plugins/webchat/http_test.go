package webchat

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/sdk"
)

// gathered is a WebhookWriter that keeps what it is given.
type gathered struct {
	*httptest.ResponseRecorder
	events []sdk.Event
}

func (g *gathered) Receive(events ...sdk.Event) { g.events = append(g.events, events...) }

// call makes a request as visitor n, 0 for nobody, and stores its events as the host does.
func call(t testing.TB, c *channel, d *desk, n byte, method, target string, body io.Reader, headers ...string) *gathered {
	t.Helper()
	r := httptest.NewRequest(method, "https://desk.example.com/channels/shop/"+target, body)
	r.RemoteAddr = "[2001:db8::1]:443"
	if n > 0 {
		r.Header.Set("Authorization", "Bearer "+tokenOf(n))
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := &gathered{ResponseRecorder: httptest.NewRecorder()}
	c.ServeWebhook(w, r)
	if len(w.events) > 0 {
		if err := d.Receive(t.Context(), nil, w.events...); err != nil {
			w.Code = http.StatusServiceUnavailable
		}
	}
	return w
}

type polled struct {
	Frames []reply `json:"frames"`
	Cursor string  `json:"cursor"`
}

func (p polled) kinds() string {
	var kinds []string
	for _, f := range p.Frames {
		kinds = append(kinds, f.T)
	}
	return strings.Join(kinds, " ")
}

func decode[T any](t testing.TB, w *gathered) (v T) {
	t.Helper()
	if err := json.Unmarshal(w.Body.Bytes(), &v); err != nil {
		t.Fatalf("answer %d %s: %v", w.Code, w.Body, err)
	}
	return v
}

func poll(t testing.TB, c *channel, d *desk, n byte, query string) polled {
	t.Helper()
	w := call(t, c, d, n, "GET", "poll?channel=shop-chat&"+query, nil)
	if w.Code != 200 {
		t.Fatalf("poll: %d %s", w.Code, w.Body)
	}
	return decode[polled](t, w)
}

func post(t testing.TB, c *channel, d *desk, n byte, frames ...map[string]any) (polled, int) {
	t.Helper()
	body, err := json.Marshal(map[string]any{
		"channel": "shop-chat", "language": "fr", "page": map[string]any{"url": "https://shop.example.com/"}, "frames": frames,
	})
	if err != nil {
		t.Fatal(err)
	}
	w := call(t, c, d, n, "POST", "frames", bytes.NewReader(body))
	if w.Code != 200 {
		return polled{}, w.Code
	}
	return decode[polled](t, w), 200
}

func TestPolling(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		visitor := visitorFor(1)
		if p := poll(t, c, d, 0, ""); p.kinds() != "welcome" || p.Cursor != "" || d.watches() != 0 {
			t.Errorf("without a token: %+v", p)
		}
		answer, _ := post(t, c, d, 1,
			map[string]any{"t": "send", "id": "a", "text": "hi", "context": map[string]any{"cart": "3"}},
			map[string]any{"t": "send", "id": "b", "text": "there"}, map[string]any{"t": "ping", "at": 7}, map[string]any{"t": "novelty"})
		if answer.kinds() != "accepted accepted pong" {
			t.Errorf("answers %s", answer.kinds())
		}
		var kinds []string
		for _, e := range d.events {
			kinds = append(kinds, kindOf(e))
		}
		if got := strings.Join(kinds, " "); got != "started message message" {
			t.Errorf("events %s", got)
		}
		if diff := cmp.Diff(map[string]string{"cart": "3", "page_url": "https://shop.example.com/", "language": "fr"}, d.events[0].ConversationStarted.Context); diff != "" {
			t.Error(diff)
		}
		p := poll(t, c, d, 1, "")
		if p.kinds() != "welcome" || len(p.Frames[0].Messages) != 2 || p.Frames[0].Status.State != "open" {
			t.Fatalf("first poll %+v", p)
		}
		cursor := p.Cursor
		if p = poll(t, c, d, 1, "cursor="+cursor); len(p.Frames) != 0 || p.Cursor != cursor {
			t.Errorf("nothing happened: %+v", p)
		}
		began := time.Now()
		if p = poll(t, c, d, 1, "wait=30&cursor="+cursor); len(p.Frames) != 0 || time.Since(began) != maxWait {
			t.Errorf("waited %s: %+v", time.Since(began), p)
		}
		time.AfterFunc(300*time.Millisecond, func() { d.reply(visitor, "hello") })
		began = time.Now()
		p = poll(t, c, d, 1, "wait=1&cursor="+cursor)
		if p.kinds() != "message" || p.Frames[0].Message.Text != "hello" || time.Since(began) != 300*time.Millisecond {
			t.Errorf("after %s: %+v", time.Since(began), p)
		}
		_ = c.Signal(t.Context(), threadOf(visitor), sdk.Identity{}, sdk.Signal{Typing: &sdk.Typing{}})
		d.edit(visitor, 2, "hello!")
		synctest.Wait()
		if p = poll(t, c, d, 1, "cursor="+p.Cursor); p.kinds() != "typing message" {
			t.Errorf("changes: %s", p.kinds())
		}
		// Receipts and typing of one who polls.
		position := p.Frames[1].Message.Position
		post(t, c, d, 1, map[string]any{"t": "seen", "read": position}, map[string]any{"t": "typing", "on": true})
		if s := d.received("status"); len(s) != 1 || s[0].Status.State != sdk.StatusRead || len(d.received("typing")) != 1 {
			t.Errorf("receipts %+v", s)
		}
		for i := range logLength + 10 {
			d.reply(visitor, fmt.Sprint(i))
			synctest.Wait()
		}
		if p = poll(t, c, d, 1, "cursor="+cursor+"&since="+position); p.kinds() != "welcome" || !p.Frames[0].Gap {
			t.Errorf("an old cursor: %s, gap %v", p.kinds(), p.Frames[0].Gap)
		}
		if p = poll(t, c, d, 1, "cursor=x.99999999999999999999"); p.kinds() != "welcome" {
			t.Errorf("a made-up cursor: %s", p.kinds())
		}
		answer, _ = post(t, c, d, 1, map[string]any{"t": "older", "before": position}, map[string]any{"t": "end"})
		if answer.kinds() != "older" || len(answer.Frames[0].Messages) != 2 || len(d.received("ended")) != 1 {
			t.Errorf("older %+v", answer)
		}
	})
}

func TestPollingByPosition(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		visitor := visitorFor(1)
		m := d.reply(visitor, "one")
		poll(t, c, d, 1, "")
		time.AfterFunc(300*time.Millisecond, func() { d.reply(visitor, "two") })
		began := time.Now()
		p := poll(t, c, d, 1, "wait=1&since="+m.Position)
		if p.kinds() != "welcome" || p.Frames[0].Gap || len(p.Frames[0].Messages) != 2 || time.Since(began) != 300*time.Millisecond {
			t.Errorf("after %s: %+v", time.Since(began), p)
		}
	})
}

func TestOnlySoManyPollsWait(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		cursor := poll(t, c, d, 1, "").Cursor
		for range maxWaitingPolls {
			go call(t, c, d, 1, "GET", "poll?channel=shop-chat&wait=1&cursor="+cursor, nil)
		}
		synctest.Wait()
		began := time.Now()
		if p := poll(t, c, d, 1, "wait=1&cursor="+cursor); len(p.Frames) != 0 || p.Cursor != cursor || time.Since(began) != 0 {
			t.Errorf("it waited %s: %+v", time.Since(began), p)
		}
		time.Sleep(maxWait)
	})
}

func TestRetriedPost(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		d.refuse = func(e sdk.Event) error {
			if e.Message != nil {
				return errBusy
			}
			return nil
		}
		if _, status := post(t, c, d, 1, map[string]any{"t": "send", "id": "a", "text": "hi"}); status != 503 {
			t.Errorf("status %d", status)
		}
		d.refuse = nil
		for range 2 {
			if answer, _ := post(t, c, d, 1, map[string]any{"t": "send", "id": "a", "text": "hi"}); answer.kinds() != "accepted" {
				t.Errorf("answer %s", answer.kinds())
			}
		}
		if len(d.received("started")) != 1 || len(d.received("message")) != 1 {
			t.Errorf("events %+v", d.events)
		}
	})
}

func TestRequestsTurnedAway(t *testing.T) {
	long := `{"channel":"shop-chat","frames":[` + strings.TrimSuffix(strings.Repeat(`{"t":"ping"},`, maxFrames+1), ",") + `]}`
	for _, test := range []struct {
		name, method, target, body, code string
		visitor                          byte
		status                           int
	}{
		{"another path", "GET", "elsewhere", "", "not-found", 1, 404},
		{"no path", "GET", "", "", "not-found", 1, 404},
		{"a socket's path without a socket", "GET", "live", "", "not-found", 1, 404},
		{"posting to poll", "POST", "poll?channel=shop-chat", "", "method", 1, 405},
		{"getting frames", "GET", "frames", "", "method", 1, 405},
		{"another channel", "GET", "poll?channel=other", "", "unknown-channel", 1, 404},
		{"frames without a token", "POST", "frames", `{"channel":"shop-chat","frames":[{"t":"ping"}]}`, "bad-token", 0, 401},
		{"frames for another channel", "POST", "frames", `{"channel":"other","frames":[{"t":"ping"}]}`, "unknown-channel", 1, 404},
		{"no frames", "POST", "frames", `{"channel":"shop-chat","frames":[]}`, "bad-frame", 1, 400},
		{"no JSON", "POST", "frames", `{`, "bad-frame", 1, 400},
		{"a bad frame", "POST", "frames", `{"channel":"shop-chat","frames":[1]}`, "bad-frame", 1, 400},
		{"too many frames", "POST", "frames", long, "bad-frame", 1, 400},
		{"too much", "POST", "frames", strings.Repeat(" ", maxRequest+1), "too-large", 1, 413},
		{"an upload without a token", "POST", "uploads?channel=shop-chat", "x", "bad-token", 0, 401},
		{"an empty file", "POST", "uploads?channel=shop-chat", "", "empty-file", 1, 422},
		{"a file that is too large", "POST", "uploads?channel=shop-chat", strings.Repeat("x", maxFile+1), "too-large", 1, 413},
	} {
		t.Run(test.name, func(t *testing.T) {
			c, d := shop(t)
			w := call(t, c, d, test.visitor, test.method, test.target, strings.NewReader(test.body))
			if got := decode[reply](t, w); w.Code != test.status || got.Code != test.code {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if len(w.events) != 0 || len(d.media) != 0 {
				t.Error("something was stored")
			}
		})
	}
}

func TestUpload(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		upload := func(n byte, name, content string) (uploadAnswer, *gathered) {
			w := call(t, c, d, n, "POST", "uploads?channel=shop-chat", strings.NewReader(content), "X-File-Name", name, "Content-Type", "text/html")
			return decode[uploadAnswer](t, w), w
		}
		file, w := upload(1, "..%2Fle%20re%C3%A7u.png", "\x89PNG\r\n\x1a\n")
		if w.Code != 201 || file.Name != "_le reçu.png" || file.Type != "image/png" || file.Size != 8 {
			t.Fatalf("%d %s", w.Code, w.Body)
		}
		send := func(n byte, id string, handles ...string) reply {
			answer, status := post(t, c, d, n, map[string]any{"t": "send", "id": id, "attachments": handles})
			if status != 200 {
				t.Fatalf("status %d", status)
			}
			return answer.Frames[0]
		}
		if r := send(1, "a", file.Handle); r.T != "accepted" {
			t.Errorf("%+v", r)
		}
		want := []sdk.Attachment{{Handle: "media-1-_le reçu.png", Type: "image/png", Name: "_le reçu.png", Size: 8, Stored: true}}
		if diff := cmp.Diff(want, d.received("message")[0].Message.Attachments); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		content, mac, _ := strings.Cut(file.Handle, ".")
		for name, handle := range map[string]string{"cut": file.Handle[:len(file.Handle)-2], "unsigned": content, "another content": "e30." + mac, "none": "", "long": strings.Repeat("x", 9000)} {
			if r := send(1, "b", handle); r.Code != "attachment-unknown" {
				t.Errorf("%s: %+v", name, r)
			}
		}
		if r := send(2, "c", file.Handle); r.Code != "attachment-unknown" {
			t.Errorf("another visitor: %+v", r)
		}
		again := openShop(d) // the key is the account's, not the process's
		defer func() { _ = again.Close() }()
		if _, err := again.verifyUpload(t.Context(), visitorFor(1), file.Handle); err != nil {
			t.Error(err)
		}
		time.Sleep(handleLasts + time.Second)
		if _, err := again.verifyUpload(t.Context(), visitorFor(1), file.Handle); err == nil {
			t.Error("the handle is still good")
		}
		for _, name := range []string{"a.exe", "a.pdf.JS", "a.svg.", "x.html%20"} {
			if _, w := upload(1, name, "x"); w.Code != 415 {
				t.Errorf("%s: %d", name, w.Code)
			}
		}
		d.broken = true
		if _, w := upload(1, "a.txt", "x"); w.Code != 503 || w.Header().Get("Retry-After") == "" {
			t.Errorf("a busy host: %d %s", w.Code, w.Body)
		}
		d.broken = false
		for range 20 {
			if _, w := upload(1, "a.txt", "x"); w.Code != 201 {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
		}
		if _, w := upload(1, "a.txt", "x"); w.Code != 429 || w.Header().Get("Retry-After") != "180" {
			t.Errorf("the 21st: %d %v", w.Code, w.Header())
		}
	})
}

func TestFileNames(t *testing.T) {
	for given, want := range map[string]string{
		"a.png": "a.png", "": "file", "...": "file", "C%3A%5Cx%5Cy.pdf": "C__x_y.pdf", "a\u202efdp.exe": "afdp.exe", "%zz": "%zz", "a%0Ab.txt": "a b.txt",
		strings.Repeat("x", 300) + ".jpeg": strings.Repeat("x", 195) + ".jpeg",
	} {
		if got := fileName(given); got != want {
			t.Errorf("%q became %q, not %q", given, got, want)
		}
	}
}

func TestTooManyPolls(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		for range 200 {
			poll(t, c, d, 0, "")
		}
		w := call(t, c, d, 0, "GET", "poll?channel=shop-chat", nil)
		if got := decode[reply](t, w); w.Code != 429 || got.Code != "too-many" || got.After != 1 || w.Header().Get("Retry-After") != "1" {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if _, status := post(t, c, d, 1, map[string]any{"t": "ping"}); status != 429 {
			t.Errorf("frames: %d", status)
		}
	})
}

func TestTooManyMessagesFromOneAddress(t *testing.T) {
	inBubble(t, func(t *testing.T, c *channel, d *desk) {
		var codes []string
		for n := byte(1); n <= 13; n++ {
			for i := range 10 {
				answer, _ := post(t, c, d, n, map[string]any{"t": "send", "id": fmt.Sprint(i), "text": "hi"})
				if f := answer.Frames[0]; f.T != "accepted" {
					codes = append(codes, f.Code)
				}
			}
		}
		if len(d.received("message")) != 120 || len(codes) != 10 || codes[0] != "too-many" {
			t.Errorf("%d messages, refused: %v", len(d.received("message")), codes)
		}
		// It is not the visitor's own measure that they cost.
		time.Sleep(time.Minute)
		if answer, _ := post(t, c, d, 13, map[string]any{"t": "send", "id": "x", "text": "hi"}); answer.kinds() != "accepted" {
			t.Errorf("a minute later: %+v", answer)
		}
	})
}
