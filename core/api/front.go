package api

import (
	"bytes"
	"embed"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"path"
	"strconv"
	"strings"

	"github.com/guichet/guichet/core"
)

// front is what /app/ serves while there is no workspace: a page that creates the first administrator from the one-time
// link, and one that signs people in and says what is there. Every page is made at the start, in each language, so that
// it has a tag like any other file.
type front struct {
	assets map[string]*staticFile
	pages  map[frontKey]*staticFile
}

// frontKey names a page as one browser gets it.
type frontKey struct{ page, state, language string }

//go:embed pages
var frontFiles embed.FS

// frontLanguages are the languages of these pages; the first is for browsers that want none of them.
var frontLanguages = []string{"en", "fr"}

// The states of the start page: nobody has ever signed in, the visitor is signed out, or in.
const (
	frontFirst = "first"
	frontOut   = "out"
	frontIn    = "in"
)

// frontPolicy lets these pages run their own script and style and speak to their own server, nothing else.
const frontPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; connect-src 'self'; " +
	"form-action 'none'; base-uri 'none'; frame-ancestors 'none'"

// frontView is what a page is made of.
type frontView struct {
	Text              map[string]string
	Title, State, URL string
}

// load makes the pages. publicURL stands in the examples.
func (f *front) load(publicURL string) error {
	f.assets, f.pages = make(map[string]*staticFile), make(map[frontKey]*staticFile)
	for _, name := range []string{"setup.js", "setup.css"} {
		content, err := frontFiles.ReadFile("pages/" + name)
		if err != nil {
			return fmt.Errorf("the pages of the program: %w", err)
		}
		f.assets[name] = newStaticFile(name, content)
	}
	templates, err := template.ParseFS(frontFiles, "pages/*.html")
	if err != nil {
		return fmt.Errorf("the pages of the program: %w", err)
	}
	for _, language := range frontLanguages {
		text, err := frontText(language)
		if err != nil {
			return err
		}
		for _, page := range []struct{ name, state, title string }{
			{"setup", "", "setup-title"}, {"home", frontFirst, "home-title"}, {"home", frontOut, "sign-in-title"}, {"home", frontIn, "home-title"},
		} {
			var out bytes.Buffer
			view := frontView{Text: text, Title: text[page.title], State: page.state, URL: publicURL}
			if err := templates.ExecuteTemplate(&out, page.name+".html", view); err != nil {
				return fmt.Errorf("the pages of the program: %w", err)
			}
			f.pages[frontKey{page.name, page.state, language}] = newStaticFile("page.html", out.Bytes())
		}
	}
	return nil
}

func frontText(language string) (map[string]string, error) {
	raw, err := frontFiles.ReadFile("pages/" + language + ".json")
	if err != nil {
		return nil, fmt.Errorf("the texts of the program's pages: %w", err)
	}
	var text map[string]string
	if err := json.Unmarshal(raw, &text); err != nil {
		return nil, fmt.Errorf("the texts of the program's pages, %s: %w", language, err)
	}
	return text, nil
}

// frontPage serves what lies at /app/{name}. Addresses of pages that only the workspace has lead to the start page.
func (s *Server) frontPage(w http.ResponseWriter, r *http.Request, name string) error {
	f := s.front.assets[name]
	if f == nil {
		if path.Ext(name) != "" {
			return core.Errorf(core.NotFound, "there is no file %q", name)
		}
		state, err := s.frontState(r)
		switch {
		case err != nil:
			return err
		case name != "setup":
			f = s.front.pages[frontKey{"home", state, frontLanguage(r)}]
		case state == frontFirst:
			f = s.front.pages[frontKey{"setup", "", frontLanguage(r)}]
		default: // the link has done its work
			http.Redirect(w, r, "/app/", http.StatusFound)
			return nil
		}
		w.Header().Set("Vary", "Accept-Language, Cookie")
	}
	w.Header().Set("Content-Security-Policy", frontPolicy)
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	f.send(w, r, name)
	return nil
}

func (s *Server) frontState(r *http.Request) (string, error) {
	first, err := s.Auth.NeedsSetup(r.Context())
	if err != nil || first {
		return frontFirst, err
	}
	_, err = s.Auth.Authenticate(r.Context(), tokenOf(r))
	switch {
	case err == nil:
		return frontIn, nil
	case core.CodeOf(err) == core.Unauthorized:
		return frontOut, nil
	}
	return "", err
}

// frontLanguage is the language that the browser likes best among those that there are.
func frontLanguage(r *http.Request) string {
	best, quality := frontLanguages[0], 0.0
	for part := range strings.SplitSeq(strings.Join(r.Header.Values("Accept-Language"), ","), ",") {
		tag, parameters, _ := strings.Cut(part, ";")
		primary, _, _ := strings.Cut(strings.ToLower(strings.TrimSpace(tag)), "-")
		q := 1.0
		if value, ok := strings.CutPrefix(strings.TrimSpace(parameters), "q="); ok {
			var err error
			if q, err = strconv.ParseFloat(value, 64); err != nil {
				continue
			}
		}
		for _, known := range frontLanguages {
			if primary == known && q > quality {
				best, quality = known, q
			}
		}
	}
	return best
}
