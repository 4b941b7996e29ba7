package app

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/store"
)

// approvals are the third-party plugins that administrators have approved. The store is the truth; a file beside the
// copies says which of them are in use to those who check a configuration without the store.
type approvals struct {
	data  *Data
	shelf *channel.Shelf

	// Of the running server; nil without one.
	host   *channel.Host
	reload func(ctx context.Context, who string) error
	users  func(plugin string) []string // the accounts of a plugin, those that are switched off too

	changing sync.Mutex // one change at a time
	mu       sync.RWMutex
	all      map[string]*approved
}

// approval is what the store keeps about one plugin.
type approval struct {
	Plugin   string            `json:"plugin"`
	Current  string            `json:"current"`          // hash of the version in use
	Demand   bool              `json:"demand,omitempty"` // it is not run where it cannot be confined
	Versions []approvedVersion `json:"versions"`         // the latest approved first
}

type approvedVersion struct {
	Hash    string    `json:"hash"`
	Version string    `json:"version"`
	By      string    `json:"by"`
	At      time.Time `json:"at"`
	Problem string    `json:"problem,omitempty"` // why it did not take over when it was approved
}

func (a *approval) version(hash string) *approvedVersion {
	for i := range a.Versions {
		if a.Versions[i].Hash == hash {
			return &a.Versions[i]
		}
	}
	return nil
}

// approved is an approval with the copy in use, or why it cannot be read.
type approved struct {
	approval
	kept    *channel.KeptBundle
	problem error
}

const (
	// approvalPrefix begins the names of the settings of the store that are approvals.
	approvalPrefix = "plugin-approval/"
	// versionsOfPlugin is how many versions of a plugin are kept to go back to.
	versionsOfPlugin = 5
	// upgradePatience bounds how long a new version may take to come up.
	upgradePatience = 90 * time.Second
	// approvedFile, below DATA/plugins, names the hash in use of each plugin.
	approvedFile = "approved.json"
)

