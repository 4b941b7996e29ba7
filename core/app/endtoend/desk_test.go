package endtoend

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/cookiejar"
	"slices"
	"testing"

	"github.com/guichet/guichet/scripts/load/harness"
)

// A person signs in with a password; the cookie opens the API until they sign out.
func TestSignInAndOut(t *testing.T) {
	s := open(t, harness.Config{})
	s.join(harness.AgentID(1)) // sets the password
	jar, err := cookiejar.New(nil)
	s.must(err)
	browser := &http.Client{Jar: jar}
	call := func(method, path string, body any) int {
		t.Helper()
		raw, err := json.Marshal(body)
		s.must(err)
		r, err := http.NewRequestWithContext(s.ctx, method, s.URL()+path, bytes.NewReader(raw))
		s.must(err)
		r.Header.Set("Content-Type", "application/json")
		res, err := browser.Do(r)
		s.must(err)
		_ = res.Body.Close() // only the status matters
		return res.StatusCode
	}
	type credentials struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	email := harness.Email(harness.AgentID(1))
	if status := call("GET", "/api/v1/offers", nil); status != http.StatusUnauthorized {
		t.Errorf("without signing in: %d, want 401", status)
	}
	if status := call("POST", "/api/v1/sign-in", credentials{email, "wrong password"}); status != http.StatusUnauthorized {
		t.Errorf("with a wrong password: %d, want 401", status)
	}
	if status := call("POST", "/api/v1/sign-in", credentials{email, harness.Password}); status != http.StatusOK {
		t.Fatalf("sign-in: %d, want 200", status)
	}
	if status := call("GET", "/api/v1/offers", nil); status != http.StatusOK {
		t.Errorf("signed in: %d, want 200", status)
	}
	if status := call("GET", "/api/v1/conversations?view=all", nil); status != http.StatusForbidden {
		t.Errorf("an agent who wants to see all conversations: %d, want 403", status)
	}
	// A sign-in is kept like everything else.
	s.Kill()
	s.must(s.Start(s.ctx))
	if status := call("GET", "/api/v1/offers", nil); status != http.StatusOK {
		t.Errorf("signed in, after a kill of the server: %d, want 200", status)
	}
	if status := call("DELETE", "/api/v1/sign-in", nil); status >= 300 {
		t.Errorf("sign-out: %d", status)
	}
	if status := call("GET", "/api/v1/offers", nil); status != http.StatusUnauthorized {
		t.Errorf("signed out: %d, want 401", status)
	}
}

// Work is offered to those who are there, and goes on to the next when it is declined.
func TestPresenceAndDecline(t *testing.T) {
	s := open(t, harness.Config{})
	one, two := s.join(harness.AgentID(1)), s.join(harness.AgentID(2))
	if p, err := one.Presence(s.ctx); err != nil || p != "offline" {
		t.Errorf("the presence of somebody who has not begun is %q (%v), want offline", p, err)
	}
	customer := s.Line.NewCustomer("Ana")
	s.deliver(customer.Text("Anybody there?"))
	var waiting []harness.Conversation
	s.await("the conversation waits in the queue", func() bool {
		list, err := one.EveryConversation(s.ctx, "waiting")
		s.must(err)
		waiting = list
		return len(waiting) == 1
	})
	if waiting[0].State != "open" || waiting[0].OfferedTo != "" {
		t.Fatalf("with nobody there, %+v waits", waiting)
	}
	s.must(one.SetPresence(s.ctx, "available"))
	offer, err := one.AwaitOffer(s.ctx)
	s.must(err)
	if offer.Conversation != waiting[0].ID || offer.RemainingMS <= 0 || offer.Queue != harness.Queue {
		t.Errorf("the offer is %+v", offer)
	}
	if err := two.Accept(s.ctx, offer.ID); harness.StatusOf(err) != http.StatusNotFound {
		t.Errorf("an offer of somebody else's was accepted: %v", err)
	}
	s.must(two.SetPresence(s.ctx, "available"))
	s.must(one.Decline(s.ctx, offer.ID))
	if err := one.Accept(s.ctx, offer.ID); harness.StatusOf(err) != http.StatusNotFound && harness.StatusOf(err) != http.StatusConflict {
		t.Errorf("a declined offer was accepted: %v", err)
	}
	if c := s.accept(two); c != waiting[0].ID {
		t.Errorf("conversation %s was offered, want %s", c, waiting[0].ID)
	}
	s.must(two.SetPresence(s.ctx, "do-not-disturb"))
	s.deliver(s.Line.NewCustomer("Ben").Text("Me too"))
	second := s.accept(one)
	var trace struct {
		Items []struct {
			Step string `json:"step"`
			Text string `json:"text"`
		} `json:"items"`
	}
	_, err = one.Do(s.ctx, http.MethodGet, "/api/v1/conversations/"+second+"/trace", nil, &trace)
	s.must(err)
	var steps []string
	for _, e := range trace.Items {
		steps = append(steps, e.Step)
	}
	if !slices.Contains(steps, "offered") || !slices.Contains(steps, "accepted") {
		t.Errorf("the trace has the steps %q", steps)
	}
}

