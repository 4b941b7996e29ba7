package api

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httputil"
	"net/netip"
	"net/url"
	"path"
	"strings"
	"time"

	"github.com/guichet/guichet/core"
)

// While the faces are developed, Vite serves them, under the same addresses and through this server, so that cookies and
// sockets are of one origin. What Vite makes runs without a content security policy: its styles are inline.

// ParseDevURL reads the address of a development server. Only this machine may be one: it decides what runs in the
// browser of whoever signs in.
func ParseDevURL(text string) (*url.URL, error) {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || u.Host == "" || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.User != nil {
		return nil, core.Errorf(core.Invalid, "%q is not the address of a development server; write something like http://127.0.0.1:5173", text)
	}
	if a, err := netip.ParseAddr(u.Hostname()); u.Hostname() != "localhost" && (err != nil || !a.IsLoopback()) {
		return nil, core.Errorf(core.Invalid, "a development server must be on this machine: %q is not 127.0.0.1, [::1] or localhost", u.Hostname())
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

// devPage names the pages by what their relative addresses lead to.
var devPage = map[string]string{"widget/panel.html": "/widget/", "demo/index.html": "/demo/", "app/index.html": "/app/"}

// devFile fetches a page from the development server. Its relative addresses are made to lead there.
func (s *Server) devFile(r *http.Request, name string) (*staticFile, error) {
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, s.UIDev.JoinPath(name).String(), nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "text/html")
	response, err := (&http.Client{Timeout: 10 * time.Second}).Do(request)
	if err != nil {
		return nil, core.Errorf(core.Unavailable, "the development server does not answer: %w", err)
	}
	defer response.Body.Close() //nolint:errcheck // nothing was written
	raw, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err != nil || response.StatusCode != http.StatusOK {
		return nil, core.Errorf(core.Unavailable, "the development server answered %s for %s: %w", response.Status, name, err)
	}
	page := strings.Replace(string(raw), "<head>", fmt.Sprintf("<head><base href=%q>", devPage[name]), 1)
	return newStaticFile("page.html", []byte(page)), nil
}

// serveDev answers what belongs to the faces while they are developed; false for everything else.
func (s *Server) serveDev(w http.ResponseWriter, r *http.Request) bool {
	name, known := devName(r.URL.Path)
	if !known || s.UIDev == nil {
		return false
	}
	if _, page := devPage[name]; page {
		f, err := s.devFile(r, name)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return true
		}
		f.send(w, r)
		return true
	}
	proxy := &httputil.ReverseProxy{Rewrite: func(p *httputil.ProxyRequest) {
		p.SetURL(s.UIDev)
		p.Out.URL.Path, p.Out.URL.RawPath = "/"+name, ""
		p.Out.Header.Del("Cookie")
		p.Out.Header.Del("Authorization")
	}, ErrorLog: s.http.ErrorLog}
	proxy.ServeHTTP(w, r)
	return true
}

// devName is what the development server calls what lies at a path; false for paths that are the server's own.
func devName(at string) (name string, known bool) {
	switch {
	case at == "/widget.js":
		return "widget/loader.ts", true
	case at == "/app" || strings.HasPrefix(at, "/app/") && path.Ext(at) == "":
		return "app/index.html", true
	case at == "/" || at == "/demo" || at == "/demo/":
		return "", false
	}
	for _, own := range []string{"/api/", "/chat/", "/channels/", "/bots/", "/media/", "/healthz", "/readyz", "/metrics"} {
		if strings.HasPrefix(at, own) {
			return "", false
		}
	}
	return strings.TrimPrefix(at, "/"), true // the sources, and what Vite makes of them
}
