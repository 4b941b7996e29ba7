package endtoend

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/webchat/webchattest"
	"github.com/guichet/guichet/scripts/load/harness"
)

// answering lets agents accept all that rings and answer all that is unread, until stopped; what was acknowledged to
// them is returned by conversation, in order.
func (s *scene) answering(agents ...*harness.Client) (stop func() map[string][]string) {
	ctx, cancel := context.WithCancel(s.ctx)
	var wait sync.WaitGroup
	var mu sync.Mutex
	acknowledged := map[string][]string{}
	for a, c := range agents {
		wait.Go(func() {
			sent := 0
			for ctx.Err() == nil {
				_ = c.SetPresence(ctx, "available") // the server may be down; it is said again
				offers, _ := c.Offers(ctx)
				for _, o := range offers {
					_ = c.Accept(ctx, o.ID) // it rings again
				}
				mine, _ := c.EveryConversation(ctx, "mine")
				for _, m := range mine {
					if m.State != "active" || m.Unread == 0 || ctx.Err() != nil {
						continue
					}
					sent++
					d := harness.Draft{ID: fmt.Sprintf("a%d-%d", a, sent), Text: fmt.Sprintf("answer %d of agent %d", sent, a+1)}
					if s.insist(c, m.ID, d) {
						mu.Lock()
						acknowledged[m.ID] = append(acknowledged[m.ID], d.Text)
						mu.Unlock()
					}
				}
				time.Sleep(10 * time.Millisecond) // between two looks
			}
		})
	}
	return func() map[string][]string {
		cancel()
		wait.Wait()
		return acknowledged
	}
}

// insist sends a message until it is known to be stored.
func (s *scene) insist(c *harness.Client, conversation string, d harness.Draft) bool {
	for s.ctx.Err() == nil {
		_, _, err := c.Send(s.ctx, conversation, d)
		switch status := harness.StatusOf(err); {
		case err == nil:
			return true
		case status != 0 && status != http.StatusServiceUnavailable:
			s.t.Errorf("the answer %s: %v", d.ID, err)
			return false
		}
		time.Sleep(10 * time.Millisecond) // between two attempts
	}
	s.t.Errorf("the answer %s was not acknowledged", d.ID)
	return false
}

// Fifty visitors and two agents talk while the plugin is killed, then the server, then the plugin again. Whatever was
// accepted is there once and in order, at the agents' and in every panel.
func TestKillsAmidTalkOfFiftyVisitors(t *testing.T) {
	const visitors, each = 50, 9 // a visitor may say ten things at once
	s := open(t, harness.Config{More: chat})
	stop := s.answering(s.agent(1), s.agent(2))
	staying, leave := context.WithCancel(s.ctx)
	defer leave()
	var talking, here sync.WaitGroup
	var accepted atomic.Int64
	crowd := make([]*visitor, visitors)
	for n := range crowd {
		way := func(*webchattest.Options) {}
		if n%5 == 0 {
			way = polling
		}
		v := s.visitor(fmt.Sprintf("Visitor %d", n+1), way)
		crowd[n] = v
		here.Go(func() {
			if err := v.Stay(staying); staying.Err() == nil {
				t.Errorf("%s was sent away: %v", v.name, err)
			}
		})
		talking.Go(func() {
			for i := range each {
				if _, err := v.Send(s.ctx, fmt.Sprintf("%s says %d", v.name, i+1)); err != nil {
					t.Errorf("%s: message %d: %v", v.name, i+1, err)
					return
				}
				accepted.Add(1)
			}
		})
	}
	after := func(share int64) {
		s.await("so much was said", func() bool { return accepted.Load() >= visitors*each*share/100 || t.Failed() })
	}
	after(20)
	s.must(s.KillPluginNamed("webchat"))
	after(50)
	s.Kill()
	s.must(s.Start(s.ctx))
	after(75)
	s.must(s.KillPluginNamed("webchat"))
	talking.Wait()
	if t.Failed() {
		return
	}
	boss := s.join(harness.Supervisor.ID)
	s.await("everybody was answered", func() bool {
		all, err := boss.EveryConversation(s.ctx, "all")
		s.must(err)
		return len(all) == visitors && !slices.ContainsFunc(all, func(c harness.Conversation) bool { return c.Unread > 0 })
	})
	answers := stop()

	for _, v := range crowd {
		var want, replies []string
		var c string
		s.await(v.name+" is shown what the agents are", func() bool {
			if c = v.Status().Conversation; c == "" {
				return false
			}
			want, replies = nil, nil
			for _, m := range s.messages(boss, c) {
				if m.Kind == "activity" {
					continue
				}
				want = append(want, m.Text)
				if m.From.Kind == "agent" {
					replies = append(replies, m.Text)
				}
			}
			return cmp.Equal(want, v.spoken())
		})
		var said []string
		for _, text := range want {
			if strings.HasPrefix(text, v.name+" says") {
				said = append(said, text)
			}
		}
		for i := range each {
			if i >= len(said) || said[i] != fmt.Sprintf("%s says %d", v.name, i+1) {
				t.Errorf("of %s the desk has %q", v.name, said)
				break
			}
		}
		if len(said)+len(replies) != len(want) || len(said) != each {
			t.Errorf("the conversation of %s is %q", v.name, want)
		}
		if diff := cmp.Diff(answers[c], replies); diff != "" {
			t.Errorf("answers to %s (-acknowledged +stored):\n%s", v.name, diff)
		}
	}
	// Nothing is left unsent, and nobody has two conversations.
	s.await("all answers are sent", func() bool {
		records, err := s.Export(s.ctx)
		s.must(err)
		return records.Unsettled() == 0 && len(records.Conversations) == visitors && records.Count["contact"] == visitors
	})
	leave()
	here.Wait()
}

// A server that ends in order says so to every panel, and all of them come back when it does.
func TestTerminationSendsVisitorsAwayInOrder(t *testing.T) {
	s := open(t, harness.Config{Agents: 1, More: chat})
	agent := s.agent(1)
	crowd := make([]*visitor, 20)
	conversations := make([]string, len(crowd))
	for n := range crowd {
		crowd[n] = s.visitor(fmt.Sprintf("Visitor %d", n+1))
		conversations[n] = s.chats(agent, crowd[n], "Hello")
	}
	s.must(s.Signal(syscall.SIGTERM))
	for _, v := range crowd {
		s.patiently("the connection is closed", v.AwaitCut)
		if err := v.Lost(); websocket.CloseStatus(err) != websocket.StatusGoingAway {
			t.Errorf("%s was sent away with %v, want 1001", v.name, err)
		}
	}
	s.must(s.Stop())
	s.must(s.Start(s.ctx))
	for n, v := range crowd {
		s.patiently("they come back", func(ctx context.Context) error {
			for {
				if err := v.Connect(ctx); err == nil || ctx.Err() != nil {
					return err
				}
				time.Sleep(10 * time.Millisecond) // between two attempts
			}
		})
		s.say(agent, conversations[n], "a", "We are back")
		s.reads(v, "We are back")
		if diff := cmp.Diff([]string{"Hello", "We are back"}, v.spoken()); diff != "" || v.Gaps() != 0 {
			t.Errorf("%s is shown, after %d gaps (-want +got):\n%s", v.name, v.Gaps(), diff)
		}
	}
}
