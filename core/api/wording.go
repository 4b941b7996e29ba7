package api

import (
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/guichet/guichet/core"
)

// This file gives the texts of plugins in the language that the browser asks for (Accept-Language), which is the one of
// the page. What they lack stays English. No cache keeps these answers, and they say what they depend on.

// worded are the answers with texts of plugins.
var worded = map[string]bool{
	"PluginSchemas": true, "PluginSchema": true, "DraftChecks": true, "Checks": true, "Accounts": true, "Plugins": true, "Bundles": true,
	"Bundle": true, "ConfigurationObjects": true, "ConfigurationObjectDetail": true,
}

// wishParameter describes how the language is asked for.
var wishParameter = object{
	"name": "Accept-Language", "in": "header", "schema": text,
	"description": "The language of what plugins say: titles, helps, groups and labels of settings, callbacks, checks. English where a plugin does not have it.",
}

// wording is how the texts of a plugin are said to whoever asks.
func (s *Server) wording(w http.ResponseWriter, r *http.Request, plugin string) core.Wording {
	return chosen(w, r, s.Channels.Translations(plugin))
}

func chosen(w http.ResponseWriter, r *http.Request, t core.Translations) core.Wording {
	if !slices.Contains(w.Header().Values("Vary"), "Accept-Language") {
		w.Header().Add("Vary", "Accept-Language")
	}
	return t.In(preferred(r, append([]string{"en"}, t.Languages()...)))
}

// labels are what options are called where that is not what is written.
func labels(options []string, in core.Wording) map[string]string {
	found := map[string]string{}
	for _, o := range options {
		if label := in.Of(o); label != o {
			found[o] = label
		}
	}
	return found
}

func wordCallbacks(callbacks []Callback, in core.Wording) []Callback {
	list := make([]Callback, len(callbacks))
	for i, c := range callbacks {
		c.Title, c.Help = in.Of(c.Title), in.Of(c.Help)
		list[i] = c
	}
	return list
}

// wordProblems gives the titles of settings that problems are about in the language of the browser.
func (s *Server) wordProblems(w http.ResponseWriter, r *http.Request, problems []ConfigurationProblem) []ConfigurationProblem {
	for i, p := range problems {
		plugin, title := p.Params["plugin"], p.Params["title"]
		if plugin == "" || title == "" {
			continue
		}
		params := maps.Clone(p.Params) // what a problem holds is shared
		params["title"] = s.wording(w, r, plugin).Of(title)
		problems[i].Params = params
	}
	return problems
}

// pluginField says whether a field of an account or a channel is one that its plugin describes.
func pluginField(path string) bool {
	return strings.HasPrefix(path, "settings.") || strings.HasPrefix(path, "address.")
}