func TestTransfer(t *testing.T) {
	s := open(t, harness.Config{Agents: 3})
	one, two := s.agent(1), s.agent(2)
	s.join(harness.AgentID(3))
	_, c := s.begin(one, "Ana", "Hi")
	if s.conversation(one, c).Assignee != harness.AgentID(1) {
		one, two = two, one
	}
	target := map[string]string{"agent": harness.AgentID(3)}
	if err := one.Command(s.ctx, c, "transfer", target); harness.StatusOf(err) == 0 {
		t.Error("a conversation was transferred to somebody who is not there")
	}
	s.must(one.Command(s.ctx, c, "transfer", map[string]string{"agent": harness.AgentID(2)}))
	if got := s.accept(two); got != c {
		t.Fatalf("conversation %s rings, want %s", got, c)
	}
	if shown := s.conversation(two, c); shown.Assignee != harness.AgentID(2) || shown.State != "active" {
		t.Errorf("after the transfer it is %+v", shown)
	}
	if _, err := one.Conversation(s.ctx, c); harness.StatusOf(err) != http.StatusNotFound && harness.StatusOf(err) != http.StatusForbidden {
		t.Errorf("the former agent still sees it: %v", err)
	}
	if _, _, err := one.Send(s.ctx, c, harness.Draft{ID: "x", Text: "still me"}); err == nil {
		t.Error("the former agent can still write to the customer")
	}
	s.must(one.SetPresence(s.ctx, "offline"))
	s.must(two.SetPresence(s.ctx, "busy"))
	s.must(two.Command(s.ctx, c, "transfer", map[string]string{"queue": harness.Queue}))
	if got := s.accept(two); got != c {
		t.Errorf("conversation %s rings, want %s", got, c)
	}
}

func (s *scene) conversation(c *harness.Client, id string) *harness.Conversation {
	s.t.Helper()
	shown, err := c.Conversation(s.ctx, id)
	s.must(err)
	return shown
}

func TestLeaveReopenEndClose(t *testing.T) {
	s := open(t, harness.Config{Agents: 1, WrapUp: `{ block = "always" }`})
	agent := s.agent(1)
	customer, c := s.begin(agent, "Ana", "Hi")
	state := func(want string) {
		t.Helper()
		if got := s.conversation(agent, c).State; got != want {
			t.Fatalf("the conversation is %s, want %s", got, want)
		}
	}
	s.must(agent.Command(s.ctx, c, "leave", nil))
	state("waiting")
	s.must(agent.Command(s.ctx, c, "reopen", nil))
	state("active")
	s.must(agent.Command(s.ctx, c, "leave", nil))
	// The customer writes again: the same conversation comes back, to the same agent.
	s.deliver(customer.Text("Are you there?"))
	s.await("the conversation is back", func() bool {
		offers, err := agent.Offers(s.ctx)
		s.must(err)
		for _, o := range offers {
			s.must(agent.Accept(s.ctx, o.ID))
		}
		return s.conversation(agent, c).State == "active"
	})
	s.must(agent.Command(s.ctx, c, "end", nil))
	state("wrap-up")
	s.must(agent.Command(s.ctx, c, "reopen", nil))
	state("active")
	s.must(agent.Command(s.ctx, c, "end", nil))
	s.must(agent.Command(s.ctx, c, "close", nil))
	state("closed")
	if err := agent.Command(s.ctx, c, "reopen", nil); harness.StatusOf(err) != http.StatusConflict {
		t.Errorf("a closed conversation was reopened: %v", err)
	}
	if _, _, err := agent.Send(s.ctx, c, harness.Draft{ID: "x", Text: "too late"}); harness.StatusOf(err) != http.StatusConflict {
		t.Errorf("a message in a closed conversation: %v, want 409", err)
	}
	// What the customer writes now begins a new one.
	s.deliver(customer.Text("One more question"))
	if next := s.accept(agent); next == c {
		t.Error("the closed conversation was offered again")
	}
}
