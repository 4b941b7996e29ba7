package store

import (
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/guichet/guichet/core"
)

// Contacts are found by the beginnings of their words. A word is what is left of a text when case and accents are folded
// and everything that is neither letter nor digit separates. Scripts that are written without blanks have a word at
// each of their characters. A telephone number is one word, however it is grouped, and also what people dial instead of
// its country code.

// Bounds of the index, so that no record is expensive to write.
const (
	wordBytes      = 48 // longer words are cut
	contactWordsAt = 24 // words of a contact
	identityWordAt = 12 // words of an identity
	suffixesMost   = 16 // of one run of characters without blanks
	phoneDigits    = 6  // a group of digits this long is a telephone number
	queryWordsMost = 8
)

func wordKey(word string) key { return newKey(familyWord).name(word) }

// contactWords returns the words of a contact, sorted; none for one that was merged into another.
func contactWords(c *core.Contact) []string {
	if c.MergedInto != "" {
		return nil
	}
	words := slices.Concat(wordsOf(c.Name), phoneWords(c.Phone), wordsOf(c.Email), wordsOf(c.CompanyName))
	return distinct(words, contactWordsAt)
}

// identityWords returns the words of an identity's value, sorted.
func identityWords(i *core.Identity) []string {
	if isPhone(i.Value) {
		return distinct(phoneWords(i.Value), identityWordAt)
	}
	return distinct(wordsOf(i.Value), identityWordAt)
}

// distinct sorts words without repetitions, at most so many of the first ones.
func distinct(words []string, most int) []string {
	var list []string
	for _, w := range words {
		if len(list) == most {
			break
		}
		if w != "" && !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	slices.Sort(list)
	return list
}

// letters are folded by hand where Unicode does not take them apart.
var letters = strings.NewReplacer("ß", "ss", "æ", "ae", "œ", "oe", "ø", "o", "đ", "d", "ð", "d", "þ", "th", "ł", "l", "ı", "i", "ς", "σ")

// fold takes case, accents and forms of compatibility away.
func fold(s string) string {
	var b strings.Builder
	for _, r := range norm.NFKD.String(strings.ToLower(s)) {
		if unicode.Is(unicode.Mn, r) && r != '\u3099' && r != '\u309a' { // the voicing of kana makes other syllables
			continue
		}
		b.WriteRune(r)
	}
	return letters.Replace(strings.ToLower(norm.NFC.String(b.String())))
}

func separates(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && !unicode.IsMark(r) }

// wordsOf returns the words of a text, as they are indexed.
func wordsOf(text string) []string {
	var words []string
	for _, w := range strings.FieldsFunc(fold(text), separates) {
		words = append(words, cutWord(w))
		words = append(words, suffixes(w)...)
	}
	return words
}

func cutWord(w string) string {
	if len(w) <= wordBytes {
		return w
	}
	end := wordBytes
	for !utf8.RuneStart(w[end]) {
		end--
	}
	return w[:end]
}

// suffixes returns what begins at each further character of a script that is written without blanks.
func suffixes(w string) []string {
	var list []string
	for at, r := range w {
		if at > 0 && len(list) < suffixesMost &&
			unicode.In(r, unicode.Han, unicode.Hiragana, unicode.Katakana, unicode.Hangul, unicode.Thai, unicode.Lao, unicode.Khmer) {
			list = append(list, cutWord(w[at:]))
		}
	}
	return list
}

// isPhone reports whether a text has the form of a telephone number.
func isPhone(s string) bool { return phonePart(s) && len(digitsOf(s)) >= phoneDigits }

// phonePart reports whether a text may be a part of a telephone number.
func phonePart(s string) bool {
	digits := false
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9':
			digits = true
		case !strings.ContainsRune("+()-./ \u00a0\u202f", r):
			return false
		}
	}
	return digits
}

// digitsOf returns the digits of a telephone number, without the zero that some write in brackets behind the country
// code, and without the international prefix.
func digitsOf(s string) string {
	digits := strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, strings.ReplaceAll(s, "(0)", ""))
	return strings.TrimPrefix(digits, "00")
}

// phoneWords returns how a telephone number is asked for: as it is, and, because nobody tells how long its country code
// is (one to three digits), without each beginning that may be one, alone and behind the zero dialled at home.
func phoneWords(s string) []string {
	d := digitsOf(s)
	if d == "" {
		return nil
	}
	words := []string{cutWord(d)}
	if len(d) < phoneDigits+2 {
		return words
	}
	d = cutWord(d)
	if d[0] == '0' {
		return append(words, d[1:])
	}
	for code := 1; code <= 3; code++ {
		words = append(words, d[code:], "0"+d[code:])
	}
	return words
}

// queryWords returns the beginnings that a query asks for: its words, folded, with the groups of a telephone number put
// together.
func queryWords(query string) []string {
	var words, phone []string
	end := func() {
		number := strings.Join(phone, "")
		digits := digitsOf(number)
		if strings.HasPrefix(number, "+") || strings.HasPrefix(number, "0") || len(digits) >= phoneDigits {
			words = append(words, cutWord(digits))
		} else {
			for _, part := range phone {
				words = append(words, strings.FieldsFunc(part, separates)...)
			}
		}
		phone = nil
	}
	for field := range strings.FieldsSeq(norm.NFKC.String(query)) {
		if phonePart(field) {
			phone = append(phone, field)
			continue
		}
		end()
		for _, w := range strings.FieldsFunc(fold(field), separates) {
			words = append(words, cutWord(w))
		}
	}
	end()
	return distinct(words, queryWordsMost)
}
