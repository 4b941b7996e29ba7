package telegram

import (
	"errors"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/telegram/telegramtest"
)

func stateOf(t *testing.T, checks []sdk.Check, name string) sdk.Check {
	t.Helper()
	i := slices.IndexFunc(checks, func(c sdk.Check) bool { return c.Name == name })
	if i < 0 {
		t.Fatalf("there is no check %s in %+v", name, checks)
	}
	return checks[i]
}

func TestRegister(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	p.Push("message", 1, map[string]any{"message_id": 1})
	ch := account(t, p, newHost(), asWebhook)
	if err := ch.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	if p.Webhook() != publicURL+"/callback" || p.Secret() != ch.settings.webhookSecret("shop") {
		t.Errorf("%s with secret %s", p.Webhook(), p.Secret())
	}
	info, err := ch.api.webhookInfo(t.Context())
	if err != nil || !sameList(info.Allowed, handled) || info.MaxConnections != connections || info.Pending != 1 {
		t.Errorf("%+v, %v", info, err)
	}
	if err := ch.Unregister(t.Context()); err != nil || p.Webhook() != "" || p.Pending() != 1 {
		t.Errorf("%v, %s, %d pending", err, p.Webhook(), p.Pending())
	}
	// Somebody else's is not taken away.
	p.SetWebhook("https://other.example/", "")
	if err := ch.Unregister(t.Context()); err != nil || p.Webhook() == "" {
		t.Errorf("%v, %q", err, p.Webhook())
	}
}

// TestRegisterOfAPollingAccount: what it needs is that nothing is registered.
func TestRegisterOfAPollingAccount(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	p.SetWebhook(publicURL+"/callback", "s")
	if err := account(t, p, newHost()).Register(t.Context()); err != nil || p.Webhook() != "" {
		t.Errorf("%v, %q", err, p.Webhook())
	}
}

func TestSubscription(t *testing.T) {
	now := time.Unix(1790000000, 0)
	good := webhookInfo{URL: publicURL + "/callback", Allowed: handled, MaxConnections: connections}
	with := func(change func(*webhookInfo)) webhookInfo { info := good; change(&info); return info }
	for _, test := range []struct {
		name     string
		mode     string
		public   string
		info     webhookInfo
		check    string
		want     sdk.CheckState
		register bool
		says     string
	}{
		{"right", modeWebhook, publicURL, good, checkWebhook, sdk.Passed, false, publicURL},
		{"right at a port", modeWebhook, "https://desk.example.com:8443/channels/shop", webhookInfo{URL: "https://desk.example.com:8443/channels/shop/callback", Allowed: handled}, checkWebhook, sdk.Passed, false, ""},
		{"unset", modeWebhook, publicURL, webhookInfo{}, checkWebhook, sdk.Failed, true, "No webhook"},
		{"elsewhere", modeWebhook, publicURL, with(func(i *webhookInfo) { i.URL = "https://other.example/x?key=1" }), checkWebhook, sdk.Failed, true, "other.example"},
		{"other kinds", modeWebhook, publicURL, with(func(i *webhookInfo) { i.Allowed = []string{"message"} }), checkWebhook, sdk.Failed, true, "kinds"},
		{"few at once", modeWebhook, publicURL, with(func(i *webhookInfo) { i.MaxConnections = 1 }), checkWebhook, sdk.Warning, true, "1"},
		{"failed just now", modeWebhook, publicURL, with(func(i *webhookInfo) {
			i.LastErrorDate, i.LastError, i.Pending = now.Unix()-60, "Connection timed out", 12
		}), checkDelivery, sdk.Warning, false, "12 updates"},
		{"failed long ago", modeWebhook, publicURL, with(func(i *webhookInfo) { i.LastErrorDate, i.LastError = now.Unix()-7200, "Connection timed out" }), checkDelivery, sdk.Passed, false, ""},
		{"another secret", modeWebhook, publicURL, with(func(i *webhookInfo) {
			i.LastErrorDate, i.LastError = now.Unix()-60, "Wrong response from the webhook: 401 Unauthorized"
		}), checkDelivery, sdk.Warning, true, "401"},
		{"plain http", modeWebhook, "http://desk.example.com/channels/shop", webhookInfo{}, checkPublicURL, sdk.Failed, false, "https"},
		{"another port", modeWebhook, "https://desk.example.com:8080/channels/shop", webhookInfo{}, checkPublicURL, sdk.Failed, false, "8080"},
		{"at home", modeWebhook, "https://192.168.1.2/channels/shop", webhookInfo{}, checkPublicURL, sdk.Failed, false, "192.168.1.2"},
		{"localhost", modeWebhook, "https://localhost/channels/shop", webhookInfo{}, checkPublicURL, sdk.Failed, false, "localhost"},
		{"no address", modeWebhook, "", webhookInfo{}, checkPublicURL, sdk.Failed, false, ""},
		{"polls", modePoll, publicURL, webhookInfo{}, checkWebhook, sdk.Passed, false, ""},
		{"polls, own webhook", modePoll, publicURL, good, checkWebhook, sdk.Warning, true, "still"},
		{"polls, other webhook", modePoll, publicURL, webhookInfo{URL: "https://other.example/"}, checkWebhook, sdk.Failed, false, "other.example"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := subscription(sdk.Account{ID: "shop", PublicURL: test.public}, Settings{Mode: test.mode}, test.info, now)
			check := stateOf(t, got.Checks, test.check)
			if check.State != test.want || got.Register != test.register || !strings.Contains(check.Detail, test.says) {
				t.Errorf("register %t, %+v", got.Register, check)
			}
			if check.State != sdk.Passed && check.Fix == "" {
				t.Errorf("nobody is told what to do about %q", check.Detail)
			}
			if (test.info.LastErrorDate != 0) != !got.LastFailureAt.IsZero() || got.LastFailure != test.info.LastError {
				t.Errorf("last failure %s at %s", got.LastFailure, got.LastFailureAt)
			}
		})
	}
}

