package app

import (
	"bytes"
	"context"
	"slices"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/store"
)

// findPlugin says how a plugin is run: this program again, or the approved copy of a third-party bundle.
func (a *App) findPlugin(name string) (channel.Source, bool) {
	if _, builtin := a.options.Builtin.Schema(name); builtin {
		return channel.SelfSource(name)
	}
	return a.data.approvals.source(name)
}

// pluginUsers names the accounts of a plugin, those that are switched off too.
func (a *App) pluginUsers(plugin string) []string {
	off := []*core.Account(nil)
	if current, _ := a.source.Current(); current != nil {
		off = current.SwitchedOff()
	}
	return accountsOf(plugin, a.desk.Setup(), off)
}

// pluginUsers names them where no server runs, as the file says.
func (d *Data) pluginUsers(plugin string) []string {
	return accountsOf(plugin, d.config.Setup(0), d.config.SwitchedOff())
}

func accountsOf(plugin string, setup *core.Setup, off []*core.Account) (users []string) {
	for id, account := range setup.Accounts {
		if account.Plugin == plugin {
			users = append(users, id)
		}
	}
	for _, account := range off {
		if account.Plugin == plugin {
			users = append(users, account.ID)
		}
	}
	slices.Sort(users)
	return users
}

// described keeps what third-party plugins describe themselves as beyond their plugin.toml, so that it is known again
// before they run. It belongs to the version that said it.
type described struct{ data *Data }

var _ channel.ManifestCache = described{}

// describedPrefix begins the names of the settings of the store that are such descriptions.
const describedPrefix = "plugin-description/"

// LoadManifest returns what the version in use last said, or what its plugin.toml says.
func (d described) LoadManifest(plugin string) (manifest []byte, found bool, err error) {
	p := d.data.approvals.get(plugin)
	if p == nil || p.kept == nil {
		return nil, false, nil
	}
	err = d.data.store.View(context.Background(), func(tx *store.Tx) (err error) {
		manifest, err = tx.Setting(describedPrefix + plugin)
		return err
	})
	if rest, ok := bytes.CutPrefix(manifest, []byte(p.Current)); ok && err == nil {
		return rest, true, nil
	}
	manifest, err = p.kept.Encode()
	return manifest, err == nil, err
}

// SaveManifest keeps a description.
func (d described) SaveManifest(plugin string, manifest []byte) error {
	p := d.data.approvals.get(plugin)
	if p == nil {
		return nil // one that is part of the program
	}
	value := append([]byte(p.Current), manifest...)
	return d.data.store.Update(context.Background(), func(tx *store.Tx) error {
		tx.SetSetting(describedPrefix+plugin, value)
		return nil
	})
}
