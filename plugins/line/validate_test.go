package line

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/plugins/sdk"
)

// setup is an account that is set up right, with a server that answers the webhook.
type setup struct {
	plugin   sdk.Plugin[Settings]
	platform *linetest.Platform
	account  sdk.Account
	settings Settings
	answer   int
}

func newSetup(t *testing.T) *setup {
	t.Helper()
	s := &setup{plugin: build(time.Now), platform: platform(t, linetest.Options{AllowHTTP: true}), answer: http.StatusOK}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		opened, err := s.plugin.Open(r.Context(), s.account, s.settings)
		if err != nil {
			w.WriteHeader(http.StatusInternalServerError)
			return
		}
		code, _ := callback(opened.(*channel), r)
		if s.answer != http.StatusOK {
			code = s.answer
		}
		w.WriteHeader(code)
	}))
	t.Cleanup(server.Close)
	s.account = sdk.Account{ID: "shop-line", PublicURL: server.URL + "/channels/shop-line", Test: true, Host: newHost()}
	s.settings = settingsOf(s.platform, false)
	s.platform.SetEndpoint(s.account.PublicURL+"/callback", true)
	return s
}

// states runs the checks and returns their states by name.
func (s *setup) states(t *testing.T) map[string]string {
	t.Helper()
	names := map[sdk.CheckState]string{sdk.Passed: "passed", sdk.Failed: "failed", sdk.Warning: "warning", sdk.Skipped: "skipped"}
	got := map[string]string{}
	for _, check := range s.plugin.Validate(t.Context(), s.account, s.settings) {
		got[check.Name] = names[check.State]
		if check.Title == "" || check.Detail == "" {
			t.Errorf("%s says nothing: %+v", check.Name, check)
		}
		if check.State == sdk.Failed && check.Fix == "" {
			t.Errorf("%s does not say what to do: %+v", check.Name, check)
		}
		for _, secret := range []string{s.settings.ChannelSecret, s.settings.ChannelAccessToken} {
			if secret != "" && strings.Contains(fmt.Sprintf("%+v", check), secret) {
				t.Errorf("%s shows a secret: %+v", check.Name, check)
			}
		}
	}
	return got
}

func TestValidate(t *testing.T) {
	good := map[string]string{
		"token": "passed", "channel-secret": "passed", "bot-info": "passed", "webhook-url": "passed", "webhook-test": "passed",
		"redelivery": "warning", "quota": "passed",
	}
	for _, test := range []struct {
		what   string
		change func(*setup)
		want   map[string]string // as far as they differ from good
	}{
		{"all right", func(*setup) {}, nil},
		{"stateless tokens", func(s *setup) { s.settings.ChannelAccessToken = "" }, nil},
		{"another token", func(s *setup) { s.settings.ChannelAccessToken = "wrong-token" },
			map[string]string{"token": "failed", "bot-info": "skipped", "webhook-url": "skipped", "webhook-test": "skipped", "quota": "skipped"}},
		{"another channel's id", func(s *setup) { s.settings.ChannelID = "1111" },
			map[string]string{"token": "failed", "channel-secret": "failed", "bot-info": "skipped", "webhook-url": "skipped", "webhook-test": "skipped", "quota": "skipped"}},
		{"no id", func(s *setup) { s.settings.ChannelID = "" }, map[string]string{"channel-secret": "skipped"}},
		{"another secret", func(s *setup) { s.settings.ChannelSecret = "0123456789abcdef" },
			map[string]string{"channel-secret": "failed", "webhook-test": "failed"}},
		{"another secret, stateless tokens", func(s *setup) { s.settings.ChannelSecret, s.settings.ChannelAccessToken = "0123456789abcdef", "" },
			map[string]string{"token": "failed", "channel-secret": "skipped", "bot-info": "skipped", "webhook-url": "skipped", "webhook-test": "skipped", "quota": "skipped"}},
		{"nothing set", func(s *setup) { s.settings.ChannelID, s.settings.ChannelAccessToken = "", "" },
			map[string]string{"token": "failed", "channel-secret": "skipped", "bot-info": "skipped", "webhook-url": "skipped", "webhook-test": "skipped", "quota": "skipped"}},
		{"no webhook URL", func(s *setup) { s.platform.SetEndpoint("", false) },
			map[string]string{"webhook-url": "failed", "webhook-test": "skipped"}},
		{"another webhook URL", func(s *setup) { s.platform.SetEndpoint("https://old.example/callback", true) },
			map[string]string{"webhook-url": "failed", "webhook-test": "skipped"}},
		{"webhook switched off", func(s *setup) { s.platform.SetEndpoint(s.account.PublicURL+"/callback", false) },
			map[string]string{"webhook-url": "failed", "webhook-test": "skipped"}},
		{"not https", func(s *setup) { s.account.Test = false },
			map[string]string{"webhook-url": "failed", "webhook-test": "skipped"}},
		{"webhook fails", func(s *setup) { s.answer = 503 }, map[string]string{"webhook-test": "failed"}},
		{"tested too often", func(s *setup) {
			s.platform.Inject(linetest.Fault{Path: "/v2/bot/channel/webhook/test", Status: 429, Body: `{"message":"The API rate limit has been exceeded. Try again later."}`})
		}, map[string]string{"webhook-test": "skipped"}},
		{"LINE is down", func(s *setup) { s.platform.Inject(linetest.Fault{Path: "/", Status: 503, Times: -1}) },
			map[string]string{"token": "warning", "channel-secret": "warning", "bot-info": "skipped", "webhook-url": "skipped", "webhook-test": "skipped", "quota": "skipped"}},
		{"no access", func(s *setup) {
			s.platform.Inject(linetest.Fault{Path: "/v2/bot/info", Status: 403, Body: `{"message":"Access to this API is not available for your account"}`})
		}, map[string]string{"bot-info": "failed"}},
		{"quota nearly used up", func(s *setup) { s.platform.SetQuota(200, 195) }, map[string]string{"quota": "warning"}},
		{"quota", func(s *setup) { s.platform.SetQuota(200, 10) }, nil},
	} {
		t.Run(test.what, func(t *testing.T) {
			s := newSetup(t)
			test.change(s)
			want := map[string]string{}
			for name, state := range good {
				want[name] = state
			}
			for name, state := range test.want {
				want[name] = state
			}
			if diff := cmp.Diff(want, s.states(t)); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// Redelivery is known to be on once LINE has redelivered something, and stays known after a restart.
func TestRedeliveryIsRemembered(t *testing.T) {
	s := newSetup(t)
	customer := s.platform.NewCustomer("Ann")
	if _, err := s.platform.Post(t.Context(), s.account.PublicURL+"/callback", s.platform.Redelivered(customer.Text("again"))...); err != nil {
		t.Fatal(err)
	}
	for _, when := range []string{"at once", "after a restart"} {
		if got := s.states(t)["redelivery"]; got != "passed" {
			t.Errorf("%s: %s", when, got)
		}
		s.plugin = build(time.Now)
	}
}
