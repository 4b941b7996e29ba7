package config

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/guichet/guichet/core"
)

// widgetColors are the colours that have a name: the twelve of the product this one replaces, in shades that white text
// can be read on.
var widgetColors = map[string]string{
	"red": "#b3261e", "blue": "#1c55b5", "green": "#1c6b3c", "black": "#202428", "orange": "#a8480b", "pink": "#b0246f",
	"grey": "#57606a", "violet": "#6a3fc0", "brown": "#6f4526", "clay": "#8f4326", "purple": "#7b2d8e", "teal": "#0c6971",
}

// The most characters of a widget's texts, and the most entries of its lists. What a browser has to fetch before it can
// show a button stays below 2 KB with them.
const (
	widgetTitleMost     = 60
	widgetSubtitleMost  = 120
	widgetAddressMost   = 300
	widgetDomainsMost   = 100
	widgetLanguagesMost = 20
)

var (
	hexColor     = regexp.MustCompile(`^#[0-9a-fA-F]{6}$`)
	widgetDomain = regexp.MustCompile(`^(\*\.)?[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*(:[0-9]{1,5})?$`)
)

// checkWidgets judges how the chats of live channels look, and refuses a look where there is no chat.
func (d *decoder) checkWidgets(c *Config) {
	plugins := map[string]string{}
	for _, a := range c.Accounts {
		plugins[a.ID] = a.Plugin
	}
	c.live = map[string]bool{}
	for i := range c.Channels {
		ch := &c.Channels[i]
		schema, known := d.env.plugin(plugins[ch.Account])
		if schema.Live {
			c.live[ch.ID] = true
		}
		n := d.element("channel", i).child("widget")
		if n == nil || n.kind != kindTable {
			continue
		}
		if known && !schema.Live {
			d.sayKey(n, fmt.Sprintf("A channel of %s has no chat widget.", schema.Plugin), "Take it out.").as("no-widget", "plugin", schema.Plugin)
			continue
		}
		d.checkWidget(n, &ch.Widget)
	}
}

func (d *decoder) checkWidget(n *node, w *Widget) {
	if at := n.child("title"); at != nil && at.kind == kindString && strings.TrimSpace(w.Title) == "" {
		d.say(at, "The title is empty.", "Write what the chat is called, or take it out to show the organization's name.").as("title-empty")
	}
	d.checkLength(n.child("title"), widgetTitleMost)
	d.checkLength(n.child("subtitle"), widgetSubtitleMost)
	if at := n.child("color"); at != nil && at.kind == kindString && !hexColor.MatchString(w.Color) && widgetColors[w.Color] == "" {
		names := slices.Sorted(maps.Keys(widgetColors))
		remedy := `Write something like "#0c6971", or one of: ` + strings.Join(names, ", ") + "."
		if near := nearest(w.Color, names); near != "" {
			remedy = fmt.Sprintf("Did you mean %q?", near)
		}
		d.say(at, fmt.Sprintf("%q is not a colour.", w.Color), remedy).as("not-colour", "given", w.Color, "near", nearest(w.Color, names))
	}
	if at := n.child("logo_url"); at != nil && at.kind == kindString && !logoAddress(w.LogoURL) {
		d.say(at, fmt.Sprintf("%q is not the address of a picture.", w.LogoURL), `Write something like "https://shop.example.com/logo.png".`).as("not-picture", "given", w.LogoURL)
	}
	if at := n.child("domains"); at != nil && at.kind == kindArray {
		d.checkMost(at, len(w.Domains), widgetDomainsMost)
		for k, item := range at.items {
			if item.kind == kindString && !widgetDomain.MatchString(w.Domains[k]) {
				d.say(item, fmt.Sprintf("%q is not a host.", item.text), domainRemedy(item.text)).as("not-host", "given", item.text, "near", domainNear(item.text))
			}
		}
	}
	if at := n.child("languages"); at != nil && at.kind == kindArray {
		d.checkMost(at, len(w.Languages), widgetLanguagesMost)
		for _, item := range at.items {
			d.checkLanguage(item)
		}
	}
}

// domainNear takes what people write around a host off it; "" where no host is left.
func domainNear(text string) string {
	if u, err := url.Parse(text); err == nil && widgetDomain.MatchString(strings.ToLower(u.Host)) {
		return strings.ToLower(u.Host)
	}
	if low := strings.ToLower(text); widgetDomain.MatchString(low) {
		return low
	}
	return ""
}

func domainRemedy(text string) string {
	near := domainNear(text)
	switch {
	case near == "":
		return `Write the host alone, in lower case: "shop.example.com", "*.example.com" or "localhost:3000".`
	case near == strings.ToLower(text):
		return fmt.Sprintf("Write %q.", near)
	}
	return fmt.Sprintf("Write %q, without a scheme and a path.", near)
}

// logoAddress reports whether a picture can be fetched from s, and s can stand in a content security policy.
func logoAddress(s string) bool {
	u, err := url.Parse(s)
	if err != nil || len(s) > widgetAddressMost || u.User != nil || strings.ContainsAny(u.Host, ";, '\"") {
		return false
	}
	if u.Scheme == "" {
		return u.Host == "" && strings.HasPrefix(s, "/")
	}
	return u.Host != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// checkLength refuses a text of more than most characters.
func (d *decoder) checkLength(n *node, most int) {
	if n == nil || n.kind != kindString {
		return
	}
	if length := utf8.RuneCountInString(n.text); length > most {
		d.say(n, fmt.Sprintf("%s has %d characters.", lastKey(n.path), length), fmt.Sprintf("Write at most %d.", most)).as("too-long", "count", strconv.Itoa(length), "most", strconv.Itoa(most))
	}
}

func (d *decoder) checkMost(n *node, count, most int) {
	if count > most {
		d.say(n, fmt.Sprintf("%s has %d entries.", lastKey(n.path), count), fmt.Sprintf("Write at most %d.", most)).as("too-many", "count", strconv.Itoa(count), "most", strconv.Itoa(most))
	}
}

// widget returns the look of a live channel's chat; nil for every other channel.
func (c *Config) widget(ch Channel) *core.Widget {
	if !c.live[ch.ID] {
		return nil
	}
	w := ch.Widget
	color := widgetColors[w.Color]
	if color == "" {
		color = strings.ToLower(w.Color)
	}
	languages := []string{ch.Language}
	for _, l := range w.Languages {
		if !slices.Contains(languages, l) {
			languages = append(languages, l)
		}
	}
	return &core.Widget{
		Title: w.Title, Subtitle: w.Subtitle, Color: color, Position: w.Position, LogoURL: w.LogoURL, Hidden: w.Hidden,
		Domains: slices.Clone(w.Domains), Languages: languages,
	}
}
