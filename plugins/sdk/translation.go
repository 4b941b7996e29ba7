package sdk

import (
	"fmt"
	"maps"
	"slices"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// Translations are what a plugin says to administrators, by language (BCP 47: "fr", "pt-BR"), then by the English text,
// exactly as it is written: the manifest's Name and RetirementNotice, titles, helps, groups and options of settings, titles
// and helps of callbacks; of checks the titles, the fixed texts, and the sentences of Found and Advise with their
// placeholders. What is missing is shown in English.
//
//	sdk.Translations{"fr": {
//		"Bot token":                      "Jeton du bot",
//		"The bot is {1}, in {2} groups.": "Le bot est {1}, présent dans {2} groupes.",
//	}}
type Translations map[string]map[string]string

func (t Translations) wire() (out []*channelv1.Translation) {
	for _, language := range slices.Sorted(maps.Keys(t)) {
		out = append(out, &channelv1.Translation{Language: language, Texts: maps.Clone(t[language])})
	}
	return out
}

// check says what is wrong with translations whatever they translate; nil when nothing is.
func (t Translations) check() error {
	if problems := channelv1.TranslationProblems(t.wire()); len(problems) > 0 {
		return fmt.Errorf("sdk: %w", problems[0])
	}
	return nil
}
