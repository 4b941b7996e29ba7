package api

import (
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
)

// chatConfig is what a browser must know before it shows a chat's button: everything that needs no connection.
type chatConfig struct {
	Channel      string            `json:"channel"`
	Account      string            `json:"account"` // whose plugin is spoken to, below /channels/
	Organization string            `json:"organization"`
	Language     string            `json:"language"`
	Languages    []string          `json:"languages"`
	Title        string            `json:"title"`
	Subtitle     string            `json:"subtitle"`
	Color        string            `json:"color"` // #rrggbb
	Position     string            `json:"position"`
	Logo         string            `json:"logo_url,omitempty"`
	Hidden       bool              `json:"hidden"`
	Attachments  chatAttachments   `json:"attachments"`
	Texts        map[string]string `json:"texts"` // what the organization says in its own words
}

type chatAttachments struct {
	FromCustomer bool `json:"from_customer"`
}

// chatKept is for how long a browser goes by what it knows of a chat, in seconds.
const chatKept = 60

// chatChannel finds the live channel that a path names.
func (s *Server) chatChannel(r *http.Request) (*core.Channel, *core.Setup, error) {
	setup := s.Desk.Setup()
	ch := setup.Channels[request.Param(r, "channel")]
	if ch == nil || ch.Widget == nil {
		return nil, nil, core.Errorf(core.NotFound, "there is no web chat %q", request.Param(r, "channel"))
	}
	return ch, setup, nil
}

// chatPage is the panel's page, which shops hold in a frame.
func (s *Server) chatPage(w http.ResponseWriter, r *http.Request) error {
	ch, setup, err := s.chatChannel(r)
	if err != nil {
		return err
	}
	template, err := s.template(r, "widget/panel.html")
	if err != nil {
		return err
	}
	language := preferred(r, ch.Widget.Languages)
	f := s.pages.page(pageKey{template, setup.Revision, ch.ID, language}, func() string {
		return onRoot(string(template.plain), fmt.Sprintf(`lang="%s" dir="%s" data-channel="%s"`, html.EscapeString(language), direction(language), html.EscapeString(ch.ID)))
	})
	ancestors := "*"
	if len(ch.Widget.Domains) > 0 {
		ancestors = strings.Join(append([]string{"'self'"}, ch.Widget.Domains...), " ")
	}
	s.policies(w, r, "form-action 'none'; frame-ancestors "+ancestors, originOf(ch.Widget.LogoURL)...)
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.Header().Add("Vary", "Accept-Language")
	f.send(w, r)
	return nil
}

// chatConfiguration tells any page how the chat looks. On a page that may not show it, it is hidden.
func (s *Server) chatConfiguration(w http.ResponseWriter, r *http.Request) error {
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", "*") // also where there is none: the page's script is to read why
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	ch, setup, err := s.chatChannel(r)
	if err != nil {
		return err
	}
	language, hidden := preferred(r, ch.Widget.Languages), ch.Widget.Hidden || !s.mayShow(ch.Widget, r)
	f := s.pages.page(pageKey{nil, setup.Revision, ch.ID, fmt.Sprintf("config %s %t", language, hidden)}, func() string {
		return chatConfigOf(ch, setup, language, hidden)
	})
	h.Set("Content-Security-Policy", apiPolicy)
	h.Set("Cache-Control", "public, max-age="+strconv.Itoa(chatKept))
	h.Add("Vary", "Accept-Language, Origin")
	f.send(w, r)
	return nil
}

func chatConfigOf(ch *core.Channel, setup *core.Setup, language string, hidden bool) string {
	look := ch.Widget
	c := chatConfig{
		Channel: ch.ID, Account: ch.Account, Organization: setup.Organization.Name, Language: language, Languages: look.Languages,
		Title: look.Title, Subtitle: look.Subtitle, Color: look.Color, Position: look.Position, Logo: look.LogoURL, Hidden: hidden,
		Attachments: chatAttachments{FromCustomer: ch.FromCustomer}, Texts: map[string]string{},
	}
	if setup.Organization.PrivacyNotice != "" {
		c.Texts["privacy_notice"] = setup.Organization.PrivacyNotice
	}
	raw, err := json.Marshal(c)
	if err != nil {
		panic("api: " + err.Error()) // texts always have a JSON form
	}
	return string(raw)
}

// mayShow reports whether the page that asks may show the chat, as far as its browser says which page it is.
func (s *Server) mayShow(look *core.Widget, r *http.Request) bool {
	origin, err := url.Parse(r.Header.Get("Origin"))
	if len(look.Domains) == 0 || err != nil || origin.Host == "" || origin.Host == r.Host || origin.Host == s.host {
		return true
	}
	return slices.ContainsFunc(look.Domains, func(domain string) bool {
		host := origin.Hostname()
		if strings.Contains(domain, ":") {
			host = origin.Host
		}
		if suffix, wild := strings.CutPrefix(domain, "*"); wild {
			return strings.HasSuffix(host, suffix)
		}
		return host == domain
	})
}

// demo is the demo shop with the first web chat in it. Strangers must not take it for the real thing.
func (s *Server) demo(w http.ResponseWriter, r *http.Request) error {
	if s.secure && (s.AllowTest == nil || !s.AllowTest()) {
		return core.Errorf(core.Forbidden, "the demo shop is closed while public_url is https; set allow_test = true under [server] to open it")
	}
	if name := strings.TrimPrefix(request.Param(r, "path"), "/"); name != "" {
		f := s.static["demo/"+name]
		if f == nil || strings.HasSuffix(name, ".html") {
			return missingFile(r)
		}
		w.Header().Set("Content-Security-Policy", apiPolicy)
		f.send(w, r)
		return nil
	}
	template, err := s.template(r, "demo/index.html")
	if err != nil {
		return err
	}
	setup := s.Desk.Setup()
	channel := firstChat(setup)
	origin := originAsked(r)
	f := s.pages.page(pageKey{template, setup.Revision, channel, origin}, func() string {
		return withSnippet(string(template.plain), snippet(setup, channel, origin))
	})
	s.policies(w, r, "form-action 'self'; frame-ancestors 'none'")
	f.send(w, r)
	return nil
}

