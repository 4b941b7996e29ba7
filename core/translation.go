package core

import (
	"slices"
	"strings"
)

// Translations are texts in other languages than English, which they are written in.
type Translations []Translation

// Translation holds texts in one language. A language may be there more than once: what comes first counts.
type Translation struct {
	Language string            // BCP 47
	Texts    map[string]string // by the English text
}

// Languages returns the languages that there are beside English.
func (t Translations) Languages() (languages []string) {
	for _, one := range t {
		if !slices.Contains(languages, one.Language) {
			languages = append(languages, one.Language)
		}
	}
	return languages
}

// In returns what there is in a language, and for texts that its region lacks, in the language alone. For English, and for
// a language that there is not, that is nothing.
func (t Translations) In(language string) (w Wording) {
	alone, _, regional := strings.Cut(language, "-")
	for _, one := range t {
		if strings.EqualFold(one.Language, language) {
			w = append(w, one.Texts)
		}
	}
	for _, one := range t {
		if regional && strings.EqualFold(one.Language, alone) {
			w = append(w, one.Texts)
		}
	}
	return w
}

// Wording is how texts are said in one language; nil says them in English.
type Wording []map[string]string

// Of is a text in the language, or as it is where it is not known.
func (w Wording) Of(text string) string {
	for _, texts := range w {
		if translated, known := texts[text]; known {
			return translated
		}
	}
	return text
}

// OfCheck is a check in the language. A sentence that is not known stays English.
func (w Wording) OfCheck(c Check) Check {
	c.Title = w.Of(c.Title)
	c.Detail, c.Fix = w.ofSentences(c.Detail, c.DetailSentences), w.ofSentences(c.Fix, c.FixSentences)
	return c
}

func (w Wording) ofSentences(whole string, sentences []Sentence) string {
	if len(sentences) == 0 {
		return w.Of(whole)
	}
	parts := make([]string, len(sentences))
	for i, s := range sentences {
		parts[i] = s.Fill(w.Of(s.Text))
	}
	return strings.Join(parts, " ")
}

// OfChecks is a list of checks in the language.
func (w Wording) OfChecks(checks []Check) []Check {
	list := make([]Check, len(checks))
	for i, c := range checks {
		list[i] = w.OfCheck(c)
	}
	return list
}