// openApprovals reads the approvals, and says in the file what the store says.
func openApprovals(ctx context.Context, d *Data) (*approvals, error) {
	shelf, err := channel.NewShelf(d.dir)
	if err != nil {
		return nil, err
	}
	a := &approvals{data: d, shelf: shelf, all: map[string]*approved{}}
	err = d.store.View(ctx, func(tx *store.Tx) error {
		names, err := tx.Settings()
		if err != nil {
			return err
		}
		for _, name := range names {
			if !strings.HasPrefix(name, approvalPrefix) {
				continue
			}
			value, err := tx.Setting(name)
			if err != nil {
				return err
			}
			var record approval
			if err := json.Unmarshal(value, &record); err != nil {
				return fmt.Errorf("read the approval of a plugin: %w", err)
			}
			a.all[record.Plugin] = a.read(record)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return a, a.publish()
}

func (a *approvals) read(record approval) *approved {
	kept, err := a.shelf.Kept(record.Current)
	return &approved{record, kept, err}
}

// publish writes the file for those who have no store.
func (a *approvals) publish() error {
	a.mu.RLock()
	hashes := make(map[string]string, len(a.all))
	for id, p := range a.all {
		hashes[id] = p.Current
	}
	a.mu.RUnlock()
	text, err := json.MarshalIndent(hashes, "", "\t")
	if err != nil {
		return err
	}
	name := filepath.Join(a.data.dir, "plugins", approvedFile)
	if former, err := os.ReadFile(name); err == nil && string(former) == string(text) || errors.Is(err, os.ErrNotExist) && len(hashes) == 0 {
		return nil
	}
	temporary := name + ".new"
	if err := os.WriteFile(temporary, text, 0o600); err != nil {
		return fmt.Errorf("write down which plugins are approved: %w", err)
	}
	return os.Rename(temporary, name)
}

// publishedPlugins reads the file: the approved bundles of a data directory, by plugin, or why one cannot be read.
func publishedPlugins(dir string) map[string]*approved {
	found := map[string]*approved{}
	text, err := os.ReadFile(filepath.Join(dir, "plugins", approvedFile))
	var hashes map[string]string
	if err != nil || json.Unmarshal(text, &hashes) != nil {
		return found
	}
	shelf, err := channel.NewShelf(dir)
	if err != nil {
		return found
	}
	for id, hash := range hashes {
		kept, err := shelf.Kept(hash)
		if err == nil && kept.ID() != id {
			kept, err = nil, fmt.Errorf("the approved copy is that of %s", kept.ID())
		}
		found[id] = &approved{approval{Plugin: id, Current: hash}, kept, err}
	}
	return found
}

func (a *approvals) get(plugin string) *approved {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return a.all[plugin]
}

// schema is what an approved plugin asks of an account.
func (a *approvals) schema(plugin string) (core.PluginSchema, bool) {
	p := a.get(plugin)
	if p == nil || p.kept == nil {
		return core.PluginSchema{}, false
	}
	return p.kept.Schema(), true
}

// names lists the approved plugins.
func (a *approvals) names() []string {
	a.mu.RLock()
	defer a.mu.RUnlock()
	return slices.Sorted(maps.Keys(a.all))
}

// source says how an approved plugin is run.
func (a *approvals) source(plugin string) (channel.Source, bool) {
	p := a.get(plugin)
	if p == nil {
		return channel.Source{}, false
	}
	return channel.Source{Bundle: p.kept, Demand: p.Demand, Problem: p.problem}, true
}

// approve lets a bundle be run: the one in a folder, with the hash that was shown to who approves it ("" for whatever it
// has now). In a running server a plugin that runs is replaced at once; when the new version does not come up, the former
// stays in use, and the error says why.
func (a *approvals) approve(ctx context.Context, by auth.Actor, dir, hash string, demand bool) (*approved, error) {
	a.changing.Lock()
	defer a.changing.Unlock()
	b, err := channel.ReadBundle(dir)
	if err != nil {
		return nil, asInvalid(err)
	}
	if hash != "" && !strings.EqualFold(b.Hash, hash) {
		return nil, core.Errorf(core.Conflict, "the bundle has the hash %s, not the one that was to be approved: it has changed", b.Hash)
	}
	if _, builtin := a.data.options.Builtin.Schema(b.ID()); builtin {
		return nil, core.Errorf(core.Conflict, "%s is the name of a channel that is part of Guichet; the bundle needs another id", b.ID())
	}
	if _, err := a.shelf.Keep(dir, b.Hash); err != nil {
		return nil, asInvalid(err)
	}
	next := approval{Plugin: b.ID()}
	if former := a.get(b.ID()); former != nil {
		next = former.approval
	}
	next.Demand = demand
	return a.use(ctx, by, next, approvedVersion{Hash: b.Hash, Version: b.Version()})
}

// back takes up a version that was approved earlier.
func (a *approvals) back(ctx context.Context, by auth.Actor, plugin, version string) (*approved, error) {
	a.changing.Lock()
	defer a.changing.Unlock()
	former := a.get(plugin)
	if former == nil {
		return nil, core.Errorf(core.NotFound, "no version of a plugin %q has been approved", plugin)
	}
	for _, v := range former.Versions {
		if v.Version != version && v.Hash != version {
			continue
		}
		kept, err := a.shelf.Kept(v.Hash)
		if err == nil {
			err = kept.Check()
		}
		if err != nil {
			return nil, core.Errorf(core.Conflict, "version %s cannot be taken up again: %w", version, err)
		}
		return a.use(ctx, by, former.approval, v)
	}
	return nil, core.Errorf(core.NotFound, "version %s of %s has not been approved; there are %s", version, plugin, former.versions())
}

func (a *approval) versions() string {
	list := make([]string, len(a.Versions))
	for i, v := range a.Versions {
		list[i] = v.Version
	}
	return strings.Join(list, ", ")
}

// asInvalid makes what is wrong with a bundle the caller's fault.
func asInvalid(err error) error {
	var problems channel.BundleProblems
	if errors.As(err, &problems) {
		return &core.Error{Code: core.Invalid, Message: problems.Error()}
	}
	return err
}

// use makes a version the one in use. The caller holds changing.
func (a *approvals) use(ctx context.Context, by auth.Actor, next approval, v approvedVersion) (*approved, error) {
	former := a.get(next.Plugin)
	v.By, v.At, v.Problem = by.Agent, time.Now().UTC().Truncate(time.Second), ""
	next.Versions = slices.DeleteFunc(slices.Clone(next.Versions), func(other approvedVersion) bool { return other.Hash == v.Hash })
	next.Versions = append([]approvedVersion{v}, next.Versions...)
	next.Current = v.Hash
	var gone []approvedVersion
	if len(next.Versions) > versionsOfPlugin {
		gone = next.Versions[versionsOfPlugin:]
		next.Versions = next.Versions[:versionsOfPlugin]
	}
	if err := a.save(ctx, by, next, "plugin.approved", map[string]string{"version": v.Version, "sha256": v.Hash}); err != nil {
		return nil, err
	}
	if a.host != nil {
		if err := a.replace(ctx, next.Plugin); err != nil {
			if former == nil || former.Current == v.Hash || former.kept == nil {
				return nil, err
			}
			next.Versions[0].Problem = err.Error()
			next.Current = former.Current
			details := map[string]string{"version": v.Version, "sha256": v.Hash, "problem": err.Error()}
			if err := a.save(ctx, by, next, "plugin.not-replaced", details); err != nil {
				return nil, err
			}
			return nil, core.Errorf(core.Conflict, "version %s did not come up, version %s stays in use: %w", v.Version, former.kept.Version(), err)
		}
		// Accounts of a plugin that nobody knew may stand in the file. What else is wrong with it is shown where it always is.
		_ = a.reload(ctx, by.Agent)
	}
	for _, old := range gone {
		if old.Hash != next.Current {
			a.shelf.Drop(old.Hash)
		}
	}
	return a.get(next.Plugin), nil
}

func (a *approvals) replace(ctx context.Context, plugin string) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), upgradePatience)
	defer cancel()
	return a.host.Upgrade(ctx, plugin)
}

