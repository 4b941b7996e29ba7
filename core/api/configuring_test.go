package api

import (
	"context"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/config"
)

const aFingerprint = "fingerprint:sha256:0123456789abcdef01234567"

// openEditor answers everything, and remembers the edits.
type openEditor struct{ edits []config.Edit }

func (e *openEditor) View(context.Context) (config.View, error) {
	return config.View{
		OnDisk: config.OnDisk{Path: "guichet.toml", Text: `channel_secret = "` + aFingerprint + `"`}, Base: "b1", Editable: true,
		Problems: config.Problems{{Path: "queue[a]", Line: 3, Message: "Bad."}},
	}, nil
}

func (e *openEditor) Objects(_ context.Context, kind, plugin string) ([]config.Object, config.Object, error) {
	if kind != "account" {
		return nil, config.Object{}, core.Errorf(core.NotFound, "there is no %q", kind)
	}
	secret := config.Field{
		SettingField: core.SettingField{Key: "settings.channel_secret", Kind: core.SettingSecret, Secret: true, Title: "Channel secret"},
		Written:      true, Line: 4, Reference: &config.Reference{Kind: "stored", Name: "s"}, Fingerprint: aFingerprint,
	}
	list := config.Field{
		SettingField: core.SettingField{Key: "settings.secrets", Kind: core.SettingList, Secret: true}, Written: true,
		Items: []config.Item{{Fingerprint: aFingerprint}, {Reference: &config.Reference{Kind: "env", Name: "X"}}},
	}
	on := config.Field{SettingField: core.SettingField{Key: "enabled", Kind: core.SettingBool}, Unset: true, Value: false, Written: true, Line: 2}
	blank := config.Object{Kind: kind, Fields: []config.Field{{SettingField: core.SettingField{Key: "settings." + plugin}}}}
	blank.Fields[0].Kind = core.SettingString
	return []config.Object{{Kind: kind, ID: "shop", Line: 1, Fields: []config.Field{secret, list, on}}}, blank, nil
}

func (e *openEditor) Edit(_ context.Context, _ auth.Actor, edit config.Edit) (config.Edited, error) {
	e.edits = append(e.edits, edit)
	if edit.Base != "b1" {
		return config.Edited{}, core.Errorf(core.Conflict, "changed meanwhile")
	}
	return config.Edited{Applied: true, Revision: 8, Base: "b2", Diff: "+x = \"" + aFingerprint + "\"\n"}, nil
}

func (e *openEditor) Rollback(_ context.Context, _ auth.Actor, revision int, edit config.Edit) (config.Edited, error) {
	e.edits = append(e.edits, edit)
	return config.Edited{Revision: revision, Base: "b1", Problems: config.Problems{{Path: "queue[a]", Line: 1, Message: "Bad.", Remedy: "Mend it."}}}, nil
}

func (e *openEditor) Versions(context.Context, int) ([]config.Version, error) {
	return []config.Version{{Revision: 7, Who: "root", When: time.Unix(1e9, 0).UTC(), Redacted: []byte(aFingerprint), Sealed: []byte("sealed")}}, nil
}

func (e *openEditor) Version(ctx context.Context, revision int) (config.Version, error) {
	if revision != 7 {
		return config.Version{}, core.Errorf(core.NotFound, "there is no version %d", revision)
	}
	list, err := e.Versions(ctx, 1)
	return list[0], err
}

func (e *openEditor) VersionDiffs(context.Context, config.Version) (changed, since string, err error) {
	return "-" + aFingerprint, "+" + aFingerprint, nil
}

// openPlugins knows one plugin.
type openPlugins struct{ drafts []Draft }

func (p *openPlugins) PluginNames() []string { return []string{"line", "gone"} }

func (p *openPlugins) DescribePlugin(name string) (PluginDescription, bool) {
	return PluginDescription{
		PluginSchema: core.PluginSchema{Settings: []core.SettingField{{Key: "token", Kind: core.SettingSecret}}, Consent: true},
		Name:         "LINE", Callbacks: []Callback{{Path: "callback", Title: "Webhook URL"}},
	}, name == "line"
}

func (p *openPlugins) ValidateDraft(_ context.Context, d Draft) ([]core.Check, config.Problems, error) {
	p.drafts = append(p.drafts, d)
	return []core.Check{{Name: "token", Title: "Token", State: core.CheckPassed}}, nil, nil
}

