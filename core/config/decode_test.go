package config

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
)

func mustDecode(t *testing.T, text string, env Environment) *Config {
	t.Helper()
	c, problems := Decode("guichet.toml", []byte(text), env)
	if problems != nil {
		t.Fatalf("problems:\n%s", problems)
	}
	return c
}

func TestDefaultsAreThoseDocumented(t *testing.T) {
	s := Default().Setup(7)
	want := &core.Setup{
		Revision:     7,
		Organization: core.Organization{ID: "guichet", Name: "Guichet", Language: "en", TimeZone: "UTC"},
		Accounts:     map[string]*core.Account{},
		Channels:     map[string]*core.Channel{},
		Workstreams:  map[string]*core.Workstream{},
		Queues: map[string]*core.Queue{"general": {ID: "general", Name: "General", Priority: 100, Members: []string{},
			Assignment: "highest-capacity"}},
		Agents: map[string]*core.Agent{},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("default setup (-want +got):\n%s", diff)
	}
	server := Default().Server
	if server.Listen != "127.0.0.1:8080" || Default().Storage != (Storage{Engine: "badger", Dir: "data", Durability: "group"}) {
		t.Errorf("server %+v, storage %+v", server, Default().Storage)
	}
	empty := mustDecode(t, "", Environment{}).Setup(7)
	if diff := cmp.Diff(want, empty); diff != "" {
		t.Errorf("an empty file is not the default (-want +got):\n%s", diff)
	}
}

func TestSetupOfASmallDesk(t *testing.T) {
	text := lineAccount + `
[organization]
name = "Boulangerie"
language = "fr"

[[agent]]
id = "marie"
email = "marie@example.com"
role = "administrator"
[[agent]]
id = "paul"
email = "Paul@Example.com"
name = "Paul B."
capacity = 3
presence = "away"
[[agent]]
id = "gone"
email = "gone@example.com"
enabled = false
`
	s := mustDecode(t, text, testEnvironment()).Setup(1)
	want := &core.Setup{
		Revision:     1,
		Organization: core.Organization{ID: "guichet", Name: "Boulangerie", Language: "fr", TimeZone: "UTC"},
		Accounts: map[string]*core.Account{"shop-line": {ID: "shop-line", Plugin: "line", Name: "shop-line", Consent: true,
			Settings: map[string]any{"channel_id": "1234567890", "channel_secret": "s3cret-value", "channel_access_token": "from-env"}}},
		Channels: map[string]*core.Channel{"line": {ID: "line", Account: "shop-line", Workstream: "messages", Language: "fr",
			FromCustomer: true, FromAgent: true}},
		Workstreams: map[string]*core.Workstream{"messages": {ID: "messages", Plugin: "line", Persistent: true, Distribution: core.Push, Capacity: 1,
			FallbackQueue: "general", Affinity: true, AllowedPresences: []core.Presence{core.Available, core.Busy},
			OfferTimeout: 2 * time.Minute, DeclinesAllowed: 3,
			AutoClose: core.AutoClose{Open: 720 * time.Hour, Active: 720 * time.Hour, Waiting: 672 * time.Hour, WrapUp: 24 * time.Hour},
			WrapUp:    core.WrapUp{Block: "always", For: 5 * time.Minute}}},
		Queues: map[string]*core.Queue{"general": {ID: "general", Name: "General", Priority: 100, Members: []string{"marie", "paul"},
			Assignment: "highest-capacity"}},
		Agents: map[string]*core.Agent{
			"marie": {ID: "marie", Email: "marie@example.com", Name: "marie", Role: core.Administrator, Capacity: 10, Presence: core.Available},
			"paul":  {ID: "paul", Email: "Paul@Example.com", Name: "Paul B.", Role: core.AgentRole, Capacity: 3, Presence: core.Away},
		},
	}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("setup (-want +got):\n%s", diff)
	}
}

