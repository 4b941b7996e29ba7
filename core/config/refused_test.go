package config

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
)

// Of an edit that is refused people see what it would have changed, and nothing that is secret.
func TestRefusedEditShowsWhatItWouldChange(t *testing.T) {
	b := newBench(t, accountText)
	r := b.save(set("queue", "general", "members", []any{"nobody"}), set("account", "shop-line", "settings.channel_secret", "new-secret"))
	const want = `diff as it is as it would be
--- as it is
+++ as it would be
@@ -6,7 +6,7 @@
 
 [account.settings]
 channel_id = "********"
-channel_secret = "********"
+channel_secret = { stored = "ID" } # literal
 channel_access_token = { env = "LINE_SECRET" }
 
 [[channel]]
@@ -19,3 +19,4 @@
 
 [[queue]]
 id = "general"
+members = ["nobody"]
`
	if diff := cmp.Diff(want, storedID.ReplaceAllString(r.Diff, `stored = "ID"`)); diff != "" {
		t.Errorf("the difference (-want +got):\n%s", diff)
	}
	if len(r.Problems) != 1 || r.Problems[0].Line != 22 {
		t.Errorf("problems %v", r.Problems)
	}
	b.check = core.Errorf(core.Conflict, "channel line is needed by 1 open conversation(s): 01X")
	if r := b.save(set("queue", "general", "name", "Everybody")); len(r.Problems) != 1 || !strings.Contains(r.Diff, "+name = \"Everybody\"\n") {
		t.Errorf("refused by the desk: %v\n%s", r.Problems, r.Diff)
	}
	b.check, b.refuse = nil, errors.New("no room")
	if r := b.save(set("queue", "general", "name", "Everybody")); len(r.Problems) != 1 || !strings.Contains(r.Diff, "+name = \"Everybody\"\n") {
		t.Errorf("refused by what runs: %v\n%s", r.Problems, r.Diff)
	}
}

// An account whose channels have addresses takes several, and each goes by itself.
func TestChannelsAreAddedAndRemoved(t *testing.T) {
	const text = "[[account]]\nid = \"sms\"\nplugin = \"number\"\n\n[[channel]]\nid = \"sms\"\naccount = \"sms\"\nworkstream = \"messages\"\n" +
		"address = { number = \"1\" }\n\n[[workstream]]\nid = \"messages\"\n\n[[queue]]\nid = \"general\"\n"
	b := newBench(t, text)
	second := func(number string) Change {
		return add("channel", "second", map[string]any{"account": "sms", "workstream": "messages", "address": map[string]any{"number": number}})
	}
	if r := b.save(second("1")); len(r.Problems) != 1 || r.Problems[0].Path != "channel[second].address" || r.Problems[0].Code != "address-clash" || r.Problems[0].Params["channel"] != "sms" {
		t.Errorf("the same address twice: %v", r.Problems)
	}
	if r := b.save(second("2")); !r.Applied {
		t.Fatalf("added: %v", r.Problems)
	}
	block := "\n[[channel]]\nid = \"second\"\naccount = \"sms\"\nworkstream = \"messages\"\naddress = { number = \"2\" }\n"
	if diff := cmp.Diff(strings.Replace(text, "\n[[workstream]]", block+"\n[[workstream]]", 1), read(t, b.path)); diff != "" {
		t.Errorf("the file (-want +got):\n%s", diff)
	}
	if r := b.save(remove("channel", "sms", "")); !r.Applied || strings.Contains(read(t, b.path), `number = "1"`) {
		t.Errorf("removed: %v\n%s", r.Problems, read(t, b.path))
	}
	if r := b.save(remove("channel", "second", "")); len(r.Problems) != 1 || r.Problems[0].Code != "no-channel" {
		t.Errorf("the last one: %v", r.Problems)
	}
}

var storedID = regexp.MustCompile(`stored = "[^"]*"`)
