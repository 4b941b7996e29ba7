package telegram

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/guichet/guichet/plugins/sdk"
)

// handle names a file that Telegram holds, with what it forgets about it.
type handle struct{ file, mimeType, name string }

func (h handle) String() string { return h.file + "|" + h.mimeType + "|" + h.name }

func parseHandle(text string) (handle, bool) {
	file, rest, found := strings.Cut(text, "|")
	mimeType, name, _ := strings.Cut(rest, "|")
	return handle{file, mimeType, name}, found && file != ""
}

// wirePath is what getFile tells. The path is good for an hour at least.
type wirePath struct {
	Path string `json:"file_path"`
	Size int64  `json:"file_size"`
}

// FetchMedia opens a file that a customer has sent. Telegram lets bots download at most 20 MB.
func (c *channel) FetchMedia(ctx context.Context, name string, maxBytes int64) (*sdk.Media, error) {
	h, ok := parseHandle(name)
	if !ok {
		return nil, &sdk.MediaGone{Reason: "the handle is not one of this plugin"}
	}
	res, size, err := c.file(ctx, h.file, maxBytes)
	if err != nil {
		return nil, err
	}
	media := &sdk.Media{Type: h.mimeType, Name: h.name, Size: size, Body: res.Body}
	if media.Type == "" {
		media.Type = "application/octet-stream"
	}
	media.Body = &downloading{ReadCloser: res.Body, api: c.api, left: maxBytes, max: maxBytes}
	return media, nil
}

// file opens a file by its id.
func (c *channel) file(ctx context.Context, id string, maxBytes int64) (*http.Response, int64, error) {
	var at wirePath
	err := c.api.call(ctx, "getFile", struct {
		ID string `json:"file_id"`
	}{id}, &at)
	switch {
	case says(err, "file is too big"):
		return nil, 0, &sdk.MediaRefused{Reason: "Telegram lets bots download files of at most 20 MB; ask the customer to send it another way"}
	case status(err) == http.StatusBadRequest && !says(err, "temporarily unavailable"):
		return nil, 0, &sdk.MediaGone{Reason: err.Error()}
	case err != nil:
		return nil, 0, fmt.Errorf("look the file up: %w", err)
	case at.Path == "":
		return nil, 0, errors.New("the file has no path at Telegram yet")
	}
	res, err := c.api.download(ctx, at.Path)
	if err != nil {
		return nil, 0, fmt.Errorf("download the file: %w", err)
	}
	if maxBytes > 0 && res.ContentLength > maxBytes {
		_ = res.Body.Close() // unread
		return nil, 0, tooLarge(maxBytes)
	}
	return res, max(at.Size, res.ContentLength, 0), nil
}

func tooLarge(limit int64) error {
	return &sdk.MediaRefused{Reason: fmt.Sprintf("the file is larger than the %d bytes that are allowed", limit)}
}

// downloading refuses to pass on more than max bytes (0: no limit), and tells what went wrong without an address.
type downloading struct {
	io.ReadCloser
	api       *client
	left, max int64
}

func (d *downloading) Read(p []byte) (int, error) {
	if d.max > 0 && int64(len(p)) > d.left+1 {
		p = p[:d.left+1]
	}
	n, err := d.ReadCloser.Read(p)
	if d.max > 0 {
		if d.left -= int64(n); d.left < 0 {
			return n + int(d.left), tooLarge(d.max)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = fmt.Errorf("read the file: %w", d.api.bare(err))
	}
	return n, err
}
