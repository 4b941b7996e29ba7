package config

import (
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/guichet/guichet/core"
)

// testOverrides are the settings that point a plugin at another provider. They are for test accounts only, even where
// a plugin's schema does not say so: with one of them a real account would hand its credentials to a stranger.
var testOverrides = []string{"api_url", "data_url", "token_url", "metadata_url"}

func testOnly(f core.SettingField) bool {
	return f.TestOnly || slices.Contains(testOverrides, f.Key) || strings.HasSuffix(f.Key, "_issuer")
}

// settings reads the settings of the account at n as the plugin's schema describes them.
func (d *decoder) settings(n *node, a *Account, schema core.PluginSchema) Settings {
	table := n.child("settings")
	if table != nil && table.kind != kindTable {
		return nil
	}
	values := Settings{}
	if table == nil {
		table = &node{kind: kindTable, path: join(n.path, "settings"), key: n.key, start: n.start}
	}
	d.unknownSettings(table, schema.Settings, "setting", a.Plugin)
	for _, f := range schema.Settings {
		at := table.child(f.Key)
		switch {
		case at == nil && f.Default != "":
			if value, err := parseDefault(f); err == nil {
				values[f.Key] = value
			} else {
				d.say(table, fmt.Sprintf("The plugin %s has a default for %s that does not fit: %s.", a.Plugin, f.Key, err), "Set it, and tell the plugin's author.")
			}
		case at != nil && testOnly(f) && !a.Test:
			d.sayKey(at, fmt.Sprintf("%s is only for test accounts.", f.Key), "Take it out, or mark the account test = true.").as("test-only", "key", f.Key)
		case at != nil:
			if value, ok := d.setting(at, f, a.Plugin, a.Enabled); ok {
				values[f.Key] = value
			}
		}
	}
	for _, f := range schema.Settings {
		at := table.child(f.Key)
		shown, why := shownIn(f, table, values)
		switch {
		case !shown && at != nil:
			d.sayKey(at, fmt.Sprintf("%s is only for %s.", f.Key, why), "Take it out.")
		case !shown:
			delete(values, f.Key)
		case f.Required && at == nil && values[f.Key] == nil:
			d.missing(table, f.Key, fmt.Sprintf("The plugin %s needs %s%s.", a.Plugin, f.Key, titled(f)), remedyFor(f)).as(
				"setting-missing", "plugin", a.Plugin, "key", f.Key, "title", firstOf(f.Title, f.Key))
		}
	}
	return values
}

func titled(f core.SettingField) string {
	if f.Title == "" {
		return ""
	}
	return " (" + f.Title + ")"
}

// remedyFor shows how to write a missing setting.
func remedyFor(f core.SettingField) string {
	example := `"…"`
	switch {
	case isSecret(f) && f.Kind == core.SettingList:
		example = fmt.Sprintf(`[{ env = %q }]`, strings.ToUpper(f.Key))
	case isSecret(f):
		example = fmt.Sprintf(`{ env = %q }`, strings.ToUpper(f.Key))
	case f.Kind == core.SettingInt:
		example = "1"
	case f.Kind == core.SettingBool:
		example = "true"
	case f.Kind == core.SettingDuration:
		example = `"90s"`
	case f.Kind == core.SettingList:
		example = `["…"]`
	case f.Kind == core.SettingFile:
		example = `{ file = "…" }`
	case len(f.Options) > 0:
		return oneOf(f.Options)
	}
	return strings.TrimSpace(fmt.Sprintf("Write %s = %s under [account.settings]. %s", f.Key, example, f.Help))
}

func (d *decoder) unknownSettings(table *node, fields []core.SettingField, what, plugin string) {
	var keys []string
	for _, f := range fields {
		keys = append(keys, f.Key)
	}
	for _, name := range table.names {
		if slices.Contains(keys, name) {
			continue
		}
		remedy := "It has none."
		if near := nearest(name, keys); near != "" {
			remedy = fmt.Sprintf("Did you mean %q?", near)
		} else if len(keys) > 0 {
			remedy = "It has: " + strings.Join(keys, ", ") + "."
		}
		d.sayKey(table.children[name], fmt.Sprintf("The plugin %s has no %s %q.", plugin, what, name), remedy)
	}
}

// shownIn evaluates a field's condition; why says what it asks for.
func shownIn(f core.SettingField, table *node, values Settings) (shown bool, why string) {
	key, want, ok := strings.Cut(f.ShowIf, "=")
	if !ok {
		return true, ""
	}
	got, set := values[key]
	if !set {
		if at := table.child(key); at != nil {
			return at.text == want, fmt.Sprintf("%s = %q", key, want)
		}
	}
	return set && fmt.Sprint(got) == want, fmt.Sprintf("%s = %q", key, want)
}

func isSecret(f core.SettingField) bool { return f.Secret || f.Kind == core.SettingSecret }

