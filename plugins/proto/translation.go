package channelv1

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// How much a manifest's translations may hold.
const (
	MaxTranslations      = 50        // languages
	MaxTranslatedTexts   = 1000      // of a language
	MaxTranslatedText    = 4000      // bytes of a text, in either language
	MaxTranslationsBytes = 256 << 10 // of all together
)

var (
	// languageForm is the common part of BCP 47: a language and subtags.
	languageForm    = regexp.MustCompile(`^[A-Za-z]{2,3}(-[A-Za-z0-9]{1,8})*$`)
	placeholderForm = regexp.MustCompile(`\{[1-9][0-9]?\}`)
)

// TranslationProblem is one thing wrong with a manifest's translations.
type TranslationProblem struct {
	Language string // "" where it is about all of them
	Text     string // in English; "" where it is about the language
	Why      string // a sentence
}

func (p TranslationProblem) Error() string { return "translations: " + p.Why }

// TranslationProblems says what is wrong with translations, whatever they translate. That a text is no text of the
// manifest is no problem: it may be one of a check.
func TranslationProblems(list []*Translation) (problems []TranslationProblem) {
	say := func(language, text, format string, args ...any) {
		problems = append(problems, TranslationProblem{language, text, fmt.Sprintf(format, args...)})
	}
	if len(list) > MaxTranslations {
		say("", "", "There are %d languages, more than %d.", len(list), MaxTranslations)
	}
	bytes := 0
	seen := map[string]bool{}
	for _, t := range list {
		language := t.GetLanguage()
		switch low := strings.ToLower(language); {
		case !languageForm.MatchString(language):
			say(language, "", `The language %q is no language tag such as "fr" or "pt-BR".`, language)
		case low == "en":
			say(language, "", "English is what is translated, so there is no translation into it.")
		case seen[low]:
			say(language, "", "The language %q is there twice.", language)
		default:
			seen[low] = true
		}
		if len(t.GetTexts()) > MaxTranslatedTexts {
			say(language, "", "There are %d texts in %q, more than %d.", len(t.GetTexts()), language, MaxTranslatedTexts)
		}
		for _, text := range slices.Sorted(maps.Keys(t.GetTexts())) {
			translated := t.GetTexts()[text]
			bytes += len(text) + len(translated)
			switch want, got := PlaceholdersOf(text), PlaceholdersOf(translated); {
			case strings.TrimSpace(text) == "" || strings.TrimSpace(translated) == "":
				say(language, text, "%q is %q in %q: neither may be empty.", text, translated, language)
			case len(text) > MaxTranslatedText || len(translated) > MaxTranslatedText:
				say(language, text, "%q… is longer than %d bytes, or becomes so in %q.", text[:min(len(text), 60)], MaxTranslatedText, language)
			case !slices.Equal(want, got):
				say(language, text, "%q has the values %q, and its translation into %q has %q.", text, want, language, got)
			}
		}
	}
	if bytes > MaxTranslationsBytes {
		say("", "", "They have %d bytes together, more than %d.", bytes, MaxTranslationsBytes)
	}
	return problems
}

// PlaceholdersOf are the values that a sentence holds, "{1}", "{2}" …, each once, sorted.
func PlaceholdersOf(text string) []string {
	return slices.Compact(slices.Sorted(slices.Values(placeholderForm.FindAllString(text, -1))))
}

// Fill puts values in the place of a text's placeholders.
func Fill(text string, values []string) string {
	pairs := make([]string, 0, 2*len(values))
	for i, v := range values {
		pairs = append(pairs, "{"+strconv.Itoa(i+1)+"}", v)
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// SaidBy is what sentences say in English, one after the other.
func SaidBy(sentences []*Sentence) string {
	parts := make([]string, len(sentences))
	for i, s := range sentences {
		parts[i] = Fill(s.GetText(), s.GetValues())
	}
	return strings.Join(parts, " ")
}

// TranslatedTexts are the texts of a manifest that are for people, and so may be translated; each once, in their order.
func TranslatedTexts(m *Manifest) (texts []string) {
	add := func(more ...string) {
		for _, text := range more {
			if text != "" && !slices.Contains(texts, text) {
				texts = append(texts, text)
			}
		}
	}
	add(m.GetName(), m.GetRetirementNotice())
	for _, s := range slices.Concat(m.GetSettings(), m.GetAddress()) {
		add(s.GetTitle(), s.GetHelp(), s.GetGroup())
		add(s.GetOptions()...)
	}
	for _, c := range m.GetCallbacks() {
		add(c.GetTitle(), c.GetHelp())
	}
	return texts
}
