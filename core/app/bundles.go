package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guichet/guichet/core/api"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/channel"
)

// pluginApprovals is what the admin center sees and does about third-party plugins.
type pluginApprovals struct{ *approvals }

var _ api.Approvals = pluginApprovals{}

// Bundles lists what is approved, and what lies in DATA/plugins/incoming to be approved.
func (p pluginApprovals) Bundles(context.Context) ([]api.Bundle, error) {
	list := []api.Bundle{}
	for _, name := range p.names() {
		if known := p.get(name); known != nil {
			list = append(list, p.showApproved(known))
		}
	}
	entries, err := os.ReadDir(p.shelf.Incoming())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the offered bundles: %w", err)
	}
	for _, entry := range entries {
		if !entry.IsDir() || strings.HasPrefix(entry.Name(), ".") {
			continue
		}
		list = append(list, p.showOffered(entry.Name()))
	}
	return list, nil
}

func (p pluginApprovals) showOffered(folder string) api.Bundle {
	b, err := channel.ReadBundle(filepath.Join(p.shelf.Incoming(), folder))
	if err != nil {
		return api.Bundle{Path: folder, State: api.BundleBroken, Problems: strings.Split(err.Error(), "\n")}
	}
	view := showBundle(b)
	view.Path, view.State = folder, api.BundleOffered
	if known := p.get(b.ID()); known != nil {
		view.Replaces = known.Current
		if v := known.version(b.Hash); v != nil {
			view.State, view.ApprovedAt, view.ApprovedBy = api.BundleApproved, v.At, v.By
		}
	}
	if _, builtin := p.data.options.Builtin.Schema(b.ID()); builtin {
		view.State, view.Problems = api.BundleBroken, []string{fmt.Sprintf("%s is the name of a channel that is part of Guichet.", b.ID())}
	}
	return view
}

func (p pluginApprovals) showApproved(known *approved) api.Bundle {
	view := api.Bundle{ID: known.Plugin, Hash: known.Current, State: api.BundleInUse}
	if known.kept != nil {
		view = showBundle(known.kept.Bundle)
		view.State = api.BundleInUse
	} else {
		view.State, view.Problems = api.BundleBroken, []string{fmt.Sprint(known.problem)}
	}
	if v := known.version(known.Current); v != nil {
		view.Version, view.ApprovedAt, view.ApprovedBy = v.Version, v.At, v.By
	}
	for _, v := range known.Versions {
		view.Versions = append(view.Versions, api.BundleVersion{Hash: v.Hash, Version: v.Version, At: v.At, By: v.By, Problem: v.Problem})
	}
	view.Demand, view.Accounts = known.Demand, p.users(known.Plugin)
	return view
}

func showBundle(b *channel.Bundle) api.Bundle {
	schema := b.Schema()
	confinement := channel.ConfinementOf(b.Permissions)
	view := api.Bundle{
		ID: b.ID(), Name: b.Manifest.GetName(), Version: b.Version(), Hash: b.Hash, Documentation: b.Manifest.GetDocumentationUrl(),
		Command: append([]string{b.Command}, b.Args...), Settings: schema.Settings, Address: schema.Address, Consent: schema.Consent,
		Permissions: b.Permissions.Summary(), Enforced: confinement.Enforced, NotEnforced: confinement.NotEnforced,
		Translations: b.Translations(),
	}
	for _, service := range b.Manifest.GetServices() {
		view.Services = append(view.Services, service[strings.LastIndexByte(service, '.')+1:])
	}
	for _, f := range b.Files {
		view.Files = append(view.Files, api.BundleFile{Path: f.Path, SHA256: f.SHA256, Size: f.Size, Executable: f.Executable})
	}
	return view
}

// Approve approves a bundle of DATA/plugins/incoming, or takes up an earlier version.
func (p pluginApprovals) Approve(ctx context.Context, by auth.Actor, a api.Approval) (view api.Bundle, err error) {
	var known *approved
	if a.Path != "" {
		dir, err := p.shelf.IncomingFolder(a.Path)
		if err != nil {
			return view, err
		}
		if known, err = p.approve(ctx, by, dir, a.SHA256, a.Demand); err != nil {
			return view, err
		}
	} else if known, err = p.back(ctx, by, a.ID, a.SHA256); err != nil {
		return view, err
	}
	return p.showApproved(known), nil
}

// RemoveApproval takes an approval back.
func (p pluginApprovals) RemoveApproval(ctx context.Context, by auth.Actor, plugin string) error {
	return p.remove(ctx, by, plugin)
}

