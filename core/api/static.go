package api

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"

	"github.com/klauspost/compress/gzip"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
)

// staticFiles are the files of our faces by their path, such as "app/index.html", read once at the start.
type staticFiles map[string]*staticFile

// staticFile is content that does not change while the server runs.
type staticFile struct {
	contentType string
	tag         string // of the plain content
	plain       []byte
	compress    sync.Once
	gzipped     []byte // nil where compressing does not help
}

func loadFiles(from fs.FS) (staticFiles, error) {
	files := make(staticFiles)
	if from == nil {
		return files, nil
	}
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(from, name)
		if err == nil {
			files[name] = newStaticFile(name, content)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("the files of the faces: %w", err)
	}
	return files, nil
}

func newStaticFile(name string, content []byte) *staticFile {
	sum := sha256.Sum256(content)
	return &staticFile{contentType: typeOf(name), tag: hex.EncodeToString(sum[:12]), plain: content}
}

// typeOf does not ask the operating system, whose answers differ.
func typeOf(name string) string {
	known := map[string]string{
		".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
		".css": "text/css; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png",
		".ico": "image/x-icon", ".woff2": "font/woff2", ".webmanifest": "application/manifest+json", ".txt": "text/plain; charset=utf-8",
		".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".wav": "audio/wav", ".map": "application/json", ".webp": "image/webp", ".jpg": "image/jpeg",
	}
	if t := known[path.Ext(name)]; t != "" {
		return t
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// gzip returns the compressed content, made when it is first asked for; nil where it would be no smaller.
func (f *staticFile) gzip() []byte {
	f.compress.Do(func() {
		if !strings.HasPrefix(f.contentType, "text/") && !strings.HasPrefix(f.contentType, "application/") && f.contentType != "image/svg+xml" {
			return
		}
		var out bytes.Buffer
		w, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
		if err != nil {
			return // the level is valid
		}
		if _, err := w.Write(f.plain); err != nil || w.Close() != nil {
			return // writing to memory does not fail
		}
		if out.Len() < len(f.plain) {
			f.gzipped = out.Bytes()
		}
	})
	return f.gzipped
}

// keptYear is for addresses that name a version of what they hold: what they answer never changes.
const keptYear = "public, max-age=31536000, immutable"

// send writes a file, compressed where the browser takes it, and says for how long it may be kept: for ever when its
// address names a version (?v=), else until it is asked for again. A handler may have said something else before.
func (f *staticFile) send(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Add("Vary", "Accept-Encoding")
	switch {
	case h.Get("Cache-Control") != "":
	case r.URL.Query().Get("v") != "" && !strings.HasPrefix(f.contentType, "text/html"):
		h.Set("Cache-Control", keptYear)
	default:
		h.Set("Cache-Control", "no-cache")
	}
	content, tag := f.plain, f.tag
	if accepts(strings.Join(r.Header.Values("Accept-Encoding"), ","), "gzip") {
		if body := f.gzip(); body != nil {
			h.Set("Content-Encoding", "gzip")
			content, tag = body, f.tag+"-gzip"
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

// accepts reports whether an Accept-Encoding header takes an encoding.
func accepts(header, encoding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			quality, said := strings.CutPrefix(strings.ReplaceAll(parameters, " ", ""), "q=")
			return !said || strings.Trim(quality, "0.") != ""
		}
	}
	return false
}

func (s *Server) home(w http.ResponseWriter, r *http.Request) error {
	http.Redirect(w, r, "/app/", http.StatusFound)
	return nil
}

// workspace serves the workspace and admin center; an address that is no file is one of its own pages.
func (s *Server) workspace(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimPrefix(request.Param(r, "path"), "/")
	f := s.static["app/"+name]
	if f == nil && path.Ext(name) == "" {
		f = s.static["app/index.html"]
	}
	if f == nil {
		return missingFile(r)
	}
	s.policies(w, r, "frame-ancestors 'none'; form-action 'self'")
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	f.send(w, r)
	return nil
}

// widgetLoader serves the script that shops include.
func (s *Server) widgetLoader(w http.ResponseWriter, r *http.Request) error {
	return s.sendOpenly(w, r, "widget/loader.js")
}

// widget serves what belongs to the chat panel. Its page is at /chat/{channel}.
func (s *Server) widget(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimPrefix(request.Param(r, "path"), "/")
	if path.Ext(name) == ".html" {
		return missingFile(r)
	}
	return s.sendOpenly(w, r, "widget/"+name)
}

// sendOpenly sends a file that pages of other origins may load.
func (s *Server) sendOpenly(w http.ResponseWriter, r *http.Request, name string) error {
	f := s.static[name]
	if f == nil {
		return missingFile(r)
	}
	h := w.Header()
	h.Set("Content-Security-Policy", apiPolicy)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	f.send(w, r)
	return nil
}

func missingFile(r *http.Request) error {
	return core.Errorf(core.NotFound, "there is no file at %s", r.URL.Path)
}

// policies lets a page of ours run only its own code and speak only to its own server. Styles in attributes are allowed:
// components place themselves so. images are further sources of pictures; rest is what differs from page to page.
func (s *Server) policies(w http.ResponseWriter, r *http.Request, rest string, images ...string) {
	socket := ""
	if plainHost(r.Host) { // 'self' does not cover sockets in every browser
		socket = " ws://" + r.Host
		if request.ScopeOf(r).Secure {
			socket = " wss://" + r.Host
		}
	}
	pictures := strings.Join(append([]string{"img-src 'self' blob: data:"}, images...), " ")
	w.Header().Set("Content-Security-Policy", "default-src 'self'; connect-src 'self'"+socket+"; "+pictures+
		"; media-src 'self' blob:; style-src 'self'; style-src-attr 'unsafe-inline'; object-src 'none'; base-uri 'none'; "+rest)
}

// plainHost reports whether a Host header can stand in a policy as it is.
func plainHost(host string) bool {
	return host != "" && strings.IndexFunc(host, func(c rune) bool {
		return (c < 'a' || c > 'z') && (c < 'A' || c > 'Z') && (c < '0' || c > '9') && !strings.ContainsRune(".-:[]", c)
	}) < 0
}
