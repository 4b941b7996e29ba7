package app

import (
	"context"
	"net/url"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/channel"
)

// newServer makes the HTTP server.
func (a *App) newServer(media *mediaStore) (*api.Server, error) {
	proxies, err := request.ParseProxies(a.data.config.Server.TrustedProxies)
	if err != nil {
		return nil, err
	}
	var dev *url.URL
	if a.options.UIDev != "" {
		if dev, err = api.ParseDevURL(a.options.UIDev); err != nil {
			return nil, err
		}
	}
	return api.New(api.Options{
		UI: a.options.UI, UIDev: dev, AllowTest: a.allowsTest,
		Store: a.data.store, Desk: a.desk, Auth: a.auth, Hub: a.hub, Channels: a.host, Blobs: a.data.blobs, Grants: media.public,
		Editor: a.editor(), Plugins: pluginForms{a}, Approvals: pluginApprovals{a.data.approvals},
		Callbacks: a.callbacks, Configuration: a.configuration, ConfigurationFile: a.configurationFile, Ready: a.checkReady,
		Metrics: a.metrics.registry, Storage: a.storageState, Memory: processMemory, Version: a.options.Version,
		PublicURL: a.publicURL, Announced: a.data.config.Server.PublicURL != "", TrustedProxies: proxies, Log: a.log.Named("http"),
	})
}

// callbacks lists the addresses that a plugin's provider calls.
func (a *App) callbacks(plugin string) []api.Callback {
	m, ok := a.host.Manifest(plugin)
	if !ok {
		return nil
	}
	var list []api.Callback
	for _, c := range m.GetCallbacks() {
		list = append(list, api.Callback{Path: c.GetPath(), Title: c.GetTitle(), Help: c.GetHelp()})
	}
	return list
}

func (a *App) allowsTest() bool {
	current, _ := a.source.Current()
	return current != nil && current.Server.AllowTest
}

// checkReady returns nil once the store is open and every plugin that is needed has started.
func (a *App) checkReady(context.Context) error {
	if !a.ready.is() {
		return core.Errorf(core.Unavailable, "starting or stopping")
	}
	for _, p := range a.host.Status() {
		if p.State != channel.Running {
			return core.Errorf(core.Unavailable, "plugin %s is %s", p.Name, p.State)
		}
	}
	return nil
}
