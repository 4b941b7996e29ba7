package line

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

const (
	maxImageBytes   = 10 << 20  // of an image
	maxPreviewBytes = 1 << 20   // of its preview
	maxClipBytes    = 200 << 20 // of a video or an audio clip
	maxURLLength    = 2000      // of any address given to LINE

	// mediaValidFor is how long the published addresses work. LINE does not say for how long its apps come back to them,
	// and a customer may scroll back weeks later.
	mediaValidFor = 30 * 24 * time.Hour

	// planLife is how long anything is kept for a message that is being sent: a little longer than LINE's retry keys live.
	planLife = 25 * time.Hour
	// maxState is the largest value of the host's state.
	maxState = 32 << 10
)

// attachments makes message objects of the attachments. The addresses are signed anew each time they are published, while
// a repeated push must be the same as the first; so the objects are kept in the account's state until the message is done.
func (c *channel) attachments(ctx context.Context, out *sdk.Outgoing) ([]object, error) {
	if len(out.Attachments) == 0 {
		return nil, nil
	}
	host := c.account.Host
	if host == nil {
		return nil, &sdk.Retryable{Reason: "the host is not there to publish attachments"}
	}
	if kept, _, err := host.GetState(ctx, planKey(out)); err == nil {
		var plan keptPlan
		if json.Unmarshal(kept, &plan) == nil && len(plan.Objects) > 0 {
			return plan.Objects, nil
		}
	} else if !errors.Is(err, sdk.ErrStateAbsent) {
		return nil, &sdk.Retryable{Reason: "the host's state cannot be read: " + err.Error()}
	}
	var objects []object
	for _, attachment := range out.Attachments {
		o, err := c.attachment(ctx, attachment)
		if err != nil {
			return nil, err
		}
		objects = append(objects, o)
	}
	c.sweep.run(ctx, host, c.now())
	encoded, err := json.Marshal(keptPlan{Made: c.now().Unix(), Objects: objects})
	if err == nil && len(encoded) <= maxState {
		if _, err := host.SetState(ctx, planKey(out), encoded); err != nil {
			return nil, &sdk.Retryable{Reason: "the host's state cannot be written: " + err.Error()}
		}
	}
	return objects, nil
}

// attachment makes one object: an image, a video or an audio clip where LINE can show it, else a text with the address.
func (c *channel) attachment(ctx context.Context, a sdk.OutgoingAttachment) (object, error) {
	address, err := c.publish(ctx, a.Handle)
	if err != nil {
		return object{}, err
	}
	asLink := link(a.Name, address)
	if len(address) > maxURLLength {
		return asLink, nil
	}
	switch mediaType(a.Type) {
	case "image/jpeg", "image/png":
		if a.Size > maxImageBytes {
			return asLink, nil
		}
		preview := address
		if a.Size == 0 || a.Size > maxPreviewBytes {
			preview, err = c.publishPreview(ctx, a)
			if errors.Is(err, errNoPreview) {
				return asLink, nil
			}
			if err != nil {
				return object{}, err
			}
		}
		return object{Type: "image", OriginalContentURL: address, PreviewImageURL: preview}, nil
	case "video/mp4":
		if a.Size > maxClipBytes {
			return asLink, nil
		}
		preview, err := c.publishBytes(ctx, "preview.png", "image/png", placeholder())
		if err != nil {
			return object{}, err
		}
		return object{Type: "video", OriginalContentURL: address, PreviewImageURL: preview}, nil
	case "audio/mpeg", "audio/mp3", "audio/mp4", "audio/x-m4a", "audio/m4a":
		if a.Size > maxClipBytes {
			return asLink, nil
		}
		length, err := c.length(ctx, a)
		if err != nil {
			return object{}, err
		}
		if length < time.Millisecond {
			return asLink, nil
		}
		return object{Type: "audio", OriginalContentURL: address, Duration: length.Milliseconds()}, nil
	}
	return asLink, nil
}

// link is what a file becomes: LINE has no message type for it.
func link(name, address string) object {
	name = strings.Join(strings.Fields(name), " ")
	if sdk.UTF16Len(name) > 200 {
		name = sdk.SplitText(name, 200)[0] + "…"
	}
	if name == "" {
		return object{Type: "text", Text: address}
	}
	return object{Type: "text", Text: name + "\n" + address}
}

