package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/sdk/outbound"
)

// addressHandle begins the handle of a file that is fetched from an address.
const addressHandle = "url:"

// attach makes the attachment of an event. A file that came with the request is stored at the host; one that is named by
// its address is fetched later, and again when that fails.
func (c *channel) attach(ctx context.Context, a *attachment) (sdk.Attachment, error) {
	if a.URL != "" {
		name := a.Name
		if u, err := url.Parse(a.URL); err == nil && name == "" {
			if base := fileName(path.Base(u.Path)); strings.Trim(base, "._") != "" {
				name = base
			}
		}
		return sdk.Attachment{Handle: addressHandle + a.URL, Name: name, Type: a.Type}, nil
	}
	handle, err := c.host.PutMedia(ctx, a.Type, a.Name, bytes.NewReader(a.Content))
	if err != nil {
		return sdk.Attachment{}, fmt.Errorf("store a file: %w", err)
	}
	return sdk.Attachment{Handle: handle, Stored: true, Name: a.Name, Type: a.Type, Size: int64(len(a.Content))}, nil
}

// fetchClient makes the client for addresses that come with customers' messages: whoever wrote them is nobody we know.
func fetchClient(test bool) *http.Client {
	return outbound.Client(outbound.Options{Test: test, Redirects: maxRedirects})
}

// FetchMedia fetches a file from the address that came with a message.
func (c *channel) FetchMedia(ctx context.Context, handle string, maxBytes int64) (*sdk.Media, error) {
	address, ok := strings.CutPrefix(handle, addressHandle)
	u, err := url.Parse(address)
	if !ok || err != nil {
		return nil, &sdk.MediaGone{Reason: "the handle is not one of this plugin"}
	}
	if err := outbound.Check(u, c.account.Test); err != nil {
		return nil, &sdk.MediaRefused{Reason: err.Error()}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return nil, &sdk.MediaRefused{Reason: "the address cannot be asked"}
	}
	request.Header.Set("User-Agent", "Guichet")
	response, err := c.fetch.Do(request)
	switch {
	case errors.Is(err, outbound.ErrForbidden):
		return nil, &sdk.MediaRefused{Reason: "the address is not on the public internet, or not https"}
	case err != nil:
		var wrapped *url.Error
		if errors.As(err, &wrapped) {
			err = wrapped.Err // without the address, which may hold a secret
		}
		return nil, fmt.Errorf("fetch a file: %w", err)
	}
	media, err := mediaOf(response, maxBytes)
	if err != nil {
		_ = response.Body.Close()
	}
	return media, err
}

func mediaOf(response *http.Response, maxBytes int64) (*sdk.Media, error) {
	switch status := response.StatusCode; {
	case status == http.StatusNotFound || status == http.StatusGone:
		return nil, &sdk.MediaGone{Reason: "there is nothing at the address any more"}
	case status >= 400 && status <= 499 && status != http.StatusRequestTimeout && status != http.StatusTooEarly && status != http.StatusTooManyRequests:
		return nil, &sdk.MediaRefused{Reason: "the address answers " + response.Status}
	case status != http.StatusOK:
		return nil, fmt.Errorf("fetch a file: the address answers %s", response.Status)
	}
	if maxBytes > 0 && response.ContentLength > maxBytes {
		return nil, tooLarge(maxBytes)
	}
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil {
		kind = "application/octet-stream"
	}
	media := &sdk.Media{Type: kind, Size: max(response.ContentLength, 0), Body: response.Body}
	if _, values, err := mime.ParseMediaType(response.Header.Get("Content-Disposition")); err == nil && values["filename"] != "" {
		media.Name = fileName(path.Base(values["filename"]))
	}
	if maxBytes > 0 {
		media.Body = &capped{ReadCloser: response.Body, left: maxBytes, max: maxBytes}
	}
	return media, nil
}

func tooLarge(maxBytes int64) error {
	return &sdk.MediaRefused{Reason: fmt.Sprintf("the file is larger than %d bytes", maxBytes)}
}

// capped fails content that turns out longer than is taken.
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
	return n, err
}
