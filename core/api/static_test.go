package api

import (
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/guichet/guichet/core"
)

var testScript = strings.Repeat("console.log('a script that is worth compressing');\n", 50)

// testUI is a build of the faces.
func testUI() fstest.MapFS {
	file := func(content string) *fstest.MapFile { return &fstest.MapFile{Data: []byte(content)} }
	return fstest.MapFS{
		"app/index.html": file("<!doctype html><html lang=\"en\"><body>workspace</body></html>"), "app/app.js": file(testScript),
		"app/chunks/x.js": file("1"), "app/logo.png": file("\x89PNG" + strings.Repeat("0", 500)),
		"widget/loader.js": file("loader"), "widget/panel.js": file(testScript),
		"widget/panel.html": file("<!doctype html>\n<html class=\"panel\" lang='en'>\n<head></head><body>panel</body></html>"),
		"demo/index.html":   file("<!doctype html><html lang=\"en\"><body>shop <!-- guichet-chat --> cart</body></html>"), "demo/demo.css": file("body{}"),
	}
}

func withUI(o *Options) { o.UI = testUI() }

func policyOf(r *reply) map[string]string {
	directives := map[string]string{}
	for part := range strings.SplitSeq(r.header.Get("Content-Security-Policy"), ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(part), " ")
		directives[name] = value
	}
	return directives
}

func TestWorkspaceIsServed(t *testing.T) {
	bare := newHouse(t)
	bare.call("", "GET", "/app/", "").want(t, 404)
	bare.call("", "GET", "/widget.js", "").want(t, 404)
	if got := bare.call("", "GET", "/", ""); got.status != 302 || got.header.Get("Location") != "/app/" {
		t.Errorf("/ leads to %d %q", got.status, got.header.Get("Location"))
	}

	h := newHouse(t, withUI)
	for _, path := range []string{"/app/", "/app/setup", "/app/conversations/42", "/app/invitation"} {
		page := h.call("", "GET", path, "")
		page.want(t, 200, "workspace")
		if page.header.Get("Cache-Control") != "no-cache" || page.header.Get("Content-Type") != "text/html; charset=utf-8" || page.header.Get("ETag") == "" {
			t.Errorf("%s: %v", path, page.header)
		}
		policy := policyOf(page)
		host := strings.TrimPrefix(h.http.URL, "http://")
		for name, want := range map[string]string{
			"default-src": "'self'", "connect-src": "'self' wss://" + host, "img-src": "'self' blob: data:", "style-src": "'self'",
			"style-src-attr": "'unsafe-inline'", "frame-ancestors": "'none'", "object-src": "'none'", "base-uri": "'none'",
		} {
			if policy[name] != want {
				t.Errorf("%s: %s is %q, want %q", path, name, policy[name], want)
			}
		}
		if strings.Contains(policy["script-src"], "unsafe") {
			t.Errorf("scripts: %q", policy["script-src"])
		}
	}
	for _, path := range []string{"/app/none.js", "/app/chunks/none.css", "/widget/none.js", "/widget/panel.html", "/demo/none.js"} {
		if got := h.call("", "GET", path, ""); got.status != 404 && got.status != 403 {
			t.Errorf("%s is %d", path, got.status)
		}
	}
	if head := h.call("", "HEAD", "/app/", ""); head.status != 200 || len(head.body) != 0 || head.header.Get("ETag") == "" {
		t.Errorf("HEAD: %d %q %v", head.status, head.body, head.header)
	}
}

