package channel

import (
	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

var textUnits = map[channelv1.TextLimit_Unit]core.TextUnit{
	channelv1.TextLimit_CHARACTERS: core.Characters, channelv1.TextLimit_UTF16: core.UTF16Units, channelv1.TextLimit_BYTES: core.Bytes,
	channelv1.TextLimit_GRAPHEMES: core.Graphemes,
}

// TextLimit is how long a text to customers of an account may be: as its plugin last described itself, and without limit
// where the plugin splits longer texts. It only looks at what is in memory, so that it may be asked in a transaction.
func (h *Host) TextLimit(account string) core.TextLimit {
	a := h.account(account)
	if a == nil {
		return core.TextLimit{}
	}
	return textLimitOf(h.selfDescription(a).GetCapabilities())
}

// selfDescription is how an account's plugin last described itself, as far as that is in memory.
func (h *Host) selfDescription(a *account) *channelv1.Manifest {
	h.mu.Lock()
	m := h.manifests[a.supervisor.name]
	h.mu.Unlock()
	if m == nil && h.options.Builtin != nil {
		m, _ = h.options.Builtin(a.supervisor.name)
	}
	return m
}

func textLimitOf(c *channelv1.Capabilities) core.TextLimit {
	if c.GetSplitsText() || c.GetText().GetMax() == 0 {
		return core.TextLimit{}
	}
	unit, ok := textUnits[c.GetText().GetUnit()]
	if !ok {
		unit = core.Characters
	}
	return core.TextLimit{Max: int(c.GetText().GetMax()), Unit: unit}
}
