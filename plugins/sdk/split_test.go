package sdk

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/rivo/uniseg"
	"pgregory.net/rapid"
)

func TestSplit(t *testing.T) {
	for _, test := range []struct {
		what, text string
		limit      int
		want       []string
	}{
		{"empty", "", 10, nil},
		{"fits exactly", "0123456789", 10, []string{"0123456789"}},
		{"surrogates count twice", "🍎🍎🍎", 4, []string{"🍎🍎", "🍎"}},
		{"after the space", "hello big world", 10, []string{"hello big ", "world"}},
		{"before a space that does not fit", "0123456789 ab", 10, []string{"0123456789", " ab"}},
		{"at a line break late in the piece", "hello\nbig wo rld", 10, []string{"hello\n", "big wo rld"}},
		{"not at an early line break", "a\nbcdefg hijkl", 10, []string{"a\nbcdefg ", "hijkl"}},
		{"a word over the limit", "ab 0123456789012", 10, []string{"ab 0123456", "789012"}},
		{"Japanese between characters", "ありがとうございました", 5, []string{"ありがとう", "ございまし", "た"}},
		{"a hyphenated word stays whole", "abcdefg hij-klm-n", 10, []string{"abcdefg ", "hij-klm-n"}},
		{"a family is one character", "ab👨‍👩‍👧", 9, []string{"ab", "👨‍👩‍👧"}},
		{"a cluster over the limit", "👨‍👩‍👧‍👦", 5, []string{"👨‍👩", "\u200d", "👧‍👦"}},
		{"no break at a no-break space", "aa bb\u00a0cc", 6, []string{"aa ", "bb\u00a0cc"}},
	} {
		if diff := cmp.Diff(test.want, SplitText(test.text, test.limit)); diff != "" {
			t.Errorf("%s: -want +got\n%s", test.what, diff)
		}
	}
}

// checkSplit holds for any text and limit.
func checkSplit(t interface {
	Fatalf(string, ...any)
}, text string, limit int) {
	pieces := SplitText(text, limit)
	if joined := strings.Join(pieces, ""); joined != text {
		t.Fatalf("the pieces %q do not give %q", pieces, text)
	}
	at := 0
	for i, piece := range pieces {
		units := len(utf16.Encode([]rune(piece)))
		if units > limit && utf8.RuneCountInString(piece) > 1 {
			t.Fatalf("piece %q has %d units of %d", piece, units, limit)
		}
		if at += len(piece); i == len(pieces)-1 {
			break
		}
		if utf8.ValidString(text) && !utf8.ValidString(piece) {
			t.Fatalf("piece %q cuts a character", piece)
		}
		// A word may be cut only when it fits into no piece.
		word := wordAround(text, at)
		if word != "" && len(utf16.Encode([]rune(word))) <= limit {
			t.Fatalf("the word %q was cut at %d in %q", word, at, text)
		}
		// A cluster may be cut only when it fits into no piece.
		if cluster := clusterAround(text, at); len(utf16.Encode([]rune(cluster))) <= limit && cluster != "" {
			t.Fatalf("the cluster %q was cut at %d in %q", cluster, at, text)
		}
	}
}

// wordAround returns the word that a cut goes through, "" when it goes between words. A no-break space is part of a word.
func wordAround(text string, at int) string {
	start, offset := 0, 0
	for graphemes := uniseg.NewGraphemes(text); graphemes.Next(); {
		first, _ := utf8.DecodeRuneInString(graphemes.Str())
		end := offset + len(graphemes.Str())
		if unicode.IsSpace(first) && !noBreak(first) {
			if start < at && at < offset {
				return text[start:offset]
			}
			start = end
		}
		offset = end
	}
	if start < at && at < offset {
		return text[start:offset]
	}
	return ""
}

// clusterAround returns the grapheme cluster that a cut goes through, "" when it goes between clusters.
func clusterAround(text string, at int) string {
	offset := 0
	for graphemes := uniseg.NewGraphemes(text); graphemes.Next(); {
		if end := offset + len(graphemes.Str()); offset < at && at < end {
			return graphemes.Str()
		} else if offset = end; offset >= at {
			return ""
		}
	}
	return ""
}

func TestSplitProperties(t *testing.T) {
	letters := rapid.OneOf(
		rapid.SampledFrom([]string{" ", "\n", "\r\n", "a", "bc", "-", "日", "語", "🍎", "👨‍👩‍👧", "é", "ส", "วั", "\u00a0", "🇫🇷", "\t", "word ", "long-word/with.stops", "\u200d", "\u0301"}),
		rapid.Map(rapid.Rune(), func(r rune) string { return string(r) }),
	)
	rapid.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(letters, 0, 120).Draw(t, "text"), "")
		checkSplit(t, text, rapid.IntRange(2, 40).Draw(t, "limit"))
	})
}

func FuzzSplit(f *testing.F) {
	f.Add("hello big world", uint8(7))
	f.Add("👨‍👩‍👧‍👦 été 日本語", uint8(3))
	f.Add("\xff\xfe broken", uint8(4))
	f.Fuzz(func(t *testing.T, text string, limit uint8) {
		checkSplit(t, text, int(limit)+2)
	})
}

func TestSplitLongTextQuickly(t *testing.T) {
	text := strings.Repeat("The quick brown fox jumps over the lazy dog. ", 20000)
	pieces := SplitText(text, 5000)
	if len(pieces) != (len(text)+4999)/5000 && len(pieces) != (len(text)+4999)/5000+1 {
		t.Errorf("%d pieces of %d bytes", len(pieces), len(text))
	}
	checkSplit(t, text[:12000], 5000)
}
