package api

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/live"
)

// wire is a live socket over real HTTP.
type wire struct {
	t    *testing.T
	conn *websocket.Conn
}

func (h *house) dial(path string, header http.Header) (*wire, *http.Response, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	conn, res, err := websocket.Dial(ctx, "ws"+strings.TrimPrefix(h.http.URL, "http")+path, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		return nil, res, err
	}
	conn.SetReadLimit(1 << 20)
	h.t.Cleanup(func() { conn.CloseNow() })
	return &wire{t: h.t, conn: conn}, res, nil
}

func (h *house) open(who, query string) *wire {
	h.t.Helper()
	w, _, err := h.dial("/api/v1/events"+query, http.Header{"Authorization": {"Bearer " + h.keys[who]}})
	check(h.t, err)
	return w
}

// until reads frames until one of a kind comes whose text holds a string.
func (w *wire) until(kind, holds string) map[string]any {
	w.t.Helper()
	for {
		frame, err := w.next()
		if err != nil {
			w.t.Fatalf("no %s with %q: %v", kind, holds, err)
		}
		raw, _ := json.Marshal(frame)
		if frame["type"] == kind && strings.Contains(string(raw), holds) {
			return frame
		}
	}
}

func (w *wire) next() (map[string]any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	_, raw, err := w.conn.Read(ctx)
	if err != nil {
		return nil, err
	}
	var frame map[string]any
	return frame, json.Unmarshal(raw, &frame)
}

func TestSocketTellsWhatHappens(t *testing.T) {
	h := newHouse(t)
	h.call("ada", "PUT", "/api/v1/me/presence", `{"presence":"available"}`).want(t, 200)
	ada := h.open("ada", "")
	if hello, err := ada.next(); err != nil || hello["type"] != "hello" || hello["resumed"] != false {
		t.Fatalf("first frame %v (%v)", hello, err)
	}
	snapshot := ada.until("snapshot", `"last":true`)
	if me := snapshot["me"].(map[string]any); me["presence"] != "available" || me["capacity"] != 4.0 {
		t.Errorf("me: %v", me)
	}
	cleo := h.open("cleo", "")
	cleo.until("snapshot", "")

	id := string(h.customerWrites("mia", "hello"))
	// The words come with the conversation: when they were stored, nobody had it in sight yet.
	conversation := ada.until("conversation", "hello")
	offer := ada.until("offer", id)["offer"].(map[string]any)
	if offer["remaining_ms"].(float64) <= 0 || offer["queue"] != "sales" {
		t.Errorf("offer: %v", offer)
	}
	ada.until("presence", `"load":1`) // capacity is reserved while it rings
	h.call("ada", "POST", "/api/v1/offers/"+offer["id"].(string)+"/accept", "").want(t, 200)
	ada.until("conversation", `"state":"active"`)
	ada.until("offer-ended", offer["id"].(string))

	// The frame's conversation has the shape of the list.
	listed := h.call("ada", "GET", "/api/v1/conversations", "").json(t)["items"].([]any)[0].(map[string]any)
	for name := range conversation["conversation"].(map[string]any) {
		if _, ok := listed[name]; !ok && name != "offered_to" {
			t.Errorf("the frame has %q, the list has not", name)
		}
	}

	// What Ada has missed comes when she says where she stopped.
	h.call("ada", "POST", "/api/v1/conversations/"+id+"/read", "").want(t, 204)
	last := ada.until("conversation", `"unread":0`)["seq"].(float64)
	check(t, ada.conn.Close(websocket.StatusNormalClosure, ""))
	h.customerWrites("mia", "are you there")
	again := h.open("ada", "?since="+json.Number(formatSeq(last)).String())
	if hello, err := again.next(); err != nil || hello["resumed"] != true {
		t.Fatalf("it does not resume: %v (%v)", hello, err)
	}
	again.until("message", "are you there")

	// Somebody else learns nothing of it until it is theirs, and then everything.
	h.call("ada", "POST", "/api/v1/conversations/"+id+"/transfer", `{"queue":"support"}`).want(t, 200)
	again.until("removed", id)
	if frame := cleo.until("conversation", ""); frame["conversation"].(map[string]any)["queue"] != "support" {
		t.Errorf("the first conversation that Cleo hears of is %v", frame)
	}
}

func formatSeq(f float64) string {
	b, _ := json.Marshal(uint64(f))
	return string(b)
}

