package line

import (
	"path"
	"strings"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// wireMessage has the fields of every type of message content.
type wireMessage struct {
	Type            string  `json:"type"`
	ID              string  `json:"id"`
	Text            string  `json:"text"`
	QuoteToken      string  `json:"quoteToken"`
	QuotedMessageID string  `json:"quotedMessageId"`
	MarkAsReadToken string  `json:"markAsReadToken"`
	Duration        float64 `json:"duration"` // ms
	FileName        string  `json:"fileName"`
	FileSize        int64   `json:"fileSize"`
	ContentProvider struct {
		Type               string `json:"type"` // "line" or "external"
		OriginalContentURL string `json:"originalContentUrl"`
	} `json:"contentProvider"`
	Title     string   `json:"title"`
	Address   string   `json:"address"`
	Latitude  float64  `json:"latitude"`
	Longitude float64  `json:"longitude"`
	PackageID string   `json:"packageId"`
	StickerID string   `json:"stickerId"`
	Keywords  []string `json:"keywords"`
}

// The MIME types of LINE's content, as far as they are known before it is fetched: an image may be JPEG, PNG or GIF.
const (
	typeImage = "image/*"
	typeVideo = "video/mp4"
	typeAudio = "audio/x-m4a"
)

func (in *wireEvent) fillMessage(out *sdk.Event, token *sdk.ReplyToken) {
	m := &in.Message
	message := &sdk.Message{
		ID:         m.ID,
		QuotedID:   m.QuotedMessageID,
		ReplyToken: token,
		ReadToken:  m.MarkAsReadToken,
		QuoteToken: m.QuoteToken,
		NoReply:    in.Mode == "standby",
	}
	switch m.Type {
	case "text":
		message.Text = m.Text
	case "image":
		message.Attachments = []sdk.Attachment{m.content(typeImage)}
	case "video":
		message.Attachments = []sdk.Attachment{m.content(typeVideo)}
	case "audio":
		message.Attachments = []sdk.Attachment{m.content(typeAudio)}
	case "file":
		attachment := m.content(typeByName(m.FileName))
		attachment.Name, attachment.Size = m.FileName, max(m.FileSize, 0)
		message.Attachments = []sdk.Attachment{attachment}
	case "location":
		message.Location = &sdk.Location{Latitude: m.Latitude, Longitude: m.Longitude, Title: m.Title, Address: m.Address}
	case "sticker":
		message.Sticker = &sdk.Sticker{PackageID: m.PackageID, ID: m.StickerID, Text: m.Text, Keywords: m.Keywords}
		if m.Text == "" {
			message.Sticker.Text = strings.Join(m.Keywords, ", ")
		}
	default:
		out.Unknown = in.unknown(token)
		return
	}
	out.Message = message
}

// fillEdited reads a changed text. The id is the original's; edits may come out of order, the largest timestamp wins.
func (in *wireEvent) fillEdited(out *sdk.Event, token *sdk.ReplyToken) {
	m := &in.Message
	if m.Type != "text" || m.ID == "" {
		out.Unknown = in.unknown(token)
		return
	}
	out.Edited = &sdk.Edited{MessageID: m.ID, Text: m.Text, EditedAt: out.OccurredAt, ReplyToken: token}
}

// content describes an attachment: by a handle while LINE holds it, by its address where someone else does.
func (m *wireMessage) content(mimeType string) sdk.Attachment {
	attachment := sdk.Attachment{Type: mimeType, Duration: time.Duration(max(m.Duration, 0)) * time.Millisecond}
	if m.ContentProvider.Type == "external" {
		attachment.URL = m.ContentProvider.OriginalContentURL
		return attachment
	}
	attachment.Handle = handle{kind: m.Type, message: m.ID}.String()
	return attachment
}

// typeByName guesses a file's MIME type from the endings that customers send. It does not ask the system's tables, so
// that the answer is the same on every machine.
func typeByName(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".pdf":
		return "application/pdf"
	case ".txt":
		return "text/plain"
	case ".csv":
		return "text/csv"
	case ".zip":
		return "application/zip"
	case ".jpg", ".jpeg":
		return "image/jpeg"
	case ".png":
		return "image/png"
	case ".gif":
		return "image/gif"
	case ".mp3":
		return "audio/mpeg"
	case ".m4a":
		return "audio/x-m4a"
	case ".mp4":
		return "video/mp4"
	case ".doc":
		return "application/msword"
	case ".xls":
		return "application/vnd.ms-excel"
	case ".ppt":
		return "application/vnd.ms-powerpoint"
	case ".docx":
		return "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
	case ".xlsx":
		return "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
	case ".pptx":
		return "application/vnd.openxmlformats-officedocument.presentationml.presentation"
	}
	return "application/octet-stream"
}
