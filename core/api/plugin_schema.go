package api

import (
	"context"
	"net/http"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/config"
)

// Plugins is what the admin center needs to know of a plugin to make an account of it.
type Plugins interface {
	// PluginNames lists the plugins that an account can be made of.
	PluginNames() []string
	// DescribePlugin tells what a plugin says of itself, without running it.
	DescribePlugin(name string) (PluginDescription, bool)
	// ValidateDraft runs the live checks of an account that is not saved. Problems are those of its settings, which keep
	// the checks from being run.
	ValidateDraft(ctx context.Context, draft Draft) ([]core.Check, config.Problems, error)
}

// PluginDescription is a plugin as its manifest describes it.
type PluginDescription struct {
	core.PluginSchema
	Name, Version string
	BuiltIn       bool       // part of Guichet; anything else was made by somebody else and approved here
	Callbacks     []Callback // their URL is a pattern with {account} in it
	Retirement    string     // why and when the provider ends this channel
	Documentation string     // an address
	Verification  string     // how the host verifies requests itself; "" where only the plugin can
	Services      []string
}

// Draft is an account that is not saved. Settings that are not given are those of the saved account of the same id and
// plugin, where there is one.
type Draft struct {
	Plugin, ID string
	Test       bool
	Settings   map[string]any
}

type settingView struct {
	Key      string           `json:"key"`
	Kind     core.SettingKind `json:"kind"`
	Title    string           `json:"title"`
	Help     string           `json:"help"`
	Required bool             `json:"required"`
	Secret   bool             `json:"secret"`
	TestOnly bool             `json:"test_only"`
	Default  string           `json:"default"`
	Options  []string         `json:"options"`
	Pattern  string           `json:"pattern"`
	Group    string           `json:"group"`
	ShowIf   string           `json:"show_if"`
	// Labels are what options are called, of those that are called otherwise than they are written.
	Labels map[string]string `json:"labels,omitempty"`
}

func showSettings(fields []core.SettingField, in core.Wording) []settingView {
	list := make([]settingView, len(fields))
	for i, f := range fields {
		list[i] = settingView{
			Key: f.Key, Kind: f.Kind, Title: in.Of(f.Title), Help: in.Of(f.Help), Required: f.Required, Secret: f.Secret || f.Kind == core.SettingSecret,
			TestOnly: f.TestOnly, Default: f.Default, Options: append([]string{}, f.Options...), Pattern: f.Pattern, Group: in.Of(f.Group), ShowIf: f.ShowIf,
			Labels: labels(f.Options, in),
		}
	}
	return list
}

type pluginSchemaView struct {
	Plugin        string        `json:"plugin"`
	Name          string        `json:"name"`
	Version       string        `json:"version"`
	BuiltIn       bool          `json:"built_in"` // part of Guichet
	Settings      []settingView `json:"settings"`
	Address       []settingView `json:"address"`
	Callbacks     []Callback    `json:"callbacks"`
	Consent       bool          `json:"consent"` // the account must carry consent = true
	Live          bool          `json:"live"`
	Retirement    string        `json:"retirement_notice"`
	Documentation string        `json:"documentation_url"`
	Verification  string        `json:"verification"`
	Services      []string      `json:"services"`
}

func (s *Server) pluginSchema(w http.ResponseWriter, r *http.Request) error {
	name := request.Param(r, "plugin")
	if s.Plugins == nil {
		return core.Errorf(core.Unavailable, "plugins cannot be described here")
	}
	d, ok := s.Plugins.DescribePlugin(name)
	if !ok {
		return core.Errorf(core.NotFound, "there is no plugin %q", name)
	}
	return response.JSON(w, http.StatusOK, s.showSchema(name, d, s.wording(w, r, name)))
}

// pluginSchemas describes every plugin that an account can be made of.
func (s *Server) pluginSchemas(w http.ResponseWriter, r *http.Request) error {
	if s.Plugins == nil {
		return core.Errorf(core.Unavailable, "plugins cannot be described here")
	}
	list := []pluginSchemaView{}
	for _, name := range s.Plugins.PluginNames() {
		if d, ok := s.Plugins.DescribePlugin(name); ok {
			list = append(list, s.showSchema(name, d, s.wording(w, r, name)))
		}
	}
	return response.List(w, list)
}

func (s *Server) showSchema(name string, d PluginDescription, in core.Wording) pluginSchemaView {
	callbacks := wordCallbacks(d.Callbacks, in)
	for i := range callbacks {
		callbacks[i].URL = s.PublicURL + channelsPrefix + "{account}/" + callbacks[i].Path
	}
	return pluginSchemaView{
		Plugin: name, Name: in.Of(d.Name), Version: d.Version, BuiltIn: d.BuiltIn, Settings: showSettings(d.Settings, in), Address: showSettings(d.Address, in), Callbacks: callbacks,
		Consent: d.Consent, Live: d.Live, Retirement: in.Of(d.Retirement), Documentation: d.Documentation, Verification: d.Verification,
		Services: append([]string{}, d.Services...),
	}
}

// validateDraft checks settings against the provider before they are saved. They are sent there, so it takes the
// permission for secrets.
func (s *Server) validateDraft(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		ID       string        `json:"id"`
		Test     bool          `json:"test"`
		Settings config.Values `json:"settings"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	if !maySecrets(r) {
		return &core.Error{Code: core.Forbidden, Message: "Checking settings sends secrets to the provider, which you may not write."}
	}
	if s.Plugins == nil {
		return core.Errorf(core.Unavailable, "plugins cannot be asked here")
	}
	checks, problems, err := s.Plugins.ValidateDraft(r.Context(), Draft{
		Plugin: request.Param(r, "plugin"), ID: in.ID, Test: in.Test, Settings: in.Settings,
	})
	if err != nil {
		return err
	}
	wording := s.wording(w, r, request.Param(r, "plugin"))
	w.Header().Set("Cache-Control", "no-store")
	return response.JSON(w, http.StatusOK, struct {
		Items    []core.Check           `json:"items"`
		Problems []ConfigurationProblem `json:"problems"`
	}{wording.OfChecks(checks), s.wordProblems(w, r, showProblems(problems))})
}
