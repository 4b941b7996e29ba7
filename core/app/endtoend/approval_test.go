package endtoend

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/guichet/guichet/scripts/load/harness"
)

const echoBundle = `id = "echo"
name = "Echo"
version = "1"
protocol = 1
services = ["Webhook"]
command = { file = "echo" }

[[setting]]
key = "greeting"
kind = "string"
default = "echo"
`

const echoAccount = `
[[account]]
id = "echo-shop"
plugin = "echo"
[[workstream]]
id = "echo-shop"
fallback_queue = "general"
offer_timeout = "30m"
wrap_up = { block = "none" }
[[channel]]
id = "echo-shop"
account = "echo-shop"
workstream = "echo-shop"
`

// bundle makes the bundle of a program of ours.
func (s *scene) bundle(dir, text, program string) {
	s.t.Helper()
	s.must(os.MkdirAll(dir, 0o700))
	s.must(os.WriteFile(filepath.Join(dir, "plugin.toml"), []byte(text), 0o600))
	build := exec.CommandContext(s.ctx, "go", "build", "-o", dir, program)
	build.Dir = harness.Root()
	if out, err := build.CombinedOutput(); err != nil {
		s.t.Fatalf("%v\n%s", err, out)
	}
	_, err := s.Run(s.ctx, "", "plugin", "pack", dir)
	s.must(err)
}

type offeredBundle struct {
	ID, State, SHA256, Path string
	Permissions, Enforced   []string
	NotEnforced             []string `json:"not_enforced"`
	Accounts, Problems      []string
}

func (s *scene) bundles(c *harness.Client) []offeredBundle {
	s.t.Helper()
	var page harness.Page[offeredBundle]
	_, err := c.Do(s.ctx, http.MethodGet, "/api/v1/plugins/bundles", nil, &page)
	s.must(err)
	return page.Items
}

func (s *scene) writesToEcho(id, text string) {
	s.t.Helper()
	r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.URL()+"/channels/echo-shop/callback", strings.NewReader(text))
	s.must(err)
	r.Header.Set("Message-Id", id)
	r.Header["From"] = []string{"ann"}
	response, err := http.DefaultClient.Do(r)
	s.must(err)
	body, _ := io.ReadAll(response.Body)
	_ = response.Body.Close()
	if response.StatusCode != http.StatusOK {
		s.t.Fatalf("the callback answered %s %s", response.Status, body)
	}
}

