package app

import (
	"context"
	"fmt"
	"slices"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api"
	"github.com/guichet/guichet/core/config"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// pluginForms is what the admin center needs of plugins to make accounts of them.
type pluginForms struct{ app *App }

var _ api.Plugins = pluginForms{}

// DescribePlugin tells what a plugin says of itself.
func (f pluginForms) DescribePlugin(name string) (api.PluginDescription, bool) {
	m, found := f.app.host.Manifest(name)
	schema, known := f.app.data.environment.Plugin(name)
	if !found || !known {
		return api.PluginDescription{}, false
	}
	return api.PluginDescription{
		PluginSchema: schema, Name: m.GetName(), Version: m.GetVersion(), Callbacks: f.app.callbacks(name), Retirement: m.GetRetirementNotice(),
		Documentation: m.GetDocumentationUrl(), Verification: verificationOf(m.GetVerification()), Services: slices.Clone(m.GetServices()),
	}, true
}

// verificationOf says in words how the host verifies a plugin's requests while the plugin is down.
func verificationOf(v *channelv1.Verification) string {
	if v == nil {
		return ""
	}
	return fmt.Sprintf("%s in %s", v.GetAlgorithm(), v.GetHeader())
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
