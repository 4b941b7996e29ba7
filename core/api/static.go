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
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
)

// staticFiles are the pages of ours, read once at the start. A file "x" may lie beside "x.br" and "x.gz", which are
// served to browsers that accept them.
type staticFiles struct {
	workspace, widget map[string]*staticFile
}

type staticFile struct {
	contentType string
	tag         string
	plain       []byte
	encoded     map[string][]byte // "br", "gzip"
}

func (f *staticFiles) load(workspace, widget fs.FS) (err error) {
	if f.workspace, err = loadFiles(workspace); err != nil {
		return fmt.Errorf("the workspace's files: %w", err)
	}
	if f.widget, err = loadFiles(widget); err != nil {
		return fmt.Errorf("the widget's files: %w", err)
	}
	return nil
}

func loadFiles(from fs.FS) (map[string]*staticFile, error) {
	files := make(map[string]*staticFile)
	if from == nil {
		return files, nil
	}
	contents := make(map[string][]byte)
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		contents[name], err = fs.ReadFile(from, name)
		return err
	})
	if err != nil {
		return nil, err
	}
	for name, content := range contents {
		if ext := path.Ext(name); ext == ".br" || ext == ".gz" {
			if _, ok := contents[strings.TrimSuffix(name, ext)]; ok {
				continue
			}
		}
		f := newStaticFile(name, content)
		if b, ok := contents[name+".br"]; ok {
			f.encoded["br"] = b
		}
		if b, ok := contents[name+".gz"]; ok {
			f.encoded["gzip"] = b
		}
		files[name] = f
	}
	return files, nil
}

func newStaticFile(name string, content []byte) *staticFile {
	sum := sha256.Sum256(content)
	return &staticFile{contentType: typeOf(name), tag: hex.EncodeToString(sum[:12]), plain: content, encoded: map[string][]byte{}}
}

// typeOf does not ask the operating system, whose answers differ.
func typeOf(name string) string {
	known := map[string]string{
		".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".mjs": "text/javascript; charset=utf-8",
		".css": "text/css; charset=utf-8", ".json": "application/json", ".svg": "image/svg+xml", ".png": "image/png",
		".ico": "image/x-icon", ".woff2": "font/woff2", ".webmanifest": "application/manifest+json", ".txt": "text/plain; charset=utf-8",
		".mp3": "audio/mpeg", ".ogg": "audio/ogg", ".wav": "audio/wav", ".map": "application/json",
	}
	if t := known[path.Ext(name)]; t != "" {
		return t
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

const (
	// workspacePolicy lets the workspace run only its own code. Styles may be inline: components place themselves so.
	// Frames are application tabs, which administrators configure.
	workspacePolicy = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: https:; " +
		"media-src 'self' blob: https:; connect-src 'self'; frame-src https:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
	// widgetPolicy is for the widget's page, which shops hold in a frame.
	widgetPolicy = "default-src 'self'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data: blob: https:; " +
		"media-src 'self' blob: https:; connect-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'"
)

// send writes a file, compressed where the browser takes it, and says for how long it may be kept: for ever when its
// name holds a hash of its content (as the build writes them below assets/), else until it is asked for again.
func (f *staticFile) send(w http.ResponseWriter, r *http.Request, name string) {
	h := w.Header()
	h.Set("Content-Type", f.contentType)
	h.Add("Vary", "Accept-Encoding")
	if strings.Contains("/"+name, "/assets/") {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	content, tag := f.plain, f.tag
	accepted := r.Header.Get("Accept-Encoding")
	for _, encoding := range []string{"br", "gzip"} {
		if body, ok := f.encoded[encoding]; ok && accepts(accepted, encoding) {
			h.Set("Content-Encoding", encoding)
			content, tag = body, f.tag+"-"+encoding
			break
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
}

func accepts(header, encoding string) bool {
	for part := range strings.SplitSeq(header, ",") {
		name, parameters, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(name), encoding) {
			return strings.ReplaceAll(parameters, " ", "") != "q=0"
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
	if len(s.static.workspace) == 0 {
		return s.frontPage(w, r, name)
	}
	f := s.static.workspace[name]
	if f == nil && path.Ext(name) == "" {
		name = "index.html"
		f = s.static.workspace[name]
	}
	if f == nil {
		return core.Errorf(core.NotFound, "there is no file %q", name)
	}
	w.Header().Set("Content-Security-Policy", workspacePolicy)
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	f.send(w, r, name)
	return nil
}

// widgetLoader serves the script that shops include.
func (s *Server) widgetLoader(w http.ResponseWriter, r *http.Request) error {
	return s.sendWidget(w, r, "widget.js")
}

// widget serves the widget's own page and what belongs to it.
func (s *Server) widget(w http.ResponseWriter, r *http.Request) error {
	name := strings.TrimPrefix(request.Param(r, "path"), "/")
	if name == "" {
		name = "index.html"
	}
	return s.sendWidget(w, r, name)
}

func (s *Server) sendWidget(w http.ResponseWriter, r *http.Request, name string) error {
	f := s.static.widget[name]
	if f == nil {
		return core.Errorf(core.NotFound, "there is no file %q", name)
	}
	h := w.Header()
	h.Set("Content-Security-Policy", widgetPolicy)
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	f.send(w, r, name)
	return nil
}