// TestEverySettingIsTaken writes every key with a value that is not its default.
func TestEverySettingIsTaken(t *testing.T) {
	text := `
[server]
listen = ":9000"
public_url = "https://desk.example.com/"
trusted_proxies = ["10.0.0.0/8", "::1"]
allow_test = true
tls = { cert_file = "c", key_file = "k" }
[organization]
id = "shop"
name = "Shop"
language = "pt-BR"
time_zone = "Europe/Paris"
privacy_notice = "We keep it."
[storage]
engine = "badger"
dir = "/srv"
durability = "each"
[mail]
host = "smtp.example.com"
port = 465
security = "tls"
username = "u"
password = { file = "token" }
from = "Desk <desk@example.com>"
[[account]]
id = "wide"
plugin = "wide"
name = "Wide"
consent = true
test = true
retired = true
[[channel]]
id = "c"
account = "wide"
workstream = "w"
language = "de"
address = { brand = "b" }
attachments = { from_customer = false, from_agent = false }
retired = true
[[workstream]]
id = "w"
plugin = "wide"
persistent = true
distribution = "pick"
pick_from_push = true
capacity = 2
fallback_queue = "sales"
affinity = false
allowed_presences = ["away"]
offer_timeout = "45s"
declines_allowed = 5
inactive_after_missed = true
auto_close = { open = "1h", active = "2h", waiting = "never", wrap_up = "1d12h" }
wrap_up = { block = "custom", for = "30s" }
[[queue]]
id = "sales"
name = "Sales"
priority = 1
members = ["ANA@example.com"]
assignment = "highest-capacity"
[[queue]]
id = "off"
enabled = false
[[agent]]
id = "ana"
email = "ana@example.com"
name = "Ana"
role = "supervisor"
capacity = 0
presence = "offline"
`
	c := mustDecode(t, text, testEnvironment())
	want := Config{
		Server: Server{Listen: ":9000", PublicURL: "https://desk.example.com", TrustedProxies: []string{"10.0.0.0/8", "::1"}, AllowTest: true,
			TLS: TLS{CertFile: "c", KeyFile: "k"}},
		Organization: Organization{ID: "shop", Name: "Shop", Language: "pt-BR", TimeZone: "Europe/Paris", PrivacyNotice: "We keep it."},
		Storage:      Storage{Engine: "badger", Dir: "/srv", Durability: "each"},
		Mail:         Mail{Host: "smtp.example.com", Port: 465, Security: "tls", Username: "u", Password: "from-file", From: "Desk <desk@example.com>"},
		Accounts: []Account{{ID: "wide", Plugin: "wide", Name: "Wide", Consent: true, Test: true, Enabled: true, Retired: true,
			Settings: Settings{"provider": "meta", "attempts": int64(3), "verbose": true, "pause": "1m30s", "tags": []string{"a", "b"}}}},
		Channels: []Channel{{ID: "c", Account: "wide", Workstream: "w", Language: "de", Address: map[string]string{"brand": "b"}, Enabled: true, Retired: true,
			Widget: Widget{Title: "Shop", Color: "teal", Position: "bottom-right"}}},
		Workstreams: []Workstream{{ID: "w", Plugin: "wide", Enabled: true, Persistent: true, Distribution: "pick", PickFromPush: true, Capacity: 2,
			FallbackQueue: "sales", AllowedPresences: []core.Presence{core.Away}, OfferTimeout: Duration(45 * time.Second), DeclinesAllowed: 5, InactiveAfterMissed: true,
			AutoClose: AutoClose{Open: Duration(time.Hour), Active: Duration(2 * time.Hour), WrapUp: Duration(36 * time.Hour)},
			WrapUp:    WrapUp{Block: "custom", For: Duration(30 * time.Second)}}},
		Queues: []Queue{
			{ID: "sales", Name: "Sales", Enabled: true, Priority: 1, Members: []string{"ANA@example.com"}, Assignment: "highest-capacity"},
			{ID: "off", Name: "off", Priority: 100, Assignment: "highest-capacity"},
		},
		Agents: []Agent{{ID: "ana", Email: "ana@example.com", Name: "Ana", Role: core.Supervisor, Presence: core.Offline, Enabled: true}},
	}
	if diff := cmp.Diff(want, *c, cmp.FilterPath(func(p cmp.Path) bool {
		switch p.Last().String() {
		case ".doc", ".text", ".resolved", ".secrets", ".live":
			return true
		}
		return false
	}, cmp.Ignore())); diff != "" {
		t.Errorf("config (-want +got):\n%s", diff)
	}
	if got := c.Setup(1).Queues["sales"].Members; !cmp.Equal(got, []string{"ana"}) {
		t.Errorf("members %v", got)
	}
}

