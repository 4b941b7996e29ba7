package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestRedactedKeepsEverythingButSecrets(t *testing.T) {
	text := `# The old one: channel_secret = "old-secret-1"; api_key='k' but { env = "KEPT" }
` + lineAccount + `
[mail]
host = "smtp.example.com" # s3cret-value was here
from = "a@b.example"
password = 'p"q'

[[account]]
id = "wide"
plugin = "wide"
enabled = false
settings = { secrets = ["one",   'two', { env = "THREE" }], greeting = "one" }
[[channel]]
id = "w"
account = "wide"
workstream = "wide"
[[workstream]]
id = "wide" # not a secret = "at all"
`
	key := []byte("key")
	c := mustDecode(t, text, testEnvironment())
	fp := func(s string) string { return fingerprint(key, s) }
	want := strings.NewReplacer(
		`"old-secret-1"`, quote(fp("old-secret-1")),
		`'k'`, quote(fp("k")),
		`channel_secret = "s3cret-value"`, `channel_secret = `+quote(fp("s3cret-value")),
		`s3cret-value was`, fp("s3cret-value")+` was`,
		`'p"q'`, quote(fp(`p"q`)),
		`["one",`, `[`+quote(fp("one"))+`,`,
		`'two'`, quote(fp("two")),
		`"at all"`, quote(fp("at all")),
	).Replace(text)
	if diff := cmp.Diff(want, string(c.Redacted(key))); diff != "" {
		t.Errorf("redacted (-want +got):\n%s", diff)
	}
	if fp("one") == fingerprint([]byte("other"), "one") {
		t.Error("the fingerprint does not depend on the key")
	}
	_, problems := Decode("f", c.Redacted(key), testEnvironment())
	if len(problems) == 0 || !strings.Contains(problems[0].Message, "fingerprint") {
		t.Errorf("a redacted text must not be applied: %v", problems)
	}
}

func TestQuoteIsRead(t *testing.T) {
	for _, s := range []string{"", `a"b\c`, "a\nb\tc\r\x00\x7f", "é 漢 😀"} {
		doc := parse("f", []byte("k = "+quote(s)+"\n"))
		if n := doc.root.child("k"); n == nil || n.text != s {
			t.Errorf("%q is read back as %+v", s, n)
		}
	}
}
