package sdk

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// TestSentencesOfChecks: what is put together of sentences can be translated, and what is set otherwise is a whole.
func TestSentencesOfChecks(t *testing.T) {
	scrub := newScrubber()
	scrub.set("a", []string{"sesame-open"})
	sentence := func(text string, values ...string) *channelv1.Sentence {
		return &channelv1.Sentence{Text: text, Values: values}
	}
	var put, begun, reset, mixed Check
	put.Found("{1} of {2} sent by {3}.", 3, 500, "sesame-open")
	put.Found("That is all.")
	put.Advise("Wait.")
	begun.Detail = "The bot is there."
	begun.Found("It is called {1}.", "Ada")
	reset.Found("It is called {1}.", "Ada")
	reset.Detail = "Something else."
	mixed = reset
	mixed.Found("It is called {1}.", "Zoé")
	for _, c := range []struct {
		check Check
		want  *channelv1.Check
	}{
		{put, &channelv1.Check{
			Detail: "3 of 500 sent by •••. That is all.", Fix: "Wait.",
			DetailSentences: []*channelv1.Sentence{sentence("{1} of {2} sent by {3}.", "3", "500", "•••"), sentence("That is all.")},
			FixSentences:    []*channelv1.Sentence{sentence("Wait.")},
		}},
		{begun, &channelv1.Check{
			Detail:          "The bot is there. It is called Ada.",
			DetailSentences: []*channelv1.Sentence{sentence("The bot is there."), sentence("It is called {1}.", "Ada")},
		}},
		{reset, &channelv1.Check{Detail: "Something else."}},
		{mixed, &channelv1.Check{
			Detail:          "Something else. It is called Zoé.",
			DetailSentences: []*channelv1.Sentence{sentence("Something else."), sentence("It is called {1}.", "Zoé")},
		}},
	} {
		if diff := cmp.Diff(c.want, checksOut([]Check{c.check}, scrub)[0], protocmp.Transform()); diff != "" {
			t.Error(diff)
		}
	}
}

func TestWrongTranslationsAreNoManifest(t *testing.T) {
	p := Plugin[struct{}]{Manifest: Manifest{ID: "sample", Name: "Sample", Version: "1", Translations: Translations{"fr": {"{1} sent.": "envoyés"}}}}
	want := `sdk: translations: "{1} sent." has the values ["{1}"], and its translation into "fr" has [].`
	if _, err := ManifestOf(p); err == nil || err.Error() != want {
		t.Errorf("want %q, got %v", want, err)
	}
	p.Manifest.Translations = Translations{"fr": {"{1} sent.": "{1} envoyés."}, "de": {"Sample": "Muster"}}
	m, err := ManifestOf(p)
	if err != nil {
		t.Fatal(err)
	}
	list := []*channelv1.Translation{
		{Language: "de", Texts: map[string]string{"Sample": "Muster"}}, {Language: "fr", Texts: map[string]string{"{1} sent.": "{1} envoyés."}},
	}
	if diff := cmp.Diff(list, m.GetTranslations(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
}
