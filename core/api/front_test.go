package api

import (
	"context"
	"encoding/json"
	"io/fs"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"
)

// found returns the first group of every match.
func found(pattern, text string) (list []string) {
	for _, m := range regexp.MustCompile(pattern).FindAllStringSubmatch(text, -1) {
		list = append(list, m[1])
	}
	return list
}

func frontSource(t *testing.T, name string) string {
	t.Helper()
	raw, err := fs.ReadFile(frontFiles, "pages/"+name)
	check(t, err)
	return string(raw)
}

func TestEveryTextIsThereInEveryLanguage(t *testing.T) {
	used := map[string]bool{}
	for _, name := range []string{"frame.html", "setup.html", "home.html"} {
		for _, key := range found(`index \.Text "([^"]+)"`, frontSource(t, name)) {
			used[key] = true
		}
	}
	script := frontSource(t, "setup.js")
	for _, key := range append(found(`texts\.([a-z]+)`, script), found(`texts\["([^"]+)"\]`, script)...) {
		used[key] = true
	}
	codes := []string{"invalid:email", "invalid:password", "unauthorized", "forbidden", "gone", "conflict:email", "conflict:name", "conflict",
		"rate-limited", "unavailable", "storage-full"}
	for _, key := range codes { // what the server may answer
		used[key] = true
	}
	for _, language := range frontLanguages {
		text, err := frontText(language)
		check(t, err)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(used)), slices.Sorted(maps.Keys(text))); diff != "" {
			t.Errorf("%s (-used +there):\n%s", language, diff)
		}
		for key, words := range text {
			if strings.TrimSpace(words) == "" || key == "language" && words != language {
				t.Errorf("%s: %s is %q", language, key, words)
			}
		}
	}
}

func TestTheProgramsOwnPagesRunNothingButTheirOwn(t *testing.T) {
	h := newHouse(t)
	seen := map[string]string{}
	look := func(state, path, language string, b *browser, wants ...string) {
		got := b.call("GET", path, "", "Accept-Language", language)
		got.want(t, 200, wants...)
		page := string(got.body)
		if bad := found(`(?i)(<style|<script>|\son[a-z]+\s*=|\sstyle\s*=|javascript:|<iframe|<base|https?:)`, strings.ReplaceAll(page, "https://desk.example.com", "")); bad != nil {
			t.Errorf("%s: the policy forbids %v", state, bad)
		}
		if policy := got.header.Get("Content-Security-Policy"); strings.Contains(policy, "unsafe") || !strings.Contains(policy, "default-src 'none'") ||
			!strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("%s: policy %q", state, policy)
		}
		if got.header.Get("Content-Type") != "text/html; charset=utf-8" || got.header.Get("Cache-Control") != "no-cache" {
			t.Errorf("%s: %v", state, got.header)
		}
		tag := got.header.Get("ETag")
		if other, ok := seen[tag]; ok || tag == "" {
			t.Errorf("%s has the tag of %s", state, other)
		}
		seen[tag] = state
		b.call("GET", path, "", "Accept-Language", language, "If-None-Match", tag).want(t, 304)
		for _, asset := range found(`(?:src|href)="(/app/[^"]+\.[a-z]+)"`, page) {
			file := b.call("GET", asset, "")
			file.want(t, 200)
			if file.header.Get("ETag") == "" {
				t.Errorf("%s has no tag", asset)
			}
			b.call("GET", asset, "", "If-None-Match", file.header.Get("ETag")).want(t, 304)
		}
		for _, id := range strings.Fields(strings.Join(found(`(?:aria-describedby|aria-labelledby|for)="([^"]+)"`, page), " ")) {
			if !strings.Contains(page, `id="`+id+`"`) {
				t.Errorf("%s: there is no %s", state, id)
			}
		}
		var texts map[string]string
		check(t, json.Unmarshal([]byte(strings.Join(found(`(?s)<script type="application/json" id="texts">(.*?)</script>`, page), "")), &texts))
		if texts["language"] != found(`<html lang="([a-z]+)"`, page)[0] {
			t.Errorf("%s: the script speaks %q", state, texts["language"])
		}
	}
	nobody := &browser{h: h}
	look("setup", "/app/setup", "", nobody, "Open your counter", `lang="en"`)
	look("setup, French", "/app/setup", "fr-CH, fr;q=0.9, en;q=0.8", nobody, "Ouvrez votre guichet", `lang="fr"`)
	look("first", "/app/", "de, en;q=0.5, fr;q=0.2", nobody, "Nobody has signed in yet")
	h.withPassword("ada")
	look("signed out", "/app/", "en-GB", nobody, `data-form="sign-in"`, "guichet user token", "https://desk.example.com/api/v1/conversations")
	look("signed out, French", "/app/some/page", "fr;q=nonsense, fr;q=0.1", nobody, "Connexion")
	look("signed in", "/app/", "", h.browser("ada"), `data-form="sign-out"`, "/api/v1/openapi.json")
	nobody.call("GET", "/app/none.js", "").want(t, 404)
	nobody.call("GET", "/app/setup.html", "").want(t, 404)
	if script := nobody.call("GET", "/app/setup.js", ""); script.header.Get("Content-Type") != "text/javascript; charset=utf-8" {
		t.Errorf("the script comes as %q", script.header.Get("Content-Type"))
	}
	if style := nobody.call("GET", "/app/setup.css", ""); style.header.Get("Content-Type") != "text/css; charset=utf-8" {
		t.Errorf("the style comes as %q", style.header.Get("Content-Type"))
	}
}

