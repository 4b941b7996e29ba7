package telegram

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

const (
	maxUploadBytes = 50 << 20 // of any file
	maxPhotoBytes  = 10 << 20 // of one that is shown as a photo
	// uploadPatience bounds an upload; the host's own patience is usually shorter.
	uploadPatience = 10 * time.Minute
)

// form is how a file is shown: the call and the name of its parameter.
type form struct{ method, field string }

var asDocument = form{"sendDocument", "document"}

// formOf chooses how a file is shown, by what Telegram's apps can play.
func formOf(a *sdk.OutgoingAttachment) form {
	kind, _, err := mime.ParseMediaType(a.Type)
	if err != nil {
		kind = strings.ToLower(strings.TrimSpace(a.Type))
	}
	switch kind {
	case "image/jpeg", "image/png", "image/webp":
		if a.Size <= maxPhotoBytes {
			return form{"sendPhoto", "photo"}
		}
	case "image/gif":
		return form{"sendAnimation", "animation"}
	case "video/mp4":
		return form{"sendVideo", "video"}
	case "audio/ogg":
		return form{"sendVoice", "voice"}
	case "audio/mpeg", "audio/mp3", "audio/mp4", "audio/x-m4a", "audio/m4a":
		return form{"sendAudio", "audio"}
	}
	return asDocument
}

// outcomeError is a failure whose outcome is known where it happens.
type outcomeError struct{ error }

func (e outcomeError) sendOutcome() error { return e.error }
func (e outcomeError) Unwrap() error      { return e.error }

// upload streams a file from the host to Telegram. What Telegram does not take as a photo or the like (a panorama, a file
// that is not what it says) is sent once more as a document; the refusal says that nothing was sent.
func (c *channel) upload(ctx context.Context, m *outgoing, a *sdk.OutgoingAttachment) (int64, error) {
	if a.Size > maxUploadBytes {
		return 0, outcomeError{&sdk.Rejected{Cause: sdk.RejectedTooLarge, Reason: "Telegram takes files of at most 50 MB"}}
	}
	if c.account.Host == nil {
		return 0, outcomeError{&sdk.Retryable{Reason: "the host is not there to read files"}}
	}
	how := formOf(a)
	id, err := c.uploadAs(ctx, how, m, a)
	if how != asDocument && aboutForm(err) {
		id, err = c.uploadAs(ctx, asDocument, m, a)
	}
	return id, err
}

func (c *channel) uploadAs(ctx context.Context, how form, m *outgoing, a *sdk.OutgoingAttachment) (int64, error) {
	media, err := c.account.Host.GetMedia(ctx, a.Handle)
	if err != nil {
		return 0, outcomeError{&sdk.Retryable{Reason: "an attachment could not be read: " + err.Error()}}
	}
	defer media.Body.Close()
	head, tail, contentType, err := envelopeOf(how, m, a)
	if err != nil {
		return 0, outcomeError{&sdk.Rejected{Cause: sdk.RejectedContent, Reason: err.Error()}}
	}
	size := a.Size
	if size == 0 {
		size = media.Size
	}
	file := &limited{r: media.Body, left: maxUploadBytes}
	length := int64(-1)
	if size > 0 {
		length = int64(len(head)) + size + int64(len(tail))
	}
	ctx, cancel := context.WithTimeout(ctx, uploadPatience)
	defer cancel()
	var sent struct {
		ID int64 `json:"message_id"`
	}
	err = c.api.post(ctx, how.method, contentType, io.MultiReader(bytes.NewReader(head), file, bytes.NewReader(tail)), length, &sent)
	var lost *callError
	if errors.As(err, &lost) && !lost.executed {
		switch {
		case file.over:
			return 0, outcomeError{&sdk.Rejected{Cause: sdk.RejectedTooLarge, Reason: "Telegram takes files of at most 50 MB"}}
		case file.err != nil:
			return 0, outcomeError{&sdk.Retryable{Reason: "an attachment could not be read: " + file.err.Error()}}
		}
	}
	return sent.ID, err
}

// envelopeOf writes what stands before and after the file in a multipart body, so that its length is known and nothing of
// the file is held in memory.
func envelopeOf(how form, m *outgoing, a *sdk.OutgoingAttachment) (head, tail []byte, contentType string, err error) {
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	fields := [][2]string{{"chat_id", strconv.FormatInt(m.Chat, 10)}}
	if m.Topic != 0 {
		fields = append(fields, [2]string{"message_thread_id", strconv.FormatInt(m.Topic, 10)})
	}
	if m.Caption != "" {
		fields = append(fields, [2]string{"caption", m.Caption})
	}
	for _, f := range []struct {
		name  string
		value any
		given bool
	}{
		{"caption_entities", m.CaptionEntities, len(m.CaptionEntities) > 0},
		{"reply_parameters", m.Reply, m.Reply != nil},
		{"reply_markup", m.Keyboard, m.Keyboard != nil},
	} {
		if !f.given {
			continue
		}
		encoded, err := json.Marshal(f.value)
		if err != nil {
			return nil, nil, "", fmt.Errorf("encode %s: %w", f.name, err)
		}
		fields = append(fields, [2]string{f.name, string(encoded)})
	}
	for _, f := range fields {
		if err := w.WriteField(f[0], f[1]); err != nil {
			return nil, nil, "", fmt.Errorf("write %s: %w", f[0], err)
		}
	}
	mimeType := a.Type
	if mimeType == "" || strings.ContainsAny(mimeType, "\r\n") {
		mimeType = "application/octet-stream"
	}
	part := textproto.MIMEHeader{}
	part.Set("Content-Disposition", fmt.Sprintf(`form-data; name="%s"; filename="%s"`, how.field, fileName(a.Name)))
	part.Set("Content-Type", mimeType)
	if _, err := w.CreatePart(part); err != nil {
		return nil, nil, "", fmt.Errorf("write the head of the file: %w", err)
	}
	n := b.Len()
	if err := w.Close(); err != nil {
		return nil, nil, "", fmt.Errorf("write the end: %w", err)
	}
	all := b.Bytes()
	return all[:n:n], all[n:], w.FormDataContentType(), nil
}

// fileName makes a name safe for a header. Telegram takes UTF-8 in it.
func fileName(name string) string {
	name = strings.Map(func(r rune) rune {
		switch {
		case r < ' ' || r == 0x7f:
			return -1
		case r == '"' || r == '\\' || r == '/':
			return '_'
		}
		return r
	}, name)
	if name = strings.TrimSpace(name); name == "" {
		return "file"
	}
	return name
}

// limited passes a file on and remembers why that ended, which the HTTP client tells only in words.
type limited struct {
	r    io.Reader
	left int64
	over bool
	err  error
}

var errOver = errors.New("the file is too large")

func (l *limited) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	if l.left -= int64(n); l.left < 0 {
		l.over = true
		return 0, errOver
	}
	if err != nil && !errors.Is(err, io.EOF) {
		l.err = err
	}
	return n, err
}
