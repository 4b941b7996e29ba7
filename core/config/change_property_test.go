package config

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/guichet/guichet/core"
)

// drawFile writes a file in one of the many ways in which people write one.
func drawFile(t *rapid.T) string {
	var b strings.Builder
	pick := func(label string, options ...string) string { return rapid.SampledFrom(options).Draw(t, label) }
	noise := func() {
		b.WriteString(pick("noise", "", "", "", "\n", "# a remark\n", "  # [[queue]]\n", "\n# alone\n\n", "# id = \"x\"\n"))
	}
	entry := func(indent, key, value string) {
		fmt.Fprintf(&b, "%s%s%s=%s%s%s\n", indent, key, pick("space", " ", "", "   "), pick("space", " ", "", "\t"), value, pick("tail", "", "", " # why", "  "))
	}
	text := func(s string) string { return pick("quotes", quote(s), "'"+s+"'", `"""`+s+`"""`, "'''\n"+s+"'''") }
	noise()
	for n := range rapid.IntRange(0, 3).Draw(t, "accounts") {
		indent := pick("indent", "", "  ")
		b.WriteString(indent + pick("header", "[[account]]", "[[ account ]]", `[["account"]]  # one`) + "\n")
		entry(indent, "id", quote(fmt.Sprintf("a%d", n)))
		entry(indent, "plugin", text("line"))
		noise()
		switch rapid.IntRange(0, 4).Draw(t, "form") {
		case 0:
			noise()
			b.WriteString(indent + "[account.settings]\n")
			entry(indent, "channel_id", text("1234567890"))
			noise()
			entry(indent, "channel_secret", `{ env = "LINE_SECRET" }`)
		case 1:
			entry(indent, "settings", `{ channel_id = '1', "channel_secret" = { env = "X" } }`)
			entry(indent, "name", text("a # b"))
		case 2:
			entry(indent, "settings.channel_id", text("7"))
			noise()
			entry(indent, `settings . "channel_secret"`, text("s"))
		case 3:
			b.WriteString("[account.settings.channel_secret]\nenv = \"X\"\n")
		}
		noise()
	}
	for n := range rapid.IntRange(0, 3).Draw(t, "queues") {
		b.WriteString("[[queue]]\n")
		entry("", "id", quote(fmt.Sprintf("q%d", n)))
		noise()
		entry("", "members", pick("members", `[]`, `["ana"]`, "[ 'ana', \"bo\" ]", "[\n  \"ana\", # first\n  'bo',\n]", "[\n\"ana\",\n# none\n\"bo\"]"))
		noise()
		entry("", "priority", pick("priority", "1", "1_000", "+7", "0x10"))
		noise()
	}
	if rapid.Bool().Draw(t, "organization") {
		b.WriteString("[organization]\nname = \"\"\"\n[[queue]]\n# not a comment\"\"\"\n")
		noise()
	}
	s := b.String()
	if rapid.Bool().Draw(t, "unfinished") {
		s = strings.TrimRight(s, "\n")
	}
	if rapid.Bool().Draw(t, "windows") {
		s = strings.ReplaceAll(s, "\n", "\r\n")
	}
	if rapid.Bool().Draw(t, "marked") {
		s = "\ufeff" + s
	}
	return s
}

func drawChange(t *rapid.T) Change {
	object := rapid.SampledFrom([]string{"account", "queue", "organization", "mail", "server"}).Draw(t, "object")
	c := Change{Object: object}
	values := map[string]any{
		"name": "née \"X\"\n", "members": []any{"ana", "cy"}, "priority": int64(7), "settings.channel_id": "2", "settings.token": "t",
		"settings.channel_secret": map[string]any{"stored": "s"}, "settings": map[string]any{"channel_id": "3", "z": int64(1)}, "tls.cert_file": "c", "host": "h",
	}
	var field string
	switch object {
	case "account":
		c.ID = fmt.Sprintf("a%d", rapid.IntRange(0, 3).Draw(t, "n"))
		field = rapid.SampledFrom([]string{"name", "settings.channel_id", "settings.token", "settings.channel_secret", "settings"}).Draw(t, "field")
	case "queue":
		c.ID = fmt.Sprintf("q%d", rapid.IntRange(0, 3).Draw(t, "n"))
		field = rapid.SampledFrom([]string{"name", "members", "priority"}).Draw(t, "field")
	case "server":
		field = "tls.cert_file"
	default:
		field = rapid.SampledFrom([]string{"name", "host"}).Draw(t, "field")
	}
	switch rapid.IntRange(0, 4).Draw(t, "op") {
	case 0:
		c.Op = Remove
	case 1:
		c.Op, c.Field = Remove, field
	case 2:
		c.Op, c.Value = Add, map[string]any{"name": "N", "settings": map[string]any{"channel_id": "9"}}
	default:
		c.Op, c.Field, c.Value = Set, field, values[field]
	}
	return c
}

