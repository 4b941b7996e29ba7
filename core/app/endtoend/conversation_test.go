package endtoend

import (
	"bytes"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/scripts/load/harness"
)

func TestCustomerWritesAgentAnswers(t *testing.T) {
	s := open(t, harness.Config{})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Hello, is this red?")

	shown, err := agent.Conversation(s.ctx, c)
	s.must(err)
	if shown.State != "active" || shown.Assignee != harness.AgentID(1) || shown.Queue != harness.Queue || shown.Channel != harness.Channel {
		t.Errorf("the conversation is %+v", shown)
	}
	s.await("the customer's name was looked up", func() bool {
		shown, err := agent.Conversation(s.ctx, c)
		s.must(err)
		return shown.Contact.Name == "Ana"
	})

	s.say(agent, c, "a-1", "Yes, it is.")
	first := s.sent(customer, 1)[0]
	if !first.Reply || first.Text() != "Yes, it is." {
		t.Errorf("the first answer went out as %+v, want a reply with the token", first)
	}
	m := s.awaitState(agent, c, "a-1", "sent")
	if diff := cmp.Diff([]string{first.ID}, m.ExternalIDs); diff != "" {
		t.Errorf("external ids (-want +got):\n%s", diff)
	}

	// The token is spent: what follows is pushed, under a retry key.
	s.say(agent, c, "a-2", "Anything else?")
	second := s.sent(customer, 2)[1]
	if second.Reply || second.RetryKey == "" || second.Text() != "Anything else?" {
		t.Errorf("the later answer went out as %+v, want a push with a retry key", second)
	}

	// A new message brings a new token; one whose time is over is not used.
	s.deliver(customer.Text("No, thanks"))
	s.say(agent, c, "a-3", "Bye")
	if third := s.sent(customer, 3)[2]; !third.Reply {
		t.Errorf("the answer to a new message went out as %+v, want a reply", third)
	}
	s.deliver(customer.Text("One more thing"))
	s.Line.ExpireReplyTokens(customer.ID)
	s.say(agent, c, "a-4", "Yes?")
	if fourth := s.sent(customer, 4)[3]; fourth.Reply {
		t.Error("an expired reply token was accepted")
	}
	s.awaitState(agent, c, "a-4", "sent")
	want := []string{"Hello, is this red?", "Yes, it is.", "Anything else?", "No, thanks", "Bye", "One more thing", "Yes?"}
	if diff := cmp.Diff(want, texts(s.messages(agent, c))); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func TestRepeatedCommandOfClientIsHarmless(t *testing.T) {
	s := open(t, harness.Config{})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Hi")
	draft := harness.Draft{ID: "same", Text: "once"}
	if _, created, err := agent.Send(s.ctx, c, draft); err != nil || !created {
		t.Fatalf("the first call: created %t, %v", created, err)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			m, created, err := agent.Send(s.ctx, c, draft)
			if err != nil || created || m.Text != "once" {
				t.Errorf("a repetition: created %t, %+v, %v", created, m, err)
			}
		})
	}
	wait.Wait()
	_, _, err := agent.Send(s.ctx, c, harness.Draft{ID: "same", Text: "other"})
	if harness.StatusOf(err) != http.StatusConflict {
		t.Errorf("the same id with another text: %v, want 409", err)
	}
	s.say(agent, c, "last", "twice")
	list := s.sent(customer, 2)
	if got := []string{list[0].Text(), list[1].Text()}; !slices.Equal(got, []string{"once", "twice"}) || s.Line.Total() != 2 {
		t.Errorf("LINE was given %q, %d in all", got, s.Line.Total())
	}
}

// An internal note is for colleagues: it never leaves.
func TestInternalNoteStaysInside(t *testing.T) {
	s := open(t, harness.Config{})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Hi")
	_, _, err := agent.Send(s.ctx, c, harness.Draft{ID: "n", Text: "careful with her", Visibility: "internal"})
	s.must(err)
	s.say(agent, c, "a", "Hello")
	if list := s.sent(customer, 1); list[0].Text() != "Hello" || s.Line.Total() != 1 {
		t.Errorf("LINE was given %d messages, the first %q", s.Line.Total(), list[0].Text())
	}
	if got := texts(s.messages(agent, c)); !slices.Equal(got, []string{"Hi", "careful with her", "Hello"}) {
		t.Errorf("messages %q", got)
	}
}

