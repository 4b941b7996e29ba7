package core

import (
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// TextUnit is what a text limit counts.
type TextUnit string

// The units.
const (
	Characters TextUnit = "characters" // Unicode code points
	UTF16Units TextUnit = "utf16"
	Bytes      TextUnit = "bytes" // of UTF-8
	Graphemes  TextUnit = "graphemes"
)

// TextLimit is how long one text to a customer may be. The zero value is no limit.
type TextLimit struct {
	Max  int
	Unit TextUnit
}

// Length counts a text as the limit does.
func (l TextLimit) Length(text string) int {
	switch l.Unit {
	case Bytes:
		return len(text)
	case Graphemes:
		return uniseg.GraphemeClusterCount(text)
	case UTF16Units:
		n := 0
		for _, r := range text {
			if n++; r > 0xFFFF {
				n++
			}
		}
		return n
	default:
		return utf8.RuneCountInString(text)
	}
}

// Check refuses a text that is too long, as the text of a request.
func (l TextLimit) Check(text string) error {
	if l.Max <= 0 || len(text) <= l.Max { // no unit is less than a byte
		return nil
	}
	n := l.Length(text)
	if n <= l.Max {
		return nil
	}
	unit := "characters"
	if l.Unit == Bytes {
		unit = "bytes"
	}
	return FieldErrorf("text", "the text has %d %s, and the channel takes at most %d: send it in parts or as a file", n, unit, l.Max)
}
