package endtoend

import (
	"errors"
	"net/http"
	"syscall"
	"testing"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/scripts/load/harness"
)

const (
	pushPath  = "/v2/bot/message/push"
	replyPath = "/v2/bot/message/reply"
)

func stateless(o *harness.Options) { o.Line.AccessToken = "" }

// LINE fails in ways that pass: the message arrives once, and those after it stay after it.
func TestPassingFailuresOfLINE(t *testing.T) {
	for name, fault := range map[string]linetest.Fault{
		"rate limit": {Status: 429, Body: `{"message":"The API rate limit has been exceeded. Try again later."}`, Times: 2},
		"500 before": {Status: 500, Body: `{"message":"Internal Server Error"}`, Times: 2},
		"no answer":  {Drop: true},
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, harness.Config{})
			agent := s.agent(1)
			customer, c := s.begin(agent, "Ana", "Hi")
			s.say(agent, c, "a-0", "spends the reply token")
			s.sent(customer, 1)
			s.Line.Inject(fault)
			s.say(agent, c, "a-1", "first")
			s.say(agent, c, "a-2", "second")
			s.awaitState(agent, c, "a-2", "sent")
			s.awaitState(agent, c, "a-1", "sent")
			list := s.sent(customer, 3)
			if list[1].Text() != "first" || list[2].Text() != "second" || s.Line.Total() != 3 {
				t.Errorf("LINE took %d messages: %q, %q", s.Line.Total(), list[1].Text(), list[2].Text())
			}
		})
	}
}

// LINE carries a push out and answers 500: the repetition has the same retry key, so the customer reads it once.
func TestPushAnswered500IsNotDoubled(t *testing.T) {
	s := open(t, harness.Config{})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Hi")
	s.say(agent, c, "a-0", "spends the reply token")
	s.sent(customer, 1)
	s.Line.Inject(linetest.Fault{Path: pushPath, Accept: true, Status: 500, Body: `{"message":"Internal Server Error"}`})
	s.say(agent, c, "a-1", "once")
	m := s.awaitState(agent, c, "a-1", "sent")
	list := s.sent(customer, 2)
	if s.Line.Total() != 2 || len(m.ExternalIDs) != 1 || m.ExternalIDs[0] != list[1].ID {
		t.Errorf("LINE took %d messages, the last %s; the message has %v", s.Line.Total(), list[1].ID, m.ExternalIDs)
	}
}

func TestMonthlyQuotaIsToldFromRateLimit(t *testing.T) {
	s := open(t, harness.Config{})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Hi")
	s.Line.SetQuota(10, 10)
	s.say(agent, c, "a-0", "replies are free")
	s.awaitState(agent, c, "a-0", "sent")
	s.say(agent, c, "a-1", "costs")
	m := s.awaitState(agent, c, "a-1", "failed")
	if m.Reason == nil || m.Reason.Code != "quota" {
		t.Errorf("the reason is %+v, want quota", m.Reason)
	}
	if harness.StatusOf(agent.Retry(s.ctx, c, s.message(agent, c, "a-0").Seq)) != http.StatusConflict {
		t.Error("a message that was sent can be sent again")
	}
	s.Line.SetQuota(-1, 0)
	s.must(agent.Retry(s.ctx, c, m.Seq))
	s.awaitState(agent, c, "a-1", "sent")
	if list := s.sent(customer, 2); list[1].Text() != "costs" {
		t.Errorf("LINE took %q", list[1].Text())
	}
}

// The credentials are refused: the message waits and says why, and goes out when they are right again.
func TestRefusedCredentials(t *testing.T) {
	s := open(t, harness.Config{})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Hi")
	s.Line.Inject(linetest.Fault{Times: -1, Status: 401, Body: `{"message":"Authentication failed due to the following reason: invalid token."}`})
	s.say(agent, c, "a-1", "hello")
	s.await("the message says that it waits for the credentials", func() bool {
		m := s.message(agent, c, "a-1")
		return m.State == "queued" && m.Reason != nil && m.Reason.Code == "authentication"
	})
	s.Line.Heal()
	s.awaitState(agent, c, "a-1", "sent")
	if list := s.sent(customer, 1); list[0].Text() != "hello" || s.Line.Total() != 1 {
		t.Errorf("LINE took %d messages, the first %q", s.Line.Total(), list[0].Text())
	}
}

// Short-lived tokens that LINE has revoked are issued anew, without anybody noticing.
func TestRevokedTokenIsIssuedAnew(t *testing.T) {
	s := open(t, harness.Config{}, stateless)
	s.must(s.Configure((&harness.Config{
		Agents: 2, People: []harness.Person{harness.Supervisor}, Settings: s.Line.Settings(true),
	}).TOML()))
	s.must(s.Stop())
	s.must(s.Start(s.ctx))
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Hi")
	s.say(agent, c, "a-1", "one")
	s.awaitState(agent, c, "a-1", "sent")
	s.Line.RevokeTokens()
	s.say(agent, c, "a-2", "two")
	s.awaitState(agent, c, "a-2", "sent")
	if list := s.sent(customer, 2); s.Line.Total() != 2 || list[1].Text() != "two" || s.Line.TokensIssued() < 2 {
		t.Errorf("LINE took %d messages and issued %d tokens", s.Line.Total(), s.Line.TokensIssued())
	}
}

