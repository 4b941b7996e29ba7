package config

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestMaskedTextHoldsNoSecret writes a file with secrets in every form, whole and broken at each of its lines: no secret
// is shown, and every line stays where it is.
func TestMaskedTextHoldsNoSecret(t *testing.T) {
	whole := `[mail]
host = "smtp.example.com"
username = "u"
password = "s3cret-mail"
from = "a@example.com"

[[account]]
id = "wide"
plugin = "wide"
[account.settings]
secrets = ["s3cret-one", 's3cret-two']
# secrets = ["s3cret-old"]
service_account = """
s3cret-three
s3cret-four
"""
site = "https://example.com"

[[account]]
id = "shop-line"
plugin = "line"
consent = true
settings = { channel_id = "1234567890", channel_secret = "s3cret-five", channel_access_token = "s3cret-six" }

[[queue]]
id = "general"
`
	key := []byte("key")
	env := testEnvironment()
	judge := func(name, text string, shown ...string) {
		got := string(masked("guichet.toml", []byte(text), env, key))
		if strings.Contains(got, "s3cret") {
			t.Errorf("%s shows a secret:\n%s", name, got)
		}
		if strings.Count(got, "\n") != strings.Count(text, "\n") {
			t.Errorf("%s has %d lines, not %d", name, strings.Count(got, "\n"), strings.Count(text, "\n"))
		}
		for _, want := range shown {
			if !strings.Contains(got, want) {
				t.Errorf("%s does not show %s:\n%s", name, want, got)
			}
		}
	}
	if _, problems := Decode("guichet.toml", []byte(whole), env); problems == nil {
		t.Fatal("an account without channels should be a problem, for this test to meet both ways")
	}
	attached := whole + `
[[channel]]
id = "a"
account = "wide"
workstream = "w"
[[channel]]
id = "b"
account = "shop-line"
workstream = "l"
[[workstream]]
id = "w"
[[workstream]]
id = "l"
`
	mustDecode(t, attached, env)
	judge("a good file", attached, `site = "https://example.com"`, `host = "smtp.example.com"`, `channel_id = "1234567890"`)
	judge("a file with a problem", whole, `host = "smtp.example.com"`, `id = "general"`)
	lines := strings.SplitAfter(whole, "\n")
	for i := range lines {
		broken := strings.Join(lines[:i], "") + "= nonsense [[\n" + strings.Join(lines[i:], "")
		judge("a file that is broken", broken, `id = "shop-line"`)
	}
	judge("a list of several lines", "[[account]]\nid = \"wide\"\nsettings.secrets = [\n  \"s3cret-one\",\n]\n[[queue]]\nid = \"general\"\nnonsense\n", `id = "general"`)
	judge("a list that is not closed", "[[account]]\nsettings.secrets = [\n  \"s3cret-one\",\n[[queue]]\nid = \"s3cret-two\"\n")
	judge("a table of several lines", "[[account]]\nsettings = {\n  pin = \"s3cret-one\",\n  id = \"s3cret-two\",\n}\nname = \"Shop\"\n", `name = "Shop"`)
	judge("a text of several lines that is not closed", "[[account]]\nid = \"s3cret\"\n[account.settings]\nservice_account = \"\"\"\n[queue]\nid = \"s3cret\"\n")
	judge("a header with a slip", "[[account]]\n[acount.settings]\npin = \"s3cret-one\"\nsecrets = [\n \"s3cret-two\",\n \"s3cret-three\"]\n[[queue]]\nid = \"general\"\n", `id = "general"`)
	judge("a header that is missing", "[[account]]\nid = \"wide\"\npin = \"s3cret-one\"\n", `id = "wide"`)
	judge("a table that nobody knows", "[[webhook]]\nid = \"s3cret\"\n[server]\ntrusted_proxies = [\n  \"10.0.0.1\", # ours\n  \"10.0.0.2\",\n]\nnonsense\n", `"10.0.0.2",`)
	judge("a secret that a comment repeats", "# it was s3cret-one\n[mail]\npassword = \"s3cret-one\"\nnonsense\n")
	judge("a list that was commented out", "[[account]]\n# secrets = [\n#   \"s3cret\",\n# ]\nid = \"a\"\n", `id = "a"`)
	judge("UTF-16", "p\x00a\x00s\x00s\x00 s3cret\x00")
	judge("a secret without quotes", "[[account]]\n[account.settings]\nchannel_secret = s3cret\n")
	judge("a reference", "[mail]\npassword = { env = \"SMTP\" }\nnonsense", `{ env = "SMTP" }`)
	judge("windows", strings.ReplaceAll(whole, "\n", "\r\n"))
}

func TestOnDisk(t *testing.T) {
	path := filepath.Join(t.TempDir(), "guichet.toml")
	s := NewSource(Options{Path: path, Environment: testEnvironment(), History: &memoryHistory{}, Apply: func(context.Context, *Config, int) error { return nil }})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	look := func(when, shownPath string, differs, readOnly bool) OnDisk {
		t.Helper()
		d, err := s.OnDisk()
		if err != nil {
			t.Fatal(err)
		}
		if d.Path != shownPath || d.Differs != differs || d.ReadOnly != readOnly {
			t.Errorf("%s: %+v", when, d)
		}
		return d
	}
	if d := look("without a file", "", false, false); d.Text != string(defaultText) {
		t.Errorf("without a file the text is %q", d.Text)
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("[organization]\nname = \"Shop\"\n")
	look("changed", path, true, false)
	if err := s.Reload(t.Context(), "test"); err != nil {
		t.Fatal(err)
	}
	look("read again", path, false, false)
	write("nonsense")
	if d := look("broken", path, true, false); d.Text != hidden {
		t.Errorf("the broken text is %q", d.Text)
	}
	if err := os.Chmod(path, 0o400); err != nil {
		t.Fatal(err)
	}
	look("read-only", path, true, true)
}
