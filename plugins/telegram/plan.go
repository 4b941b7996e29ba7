package telegram

import (
	"strings"
	"unicode"

	"github.com/guichet/guichet/plugins/sdk"
)

// maxCaption is the longest text that goes with a file, in UTF-16 code units.
const maxCaption = 1024

// maxTextUnits is the longest text of one message, in UTF-16 code units after its formatting is taken out.
const maxTextUnits = 4096

// entity marks a stretch of a text, in UTF-16 code units.
type entity struct {
	Type     string `json:"type"` // bold, italic, code, pre, text_link
	Offset   int    `json:"offset"`
	Length   int    `json:"length"`
	URL      string `json:"url,omitempty"`
	Language string `json:"language,omitempty"` // of a pre
}

// words are a text with its formatting beside it. Telegram is never asked to parse any, so nothing has to be escaped and
// nothing can fail to parse.
type words struct {
	text     string
	entities []entity
}

// part is one message of Telegram's.
type part struct {
	words
	file     *sdk.OutgoingAttachment // with it, the words are its caption
	keyboard bool                    // the choices go below it
	quotes   bool                    // it answers the message that was quoted
}

// plan lists the messages of a message, the same at every attempt: the text, then the files. A text that is short enough is
// the caption of the first file; a longer one goes before.
func plan(out *sdk.Outgoing) []part {
	text := words{text: out.Text}
	if out.Format == sdk.Markdown {
		text = parseMarkdown(out.Text)
	}
	text = text.trimmed()
	var parts []part
	if len(out.Attachments) == 0 || sdk.UTF16Len(text.text) > maxCaption {
		for _, piece := range text.split(maxTextUnits) {
			parts = append(parts, part{words: piece})
		}
		text = words{}
	}
	asked := len(parts) - 1 // the part with the last of the text
	for i := range out.Attachments {
		parts = append(parts, part{words: text, file: &out.Attachments[i]})
		text = words{}
	}
	if len(parts) == 0 {
		return nil
	}
	parts[max(asked, 0)].keyboard = len(out.Choices) > 0
	parts[0].quotes = true
	return parts
}

// trimmed takes off the white space around, which Telegram would: offsets have to be those of what is left.
func (w words) trimmed() words {
	left := strings.TrimLeftFunc(w.text, unicode.IsSpace)
	skipped := sdk.UTF16Len(w.text[:len(w.text)-len(left)])
	text := strings.TrimRightFunc(left, unicode.IsSpace)
	return words{text: text, entities: window(w.entities, skipped, skipped+sdk.UTF16Len(text))}
}

// split cuts the words into pieces of at most limit units, each with its own part of the formatting.
func (w words) split(limit int) []words {
	var pieces []words
	at := 0
	for _, text := range sdk.SplitText(w.text, limit) {
		end := at + sdk.UTF16Len(text)
		piece := words{text: text, entities: window(w.entities, at, end)}.trimmed()
		at = end
		if piece.text != "" { // Telegram refuses a blank text, and it shows nothing
			pieces = append(pieces, piece)
		}
	}
	return pieces
}

// window is the formatting between two places, counted from the first.
func window(entities []entity, from, to int) []entity {
	var out []entity
	for _, e := range entities {
		start, end := max(e.Offset, from), min(e.Offset+e.Length, to)
		if start < end {
			e.Offset, e.Length = start-from, end-start
			out = append(out, e)
		}
	}
	return out
}
