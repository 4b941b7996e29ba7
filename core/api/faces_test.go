package api

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/store"
)

func TestAbout(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Version = "1.2.3" })
	h.withChat()
	about := func() map[string]any { return h.call("", "GET", "/api/v1/about", "").json(t) }
	want := map[string]any{"id": "bakery", "name": "Fournil & Cie", "language": "fr", "version": "1.2.3", "setup_needed": true}
	if diff := cmp.Diff(want, about()); diff != "" {
		t.Error(diff)
	}
	h.withPassword("root")
	if about()["setup_needed"] != false {
		t.Error("it is to be set up again")
	}
}

func TestInvitationByLink(t *testing.T) {
	h := newHouse(t)
	for who, status := range map[string]int{"ada": 403, "sue": 403} {
		h.call(who, "POST", "/api/v1/agents/ben/invitation", "").want(t, status)
	}
	h.call("root", "POST", "/api/v1/agents/nobody/invitation", "").want(t, 404)
	made := h.call("root", "POST", "/api/v1/agents/ben/invitation", "")
	made.want(t, 201, `"expires_at"`)
	link := made.json(t)["url"].(string)
	if !strings.HasPrefix(link, h.http.URL+"/app/invitation#") && !strings.HasPrefix(link, "https://"+strings.TrimPrefix(h.http.URL, "http://")+"/app/invitation#") {
		t.Errorf("without a configured address the link is %s", link)
	}
	_, token, _ := strings.Cut(link, "#")
	h.call("", "POST", "/api/v1/invitations/look", `{"token":"`+token+`"}`).want(t, 200, `{"name":"Ben","email":"ben@example.com"}`)
	b := &browser{h: h}
	b.call("POST", "/api/v1/invitations/accept", `{"token":"`+token+`","password":"short"}`).want(t, 400, `"field":"password"`)
	b.call("POST", "/api/v1/invitations/accept", `{"token":"`+token+`","password":"`+testPassword+`"}`).want(t, 200, `"id":"ben"`)
	b.call("GET", "/api/v1/me", "").want(t, 200, `"id":"ben"`)
	h.call("", "POST", "/api/v1/invitations/look", `{"token":"`+token+`"}`).want(t, 410)
	b.call("POST", "/api/v1/invitations/accept", `{"token":"`+token+`","password":"`+testPassword+`"}`).want(t, 410, `"code":"gone"`)
	(&browser{h: h, origin: "https://evil.example.com"}).call("POST", "/api/v1/invitations/accept", `{"token":"x","password":"y"}`, "Sec-Fetch-Site", "cross-site").want(t, 403)
	for range 40 {
		h.call("", "POST", "/api/v1/invitations/look", `{"token":"guess"}`)
	}
	if got := h.call("", "POST", "/api/v1/invitations/look", `{"token":"guess"}`); got.status != 429 || got.header.Get("Retry-After") == "" {
		t.Errorf("guessing goes on: %d %v", got.status, got.header)
	}
	check(t, h.store.View(context.Background(), func(tx *store.Tx) error {
		names, err := tx.Settings()
		for _, name := range names {
			value, _ := tx.Setting(name)
			if bytes.Contains(value, []byte(token)) {
				t.Errorf("%s holds the link", name)
			}
		}
		return err
	}))

	known := newHouse(t, func(o *Options) { o.Announced = true })
	if link := known.call("root", "POST", "/api/v1/agents/ben/invitation", "").json(t)["url"].(string); !strings.HasPrefix(link, "https://desk.example.com/app/invitation#") {
		t.Errorf("the link is %s", link)
	}
}