// ShownBundle is a bundle as people are asked to approve it.
type ShownBundle struct {
	Hash string
	Text string
}

// LookAtBundle reads the bundle in a folder, without running anything.
func LookAtBundle(dir string) (ShownBundle, error) {
	b, err := channel.ReadBundle(dir)
	if err != nil {
		return ShownBundle{}, err
	}
	var text strings.Builder
	view := showBundle(b)
	fmt.Fprintf(&text, "%s %s (%s)\nsha256 %s\n\nFiles:\n", view.Name, view.Version, view.ID, view.Hash)
	for _, f := range view.Files {
		mark := ""
		if f.Path == b.Command {
			mark = "  is run"
		} else if f.Executable {
			mark = "  can be run"
		}
		fmt.Fprintf(&text, "  %s  %s (%d bytes)%s\n", f.SHA256, f.Path, f.Size, mark)
	}
	section := func(title string, lines []string) {
		if len(lines) > 0 {
			fmt.Fprintf(&text, "\n%s\n  %s\n", title, strings.Join(lines, "\n  "))
		}
	}
	var settings []string
	for _, s := range view.Settings {
		settings = append(settings, fmt.Sprintf("%s (%s): %s", s.Key, s.Kind, s.Title))
	}
	section("Settings of an account:", settings)
	section("It asks for:", view.Permissions)
	section("Enforced on this machine:", view.Enforced)
	section("Not enforced:", view.NotEnforced)
	return ShownBundle{view.Hash, text.String()}, nil
}

// PackBundle writes the hashes of a bundle's files into its plugin.toml.
func PackBundle(dir string) (ShownBundle, error) {
	b, err := channel.PackBundle(dir)
	if err != nil {
		return ShownBundle{}, err
	}
	return ShownBundle{b.Hash, fmt.Sprintf("%s %s: %d files, sha256 %s\n", b.ID(), b.Version(), len(b.Files), b.Hash)}, nil
}

// ConfinedPlugin becomes a third-party plugin, see [channel.Confined]. It returns what to print when that failed.
func ConfinedPlugin(words []string) string { return channel.PreludeError(channel.Confined(words)) }

// PluginExec is the word with which this program is run to become a third-party plugin.
const PluginExec = channel.PreludeCommand

// ListPlugins writes the plugins that this program can run: its own, and those approved in the data directory.
func ListPlugins(o Options, out io.Writer) {
	for _, name := range o.Plugins {
		if m, ok := o.Builtin(name); ok {
			fmt.Fprintf(out, "%s\t%s\t%s\tfirst-party\n", name, m.GetName(), m.GetVersion())
		}
	}
	dir, _, _ := Locate(o)
	published := publishedPlugins(dir)
	names := make([]string, 0, len(published))
	for name := range published {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		kept := published[name].kept
		if kept == nil {
			fmt.Fprintf(out, "%s\t\t\tthird-party\tsha256 %s\n  not run: %v\n", name, published[name].Current, published[name].problem)
			continue
		}
		fmt.Fprintf(out, "%s\t%s\t%s\tthird-party\tsha256 %s\n", name, kept.Manifest.GetName(), kept.Version(), kept.Hash)
		if err := kept.Check(); err != nil {
			fmt.Fprintf(out, "  not run: %v\n", err)
		}
		confinement := channel.ConfinementOf(kept.Permissions)
		for _, line := range confinement.Enforced {
			fmt.Fprintf(out, "  enforced: %s\n", line)
		}
		for _, line := range confinement.NotEnforced {
			fmt.Fprintf(out, "  not enforced: %s\n", line)
		}
	}
}

func (o *Operations) pluginApprove(ctx context.Context, args map[string]string, _ io.Reader, out io.Writer) (err error) {
	var known *approved
	if args["dir"] != "" {
		known, err = o.data.approvals.approve(ctx, cliActor, args["dir"], args["sha256"], args["confined"] == "true")
	} else {
		known, err = o.data.approvals.back(ctx, cliActor, args["plugin"], args["version"])
	}
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "%s %s is approved\n", known.Plugin, known.kept.Version())
	return nil
}

func (o *Operations) pluginRemove(ctx context.Context, args map[string]string, _ io.Reader, out io.Writer) error {
	if err := o.data.approvals.remove(ctx, cliActor, args["plugin"]); err != nil {
		return err
	}
	fmt.Fprintf(out, "%s is removed\n", args["plugin"])
	return nil
}
