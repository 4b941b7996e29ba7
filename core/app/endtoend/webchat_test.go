package endtoend

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/webchat/webchattest"
	"github.com/guichet/guichet/scripts/load/harness"
)

func TestVisitorAndAgentChat(t *testing.T) {
	bothWays(t, func(t *testing.T, way func(*webchattest.Options)) {
		s := open(t, harness.Config{More: chat})
		agent := s.agent(1)
		ana := s.visitor("Ana", way)
		s.arrive(ana)
		if status := ana.Status(); status.State != "none" || len(ana.Messages()) != 0 {
			t.Errorf("a chat that nobody has written in: %+v, %q", status, ana.Texts())
		}
		s.writes(ana, "Is this red?")
		c := s.accept(agent)
		s.stands(ana, "active")
		if got, want := ana.Status(), "Agent-1"; got.Agent != want || got.Conversation != c || got.Place != 0 {
			t.Errorf("the visitor is told %+v, want the agent %s and the conversation %s", got, want, c)
		}
		shown, err := agent.Conversation(s.ctx, c)
		s.must(err)
		if shown.Channel != "site" || shown.Account != "site" || shown.Queue != harness.Queue || shown.Assignee != harness.AgentID(1) {
			t.Errorf("the agent is shown %+v", shown)
		}
		var detail struct {
			Context map[string]struct {
				Value string `json:"value"`
			} `json:"context"`
		}
		_, err = agent.Do(s.ctx, http.MethodGet, "/api/v1/conversations/"+c, nil, &detail)
		s.must(err)
		for name, want := range map[string]string{"page_url": "https://shop.example.com/ana", "page_title": "Ana", "language": "en"} {
			if got := detail.Context[name].Value; got != want {
				t.Errorf("the context variable %s is %q, want %q", name, got, want)
			}
		}

		s.say(agent, c, "a-1", "Yes, it is.")
		_, _, err = agent.Send(s.ctx, c, harness.Draft{ID: "n", Text: "careful with her", Visibility: "internal"})
		s.must(err)
		answer := s.reads(ana, "Yes, it is.")
		if answer.From.Kind != "agent" || answer.From.Name != "Agent-1" {
			t.Errorf("the answer is from %+v", answer.From)
		}
		s.writes(ana, "And that one?")
		s.hears(agent, c, "And that one?")
		s.say(agent, c, "a-2", "Blue.")
		s.reads(ana, "Blue.")
		s.awaitState(agent, c, "a-2", "sent")

		want := []string{"Is this red?", "Yes, it is.", "And that one?", "Blue."}
		if diff := cmp.Diff(want, ana.spoken()); diff != "" {
			t.Errorf("the visitor is shown (-want +got):\n%s", diff)
		}
		want = slices.Insert(want, 2, "careful with her")
		if diff := cmp.Diff(want, texts(s.messages(agent, c))); diff != "" {
			t.Errorf("the agent is shown (-want +got):\n%s", diff)
		}

		// Whoever comes later is shown the same, and the note to nobody.
		again := s.visitor("Ana", as(ana), way)
		s.arrive(again)
		if diff := cmp.Diff(ana.spoken(), again.spoken()); diff != "" {
			t.Errorf("another tab is shown (-first +second):\n%s", diff)
		}
		for _, v := range []*visitor{ana, again} {
			if v.wasGiven("careful") || !v.wasGiven("Blue.") {
				t.Error("an internal note has left, or frames are not recorded")
			}
		}
	})
}

func TestTypingIsShownBothWays(t *testing.T) {
	bothWays(t, func(t *testing.T, way func(*webchattest.Options)) {
		s := open(t, harness.Config{More: chat})
		agent := s.agent(1)
		ana := s.visitor("Ana", way)
		c := s.chats(agent, ana, "Hello")
		live, err := agent.Live(s.ctx, 0)
		s.must(err)
		defer live.Close()
		s.must(live.Typing(s.ctx, c))
		s.patiently("the visitor sees somebody type", func(ctx context.Context) error { return ana.AwaitTyping(ctx, true) })
		s.say(agent, c, "a", "Good day")
		s.reads(ana, "Good day")
		s.patiently("the message ends the typing", func(ctx context.Context) error { return ana.AwaitTyping(ctx, false) })

		typed := make(chan *harness.Frame, 1)
		go func() {
			for {
				f, err := live.Next(s.ctx)
				if err != nil || f.Type == "typing" {
					typed <- f
					return
				}
			}
		}()
		s.must(ana.Typing(s.ctx, true))
		select {
		case f := <-typed:
			if f == nil || string(f.Conversation) != fmt.Sprintf("%q", c) || f.From.Kind != "customer" {
				t.Errorf("the agent is shown %+v", f)
			}
		case <-s.ctx.Done():
			t.Error("the agent does not see that the visitor types")
		}
	})
}