// setting reads one value. Texts of every kind may be references; they are resolved only when resolve is set.
func (d *decoder) setting(n *node, f core.SettingField, plugin string, resolve bool) (any, bool) {
	switch f.Kind {
	case core.SettingInt:
		if !d.expect(n, kindInteger) {
			return nil, false
		}
		value, err := strconv.ParseInt(n.text, 0, 64)
		return value, err == nil
	case core.SettingBool:
		return n.text == "true", d.expect(n, kindBool)
	case core.SettingList:
		if !d.expect(n, kindArray) {
			return nil, false
		}
		list := make([]string, 0, len(n.items))
		for _, item := range n.items {
			if text, ok := d.text(item, isSecret(f), resolve); ok && d.fits(item, f, plugin, text) {
				list = append(list, text)
			}
		}
		return list, len(list) == len(n.items)
	case core.SettingDuration:
		if n.kind == kindInteger {
			d.say(n, fmt.Sprintf("%s has no unit.", n.text), fmt.Sprintf("Write \"%ss\" for seconds, \"%sm\" for minutes, \"%sh\" for hours or \"%sd\" for days.", n.text, n.text, n.text, n.text))
			return nil, false
		}
		if !d.expect(n, kindString) {
			return nil, false
		}
	}
	text, ok := d.text(n, isSecret(f), resolve)
	if !ok || !d.fits(n, f, plugin, text) {
		return nil, false
	}
	if f.Kind == core.SettingDuration {
		value, err := parseDuration(text)
		return time.Duration(value).String(), err == nil
	}
	return text, true
}

// fits checks a text against the kind, the options and the pattern of its field. The text of a secret is never shown.
func (d *decoder) fits(n *node, f core.SettingField, plugin, text string) bool {
	shown := fmt.Sprintf("%q", text)
	if isSecret(f) || n.kind != kindString {
		shown = "The value of " + f.Key
	}
	code, message, remedy := unfit(f, text)
	if message == "" {
		return true
	}
	if text == "" {
		shown = f.Key
	}
	d.say(n, shown+" "+message+".", remedy).as(code, "plugin", plugin, "key", f.Key, "title", firstOf(f.Title, f.Key), "known", strings.Join(f.Options, ", "))
	return false
}

// unfit says why a text is not a value of its field, "" when it is.
func unfit(f core.SettingField, text string) (code, message, remedy string) {
	switch f.Kind {
	case core.SettingDuration:
		if _, err := parseDuration(text); err != nil {
			return "setting-duration", "is not a duration", durationRemedy(err, false)
		}
	case core.SettingURL:
		if u, err := url.Parse(text); err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https") {
			return "setting-url", "is not a web address", `Write something like "https://example.com/path".`
		}
	case core.SettingEmail:
		if !plainEmail(text) {
			return "setting-email", "is not an e-mail address", `Write something like "name@example.com".`
		}
	}
	if len(f.Options) > 0 && !slices.Contains(f.Options, text) {
		return "setting-choice", "is not one of the choices for " + f.Key, choice(text, f.Options)
	}
	if f.Pattern != "" {
		pattern, err := regexp.Compile(`^(?:` + f.Pattern + `)$`)
		if err == nil && !pattern.MatchString(text) {
			return "setting-pattern", "does not look right", strings.TrimSpace("It must match " + f.Pattern + ". " + f.Help)
		}
	}
	if f.Required && text == "" {
		return "setting-empty", "is empty", remedyFor(f)
	}
	return "", "", ""
}

// parseDefault reads the default of a schema, which is text, as a value. The elements of a list are separated by
// commas.
func parseDefault(f core.SettingField) (any, error) {
	switch f.Kind {
	case core.SettingInt:
		return strconv.ParseInt(f.Default, 10, 64)
	case core.SettingBool:
		return strconv.ParseBool(f.Default)
	case core.SettingDuration:
		value, err := parseDuration(f.Default)
		return time.Duration(value).String(), err
	case core.SettingList:
		list := strings.Split(f.Default, ",")
		for i := range list {
			list[i] = strings.TrimSpace(list[i])
		}
		return list, nil
	}
	return f.Default, nil
}

// address checks the address of a channel against its plugin's schema.
func (d *decoder) address(n *node, ch *Channel, schema core.PluginSchema) {
	table := n.child("address")
	if table != nil && table.kind != kindTable {
		return
	}
	if table == nil {
		table = &node{kind: kindTable, path: join(n.path, "address"), key: n.key, start: n.start}
	}
	d.unknownSettings(table, schema.Address, "address part", schema.Plugin)
	for _, f := range schema.Address {
		at := table.child(f.Key)
		switch {
		case at == nil && f.Default != "":
			if ch.Address == nil {
				ch.Address = map[string]string{}
			}
			ch.Address[f.Key] = f.Default
		case at == nil && f.Required:
			d.missing(table, f.Key, fmt.Sprintf("A channel of %s needs %s%s in its address.", schema.Plugin, f.Key, titled(f)),
				strings.TrimSpace(fmt.Sprintf("Write address = { %s = \"…\" }. %s", f.Key, f.Help))).as(
				"address-missing", "plugin", schema.Plugin, "key", f.Key, "title", firstOf(f.Title, f.Key))
		case at != nil && at.kind == kindString:
			d.fits(at, f, schema.Plugin, at.text)
		}
	}
}
