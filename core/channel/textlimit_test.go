package channel

import (
	"testing"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

func TestTextLimitOfAPlugin(t *testing.T) {
	for name, test := range map[string]struct {
		says *channelv1.Capabilities
		want core.TextLimit
	}{
		"nothing":    {nil, core.TextLimit{}},
		"no maximum": {&channelv1.Capabilities{Text: &channelv1.TextLimit{Unit: channelv1.TextLimit_BYTES}}, core.TextLimit{}},
		"characters": {&channelv1.Capabilities{Text: &channelv1.TextLimit{Max: 6000, Unit: channelv1.TextLimit_CHARACTERS}}, core.TextLimit{Max: 6000, Unit: core.Characters}},
		"UTF-16":     {&channelv1.Capabilities{Text: &channelv1.TextLimit{Max: 9, Unit: channelv1.TextLimit_UTF16}}, core.TextLimit{Max: 9, Unit: core.UTF16Units}},
		"bytes":      {&channelv1.Capabilities{Text: &channelv1.TextLimit{Max: 9, Unit: channelv1.TextLimit_BYTES}}, core.TextLimit{Max: 9, Unit: core.Bytes}},
		"graphemes":  {&channelv1.Capabilities{Text: &channelv1.TextLimit{Max: 9, Unit: channelv1.TextLimit_GRAPHEMES}}, core.TextLimit{Max: 9, Unit: core.Graphemes}},
		"no unit":    {&channelv1.Capabilities{Text: &channelv1.TextLimit{Max: 9}}, core.TextLimit{Max: 9, Unit: core.Characters}},
		"a later unit": {
			&channelv1.Capabilities{Text: &channelv1.TextLimit{Max: 9, Unit: 99}}, core.TextLimit{Max: 9, Unit: core.Characters},
		},
		"splitting": {&channelv1.Capabilities{Text: &channelv1.TextLimit{Max: 5000, Unit: channelv1.TextLimit_UTF16}, SplitsText: true}, core.TextLimit{}},
	} {
		if got := textLimitOf(test.says); got != test.want {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

func TestTextLimitOfAnAccount(t *testing.T) {
	b := newBench(t)
	b.run(t)
	if got, want := b.TextLimit("shop"), (core.TextLimit{Max: 7000, Unit: core.UTF16Units}); got != want {
		t.Errorf("an account of a plugin that splits nothing: %+v, want %+v", got, want)
	}
	if got := b.TextLimit("elsewhere"); got != (core.TextLimit{}) {
		t.Errorf("no account: %+v", got)
	}
}
