package core

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTextsInALanguage(t *testing.T) {
	all := Translations{
		{Language: "fr", Texts: map[string]string{"Token": "Jeton", "{1} of {2} sent.": "Sur {2}, {1} envoyés.", "Wait.": "Attendez."}},
		{Language: "fr-CH", Texts: map[string]string{"Token": "Jeton suisse"}},
		{Language: "de", Texts: map[string]string{"Token": "Schlüssel"}},
		{Language: "fr", Texts: map[string]string{"Token": "l’autre", "Plugin": "Extension"}},
	}
	if diff := cmp.Diff([]string{"fr", "fr-CH", "de"}, all.Languages()); diff != "" {
		t.Error(diff)
	}
	for _, c := range []struct{ language, text, want string }{
		{"fr", "Token", "Jeton"}, {"FR", "Token", "Jeton"}, {"fr", "Plugin", "Extension"}, {"fr", "Nothing", "Nothing"},
		{"fr-CH", "Token", "Jeton suisse"}, {"fr-CH", "Wait.", "Attendez."}, {"de", "Plugin", "Plugin"}, {"en", "Token", "Token"}, {"", "Token", "Token"},
	} {
		if got := all.In(c.language).Of(c.text); got != c.want {
			t.Errorf("%s in %q is %q, not %q", c.text, c.language, got, c.want)
		}
	}
	check := Check{
		Name: "quota", Title: "Token", State: CheckPassed, Detail: "3 of 9 sent. It rains.", Fix: "Wait.",
		DetailSentences: []Sentence{{Text: "{1} of {2} sent.", Values: []string{"3", "9"}}, {Text: "It rains."}},
	}
	want := check
	want.Title, want.Detail, want.Fix = "Jeton", "Sur 9, 3 envoyés. It rains.", "Attendez."
	if diff := cmp.Diff([]Check{want}, all.In("fr").OfChecks([]Check{check})); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]Check{check}, all.In("en").OfChecks([]Check{check})); diff != "" {
		t.Error(diff)
	}
}
