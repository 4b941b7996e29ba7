package channelv1

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestWhatIsWrongWithTranslations(t *testing.T) {
	one := func(language, text, translated string) []*Translation {
		return []*Translation{{Language: language, Texts: map[string]string{text: translated}}}
	}
	many := func(texts, length int) map[string]string {
		m := map[string]string{}
		for i := range texts {
			m[fmt.Sprintf("text %d", i)] = strings.Repeat("x", length)
		}
		return m
	}
	var languages []*Translation
	for i := range MaxTranslations + 1 {
		languages = append(languages, &Translation{Language: fmt.Sprintf("fr-x%03d", i)})
	}
	for want, list := range map[string][]*Translation{
		"": {
			{Language: "fr", Texts: map[string]string{"Token": "Jeton", "{1} of {2} sent.": "Sur {2}, {1} envoyés."}},
			{Language: "pt-BR"}, {Language: "en-GB", Texts: map[string]string{"Color": "Colour"}},
		},
		`The language "french" is no language tag such as "fr" or "pt-BR".`:              one("french", "Token", "Jeton"),
		"English is what is translated, so there is no translation into it.":             one("EN", "Token", "Token"),
		`The language "FR" is there twice.`:                                              append(one("fr", "a", "b"), one("FR", "a", "c")...),
		`"Token" is " " in "fr": neither may be empty.`:                                  one("fr", "Token", " "),
		`"{1} sent." has the values ["{1}"], and its translation into "fr" has ["{2}"].`: one("fr", "{1} sent.", "{2} envoyés."),
		"There are 51 languages, more than 50.":                                          languages,
		`There are 1001 texts in "fr", more than 1000.`:                                  {{Language: "fr", Texts: many(MaxTranslatedTexts+1, 1)}},
		`"Token"… is longer than 4000 bytes, or becomes so in "fr".`:                     one("fr", "Token", strings.Repeat("x", MaxTranslatedText+1)),
		"They have 280480 bytes together, more than 262144.":                             {{Language: "fr", Texts: many(70, MaxTranslatedText)}},
	} {
		var got []string
		for _, p := range TranslationProblems(list) {
			got = append(got, p.Why)
		}
		if strings.Join(got, "\n") != want {
			t.Errorf("want %q, got %q", want, got)
		}
	}
}

func TestTextsOfAManifest(t *testing.T) {
	m := &Manifest{
		Id: "sample", Name: "Sample", Version: "1", RetirementNotice: "It ends.", DocumentationUrl: "https://example.com",
		Settings:  []*Setting{{Key: "mode", Kind: "select", Title: "Mode", Help: "How.", Group: "Bot", Options: []string{"poll", "call"}, Default: "poll", Pattern: "p"}},
		Address:   []*Setting{{Key: "phone", Title: "Phone", Group: "Bot"}},
		Callbacks: []*Callback{{Path: "in", Title: "Address", Help: "Paste it."}},
	}
	want := []string{"Sample", "It ends.", "Mode", "How.", "Bot", "poll", "call", "Phone", "Address", "Paste it."}
	if diff := cmp.Diff(want, TranslatedTexts(m)); diff != "" {
		t.Error(diff)
	}
}

func TestSentencesAreFilled(t *testing.T) {
	got := SaidBy([]*Sentence{{Text: "{2} instead of {1}.", Values: []string{"a{2}", "b"}}, {Text: "No {3}."}})
	if want := "b instead of a{2}. No {3}."; got != want {
		t.Errorf("want %q, got %q", want, got)
	}
}