func TestReceiptsBothWays(t *testing.T) {
	bothWays(t, func(t *testing.T, way func(*webchattest.Options)) {
		s := open(t, harness.Config{More: chat})
		agent := s.agent(1)
		ana := s.visitor("Ana", way)
		c := s.chats(agent, ana, "Hello")

		s.say(agent, c, "a-1", "Good day")
		s.reads(ana, "Good day")
		s.awaitState(agent, c, "a-1", "sent")
		s.must(ana.Delivered(s.ctx))
		s.awaitState(agent, c, "a-1", "delivered")
		s.must(ana.Seen(s.ctx))
		s.awaitState(agent, c, "a-1", "read")
		s.say(agent, c, "a-2", "How can I help?")
		s.reads(ana, "How can I help?")
		s.awaitState(agent, c, "a-2", "sent")
		s.must(ana.Delivered(s.ctx)) // what was read stays read
		s.awaitState(agent, c, "a-2", "delivered")
		if m := s.message(agent, c, "a-1"); m.State != "read" {
			t.Errorf("a message that was read is %s", m.State)
		}

		s.writes(ana, "Is this red?")
		question := s.reads(ana, "Is this red?")
		s.must(agent.Command(s.ctx, c, "read", nil))
		s.await("the visitor is told that the question was read", func() bool { return ana.Status().Read == question.Position })
	})
}

func TestEitherSideEndsAndAnewBegins(t *testing.T) {
	bothWays(t, func(t *testing.T, way func(*webchattest.Options)) {
		s := open(t, harness.Config{More: chat})
		agent := s.agent(1)
		ana := s.visitor("Ana", way)
		first := s.chats(agent, ana, "one")
		s.must(ana.End(s.ctx))
		s.await("the conversation has ended at the agent's", func() bool {
			c, err := agent.Conversation(s.ctx, first)
			s.must(err)
			return c.State == "wrap-up" || c.State == "closed"
		})
		s.await("it has at the visitor's", func() bool { state := ana.Status().State; return state == "wrap-up" || state == "closed" })

		s.writes(ana, "two")
		second := s.accept(agent)
		s.stands(ana, "active")
		if second == first {
			t.Fatal("what the visitor says after the end belongs to the conversation that ended")
		}
		s.must(agent.Command(s.ctx, second, "end", nil))
		s.must(agent.Command(s.ctx, second, "close", nil))
		s.stands(ana, "closed")

		s.writes(ana, "three")
		third := s.accept(agent)
		s.stands(ana, "active")
		s.say(agent, third, "a", "four")
		s.reads(ana, "four")
		if diff := cmp.Diff([]string{"one", "two", "three", "four"}, ana.spoken()); diff != "" {
			t.Errorf("the visitor is shown (-want +got):\n%s", diff)
		}
		if third == second || ana.Status().Conversation != third {
			t.Errorf("the third conversation is %s after %s; the visitor is told %+v", third, second, ana.Status())
		}
		// A visitor with nothing to end ends nothing.
		s.must(agent.Command(s.ctx, third, "end", nil))
		s.must(agent.Command(s.ctx, third, "close", nil))
		s.stands(ana, "closed")
		s.must(ana.End(s.ctx))
		s.writes(ana, "five")
		if fourth := s.accept(agent); fourth == third {
			t.Error("no new conversation after the visitor ended a closed one")
		}
	})
}

// A panel that was away asks for what came since; nothing is missing, nothing twice. A second tab is told what the first
// says and hears.
func TestTabsAndAbsences(t *testing.T) {
	bothWays(t, func(t *testing.T, way func(*webchattest.Options)) {
		s := open(t, harness.Config{More: chat})
		agent := s.agent(1)
		ana := s.visitor("Ana", way)
		c := s.chats(agent, ana, "one")
		s.reads(ana, "one")
		ana.Cut()
		s.say(agent, c, "a-2", "two")
		s.awaitState(agent, c, "a-2", "sent")
		s.arrive(ana)
		s.reads(ana, "two")

		tab := s.visitor("Ana in another tab", as(ana), way)
		s.arrive(tab)
		s.reads(tab, "two")
		s.writes(tab, "three")
		s.reads(ana, "three")
		s.writes(ana, "four")
		s.reads(tab, "four")
		s.say(agent, c, "a-5", "five")
		for _, v := range []*visitor{ana, tab} {
			s.reads(v, "five")
			if diff := cmp.Diff([]string{"one", "two", "three", "four", "five"}, v.spoken()); diff != "" {
				t.Errorf("%s is shown (-want +got):\n%s", v.name, diff)
			}
			if v.Gaps() != 0 {
				t.Errorf("%s had to forget what it had", v.name)
			}
		}

		// More than a welcome holds: the panel forgets what it had, and walks back to the beginning.
		ana.Cut()
		want := ana.spoken()
		for n := range 60 {
			want = append(want, fmt.Sprintf("line %d", n+1))
			s.say(agent, c, fmt.Sprintf("l-%d", n+1), want[len(want)-1])
		}
		s.arrive(ana)
		s.reads(ana, "line 60")
		if ana.Gaps() != 1 {
			t.Errorf("the panel was told of %d gaps, want one", ana.Gaps())
		}
		for more := true; more; {
			s.patiently("an older page comes", func(ctx context.Context) (err error) {
				more, err = ana.Older(ctx)
				return err
			})
		}
		if diff := cmp.Diff(want, ana.spoken()); diff != "" {
			t.Errorf("the visitor is shown (-want +got):\n%s", diff)
		}
	})
}