// Whatever is edited in whatever file, the result says what the edit asks for (Amend proves it on the decoded trees and
// refuses otherwise, which must never be needed), and what a set or a remove does not concern keeps its bytes.
func TestAmendAnyFile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := drawFile(t)
		if d := parse("guichet.toml", []byte(strings.TrimPrefix(text, "\ufeff"))); len(d.problems) > 0 {
			t.Fatalf("the generator wrote no TOML: %v\n%s", d.problems, text)
		}
		now := []byte(text)
		for range rapid.IntRange(1, 4).Draw(t, "changes") {
			c := drawChange(t)
			next, err := Amend("guichet.toml", now, []Change{c}, testEnvironment())
			switch code := codeOf(err); {
			case err == nil:
			case code == "not-found" || code == "conflict" || code == "invalid":
				continue
			default:
				t.Fatalf("%+v: %v\n%s", c, err, now)
			}
			before, _ := decodeTree(now)
			after, _ := decodeTree(next)
			if len(meaning(before)) > 0 && equalValues(meaning(before), meaning(after)) && c.Op == Set && !bytes.Equal(now, next) {
				t.Fatalf("%+v has no meaning, but wrote\n%s\ninstead of\n%s", c, next, now)
			}
			if c.Op != Remove {
				undone(t, now, next, c)
			}
			for _, line := range bytes.SplitAfter(now, []byte("\n")) {
				if c.Op != Remove && bytes.HasPrefix(bytes.TrimSpace(line), []byte("#")) && bytes.Count(next, line) < bytes.Count(now, line) && bytes.HasSuffix(line, []byte("\n")) &&
					c.Field != "members" && c.Field != "settings" && !bytes.Contains(line, []byte(`"""`)) {
					t.Fatalf("%+v lost the comment %q of\n%s", c, line, now)
				}
			}
			now = next
		}
	})
}

// undone checks that the inverse of an edit that only wrote something new restores the text, byte for byte.
func undone(t *rapid.T, before, after []byte, c Change) {
	inverse := Change{Op: Remove, Object: c.Object, ID: c.ID, Field: c.Field}
	tree, _ := decodeTree(before)
	switch {
	case bytes.Equal(before, after) || len(before) > 0 && !bytes.HasSuffix(before, []byte("\n")):
		return // an end of line had to be written
	case c.Op == Set:
		path := []any{c.Object}
		if list, ok := tree[c.Object].([]any); ok {
			for i, o := range list {
				if o.(map[string]any)["id"] == any(c.ID) {
					path = append(path, i)
				}
			}
		}
		o, err := outlineOf(before)
		if err != nil {
			t.Fatal(err)
		}
		for name := range strings.SplitSeq(c.Field, ".") {
			path = append(path, name)
		}
		holder := o.find(path[:len(path)-1])
		if !o.find(path).none() || holder.header == nil && holder.leaf == nil && len(holder.dotted) == 0 || c.Field == "settings" {
			return // it replaced something, or made what holds it too
		}
	}
	back, err := Amend("guichet.toml", after, []Change{inverse}, testEnvironment())
	if err != nil || !bytes.Equal(back, before) {
		t.Fatalf("%+v, then its inverse (%v), gives\n%q\ninstead of\n%q", c, err, back, before)
	}
}

// FuzzAmend edits files that are anything at all.
func FuzzAmend(f *testing.F) {
	for _, c := range amendCases {
		f.Add([]byte(c.before))
	}
	f.Add([]byte(exampleText))
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, c := range []Change{
			set("queue", "a", "name", "x"), set("account", "a", "settings.channel_id", "1"), add("queue", "new", nil), remove("account", "a", ""),
			set("server", "", "tls.cert_file", "c"), remove("mail", "", ""),
		} {
			next, err := Amend("guichet.toml", text, []Change{c}, Environment{})
			if err != nil {
				continue
			}
			if d := parse("guichet.toml", bytes.TrimPrefix(next, []byte("\ufeff"))); len(d.problems) > 0 {
				t.Fatalf("%+v made of %q what cannot be read: %q: %v", c, text, next, d.problems)
			}
		}
	})
}

func codeOf(err error) string { return string(core.CodeOf(err)) }
