package store

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/guichet/guichet/core"
)

func TestWordsOfContacts(t *testing.T) {
	for name, c := range map[string]struct {
		contact core.Contact
		want    []string
	}{
		"case and accents":         {core.Contact{Name: "ZOÉ Müller-Straße"}, []string{"muller", "strasse", "zoe"}},
		"ligatures":                {core.Contact{Name: "Cœur Ærø Łódź İI"}, []string{"aero", "coeur", "ii", "lodz"}},
		"e-mail":                   {core.Contact{Email: "Zoe.Martin+shop@Example.fr"}, []string{"example", "fr", "martin", "shop", "zoe"}},
		"company":                  {core.Contact{CompanyName: "Ateliers & Fils"}, []string{"ateliers", "fils"}},
		"the note is not searched": {core.Contact{Name: "Zoé", Note: "secret"}, []string{"zoe"}},
		"international number": {core.Contact{Phone: "+33 (0)6 12.34-56 78"}, []string{
			"0" + "12345678", "0" + "3612345678", "0" + "612345678", "12345678", "33612345678", "3612345678", "612345678",
		}},
		"number dialled abroad": {core.Contact{Phone: "0033612345678"}, []string{
			"012345678", "03612345678", "0612345678", "12345678", "33612345678", "3612345678", "612345678",
		}},
		"number dialled at home": {core.Contact{Phone: "06 12 34 56 78"}, []string{"0612345678", "612345678"}},
		"short number":           {core.Contact{Phone: "36 31"}, []string{"3631"}},
		"without blanks":         {core.Contact{Name: "山田太郎"}, []string{"太郎", "山田太郎", "田太郎", "郎"}},
		"Hangul":                 {core.Contact{Name: "김민수"}, []string{"김민수", "민수", "수"}},
		"half width":             {core.Contact{Name: "ﾀﾛｳ"}, []string{"ウ", "タロウ", "ロウ"}},
		"merged":                 {core.Contact{Name: "Zoé", MergedInto: id(9)}, nil},
		"nothing":                {core.Contact{Name: "… — !"}, nil},
	} {
		if diff := cmp.Diff(c.want, contactWords(&c.contact)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestWordsOfIdentities(t *testing.T) {
	for value, want := range map[string][]string{
		"U4AF4980629":     {"u4af4980629"},
		"zoe@example.fr":  {"example", "fr", "zoe"},
		"4915123456789":   {"015123456789", "05123456789", "0915123456789", "15123456789", "4915123456789", "5123456789", "915123456789"},
		"12345":           {"12345"},
		"3fa85f64-5717-a": {"3fa85f64", "5717", "a"},
	} {
		if diff := cmp.Diff(want, identityWords(&core.Identity{IdentityKey: core.IdentityKey{Value: value}})); diff != "" {
			t.Errorf("%s: %s", value, diff)
		}
	}
}

func TestWordsOfQueries(t *testing.T) {
	for query, want := range map[string][]string{
		"  Zoé MARTIN ":         {"martin", "zoe"},
		"zoe@exa":               {"exa", "zoe"},
		"+33 6 12":              {"33612"},
		"martin 06 12 34":       {"061234", "martin"},
		"0033 6":                {"336"},
		"+33 (0)6 12":           {"33612"},
		"612 345":               {"612345"},
		"24 7":                  {"24", "7"},
		"24 7 service":          {"24", "7", "service"},
		"...":                   nil,
		"":                      nil,
		"zoe zoe ZOÉ":           {"zoe"},
		"a b c d e f g h i j":   {"a", "b", "c", "d", "e", "f", "g", "h"},
		"０６１２３４":                {"061234"},
		strings.Repeat("x", 90): {strings.Repeat("x", wordBytes)},
	} {
		if diff := cmp.Diff(want, queryWords(query)); diff != "" {
			t.Errorf("%q: %s", query, diff)
		}
	}
}

// TestWhateverIsWrittenIsFoundAsItIsWritten is what makes the index worth having: the text of a field finds its contact,
// and so does each beginning of one of its words.
func TestWhateverIsWrittenIsFoundAsItIsWritten(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(0, 12, 60).Draw(t, "name")
		words := contactWords(&core.Contact{Name: name})
		if len(words) >= contactWordsAt || len(wordsOf(name)) > contactWordsAt {
			return
		}
		for _, w := range words {
			if strings.ContainsRune(w, 0) || len(w) > wordBytes || !utf8.ValidString(w) || w != cutWord(fold(w)) {
				t.Fatalf("%q of %q is no word", w, name)
			}
		}
		for _, field := range strings.FieldsFunc(fold(name), separates) {
			found := false
			for _, w := range words {
				found = found || strings.HasPrefix(w, cutWord(field))
			}
			if !found {
				t.Fatalf("%q of %q is not found in %q", field, name, words)
			}
		}
	})
}
