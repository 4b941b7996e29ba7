package endtoend

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/telegram/telegramtest"
	"github.com/guichet/guichet/scripts/load/harness"
)

// telegram starts a fake Telegram that checks every call, and returns the configuration of an account at it.
func telegram(t *testing.T, mode string) (*telegramtest.Platform, string) {
	t.Helper()
	o := telegramtest.Options{PollAtMost: 2 * time.Second}
	spec := filepath.Join(harness.Root(), "..", "shared", "specs", "telegram", "api.shape-only.json")
	if _, err := os.Stat(spec); err == nil {
		o.SpecFile = spec
	}
	p, err := telegramtest.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		for _, v := range p.Violations() {
			t.Errorf("Telegram complains: %s", v)
		}
	})
	return p, fmt.Sprintf(`
[[account]]
id = "bot"
plugin = "telegram"
test = true
[account.settings]
bot_token = %q
mode = %q
api_url = %q
[[channel]]
id = "bot"
account = "bot"
workstream = "bot"
[[workstream]]
id = "bot"
fallback_queue = "general"
offer_timeout = "30m"
wrap_up = { block = "none" }
`, p.Token(), mode, p.URL())
}

// said waits until Telegram has taken n messages to a chat.
func (s *scene) said(p *telegramtest.Platform, chat int64, n int) []telegramtest.Sent {
	s.t.Helper()
	var sent []telegramtest.Sent
	s.await(fmt.Sprintf("%d messages came to the chat %d", n, chat), func() bool {
		sent = p.Sent(chat)
		return len(sent) >= n
	})
	return sent
}

// A customer writes to a bot and is answered, whichever way the messages come.
func TestTelegramCustomerWritesAgentAnswers(t *testing.T) {
	for _, mode := range []string{"poll", "webhook"} {
		t.Run(mode, func(t *testing.T) {
			p, account := telegram(t, mode)
			s := open(t, harness.Config{Agents: 1, More: account})
			agent := s.agent(1)
			if mode == "webhook" {
				s.await("the webhook was registered by itself", func() bool { return p.Webhook() == s.URL()+"/channels/bot/callback" })
			}
			ann := p.NewCustomer("Ann")
			hello := ann.Say("Hello, is this red?")
			c := s.accept(agent)
			shown := s.conversation(agent, c)
			if shown.Contact.Name != "Ann" || shown.Channel != "bot" {
				t.Errorf("the conversation is %+v", shown)
			}

			// A text longer than Telegram takes comes in pieces, none twice.
			long := strings.TrimSpace(strings.Repeat("a long answer ", 600))
			s.say(agent, c, "a-1", long)
			sent := s.said(p, ann.ID, 3)
			var pieces []string
			for _, piece := range sent {
				pieces = append(pieces, strings.Fields(piece.Text)...)
			}
			if len(sent) != 3 || strings.Join(pieces, " ") != long {
				t.Errorf("%d pieces went out", len(sent))
			}
			if m := s.awaitState(agent, c, "a-1", "sent"); len(m.ExternalIDs) != 3 {
				t.Errorf("its ids are %q", m.ExternalIDs)
			}

			// An edit, a place, a card and a file.
			ann.Edit(hello, "Hello, is this blue?")
			s.await("the edit is shown", func() bool {
				return slices.ContainsFunc(s.messages(agent, c), func(m harness.Message) bool { return m.Text == "Hello, is this blue?" })
			})
			content := bytes.Repeat([]byte("%PDF-1.4 "), 20_000)
			id, unique := p.AddFile(telegramtest.File{Content: content})
			ann.Send(map[string]any{"caption": "my invoice", "document": map[string]any{
				"file_id": id, "file_unique_id": unique, "file_name": "invoice.pdf", "mime_type": "application/pdf", "file_size": len(content),
			}})
			large, unique := p.AddFile(telegramtest.File{Size: 30 << 20})
			ann.Send(map[string]any{"video": map[string]any{"file_id": large, "file_unique_id": unique, "width": 1, "height": 1, "duration": 1}})
			s.await("the file is there, and the one that bots may not have is refused", func() bool {
				var states []string
				for _, m := range s.messages(agent, c) {
					for _, a := range m.Attachments {
						states = append(states, a.Name+" "+a.State)
					}
				}
				return cmp.Equal(states, []string{"invoice.pdf ready", "video-" + unique + ".mp4 refused"})
			})

			// The agent's file goes up as it is.
			upload, err := agent.Upload(s.ctx, "terms.pdf", "application/pdf", content)
			s.must(err)
			_, _, err = agent.Send(s.ctx, c, harness.Draft{ID: "a-2", Text: "Our terms", Attachments: []string{upload}})
			s.must(err)
			file := s.said(p, ann.ID, 4)[3]
			if file.Method != "sendDocument" || file.Text != "Our terms" || file.File.Name != "terms.pdf" || !bytes.Equal(file.File.Content, content) {
				t.Errorf("%s %q", file.Method, file.Text)
			}

			// Who has blocked the bot is not written to, and it is said why.
			ann.Block(true)
			s.say(agent, c, "a-3", "Are you there?")
			if m := s.awaitState(agent, c, "a-3", "failed"); m.Reason == nil {
				t.Errorf("it failed for no reason: %+v", m)
			}
			s.await("all is confirmed", func() bool { return p.Pending() == 0 })
			if strings.Contains(s.Log(10_000), p.Token()) {
				t.Error("the bot token is in the log")
			}
		})
	}
}

