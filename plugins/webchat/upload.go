package webchat

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// uploadAnswer is what a visitor needs to know of their file.
type uploadAnswer struct {
	Handle string `json:"handle"`
	Name   string `json:"name"`
	Type   string `json:"type"`
	Size   int64  `json:"size"`
}

// serveUpload stores a file that a message may name afterwards. What it is, its content says, not its sender.
func (c *channel) serveUpload(w sdk.WebhookWriter, r *http.Request) {
	s, ok := c.speakerOf(w, r, cutText(r.URL.Query().Get("channel"), maxName), true)
	if !ok {
		return
	}
	if s.place.NoAttachments {
		problem(w, http.StatusForbidden, notAllowed, 0)
		return
	}
	content, err := io.ReadAll(io.LimitReader(r.Body, maxFile+1))
	name := fileName(r.Header.Get("X-File-Name"))
	switch {
	case err != nil:
		problem(w, http.StatusBadRequest, "body", 0)
		return
	case len(content) > maxFile:
		problem(w, http.StatusRequestEntityTooLarge, "too-large", 0)
		return
	case len(content) == 0:
		problem(w, http.StatusUnprocessableEntity, "empty-file", 0)
		return
	case slices.Contains(blockedExtensions, extensionOf(name)):
		problem(w, http.StatusUnsupportedMediaType, "type-not-allowed", 0)
		return
	}
	after, ok := c.limits.uploads.take(s.visitor)
	if ok {
		if after, ok = c.limits.addressUploads.take(s.client); !ok {
			c.limits.uploads.put(s.visitor)
		}
	}
	if !ok {
		problem(w, http.StatusTooManyRequests, tooMany, inSeconds(after))
		return
	}
	signed, u, err := c.store(r.Context(), s.visitor, name, content)
	if err != nil {
		c.limits.uploads.put(s.visitor)
		c.limits.addressUploads.put(s.client)
		c.busy("put media", err)
		problem(w, http.StatusServiceUnavailable, "later", tryAgainAfter)
		return
	}
	answer(w, http.StatusCreated, uploadAnswer{Handle: signed, Name: u.Name, Type: u.Type, Size: u.Size})
}

// store gives a file to the host and signs its handle for the visitor.
func (c *channel) store(ctx context.Context, visitor, name string, content []byte) (string, upload, error) {
	handle, err := c.host.PutMedia(ctx, "", name, bytes.NewReader(content))
	if err != nil {
		return "", upload{}, err
	}
	u := upload{
		Handle: handle, Name: name, Type: http.DetectContentType(content), Size: int64(len(content)),
		Expires: time.Now().Add(handleLasts).Unix(),
	}
	signed, err := c.signUpload(ctx, visitor, u)
	return signed, u, err
}

// fileName makes a harmless name of what the browser calls a file.
func fileName(given string) string {
	if name, err := url.PathUnescape(given); err == nil {
		given = name
	}
	name := strings.Map(func(r rune) rune {
		switch r {
		case '/', '\\', ':', '*', '?', '"', '<', '>', '|':
			return '_'
		case '\u202a', '\u202b', '\u202c', '\u202d', '\u202e', '\u2066', '\u2067', '\u2068', '\u2069':
			return -1 // they turn "fdp.exe" around
		}
		return r
	}, plain(given))
	name = strings.Trim(name, ". ") // Windows drops those at the end
	if extension := extensionOf(name); len(name) > maxFileName && extension != "" && len(extension) <= 10 {
		return cutText(name[:len(name)-len(extension)-1], maxFileName-len(extension)-1) + "." + extension
	}
	if name = cutText(name, maxFileName); name == "" {
		return "file"
	}
	return name
}
