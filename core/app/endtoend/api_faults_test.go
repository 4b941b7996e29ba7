package endtoend

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/scripts/load/harness"
)

// The program is down for a while, answers 500, refuses for good.
func TestAPIReceiverFails(t *testing.T) {
	p, account := newReceiver(t)
	s := open(t, harness.Config{Agents: 1, More: account})
	agent := s.agent(1)
	s.post(saying("m-1", "ada", "Hello"))
	c := s.accept(agent)

	failures := 0
	p.reply(func(h hook) int {
		if h.Type != "message" {
			return http.StatusNoContent
		}
		if failures++; failures <= 2 {
			return http.StatusInternalServerError
		}
		return http.StatusOK
	})
	s.say(agent, c, "a-1", "One moment")
	s.say(agent, c, "a-2", "please")
	s.awaitState(agent, c, "a-2", "sent")
	var got []string
	ids := map[string]int{}
	for _, h := range p.of("message") {
		got = append(got, h.Message.Text)
		ids[h.ID]++
	}
	if want := []string{"One moment", "One moment", "One moment", "please"}; !cmp.Equal(want, got) || len(ids) != 2 {
		t.Errorf("%q came under %d ids, want %q under 2", got, len(ids), want)
	}

	p.reply(func(hook) int { return http.StatusGone })
	s.say(agent, c, "a-3", "Goodbye")
	m := s.awaitState(agent, c, "a-3", "failed")
	var page struct {
		Items []struct {
			ID     string
			Reason *struct{ Code, Provider string }
		}
	}
	_, err := agent.Do(s.ctx, http.MethodGet, "/api/v1/conversations/"+c+"/messages", nil, &page)
	s.must(err)
	for _, shown := range page.Items {
		if shown.ID == "a-3" && (shown.Reason == nil || shown.Reason.Code != "rejected-content" || !strings.Contains(shown.Reason.Provider, "410 Gone")) {
			t.Errorf("it failed for the reason %+v", shown.Reason)
		}
	}
	_, dead := s.api(http.MethodGet, "deliveries?state=dead", nil)
	items, _ := dead["items"].([]any)
	if len(items) != 1 || items[0].(object)["status"] != float64(410) {
		t.Fatalf("dead are %v", dead)
	}
	id := items[0].(object)["id"].(string)
	p.reply(nil)
	if status, _ := s.api(http.MethodPost, "deliveries/"+id+"/replay", nil); status != http.StatusAccepted {
		t.Errorf("the replay is answered with %d", status)
	}
	s.await("it was delivered after all", func() bool {
		last := p.of("message")[len(p.of("message"))-1]
		return last.ID == id && last.Message.Text == "Goodbye"
	})
	s.await("and says so", func() bool {
		_, shown := s.api(http.MethodGet, "deliveries/"+id, nil)
		return shown["state"] == "delivered"
	})
	// A retry of the agent's is another delivery.
	s.must(agent.Retry(s.ctx, c, m.Seq))
	s.awaitState(agent, c, "a-3", "sent")
}

// What is no message is tried again too, also by the next server.
func TestAPIEventsOutliveTheServer(t *testing.T) {
	p, account := newReceiver(t)
	s := open(t, harness.Config{Agents: 1, More: account})
	agent := s.agent(1)
	p.reply(func(hook) int { return http.StatusServiceUnavailable })
	s.post(saying("m-1", "ada", "Hello"))
	c := s.accept(agent)
	s.await("it was tried to say who answers", func() bool { return len(p.of("agent_joined")) > 0 })
	s.say(agent, c, "a-1", "Hello Ada")
	s.await("and what", func() bool { return len(p.of("message")) > 0 })
	s.Kill()
	tried := len(p.of("agent_joined"))
	p.reply(nil)
	s.must(s.Start(s.ctx))
	s.await("both have come", func() bool {
		_, log, err := s.tryAPI(http.MethodGet, "deliveries?state=delivered", nil)
		if err != nil {
			return false
		}
		items, _ := log["items"].([]any)
		return len(items) == 2
	})
	s.awaitState(agent, c, "a-1", "sent")
	joined := p.of("agent_joined")
	if other := slices.IndexFunc(joined, func(h hook) bool { return h.ID != joined[0].ID }); len(joined) <= tried || other >= 0 {
		t.Errorf("after %d attempts %d came; one of another id: %d", tried, len(joined), other)
	}
}

