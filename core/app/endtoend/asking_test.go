package endtoend

import (
	"net/http"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/scripts/load/harness"
)

const forgetfulBundle = `id = "forgetful"
name = "Forgetful"
version = "1"
protocol = 1
services = ["Webhook", "Reconciler"]
command = { file = "forgetful" }
`

// A channel dies in the middle of two sends, once before and once after its provider had the message, and the server is
// killed before it has asked what became of them. Each message arrives once, nobody has to decide anything, and meanwhile
// the messages say what goes on.
func TestKilledSendsAreAskedAbout(t *testing.T) {
	s := open(t, harness.Config{Agents: 1})
	agent := s.agent(1)
	dir := filepath.Join(t.TempDir(), "forgetful")
	s.bundle(dir, forgetfulBundle, "./core/app/endtoend/testdata/forgetful")
	_, err := s.Run(s.ctx, "", "plugin", "approve", dir, "--yes")
	s.must(err)
	s.Config.More = strings.ReplaceAll(echoAccount, `"echo`, `"forgetful`)
	s.must(s.Configure(s.Config.TOML()))
	s.await("the channel takes messages", func() bool {
		response, err := http.Post(s.URL()+"/channels/forgetful-shop/callback", "text/plain", strings.NewReader("Hello"))
		if err != nil {
			return false
		}
		_ = response.Body.Close()
		return response.StatusCode == http.StatusOK
	})
	c := s.accept(agent)

	s.say(agent, c, "a-1", "die after")
	s.say(agent, c, "a-2", "die before")
	for _, id := range []string{"a-1", "a-2"} {
		s.await(id+" says that the provider is asked", func() bool {
			m := s.message(agent, c, id)
			return m.State == "unknown" && m.Reason != nil && m.Reason.Code == "asking" || m.State == "sent"
		})
	}
	s.Kill()
	s.must(s.Start(s.ctx))
	s.awaitState(agent, c, "a-1", "sent")
	s.awaitState(agent, c, "a-2", "sent")
	s.await("the customer has answered", func() bool { return len(s.messages(agent, c)) >= 5 })
	var answers []string
	for _, m := range s.messages(agent, c) {
		if strings.HasPrefix(m.Text, "I read") {
			answers = append(answers, m.Text)
		}
	}
	slices.Sort(answers)
	if diff := cmp.Diff([]string{"I read: die after", "I read: die before"}, answers); diff != "" {
		t.Error(diff)
	}
}
