package channel

import (
	"testing"

	"github.com/guichet/guichet/core"
)

// A plugin is told whether customers may send attachments, and a change of that is a change of the account.
func TestPluginIsToldWhetherAttachmentsAreTaken(t *testing.T) {
	b := newBench(t)
	configured := func(change func(*core.Channel)) *accountSettings {
		t.Helper()
		setup := setupOf(fakeAccount("shop"))
		setup.Channels["second"] = &core.Channel{ID: "second", Account: "shop", FromCustomer: true}
		change(setup.Channels["shop-channel"])
		s, err := b.configured(setup, setup.Accounts["shop"], nil)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	refusing := configured(func(*core.Channel) {})
	taking := configured(func(ch *core.Channel) { ch.FromCustomer = true })
	elsewhere := configured(func(ch *core.Channel) { ch.Address = map[string]string{"number": "8"} })
	for _, test := range []struct {
		settings *accountSettings
		want     bool
	}{{refusing, false}, {taking, true}} {
		second, first := test.settings.wire.GetChannels()[0], test.settings.wire.GetChannels()[1]
		if first.AttachmentsFromCustomer == nil || first.GetAttachmentsFromCustomer() != test.want || !second.GetAttachmentsFromCustomer() {
			t.Errorf("the plugin is told %v, want %t", test.settings.wire.GetChannels(), test.want)
		}
	}
	if !refusing.same(configured(func(*core.Channel) {})) || refusing.same(taking) || refusing.same(elsewhere) {
		t.Error("what is the same and what is not is mixed up")
	}
}