// A third party's channel is offered, approved in the admin center and used, in a server that runs all the while; another
// version takes its place; it is removed. The channels beside it do not notice.
func TestThirdPartyChannelIsApprovedAndUsed(t *testing.T) {
	s := open(t, harness.Config{Agents: 1})
	boss, agent := s.join(harness.Supervisor.ID), s.agent(1)
	line, err := s.PluginNamed("line")
	s.must(err)

	incoming := filepath.Join(s.Data(), "plugins", "incoming", "echo-1")
	s.bundle(incoming, echoBundle, "./plugins/sdk/examples/echo")
	offered := s.bundles(boss)
	if len(offered) != 1 || offered[0].State != "offered" || offered[0].ID != "echo" || len(offered[0].Permissions) == 0 || len(offered[0].Enforced) == 0 {
		t.Fatalf("offered: %+v", offered)
	}
	approval := map[string]any{"path": "echo-1", "sha256": strings.Repeat("0", 64)}
	if status, _ := boss.Do(s.ctx, http.MethodPost, "/api/v1/plugins/approvals", approval, nil); status != http.StatusConflict {
		t.Errorf("another hash than the one shown was answered with %d", status)
	}
	approval["sha256"] = offered[0].SHA256
	if status, _ := agent.Do(s.ctx, http.MethodPost, "/api/v1/plugins/approvals", approval, nil); status != http.StatusForbidden {
		t.Errorf("an agent's approval was answered with %d", status)
	}
	_, err = boss.Do(s.ctx, http.MethodPost, "/api/v1/plugins/approvals", map[string]any{"path": "../../echo-1", "sha256": offered[0].SHA256}, nil)
	if harness.StatusOf(err) != http.StatusBadRequest {
		t.Errorf("a path out of the folder: %v", err)
	}
	_, err = boss.Do(s.ctx, http.MethodPost, "/api/v1/plugins/approvals", approval, nil)
	s.must(err)

	c := s.Config
	c.More = echoAccount
	s.must(s.Configure(c.TOML()))
	_, err = s.Run(s.ctx, "", "config", "check")
	s.must(err)
	s.await("the channel takes messages", func() bool { return s.plugin(boss, "echo").State == "running" })
	s.writesToEcho("m1", "is anybody there?")
	offer, err := agent.AwaitOffer(s.ctx)
	s.must(err)
	s.must(agent.Accept(s.ctx, offer.ID))
	_, _, err = agent.Send(s.ctx, offer.Conversation, harness.Draft{ID: "a1", Text: "yes", Visibility: "public"})
	s.must(err)
	s.await("the answer has left", func() bool {
		messages, err := agent.Messages(s.ctx, offer.Conversation, 0)
		return err == nil && slices.ContainsFunc(messages, func(m harness.Message) bool { return m.Text == "yes" && m.State == "sent" })
	})
	if p := s.plugin(boss, "echo"); p.Kind != "third-party" || p.SHA256 != offered[0].SHA256 || len(p.Enforced) == 0 {
		t.Errorf("shown as %+v", p)
	}

	// The next version takes over, and is refused where it does not come up: echo describes itself as version 1.
	other := filepath.Join(t.TempDir(), "echo")
	s.bundle(other, strings.Replace(echoBundle, `version = "1"`, `version = "2"`, 1), "./plugins/sdk/examples/echo")
	if out, err := s.Run(s.ctx, "", "plugin", "approve", other, "--yes"); err == nil || !strings.Contains(err.Error(), `version is "2" in plugin.toml, and "1" as the plugin describes itself`) {
		t.Errorf("a lying version: %s %v", out, err)
	}
	if p := s.plugin(boss, "echo"); p.Version != "1" || p.State != "running" {
		t.Errorf("after the refusal: %+v", p)
	}
	s.bundle(other, echoBundle+"\n# another\n", "./plugins/sdk/examples/echo")
	_, err = s.Run(s.ctx, "", "plugin", "approve", other, "--yes")
	s.must(err)
	if p := s.plugin(boss, "echo"); p.SHA256 == offered[0].SHA256 || p.State != "running" {
		t.Errorf("after the upgrade: %+v", p)
	}
	s.writesToEcho("m2", "still there?")
	_, err = s.Run(s.ctx, "", "plugin", "approve", "echo", "--version", offered[0].SHA256) // back
	s.must(err)
	if p := s.plugin(boss, "echo"); p.SHA256 != offered[0].SHA256 {
		t.Errorf("after going back: %+v", p)
	}

	// It stays while an account uses it, and over a restart.
	_, err = boss.Do(s.ctx, http.MethodDelete, "/api/v1/plugins/approvals/echo", nil, nil)
	if harness.StatusOf(err) != http.StatusConflict || !strings.Contains(err.Error(), "echo-shop") {
		t.Errorf("removing what is used: %v", err)
	}
	if now, err := s.PluginNamed("line"); err != nil || now != line {
		t.Errorf("the other channel's process was %d and is %d, %v", line, now, err)
	}
	s.must(s.Stop())
	s.must(s.Start(s.ctx))
	s.writesToEcho("m3", "after the restart")
	s.must(agent.Command(s.ctx, offer.Conversation, "end", nil))
	s.must(agent.Command(s.ctx, offer.Conversation, "close", nil))
	s.must(s.Configure(s.Config.TOML()))
	s.await("the account is gone", func() bool {
		status, _ := boss.Do(s.ctx, http.MethodDelete, "/api/v1/plugins/approvals/echo", nil, nil)
		return status == http.StatusNoContent
	})
	if left := s.bundles(boss); len(left) != 1 || left[0].State != "offered" {
		t.Errorf("left: %+v", left)
	}
}

type pluginNow struct {
	Name, Kind, State, Version, SHA256 string
	Enforced                           []string
	LastExit                           *struct{ Reason, Output string } `json:"last_exit"`
}

func (s *scene) plugin(c *harness.Client, name string) pluginNow {
	s.t.Helper()
	var page harness.Page[pluginNow]
	_, err := c.Do(s.ctx, http.MethodGet, "/api/v1/plugins", nil, &page)
	s.must(err)
	for _, p := range page.Items {
		if p.Name == name {
			return p
		}
	}
	return pluginNow{}
}

// A plugin runs as the server's user. The socket of the commands is not for it all the same.
func TestPluginCannotCommand(t *testing.T) {
	s := open(t, harness.Config{Agents: 1})
	boss := s.join(harness.Supervisor.ID)
	dir := filepath.Join(t.TempDir(), "spy")
	s.bundle(dir, strings.Replace(echoBundle, `command = { file = "echo" }`,
		fmt.Sprintf(`command = { file = "guichet", args = ["user", "list", "--data", %q] }`, s.Data()), 1), ".")
	_, err := s.Run(s.ctx, "", "plugin", "approve", dir, "--yes")
	s.must(err)
	c := s.Config
	c.More = echoAccount
	s.must(s.Configure(c.TOML()))
	s.await("it was run", func() bool { return s.plugin(boss, "echo").LastExit != nil })
	if exit := s.plugin(boss, "echo").LastExit; !strings.Contains(exit.Output, "403") || strings.Contains(exit.Output, harness.Email("agent-1")) {
		t.Errorf("it got %+v", exit)
	}
}
