package endtoend

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/guichet/guichet/scripts/load/harness"
)

const afternoonSecret = "a secret of the afternoon"

// author runs the commands of an author, with the guichet of these tests in the path.
func author(t *testing.T, commands string) (dir string) {
	t.Helper()
	dir, bin := t.TempDir(), t.TempDir()
	if err := os.Symlink(binary, filepath.Join(bin, "guichet")); err != nil {
		t.Fatal(err)
	}
	run := exec.CommandContext(t.Context(), "sh", "-eu", "-c", commands)
	run.Dir = dir
	run.Env = append(os.Environ(), "PATH="+bin+string(os.PathListSeparator)+os.Getenv("PATH"), "GOFLAGS=-mod=mod", "GOPROXY=off", "GOTOOLCHAIN=local")
	out, err := run.CombinedOutput()
	if err != nil || !strings.Contains(string(out), " 0 broken") {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// approveInAdminCenter puts a bundle where the admin center finds it, and approves it there.
func (s *scene) approveInAdminCenter(boss *harness.Client, bundle, id string) {
	s.t.Helper()
	s.must(os.CopyFS(filepath.Join(s.Data(), "plugins", "incoming", id), os.DirFS(bundle)))
	for _, b := range s.bundles(boss) {
		if b.ID == id {
			_, err := boss.Do(s.ctx, http.MethodPost, "/api/v1/plugins/approvals", map[string]any{"path": id, "sha256": b.SHA256}, nil)
			s.must(err)
			return
		}
	}
	s.t.Fatalf("%s is not offered: %+v", id, s.bundles(boss))
}

// addAccount adds what the admin center adds: an account, its channel and a workstream, in one edit.
func (s *scene) addAccount(boss *harness.Client, plugin string, settings map[string]any) {
	s.t.Helper()
	id := plugin + "-shop"
	r, err := s.edit(boss,
		change{Op: "add", Object: "account", ID: id, Value: map[string]any{"plugin": plugin, "settings": settings}},
		change{Op: "add", Object: "workstream", ID: id, Value: map[string]any{"fallback_queue": "general", "offer_timeout": "30m"}},
		change{Op: "add", Object: "channel", ID: id, Value: map[string]any{"account": id, "workstream": id}},
	)
	s.must(err)
	if !r.Applied || strings.Contains(r.Diff, afternoonSecret) {
		s.t.Fatalf("the account was not added: %+v", r)
	}
	s.await("the plugin takes messages", func() bool { return s.plugin(boss, plugin).State == "running" })
}

// writesTo posts a signed message to the callback of an account, as its provider does.
func (s *scene) writesTo(account, id, user, text string) {
	s.t.Helper()
	body := fmt.Sprintf(`{"id": %q, "user": %q, "text": %q}`, id, user, text)
	mac := hmac.New(sha256.New, []byte(afternoonSecret))
	mac.Write([]byte(body))
	r, err := http.NewRequestWithContext(s.ctx, http.MethodPost, s.URL()+"/channels/"+account+"/callback", strings.NewReader(body))
	s.must(err)
	r.Header.Set("X-Signature", hex.EncodeToString(mac.Sum(nil)))
	answer, err := http.DefaultClient.Do(r)
	s.must(err)
	_ = answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		s.t.Fatalf("the callback answered %s", answer.Status)
	}
}

// talks has one message come in, and one go out.
func (s *scene) talks(agent *harness.Client, plugin string, answered func(conversation string) bool) {
	s.t.Helper()
	s.writesTo(plugin+"-shop", "m1", "ada", "good afternoon")
	offer, err := agent.AwaitOffer(s.ctx)
	s.must(err)
	s.must(agent.Accept(s.ctx, offer.ID))
	if !s.seesSaid(agent, offer.Conversation, "good afternoon") {
		s.t.Fatal("the agent does not see what the customer said")
	}
	_, _, err = agent.Send(s.ctx, offer.Conversation, harness.Draft{ID: "a1", Text: "good evening", Visibility: "public"})
	s.must(err)
	s.await("the answer is with the customer", func() bool { return answered(offer.Conversation) })
}

func (s *scene) seesSaid(agent *harness.Client, conversation, text string) bool {
	messages, err := agent.Messages(s.ctx, conversation, 0)
	return err == nil && slices.ContainsFunc(messages, func(m harness.Message) bool { return m.Text == text })
}

// An afternoon is what a third party needs to add a channel, from an empty folder to a conversation, with a server that is
// not built again.

func TestAnAfternoonInGo(t *testing.T) {
	dir := author(t, `
		guichet plugin new my-channel --replace `+harness.Root()+`
		cd my-channel
		go test ./...
		CGO_ENABLED=0 go build -o bundle/my-channel .
		guichet plugin test bundle/my-channel
		guichet plugin pack bundle`)
	sent := make(chan string, 10)
	provider := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		sent <- string(body)
	}))
	defer provider.Close()

	s := open(t, harness.Config{Agents: 1})
	boss, agent := s.keyring(), s.agent(1)
	s.approveInAdminCenter(boss, filepath.Join(dir, "my-channel", "bundle"), "my-channel")
	s.addAccount(boss, "my-channel", map[string]any{"secret": afternoonSecret, "send_url": provider.URL})
	s.talks(agent, "my-channel", func(string) bool { return len(sent) > 0 })
	if got := <-sent; !strings.Contains(got, `"user":"ada","text":"good evening"`) {
		t.Errorf("the provider got %s", got)
	}
}

func TestAnAfternoonInPython(t *testing.T) {
	if os.Getenv("GUICHET_WITHOUT_PYTHON") != "" {
		t.Skip("GUICHET_WITHOUT_PYTHON is set")
	}
	example := harness.Root() + "/plugins/sdk/examples/python-echo"
	for name, way := range map[string]struct{ write, flag string }{
		"with TLS":    {"", ""},
		"without TLS": {`sed -i 's/^protocol = 1$/&\ntls = false/' bundle/plugin.toml`, "--no-tls"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := author(t, example+`/build bundle
				`+way.write+`
				guichet plugin test bundle/echo.py --fixtures `+example+`/fixtures.json `+way.flag+`
				guichet plugin pack bundle`)

			s := open(t, harness.Config{Agents: 1})
			boss, agent := s.keyring(), s.agent(1)
			s.approveInAdminCenter(boss, filepath.Join(dir, "bundle"), "python-echo")
			s.addAccount(boss, "python-echo", map[string]any{"secret": afternoonSecret, "greeting": "they say"})
			s.talks(agent, "python-echo", func(conversation string) bool { return s.seesSaid(agent, conversation, "they say: good evening") })
			if shown := strings.Join(s.bundles(boss)[0].Permissions, "\n"); strings.Contains(shown, "without TLS") != (way.flag != "") {
				t.Errorf("the administrator is shown that it asks for: %s", shown)
			}
		})
	}
}
