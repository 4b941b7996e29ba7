package config

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/guichet/guichet/core"
)

// drawer keeps stored secrets in memory.
type drawer struct {
	mu    sync.Mutex
	texts map[string]string
}

func (d *drawer) Keep(_ context.Context, id, text string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.texts[id] = text
	return nil
}

func (d *drawer) text(id string) (string, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	text, found := d.texts[id]
	return text, found
}

// bench is a desk with an editor.
type bench struct {
	*desk
	*Editor
	drawer *drawer
	source *Source
	check  error
}

const accountText = "# ours\n[[account]]\nid = \"shop-line\"\nplugin = \"line\"\nconsent = true\n\n[account.settings]\nchannel_id = \"1234567890\"\n" +
	"channel_secret = \"s3cret-value\" # literal\nchannel_access_token = { env = \"LINE_SECRET\" }\n\n" +
	"[[channel]]\nid = \"line\"\naccount = \"shop-line\"\nworkstream = \"messages\"\n\n[[workstream]]\nid = \"messages\"\n\n[[queue]]\nid = \"general\"\n"

// newBench starts a desk on a text; "" for no file.
func newBench(t *testing.T, text string) *bench {
	t.Helper()
	b := &bench{desk: newDesk(t), drawer: &drawer{texts: map[string]string{}}}
	b.env.Stored = b.drawer.text
	if text != "" {
		b.write(text)
	}
	b.source = b.desk.source(false)
	b.Editor = NewEditor(EditorOptions{
		Path: b.path, Environment: b.env, History: b.history, Secrets: b.drawer, Source: b.source,
		Check: func(context.Context, *Config) error { return b.check },
	})
	if err := b.source.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	return b
}

func (b *bench) view() View {
	b.t.Helper()
	v, err := b.View(b.t.Context())
	if err != nil {
		b.t.Fatal(err)
	}
	return v
}

func (b *bench) save(changes ...Change) Edited {
	b.t.Helper()
	r, err := b.Save(b.t.Context(), Edit{Base: b.view().Base, Changes: changes, Who: "marie", Secrets: true})
	if err != nil {
		b.t.Fatal(err)
	}
	return r
}

func TestEditIsInForceAtOnceAndKept(t *testing.T) {
	b := newBench(t, accountText)
	before := b.view()
	r := b.save(set("queue", "general", "name", "Everybody"), add("queue", "vip", nil), set("workstream", "messages", "fallback_queue", "general"))
	if !r.Applied || r.Revision != 2 || len(r.Problems) != 0 || r.Base == before.Base || r.Base != b.view().Base {
		t.Fatalf("edited %+v", r)
	}
	b.inForce("general vip", 1, 2)
	if last := b.history.versions[1]; last.Who != "marie" || !strings.Contains(r.Diff, "+name = \"Everybody\"\n") {
		t.Errorf("version by %s, diff\n%s", last.Who, r.Diff)
	}
	if strings.Contains(r.Diff, "s3cret-value") || strings.Contains(string(b.history.versions[1].Redacted), "s3cret-value") || strings.Contains(b.view().Text, "s3cret-value") {
		t.Error("a secret is shown")
	}
	want := strings.Replace(accountText, "[[queue]]\nid = \"general\"\n", "[[queue]]\nid = \"general\"\nname = \"Everybody\"\n\n[[queue]]\nid = \"vip\"\n", 1)
	want = strings.Replace(want, "id = \"messages\"\n", "id = \"messages\"\nfallback_queue = \"general\"\n", 1)
	if got := read(t, b.path); got != want {
		t.Errorf("the file is\n%s", got)
	}
}

