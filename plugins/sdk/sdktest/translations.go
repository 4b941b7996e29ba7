package sdktest

import (
	"slices"
	"strings"
	"unicode"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// soundTranslations: the languages are some, the values are kept, and no text is a text of the manifest misspelt. What a
// translated text belongs to cannot be known if it is not the manifest's: checks say things that the suite cannot bring
// about. It is told for misspelt where it resembles a text of the manifest that this language lacks.
func (s *suite) soundTranslations(t T) {
	t.Helper()
	list := s.Manifest.GetTranslations()
	for _, problem := range channelv1.TranslationProblems(list) {
		t.Errorf("%v", problem)
	}
	said := channelv1.TranslatedTexts(s.Manifest)
	for _, translation := range list {
		var lacking []string
		for _, text := range said {
			if translation.GetTexts()[text] == "" {
				lacking = append(lacking, text)
			}
		}
		for text := range translation.GetTexts() {
			if slices.Contains(said, text) {
				continue
			}
			for _, meant := range lacking {
				if resembles(text, meant) {
					t.Errorf("translations: the manifest has no text %q; the one that it resembles, %q, is not translated into %q", text, meant, translation.GetLanguage())
				}
			}
		}
		if len(lacking) > 0 {
			t.Logf("%d texts of the manifest are not translated into %q and are shown in English: %q", len(lacking), translation.GetLanguage(), lacking)
		}
	}
}

// resembles says whether two texts are the same but for a few letters: a tenth of them, and at least one. Letter case,
// spaces and punctuation do not count.
func resembles(a, b string) bool {
	x, y := letters(a), letters(b)
	most := max(1, max(len(x), len(y))/10)
	return x != nil && y != nil && max(len(x), len(y))-min(len(x), len(y)) <= most && distance(x, y) <= most
}

func letters(text string) (letters []rune) {
	for _, r := range strings.ToLower(text) {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			letters = append(letters, r)
		}
	}
	return letters
}

// distance is how many letters have to be added, taken out or exchanged (Levenshtein).
func distance(a, b []rune) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i, x := range a {
		corner := row[0]
		row[0] = i + 1
		for j, y := range b {
			exchanged := corner
			if x != y {
				exchanged++
			}
			corner = row[j+1]
			row[j+1] = min(exchanged, row[j+1]+1, row[j]+1)
		}
	}
	return row[len(b)]
}
