package config

import (
	"fmt"
	"strings"
	"testing"
)

// withSecret writes a secret into a file in every form in which it can stand there.
func withSecret(secret string) string {
	var b strings.Builder
	q := quote(secret)
	fmt.Fprintf(&b, "[server]\ntrusted_proxies = [\n  \"10.0.0.0/8\",\n]\n[mail]\nhost = \"smtp.example.com\"\npassword = %s\nfrom = \"a@example.com\"\n", q)
	account := func(id, settings string) {
		fmt.Fprintf(&b, "[[account]]\nid = %q\nplugin = \"wide\"\n%s[[channel]]\nid = %q\naccount = %q\nworkstream = \"w\"\n", id, settings, id, id)
	}
	account("one", "[account.settings]\nsecrets = [\n  "+q+",\n  "+q+"\n]\nsite = \"https://example.com\"\n")
	account("two", "settings = { service_account = "+q+", secrets = ["+q+"] }\n")
	account("three", "settings.secrets = ["+q+",\n"+q+"]\n")
	account("four", "[account.settings]\nservice_account = \"\"\"\n"+strings.NewReplacer(`\`, `\\`, `"""`, `""\"`).Replace(secret)+"\n\"\"\"\nsite = \"https://example.com\"\n")
	text := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(secret)
	account("six", "settings.service_account = \"\"\""+text+"\"\"\"\nsettings.secrets = [\"\"\""+text+"\"\"\", \"\"\"\n"+text+"\"\"\",\n]\n")
	if !strings.Contains(secret, "'''") {
		account("five", "[account.settings]\nservice_account = '''\n"+secret+"\n'''\n")
	}
	b.WriteString("[[workstream]]\nid = \"w\"\n[[queue]]\nid = \"general\"\n")
	return b.String()
}

// slips are what people do to a file that was right.
var slips = []func(text string, at int, b byte) string{
	func(text string, at int, b byte) string { return text[:at] + string(rune(b%128)) + text[at:] },
	func(text string, at int, b byte) string { return text[:at] + `"'[]{}=#,`[b%9:b%9+1] + text[at:] },
	func(text string, at int, b byte) string { return text[:at] + "\n" + text[at:] },
	func(text string, at int, b byte) string { return text[:at] + text[min(at+1, len(text)):] },
	func(text string, at int, _ byte) string { return text[:at] },
	func(text string, at int, b byte) string { // a line is gone
		start, end := strings.LastIndexByte(text[:at], '\n')+1, strings.IndexByte(text[at:], '\n')
		return text[:start] + text[at+end+1:]
	},
	func(text string, at int, b byte) string { // a line that means nothing has come
		start := strings.LastIndexByte(text[:at], '\n') + 1
		return text[:start] + "= nonsense [[\n" + text[start:]
	},
}

// FuzzMasked breaks files that were right by one slip: what was a secret before is not shown after. In the secret § stands
// for what is looked for.
func FuzzMasked(f *testing.F) {
	for _, secret := range []string{
		"§", "a§\nb§", "[queue]\nid = \"§\"", "[[queue]]\nid = '§'\n", "[queue\n#00§", "id = §", "host = §", "{\"private_key\": \"§\"}", "]\n§", "}§", "# §", "\\§\"", "§'", "'''\n§", "\"\"\"\nname = \"§\"",
	} {
		f.Add(secret, uint16(0), byte(1), byte(1))
		for slip := range slips {
			for at := range uint16(6) {
				f.Add(secret, at*241, byte(slip), byte(at))
			}
		}
	}
	env := testEnvironment()
	f.Fuzz(func(t *testing.T, secret string, at uint16, slip, b byte) {
		if !strings.Contains(secret, "§") || strings.Contains(secret, "s3cret") || len(secret) > 200 {
			return
		}
		text := withSecret(strings.ReplaceAll(secret, "§", "s3cret-value"))
		if _, problems := Decode("f", []byte(text), env); problems != nil {
			return // a byte that may not stand in a file
		}
		broken := slips[int(slip)%len(slips)](text, int(at)%len(text), b)
		if _, problems := Decode("f", []byte(broken), env); problems == nil && strings.Contains(text, "#") {
			return // the inside of a text has become a comment, such as its author might have written
		}
		if got := masked("f", []byte(broken), env, []byte("key")); strings.Contains(string(got), "s3cret") {
			t.Errorf("of\n%s\nis shown\n%s", broken, got)
		}
	})
}