func TestEditThatIsRefusedWritesNothing(t *testing.T) {
	for name, c := range map[string]struct {
		edit    func(b *bench) Edit
		code    core.Code // of an error; "" where problems tell
		problem string    // path of the first problem
		say     string
	}{
		"a problem with the result": {func(b *bench) Edit {
			return Edit{Changes: []Change{set("queue", "general", "members", []any{"nobody"})}}
		}, "", "queue[general].members[0]", `no agent "nobody"`},
		"two problems": {func(b *bench) Edit {
			return Edit{Changes: []Change{set("queue", "general", "priority", "x"), remove("workstream", "messages", "")}}
		}, "", "channel[line].workstream", "no workstream"},
		"an old base": {func(b *bench) Edit {
			base := b.view().Base
			b.write(accountText + "\n# theirs\n")
			return Edit{Base: base, Changes: []Change{set("queue", "general", "name", "x")}}
		}, core.Conflict, "", "changed meanwhile"},
		"no such object": {func(b *bench) Edit { return Edit{Changes: []Change{set("queue", "vip", "name", "x")}} }, core.NotFound, "", `no queue "vip"`},
		"no such kind":   {func(b *bench) Edit { return Edit{Changes: []Change{set("kiosk", "vip", "name", "x")}} }, core.Invalid, "", `no "kiosk"`},
		"there already":  {func(b *bench) Edit { return Edit{Changes: []Change{add("queue", "general", nil)}} }, core.Conflict, "", "already"},
		"a decimal":      {func(b *bench) Edit { return Edit{Changes: []Change{set("queue", "general", "priority", 1.5)}} }, core.Invalid, "", "whole number"},
		"read-only": {func(b *bench) Edit {
			if err := os.Chmod(b.path, 0o444); err != nil {
				b.t.Fatal(err)
			}
			if v := b.view(); v.Editable || v.Why != "file" {
				b.t.Errorf("view %+v", v)
			}
			return Edit{Changes: []Change{set("queue", "general", "name", "x")}}
		}, core.Forbidden, "", "read-only"},
		"read-only folder": {func(b *bench) Edit {
			if err := os.Chmod(filepath.Dir(b.path), 0o555); err != nil {
				b.t.Fatal(err)
			}
			b.t.Cleanup(func() { _ = os.Chmod(filepath.Dir(b.path), 0o700) }) // else the folder stays
			if v := b.view(); v.Editable || v.Reason == "" || v.Why != "folder" {
				b.t.Errorf("view %+v", v)
			}
			return Edit{Changes: []Change{set("queue", "general", "name", "x")}}
		}, core.Forbidden, "", "nothing can be written"},
		"needed by conversations": {func(b *bench) Edit {
			b.check = core.Errorf(core.Conflict, "channel line is needed by 1 open conversation(s): 01X")
			return Edit{Changes: []Change{remove("channel", "line", ""), remove("account", "shop-line", "")}}
		}, "", "channel[line]", "01X"},
		"refused by what runs": {func(b *bench) Edit {
			b.refuse = errors.New("no room")
			return Edit{Changes: []Change{set("queue", "general", "name", "x")}}
		}, "", "", "no room"},
		"a dry run": {func(b *bench) Edit {
			return Edit{DryRun: true, Changes: []Change{set("account", "shop-line", "settings.channel_secret", "new-secret")}}
		}, "", "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, accountText)
			edit := c.edit(b)
			edit.Secrets, edit.Who = true, "marie"
			text := read(t, b.path)
			r, err := b.Save(t.Context(), edit)
			if core.CodeOf(err) != c.code || err != nil && !strings.Contains(err.Error(), c.say) {
				t.Fatalf("err %v (%s)", err, core.CodeOf(err))
			}
			if r.Applied || read(t, b.path) != text || len(b.drawer.texts) != 0 || len(b.history.versions) != 1 {
				t.Errorf("applied %v, secrets %v, versions %d, file\n%s", r.Applied, b.drawer.texts, len(b.history.versions), read(t, b.path))
			}
			if c.code != "" || edit.DryRun {
				return
			}
			if len(r.Problems) == 0 || c.problem != "" && r.Problems[0].Path != c.problem || !strings.Contains(r.Problems.Error(), c.say) {
				t.Errorf("problems %v", r.Problems)
			}
			if name == "needed by conversations" && !strings.Contains(r.Problems[0].Remedy, "retired = true") {
				t.Errorf("the remedy is %q", r.Problems[0].Remedy)
			}
		})
	}
}

// What could not be put in force is taken back: the file says what it said, and the version in force is the file's.
func TestRefusedEditLeavesNoProblem(t *testing.T) {
	b := newBench(t, accountText)
	b.refuse = core.Errorf(core.Conflict, "queue general is needed by 1 open conversation(s): 01X")
	r := b.save(set("queue", "general", "name", "x"))
	b.desk.mu.Lock()
	b.refuse = nil
	b.desk.mu.Unlock()
	if err := b.source.Reload(t.Context(), "test"); r.Applied || err != nil || read(t, b.path) != accountText {
		t.Errorf("edited %+v, then %v", r, err)
	}
	b.inForce("general", 1)
}

func TestFirstSaveWritesTheDefaults(t *testing.T) {
	b := newBench(t, "")
	v := b.view()
	if v.Path != "" || !v.Editable {
		t.Fatalf("view %+v", v)
	}
	if r := b.save(set("organization", "", "name", "Café")); !r.Applied {
		t.Fatalf("edited %+v", r)
	}
	if got := read(t, b.path); got != strings.Replace(string(defaults(b.env)), `"Guichet"`, `"Café"`, 1) {
		t.Errorf("the file is\n%s", got)
	}
	if v := b.view(); v.Path != b.path || v.Differs {
		t.Errorf("view %+v", v)
	}
}