// The plugin is killed after LINE has taken a push and before it has answered: the repetition has the same retry key,
// although the customer has written meanwhile and a reply would be possible.
func TestPluginKilledMidPush(t *testing.T) {
	s := open(t, harness.Config{})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Hi")
	s.say(agent, c, "a-0", "spends the reply token")
	s.awaitState(agent, c, "a-0", "sent")
	s.Line.Inject(linetest.Fault{Path: pushPath, Accept: true, Hang: true})
	s.say(agent, c, "a-1", "once")
	s.sent(customer, 2)
	s.deliver(customer.Text("Are you there?"))
	s.killPlugin()
	m := s.awaitState(agent, c, "a-1", "sent")
	s.say(agent, c, "a-2", "after")
	list := s.sent(customer, 3)
	if list[2].Text() != "after" || s.Line.Total() != 3 || len(m.ExternalIDs) != 1 || m.ExternalIDs[0] != list[1].ID {
		t.Errorf("LINE took %d messages, the last %q; the message has %v, want %s", s.Line.Total(), list[2].Text(), m.ExternalIDs, list[1].ID)
	}
}

// The same with a reply, which has no key: nobody knows, nothing is repeated by itself, and a person's retry really sends.
func TestPluginKilledMidReply(t *testing.T) {
	s := open(t, harness.Config{})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Hi")
	s.Line.Inject(linetest.Fault{Path: replyPath, Accept: true, Hang: true})
	s.say(agent, c, "a-1", "perhaps")
	s.sent(customer, 1)
	s.killPlugin()
	m := s.awaitState(agent, c, "a-1", "unknown")
	if m.Reason == nil || m.Reason.Code != "unknown" {
		t.Errorf("the reason is %+v", m.Reason)
	}
	s.say(agent, c, "a-2", "after")
	s.awaitState(agent, c, "a-2", "sent")
	if list := s.sent(customer, 2); list[1].Text() != "after" || s.Line.Total() != 2 {
		t.Fatalf("LINE took %d messages, the second %q: an unknown one was repeated", s.Line.Total(), list[1].Text())
	}
	if state := s.message(agent, c, "a-1").State; state != "unknown" {
		t.Errorf("the message is %s, want still unknown", state)
	}
	s.must(agent.Retry(s.ctx, c, m.Seq))
	s.awaitState(agent, c, "a-1", "sent")
	if list := s.sent(customer, 3); list[2].Text() != "perhaps" || s.Line.Total() != 3 {
		t.Errorf("LINE took %d messages, the last %q: a person's retry must really send", s.Line.Total(), list[2].Text())
	}
}

// The server is killed while LINE holds the call: after the start the push is repeated under its key.
func TestServerKilledMidPush(t *testing.T) {
	s := open(t, harness.Config{})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Hi")
	s.say(agent, c, "a-0", "spends the reply token")
	s.awaitState(agent, c, "a-0", "sent")
	s.Line.Inject(linetest.Fault{Path: pushPath, Accept: true, Hang: true})
	s.say(agent, c, "a-1", "once")
	s.sent(customer, 2)
	s.Kill()
	s.must(s.Start(s.ctx))
	m := s.awaitState(agent, c, "a-1", "sent")
	if list := s.sent(customer, 2); s.Line.Total() != 2 || len(m.ExternalIDs) != 1 || m.ExternalIDs[0] != list[1].ID {
		t.Errorf("LINE took %d messages; the message has %v", s.Line.Total(), m.ExternalIDs)
	}
}

// killPlugin kills the plugin and waits until another process has taken its place.
func (s *scene) killPlugin() {
	s.t.Helper()
	pid, err := s.KillPlugin()
	s.must(err)
	if pid == 0 {
		s.must(errors.New("no plugin runs"))
	}
	s.await("another plugin process runs", func() bool {
		pids, err := s.Plugins()
		s.must(err)
		return len(pids) == 1 && pids[0] != pid
	})
}

// SIGTERM to the whole group, as a terminal's or a service manager's, lets messages on their way arrive.
func TestTerminationDrains(t *testing.T) {
	s := open(t, harness.Config{})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Hi")
	plugins, err := s.Plugins()
	s.must(err)
	release := make(chan struct{})
	s.Line.Inject(linetest.Fault{Path: replyPath, Until: release})
	s.say(agent, c, "a-1", "on its way")
	s.await("LINE holds the reply", func() bool { return s.Line.Held() == 1 })
	s.must(s.SignalGroup(syscall.SIGTERM))
	s.await("the server takes no more requests", func() bool {
		_, err := http.Get(s.URL() + "/healthz") //nolint:bodyclose // it is an error or soon will be
		return err != nil
	})
	close(release)
	s.must(s.Stop())
	for _, pid := range plugins {
		if harness.Alive(pid) {
			t.Errorf("plugin process %d is left", pid)
		}
	}
	s.must(s.Start(s.ctx))
	if m := s.message(agent, c, "a-1"); m.State != "sent" {
		t.Errorf("the message is %s (%+v), want sent", m.State, m.Reason)
	}
	if list := s.sent(customer, 1); list[0].Text() != "on its way" || s.Line.Total() != 1 {
		t.Errorf("LINE took %d messages", s.Line.Total())
	}
}

func TestNoPluginOutlivesItsHost(t *testing.T) {
	s := open(t, harness.Config{})
	plugins, err := s.Plugins()
	s.must(err)
	if len(plugins) != 1 {
		t.Fatalf("%d plugins run, want one", len(plugins))
	}
	s.Kill()
	s.await("the plugin has ended", func() bool { return !harness.Alive(plugins[0]) })
	s.must(s.Start(s.ctx))
}
