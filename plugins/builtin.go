// Package plugins lists the first-party channels: those that live in the guichet binary and run as
// `guichet plugin NAME`. It must not know the host.
//
// Start reading at [Serve], which main calls before anything else.
package plugins

import (
	"os"
	"runtime/debug"
	"slices"
	"sort"

	"github.com/guichet/guichet/plugins/api"
	"github.com/guichet/guichet/plugins/line"
	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/telegram"
	"github.com/guichet/guichet/plugins/webchat"
)

// builtin is one first-party plugin.
type builtin struct {
	name     string
	serve    func()
	manifest func() (*channelv1.Manifest, error)
}

// all is every first-party plugin. A new one is a line here.
var all = []builtin{
	of(api.Plugin),
	of(line.Plugin),
	of(telegram.Plugin),
	of(webchat.Plugin),
}

// of makes an entry of a plugin; its name is its manifest's id.
func of[S any](p sdk.Plugin[S]) builtin {
	return builtin{
		name:     p.Manifest.ID,
		serve:    func() { sdk.Serve(p) },
		manifest: func() (*channelv1.Manifest, error) { return sdk.ManifestOf(p) },
	}
}

// Names returns the names of the first-party plugins, sorted.
func Names() []string {
	names := make([]string, 0, len(all))
	for _, b := range all {
		names = append(names, b.name)
	}
	sort.Strings(names)
	return names
}

// gcPercent trades a little of the processor for memory, as the server does. GOGC in the environment wins.
const gcPercent = 30

// Serve runs the named plugin in this process until its host ends it. It returns false at once when there is no such
// plugin.
func Serve(name string) bool {
	i := slices.IndexFunc(all, func(b builtin) bool { return b.name == name })
	if i < 0 {
		return false
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	all[i].serve()
	return true
}

// Manifest returns what the named plugin describes itself as, without starting it; ok is false when there is no such
// plugin. A first-party plugin whose settings struct is malformed is a programming error, and panics.
func Manifest(name string) (manifest *channelv1.Manifest, ok bool) {
	i := slices.IndexFunc(all, func(b builtin) bool { return b.name == name })
	if i < 0 {
		return nil, false
	}
	manifest, err := all[i].manifest()
	if err != nil {
		panic("plugin " + name + ": " + err.Error())
	}
	return manifest, true
}