// TestConfigurationEndpoints calls each endpoint of the editor as those who may and those who may not. Every answer is
// compared with the description by the house.
func TestConfigurationEndpoints(t *testing.T) {
	editor, plugins := &openEditor{}, &openPlugins{}
	h := newHouse(t, func(o *Options) { o.Editor, o.Plugins = editor, plugins })
	rich, _, err := h.auth.CreateKey(t.Context(), auth.Actor{Agent: "system"}, "root", "secrets", auth.WriteSecrets)
	check(t, err)
	h.keys["rich"] = rich
	const patch = `{"base": "b1", "dry_run": true, "changes": [{"op": "set", "object": "queue", "id": "a", "field": "priority", "value": 7}]}`
	for _, c := range []struct {
		who, method, path, body string
		status                  int
	}{
		{"ada", "GET", "/configuration/file", "", 403},
		{"ada", "PATCH", "/configuration", patch, 403},
		{"ada", "POST", "/configuration/versions/7/rollback", `{"base": "b1"}`, 403},
		{"ada", "GET", "/plugins/line/schema", "", 403},
		{"ada", "GET", "/plugin-schemas", "", 403},
		{"root", "GET", "/plugin-schemas", "", 200},
		{"root", "GET", "/configuration/file", "", 200},
		{"root", "GET", "/configuration/objects/account?plugin=line", "", 200},
		{"root", "GET", "/configuration/objects/account/shop", "", 200},
		{"root", "GET", "/configuration/objects/account/other", "", 404},
		{"root", "GET", "/configuration/objects/kiosk", "", 404},
		{"root", "PATCH", "/configuration", patch, 200},
		{"root", "PATCH", "/configuration", strings.Replace(patch, "b1", "b0", 1), 409},
		{"root", "PATCH", "/configuration", strings.Replace(patch, "7", "7.5", 1), 400},
		{"root", "PATCH", "/configuration", strings.Replace(patch, "7", "null", 1), 200},
		{"root", "PATCH", "/configuration", strings.Replace(patch, `"op"`, `"opp"`, 1), 400},
		{"root", "PATCH", "/configuration", `{"base": "b1", "changes": []}`, 400},
		{"root", "PATCH", "/configuration", strings.Replace(patch, `"base": "b1", `, "", 1), 400},
		{"root", "GET", "/configuration/versions", "", 200},
		{"root", "GET", "/configuration/versions/7", "", 200},
		{"root", "GET", "/configuration/versions/6", "", 404},
		{"root", "GET", "/configuration/versions/x", "", 404},
		{"root", "POST", "/configuration/versions/7/rollback", `{"base": "b1"}`, 200},
		{"root", "POST", "/configuration/versions/7/rollback", `{}`, 400},
		{"root", "GET", "/plugins/line/schema", "", 200},
		{"root", "GET", "/plugins/none/schema", "", 404},
		{"root", "POST", "/plugins/line/validate", `{"id": "shop"}`, 403},
		{"rich", "POST", "/plugins/line/validate", `{"id": "shop", "settings": {"tries": 3}}`, 200},
		{"root", "POST", "/me/keys", `{"name": "k", "secrets": true}`, 403},
		{"rich", "POST", "/me/keys", `{"name": "k", "secrets": true}`, 201},
	} {
		got := h.call(c.who, c.method, "/api/v1"+c.path, c.body)
		if got.status != c.status {
			t.Errorf("%s %s as %s: %d, want %d\n%s", c.method, c.path, c.who, got.status, c.status, got.body)
		}
		if strings.Contains(string(got.body), aFingerprint) || strings.Contains(string(got.body), "sealed") {
			t.Errorf("%s %s as %s shows %s", c.method, c.path, c.who, got.body)
		}
	}
	if got := h.call("rich", "GET", "/api/v1/configuration/objects/account/shop", ""); !strings.Contains(string(got.body), `"mark":"`+aFingerprint) {
		t.Errorf("with the permission: %s", got.body)
	}
	want := config.Edit{Base: "b1", DryRun: true, Changes: []config.Change{{Op: config.Set, Object: "queue", ID: "a", Field: "priority", Value: int64(7)}}}
	if diff := cmp.Diff(want, editor.edits[0]); diff != "" {
		t.Errorf("the edit (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]Draft{{Plugin: "line", ID: "shop", Settings: map[string]any{"tries": int64(3)}}}, plugins.drafts); diff != "" {
		t.Errorf("the draft (-want +got):\n%s", diff)
	}
	var file struct {
		Base     string
		Secrets  bool
		Problems []ConfigurationProblem
	}
	check(t, json.Unmarshal(h.call("rich", "GET", "/api/v1/configuration/file", "").body, &file))
	if !file.Secrets || file.Base != "b1" || len(file.Problems) != 1 || file.Problems[0].Path != "queue[a]" {
		t.Errorf("the file is %+v", file)
	}
}