// save writes an approval with its entry in the audit log, and puts it in force.
func (a *approvals) save(ctx context.Context, by auth.Actor, next approval, act string, details map[string]string) error {
	value, err := json.Marshal(next)
	if err != nil {
		return err
	}
	if err := a.write(ctx, by, next.Plugin, value, act, details); err != nil {
		return err
	}
	read := a.read(next)
	a.mu.Lock()
	a.all[next.Plugin] = read
	a.mu.Unlock()
	return a.publish()
}

func (a *approvals) write(ctx context.Context, by auth.Actor, plugin string, value []byte, act string, details map[string]string) error {
	entry := &core.AuditEntry{ID: core.NewID(time.Now()), Actor: by.Agent, Act: act, Subject: plugin, Details: details, Address: by.Address}
	err := a.data.store.Update(ctx, func(tx *store.Tx) error {
		tx.SetSetting(approvalPrefix+plugin, value)
		tx.AddAudit(entry)
		return nil
	})
	if err != nil {
		return fmt.Errorf("keep the approval: %w", err)
	}
	return nil
}

// remove takes an approval back, with all versions. While accounts use the plugin it is refused.
func (a *approvals) remove(ctx context.Context, by auth.Actor, plugin string) error {
	a.changing.Lock()
	defer a.changing.Unlock()
	former := a.get(plugin)
	if former == nil {
		return core.Errorf(core.NotFound, "no plugin %q has been approved", plugin)
	}
	if used := a.users(plugin); len(used) > 0 {
		return core.Errorf(core.Conflict, "the plugin %s is used by the accounts %s: remove them first", plugin, strings.Join(used, ", "))
	}
	if err := a.write(ctx, by, plugin, nil, "plugin.removed", map[string]string{"sha256": former.Current}); err != nil {
		return err
	}
	a.mu.Lock()
	delete(a.all, plugin)
	a.mu.Unlock()
	if a.host != nil {
		a.host.Forget(plugin)
	}
	for _, v := range former.Versions {
		a.shelf.Drop(v.Hash)
	}
	return a.publish()
}

// pluginSchemas looks plugins up for the configuration: those that are part of the program, and those that are approved.
func pluginSchemas(o Options, approved func(plugin string) (core.PluginSchema, bool)) func(string) (core.PluginSchema, bool) {
	return func(name string) (core.PluginSchema, bool) {
		if schema, ok := o.Builtin.Schema(name); ok {
			return schema, true
		}
		return approved(name)
	}
}
