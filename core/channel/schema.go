package channel

import (
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// manifest returns what a plugin describes itself as, without running it: as it last did, as it is built in, or as it is
// remembered.
func (h *Host) manifest(plugin string) (*channelv1.Manifest, bool) {
	h.mu.Lock()
	m := h.manifests[plugin]
	h.mu.Unlock()
	if m != nil {
		return m, true
	}
	if h.options.Builtin != nil {
		if m, ok := h.options.Builtin(plugin); ok {
			return m, true
		}
	}
	if h.options.Manifests == nil {
		return nil, false
	}
	raw, found, err := h.options.Manifests.LoadManifest(plugin)
	if err != nil || !found {
		return nil, false
	}
	m = &channelv1.Manifest{}
	if err := proto.Unmarshal(raw, m); err != nil {
		h.log.Warn("a remembered manifest cannot be read", "plugin", plugin, "error", err)
		return nil, false
	}
	return m, true
}

// described remembers a manifest. What follows from it for the accounts, how the host verifies their requests and which
// settings are secrets, is brought up to date.
func (h *Host) described(plugin string, m *channelv1.Manifest) {
	former, known := h.manifest(plugin)
	h.mu.Lock()
	h.manifests[plugin] = m
	h.mu.Unlock()
	if known && proto.Equal(former, m) {
		return
	}
	for _, a := range *h.accounts.Load() {
		if a.supervisor.name == plugin {
			for {
				before := a.settings.Load()
				if a.settings.CompareAndSwap(before, before.under(m)) {
					break
				}
			}
		}
	}
	if h.options.Manifests == nil {
		return
	}
	raw, err := proto.Marshal(m)
	if err == nil {
		err = h.options.Manifests.SaveManifest(plugin, raw)
	}
	if err != nil {
		h.log.Warn("a manifest could not be remembered", "plugin", plugin, "error", err)
	}
}

// schemaOf takes the schema from a manifest.
func schemaOf(m *channelv1.Manifest) core.PluginSchema {
	return core.PluginSchema{
		Plugin: m.GetId(), Settings: fieldsOf(m.GetSettings()), Address: fieldsOf(m.GetAddress()), Consent: m.GetRequiresConsent(),
		Live: slices.Contains(m.GetServices(), channelv1.Live_ServiceDesc.ServiceName),
	}
}

func fieldsOf(settings []*channelv1.Setting) []core.SettingField {
	var fields []core.SettingField
	for _, s := range settings {
		fields = append(fields, core.SettingField{
			Key: s.GetKey(), Kind: core.SettingKind(s.GetKind()), Title: s.GetTitle(), Help: s.GetHelp(), Required: s.GetRequired(),
			Secret: s.GetSecret(), Default: s.GetDefault(), Pattern: s.GetPattern(), Options: slices.Clone(s.GetOptions()),
			Group: s.GetGroup(), ShowIf: s.GetShowIf(), TestOnly: s.GetTestOnly(),
		})
	}
	return fields
}

// Manifest returns what a plugin last described itself as: its capabilities, callbacks and services, for those who send
// through it and for the admin center.
func (h *Host) Manifest(plugin string) (*channelv1.Manifest, bool) { return h.manifest(plugin) }