func TestSettingsOfEveryKind(t *testing.T) {
	text := `
[[account]]
id = "wide"
plugin = "wide"
[account.settings]
provider = "azure"
resource_name = "r"
attempts = 0x10
verbose = false
pause = "1d"
site = "https://example.com"
owner = "o@example.com"
secrets = ["one", { env = "LINE_SECRET" }, { stored = "s1" }]
tags = []
greeting = """
Hello
"""
service_account = { file = "key.json" }
[[channel]]
id = "c"
account = "wide"
workstream = "w"
[[workstream]]
id = "w"
`
	want := Settings{"provider": "azure", "resource_name": "r", "attempts": int64(16), "verbose": false, "pause": "24h0m0s",
		"site": "https://example.com", "owner": "o@example.com", "secrets": []string{"one", "from-env", "from-store"},
		"tags": []string{}, "greeting": "Hello\n", "service_account": "{}"}
	c := mustDecode(t, text, testEnvironment())
	if diff := cmp.Diff(want, c.Accounts[0].Settings); diff != "" {
		t.Errorf("settings (-want +got):\n%s", diff)
	}
}

// TestTheSameInOtherForms writes one desk in TOML's other ways: dotted keys, inline tables, lists of inline tables.
func TestTheSameInOtherForms(t *testing.T) {
	text := "\ufeff" + `account = [{ id = "shop-line", plugin = "line", consent = true,
  settings = { channel_id = "1234567890", channel_secret = "s3cret-value", channel_access_token.env = "LINE_SECRET" } }]
channel = [
  { id = "line", account = "shop-line", "workstream" = 'messages' }, # a comment
]
workstream = [{ id = "messages" }]
`
	text = strings.ReplaceAll(text, "\n", "\r\n")
	got := mustDecode(t, text, testEnvironment()).Setup(1)
	want := mustDecode(t, lineAccount, testEnvironment()).Setup(1)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("setup (-want +got):\n%s", diff)
	}
}

func TestSwitchedOff(t *testing.T) {
	off := strings.Replace(lineAccount, "consent = true", "consent = true\nenabled = false", 1)
	off = strings.Replace(off, "LINE_SECRET", "NOT_SET_ANYWHERE", 1)
	s := mustDecode(t, off, testEnvironment()).Setup(1)
	if len(s.Accounts) != 0 || len(s.Channels) != 0 || len(s.Workstreams) != 1 {
		t.Errorf("accounts %v, channels %v, workstreams %v", s.Accounts, s.Channels, s.Workstreams)
	}
	retired := strings.Replace(lineAccount, "consent = true", "consent = true\nretired = true", 1)
	if s := mustDecode(t, retired, testEnvironment()).Setup(1); !s.Accounts["shop-line"].Retired || len(s.Channels) != 1 {
		t.Errorf("a retired account must stay until its conversations are closed: %+v", s.Accounts["shop-line"])
	}
}

func TestTestAccounts(t *testing.T) {
	test := strings.Replace(lineAccount, "consent = true", "consent = true\ntest = true", 1)
	test = strings.Replace(test, "[account.settings]", "[account.settings]\napi_url = \"http://127.0.0.1:1\"", 1)
	for name, server := range map[string]string{
		"http":    "[server]\npublic_url = \"http://127.0.0.1:8080\"\n",
		"none":    "",
		"allowed": "[server]\npublic_url = \"https://desk.example.com\"\nallow_test = true\n",
	} {
		t.Run(name, func(t *testing.T) {
			s := mustDecode(t, server+test, testEnvironment()).Setup(1)
			if a := s.Accounts["shop-line"]; !a.Test || a.Settings["api_url"] != "http://127.0.0.1:1" {
				t.Errorf("account %+v", a)
			}
		})
	}
}

