package config

import (
	"context"
	"slices"

	"github.com/guichet/guichet/core"
)

// DraftSettings reads the settings of an account that is not saved, as the plugin's schema has them, with defaults filled
// in and secrets resolved. What values leave out is taken from the account of this id and plugin in the file, where there
// is one. Problems have no lines: there is no file they could be in.
func (e *Editor) DraftSettings(ctx context.Context, plugin, id string, test bool, values map[string]any) (Settings, Problems, error) {
	schema, found := e.options.Environment.plugin(plugin)
	if !found {
		return nil, nil, core.Errorf(core.NotFound, "there is no plugin %q", plugin)
	}
	p, err := e.present(ctx)
	if err != nil {
		return nil, nil, err
	}
	settings := savedSettings(p.text, plugin, id)
	for key, value := range values {
		if value == nil || value == "" {
			delete(settings, key)
			continue
		}
		settings[key] = value
	}
	id = firstOf(id, "draft")
	text, err := Amend("", nil, []Change{{Op: Add, Object: "account", ID: id, Value: map[string]any{
		"plugin": plugin, "test": test, "settings": settings,
	}}}, e.options.Environment)
	if err != nil {
		return nil, nil, err
	}
	d := &decoder{document: parse("", text), env: e.options.Environment, resolved: map[string]string{}}
	account := &Account{ID: id, Plugin: plugin, Test: test, Enabled: true}
	read := d.settings(d.element("account", 0), account, schema)
	for i := range d.problems {
		d.problems[i].Line, d.problems[i].Column = 0, 0
	}
	return read, d.problems.sort(), nil
}

// savedSettings returns what the file says in the settings of an account, as it is written.
func savedSettings(text []byte, plugin, id string) map[string]any {
	settings := map[string]any{}
	tree, err := decodeTree(text)
	if err != nil {
		return settings
	}
	accounts, _ := tree["account"].([]any)
	index := slices.IndexFunc(accounts, func(a any) bool {
		t, _ := a.(map[string]any)
		return t["id"] == any(id) && t["plugin"] == any(plugin)
	})
	if index < 0 {
		return settings
	}
	if saved, ok := accounts[index].(map[string]any)["settings"].(map[string]any); ok {
		for key, value := range saved {
			settings[key] = value
		}
	}
	return settings
}
