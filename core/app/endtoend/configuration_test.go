package endtoend

import (
	"net/http"
	"strings"
	"syscall"
	"testing"

	"github.com/guichet/guichet/scripts/load/harness"
)

type configuration struct {
	Revision int    `json:"revision"`
	Banner   string `json:"banner"`
	Problems []struct {
		Line    int    `json:"line"`
		Problem string `json:"problem"`
	} `json:"problems"`
}

func (s *scene) configuration(c *harness.Client) configuration {
	s.t.Helper()
	var out configuration
	_, err := c.Do(s.ctx, http.MethodGet, "/api/v1/configuration", nil, &out)
	s.must(err)
	return out
}

// The file is changed: the change is in force without a restart. It is broken: the last good version stays, with a
// banner and the place of the problem, also after a restart.
func TestConfigurationFollowsItsFile(t *testing.T) {
	s := open(t, harness.Config{Agents: 1})
	boss := s.join(harness.Supervisor.ID)
	before := s.configuration(boss)
	if before.Banner != "" || len(before.Problems) != 0 {
		t.Fatalf("a good configuration shows %+v", before)
	}
	queues := func() string {
		var out harness.Page[struct {
			ID string `json:"id"`
		}]
		_, err := boss.Do(s.ctx, http.MethodGet, "/api/v1/queues", nil, &out)
		s.must(err)
		var ids []string
		for _, q := range out.Items {
			ids = append(ids, q.ID)
		}
		return strings.Join(ids, " ")
	}

	good := s.Config
	good.More = "[[queue]]\nid = \"complaints\"\n"
	s.must(s.Configure(good.TOML()))
	s.await("the new queue is there", func() bool { return strings.Contains(queues(), "complaints") })
	applied := s.configuration(boss)
	if applied.Revision <= before.Revision {
		t.Errorf("revision %d follows %d", applied.Revision, before.Revision)
	}

	bad := good
	bad.More += "[[queue]]\nid = \"late\"\nassignment = \"by-magic\"\n"
	s.must(s.Configure(bad.TOML()))
	s.must(s.Signal(syscall.SIGHUP))
	line := strings.Count(bad.TOML(), "\n")
	shown := func() bool {
		c := s.configuration(boss)
		return c.Banner != "" && len(c.Problems) == 1 && c.Problems[0].Line == line && c.Revision == applied.Revision
	}
	s.await("the problem is shown with its line", shown)
	if q := queues(); strings.Contains(q, "late") || !strings.Contains(q, "complaints") {
		t.Errorf("after a bad file the queues are %q, want those of the last good one", q)
	}
	// The desk works on.
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Hi")
	s.say(agent, c, "a", "Hello")
	s.sent(customer, 1)

	s.must(s.Stop())
	s.must(s.Start(s.ctx))
	s.await("the problem is shown after a restart", shown)
	if q := queues(); strings.Contains(q, "late") || !strings.Contains(q, "complaints") {
		t.Errorf("after a restart with a bad file the queues are %q, want those of the last good one", q)
	}

	s.must(s.Configure(good.TOML()))
	s.must(s.Signal(syscall.SIGHUP))
	s.await("the banner is gone", func() bool {
		c := s.configuration(boss)
		return c.Banner == "" && len(c.Problems) == 0
	})
}

// An account whose credentials change uses the new ones at once, and no request is lost on the way.
func TestCredentialsChangeWhileRequestsCome(t *testing.T) {
	s := open(t, harness.Config{Agents: 1})
	agent, boss := s.agent(1), s.join(harness.Supervisor.ID)
	customer, c := s.begin(agent, "Ana", "Hi")
	before := s.configuration(boss).Revision
	changed := s.Config
	changed.Settings = s.Line.Settings(true) // without the long-lived token
	s.must(s.Configure(changed.TOML()))
	posted := 0
	s.await("the change is in force", func() bool {
		if status, err := s.Post(s.ctx, customer.Next()); status != http.StatusOK {
			t.Errorf("a request during the change was answered %d (%v)", status, err)
		}
		posted++
		return s.configuration(boss).Revision > before
	})
	s.say(agent, c, "a-1", "with a token that was just issued")
	s.awaitState(agent, c, "a-1", "sent")
	if s.Line.TokensIssued() == 0 {
		t.Error("no token was issued: the old credentials are still in use")
	}
	if n := len(s.messages(agent, c)); n != 1+posted+1 {
		t.Errorf("%d messages are stored, want %d", n, 1+posted+1)
	}
}