func TestTheOneTimeLinkCreatesTheAdministrator(t *testing.T) {
	h := newHouse(t)
	token, err := h.auth.SetupToken(context.Background())
	check(t, err)
	b := &browser{h: h, origin: "https://desk.example.com"}
	page := b.call("GET", "/app/setup", "")
	page.want(t, 200)
	names := found(`<input id="([a-z]+)"`, string(page.body))
	if diff := cmp.Diff([]string{"name", "email", "password"}, names); diff != "" {
		t.Fatalf("fields of the form: %s", diff)
	}
	if !strings.Contains(frontSource(t, "setup.js"), `ask("POST", "/api/v1/setup", { token, ...values })`) {
		t.Error("the script posts something else than this test")
	}
	post := func(token, name, email, password string) *reply { // as the script does
		values := map[string]string{"token": token}
		for i, value := range []string{name, email, password} {
			values[names[i]] = value
		}
		body, err := json.Marshal(values)
		check(t, err)
		return b.call("POST", "/api/v1/setup", string(body), "Content-Type", "application/json", "Sec-Fetch-Site", "same-origin")
	}
	for _, bad := range []struct {
		name, email, password string
		status                int
		field                 string
	}{
		{"Root", "root@example.com", "short", 400, "password"},
		{"Root", "no address", testPassword, 400, "email"},
		{"Root", "ada@example.com", testPassword, 409, "email"},
		{"Ruth", "root@example.com", testPassword, 409, "name"},
	} {
		got := post(token, bad.name, bad.email, bad.password)
		got.want(t, bad.status, `"field":"`+bad.field+`"`)
		if !slices.Contains(names, bad.field) || !strings.Contains(string(page.body), `id="`+bad.field+`-error"`) {
			t.Errorf("there is no place for what is wrong with %s", bad.field)
		}
	}
	post("an old link", "Root", "root@example.com", testPassword).want(t, 403)
	post(token, "Root", "root@example.com", testPassword).want(t, 201, `"role":"administrator"`, `"name":"Root"`)
	b.call("GET", "/app/", "").want(t, 200, "You are signed in")
	if again := b.call("GET", "/app/setup", ""); again.status != http.StatusFound || again.header.Get("Location") != "/app/" {
		t.Errorf("the link leads to %d %q", again.status, again.header.Get("Location"))
	}
	(&browser{h: h}).call("GET", "/app/", "").want(t, 200, "Sign in")
}

func TestTheWorkspaceTakesThePlaceOfTheProgramsOwnPages(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.Workspace = fstest.MapFS{"index.html": {Data: []byte("<html>workspace")}} })
	h.call("", "GET", "/app/setup", "").want(t, 200, "workspace")
	h.call("", "GET", "/app/setup.js", "").want(t, 404)
}
