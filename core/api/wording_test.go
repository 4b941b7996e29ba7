package api

import (
	"context"
	"strings"
	"testing"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/config"
)

// frenchPlugins describes a plugin with texts of each kind.
type frenchPlugins struct{ openPlugins }

func (p *frenchPlugins) DescribePlugin(name string) (PluginDescription, bool) {
	return PluginDescription{
		PluginSchema: core.PluginSchema{Settings: []core.SettingField{
			{Key: "mode", Kind: core.SettingSelect, Title: "Mode", Help: "How.", Group: "Bot", Options: []string{"poll", "call"}},
		}},
		Name: "Chat", Retirement: "It ends.", Callbacks: []Callback{{Path: "callback", Title: "Webhook URL", Help: "Paste it."}},
	}, name == "line"
}

// frenchEditor has a problem with a setting, and an account whose fields have titles.
type frenchEditor struct{ openEditor }

func (e *frenchEditor) Edit(_ context.Context, _ auth.Actor, _ config.Edit) (config.Edited, error) {
	return config.Edited{Base: "b1", Problems: config.Problems{
		{Path: "account[shop].settings.mode", Code: "setting-missing", Params: map[string]string{"plugin": "line", "title": "Mode"}},
	}}, nil
}

// TestPluginsSpeakTheLanguageOfThePage: each answer with texts of a plugin has them in the language that is asked for, and
// in English where that is not there.
func TestPluginsSpeakTheLanguageOfThePage(t *testing.T) {
	h := newHouse(t, func(o *Options) {
		o.Editor, o.Plugins = &frenchEditor{}, &frenchPlugins{}
		o.Callbacks = func(string) []Callback {
			return []Callback{{Path: "callback", Title: "Webhook URL", Help: "Paste it."}}
		}
		o.Approvals = &offeredPlugins{bundle: Bundle{
			ID: "pigeons", Name: "Pigeons", State: BundleOffered, Settings: []core.SettingField{{Key: "perch", Kind: core.SettingString, Title: "Perch"}},
			Translations: core.Translations{{Language: "fr", Texts: map[string]string{"Pigeons": "Pigeonnier", "Perch": "Perchoir"}}},
		}}
	})
	h.channels.translations = core.Translations{{Language: "fr", Texts: map[string]string{
		"Chat": "Discussion", "It ends.": "C’est fini.", "Mode": "Manière", "How.": "Comment.", "Bot": "Robot", "poll": "interroger",
		"Webhook URL": "Adresse du webhook", "Paste it.": "Collez-la.", "Access token": "Jeton d’accès", "Paste a new one.": "Collez-en un autre.",
		"Channel secret": "Secret du canal", "Token": "Jeton",
	}}}
	rich, _, err := h.auth.CreateKey(t.Context(), auth.Actor{Agent: "system"}, "root", "secrets", auth.WriteSecrets)
	check(t, err)
	h.keys["rich"] = rich
	for _, c := range []struct {
		method, path, body string
		french, english    []string
	}{
		{"GET", "/plugins/line/schema", "",
			[]string{`"name":"Discussion"`, `"retirement_notice":"C’est fini."`, `"title":"Manière"`, `"help":"Comment."`, `"group":"Robot"`,
				`"labels":{"poll":"interroger"}`, `"options":["poll","call"]`, `"title":"Adresse du webhook"`, `"help":"Collez-la."`},
			[]string{`"name":"Chat"`, `"title":"Mode"`, `"title":"Webhook URL"`}},
		{"GET", "/plugin-schemas", "", []string{`"name":"Discussion"`, `"title":"Manière"`}, []string{`"name":"Chat"`, `"title":"Mode"`}},
		{"GET", "/accounts", "", []string{`"title":"Adresse du webhook"`}, []string{`"title":"Webhook URL"`}},
		{"POST", "/accounts/shop/validate", "", []string{`"title":"Jeton d’accès"`, `"fix":"Collez-en un autre."`, `"detail":"refused"`}, []string{`"title":"Access token"`}},
		{"POST", "/plugins/line/validate", `{"id": "shop"}`, []string{`"title":"Jeton"`}, []string{`"title":"Token"`}},
		{"GET", "/configuration/objects/account/shop", "", []string{`"title":"Secret du canal"`}, []string{`"title":"Channel secret"`}},
		{"PATCH", "/configuration", `{"base": "b1", "changes": [{"op": "remove", "object": "queue", "id": "a"}]}`,
			[]string{`"title":"Manière"`}, []string{`"title":"Mode"`}},
		{"GET", "/plugins/bundles", "", []string{`"name":"Pigeonnier"`, `"title":"Perchoir"`}, []string{`"name":"Pigeons"`, `"title":"Perch"`}},
	} {
		for wish, want := range map[string][]string{
			"fr": c.french, "de, fr-CH;q=0.8, en;q=0.5": c.french, "en": c.english, "": c.english, "en, fr;q=0.9": c.english, "fr;q=0": c.english,
		} {
			got := h.call("rich", c.method, "/api/v1"+c.path, c.body, "Accept-Language", wish)
			if got.status != 200 {
				t.Fatalf("%s %s: %d %s", c.method, c.path, got.status, got.body)
			}
			for _, text := range want {
				if !strings.Contains(string(got.body), text) {
					t.Errorf("%s %s in %q lacks %s: %s", c.method, c.path, wish, text, got.body)
				}
			}
			if got.header.Get("Cache-Control") != "no-store" || !strings.Contains(got.header.Get("Vary"), "Accept-Language") {
				t.Errorf("%s %s: a cache would mix languages: %v", c.method, c.path, got.header)
			}
		}
	}
}