func TestPlaceInLineIsTold(t *testing.T) {
	s := open(t, harness.Config{Agents: 1, AgentCapacity: 1, More: chat})
	line := make([]*visitor, 3)
	for n := range line {
		line[n] = s.visitor(fmt.Sprintf("Visitor %d", n+1))
		s.arrive(line[n])
		s.writes(line[n], "Hello")
		s.await("the visitor knows the place in line", func() bool { st := line[n].Status(); return st.State == "open" && st.Place == n+1 })
	}
	agent := s.agent(1)
	c := s.accept(agent)
	s.stands(line[0], "active")
	for n := 1; n < len(line); n++ {
		s.await("those behind move up", func() bool { return line[n].Status().Place == n })
	}
	if got := line[0].Status(); got.Place != 0 || got.Conversation != c {
		t.Errorf("who is served is told %+v", got)
	}
}

// Who only looks leaves nothing: no contact, no conversation, nothing that names them.
func TestNothingIsKeptOfWhoOnlyLooks(t *testing.T) {
	s := open(t, harness.Config{More: chat})
	bot := func(o *webchattest.Options) {
		o.Header = http.Header{"User-Agent": {"Mozilla/5.0 (compatible; Examplebot/2.1; +https://bot.example.com)"}}
	}
	var wait sync.WaitGroup
	for n := range 10 {
		wait.Go(func() {
			for _, path := range []string{"/widget.js", "/chat/site", "/chat/site/config", "/demo", "/channels/site/poll?channel=site&wait=1"} {
				response, err := http.Get(s.URL() + path)
				if err != nil {
					t.Error(err)
					return
				}
				if _ = response.Body.Close(); response.StatusCode != http.StatusOK {
					t.Errorf("%s answered %d", path, response.StatusCode)
				}
			}
			v := s.visitor(fmt.Sprintf("Bot %d", n), bot)
			if n%2 == 1 {
				v = s.visitor(fmt.Sprintf("Bot %d", n), bot, polling)
			}
			if err := v.Connect(s.ctx); err != nil {
				t.Error(err)
			}
			// What a curious panel may say before it has written anything.
			for _, frame := range []map[string]any{{"t": "typing", "on": true}, {"t": "seen", "read": "x"}, {"t": "end"}, {"t": "ping", "at": 1}} {
				if err := v.Say(s.ctx, frame); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	// Somebody who has a token and writes nothing, and one who is refused.
	reader := s.visitor("Reader", func(o *webchattest.Options) { o.Fresh = false })
	s.arrive(reader)
	empty := s.visitor("Empty")
	s.arrive(empty)
	if _, err := empty.Send(s.ctx, " "); err == nil {
		t.Error("an empty message was accepted")
	}
	nothing := func(when string) {
		t.Helper()
		export, err := s.Run(s.ctx, "", "export")
		s.must(err)
		records, err := harness.ReadRecords(bytes.NewReader([]byte(export)))
		s.must(err)
		for _, kind := range []string{"contact", "identity", "conversation", "message", "session"} {
			if records.Count[kind] != 0 {
				t.Errorf("%s there are %d records of the kind %s", when, records.Count[kind], kind)
			}
		}
		if strings.Contains(export, "bot.example.com") || strings.Contains(export, "shop.example.com/bot") {
			t.Errorf("%s the export names a bot", when)
		}
	}
	nothing("after visits alone")
	s.must(s.Stop())
	nothing("after the end")
	s.must(s.Start(s.ctx))

	// The first word makes all of it.
	s.writes(s.visitor("Ana"), "Hello")
	records, err := s.Export(s.ctx)
	s.must(err)
	if records.Count["contact"] != 1 || records.Count["identity"] != 1 || records.Count["conversation"] != 1 || records.Count["message"] == 0 {
		t.Errorf("after the first word there are %v", records.Count)
	}
}
