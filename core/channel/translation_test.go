package channel

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	hclog "github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/testing/protocmp"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

const translated = `
[translations.fr]
"Token" = "Jeton"
"{1} sent." = "{1} envoyés."
`

// TestTranslationsOfABundle: what a plugin.toml translates is known before the plugin runs, and each mistake is told with
// its line.
func TestTranslationsOfABundle(t *testing.T) {
	b, err := ParseBundle([]byte(goodBundle + translated))
	if err != nil {
		t.Fatal(err)
	}
	if got := b.Translations().In("fr-CH").Of("Token"); got != "Jeton" {
		t.Errorf("Token is %q in French", got)
	}
	first := 2 + strings.Count(goodBundle, "\n")
	for _, c := range []struct {
		from, to string
		line     int
		want     string
	}{
		{"translations.fr", "translations.french", first, `The language "french" is no language tag`},
		{"translations.fr", "translations.en", first, "English is what is translated"},
		{`"Jeton"`, `""`, first + 1, `"Token" is "" in "fr"`},
		{`"Jeton"`, `"\u001b[31mJeton"`, first + 1, `"\x1b[31mJeton" has control characters`},
		{"{1} envoyés.", "envoyés.", first + 2, `"{1} sent." has the values ["{1}"]`},
		{`"Jeton"`, `"` + strings.Repeat("x", 4001) + `"`, first + 1, `"Token"… is longer than 4000 bytes`},
	} {
		_, err := ParseBundle([]byte(goodBundle + strings.Replace(translated, c.from, c.to, 1)))
		if want := fmt.Sprintf("plugin.toml:%d: %s", c.line, c.want); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, not %s", c.to, err, want)
		}
	}
}

// TestTranslationsAreJoined: an author writes a translation in plugin.toml or in the program; where both have one, the
// program's counts.
func TestTranslationsAreJoined(t *testing.T) {
	b, err := ParseBundle([]byte(goodBundle + translated + "[translations.de]\nToken = \"Schlüssel\"\n"))
	if err != nil {
		t.Fatal(err)
	}
	m := &channelv1.Manifest{Translations: []*channelv1.Translation{{Language: "FR", Texts: map[string]string{"Token": "Le jeton", "Mode": "Le mode"}}}}
	b.translate(m)
	want := []*channelv1.Translation{
		{Language: "FR", Texts: map[string]string{"Token": "Le jeton", "Mode": "Le mode", "{1} sent.": "{1} envoyés."}},
		{Language: "de", Texts: map[string]string{"Token": "Schlüssel"}},
	}
	if diff := cmp.Diff(want, m.GetTranslations(), protocmp.Transform()); diff != "" {
		t.Error(diff)
	}
	if got := b.Translations().In("fr").Of("Token"); got != "Jeton" {
		t.Errorf("the bundle itself says %q now", got)
	}
}

// TestChecksInFrench: from the plugin's process to the reader, with the secrets kept out.
func TestChecksInFrench(t *testing.T) {
	b := newBench(t)
	b.run(t)
	draft := *b.setup.Accounts["shop"]
	in := b.Translations("fake").In("fr")
	checks := in.OfChecks(b.ValidateDraft(t.Context(), &draft))
	if len(checks) != 1 || checks[0].Title != "Patience" || checks[0].Detail != "Cela prend 1m30s, pas davantage." {
		t.Errorf("a draft: %+v", checks)
	}
	checks = in.OfChecks(b.Validate(t.Context(), "shop"))
	if len(checks) != 1 || checks[0].Detail != "Cela prend 1m30s, pas davantage." {
		t.Errorf("an account: %+v", checks)
	}
	draft.Plugin = "nothing"
	if checks := b.Translations("nothing").In("fr").OfChecks(b.ValidateDraft(t.Context(), &draft)); len(checks) != 1 ||
		checks[0].Title != "Extension" || checks[0].Detail != "Il n’y a pas d’extension de ce nom." {
		t.Errorf("no plugin: %+v", checks)
	}
}

// TestTooMuchTranslatedIsNotRun: a manifest whose translations are too large is refused, and the reason is shown.
func TestTooMuchTranslatedIsNotRun(t *testing.T) {
	self, ok := SelfSource("")
	if !ok {
		t.Fatal("the test program is not found")
	}
	b := newBench(t, func(o *Options) {
		o.Find = func(string) (Source, bool) {
			return Source{Path: self.Path, Env: []string{fakeVariable + "=verbose"}}, true
		}
	})
	if err := b.Apply(b.setup); err != nil {
		t.Fatal(err)
	}
	until(t, "the failed start is shown", func() bool { return b.Status()[0].LastExit != nil })
	if exit := b.Status()[0].LastExit; !strings.Contains(exit.Reason, "translations: There are 51 languages, more than 50.") {
		t.Errorf("shown: %+v", exit)
	}
}

// serveVerbose serves a plugin whose manifest is translated into too many languages.
func serveVerbose(served plugin.GRPCPlugin) {
	plugin.Serve(&plugin.ServeConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: channelv1.ProtocolMajor, MagicCookieKey: channelv1.MagicCookieKey, MagicCookieValue: channelv1.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{channelv1.ProtocolMajor: {channelv1.PluginName: &verbose{GRPCPlugin: served}}},
		Logger:           hclog.NewNullLogger(),
		GRPCServer: func(options []grpc.ServerOption) *grpc.Server {
			return grpc.NewServer(append(options, grpc.ChainUnaryInterceptor(func(ctx context.Context, r any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
				answer, err := handle(ctx, r)
				if m, ok := answer.(*channelv1.Manifest); ok {
					m = proto.CloneOf(m)
					for i := range channelv1.MaxTranslations {
						m.Translations = append(m.Translations, &channelv1.Translation{Language: fmt.Sprintf("de-x%03d", i)})
					}
					return m, err
				}
				return answer, err
			}))...)
		},
	})
}

// verbose is a plugin that go-plugin takes for one of both its protocols.
type verbose struct {
	plugin.NetRPCUnsupportedPlugin
	plugin.GRPCPlugin
}
