package api

import (
	"context"
	"net/http"
	"strings"
	"testing"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/auth"
)

// browser keeps cookies, as a browser does, and calls from a page of an origin.
type browser struct {
	h      *house
	cookie string
	origin string
}

func (b *browser) call(method, path, body string, headers ...string) *reply {
	b.h.t.Helper()
	req, err := http.NewRequest(method, b.h.http.URL+path, strings.NewReader(body))
	check(b.h.t, err)
	if b.cookie != "" {
		req.AddCookie(&http.Cookie{Name: cookieName, Value: b.cookie})
	}
	if b.origin != "" {
		req.Header.Set("Origin", b.origin)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	got := b.h.send(req)
	for _, line := range got.header["Set-Cookie"] {
		cookie, err := http.ParseSetCookie(line)
		check(b.h.t, err)
		if !cookie.HttpOnly || !cookie.Secure || cookie.SameSite != http.SameSiteLaxMode || cookie.Path != "/" {
			b.h.t.Errorf("an unsafe cookie: %s", line)
		}
		b.cookie = cookie.Value
	}
	return got
}

func (h *house) withPassword(agents ...string) {
	h.t.Helper()
	for _, id := range agents {
		check(h.t, h.auth.SetPassword(context.Background(), auth.Actor{Agent: "system"}, id, testPassword))
	}
}

func (h *house) browser(agent string) *browser {
	h.t.Helper()
	b := &browser{h: h}
	got := b.call("POST", "/api/v1/sign-in", `{"email":"`+agent+`@example.com","password":"`+testPassword+`"}`)
	if got.status != http.StatusOK || b.cookie == "" {
		h.t.Fatalf("sign-in: %d %s", got.status, got.body)
	}
	return b
}

func (r *reply) want(t *testing.T, status int, must ...string) {
	t.Helper()
	if r.status != status {
		t.Fatalf("status %d, want %d: %s", r.status, status, r.body)
	}
	for _, m := range must {
		if !strings.Contains(string(r.body), m) {
			t.Errorf("the answer lacks %q: %s", m, r.body)
		}
	}
}

func TestSignInAndOut(t *testing.T) {
	h := newHouse(t)
	h.withPassword("ada")
	nobody := &browser{h: h}
	nobody.call("POST", "/api/v1/sign-in", `{"email":"ada@example.com","password":"wrong password"}`).want(t, 401, `"code":"unauthorized"`)
	nobody.call("POST", "/api/v1/sign-in", `{"email":"eve@example.com","password":"wrong password"}`).want(t, 401)
	nobody.call("POST", "/api/v1/sign-in", `{"email":"ada@example.com"}`).want(t, 400, `"field":"password"`)
	nobody.call("POST", "/api/v1/sign-in", `{"password":"x"}`).want(t, 400, `"field":"email"`)
	nobody.call("GET", "/api/v1/me", "").want(t, 401)
	nobody.call("DELETE", "/api/v1/sign-in", "").want(t, 204)

	ada := &browser{h: h}
	ada.call("POST", "/api/v1/sign-in", `{"email":" ADA@example.com ","password":"`+testPassword+`"}`).want(t, 200, `"id":"ada"`)
	ada.call("GET", "/api/v1/me", "").want(t, 200, `"role":"agent"`)
	second := h.browser("ada")
	list := ada.call("GET", "/api/v1/me/sign-ins", "")
	list.want(t, 200, `"current":true`, `"current":false`)
	for _, item := range list.json(t)["items"].([]any) {
		if s := item.(map[string]any); s["current"] == false {
			ada.call("DELETE", "/api/v1/me/sign-ins/"+s["id"].(string), "").want(t, 204)
		}
	}
	ada.call("DELETE", "/api/v1/me/sign-ins/none", "").want(t, 404)
	second.call("GET", "/api/v1/me", "").want(t, 401)

	token := ada.cookie
	ada.call("DELETE", "/api/v1/sign-in", "").want(t, 204)
	ada.cookie = token
	ada.call("GET", "/api/v1/me", "").want(t, 401)
}

func TestSignInIsLimited(t *testing.T) {
	h := newHouse(t)
	h.withPassword("ada")
	b := &browser{h: h}
	var last *reply
	for range 11 {
		last = b.call("POST", "/api/v1/sign-in", `{"email":"ada@example.com","password":"guessing"}`)
	}
	last.want(t, 429, `"code":"rate-limited"`)
	if last.header.Get("Retry-After") == "" {
		t.Error("nobody says when to try again")
	}
}

func TestPagesOfOtherOriginsAreRefused(t *testing.T) {
	h := newHouse(t)
	h.withPassword("ada")
	ada := h.browser("ada")
	ada.origin = "https://evil.example"
	ada.call("PUT", "/api/v1/me/presence", `{"presence":"away"}`).want(t, 403, `"code":"forbidden"`)
	ada.call("POST", "/api/v1/sign-in", `{"email":"ada@example.com","password":"`+testPassword+`"}`).want(t, 403)
	ada.origin = ""
	ada.call("PUT", "/api/v1/me/presence", `{"presence":"away"}`, "Sec-Fetch-Site", "cross-site").want(t, 403)
	ada.call("PUT", "/api/v1/me/presence", `{"presence":"away"}`, "Sec-Fetch-Site", "same-origin").want(t, 200)
	ada.origin = "https://desk.example.com" // our public address, behind a proxy that changes the host
	ada.call("PUT", "/api/v1/me/presence", `{"presence":"busy"}`).want(t, 200)
	// A key is no cookie: no page can send it without knowing it.
	h.call("ada", "PUT", "/api/v1/me/presence", `{"presence":"away"}`, "Origin", "https://tool.example").want(t, 200)
}

func TestPasswordsAndKeysOfOnesOwn(t *testing.T) {
	h := newHouse(t)
	h.withPassword("ada")
	ada, other := h.browser("ada"), h.browser("ada")
	ada.call("PUT", "/api/v1/me/password", `{"old":"wrong","new":"another long password"}`).want(t, 403, `"field":"old"`)
	ada.call("PUT", "/api/v1/me/password", `{"old":"`+testPassword+`","new":"short"}`).want(t, 400, `"field":"password"`)
	ada.call("PUT", "/api/v1/me/password", `{"old":"`+testPassword+`","new":"another long password"}`).want(t, 204)
	ada.call("GET", "/api/v1/me", "").want(t, 200)
	other.call("GET", "/api/v1/me", "").want(t, 401)

	ada.call("POST", "/api/v1/me/keys", `{"name":""}`).want(t, 400, `"field":"name"`)
	made := ada.call("POST", "/api/v1/me/keys", `{"name":"script"}`)
	made.want(t, 201, `"key":"gck_`)
	id, key := made.json(t)["id"].(string), made.json(t)["key"].(string)
	h.keys["script"] = key
	h.call("script", "GET", "/api/v1/me", "").want(t, 200, `"id":"ada"`)
	listed := ada.call("GET", "/api/v1/me/keys", "")
	listed.want(t, 200, id)
	if strings.Contains(string(listed.body), "gck_") {
		t.Errorf("a key is shown again: %s", listed.body)
	}
	h.call("ben", "DELETE", "/api/v1/me/keys/"+id, "").want(t, 404)
	ada.call("DELETE", "/api/v1/me/keys/"+id, "").want(t, 204)
	ada.call("DELETE", "/api/v1/me/keys/x", "").want(t, 404)
	h.call("script", "GET", "/api/v1/me", "").want(t, 401)
	h.call("", "GET", "/api/v1/me", "", "Authorization", "Basic YTpi").want(t, 401)
}

func TestAdministratorsManagePeople(t *testing.T) {
	h := newHouse(t)
	h.call("root", "POST", "/api/v1/agents", `{"email":"ada@example.com","password":"`+testPassword+`"}`).want(t, 201, `"id":"ada"`)
	h.call("root", "POST", "/api/v1/agents", `{"email":"ada@example.com","role":"supervisor","password":"`+testPassword+`"}`).want(t, 409)
	h.call("root", "POST", "/api/v1/agents", `{"email":"new@example.com","password":"`+testPassword+`"}`).want(t, 503)
	h.call("root", "POST", "/api/v1/agents", `{"email":"new@example.com","role":"king","password":"`+testPassword+`"}`).want(t, 400, `"field":"role"`)
	h.call("root", "POST", "/api/v1/agents", `{"email":"ada@example.com","password":"short"}`).want(t, 400, `"field":"password"`)
	h.call("sue", "POST", "/api/v1/agents", `{"email":"ada@example.com","password":"`+testPassword+`"}`).want(t, 403)
	ada := h.browser("ada")
	h.call("root", "POST", "/api/v1/agents/ada/password", `{"password":"yet another password"}`).want(t, 204)
	ada.call("GET", "/api/v1/me", "").want(t, 401)
	h.call("root", "POST", "/api/v1/agents/none/password", `{"password":"yet another password"}`).want(t, 404)
	h.call("root", "POST", "/api/v1/agents/ada/disable", "").want(t, 204)
	h.call("ada", "GET", "/api/v1/me", "").want(t, 401)
	h.call("root", "POST", "/api/v1/agents/root/disable", "").want(t, 409)
	h.call("root", "POST", "/api/v1/agents/none/disable", "").want(t, 404)
	h.call("root", "POST", "/api/v1/agents/ada/enable", "").want(t, 204)
	h.call("ada", "GET", "/api/v1/me", "").want(t, 200)
	h.call("root", "GET", "/api/v1/audit", "").want(t, 200, `"act":"agent.disabled"`, `"act":"agent.password-set"`, `"actor":"root"`, `"address":"127.0.0.1"`)
}

func TestFirstAdministrator(t *testing.T) {
	h := newHouse(t)
	token, err := h.auth.SetupToken(context.Background())
	check(t, err)
	b := &browser{h: h}
	b.call("POST", "/api/v1/setup", `{"token":"guess","email":"root@example.com","password":"`+testPassword+`"}`).want(t, 403)
	b.call("POST", "/api/v1/setup", `{"token":"`+token+`","email":"root@example.com","password":"short"}`).want(t, 400, `"field":"password"`)
	b.call("POST", "/api/v1/setup", `{"token":"`+token+`","email":"ada@example.com","password":"`+testPassword+`"}`).want(t, 409)
	b.call("POST", "/api/v1/setup", `{"token":"`+token+`","email":"root@example.com","password":"`+testPassword+`"}`).want(t, 201, `"role":"administrator"`)
	b.call("GET", "/api/v1/me", "").want(t, 200, `"id":"root"`)
	b.call("POST", "/api/v1/setup", `{"token":"`+token+`","email":"root@example.com","password":"`+testPassword+`"}`).want(t, 410, `"code":"gone"`)
}

func TestEveryRouteAsksWhoIsThere(t *testing.T) {
	h := newHouse(t)
	open := map[string]bool{
		"POST /api/v1/setup": true, "POST /api/v1/sign-in": true, "DELETE /api/v1/sign-in": true, "GET /api/v1/openapi.json": true,
		"GET /api/v1/about": true, "POST /api/v1/invitations/look": true, "POST /api/v1/invitations/accept": true,
	}
	for _, route := range h.server.routes {
		if strings.HasPrefix(route.path, "/api/") && strings.Contains(route.path, ":token") {
			t.Errorf("%s %s: what opens something stands in an address, and so in the logs of proxies", route.method, route.path)
		}
		if !strings.HasPrefix(route.path, "/api/") || open[route.method+" "+route.path] {
			continue
		}
		path := route.path
		for strings.Contains(path, ":") {
			before, after, _ := strings.Cut(path, ":")
			_, rest, more := strings.Cut(after, "/")
			path = before + "x"
			if more {
				path += "/" + rest
			}
		}
		if got := h.call("", route.method, path, "{}"); got.status != http.StatusUnauthorized {
			t.Errorf("%s %s answers nobody with %d: %s", route.method, path, got.status, got.body)
		}
		if got := h.call("", route.method, path, "{}", "Authorization", "Bearer gck_00000000000000000000000000000000"); got.status != http.StatusUnauthorized {
			t.Errorf("%s %s answers a made-up key with %d", route.method, path, got.status)
		}
		if !auth.May(core.Administrator, route.action) {
			t.Errorf("%s %s: not even an administrator may", route.method, path)
		}
	}
}