// TestRegisterNeedsAPublicAddress: Telegram is not asked for what it would refuse.
func TestRegisterNeedsAPublicAddress(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	ch := account(t, p, newHost(), asWebhook, func(a *sdk.Account, _ *Settings) { a.Test, a.PublicURL = false, "http://127.0.0.1:8080/channels/shop" })
	if err := ch.Register(t.Context()); err == nil || !strings.Contains(err.Error(), "https") || p.Calls("setWebhook") > 0 {
		t.Errorf("%v", err)
	}
}

// TestRepair: the webhook was taken over and calls with another secret; what the check says mends both.
func TestRepair(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	ch := account(t, p, newHost(), asWebhook)
	p.SetWebhook("https://other.example/", "s", "message")
	now, err := ch.CheckSubscription(t.Context())
	if err != nil || !now.Register {
		t.Fatalf("%+v, %v", now, err)
	}
	if err := ch.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	if now, err = ch.CheckSubscription(t.Context()); err != nil || now.Register {
		t.Errorf("%+v, %v", now, err)
	}
}

func TestSubscriptionFailures(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	ch := account(t, p, newHost(), asWebhook)
	p.Revoke("123456789:another")
	_, err := ch.CheckSubscription(t.Context())
	var auth *sdk.AuthenticationFailed
	if !errors.As(err, &auth) {
		t.Errorf("%v", err)
	}
	for _, err := range []error{ch.Register(t.Context()), ch.Unregister(t.Context())} {
		if !errors.As(err, &auth) {
			t.Errorf("%v", err)
		}
	}
}

func TestValidate(t *testing.T) {
	for _, test := range []struct {
		name    string
		mode    string
		prepare func(p *telegramtest.Platform)
		want    map[string]sdk.CheckState
		says    map[string]string
	}{
		{"polls", modePoll, func(*telegramtest.Platform) {},
			map[string]sdk.CheckState{checkToken: sdk.Passed, checkGroups: sdk.Passed, checkPublicURL: sdk.Skipped, checkWebhook: sdk.Passed},
			map[string]string{checkToken: "@shop_bot", checkGroups: "privacy mode"}},
		{"is called", modeWebhook, func(p *telegramtest.Platform) { p.SetWebhook(publicURL+"/callback", "s", handled...) },
			map[string]sdk.CheckState{checkToken: sdk.Passed, checkPublicURL: sdk.Passed, checkWebhook: sdk.Passed, checkDelivery: sdk.Passed}, nil},
		{"two ways at once", modePoll, func(p *telegramtest.Platform) { p.SetWebhook("https://other.example/", "s") },
			map[string]sdk.CheckState{checkToken: sdk.Passed, checkWebhook: sdk.Failed}, nil},
		{"revoked", modePoll, func(p *telegramtest.Platform) { p.Revoke("123456789:another") },
			map[string]sdk.CheckState{checkToken: sdk.Failed, checkGroups: sdk.Skipped, checkWebhook: sdk.Skipped}, map[string]string{checkToken: "does not know"}},
		{"unreachable", modePoll, func(p *telegramtest.Platform) { p.Inject(telegramtest.Fault{Method: "getMe", Drop: true}) },
			map[string]sdk.CheckState{checkToken: sdk.Warning}, nil},
		{"too often", modePoll, func(p *telegramtest.Platform) { p.Inject(telegramtest.TooMany("getMe", 3)) },
			map[string]sdk.CheckState{checkToken: sdk.Skipped}, nil},
		{"webhook unknown", modePoll, func(p *telegramtest.Platform) {
			p.Inject(telegramtest.Refusal("getWebhookInfo", http.StatusInternalServerError, "Internal Server Error"))
		}, map[string]sdk.CheckState{checkToken: sdk.Passed, checkWebhook: sdk.Warning}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			p := platform(t, telegramtest.Options{})
			settings := Settings{BotToken: p.Token(), Mode: test.mode, APIURL: p.URL()}
			test.prepare(p)
			before := p.Webhook()
			checks := Plugin.Validate(t.Context(), sdk.Account{ID: "shop", PublicURL: publicURL, Test: true, Host: newHost()}, settings)
			for name, want := range test.want {
				if check := stateOf(t, checks, name); check.State != want || !strings.Contains(check.Detail, test.says[name]) {
					t.Errorf("%+v", check)
				} else if (want == sdk.Failed || want == sdk.Warning) && check.Fix == "" {
					t.Errorf("nobody is told what to do about %+v", check)
				}
			}
			for _, check := range checks {
				if strings.Contains(check.Detail+check.Fix, settings.BotToken) {
					t.Errorf("the token is in %+v", check)
				}
			}
			if p.Webhook() != before || p.Calls("getUpdates") > 0 {
				t.Error("the check changed something")
			}
		})
	}
}

func TestGroupsCheck(t *testing.T) {
	for _, test := range []struct {
		me   bot
		says string
	}{
		{bot{}, "cannot be added"},
		{bot{JoinsGroups: true, ReadsAllGroups: true}, "all messages"},
		{bot{JoinsGroups: true}, "privacy mode"},
	} {
		if check := groupsCheck(test.me); !strings.Contains(check.Detail, test.says) {
			t.Errorf("%+v: %s", test.me, check.Detail)
		}
	}
}
