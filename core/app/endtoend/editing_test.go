package endtoend

import (
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/guichet/guichet/scripts/load/harness"
)

type problem struct {
	Path    string `json:"path"`
	Problem string `json:"problem"`
	Remedy  string `json:"remedy"`
}

type edited struct {
	Applied  bool      `json:"applied"`
	Revision int       `json:"revision"`
	Base     string    `json:"base"`
	Diff     string    `json:"diff"`
	Problems []problem `json:"problems"`
}

type change struct {
	Op     string `json:"op"`
	Object string `json:"object"`
	ID     string `json:"id,omitempty"`
	Field  string `json:"field,omitempty"`
	Value  any    `json:"value,omitempty"`
}

// keyring calls the API with a key that may write secrets.
func (s *scene) keyring() *harness.Client {
	s.t.Helper()
	key, err := s.Run(s.ctx, "", "user", "token", harness.Email(harness.Supervisor.ID), "--secrets")
	s.must(err)
	c := *s.join(harness.Supervisor.ID)
	c.Key = strings.TrimSpace(key)
	return &c
}

func (s *scene) base(c *harness.Client) string {
	s.t.Helper()
	var file struct {
		Base     string `json:"base"`
		Editable bool   `json:"editable"`
	}
	_, err := c.Do(s.ctx, http.MethodGet, "/api/v1/configuration/file", nil, &file)
	s.must(err)
	if !file.Editable {
		s.t.Fatal("the file is not editable")
	}
	return file.Base
}

func (s *scene) edit(c *harness.Client, changes ...change) (edited, error) {
	s.t.Helper()
	var out edited
	_, err := c.Do(s.ctx, http.MethodPatch, "/api/v1/configuration", map[string]any{"base": s.base(c), "changes": changes}, &out)
	return out, err
}

// An administrator edits the configuration in the admin center: a secret is sealed and in force at once and after a
// restart, what is needed cannot be removed, others' changes are not overwritten, and every version can be put back.
func TestConfigurationIsEdited(t *testing.T) {
	s := open(t, harness.Config{Agents: 1})
	agent, boss := s.agent(1), s.keyring()
	poor := s.join(harness.Supervisor.ID)
	customer, c := s.begin(agent, "Ana", "Hi")
	secret := s.Config.Settings["channel_secret"]
	path := s.ConfigPath()
	before, err := os.ReadFile(path)
	s.must(err)

	// Without the permission for secrets other fields can be edited, but no secret.
	if _, err := s.edit(poor, change{"set", "account", harness.Account, "settings.channel_secret", secret}); harness.StatusOf(err) != http.StatusForbidden {
		t.Errorf("a key without the permission wrote a secret: %v", err)
	}
	if r, err := s.edit(poor, change{"set", "account", harness.Account, "name", "The shop"}); err != nil || !r.Applied || r.Revision != 2 {
		t.Fatalf("edited %+v, %v", r, err)
	}
	r, err := s.edit(boss, change{"set", "account", harness.Account, "settings.channel_secret", secret})
	if err != nil || !r.Applied || r.Revision != 3 || strings.Contains(r.Diff, secret) || !strings.Contains(r.Diff, "+channel_secret = { stored = ") {
		t.Fatalf("edited %+v, %v", r, err)
	}
	now, err := os.ReadFile(path)
	s.must(err)
	if strings.Contains(string(now), secret) || len(strings.Split(string(now), "\n")) != len(strings.Split(string(before), "\n"))+1 {
		t.Errorf("the file is\n%s", now)
	}
	s.deliver(customer.Text("signed with the sealed secret"))
	s.Kill()
	s.must(s.Start(s.ctx))
	s.deliver(customer.Text("also after a restart"))
	if got := s.configuration(boss); got.Revision != 3 || got.Banner != "" {
		t.Errorf("after a restart: %+v", got)
	}

	// What open conversations need stays, and they are named.
	r, err = s.edit(boss, change{Op: "remove", Object: "channel", ID: harness.Channel}, change{Op: "remove", Object: "account", ID: harness.Account})
	if err != nil || r.Applied || len(r.Problems) != 1 || r.Problems[0].Path != "channel[line]" ||
		!strings.Contains(r.Problems[0].Problem, c) || !strings.Contains(r.Problems[0].Remedy, "retired = true") {
		t.Errorf("removed: %+v, %v", r, err)
	}
	// A problem is shown beside its field.
	r, err = s.edit(boss, change{"set", "workstream", harness.Workstream, "offer_timeout", "soon"})
	if err != nil || r.Applied || len(r.Problems) != 1 || r.Problems[0].Path != "workstream[messages].offer_timeout" {
		t.Errorf("a bad duration: %+v, %v", r, err)
	}
	// Somebody edits the file meanwhile.
	base := s.base(boss)
	s.must(os.WriteFile(path, append(now, "\n# theirs\n"...), 0o600))
	_, err = boss.Do(s.ctx, http.MethodPatch, "/api/v1/configuration", map[string]any{"base": base, "changes": []change{
		{"set", "account", harness.Account, "name", "Mine"},
	}}, nil)
	if raw, _ := os.ReadFile(path); harness.StatusOf(err) != http.StatusConflict || !strings.HasSuffix(string(raw), "# theirs\n") {
		t.Errorf("over somebody else's change: %v", err)
	}

	// Back to how it began, with the literal secret.
	var back edited
	_, err = boss.Do(s.ctx, http.MethodPost, "/api/v1/configuration/versions/1/rollback", map[string]any{"base": s.base(boss)}, &back)
	if raw, _ := os.ReadFile(path); err != nil || !back.Applied || string(raw) != string(before) {
		t.Errorf("rolled back %+v, %v", back, err)
	}
	s.deliver(customer.Text("with the literal secret again"))

	var object struct {
		Fields []struct {
			Path    string `json:"path"`
			Written bool   `json:"written"`
			Secret  bool   `json:"secret"`
			Value   any    `json:"value"`
			Mark    string `json:"mark"`
		} `json:"fields"`
	}
	marks := map[string]string{}
	for who, client := range map[string]*harness.Client{"with": boss, "without": poor} {
		_, err = client.Do(s.ctx, http.MethodGet, "/api/v1/configuration/objects/account/"+harness.Account, nil, &object)
		s.must(err)
		for _, f := range object.Fields {
			if f.Path == "settings.channel_secret" {
				if !f.Written || !f.Secret || f.Value != nil {
					t.Errorf("the secret is shown as %+v", f)
				}
				marks[who] = f.Mark
			}
		}
	}
	if marks["with"] == "" || marks["without"] != "" {
		t.Errorf("marks %v", marks)
	}

	// No answer ever shows the secret.
	for _, address := range []string{
		"configuration", "configuration/file", "configuration/objects/account", "configuration/versions", "configuration/versions/1",
		"configuration/versions/2", "configuration/versions/3", "audit",
	} {
		raw, err := boss.Get(s.ctx, "/api/v1/"+address)
		s.must(err)
		if strings.Contains(string(raw), secret) {
			t.Errorf("%s shows the secret", address)
		}
		if address == "audit" && (!strings.Contains(string(raw), "set account[shop].settings.channel_secret") || !strings.Contains(string(raw), "configuration.rolled-back")) {
			t.Errorf("the audit log says %s", raw)
		}
		if poorly, err := poor.Get(s.ctx, "/api/v1/"+address); err != nil || strings.Contains(string(poorly), "fingerprint:sha256") {
			t.Errorf("%s shows fingerprints to those who may not see them (%v)", address, err)
		}
	}
	if _, err := agent.Get(s.ctx, "/api/v1/configuration/file"); harness.StatusOf(err) != http.StatusForbidden {
		t.Errorf("an agent reads the file: %v", err)
	}
}

