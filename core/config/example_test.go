package config

import (
	"os"
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
)

// TestExampleIsValid decodes the example as it stands, without any environment variable, and with each of its
// commented settings switched on.
func TestExampleIsValid(t *testing.T) {
	env := testEnvironment()
	env.Env = nil
	s := mustDecode(t, Example(), env).Setup(1)
	if len(s.Queues) != 1 || len(s.Workstreams) != 1 || len(s.Accounts) != 0 {
		t.Errorf("setup %+v", s)
	}
	env.Env = func(string) (string, bool) { return "value", true }
	on := uncommented(Example())
	// Settings that only other plugins or other values of their neighbours have.
	for _, drop := range []string{
		`address = { phone_number_id = "106540352242922" }`,
		`wrap_up = { block = "always" }`,
		widgetLine(),
	} {
		if !strings.Contains(on, drop) {
			t.Fatalf("the example has changed: no %s", drop)
		}
		on = strings.Replace(on, drop, "", 1)
	}
	on = strings.Replace(on, "\nenabled = false\n", "\n", 1)
	on = strings.Replace(on, `members = ["marie", "paul@example.com"]`, `members = ["marie"]`, 1)
	full := mustDecode(t, on, env).Setup(1)
	if a := full.Accounts["shop-line"]; a == nil || a.Settings["channel_secret"] != "value" {
		t.Errorf("account %+v", a)
	}
}

// widgetLine is the example's line about the look of web chats, which its own channel cannot have.
func widgetLine() string {
	for line := range strings.SplitSeq(uncommented(Example()), "\n") {
		if strings.HasPrefix(line, "widget = ") {
			return line
		}
	}
	return "no line about widgets"
}

// TestExampleShowsAWidget decodes the look that the example shows, for a channel that has one.
func TestExampleShowsAWidget(t *testing.T) {
	text := "[[account]]\nid = \"site\"\nplugin = \"chat\"\n[[workstream]]\nid = \"w\"\n[[channel]]\nid = \"site\"\naccount = \"site\"\nworkstream = \"w\"\n"
	plain := mustDecode(t, text, testEnvironment()).Setup(1).Channels["site"].Widget
	if diff := cmp.Diff(&core.Widget{Title: "Guichet", Color: "#0c6971", Position: "bottom-right", Languages: []string{"en"}}, plain); diff != "" {
		t.Errorf("without a look (-want +got):\n%s", diff)
	}
	shown := mustDecode(t, text+widgetLine(), testEnvironment()).Setup(1).Channels["site"].Widget
	want := &core.Widget{
		Title: "Ask us anything", Subtitle: "We answer within minutes", Color: "#8f4326", Position: "bottom-left", LogoURL: "https://shop.example.com/logo.png",
		Hidden: true, Domains: []string{"shop.example.com", "*.example.org"}, Languages: []string{"en", "fr"},
	}
	if diff := cmp.Diff(want, shown); diff != "" {
		t.Errorf("the example's look (-want +got):\n%s", diff)
	}
	if ch := mustDecode(t, lineAccount, testEnvironment()).Setup(1).Channels["line"]; ch.Widget != nil {
		t.Errorf("a channel that is not live has %+v", ch.Widget)
	}
}

// TestExampleShowsDefaults compares the commented settings with the defaults they claim to show.
func TestExampleShowsDefaults(t *testing.T) {
	env := testEnvironment()
	base := mustDecode(t, Example(), env)
	for _, line := range strings.Split(Example(), "\n") {
		setting, commented := strings.CutPrefix(line, "# ")
		if !commented || !settingLine.MatchString(line) || illustrative(setting) {
			continue
		}
		t.Run(setting, func(t *testing.T) {
			c := mustDecode(t, strings.Replace(Example(), line+"\n", setting+"\n", 1), env)
			if !reflect.DeepEqual(c.Setup(1), base.Setup(1)) || c.Server.Listen != base.Server.Listen ||
				c.Storage != base.Storage || c.Mail != base.Mail || !reflect.DeepEqual(c.Server, base.Server) {
				t.Errorf("%s is not the default", setting)
			}
		})
	}
}

// illustrative reports whether a commented setting shows an example, having no default.
func illustrative(setting string) bool {
	for _, part := range []string{"public_url", "trusted_proxies", "cert_file", "key_file", "privacy_notice", "widget =", "host =", "port =", "security =",
		"username", "password", "from =", "address =", "block = \"custom\"", "members", "[[agent]]", "marie", "Marie", "\"agent\"", "capacity = 10", "presence = "} {
		if strings.Contains(setting, part) {
			return true
		}
	}
	return false
}

// TestExampleHasEveryKey compares the keys of the example, commented or not, with those of the types: none may be
// missing, none may be invented.
func TestExampleHasEveryKey(t *testing.T) {
	c, doc := &Config{}, parse("example", []byte(strings.Replace(uncommented(Example()), `wrap_up = { block = "always" }`, "", 1)))
	if len(doc.problems) > 0 {
		t.Fatal(doc.problems)
	}
	written := map[string]bool{}
	for path := range doc.nodes {
		written[indexes.ReplaceAllString(path, "")] = true
	}
	known := map[string]bool{}
	addKeys(known, "", reflect.TypeOf(*c))
	for key := range known {
		if !written[key] {
			t.Errorf("%s is not in the example", key)
		}
	}
	for key := range written {
		free := strings.HasPrefix(key, "account.settings.") || strings.HasPrefix(key, "channel.address.") || strings.HasPrefix(key, "mail.password.")
		if !known[key] && !free {
			t.Errorf("%s is in the example, but there is no such setting", key)
		}
	}
}

func addKeys(keys map[string]bool, path string, t reflect.Type) {
	for t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct {
		return
	}
	for i := range t.NumField() {
		if name := t.Field(i).Tag.Get("toml"); name != "" {
			keys[join(path, name)] = true
			addKeys(keys, join(path, name), t.Field(i).Type)
		}
	}
}

var settingLine = regexp.MustCompile(`^# ?(\[\[?[a-z_.]+\]\]?$|[a-z_]+ = )`)

// uncommented switches on the settings that are commented out.
func uncommented(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		if settingLine.MatchString(line) {
			lines[i] = strings.TrimPrefix(line, "# ")
		}
	}
	return strings.Join(lines, "\n")
}

func TestTopLevelExampleIsTheSame(t *testing.T) {
	text, err := os.ReadFile("../../config.example.toml")
	if err != nil {
		t.Fatal(err)
	}
	if string(text) != Example() {
		t.Error("config.example.toml differs from core/config/example.toml; copy the latter over it")
	}
}

// TestDefaultsNameNoPlugin keeps Default decodable without an environment.
func TestDefaultsNameNoPlugin(t *testing.T) {
	c, problems := Decode("d", defaultText, Environment{Plugin: func(string) (core.PluginSchema, bool) { return core.PluginSchema{}, false }})
	if problems != nil || len(c.secrets) != 0 {
		t.Errorf("problems %v, secrets %v", problems, c.secrets)
	}
}