// A group that becomes a supergroup stays one conversation.
func TestTelegramGroupMoves(t *testing.T) {
	p, account := telegram(t, "poll")
	s := open(t, harness.Config{Agents: 1, More: account})
	agent := s.agent(1)
	group, ann := p.NewGroup("Neighbours"), p.NewCustomer("Ann")
	ann.SendTo(group.ID(), map[string]any{"text": "Is anybody there?"})
	c := s.accept(agent)
	s.say(agent, c, "a-1", "Yes")
	s.said(p, group.First(), 1)
	current := group.Upgrade(false)
	s.must(s.KillPluginNamed("telegram")) // where it has moved to outlives the process
	ann.SendTo(current, map[string]any{"text": "We have moved"})
	s.await("the message is in the same conversation", func() bool {
		return slices.ContainsFunc(s.messages(agent, c), func(m harness.Message) bool { return m.Text == "We have moved" })
	})
	s.say(agent, c, "a-2", "Welcome")
	if sent := s.said(p, current, 1); sent[0].Text != "Welcome" {
		t.Errorf("%+v", sent)
	}
}

// The plugin dies while Telegram is at it: nobody knows whether the message went out, so it is never sent again by itself.
func TestTelegramKilledAmidASend(t *testing.T) {
	p, account := telegram(t, "poll")
	s := open(t, harness.Config{Agents: 1, More: account})
	agent := s.agent(1)
	ann := p.NewCustomer("Ann")
	ann.Say("Hello")
	c := s.accept(agent)
	p.Inject(telegramtest.Fault{Accept: true, Hang: true})
	s.say(agent, c, "a-1", "Hello Ann")
	s.said(p, ann.ID, 1)
	s.must(s.KillPluginNamed("telegram"))
	s.awaitState(agent, c, "a-1", "unknown")
	ann.Say("I hear you")
	s.await("the conversation goes on", func() bool {
		return slices.ContainsFunc(s.messages(agent, c), func(m harness.Message) bool { return m.Text == "I hear you" })
	})
	s.say(agent, c, "a-2", "Good")
	s.awaitState(agent, c, "a-2", "sent")
	var texts []string
	for _, m := range p.Sent(ann.ID) {
		texts = append(texts, m.Text)
	}
	if diff := cmp.Diff([]string{"Hello Ann", "Good"}, texts); diff != "" {
		t.Errorf("Ann was sent (-want +got):\n%s", diff)
	}
}

// Two thousand messages are fetched while the plugin and the server are killed at random points. Each is there once, in
// its conversation, in order.
func TestTelegramKillsAmidTwoThousandMessages(t *testing.T) {
	const customers, each, kills = 40, 50, 8
	p, account := telegram(t, "poll")
	s := open(t, harness.Config{Agents: 1, More: account})
	boss := s.join(harness.Supervisor.ID)

	crowd := make([]*telegramtest.Customer, customers)
	for n := range crowd {
		crowd[n] = p.NewCustomer(fmt.Sprintf("Customer %d", n+1))
	}
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // not a secret
	said := 0
	say := func(until int) {
		for ; said < until; said++ {
			crowd[said%customers].Say(fmt.Sprintf("%d of %d", said/customers+1, said%customers+1))
		}
	}
	for kill := range kills {
		// A part is said; some of it, anything between none and all, has been confirmed when the blow comes.
		say(customers * each * (kill + 1) / kills)
		left := random.IntN(customers * each / kills)
		s.await("a part was fetched", func() bool { return p.Pending() <= left })
		time.Sleep(time.Duration(random.IntN(40)) * time.Millisecond) // anywhere in what it does
		s.strike(kill, "telegram")
	}
	s.await("all was confirmed", func() bool { return p.Pending() == 0 })

	all, err := boss.EveryConversation(s.ctx, "all")
	s.must(err)
	if len(all) != customers {
		t.Fatalf("%d customers have %d conversations", customers, len(all))
	}
	records, err := s.Export(s.ctx)
	s.must(err)
	got := map[string][]string{}
	for _, m := range records.Messages {
		if m.From.Kind == "customer" {
			got[records.Conversations[m.Conversation].Thread.ID] = append(got[records.Conversations[m.Conversation].Thread.ID], m.Text)
		}
	}
	for n, customer := range crowd {
		var want []string
		for i := range each {
			want = append(want, fmt.Sprintf("%d of %d", i+1, n+1))
		}
		if diff := cmp.Diff(want, got[fmt.Sprint(customer.ID)]); diff != "" {
			t.Errorf("of customer %d the desk has (-want +got):\n%s", n+1, diff)
		}
	}
	if records.Count["contact"] != customers {
		t.Errorf("%d contacts for %d customers", records.Count["contact"], customers)
	}
}