// Settings are tried out before they are saved, with what the saved account has where they are silent.
func TestDraftIsValidated(t *testing.T) {
	s := open(t, harness.Config{Agents: 1})
	boss := s.keyring()
	var schema struct {
		Settings  []struct{ Key string } `json:"settings"`
		Callbacks []struct{ URL string } `json:"callbacks"`
		Consent   bool                   `json:"consent"`
		BuiltIn   bool                   `json:"built_in"`
	}
	_, err := boss.Do(s.ctx, http.MethodGet, "/api/v1/plugins/line/schema", nil, &schema)
	s.must(err)
	if len(schema.Settings) < 3 || schema.Consent || !schema.BuiltIn || len(schema.Callbacks) == 0 || !strings.HasSuffix(schema.Callbacks[0].URL, "/channels/{account}/callback") {
		t.Errorf("schema %+v", schema)
	}
	var out struct {
		Items    []struct{ Name, State, Detail string } `json:"items"`
		Problems []problem                              `json:"problems"`
	}
	try := func(body map[string]any) {
		t.Helper()
		out.Items, out.Problems = nil, nil
		_, err := boss.Do(s.ctx, http.MethodPost, "/api/v1/plugins/line/validate", body, &out)
		s.must(err)
	}
	try(map[string]any{"id": "other", "settings": map[string]any{"channel_id": "1"}})
	if len(out.Problems) == 0 || len(out.Items) != 0 || !strings.HasPrefix(out.Problems[0].Path, "account[other].settings.") {
		t.Errorf("a draft without secrets: %+v", out)
	}
	try(map[string]any{"id": harness.Account, "test": true, "settings": map[string]any{}})
	token := func() string {
		for _, c := range out.Items {
			if c.Name == "token" {
				return c.State
			}
		}
		return "not checked"
	}
	if token() != "passed" || len(out.Problems) != 0 {
		t.Errorf("a draft of the saved account: %+v", out)
	}
	try(map[string]any{"id": harness.Account, "test": true, "settings": map[string]any{"channel_access_token": "wrong-token"}})
	if token() != "failed" {
		t.Errorf("a wrong token: %+v", out)
	}
	// A plugin that no account needs so far is started for it.
	var bot struct {
		Items []struct{ Name, State, Detail string } `json:"items"`
	}
	_, err = boss.Do(s.ctx, http.MethodPost, "/api/v1/plugins/telegram/validate", map[string]any{"settings": map[string]any{"bot_token": "123456:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "api_url": "http://127.0.0.1:9"}, "test": true}, &bot)
	s.must(err)
	if len(bot.Items) == 0 || bot.Items[0].Name == "plugin" || bot.Items[0].Name == "validate" {
		t.Errorf("a draft for a plugin that does not run: %+v", bot)
	}
	poor := s.join(harness.Supervisor.ID)
	if _, err := poor.Do(s.ctx, http.MethodPost, "/api/v1/plugins/line/validate", map[string]any{}, nil); harness.StatusOf(err) != http.StatusForbidden {
		t.Errorf("without the permission: %v", err)
	}
}