func TestDiagnosis(t *testing.T) {
	proxies, err := request.ParseProxies([]string{"127.0.0.1"})
	check(t, err)
	h := newHouse(t, func(o *Options) {
		o.Announced, o.TrustedProxies, o.Version = true, proxies, "1.2.3"
		o.Storage = func() StorageState { return StorageState{OK: false, Detail: "The disk is full."} }
	})
	h.call("", "GET", "/api/v1/diagnosis", "").want(t, 401)
	h.call("ada", "GET", "/api/v1/diagnosis", "").want(t, 200)
	got := h.call("sue", "GET", "/api/v1/diagnosis", "", "X-Forwarded-For", "192.0.2.9", "X-Forwarded-Proto", "https").json(t)
	if _, err := time.Parse(time.RFC3339Nano, got["time"].(string)); err != nil {
		t.Error(err)
	}
	delete(got, "time")
	host := strings.TrimPrefix(h.http.URL, "http://")
	want := map[string]any{
		"client_address": "192.0.2.9", "scheme": "https", "host": host, "public_url": "https://desk.example.com", "public_url_matches": false,
		"forwarded": true, "proxy_trusted": true, "plugins": []any{map[string]any{"id": "line", "state": "running"}},
		"storage": map[string]any{"ok": false, "detail": "The disk is full."}, "version": "1.2.3",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	ask := func(host, proto string) map[string]any {
		req, err := http.NewRequest("GET", h.http.URL+"/api/v1/diagnosis", nil)
		check(t, err)
		req.Host = host
		req.Header.Set("Authorization", "Bearer "+h.keys["root"])
		if proto != "" {
			req.Header.Set("X-Forwarded-Proto", proto)
		}
		return h.send(req).json(t)
	}
	for _, test := range []struct {
		host, proto string
		matches     bool
	}{
		{"desk.example.com", "https", true}, {"desk.example.com:443", "https", true}, {"DESK.example.com", "https", true},
		{"desk.example.com", "http", false}, {"desk.example.com", "", false}, {"desk.example.com:8443", "https", false}, {"other.example.com", "https", false},
	} {
		if got := ask(test.host, test.proto); got["public_url_matches"] != test.matches {
			t.Errorf("%s over %s matches: %v", test.host, test.proto, got["public_url_matches"])
		}
	}
	if got := ask("desk.example.com", ""); got["forwarded"] != false || got["scheme"] != "http" {
		t.Errorf("a direct request: %v", got)
	}
}

func TestTrialSocket(t *testing.T) {
	h := newHouse(t)
	h.call("sue", "GET", "/api/v1/diagnosis/socket", "").want(t, 400)
	if _, res, err := h.dial("/api/v1/diagnosis/socket", nil); err == nil || res.StatusCode != 401 {
		t.Errorf("it opens for nobody: %v", err)
	}
	open := func() *wire {
		w, _, err := h.dial("/api/v1/diagnosis/socket", http.Header{"Authorization": {"Bearer " + h.keys["sue"]}})
		check(t, err)
		return w
	}
	ctx := t.Context()
	w := open()
	for _, text := range []string{"hello", strings.Repeat("x", echoMost), ""} {
		check(t, w.conn.Write(ctx, websocket.MessageText, []byte(text)))
		kind, back, err := w.conn.Read(ctx)
		check(t, err)
		if kind != websocket.MessageText || string(back) != text {
			t.Errorf("%d bytes came back as %d", len(text), len(back))
		}
	}
	for name, send := range map[string]func(*wire) error{
		"large":  func(w *wire) error { return w.conn.Write(ctx, websocket.MessageText, make([]byte, echoMost+1)) },
		"binary": func(w *wire) error { return w.conn.Write(ctx, websocket.MessageBinary, []byte("x")) },
	} {
		w := open()
		check(t, send(w))
		if _, _, err := w.conn.Read(ctx); websocket.CloseStatus(err) < 1000 {
			t.Errorf("%s: %v", name, err)
		}
	}
	check(t, h.server.Close(ctx)) // ends the sockets too
	if _, _, err := w.conn.Read(ctx); err == nil {
		t.Error("the socket outlives the server")
	}
}

func TestWhatAdministratorsRead(t *testing.T) {
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	h := newHouse(t, func(o *Options) {
		o.ConfigurationFile = func(context.Context) (ConfigurationFile, error) {
			return ConfigurationFile{Text: "masked text", Path: "/etc/guichet.toml", ReadOnly: true, Differs: true, History: []ConfigurationVersion{{8, at.Add(time.Hour), "file"}, {7, at, "cli"}}}, nil
		}
		o.Memory = func(pid int) int64 { return int64(pid) * 1000 }
	})
	h.config.Off = []*core.Account{{ID: "later", Plugin: "line", Name: "Later"}}
	h.config.Problems = append(h.config.Problems,
		ConfigurationProblem{Path: "account[shop].settings.channel_id", Line: 9, Column: 2, Problem: "wrong", Severity: SeverityError},
		ConfigurationProblem{Path: "account[shopping].test", Line: 12, Column: 2, Problem: "elsewhere", Severity: SeverityError})
	c := h.call("root", "GET", "/api/v1/configuration", "").json(t)
	delete(c, "problems")
	want := map[string]any{
		"revision": 7.0, "banner": "Look at the file.", "applied_at": "2026-03-01T12:00:00Z", "applied_by": "cli", "text": "masked text", "path": "/etc/guichet.toml",
		"read_only": true, "on_disk_differs": true, "history": []any{
			map[string]any{"version": 8.0, "at": "2026-03-01T13:00:00Z", "by": "file"}, map[string]any{"version": 7.0, "at": "2026-03-01T12:00:00Z", "by": "cli"},
		},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Error(diff)
	}
	for _, who := range []string{"ada", "sue"} {
		if got := h.call(who, "GET", "/api/v1/configuration", ""); strings.Contains(string(got.body), "masked") || strings.Contains(string(got.body), "/etc") {
			t.Errorf("%s reads %s", who, got.body)
		}
	}

	h.channels.fail = false
	accounts := func(who string) map[string]map[string]any {
		byID := map[string]map[string]any{}
		for _, item := range h.call(who, "GET", "/api/v1/accounts", "").json(t)["items"].([]any) {
			a := item.(map[string]any)
			byID[a["id"].(string)] = a
		}
		return byID
	}
	list := accounts("root")
	if a := list["later"]; a["enabled"] != false || a["state"] != "off" || a["name"] != "Later" {
		t.Errorf("an account that is off: %v", a)
	}
	shop := list["shop"]
	raw, err := json.Marshal(shop["problems"])
	check(t, err)
	if shop["enabled"] != true || shop["state"] != "running" || shop["kept_back"] != 0.0 || !strings.Contains(string(raw), "wrong") || strings.Contains(string(raw), "elsewhere") {
		t.Errorf("an account: %v", shop)
	}
	if problems := accounts("sue")["shop"]["problems"].([]any); len(problems) != 0 {
		t.Errorf("a supervisor reads %v", problems)
	}
	check(t, h.store.Update(context.Background(), func(tx *store.Tx) error {
		for i := range uint64(3) {
			tx.PutOutboxEntry(&core.OutboxEntry{ID: "x", Conversation: core.NewID(at), Seq: i + 1, Account: "shop", State: core.OutboxQueued})
		}
		return nil
	}))
	if kept := accounts("sue")["shop"]["kept_back"]; kept != 3.0 {
		t.Errorf("%v messages are kept back", kept)
	}

	h.call("sue", "GET", "/api/v1/plugins", "").want(t, 200, `"kind":"built-in"`, `"memory_bytes":42000`, `"since":"20`)
}