func TestFilesAreCompressedAndKept(t *testing.T) {
	h := newHouse(t, withUI)
	tags := map[string]bool{}
	for accept, compressed := range map[string]bool{
		"gzip": true, "br, gzip": true, "GZIP;q=0.5": true, "identity": false, "br": false, "gzip;q=0": false, "gzip; q=0.0, br": false,
	} {
		got := h.call("", "GET", "/app/app.js", "", "Accept-Encoding", accept)
		body := string(got.body)
		if (got.header.Get("Content-Encoding") == "gzip") != compressed {
			t.Errorf("%q: encoding %q", accept, got.header.Get("Content-Encoding"))
		}
		if compressed {
			unpacked, err := gzip.NewReader(strings.NewReader(body))
			check(t, err)
			raw, err := io.ReadAll(unpacked)
			check(t, err)
			if len(body) >= len(testScript) {
				t.Errorf("%d bytes compressed, %d plain", len(body), len(testScript))
			}
			body = string(raw)
		}
		if got.status != 200 || body != testScript || !strings.Contains(got.header.Get("Vary"), "Accept-Encoding") || got.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%q: %d %v", accept, got.status, got.header)
		}
		tag := got.header.Get("ETag")
		tags[tag] = true
		h.call("", "GET", "/app/app.js", "", "Accept-Encoding", accept, "If-None-Match", tag).want(t, 304)
		h.call("", "GET", "/app/app.js", "", "Accept-Encoding", accept, "If-None-Match", `"another"`).want(t, 200)
	}
	if len(tags) != 2 {
		t.Errorf("the tags are %v: one for each form", tags)
	}
	if got := h.call("", "GET", "/app/app.js?v=7", ""); !strings.Contains(got.header.Get("Cache-Control"), "immutable") {
		t.Errorf("a version of a file is not kept: %v", got.header)
	}
	if got := h.call("", "GET", "/app/?v=7", ""); got.header.Get("Cache-Control") != "no-cache" {
		t.Errorf("a page is kept: %v", got.header)
	}
	if got := h.call("", "GET", "/app/logo.png", "", "Accept-Encoding", "gzip"); got.header.Get("Content-Encoding") != "" || got.header.Get("Content-Type") != "image/png" {
		t.Errorf("a picture: %v", got.header)
	}
	loader := h.call("", "GET", "/widget.js", "")
	loader.want(t, 200, "loader")
	if loader.header.Get("Cross-Origin-Resource-Policy") != "cross-origin" || loader.header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("shops cannot load the widget: %v", loader.header)
	}
	h.call("", "GET", "/widget/panel.js", "", "Accept-Encoding", "identity").want(t, 200, "worth compressing")
}

func TestDevelopmentServer(t *testing.T) {
	for text, ok := range map[string]bool{
		"http://127.0.0.1:5173": true, "http://localhost:5173/": true, "http://[::1]:1": true, "http://192.0.2.1:5173": false, "http://example.com": false,
		"https://localhost": false, "localhost:5173": false, "http://localhost.example.com": false, "http://u@localhost": false, "http://localhost/x": false, "": false,
	} {
		if _, err := ParseDevURL(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
	vite := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Cookie") != "" || r.Header.Get("Authorization") != "" {
			t.Errorf("%s got a credential", r.URL.Path)
		}
		switch r.URL.Path {
		case "/app/index.html", "/widget/panel.html", "/demo/index.html":
			_, _ = io.WriteString(w, `<html lang="en"><head></head><body>vite `+r.URL.Path+`</body></html>`) // the reader may have gone
		default:
			_, _ = io.WriteString(w, "source "+r.URL.Path) // the reader may have gone
		}
	}))
	defer vite.Close()
	h := newHouse(t, func(o *Options) {
		o.UIDev, _ = url.Parse(vite.URL)
		o.AllowTest = func() bool { return true }
	})
	h.withChat()
	for path, want := range map[string]string{
		"/app/": "vite /app/index.html", "/app/deep/link": `<base href="/app/">`, "/app/main.ts": "source /app/main.ts", "/widget.js": "source /widget/loader.ts",
		"/widget/panel/main.ts": "source /widget/panel/main.ts", "/@vite/client": "source /@vite/client", "/chat/site": `data-channel="site"`,
		"/demo": `data-app-id="site"`, "/lib/x.ts": "source /lib/x.ts", "/healthz": "alive",
	} {
		h.call("root", "GET", path, "", "Cookie", "guichet=x").want(t, 200, want)
	}
	h.call("", "GET", "/api/v1/nothing", "").want(t, 404, "not-found")
	h.call("", "GET", "/chat/none", "").want(t, 404)
	vite.Close()
	h.call("", "GET", "/chat/site", "").want(t, 503, "development server")
	h.call("", "GET", "/app/", "").want(t, 502)
}

// withChat puts a web chat in force.
func (h *house) withChat(adjust ...func(*core.Setup)) {
	setup := testSetup()
	setup.Revision++
	setup.Organization = core.Organization{ID: "bakery", Name: "Fournil & Cie", Language: "fr"}
	setup.Accounts["site"] = &core.Account{ID: "site", Plugin: "webchat", Name: "Site"}
	setup.Workstreams["web"] = &core.Workstream{ID: "web", Plugin: "webchat", Capacity: 1, FallbackQueue: "sales"}
	setup.Channels["site"] = &core.Channel{
		ID: "site", Account: "site", Workstream: "web", Language: "fr", FromCustomer: true,
		Widget: &core.Widget{Title: "Fournil", Subtitle: "Ouvert", Color: "#8f4326", Position: "bottom-left", Languages: []string{"fr"}},
	}
	for _, fn := range adjust {
		fn(setup)
	}
	h.desk.Adopt(setup)
}