// A file that was there and is gone is not replaced by the defaults, but a version of it can be put back.
func TestFileThatIsGone(t *testing.T) {
	b := newBench(t, accountText)
	if err := os.Remove(b.path); err != nil {
		t.Fatal(err)
	}
	v := b.view()
	_, err := b.Save(t.Context(), Edit{Base: v.Base, Changes: []Change{set("organization", "", "name", "x")}, Secrets: true})
	if v.Editable || !strings.Contains(v.Reason, "gone") || v.Why != "gone" || core.CodeOf(err) != core.Conflict {
		t.Errorf("view %+v, err %v", v, err)
	}
	r, err := b.Restore(t.Context(), b.history.versions[0], Edit{Base: v.Base, Who: "marie", Secrets: true})
	if err != nil || !r.Applied || read(t, b.path) != accountText {
		t.Errorf("restored %+v, %v", r, err)
	}
}

func TestSecretsAreStoredSealed(t *testing.T) {
	b := newBench(t, accountText)
	r := b.save(set("account", "shop-line", "settings.channel_secret", "brand-new-secret"))
	if !r.Applied || len(b.drawer.texts) != 1 || strings.Contains(r.Diff, "brand-new-secret") {
		t.Fatalf("edited %+v, stored %v", r, b.drawer.texts)
	}
	var id string
	for id = range b.drawer.texts {
	}
	if want := strings.Replace(accountText, `"s3cret-value"`, `{ stored = "`+id+`" }`, 1); read(t, b.path) != want {
		t.Errorf("the file is\n%s", read(t, b.path))
	}
	c, _ := b.source.Current()
	if got := c.Setup(1).Accounts["shop-line"].Settings["channel_secret"]; got != "brand-new-secret" {
		t.Errorf("in force is %v", got)
	}
	list, _, err := b.Objects(t.Context(), "account", "")
	if err != nil {
		t.Fatal(err)
	}
	if list[0].Plugin != "line" {
		t.Errorf("the account's settings are described by %q", list[0].Plugin)
	}
	for _, f := range list[0].Fields {
		switch f.Key {
		case "settings.channel_secret":
			if f.Value != nil || f.Reference == nil || f.Reference.Name != id || f.Fingerprint != fingerprint(b.history.FingerprintKey(), "brand-new-secret") || f.Line != 9 {
				t.Errorf("the secret is shown as %+v", f)
			}
		case "settings.channel_id":
			if f.Value != any("1234567890") || f.Secret || f.Line != 8 || !f.Written {
				t.Errorf("the id is shown as %+v", f)
			}
		case "enabled":
			if f.Written || f.Unset != any(true) || f.Kind != core.SettingBool {
				t.Errorf("enabled is shown as %+v", f)
			}
		}
	}
}

func TestSecretsNeedThePermission(t *testing.T) {
	for name, c := range map[string]Change{
		"write one":             set("account", "shop-line", "settings.channel_secret", "mine"),
		"all settings at once":  set("account", "shop-line", "settings", map[string]any{"channel_secret": "mine"}),
		"say where one is":      set("account", "shop-line", "settings.channel_id", map[string]any{"env": "HOME"}),
		"remove one":            remove("account", "shop-line", "settings.channel_secret"),
		"send them elsewhere":   set("account", "shop-line", "settings.api_url", "https://evil.example"),
		"to another plugin":     set("account", "shop-line", "plugin", "wide"),
		"to another mail host":  set("mail", "", "host", "evil.example"),
		"with a new account":    add("account", "b", map[string]any{"plugin": "line", "settings": map[string]any{"channel_secret": "x"}}),
		"the whole mail server": set("mail", "", "password", "x"),
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, accountText)
			_, err := b.Save(t.Context(), Edit{Changes: []Change{c}, Who: "marie"})
			if core.CodeOf(err) != core.Forbidden || read(t, b.path) != accountText {
				t.Errorf("err %v, file\n%s", err, read(t, b.path))
			}
		})
	}
	b := newBench(t, accountText)
	r, err := b.Save(t.Context(), Edit{Changes: []Change{set("account", "shop-line", "name", "Shop"), set("account", "shop-line", "settings.channel_id", "2234567890")}, Who: "marie"})
	if err != nil || !r.Applied {
		t.Errorf("other fields: %+v, %v", r, err)
	}
	if _, err := b.Restore(t.Context(), b.history.versions[0], Edit{}); core.CodeOf(err) != core.Forbidden {
		t.Errorf("rolled back: %v", err)
	}
}

func TestRollbackBringsBackTheSecretsOfThen(t *testing.T) {
	b := newBench(t, accountText)
	b.save(set("account", "shop-line", "settings.channel_secret", "brand-new-secret"), set("queue", "general", "name", "x"))
	r, err := b.Restore(t.Context(), b.history.versions[0], Edit{Base: b.view().Base, Who: "paul", Secrets: true})
	if err != nil || !r.Applied || r.Revision != 3 || read(t, b.path) != accountText || b.history.versions[2].Who != "paul" {
		t.Fatalf("restored %+v, %v; the file is\n%s", r, err, read(t, b.path))
	}
	stale := b.view().Base
	b.write(accountText + "\n# theirs\n")
	if _, err := b.Restore(t.Context(), b.history.versions[1], Edit{Base: stale, Secrets: true}); core.CodeOf(err) != core.Conflict {
		t.Errorf("over somebody else's change: %v", err)
	}
}

