package endtoend

import (
	"strings"
	"testing"

	"github.com/guichet/guichet/scripts/load/harness"
)

// TestRemovalOfWhatIsNeededIsRefusedAlsoAtStart removes the channel of an open conversation from the file while nothing
// runs: the last good version stays in force, says so, and the conversation goes on.
func TestRemovalOfWhatIsNeededIsRefusedAlsoAtStart(t *testing.T) {
	s := open(t, harness.Config{})
	agent := s.agent(1)
	customer, conversation := s.begin(agent, "Aiko", "hello")
	good := s.Config.TOML()
	renamed := strings.Replace(good, `id = "line"`, `id = "another"`, 1)
	if renamed == good {
		t.Fatal("the configuration has no channel to rename")
	}
	s.must(s.Stop())
	s.must(s.Configure(renamed))
	s.must(s.Start(s.ctx))
	boss := s.join(harness.Supervisor.ID)
	raw, err := boss.Get(s.ctx, "/api/v1/configuration")
	s.must(err)
	if !strings.Contains(string(raw), "channel line is needed by 1 open conversation") {
		t.Errorf("the refusal is not told: %s", raw)
	}
	s.must(agent.SetPresence(s.ctx, "available"))
	s.deliver(customer.Text("still there?"))
	if _, _, err := agent.Send(s.ctx, conversation, harness.Draft{ID: "1", Text: "yes"}); err != nil {
		t.Error(err)
	}
	s.must(s.Configure(good))
}