// publish makes a public address of stored content. LINE fetches over https only; a test account may use http.
func (c *channel) publish(ctx context.Context, handle string) (string, error) {
	address, err := c.account.Host.PublishMedia(ctx, handle, mediaValidFor)
	if err != nil {
		return "", &sdk.Retryable{Reason: "an attachment could not be published: " + err.Error()}
	}
	if u, err := url.Parse(address); err != nil || u.Host == "" || (u.Scheme != "https" && !c.account.Test) {
		return "", &sdk.Rejected{
			Cause:  sdk.RejectedContent,
			Reason: "LINE fetches attachments over https only: set public_url to the https address of this server",
		}
	}
	return address, nil
}

func (c *channel) publishBytes(ctx context.Context, name, mimeType string, content []byte) (string, error) {
	handle, err := c.account.Host.PutMedia(ctx, mimeType, name, bytes.NewReader(content))
	if err != nil {
		return "", &sdk.Retryable{Reason: "a preview could not be stored: " + err.Error()}
	}
	return c.publish(ctx, handle)
}

// publishPreview makes and publishes a smaller copy of an image.
func (c *channel) publishPreview(ctx context.Context, a sdk.OutgoingAttachment) (string, error) {
	media, err := c.account.Host.GetMedia(ctx, a.Handle)
	if err != nil {
		return "", &sdk.Retryable{Reason: "an attachment could not be read: " + err.Error()}
	}
	defer media.Body.Close()
	preview, err := previewOf(media.Body)
	if err != nil {
		return "", err
	}
	return c.publishBytes(ctx, "preview.jpg", "image/jpeg", preview)
}

// length reads how long an audio clip plays, 0 where that cannot be found out.
func (c *channel) length(ctx context.Context, a sdk.OutgoingAttachment) (time.Duration, error) {
	media, err := c.account.Host.GetMedia(ctx, a.Handle)
	if err != nil {
		return 0, &sdk.Retryable{Reason: "an attachment could not be read: " + err.Error()}
	}
	defer media.Body.Close()
	if t := mediaType(a.Type); t == "audio/mpeg" || t == "audio/mp3" {
		return mp3Length(media.Body), nil
	}
	return mp4Length(media.Body), nil
}

// mediaType is a MIME type without its parameters.
func mediaType(s string) string {
	t, _, err := mime.ParseMediaType(s)
	if err != nil {
		return strings.ToLower(strings.TrimSpace(s))
	}
	return t
}

// keptPlan is the state of a message with attachments that is being sent.
type keptPlan struct {
	Made    int64    `json:"made"` // Unix seconds
	Objects []object `json:"objects"`
}

const planPrefix = "media/"

func planKey(out *sdk.Outgoing) string { return planPrefix + out.OutboxID }

// forgetPlan removes the plan of a message that is done.
func (c *channel) forgetPlan(ctx context.Context, out *sdk.Outgoing) {
	if len(out.Attachments) == 0 || c.account.Host == nil {
		return
	}
	if err := c.account.Host.DeleteState(ctx, planKey(out)); err != nil && !errors.Is(err, sdk.ErrStateAbsent) {
		c.log.Warn("the plan of a sent message could not be forgotten", "error", err)
	}
}

// sweeper removes what was kept for messages that are long done or were given up, at most once an hour.
type sweeper struct {
	mu   sync.Mutex
	last time.Time
}

func (s *sweeper) run(ctx context.Context, host sdk.Host, now time.Time) {
	s.mu.Lock()
	due := now.Sub(s.last) >= time.Hour
	if due {
		s.last = now
	}
	s.mu.Unlock()
	if !due {
		return
	}
	for _, prefix := range []string{planPrefix, unsurePrefix} {
		keys, err := host.ListState(ctx, prefix)
		if err != nil {
			return // another message in an hour tries again
		}
		for _, key := range keys {
			raw, _, err := host.GetState(ctx, key)
			var kept struct {
				Made int64 `json:"made"` // Unix seconds
			}
			if err != nil || json.Unmarshal(raw, &kept) != nil || now.Sub(time.Unix(kept.Made, 0)) < planLife {
				continue
			}
			if host.DeleteState(ctx, key) != nil {
				return
			}
		}
	}
}

// errNoPreview: the image cannot be decoded, or is too large to be worth it.
var errNoPreview = errors.New("line: no preview can be made")