// lockedHistory cannot open what another key sealed.
type lockedHistory struct{ *memoryHistory }

func (lockedHistory) Open([]byte) ([]byte, error) { return nil, errors.New("sealed with another key") }

func TestRollbackSaysWhenSecretsAreLost(t *testing.T) {
	b := newBench(t, accountText)
	if _, err := Original(lockedHistory{b.history}, b.history.versions[0]); core.CodeOf(err) != core.Conflict || !strings.Contains(err.Error(), "another key") {
		t.Errorf("err %v", err)
	}
	plain := newBench(t, queueText("general"))
	if text, err := Original(lockedHistory{plain.history}, plain.history.versions[0]); err != nil || string(text) != queueText("general") {
		t.Errorf("without secrets: %q, %v", text, err)
	}
}

func TestFingerprintsCanBeHidden(t *testing.T) {
	b := newBench(t, accountText)
	if text := b.view().Text; !fingerprints.MatchString(text) || fingerprints.MatchString(WithoutFingerprints(text)) {
		t.Errorf("text\n%s", text)
	}
}

func TestDraftSettings(t *testing.T) {
	b := newBench(t, accountText)
	s, problems, err := b.DraftSettings(t.Context(), "line", "shop-line", false, map[string]any{"channel_id": "2234567890"})
	if err != nil || len(problems) != 0 || s["channel_secret"] != "s3cret-value" || s["channel_id"] != "2234567890" || s["channel_access_token"] != "from-env" {
		t.Errorf("settings %v, %v, %v", s, problems, err)
	}
	_, problems, err = b.DraftSettings(t.Context(), "line", "new", false, map[string]any{"channel_id": "2234567890"})
	if err != nil || len(problems) == 0 || !strings.HasPrefix(problems[0].Path, "account[new].settings.") || problems[0].Line != 0 {
		t.Errorf("problems %v, %v", problems, err)
	}
	if _, _, err := b.DraftSettings(t.Context(), "nothing", "", false, nil); core.CodeOf(err) != core.NotFound {
		t.Errorf("err %v", err)
	}
}

// The elements of a list of secrets that stay are named by their place; files that are uploaded are stored like secrets.
func TestListsOfSecretsAndUploadedFiles(t *testing.T) {
	text := strings.NewReplacer(`"line"`, `"wide"`, "channel_id = \"1234567890\"\n", "", "channel_secret = \"s3cret-value\" # literal\n", "",
		"channel_access_token = { env = \"LINE_SECRET\" }", "secrets = [\n  \"first-secret\", # old\n  { env = \"LINE_SECRET\" },\n  \"third-secret\",\n]").Replace(accountText)
	b := newBench(t, text)
	keep := func(n int64) any { return map[string]any{"keep": n} }
	r := b.save(set("account", "shop-line", "settings.secrets", []any{keep(0), keep(1), "fourth-secret"}),
		set("account", "shop-line", "settings.service_account", `{"private_key": "hush"}`))
	if !r.Applied || len(b.drawer.texts) != 2 {
		t.Fatalf("edited %+v, stored %v", r, b.drawer.texts)
	}
	now := read(t, b.path)
	if !strings.Contains(now, "  \"first-secret\", # old\n  { env = \"LINE_SECRET\" },\n  { stored = \"") || strings.Contains(now, "third") ||
		strings.Contains(now, "fourth") || strings.Contains(now, "hush") {
		t.Errorf("the file is\n%s", now)
	}
	c, _ := b.source.Current()
	settings := c.Setup(1).Accounts["shop-line"].Settings
	if got := strings.Join(settings["secrets"].([]string), " "); got != "first-secret from-env fourth-secret" || settings["service_account"] != `{"private_key": "hush"}` {
		t.Errorf("settings %v", settings)
	}
	list, _, err := b.Objects(t.Context(), "account", "")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list[0].Fields {
		if f.Key == "settings.secrets" && (f.Value != nil || len(f.Items) != 3 || f.Items[0].Value != nil || f.Items[0].Fingerprint == "" || f.Items[1].Reference.Name != "LINE_SECRET") {
			t.Errorf("shown as %+v", f)
		}
	}
	if _, err := b.Save(t.Context(), Edit{Secrets: true, Changes: []Change{set("account", "shop-line", "settings.secrets", []any{keep(9)})}}); core.CodeOf(err) != core.Conflict {
		t.Errorf("an element that is not there: %v", err)
	}
}