// firstChat is the web chat that the demo shop shows: the first by id that is there to stay; "" for none.
func firstChat(setup *core.Setup) string {
	for _, id := range slices.Sorted(maps.Keys(setup.Channels)) {
		if ch := setup.Channels[id]; ch.Widget != nil && !ch.Retired {
			return id
		}
	}
	return ""
}

// originAsked is where the browser thinks it is; "" when that cannot be written down safely.
func originAsked(r *http.Request) string {
	scheme := "http://"
	if request.ScopeOf(r).Secure {
		scheme = "https://"
	}
	if !plainHost(r.Host) {
		return ""
	}
	return scheme + r.Host
}

// snippet is what a shop puts on its pages; "" where there is no chat to show.
func snippet(setup *core.Setup, channel, origin string) string {
	if channel == "" {
		return ""
	}
	return fmt.Sprintf(`<script id="guichet-chat" src="%[1]s/widget.js" data-app-id="%[2]s" data-org-id="%[3]s" data-org-url="%[1]s" async></script>`,
		html.EscapeString(origin), html.EscapeString(channel), html.EscapeString(setup.Organization.ID))
}

// snippetMark is where a page wants the snippet; without it the snippet comes last in the body.
var snippetMark = regexp.MustCompile(`<!--\s*guichet-chat\s*-->`)

func withSnippet(page, snippet string) string {
	if at := snippetMark.FindStringIndex(page); at != nil {
		return page[:at[0]] + snippet + page[at[1]:]
	}
	if at := strings.LastIndex(page, "</body>"); at >= 0 {
		return page[:at] + snippet + page[at:]
	}
	return page + snippet
}

var (
	rootTag       = regexp.MustCompile(`(?i)<html\b[^>]*>`)
	rootLanguages = regexp.MustCompile(`(?i)\s(?:lang|dir|data-channel)\s*=\s*(?:"[^"]*"|'[^']*'|[^\s>]+)`)
)

// onRoot puts attributes on a page's root element in the place of those of the same names.
func onRoot(page, attributes string) string {
	at := rootTag.FindStringIndex(page)
	if at == nil {
		return page
	}
	tag := rootLanguages.ReplaceAllString(page[at[0]:at[1]], "")
	return page[:at[0]] + strings.TrimSuffix(tag, ">") + " " + attributes + ">" + page[at[1]:]
}

// originOf returns the origin of an address elsewhere, for a policy.
func originOf(address string) []string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || !plainHost(u.Host) {
		return nil
	}
	return []string{u.Scheme + "://" + u.Host}
}

// rightToLeft are the languages that are usually written so.
var rightToLeft = map[string]bool{
	"ar": true, "arc": true, "ckb": true, "dv": true, "fa": true, "he": true, "iw": true, "ps": true, "sd": true, "syr": true, "ug": true, "ur": true, "yi": true,
}

func direction(language string) string {
	low := strings.ToLower(language)
	primary, rest, _ := strings.Cut(low, "-")
	script, _, _ := strings.Cut(rest, "-")
	switch {
	case script == "arab" || script == "hebr":
		return "rtl"
	case script != "latn" && script != "cyrl" && rightToLeft[primary]:
		return "rtl"
	}
	return "ltr"
}

// preferred is the language that the browser likes best among some; the first where it wants none of them. A language
// fits another region's wish: who asks for fr-CH is served fr, unless there is fr-CH.
func preferred(r *http.Request, languages []string) string {
	best, quality := languages[0], 0.0
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Language"), ","), ",") {
		tag, parameters, _ := strings.Cut(part, ";")
		q := 1.0
		if value, ok := strings.CutPrefix(strings.TrimSpace(parameters), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(value, 64); err != nil {
				continue
			}
		}
		tag = strings.TrimSpace(tag)
		wish, _, _ := strings.Cut(strings.ToLower(tag), "-")
		for _, l := range languages {
			primary, _, _ := strings.Cut(strings.ToLower(l), "-")
			if wish == primary && q > 0 && (q > quality || q == quality && strings.EqualFold(l, tag) && !strings.EqualFold(best, tag)) {
				best, quality = l, q
			}
		}
	}
	return best
}

// pages keeps what is made from the setup for many browsers, so that each is made and compressed once.
type pages struct {
	mu   sync.Mutex
	made map[pageKey]*staticFile
}

// pageKey names a page as it was made.
type pageKey struct {
	template *staticFile // nil for a configuration
	revision int         // of the setup
	what     string
	how      string
}

// pagesKept bounds the memory: part of a key comes from whoever asks.
const pagesKept = 256

func (p *pages) page(key pageKey, fill func() string) *staticFile {
	p.mu.Lock()
	defer p.mu.Unlock()
	f := p.made[key]
	if f == nil {
		if p.made == nil || len(p.made) >= pagesKept {
			p.made = make(map[pageKey]*staticFile)
		}
		name := "config.json"
		if key.template != nil {
			name = "page.html"
		}
		f = newStaticFile(name, []byte(fill()))
		p.made[key] = f
	}
	return f
}

// template finds a page of the build, or of the development server.
func (s *Server) template(r *http.Request, name string) (*staticFile, error) {
	if s.UIDev != nil {
		return s.devFile(r, name)
	}
	if f := s.static[name]; f != nil {
		return f, nil
	}
	return nil, core.Errorf(core.NotFound, "this build has no %s", name)
}
