package api

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
)

func TestChatPage(t *testing.T) {
	h := newHouse(t, withUI)
	h.call("", "GET", "/chat/site", "").want(t, 404, "no web chat")
	h.withChat()
	page := h.call("", "GET", "/chat/site", "")
	page.want(t, 200, `<html class="panel" lang="fr" dir="ltr" data-channel="site">`, "panel</body>")
	policy := policyOf(page)
	if policy["frame-ancestors"] != "*" || policy["style-src"] != "'self'" || policy["default-src"] != "'self'" || !strings.HasPrefix(policy["connect-src"], "'self' wss://") {
		t.Errorf("policy %v", policy)
	}
	if page.header.Get("Cache-Control") != "no-cache" || page.header.Get("Set-Cookie") != "" || page.header.Get("X-Frame-Options") != "" {
		t.Errorf("headers %v", page.header)
	}
	h.call("", "GET", "/chat/site", "", "If-None-Match", page.header.Get("ETag")).want(t, 304)
	h.call("", "GET", "/chat/shop-line", "").want(t, 404, "no web chat") // a channel that is not live
	h.call("", "GET", "/chat/none", "").want(t, 404)

	h.withChat(func(s *core.Setup) {
		w := s.Channels["site"].Widget
		w.Domains, w.LogoURL, w.Languages = []string{"shop.example.com", "*.example.org"}, "https://cdn.example.net/logo.png", []string{"fr", "ar", "en"}
	})
	page = h.call("", "GET", "/chat/site", "", "Accept-Language", "ar-EG, en;q=0.5")
	page.want(t, 200, `lang="ar" dir="rtl"`)
	policy = policyOf(page)
	if policy["frame-ancestors"] != "'self' shop.example.com *.example.org" || policy["img-src"] != "'self' blob: data: https://cdn.example.net" {
		t.Errorf("policy %v", policy)
	}
	for wish, want := range map[string]string{"de": "fr", "en-GB, fr;q=0.9": "en", "de, en;q=nonsense, ar;q=0.1": "ar", "": "fr", "en;q=0.1, fr;q=0.2": "fr"} {
		h.call("", "GET", "/chat/site", "", "Accept-Language", wish).want(t, 200, `lang="`+want+`"`)
	}
}

func TestDirections(t *testing.T) {
	for language, want := range map[string]string{
		"en": "ltr", "ar": "rtl", "ar-EG": "rtl", "he": "rtl", "az-Arab": "rtl", "uz-Arab-AF": "rtl", "fa-IR": "rtl", "ks": "ltr", "ur-Latn": "ltr", "yi": "rtl", "Ar": "rtl", "arn": "ltr",
	} {
		if got := direction(language); got != want {
			t.Errorf("%s is written %s", language, got)
		}
	}
}

