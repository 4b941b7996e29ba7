package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// amendCase is a file, an edit, and what the file is afterwards.
type amendCase struct {
	name, before string
	changes      []Change
	after        string
}

func set(object, id, field string, v any) Change {
	return Change{Op: Set, Object: object, ID: id, Field: field, Value: v}
}

func remove(object, id, field string) Change {
	return Change{Op: Remove, Object: object, ID: id, Field: field}
}

func add(object, id string, v map[string]any) Change {
	return Change{Op: Add, Object: object, ID: id, Value: v}
}

var amendCases = []amendCase{
	{
		"a value, and nothing around it",
		"# mine\n[organization]   # us\n  name   =   'Shop'   # the name\n\n\n[[queue]]\nid='a'\n",
		[]Change{set("organization", "", "name", "Café")},
		"# mine\n[organization]   # us\n  name   =   'Café'   # the name\n\n\n[[queue]]\nid='a'\n",
	},
	{
		"the same value is no change",
		"[[queue]]\nid = \"a\"\npriority = 1_00\n",
		[]Change{set("queue", "a", "priority", int64(100))},
		"[[queue]]\nid = \"a\"\npriority = 1_00\n",
	},
	{
		"a new key, in the order of the example and behind its comment",
		"[[channel]]\nid = \"line\"\nworkstream = \"messages\"\n# The organization's when it is not set.\n# language = \"en\"\n# enabled = true\n\n# next\n[[queue]]\nid = \"a\"\n",
		[]Change{set("channel", "line", "language", "fr"), set("channel", "line", "account", "shop")},
		"[[channel]]\nid = \"line\"\naccount = \"shop\"\nworkstream = \"messages\"\n# The organization's when it is not set.\n# language = \"en\"\nlanguage = \"fr\"\n# enabled = true\n\n# next\n[[queue]]\nid = \"a\"\n",
	},
	{
		"settings in a table of their own",
		"[[account]]\nid = \"a\"\n\n[account.settings]\nchannel_id = \"1\" # theirs\n\n[[account]]\nid = \"b\"\n",
		[]Change{set("account", "a", "settings.channel_id", "2"), set("account", "a", "settings.channel_secret", map[string]any{"stored": "x"})},
		"[[account]]\nid = \"a\"\n\n[account.settings]\nchannel_id = \"2\" # theirs\nchannel_secret = { stored = \"x\" }\n\n[[account]]\nid = \"b\"\n",
	},
	{
		"settings in one line",
		"[[account]]\nid = \"a\"\nsettings = { channel_id = \"1\", channel_secret = { env = \"X\" } } # one line\n",
		[]Change{set("account", "a", "settings.channel_secret", map[string]any{"stored": "x"}), set("account", "a", "settings.token", "t")},
		"[[account]]\nid = \"a\"\nsettings = { channel_id = \"1\", channel_secret = { stored = \"x\" }, token = \"t\" } # one line\n",
	},
	{
		"settings with dotted keys",
		"[[account]]\nid = \"a\"\nsettings.channel_id = \"1\"\n  settings.\"channel_secret\" = \"x\"\nenabled = false\n",
		[]Change{set("account", "a", "settings.token", "t"), remove("account", "a", "settings.channel_id")},
		"[[account]]\nid = \"a\"\n  settings.\"channel_secret\" = \"x\"\n  settings.token = \"t\"\nenabled = false\n",
	},
	{
		"the first setting",
		"[[account]]\nid = \"a\"\n# below\n\n# another\n[[account]]\nid = \"b\"\n",
		[]Change{set("account", "a", "settings.channel_id", "1"), set("channel", "", "x", "")}[:1],
		"[[account]]\nid = \"a\"\n# below\n\n[account.settings]\nchannel_id = \"1\"\n\n# another\n[[account]]\nid = \"b\"\n",
	},
	{
		"the first part of an inline table, and its last",
		"[[channel]]\nid = \"c\"\n",
		[]Change{
			set("channel", "c", "attachments.from_agent", false), set("channel", "c", "widget.color", "clay"), set("channel", "c", "widget.title", "Hi"),
			remove("channel", "c", "widget.color"), remove("channel", "c", "attachments.from_agent"),
		},
		"[[channel]]\nid = \"c\"\nattachments = {}\nwidget = { title = \"Hi\" }\n",
	},
	{
		"a table as a whole",
		"[[channel]]\nid = \"c\"\naddress = { a = \"1\", b = \"2\" }\n",
		[]Change{set("channel", "c", "address", map[string]any{"b": "2", "c": "3"})},
		"[[channel]]\nid = \"c\"\naddress = { b = \"2\", c = \"3\" }\n",
	},
	{
		"a list of several lines",
		"[[queue]]\nid = \"q\"\nmembers = [\n  \"ana\",   # first\n  \"bo\",\n  \"cy\", # last\n]\n",
		[]Change{set("queue", "q", "members", []any{"ana", "cy", "di"})},
		"[[queue]]\nid = \"q\"\nmembers = [\n  \"ana\",   # first\n  \"cy\", # last\n  \"di\",\n]\n",
	},
	{
		"a list of several lines without a comma at its end",
		"[[queue]]\nid = \"q\"\nmembers = [\n  \"ana\",\n  \"bo\" # last\n]\n",
		[]Change{set("queue", "q", "members", []any{"ana", "bo", "di"})},
		"[[queue]]\nid = \"q\"\nmembers = [\n  \"ana\",\n  \"bo\", # last\n  \"di\"\n]\n",
	},
	{
		"a list on one line, in another order",
		"[[queue]]\nid = \"q\"\nmembers = [ \"ana\", \"bo\" ]\n",
		[]Change{set("queue", "q", "members", []any{"bo", "ana"})},
		"[[queue]]\nid = \"q\"\nmembers = [ \"bo\", \"ana\" ]\n",
	},
	{
		"an object behind the last of its kind",
		"[[account]]\nid = \"a\"\n[account.settings]\nx = \"1\"\n# its own\n\n# The queues.\n[[queue]]\nid = \"q\"\n",
		[]Change{add("account", "b", map[string]any{
			"name": "B", "plugin": "line", "settings": map[string]any{"channel_id": "1", "channel_secret": map[string]any{"stored": "s"}}, "enabled": false,
		})},
		"[[account]]\nid = \"a\"\n[account.settings]\nx = \"1\"\n# its own\n\n[[account]]\nid = \"b\"\nplugin = \"line\"\nname = \"B\"\nenabled = false\n\n[account.settings]\nchannel_id = \"1\"\nchannel_secret = { stored = \"s\" }\n\n# The queues.\n[[queue]]\nid = \"q\"\n",
	},
	{
		"the first object of its kind, where the last line has no end",
		"[[queue]]\nid = \"q\"",
		[]Change{add("workstream", "w", map[string]any{"auto_close": map[string]any{"open": "never"}})},
		"[[queue]]\nid = \"q\"\n\n[[workstream]]\nid = \"w\"\nauto_close = { open = \"never\" }\n",
	},
	{
		"an object in a list on one line",
		"queue = [{ id = \"a\" }, { id = \"b\" }]\n",
		[]Change{add("queue", "c", nil), remove("queue", "a", ""), set("queue", "b", "priority", int64(3))},
		"queue = [{ id = \"b\", priority = 3 }, { id = \"c\" }]\n",
	},
	{
		"an object goes with its comment and its tables",
		"[[account]]\nid = \"a\"\n\n# The second one,\n# in two lines.\n[[account]]\nid = \"b\"\n# name = \"B\"\n\n# What it needs.\n[account.settings]\nx = \"1\"\n\n# The third.\n[[account]]\nid = \"c\"\n",
		[]Change{remove("account", "b", "")},
		"[[account]]\nid = \"a\"\n\n# The third.\n[[account]]\nid = \"c\"\n",
	},
	{
		"the first object leaves no gap, and what stands alone stays",
		"[[queue]]\nid = \"a\"\n\n# --- the others ---\n\n[[queue]]\nid = \"b\"\n",
		[]Change{remove("queue", "a", "")},
		"# --- the others ---\n\n[[queue]]\nid = \"b\"\n",
	},
	{
		"a table of which there is one",
		"[server]\nlisten = \":80\"\n",
		[]Change{set("mail", "", "host", "smtp"), set("mail", "", "from", "a@b.c"), set("server", "", "tls.cert_file", "c"), set("server", "", "tls.key_file", "k")},
		"[server]\nlisten = \":80\"\n\n[server.tls]\ncert_file = \"c\"\nkey_file = \"k\"\n\n[mail]\nhost = \"smtp\"\nfrom = \"a@b.c\"\n",
	},
	{
		"line ends and the mark of Windows",
		"\ufeff[[queue]]\r\nid = \"a\"\r\n",
		[]Change{set("queue", "a", "name", "A"), add("queue", "b", nil)},
		"\ufeff[[queue]]\r\nid = \"a\"\r\nname = \"A\"\r\n\r\n[[queue]]\r\nid = \"b\"\r\n",
	},
	{
		"texts of several lines that look like something else",
		"[organization]\nprivacy_notice = \"\"\"\n[[queue]]\n# name = \"x\" \\\"\"\" \"\"\"\"\"\nlanguage = 'en'\n[[queue]]\nid = \"a\"\n",
		[]Change{set("organization", "", "name", "X"), set("queue", "a", "name", "A")},
		"[organization]\nname = \"X\"\nprivacy_notice = \"\"\"\n[[queue]]\n# name = \"x\" \\\"\"\" \"\"\"\"\"\nlanguage = 'en'\n[[queue]]\nid = \"a\"\nname = \"A\"\n",
	},
	{
		"a reference keeps its form",
		"[[account]]\nid = \"a\"\nsettings.token.env = \"X\"\nenabled = true\n",
		[]Change{set("account", "a", "settings.token", map[string]any{"stored": "s"})},
		"[[account]]\nid = \"a\"\nsettings.token.stored = \"s\"\nenabled = true\n",
	},
	{
		"from an empty file",
		"",
		[]Change{add("agent", "ana", map[string]any{"email": "ana@example.com"})},
		"[[agent]]\nid = \"ana\"\nemail = \"ana@example.com\"\n",
	},
}

func TestAmendChangesNothingElse(t *testing.T) {
	for _, c := range amendCases {
		t.Run(c.name, func(t *testing.T) {
			got, err := Amend("guichet.toml", []byte(c.before), c.changes, Environment{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.SplitAfter(c.after, "\n"), strings.SplitAfter(string(got), "\n")); diff != "" {
				t.Errorf("the file afterwards (-want +got):\n%s", diff)
			}
		})
	}
}
