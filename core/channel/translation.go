package channel

import (
	"maps"
	"slices"
	"strings"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// ours is what the host itself says in checks, in other languages.
var ours = core.Translations{{Language: "fr", Texts: map[string]string{
	"Plugin":                           "Extension",
	"There is no such plugin.":         "Il n’y a pas d’extension de ce nom.",
	"The server is stopping.":          "Le serveur s’arrête.",
	"It could not be started: {1}":     "Elle n’a pas pu être démarrée\u00a0: {1}",
	"Settings":                         "Réglages",
	"Checks":                           "Vérifications",
	"The checks could not be run: {1}": "Les vérifications n’ont pas pu être faites\u00a0: {1}",
	"Account":                          "Compte",
	"Registration":                     "Inscription chez le fournisseur",
	"See the plugin's state and last output.": "Voyez l’état de l’extension et ses dernières lignes.",
}}}

// Translations are the texts of a plugin, of its checks and of the host's own in other languages than English, as far as
// the plugin brings them. No plugin is run for it.
func (h *Host) Translations(plugin string) core.Translations {
	m, _ := h.manifest(plugin)
	return append(translationsOf(m), ours...)
}

func translationsOf(m *channelv1.Manifest) (list core.Translations) {
	for _, t := range m.GetTranslations() {
		list = append(list, core.Translation{Language: t.GetLanguage(), Texts: t.GetTexts()})
	}
	return list
}

// Translations are the texts of a bundle in other languages, as its plugin.toml has them.
func (b *Bundle) Translations() core.Translations { return translationsOf(b.Manifest) }

// translate adds to what a plugin describes itself as what only its plugin.toml translates: an author need not write it
// twice. What the plugin says itself counts.
func (b *Bundle) translate(m *channelv1.Manifest) {
	for _, said := range b.Manifest.GetTranslations() {
		i := slices.IndexFunc(m.GetTranslations(), func(t *channelv1.Translation) bool { return strings.EqualFold(t.GetLanguage(), said.GetLanguage()) })
		if i < 0 {
			m.Translations = append(m.Translations, &channelv1.Translation{Language: said.GetLanguage(), Texts: maps.Clone(said.GetTexts())})
			continue
		}
		texts := maps.Clone(said.GetTexts())
		maps.Copy(texts, m.Translations[i].GetTexts())
		m.Translations[i].Texts = texts
	}
}

// translations reads what a plugin.toml translates.
func (c *bundleCheck) translations(in map[string]map[string]string) (list []*channelv1.Translation) {
	for _, language := range slices.Sorted(maps.Keys(in)) {
		list = append(list, &channelv1.Translation{Language: language, Texts: in[language]})
		for text, translated := range in[language] {
			c.plain("translations."+language+"."+text, text, translated)
		}
	}
	for _, p := range channelv1.TranslationProblems(list) {
		at := "translations"
		if p.Language != "" {
			at += "." + p.Language
		}
		if p.Text != "" {
			at += "." + p.Text
		}
		c.say(at, "%s", p.Why)
	}
	return list
}