func TestTypingAndViewers(t *testing.T) {
	h := newHouse(t)
	id := h.customerWrites("mia", "hello")
	ada, ben := h.open("ada", ""), h.open("ben", "")
	ada.until("snapshot", "")
	ben.until("snapshot", "")
	say := func(w *wire, frame string) {
		check(t, w.conn.Write(context.Background(), websocket.MessageText, []byte(frame)))
	}
	say(ada, `{"type":"viewing","conversation":"`+string(id)+`"}`)
	ada.until("viewers", `["ada"]`)
	say(ben, `{"type":"viewing","conversation":"`+string(id)+`"}`)
	ada.until("viewers", `["ada","ben"]`)
	say(ben, `nonsense`)
	say(ben, `{"type":"typing","conversation":"`+string(id)+`"}`)
	ada.until("typing", `"id":"ben"`)
	h.hub.CustomerTyping(context.Background(), id)
	ada.until("typing", `"kind":"customer"`)
	check(t, ben.conn.Close(websocket.StatusNormalClosure, ""))
	ada.until("viewers", `["ada"]`)
}

func TestSocketsOfTheSignedOutClose(t *testing.T) {
	h := newHouse(t)
	h.withPassword("ada")
	b := h.browser("ada")
	w, _, err := h.dial("/api/v1/events", http.Header{"Cookie": {cookieName + "=" + b.cookie}})
	check(t, err)
	w.until("snapshot", "")
	b.call("DELETE", "/api/v1/sign-in", "").want(t, 204)
	wantClose(t, w, live.CloseSignedOut)

	key := h.open("ben", "")
	key.until("snapshot", "")
	h.call("root", "POST", "/api/v1/agents/ben/disable", "").want(t, 204)
	wantClose(t, key, live.CloseSignedOut)
}

func wantClose(t *testing.T, w *wire, code websocket.StatusCode) {
	t.Helper()
	for {
		if _, err := w.next(); err != nil {
			if got := websocket.CloseStatus(err); got != code {
				t.Fatalf("closed with %d (%v), want %d", got, err, code)
			}
			return
		}
	}
}

func TestSocketIsOnlyForOurPages(t *testing.T) {
	h := newHouse(t)
	h.withPassword("ada")
	b := h.browser("ada")
	cookie := cookieName + "=" + b.cookie
	_, res, err := h.dial("/api/v1/events", http.Header{"Cookie": {cookie}, "Origin": {"https://evil.example"}})
	if err == nil || res.StatusCode != http.StatusForbidden {
		t.Errorf("another origin's page may listen (%v)", err)
	}
	if _, _, err := h.dial("/api/v1/events", http.Header{"Cookie": {cookie}, "Origin": {"https://desk.example.com"}}); err != nil {
		t.Errorf("our own page may not: %v", err)
	}
	_, res, err = h.dial("/api/v1/events", nil)
	if err == nil || res.StatusCode != http.StatusUnauthorized {
		t.Errorf("nobody may listen (%v)", err)
	}
	h.call("ada", "GET", "/api/v1/events", "").want(t, 400)
	h.call("ada", "GET", "/api/v1/events?since=x", "", "Upgrade", "websocket").want(t, 400, `"field":"since"`)
}

func TestPresenceFollowsTheSockets(t *testing.T) {
	h := newHouse(t)
	present := func() *core.AgentStatus {
		st, err := h.desk.Presence(context.Background(), "ada")
		check(t, err)
		return st
	}
	one, two := h.open("ada", ""), h.open("ada", "")
	one.until("snapshot", "")
	two.until("snapshot", "")
	h.eventually("Ada is there", func() bool { return present().Presence == core.Available && present().LeaseUntil.IsZero() })
	check(t, one.conn.Close(websocket.StatusNormalClosure, ""))
	h.eventually("one socket is left", func() bool { return h.hub.Sockets() == 1 })
	if !present().LeaseUntil.IsZero() {
		t.Error("one socket is left and the grace time runs")
	}
	check(t, two.conn.Close(websocket.StatusNormalClosure, ""))
	h.eventually("the grace time runs", func() bool { return !present().LeaseUntil.IsZero() })
}

func TestServeAndClose(t *testing.T) {
	h := newHouse(t)
	l := listener(t)
	served := make(chan error, 1)
	go func() { served <- h.server.Serve(l) }()
	res, err := http.Get("http://" + l.Addr().String() + "/healthz")
	check(t, err)
	check(t, res.Body.Close())
	conn, _, err := websocket.Dial(context.Background(), "ws://"+l.Addr().String()+"/api/v1/events", &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + h.keys["ada"]}},
	})
	check(t, err)
	conn.SetReadLimit(1 << 20)
	w := &wire{t: t, conn: conn}
	w.until("snapshot", "")
	go func() { _ = h.server.Close(context.Background()) }()
	wantClose(t, w, live.CloseGoingAway)
	if err := <-served; err != nil {
		t.Errorf("Serve ended with %v", err)
	}
	if _, err := http.Get("http://" + l.Addr().String() + "/healthz"); err == nil {
		t.Error("it still answers")
	}
}
