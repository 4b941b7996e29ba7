package sdk

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/rivo/uniseg"
)

// SplitText cuts a text into pieces of at most limit UTF-16 code units that joined give the text again. A word (what stands
// between white space) is cut only when it is longer than a piece itself: then where Unicode allows a line break, as
// between Japanese characters, else between grapheme clusters. It is for channels whose manifest says SplitsText.
func SplitText(text string, limit int) []string {
	var pieces []string
	for text != "" {
		n := cut(text, limit)
		pieces = append(pieces, text[:n])
		text = text[n:]
	}
	return pieces
}

// cut returns the length in bytes of the first piece; at least one character, even where that is over the limit.
func cut(text string, limit int) int {
	if fits(text, limit) {
		return len(text)
	}
	var newline, space, breakable, cluster mark
	at, state := mark{}, -1
	for rest := text; rest != ""; {
		grapheme, after, boundaries, next := uniseg.StepString(rest, state)
		if width := UTF16Len(grapheme); at.units+width > limit {
			if breaksWords(grapheme) {
				space = at
			}
			break
		} else {
			at = mark{bytes: at.bytes + len(grapheme), units: at.units + width}
		}
		rest, state = after, next
		cluster = at
		switch {
		case strings.HasSuffix(grapheme, "\n"):
			newline, space = at, at
		case breaksWords(grapheme):
			space = at
		case boundaries&uniseg.MaskLine != uniseg.LineDontBreak:
			breakable = at
		}
	}
	switch {
	case newline.units*2 >= limit:
		return newline.bytes
	case space.bytes > 0 && (space.units*2 >= limit || wordFits(text[space.bytes:], limit)):
		return space.bytes
	case breakable.units*2 >= limit:
		return breakable.bytes
	case cluster.bytes > 0:
		return cluster.bytes
	}
	return cutRunes(text, limit)
}

// mark is a place in a text, in both measures.
type mark struct{ bytes, units int }

// wordFits says whether the word at the start of the text fits into one piece.
func wordFits(text string, limit int) bool {
	units := 0
	for _, r := range text {
		if unicode.IsSpace(r) && !noBreak(r) {
			return true
		}
		if units += runeUnits(r); units > limit {
			return false
		}
	}
	return true
}

// breaksWords says whether a grapheme cluster is white space that ends a word.
func breaksWords(grapheme string) bool {
	first, _ := utf8.DecodeRuneInString(grapheme)
	return unicode.IsSpace(first) && !noBreak(first)
}

// cutRunes cuts inside a grapheme cluster that is longer than a whole piece may be.
func cutRunes(text string, limit int) int {
	units, offset := 0, 0
	for offset < len(text) {
		r, size := utf8.DecodeRuneInString(text[offset:])
		width := runeUnits(r)
		if units+width > limit && offset > 0 {
			break
		}
		units += width
		offset += size
	}
	return offset
}

// noBreak characters are spaces that hold their neighbours together.
func noBreak(r rune) bool {
	return r == '\u00a0' || r == '\u202f'
}

func fits(text string, limit int) bool {
	// A UTF-16 unit takes at most three bytes and at least one, which settles most texts without counting.
	return len(text) <= limit || (len(text) <= 3*limit && UTF16Len(text) <= limit)
}

// UTF16Len counts UTF-16 code units.
func UTF16Len(text string) int {
	units := 0
	for _, r := range text {
		units += runeUnits(r)
	}
	return units
}

func runeUnits(r rune) int {
	if r >= 0x10000 {
		return 2
	}
	return 1
}
