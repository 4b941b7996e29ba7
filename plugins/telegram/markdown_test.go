package telegram

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/telegram/telegramtest"
)

// shown writes words with their marks around the stretches, for people to read.
func shown(w words) string {
	units := utf16.Encode([]rune(w.text))
	var b strings.Builder
	b.WriteString(w.text)
	for _, e := range w.entities {
		kind := e.Type
		if e.URL != "" {
			kind += " " + e.URL
		}
		if e.Language != "" {
			kind += " " + e.Language
		}
		fmt.Fprintf(&b, "|%s:%s", kind, string(utf16.Decode(units[e.Offset:e.Offset+e.Length])))
	}
	return b.String()
}

func TestMarkdown(t *testing.T) {
	for source, want := range map[string]string{
		"plain":                                 "plain",
		"a *b* c":                               "a b c|italic:b",
		"a _b_ c":                               "a b c|italic:b",
		"a **b** c":                             "a b c|bold:b",
		"🍎 **🍎** x":                             "🍎 🍎 x|bold:🍎",
		"***b***":                               "b|bold:b|italic:b",
		"**bold with *emphasis* in it**":        "bold with emphasis in it|italic:emphasis|bold:bold with emphasis in it",
		"snake_case_name":                       "snake_case_name",
		"2 * 3 * 4":                             "2 * 3 * 4",
		"5*3":                                   "5*3",
		"**not closed":                          "**not closed",
		"*":                                     "*",
		"a ` b":                                 "a ` b",
		"`x*y*`":                                "x*y*|code:x*y*",
		"`` a`b ``":                             "a`b|code:a`b",
		"\\*kept\\* and \\x":                    "*kept* and \\x",
		"[shop](https://shop.example/a_(b))":    "shop|text_link https://shop.example/a_(b):shop",
		"[**shop**](https://a.example \"t\")!":  "shop!|bold:shop|text_link https://a.example:shop",
		"[x](javascript:alert(1))":              "[x](javascript:alert(1))",
		"[no] (link)":                           "[no] (link)",
		"[x]":                                   "[x]",
		"- a\n* b\n+ **c**\n2. d":               "• a\n• b\n• c\n2. d|bold:c",
		"  - in":                                "  • in",
		"a\n\nb":                                "a\n\nb",
		"a\nb":                                  "a\nb",
		"*a\nb*":                                "a\nb|italic:a\nb",
		"before\n```go\nx := *y\n\nz\n```\nend": "before\nx := *y\n\nz\nend|pre go:x := *y\n\nz",
		"```go\n\n```":                          "```go\n\n```",
		"```\nnot closed":                       "```\nnot closed",
		"-not a list":                           "-not a list",
		"<b>no HTML</b> & so on":                "<b>no HTML</b> & so on",
		"":                                      "",
	} {
		if diff := cmp.Diff(want, shown(parseMarkdown(source))); diff != "" {
			t.Errorf("%q: %s", source, diff)
		}
	}
}

// TestMarkdownIsSound: marks lie within the text, and letters and digits are never lost.
func TestMarkdownIsSound(t *testing.T) {
	pieces := rapid.SampledFrom([]string{"a", "B7", " ", "\n", "*", "**", "_", "`", "```", "[", "](", ")", "https://x.example", "\\", "- ", "1. ", "🍎", "é", "~~~"})
	rapid.Check(t, func(t *rapid.T) {
		source := strings.Join(rapid.SliceOfN(pieces, 0, 30).Draw(t, "source"), "")
		w := parseMarkdown(source)
		units := sdk.UTF16Len(w.text)
		for _, e := range w.entities {
			if e.Offset < 0 || e.Length <= 0 || e.Offset+e.Length > units {
				t.Fatalf("%q: %+v in %d units", source, e, units)
			}
		}
		spoken := func(s string) string {
			return strings.Map(func(r rune) rune {
				if strings.ContainsRune("aB7🍎é", r) {
					return r
				}
				return -1
			}, s)
		}
		// An address goes into its mark, and the word after a fence is the language.
		kept := w.text
		for _, e := range w.entities {
			kept += e.Language
		}
		bare := strings.ReplaceAll(source, "https://x.example", "")
		for _, r := range "aB7🍎é" {
			if strings.Count(spoken(kept), string(r)) < strings.Count(spoken(bare), string(r))-strings.Count(source, "](")*30 {
				t.Fatalf("%q lost %c: %q", source, r, w.text)
			}
		}
		for _, piece := range w.trimmed().split(7) {
			n := sdk.UTF16Len(piece.text)
			if n > 7 || piece.text == "" {
				t.Fatalf("a piece of %d units", n)
			}
			for _, e := range piece.entities {
				if e.Offset < 0 || e.Length <= 0 || e.Offset+e.Length > n {
					t.Fatalf("%q: piece %q with %+v", source, piece.text, e)
				}
			}
		}
	})
}

func TestSendMarkdown(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	h, ann := newHost(), p.NewCustomer("Ann")
	ch := account(t, p, h)
	out := outgoingText(ann.ID, " **Hello** _you_")
	sendAll(t, ch, out)
	out.Format = sdk.Markdown
	sendAll(t, ch, out)
	out.Attachments = []sdk.OutgoingAttachment{h.add("application/pdf", "a.pdf", []byte("x"))}
	sendAll(t, ch, out)
	sent := p.Sent(ann.ID)
	marks := []telegramtest.Entity{{Type: "bold", Offset: 0, Length: 5}, {Type: "italic", Offset: 6, Length: 3}}
	for i, want := range []struct {
		text  string
		marks []telegramtest.Entity
	}{{"**Hello** _you_", nil}, {"Hello you", marks}, {"Hello you", marks}} {
		if diff := cmp.Diff(want.marks, sent[i].Entities); diff != "" || sent[i].Text != want.text {
			t.Errorf("%d: %q %s", i, sent[i].Text, diff)
		}
	}
}
