package line

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// preparing is how long to wait before asking again for content that LINE is still preparing.
const preparing = 3 * time.Second

// handle names content that LINE holds.
type handle struct {
	kind    string // type of the message: image, video, audio, file
	message string
}

func (h handle) String() string { return h.kind + "/" + h.message }

// FetchMedia opens the content of a customer's message. LINE keeps it for a time that it does not tell.
func (c *channel) FetchMedia(ctx context.Context, name string, maxBytes int64) (*sdk.Media, error) {
	kind, message, ok := strings.Cut(name, "/")
	if !ok || message == "" {
		return nil, &sdk.MediaGone{Reason: "the handle is not one of this plugin"}
	}
	res, err := c.api.answer(ctx, request{method: http.MethodGet, url: c.contentURL(message)})
	switch status(err) {
	case http.StatusNotFound:
		return nil, &sdk.MediaGone{Reason: "LINE no longer has the content"}
	case http.StatusGone:
		return nil, &sdk.MediaGone{Reason: "the customer took the message back"}
	}
	if err != nil {
		return nil, fmt.Errorf("fetch content: %w", err)
	}
	if res.StatusCode == http.StatusAccepted {
		res.Body.Close()
		return nil, c.unready(ctx, kind, message)
	}
	if maxBytes > 0 && res.ContentLength > maxBytes {
		res.Body.Close()
		return nil, tooLarge(maxBytes)
	}
	media := &sdk.Media{Type: mediaType(res.Header.Get("Content-Type")), Size: max(res.ContentLength, 0), Body: res.Body}
	if media.Type == "" {
		media.Type = "application/octet-stream"
	}
	if maxBytes > 0 {
		media.Body = &capped{ReadCloser: res.Body, left: maxBytes, max: maxBytes}
	}
	return media, nil
}

// unready tells content that will come from content that never will: only video and audio are transcoded, and that may
// fail.
func (c *channel) unready(ctx context.Context, kind, message string) error {
	if kind != "video" && kind != "audio" {
		return &sdk.NotReady{After: preparing}
	}
	var transcoding struct {
		Status string `json:"status"`
	}
	err := c.api.decode(ctx, request{method: http.MethodGet, url: c.contentURL(message) + "/transcoding"}, &transcoding)
	switch {
	case status(err) == http.StatusGone:
		return &sdk.MediaGone{Reason: "the customer took the message back"}
	case err == nil && transcoding.Status == "failed":
		return &sdk.MediaGone{Reason: "LINE could not prepare the " + kind}
	case err == nil && transcoding.Status == "succeeded":
		return &sdk.NotReady{After: time.Second}
	default:
		return &sdk.NotReady{After: preparing}
	}
}

func (c *channel) contentURL(message string) string {
	return c.api.data + "/v2/bot/message/" + url.PathEscape(message) + "/content"
}

func tooLarge(maxBytes int64) error {
	return &sdk.MediaRefused{Reason: fmt.Sprintf("the content is larger than %d bytes", maxBytes)}
}

// capped fails a content that turns out longer than is taken, where LINE did not announce its length.
type capped struct {
	io.ReadCloser
	left, max int64
}

func (l *capped) Read(p []byte) (int, error) {
	if l.left < 0 {
		return 0, tooLarge(l.max)
	}
	if int64(len(p)) > l.left+1 {
		p = p[:l.left+1]
	}
	n, err := l.ReadCloser.Read(p)
	if l.left -= int64(n); l.left < 0 {
		return n + int(l.left), tooLarge(l.max)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read content: %w", err)
	}
	return n, err
}
