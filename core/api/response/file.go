package response

import (
	"io"
	"mime"
	"net/http"
	"strings"
	"time"
)

// inline are the types that browsers show without running anything in them.
var inline = map[string]bool{
	"image/png": true, "image/jpeg": true, "image/gif": true, "image/webp": true, "image/avif": true,
	"audio/mpeg": true, "audio/mp4": true, "audio/ogg": true, "audio/wav": true, "audio/webm": true, "audio/aac": true,
	"audio/x-m4a": true, "video/mp4": true, "video/webm": true, "video/ogg": true, "video/quicktime": true,
	"text/plain": true,
}

// File writes content that came from outside: it is shown only when its type is harmless, downloaded otherwise, and
// never runs as a page of ours. Ranges are served. tag identifies the content for caches.
func File(w http.ResponseWriter, r *http.Request, name, contentType, tag string, content io.ReadSeeker) {
	base, _, err := mime.ParseMediaType(contentType)
	if err != nil {
		base = "application/octet-stream"
	}
	disposition := "attachment"
	if inline[base] {
		disposition = "inline"
	} else if !strings.HasPrefix(base, "application/") {
		base = "application/octet-stream" // text/html, image/svg+xml …
	}
	if base == "text/plain" {
		base = "text/plain; charset=utf-8"
	}
	h := w.Header()
	h.Set("Content-Type", base)
	h.Set("Content-Disposition", dispositionOf(disposition, name))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	if h.Get("Cross-Origin-Resource-Policy") == "" {
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
	}
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "private, max-age=3600")
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, content)
}

func dispositionOf(kind, name string) string {
	name = strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f || strings.ContainsRune(`/\`, c) {
			return '_'
		}
		return c
	}, name)
	if name == "" {
		return kind
	}
	if s := mime.FormatMediaType(kind, map[string]string{"filename": name}); s != "" {
		return s
	}
	return kind
}