func TestChatConfiguration(t *testing.T) {
	h := newHouse(t, withUI)
	h.withChat(func(s *core.Setup) {
		s.Organization.PrivacyNotice = "Nous gardons tout un an."
		s.Channels["site"].Widget.Domains = []string{"shop.example.com", "*.example.org", "localhost:3000"}
	})
	got := h.call("", "GET", "/chat/site/config", "")
	got.want(t, 200)
	var c map[string]any
	check(t, json.Unmarshal(got.body, &c))
	want := map[string]any{
		"channel": "site", "account": "site", "organization": "Fournil & Cie", "language": "fr", "languages": []any{"fr"}, "title": "Fournil",
		"subtitle": "Ouvert", "color": "#8f4326", "position": "bottom-left", "hidden": false, "attachments": map[string]any{"from_customer": true},
		"texts": map[string]any{"privacy_notice": "Nous gardons tout un an."},
	}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if got.header.Get("Access-Control-Allow-Origin") != "*" || got.header.Get("Cache-Control") != "public, max-age=60" || got.header.Get("Content-Type") != "application/json" {
		t.Errorf("headers %v", got.header)
	}
	h.call("", "GET", "/chat/site/config", "", "If-None-Match", got.header.Get("ETag")).want(t, 304)
	none := h.call("", "GET", "/chat/none/config", "", "Origin", "https://shop.example.com")
	none.want(t, 404)
	if got := none.header.Get("Access-Control-Allow-Origin"); got != "*" {
		t.Errorf("the page's script may not read that there is no such chat: %q", got)
	}
	for origin, hidden := range map[string]bool{
		"": false, "https://shop.example.com": false, "https://shop.example.com:8443": false, "https://www.example.org": false, "https://example.org": true,
		"https://evil.example.com": true, "https://shop.example.com.evil.net": true, "http://localhost:3000": false, "http://localhost:3001": true,
		"https://desk.example.com": false, "null": false,
	} {
		got := h.call("", "GET", "/chat/site/config", "", "Origin", origin)
		if got.json(t)["hidden"] != hidden || !strings.Contains(strings.Join(got.header["Vary"], ","), "Origin") {
			t.Errorf("on a page of %s: hidden %v, vary %v", origin, got.json(t)["hidden"], got.header["Vary"])
		}
	}
	// The largest that the configuration allows stays small.
	h.withChat(func(s *core.Setup) {
		s.Organization.PrivacyNotice = strings.Repeat("é€", 300)
		w := s.Channels["site"].Widget
		w.Title, w.Subtitle, w.LogoURL = strings.Repeat("é", 60), strings.Repeat("à", 120), "https://example.com/"+strings.Repeat("x", 280)
	})
	if got := h.call("", "GET", "/chat/site/config", "", "Accept-Encoding", "gzip"); len(got.body) > 2000 {
		t.Errorf("the configuration takes %d bytes on the way", len(got.body))
	}
}

func TestDemoShop(t *testing.T) {
	allowed := false
	h := newHouse(t, withUI, func(o *Options) { o.AllowTest = func() bool { return allowed } })
	h.withChat()
	h.call("", "GET", "/demo", "").want(t, 403, "allow_test")
	h.call("", "GET", "/demo/demo.css", "").want(t, 403)
	allowed = true
	origin := strings.Replace(h.http.URL, "http:", "https:", 1)
	page := h.call("", "GET", "/demo", "")
	page.want(t, 200, `shop <script id="guichet-chat" src="`+origin+`/widget.js" data-app-id="site" data-org-id="bakery" data-org-url="`+origin+`" async></script> cart`)
	if policy := policyOf(page); policy["default-src"] != "'self'" || policy["frame-ancestors"] != "'none'" || strings.Contains(policy["script-src"], "unsafe") {
		t.Errorf("policy %v", policy)
	}
	h.call("", "GET", "/demo/", "").want(t, 200, "guichet-chat")
	h.call("", "GET", "/demo/demo.css", "").want(t, 200, "body{}")
	h.call("", "GET", "/demo/index.html", "").want(t, 404)

	odd, err := http.NewRequest("GET", h.http.URL+"/demo", nil)
	check(t, err)
	odd.Host = `x"onload=alert(1)`
	if got := h.send(odd); strings.Contains(string(got.body), "onload") {
		t.Errorf("a header got into the page: %d %s", got.status, got.body)
	}
	h.withChat(func(s *core.Setup) { delete(s.Channels, "site") })
	if got := h.call("", "GET", "/demo", ""); got.status != 200 || strings.Contains(string(got.body), "<script") {
		t.Errorf("without a chat: %d %s", got.status, got.body)
	}

	plain := newHouse(t, withUI, func(o *Options) { o.PublicURL = "" })
	plain.withChat()
	plain.call("", "GET", "/demo", "").want(t, 200, `src="`+plain.http.URL+`/widget.js"`)
}

func TestSnippetWithoutAMark(t *testing.T) {
	for page, want := range map[string]string{
		"<body>a</body></html>": "<body>aS</body></html>", "a": "aS", "<!--guichet-chat--></body>": "S</body>", "</body></body>": "</body>S</body>",
	} {
		if got := withSnippet(page, "S"); got != want {
			t.Errorf("%q became %q", page, got)
		}
	}
	for page, want := range map[string]string{
		"<HTML>": "<HTML x>", `<html lang="a" dir=rtl class="b">`: `<html class="b" x>`, "none": "none",
	} {
		if got := onRoot(page, "x"); got != want {
			t.Errorf("%q became %q", page, got)
		}
	}
}