// A program that is not called fetches everything once, in order, over kills of plugin and server.
func TestAPIFetching(t *testing.T) {
	s := open(t, harness.Config{Agents: 1, More: apiAccount("")})
	agent := s.agent(1)
	s.post(saying("m-1", "ada", "Hello"))
	c := s.accept(agent)
	var want []string
	for i := range 30 {
		text := fmt.Sprintf("answer %d", i+1)
		want = append(want, text)
		s.say(agent, c, fmt.Sprintf("a-%d", i), text)
		switch i {
		case 10:
			s.must(s.KillPluginNamed("api"))
		case 20:
			s.Kill()
			s.must(s.Start(s.ctx))
		}
	}
	var got []string
	after := ""
	s.await("all was fetched", func() bool {
		status, page, err := s.tryAPI(http.MethodGet, "messages?wait=1&limit=7&after="+after, nil)
		if err != nil || status != http.StatusOK {
			return false
		}
		for _, item := range page["items"].([]any) {
			if d := item.(object); d["type"] == "message" {
				got = append(got, d["message"].(object)["text"].(string))
			}
		}
		after = page["next"].(string)
		return len(got) >= len(want)
	})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +fetched\n%s", diff)
	}
	s.api(http.MethodGet, "messages?after="+after, nil) // says that they were had
	s.awaitState(agent, c, "a-29", "delivered")
	_, both := s.api(http.MethodGet, "messages?conversation=customer:ada", nil)
	if items := both["items"].([]any); len(items) != 31 {
		t.Errorf("the conversation has %d messages for its customer", len(items))
	}
}

// Three hundred messages go either way while plugin and server are killed at random points. Every one of the customers' is
// there once, in order; every answer comes, in order, and one that comes twice has the same id.
func TestAPIKillsAmidThreeHundredMessages(t *testing.T) {
	const customers, each, kills = 10, 15, 6
	p, account := newReceiver(t)
	s := open(t, harness.Config{Agents: 1, More: account})
	agent := s.agent(1)
	conversations := make([]string, customers)
	for n := range conversations {
		s.post(saying(fmt.Sprintf("%d-0", n), fmt.Sprintf("customer-%d", n), "0"))
		conversations[n] = s.accept(agent)
	}
	seed := uint64(time.Now().UnixNano()) //nolint:gosec // any number
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // not a secret

	var sending sync.WaitGroup
	trouble := make(chan error, 2*customers)
	until := time.Now().Add(90 * time.Second)
	persist := func(try func() error) error {
		for {
			err := try()
			if err == nil || time.Now().After(until) {
				return err
			}
			time.Sleep(10 * time.Millisecond) // the server may just be coming back
		}
	}
	for n, c := range conversations {
		sending.Go(func() {
			for i := 1; i <= each; i++ {
				err := persist(func() error {
					status, shown, err := s.tryAPI(http.MethodPost, "messages", saying(fmt.Sprintf("%d-%d", n, i), fmt.Sprintf("customer-%d", n), fmt.Sprint(i)))
					if err == nil && status != http.StatusOK {
						err = fmt.Errorf("%d %v", status, shown)
					}
					return err
				})
				if err != nil {
					trouble <- err
					return
				}
			}
		})
		sending.Go(func() {
			for i := 1; i <= each; i++ {
				err := persist(func() error {
					_, _, err := agent.Send(s.ctx, c, harness.Draft{ID: fmt.Sprint("a-", i), Text: fmt.Sprint(i)})
					return err
				})
				if err != nil {
					trouble <- err
					return
				}
			}
		})
	}
	for kill := range kills {
		some := (kill + 1) * customers * each / (kills + 2)
		s.await("some answers came", func() bool { return len(p.of("message")) >= some })
		time.Sleep(time.Duration(random.IntN(30)) * time.Millisecond) // anywhere in what it does
		s.strike(kill, "api")
	}
	sending.Wait()
	close(trouble)
	for err := range trouble {
		t.Fatal(err)
	}
	var want []string
	for i := range each {
		want = append(want, fmt.Sprint(i+1))
	}
	s.await("every answer has come", func() bool {
		distinct := map[string]bool{}
		for _, h := range p.of("message") {
			distinct[h.ID] = true
		}
		return len(distinct) >= customers*each
	})
	s.await("nothing is unsettled", func() bool {
		for _, c := range conversations {
			for _, m := range s.messages(agent, c) {
				if m.From.Kind == "agent" && m.State != "sent" && m.Kind != "activity" {
					return false
				}
			}
		}
		return true
	})
	answers, seen, twice := map[string][]string{}, map[string]bool{}, 0
	for _, h := range p.of("message") {
		if seen[h.ID] {
			twice++
			continue
		}
		seen[h.ID] = true
		answers[h.Customer.ID] = append(answers[h.Customer.ID], h.Message.Text)
	}
	t.Logf("%d webhooks came again, with their ids", twice)
	for n, c := range conversations {
		if diff := cmp.Diff(want, answers[fmt.Sprintf("customer-%d", n)]); diff != "" {
			t.Errorf("customer %d was answered (-want +got):\n%s", n, diff)
		}
		var asked []string
		for _, m := range s.messages(agent, c) {
			if m.From.Kind == "customer" {
				asked = append(asked, m.Text)
			}
		}
		if diff := cmp.Diff(append([]string{"0"}, want...), asked); diff != "" {
			t.Errorf("of customer %d the desk has (-want +got):\n%s", n, diff)
		}
	}
}