func TestDuplicateRedeliveredAndDisorderedEvents(t *testing.T) {
	s := open(t, harness.Config{})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "one")

	// The same event many times at once, then as LINE redelivers it.
	two := customer.Text("two")
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if status, err := s.Post(s.ctx, two); status != http.StatusOK {
				t.Errorf("a duplicate was answered %d (%v)", status, err)
			}
		})
	}
	wait.Wait()
	s.deliver(s.Line.Redelivered(two)...)

	// A batch that repeats what is known around something new.
	three := customer.Text("three")
	s.deliver(two, three, two, three)

	// The customer takes a message back, and LINE tells that first.
	taken := customer.Text("never mind")
	s.deliver(customer.Unsend(taken.Message.ID))
	s.deliver(taken)

	// An older message comes late: it is shown in the order of arrival, beside its own time.
	late := customer.Text("late")
	late.Timestamp -= 60_000
	five := customer.Text("five")
	s.deliver(five)
	s.deliver(late)

	list := s.messages(agent, c)
	var got []string
	for i, m := range list {
		if m.Seq != uint64(i+1) {
			t.Errorf("message %d has seq %d", i+1, m.Seq)
		}
		if m.DeletedAt == nil {
			got = append(got, m.Text)
		}
	}
	if diff := cmp.Diff([]string{"one", "two", "three", "five", "late"}, got); diff != "" {
		t.Errorf("messages that count (-want +got):\n%s", diff)
	}
	for _, m := range list {
		if m.Text == "never mind" {
			t.Error("a message that was taken back is shown")
		}
	}
	last := list[len(list)-1]
	if !last.OccurredAt.Before(last.CreatedAt) || last.OccurredAt.UnixMilli() != late.Timestamp {
		t.Errorf("the late message occurred at %s, want LINE's time", last.OccurredAt)
	}
}

func TestSignatureIsChecked(t *testing.T) {
	s := open(t, harness.Config{})
	customer := s.Line.NewCustomer("Ana")
	body := s.Line.Body(customer.Text("hi"))
	request, err := s.Line.Request(s.ctx, s.CallbackURL(), body)
	s.must(err)
	request.Body, request.ContentLength = http.NoBody, 0
	forged := map[string]*http.Request{"of another body": request}
	if forged["with another secret"], err = s.Line.Request(s.ctx, s.CallbackURL(), body); err != nil {
		t.Fatal(err)
	}
	forged["with another secret"].Header.Set("X-Line-Signature", "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=")
	if forged["without a signature"], err = s.Line.Request(s.ctx, s.CallbackURL(), body); err != nil {
		t.Fatal(err)
	}
	forged["without a signature"].Header.Del("X-Line-Signature")
	for name, r := range forged {
		res, err := http.DefaultClient.Do(r)
		s.must(err)
		_ = res.Body.Close() // only the status matters
		if res.StatusCode != http.StatusUnauthorized {
			t.Errorf("a request %s was answered %d, want 401", name, res.StatusCode)
		}
	}
	if status, err := s.Line.PostBody(s.ctx, s.CallbackURL(), s.Line.Body()); status != http.StatusOK {
		t.Errorf("LINE's connection check was answered %d (%v)", status, err)
	}
	if status, err := s.Line.PostBody(s.ctx, s.URL()+"/channels/nobody/callback", body); status != http.StatusNotFound {
		t.Errorf("a request to an account that does not exist was answered %d (%v)", status, err)
	}
	boss := s.join(harness.Supervisor.ID)
	if list, err := boss.EveryConversation(s.ctx, "all"); err != nil || len(list) != 0 {
		t.Errorf("there are %d conversations (%v), want none", len(list), err)
	}
}

func TestThousandEventsInOneRequest(t *testing.T) {
	s := open(t, harness.Config{Agents: 1})
	const people, each = 10, 100
	var events []linetest.Event
	var customers []*linetest.Customer
	for n := range people {
		customers = append(customers, s.Line.NewCustomer(fmt.Sprintf("Customer %d", n)))
	}
	for range each {
		for _, c := range customers {
			events = append(events, c.Next())
		}
	}
	if status, err := s.Post(s.ctx, events...); status != http.StatusOK {
		t.Fatalf("a batch of %d events was answered %d (%v)", len(events), status, err)
	}
	boss := s.join(harness.Supervisor.ID)
	list, err := boss.EveryConversation(s.ctx, "all")
	s.must(err)
	found := 0
	for _, c := range list {
		name := ""
		for i, m := range s.messages(boss, c.ID) {
			if i == 0 {
				name = m.Text[:len(m.Text)-len(" #1")]
			}
			if want := fmt.Sprintf("%s #%d", name, i+1); m.Text != want {
				t.Fatalf("message %d is %q, want %q", i+1, m.Text, want)
			}
			found++
		}
	}
	if found != people*each {
		t.Errorf("%d messages are stored, want %d", found, people*each)
	}
}

func TestThreeMegabyteBody(t *testing.T) {
	s := open(t, harness.Config{})
	agent := s.agent(1)
	customer := s.Line.NewCustomer("Ana")
	// A body of that size is many long messages; LINE's own limit for one is 5,000 characters.
	var events []linetest.Event
	var want []string
	for n := range 620 {
		text := fmt.Sprintf("%03d %s", n, bytes.Repeat([]byte{byte('a' + n%26)}, 4700))
		want = append(want, text)
		events = append(events, customer.Text(text))
	}
	body := s.Line.Body(events...)
	if len(body) < 3<<20 {
		t.Fatalf("the body has only %d bytes", len(body))
	}
	if status, err := s.Line.PostBody(s.ctx, s.CallbackURL(), body); status != http.StatusOK {
		t.Fatalf("a body of %d bytes was answered %d (%v)", len(body), status, err)
	}
	if diff := cmp.Diff(want, texts(s.messages(agent, s.accept(agent)))); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff[:min(len(diff), 2000)])
	}
}
