package line

import (
	"context"
	"regexp"
	"slices"
	"strings"

	"github.com/rivo/uniseg"

	"github.com/guichet/guichet/plugins/sdk"
)

// object is a message object, of the types that we send: text, image, video, audio. LINE has no type for files.
type object struct {
	Type               string  `json:"type"`
	Text               string  `json:"text,omitempty"`
	QuoteToken         string  `json:"quoteToken,omitempty"` // text only
	OriginalContentURL string  `json:"originalContentUrl,omitempty"`
	PreviewImageURL    string  `json:"previewImageUrl,omitempty"` // image and video
	Duration           int64   `json:"duration,omitempty"`        // audio, ms
	Sender             *sender `json:"sender,omitempty"`
}

// sender is shown instead of the account's own name.
type sender struct {
	Name string `json:"name"`
}

// maxSenderName is the longest name of a sender. LINE says characters; UTF-16 units are the strictest reading.
const maxSenderName = 20

// reserved is the word that LINE keeps for itself in names. It may refuse others, which post then leaves out.
var reserved = regexp.MustCompile(`(?i)\bline\b`)

// maxTextUnits is the longest text of one message object, in UTF-16 code units.
const maxTextUnits = 5000

// plan lists the message objects of a message, the same at every attempt: first the text, then the attachments.
func (c *channel) plan(ctx context.Context, out *sdk.Outgoing) ([]object, error) {
	var objects []object
	for _, piece := range sdk.SplitText(out.Text, maxTextUnits) {
		if strings.TrimSpace(piece) == "" {
			continue // LINE refuses a blank text, and it shows nothing
		}
		text := object{Type: "text", Text: piece}
		if len(objects) == 0 {
			text.QuoteToken = out.QuoteToken
		}
		objects = append(objects, text)
	}
	attached, err := c.attachments(ctx, out)
	if err != nil {
		return nil, err
	}
	objects = append(objects, attached...)
	if name := senderName(out.Author.Name); name != "" {
		for i := range objects {
			objects[i].Sender = &sender{Name: name}
		}
	}
	return objects, nil
}

// senderName makes an author's name acceptable to LINE, or returns "" to leave the account's own.
func senderName(name string) string {
	name = strings.Join(strings.Fields(name), " ")
	if name == "" || reserved.MatchString(name) {
		return ""
	}
	short, units := "", 0
	for rest, state := name, -1; rest != ""; {
		var grapheme string
		grapheme, rest, _, state = uniseg.FirstGraphemeClusterInString(rest, state)
		if units += sdk.UTF16Len(grapheme); units > maxSenderName {
			break
		}
		short += grapheme
	}
	return strings.TrimSpace(short)
}

// withoutSender copies the objects without the name.
func withoutSender(objects []object) []object {
	plain := slices.Clone(objects)
	for i := range plain {
		plain[i].Sender = nil
	}
	return plain
}

// withoutQuote copies the objects without the quotation.
func withoutQuote(objects []object) []object {
	plain := slices.Clone(objects)
	for i := range plain {
		plain[i].QuoteToken = ""
	}
	return plain
}
