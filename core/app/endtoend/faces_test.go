package endtoend

import (
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/guichet/guichet/scripts/load/harness"
)

// webChat is a web chat beside the account of every desk.
const webChat = `
[[account]]
id = "site"
plugin = "webchat"
[[channel]]
id = "site"
account = "site"
workstream = "site"
language = "ar"
[channel.widget]
title = "Fournil"
color = "clay"
domains = ["shop.example.com"]
[[workstream]]
id = "site"
fallback_queue = "general"
`

// page gets an address as a browser that has just arrived.
func (s *scene) page(path string, want int, headers ...string) (body string, head http.Header) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.ctx, http.MethodGet, s.URL()+path, nil)
	s.must(err)
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	s.must(err)
	defer response.Body.Close() //nolint:errcheck // it is read below
	raw, err := io.ReadAll(response.Body)
	s.must(err)
	if response.StatusCode != want {
		s.t.Fatalf("%s answered %d, want %d: %s", path, response.StatusCode, want, raw)
	}
	return string(raw), response.Header
}

var ownFile = regexp.MustCompile(`(?:src|href)="(/(?:app|widget|demo)[^"#]*\.[a-z0-9]+|/widget\.js)"`)

// The faces that are built into the program are served whole: each page, whatever it refers to, and what the chat needs
// to know before it connects.
func TestFacesAreServed(t *testing.T) {
	s := open(t, harness.Config{Agents: 1, More: webChat})
	for path, want := range map[string]string{
		"/app/": "<html", "/app/conversations/01ARZ3NDEKTSV4RRFFQ69G5FAV": "<html", "/chat/site": `data-channel="site"`, "/demo": `data-app-id="site"`,
	} {
		body, head := s.page(path, http.StatusOK)
		if !strings.Contains(body, want) {
			t.Errorf("%s lacks %s:\n%s", path, want, body)
		}
		policy := head.Get("Content-Security-Policy")
		if !strings.Contains(policy, "default-src 'self'") || strings.Contains(policy, "unsafe-eval") {
			t.Errorf("%s: policy %q", path, policy)
		}
		for _, file := range ownFile.FindAllStringSubmatch(body, -1) {
			_, head := s.page(file[1], http.StatusOK)
			s.page(file[1], http.StatusNotModified, "If-None-Match", head.Get("ETag"))
		}
	}
	s.page("/app/nothing.js", http.StatusNotFound)

	panel, head := s.page("/chat/site", http.StatusOK)
	if !strings.Contains(panel, `lang="ar" dir="rtl"`) || !strings.Contains(head.Get("Content-Security-Policy"), "frame-ancestors 'self' shop.example.com") {
		t.Errorf("the panel: %v\n%s", head, panel)
	}
	config, head := s.page("/chat/site/config", http.StatusOK, "Origin", "https://shop.example.com")
	if !strings.Contains(config, `"title":"Fournil"`) || !strings.Contains(config, `"color":"#8f4326"`) || !strings.Contains(config, `"hidden":false`) ||
		head.Get("Access-Control-Allow-Origin") != "*" {
		t.Errorf("the chat's configuration: %v\n%s", head, config)
	}
	if config, _ := s.page("/chat/site/config", http.StatusOK, "Origin", "https://other.example.com"); !strings.Contains(config, `"hidden":true`) {
		t.Errorf("on a page that may not show it: %s", config)
	}
	s.page("/chat/line", http.StatusNotFound) // no web chat

	// A change of the look is there at once.
	changed := s.Config
	changed.More = strings.Replace(webChat, `title = "Fournil"`, `title = "Boulangerie"`, 1)
	s.must(s.Configure(changed.TOML()))
	s.await("the new title is served", func() bool {
		config, _ := s.page("/chat/site/config", http.StatusOK)
		return strings.Contains(config, "Boulangerie")
	})
}

// What administrators read of a real desk: the file without its secrets, its history, the plugins' memory.
func TestAdministratorsReadHowItStands(t *testing.T) {
	s := open(t, harness.Config{Agents: 1, More: webChat + "[[account]]\nid = \"off\"\nplugin = \"webchat\"\nenabled = false\n"})
	boss := s.join(harness.Supervisor.ID)
	var c struct {
		Revision int    `json:"revision"`
		Text     string `json:"text"`
		Path     string `json:"path"`
		By       string `json:"applied_by"`
		Differs  bool   `json:"on_disk_differs"`
		History  []struct {
			Version int `json:"version"`
		} `json:"history"`
	}
	_, err := boss.Do(s.ctx, http.MethodGet, "/api/v1/configuration", nil, &c)
	s.must(err)
	if c.Path != s.ConfigPath() || c.Differs || c.By == "" || len(c.History) == 0 || c.History[0].Version != c.Revision || !strings.Contains(c.Text, `plugin = "webchat"`) {
		t.Errorf("the configuration: %+v", c)
	}
	for key, value := range s.Config.Settings {
		if (strings.Contains(key, "secret") || strings.Contains(key, "token")) && !strings.Contains(key, "url") && strings.Contains(c.Text, value) {
			t.Errorf("%s is shown", key)
		}
	}
	var plugins harness.Page[struct {
		Name   string `json:"name"`
		Memory int64  `json:"memory_bytes"`
	}]
	_, err = boss.Do(s.ctx, http.MethodGet, "/api/v1/plugins", nil, &plugins)
	s.must(err)
	if len(plugins.Items) != 2 || plugins.Items[0].Memory < 1<<20 {
		t.Errorf("plugins: %+v", plugins.Items)
	}
	var accounts harness.Page[struct {
		ID      string `json:"id"`
		Enabled bool   `json:"enabled"`
		State   string `json:"state"`
	}]
	_, err = boss.Do(s.ctx, http.MethodGet, "/api/v1/accounts", nil, &accounts)
	s.must(err)
	states := map[string]string{}
	for _, a := range accounts.Items {
		states[a.ID] = a.State
	}
	if states["off"] != "off" || states["site"] != "running" || states[harness.Account] != "running" {
		t.Errorf("accounts: %v", states)
	}
	// What only a restart puts in force is said, and nothing else is held up by it.
	changed := s.Config
	changed.More += "[server]\nlisten = \"127.0.0.1:1\"\n"
	s.must(s.Configure(changed.TOML()))
	s.await("a restart is asked for", func() bool {
		var now struct {
			Banner   string `json:"banner"`
			Differs  bool   `json:"on_disk_differs"`
			Problems []struct {
				Path     string `json:"path"`
				Severity string `json:"severity"`
			} `json:"problems"`
		}
		_, err := boss.Do(s.ctx, http.MethodGet, "/api/v1/configuration", nil, &now)
		s.must(err)
		return now.Banner == "" && !now.Differs && len(now.Problems) == 1 && now.Problems[0].Path == "server.listen" && now.Problems[0].Severity == "warning"
	})
}
