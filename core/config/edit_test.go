package config

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/guichet/guichet/core"
)

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// appendAgent adds a person as the application does.
func appendAgent(t *testing.T, path string, agent core.Agent, env Environment) error {
	t.Helper()
	e := NewEditor(EditorOptions{Path: path, Environment: env, History: &memoryHistory{}})
	change, err := e.NewAgent(t.Context(), agent)
	if err != nil {
		return err
	}
	r, err := e.Save(t.Context(), Edit{Changes: []Change{change}, Who: "people"})
	if err == nil && !r.Applied {
		err = r.Problems
	}
	return err
}

func TestAppendAgentKeepsEverythingElse(t *testing.T) {
	for name, c := range map[string]struct{ text, want string }{
		"comments": {
			"# mine\n\n[[queue]] # odd   spacing\nid   =   'general'\n",
			"\n[[agent]]\nid = \"marie-dupont\"\nemail = \"Marie.Dupont@example.com\"\nname = \"Marie \\\"M\\\" Dupont\"\nrole = \"administrator\"\n",
		},
		"no newline at the end": {
			"[[queue]]\nid = \"general\"",
			"\n\n[[agent]]\nid = \"marie-dupont\"\nemail = \"Marie.Dupont@example.com\"\nname = \"Marie \\\"M\\\" Dupont\"\nrole = \"administrator\"\n",
		},
		"windows": {
			"\ufeff[[queue]]\r\nid = \"general\"\r\n",
			"\r\n[[agent]]\r\nid = \"marie-dupont\"\r\nemail = \"Marie.Dupont@example.com\"\r\nname = \"Marie \\\"M\\\" Dupont\"\r\nrole = \"administrator\"\r\n",
		},
		"empty": {
			"",
			"[[agent]]\nid = \"marie-dupont\"\nemail = \"Marie.Dupont@example.com\"\nname = \"Marie \\\"M\\\" Dupont\"\nrole = \"administrator\"\n",
		},
		"id taken": {
			"[[agent]]\nid = \"marie-dupont\"\nemail = \"other@example.com\"\n",
			"\n[[agent]]\nid = \"marie-dupont-2\"\nemail = \"Marie.Dupont@example.com\"\nname = \"Marie \\\"M\\\" Dupont\"\nrole = \"administrator\"\n",
		},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "guichet.toml")
			if err := os.WriteFile(path, []byte(c.text), 0o640); err != nil {
				t.Fatal(err)
			}
			link := filepath.Join(t.TempDir(), "link.toml")
			if err := os.Symlink(path, link); err != nil {
				t.Fatal(err)
			}
			agent := core.Agent{Email: "Marie.Dupont@example.com", Name: `Marie "M" Dupont`, Role: core.Administrator}
			if err := appendAgent(t, link, agent, Environment{}); err != nil {
				t.Fatal(err)
			}
			if got := read(t, path); got != c.text+c.want {
				t.Errorf("got\n%q\nwant\n%q", got, c.text+c.want)
			}
			if info := stat(path); info.Mode().Perm() != 0o640 {
				t.Errorf("mode %v", info.Mode())
			}
			if info, err := os.Lstat(link); err != nil || info.Mode()&os.ModeSymlink == 0 {
				t.Error("the link was replaced")
			}
			if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}

func TestAppendAgentCreatesTheFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "data", "guichet.toml")
	agents := []core.Agent{
		{ID: "ana", Email: "ana@example.com", Name: "Ana", Role: core.AgentRole, Capacity: 3, Presence: core.Away},
		{Email: "日本@example.com"},
	}
	for _, a := range agents {
		if err := appendAgent(t, path, a, Environment{}); err != nil {
			t.Fatal(err)
		}
	}
	if !strings.HasPrefix(read(t, path), string(defaultText)) {
		t.Error("the file does not begin with the defaults")
	}
	c, problems := Load(path, Environment{})
	if problems != nil {
		t.Fatal(problems)
	}
	s := c.Setup(1)
	if got := s.Agents["ana"]; got == nil || *got != agents[0] {
		t.Errorf("agent %+v", got)
	}
	if s.Agents["agent"] == nil || len(s.Queues["general"].Members) != 2 {
		t.Errorf("agents %v, members %v", s.Agents, s.Queues["general"].Members)
	}
	if info := stat(path); info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", info.Mode())
	}
}

func TestAppendAgentRefuses(t *testing.T) {
	good := "[[agent]]\nid = \"ana\"\nemail = \"ana@example.com\"\n"
	for name, c := range map[string]struct {
		text  string
		agent core.Agent
		mode  os.FileMode
		code  core.Code
		say   string
	}{
		"known e-mail": {good, core.Agent{Email: "ANA@example.com"}, 0o600, core.Conflict, "already: ana"},
		"known id":     {good, core.Agent{ID: "ana", Email: "b@example.com"}, 0o600, core.Conflict, `agent "ana" already`},
		"bad file":     {"[[queue]\n", core.Agent{Email: "b@example.com"}, 0o600, core.Internal, "closing brackets"},
		"bad e-mail":   {good, core.Agent{ID: "b", Email: "nobody"}, 0o600, core.Internal, "not an e-mail"},
		"bad role":     {good, core.Agent{Email: "b@example.com", Role: "boss"}, 0o600, core.Internal, "role cannot be"},
		"read-only":    {good, core.Agent{Email: "b@example.com"}, 0o444, core.Forbidden, "read-only"},
		"a missing secret": {"[mail]\nhost = \"h\"\nfrom = \"a@b.example\"\npassword = { env = \"GUICHET_TEST_NOT_SET\" }\n",
			core.Agent{Email: "b@example.com"}, 0o600, core.Internal, "GUICHET_TEST_NOT_SET"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "guichet.toml")
			if err := os.WriteFile(path, []byte(c.text), c.mode); err != nil {
				t.Fatal(err)
			}
			err := appendAgent(t, path, c.agent, Environment{})
			if err == nil || core.CodeOf(err) != c.code || !strings.Contains(err.Error(), c.say) {
				t.Errorf("err %v (%s)", err, core.CodeOf(err))
			}
			var problems Problems
			if (c.code == core.Internal) != errors.As(err, &problems) {
				t.Errorf("err is %T", err)
			}
			if got := read(t, path); got != c.text {
				t.Errorf("the file was changed to\n%s", got)
			}
			if entries, _ := os.ReadDir(filepath.Dir(path)); len(entries) != 1 {
				t.Errorf("left behind: %v", entries)
			}
		})
	}
}
