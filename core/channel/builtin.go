package channel

import (
	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// Protocol is the major version of the plugin contract.
const Protocol = channelv1.ProtocolMajor

// Builtin returns the manifest of a first-party plugin without running it; false for a plugin that is not one.
type Builtin func(plugin string) (*channelv1.Manifest, bool)

// Schema returns a first-party plugin's settings schema.
func (b Builtin) Schema(plugin string) (core.PluginSchema, bool) {
	if b == nil {
		return core.PluginSchema{}, false
	}
	m, ok := b(plugin)
	if !ok {
		return core.PluginSchema{}, false
	}
	return schemaOf(m), true
}
