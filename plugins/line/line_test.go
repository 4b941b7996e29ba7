package line

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/sdk"
)

func TestManifest(t *testing.T) {
	m, err := sdk.ManifestOf(Plugin)
	if err != nil {
		t.Fatal(err)
	}
	type field struct {
		Kind                   string
		Secret, Required, Test bool
	}
	got := map[string]field{}
	for _, s := range m.GetSettings() {
		got[s.GetKey()] = field{s.GetKind(), s.GetSecret(), s.GetRequired(), s.GetTestOnly()}
		if s.GetTitle() == "" || s.GetHelp() == "" {
			t.Errorf("%s is not explained", s.GetKey())
		}
	}
	want := map[string]field{ // the names are contracts
		"channel_id":              {Kind: "string"},
		"channel_secret":          {Kind: "secret", Secret: true, Required: true},
		"previous_channel_secret": {Kind: "secret", Secret: true},
		"channel_access_token":    {Kind: "secret", Secret: true},
		"api_url":                 {Kind: "url", Test: true},
		"data_url":                {Kind: "url", Test: true},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("settings: -want +got\n%s", diff)
	}
	if c := m.GetCapabilities(); !c.GetSplitsText() || c.GetText().GetMax() != 5000 {
		t.Errorf("the limit of texts: %+v, splits %v", c.GetText(), c.GetSplitsText())
	}
	v := m.GetVerification()
	if v.GetAlgorithm() != "hmac-sha256" || v.GetEncoding() != "base64" || v.GetHeader() != "x-line-signature" ||
		v.GetSecretSetting() != "channel_secret" || v.GetPreviousSecretSetting() != "previous_channel_secret" ||
		v.GetPath() != "callback" || v.GetStatus() != 200 || v.GetPrefix() != "" {
		t.Errorf("verification: %v", v)
	}
	if m.GetId() != "line" || len(m.GetServices()) != 4 || len(m.GetCallbacks()) != 1 || m.GetCallbacks()[0].GetPath() != "callback" {
		t.Errorf("manifest: %v", m)
	}
	if c := m.GetCapabilities(); c.GetText().GetMax() != 5000 || c.GetMaxPartsPerCall() != 5 || c.GetIdempotentSend() {
		t.Errorf("capabilities: %v", c)
	}
}

func TestOpenNeedsASecretAndAWayToSend(t *testing.T) {
	for _, test := range []struct {
		settings Settings
		good     bool
	}{
		{Settings{}, false},
		{Settings{ChannelID: "1", ChannelAccessToken: "t"}, false},
		{Settings{ChannelSecret: "s"}, false},
		{Settings{ChannelSecret: "s", ChannelID: "1"}, true},
		{Settings{ChannelSecret: "s", ChannelAccessToken: "t"}, true},
	} {
		ch, err := Plugin.Open(t.Context(), sdk.Account{ID: "a"}, test.settings)
		if (err == nil) != test.good {
			t.Errorf("%+v: %v", test.settings, err)
		}
		if err == nil {
			if err := ch.(sdk.Closer).Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestBaseAddresses(t *testing.T) {
	for _, test := range []struct {
		settings  Settings
		api, data string
	}{
		{Settings{}, "https://api.line.me", "https://api-data.line.me"},
		{Settings{APIURL: "http://localhost:1/"}, "http://localhost:1", "http://localhost:1"},
		{Settings{APIURL: "http://localhost:1", DataURL: "http://localhost:2"}, "http://localhost:1", "http://localhost:2"},
	} {
		if api, data := test.settings.apiBase(), test.settings.dataBase(); api != test.api || data != test.data {
			t.Errorf("%+v: %s, %s", test.settings, api, data)
		}
	}
}

func TestThrottle(t *testing.T) {
	th, now := newThrottle(10*time.Second), time.Unix(1000, 0)
	for i := range 5000 {
		th.allow(string(rune('a'+i%26))+time.Duration(i).String(), now)
	}
	if th.allow("a0s", now.Add(9*time.Second)) || !th.allow("a0s", now.Add(10*time.Second)) {
		t.Error("the interval is not kept")
	}
	if len(th.last) > 4096 {
		t.Errorf("%d keys are remembered", len(th.last))
	}
}
