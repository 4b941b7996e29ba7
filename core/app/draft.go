package app

import (
	"context"
	"slices"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api"
	"github.com/guichet/guichet/core/config"
)

// pluginForms is what the admin center needs of plugins to make accounts of them.
type pluginForms struct{ app *App }

var _ api.Plugins = pluginForms{}

// PluginNames lists the plugins that an account can be made of.
func (f pluginForms) PluginNames() []string { return f.app.data.environment.Plugins() }

// DescribePlugin tells what a plugin says of itself.
func (f pluginForms) DescribePlugin(name string) (api.PluginDescription, bool) {
	m, found := f.app.host.Manifest(name)
	schema, known := f.app.data.environment.Plugin(name)
	if !found || !known {
		return api.PluginDescription{}, false
	}
	verification := ""
	if v := m.GetVerification(); v != nil {
		verification = v.GetAlgorithm() + " in " + v.GetHeader()
	}
	_, builtIn := f.app.options.Builtin.Schema(name)
	return api.PluginDescription{
		BuiltIn: builtIn, PluginSchema: schema, Name: m.GetName(), Version: m.GetVersion(), Callbacks: f.app.callbacks(name), Retirement: m.GetRetirementNotice(),
		Documentation: m.GetDocumentationUrl(), Verification: verification, Services: slices.Clone(m.GetServices()),
	}, true
}

// ValidateDraft checks settings and asks the plugin to check them against its provider.
func (f pluginForms) ValidateDraft(ctx context.Context, d api.Draft) ([]core.Check, config.Problems, error) {
	settings, problems, err := f.app.editor().DraftSettings(ctx, d.Plugin, d.ID, d.Test, d.Settings)
	if err != nil || len(problems) > 0 {
		return nil, problems, err
	}
	id := d.ID
	if id == "" {
		id = "draft"
	}
	return f.app.host.ValidateDraft(ctx, &core.Account{ID: id, Plugin: d.Plugin, Name: id, Test: d.Test, Consent: true, Settings: settings}), nil, nil
}