func TestEncodings(t *testing.T) {
	for name, src := range map[string]string{
		"utf-16": "\xff\xfe[\x00",
		"latin1": "[organization]\nname = \"caf\xe9\"\n",
	} {
		t.Run(name, func(t *testing.T) {
			_, problems := Decode("f", []byte(src), Environment{})
			if len(problems) != 1 || problems[0].Remedy != "Save it as UTF-8." || problems[0].Line == 0 {
				t.Errorf("problems %v", problems)
			}
		})
	}
}

// TestNoSecretInAProblem breaks every value in turn and looks for the secret in what is said about it.
func TestNoSecretInAProblem(t *testing.T) {
	secret := "very-secret-VALUE!"
	text := strings.Replace(lineAccount, "s3cret-value", secret, 1)
	if _, problems := Decode("f", []byte(text), testEnvironment()); len(problems) != 1 || strings.Contains(problems.Error(), secret) {
		t.Errorf("problems must name the setting and not its value: %v", problems)
	}
	for i := range text {
		_, problems := Decode("f", []byte(text[:i]+"?"+text[i+1:]), testEnvironment())
		if strings.Contains(problems.Error(), secret) {
			t.Fatalf("byte %d: %v", i, problems)
		}
	}
}

func TestRestartNeeded(t *testing.T) {
	old := mustDecode(t, "", Environment{})
	c := mustDecode(t, "[server]\nlisten = \":1\"\nallow_test = true\n[storage]\ndir = \"x\"\n", Environment{})
	if got := c.RestartNeeded(old); !cmp.Equal(got, []string{"server.listen", "storage.dir"}) {
		t.Errorf("restart for %v", got)
	}
}

func TestSecretsPrintMasked(t *testing.T) {
	if s := Secret("abc"); s.String() != "[secret]" || strings.Contains(s.GoString(), "abc") {
		t.Errorf("%v %#v", s, s)
	}
}

func TestProcessEnvironment(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/token", []byte("x\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("GUICHET_TEST_VALUE", "v")
	e := Environment{}.withProcess(dir)
	if v, ok := e.Env("GUICHET_TEST_VALUE"); v != "v" || !ok {
		t.Errorf("env %q %v", v, ok)
	}
	for _, name := range []string{"token", dir + "/token"} {
		if v, err := e.File(name); v != "x\n" || err != nil {
			t.Errorf("file %q: %q %v", name, v, err)
		}
	}
	if _, err := e.File("absent"); err == nil {
		t.Error("an absent file gave no error")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(lineAccount)
	f.Add(exampleText)
	f.Add("a = [\n{ b.c = 1 }, # x\n]\n[[a]]\n[a]\na.b = {}\n[a.b.c]\n")
	for _, name := range []string{"wrong-type", "syntax", "addresses", "secret-forms", "setting-kinds", "set-twice"} {
		text, err := os.ReadFile("testdata/problems/" + name + ".txt")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(strings.Split(string(text), dashes)[0])
	}
	f.Fuzz(func(t *testing.T, text string) {
		c, problems := Decode("f", []byte(text), testEnvironment())
		if (c == nil) == (problems == nil) {
			t.Fatal("neither a config nor problems, or both")
		}
		lines := 1 + strings.Count(text, "\n")
		for _, p := range problems {
			if p.Message == "" || p.Line > lines || p.Line < 0 || p.Column < 0 {
				t.Fatalf("problem %+v of %d lines", p, lines)
			}
		}
		if c == nil {
			return
		}
		c.Setup(1)
		redacted := c.Redacted([]byte("key"))
		for _, s := range c.secrets {
			if v := c.valueAt(s); len(v) >= 12 && !strings.HasPrefix(v, fingerprintPrefix) &&
				strings.Count(string(redacted), quote(v)) > strings.Count(text, quote(v))-1 {
				t.Fatalf("%q is still in\n%s", v, redacted)
			}
		}
	})
}
