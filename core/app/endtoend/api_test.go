package endtoend

import (
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/scripts/load/harness"
)

const (
	apiToken  = "token-of-the-shop-0123456789"
	apiSecret = "secret-of-the-shop-0123456789"
)

// hook is one webhook that came.
type hook struct {
	ID           string
	Type         string
	Conversation string
	Customer     struct{ Kind, ID string }
	Reason       string
	Agent        struct{ Name string }
	Message      struct {
		ID, Text    string
		Author      struct{ Kind, Name string }
		Attachments []struct{ Name, Type, URL string }
	}
}

// receiver is a shop's program: it checks every signature, and answers as it is told.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(hook) int // nil: 204
	came   []hook
	forged int
}

// newReceiver starts one and returns the configuration of an account at it.
func newReceiver(t *testing.T) (*receiver, string) {
	t.Helper()
	p := &receiver{}
	p.Server = httptest.NewServer(p)
	t.Cleanup(func() {
		p.Close()
		if p.forged > 0 {
			t.Errorf("%d webhooks had a wrong signature", p.forged)
		}
	})
	return p, apiAccount("webhook_url = \"" + p.URL + "/hook\"\nwebhook_secret = \"" + apiSecret + "\"")
}

func apiAccount(settings string) string {
	return fmt.Sprintf(`
[[account]]
id = "shop-api"
plugin = "api"
test = true
[account.settings]
token = %q
%s
[[channel]]
id = "shop-api"
account = "shop-api"
workstream = "shop-api"
[[workstream]]
id = "shop-api"
fallback_queue = "general"
offer_timeout = "30m"
wrap_up = { block = "none" }
`, apiToken, settings)
}

func (p *receiver) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body) // of a call that breaks off the signature is wrong
	mac := hmac.New(sha256.New, []byte(apiSecret))
	mac.Write([]byte(r.Header.Get("Webhook-Id") + "." + r.Header.Get("Webhook-Timestamp") + "."))
	mac.Write(body)
	var h hook
	err := json.Unmarshal(body, &h)
	p.mu.Lock()
	answer := p.answer
	if err != nil || h.ID != r.Header.Get("Webhook-Id") ||
		r.Header.Get("Webhook-Signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		p.forged++
	}
	p.came = append(p.came, h)
	p.mu.Unlock()
	status := http.StatusNoContent
	if answer != nil {
		status = answer(h)
	}
	w.WriteHeader(status)
}

func (p *receiver) reply(answer func(hook) int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

// of returns the webhooks of a type.
func (p *receiver) of(kind string) []hook {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(p.came), func(h hook) bool { return h.Type != kind })
}

// api makes a request to the channel, as a program does.
func (s *scene) api(method, path string, body any, headers ...string) (int, map[string]any) {
	s.t.Helper()
	status, shown, err := s.tryAPI(method, path, body, headers...)
	s.must(err)
	return status, shown
}

func (s *scene) tryAPI(method, path string, body any, headers ...string) (int, map[string]any, error) {
	raw, err := json.Marshal(body)
	if err != nil {
		return 0, nil, err
	}
	r, err := http.NewRequestWithContext(s.ctx, method, s.URL()+"/channels/shop-api/"+path, bytes.NewReader(raw))
	if err != nil {
		return 0, nil, err
	}
	r.Header.Set("Authorization", "Bearer "+apiToken)
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close() //nolint:errcheck // it was read
	var shown map[string]any
	err = json.NewDecoder(res.Body).Decode(&shown)
	return res.StatusCode, shown, err
}

// post says something until it is stored.
func (s *scene) post(body any) {
	s.t.Helper()
	s.await("it was taken", func() bool {
		status, shown, err := s.tryAPI(http.MethodPost, "messages", body)
		if err == nil && status != http.StatusOK && status < 500 {
			s.t.Fatalf("%v is answered with %d %v", body, status, shown)
		}
		return err == nil && status == http.StatusOK
	})
}

type object = map[string]any

func saying(id, customer, text string) object {
	return object{"id": id, "customer": object{"id": customer}, "text": text}
}

// A customer writes through a program of the shop's and is answered; the program hears all of it once, signed.
func TestAPICustomerWritesAgentAnswers(t *testing.T) {
	p, account := newReceiver(t)
	s := open(t, harness.Config{Agents: 1, More: account})
	agent := s.agent(1)
	content := picture(t, 50)
	files := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(content) }))
	defer files.Close()
	first := object{
		"id": "m-1", "conversation": "order-17", "customer": object{"id": "ada", "name": "Ada Lovelace", "language": "fr"}, "text": "Where is my order?",
		"variables": object{"order": 17}, "attachments": []object{
			{"name": "a.png", "content": base64.StdEncoding.EncodeToString(content)}, {"name": "b.png", "url": files.URL},
		},
	}
	status, answer := s.api(http.MethodPost, "messages", first)
	if status != http.StatusOK || answer["id"] != "m-1" || answer["conversation"] != "order-17" {
		t.Fatalf("%d %v", status, answer)
	}
	// The same again counts once, something else under the same id not at all.
	if status, again := s.api(http.MethodPost, "messages", first); status != http.StatusOK || !cmp.Equal(answer, again) {
		t.Errorf("the same again: %d %v", status, again)
	}
	if status, _ := s.api(http.MethodPost, "messages", saying("m-1", "ada", "Something else")); status != http.StatusConflict {
		t.Errorf("something else under the same id: %d", status)
	}
	if status, _ := s.api(http.MethodPost, "messages", first, "Authorization", "Bearer another-token-0123456789"); status != http.StatusUnauthorized {
		t.Errorf("with another token: %d", status)
	}
	c := s.accept(agent)
	shown := s.conversation(agent, c)
	if shown.Contact.Name != "Ada Lovelace" || shown.Channel != "shop-api" {
		t.Errorf("the conversation is %+v", shown)
	}
	s.await("both files are there", func() bool {
		m := s.messages(agent, c)
		ready := 0
		for _, m := range m {
			for _, a := range m.Attachments {
				if got, err := agent.Get(s.ctx, a.URL); a.State == "ready" && err == nil && bytes.Equal(got, content) {
					ready++
				}
			}
		}
		return ready == 2
	})
	if got := texts(s.messages(agent, c)); !cmp.Equal(got, []string{"Where is my order?"}) {
		t.Errorf("the desk has %q", got)
	}

	upload, err := agent.Upload(s.ctx, "bill.png", "image/png", content)
	s.must(err)
	_, _, err = agent.Send(s.ctx, c, harness.Draft{ID: "a-1", Text: "On its way.", Attachments: []string{upload}})
	s.must(err)
	_, _, err = agent.Send(s.ctx, c, harness.Draft{ID: "a-2", Text: "He seems cross", Visibility: "internal"})
	s.must(err)
	m := s.awaitState(agent, c, "a-1", "sent")
	said := p.of("message")
	if len(said) != 1 {
		t.Fatalf("%d messages came", len(said))
	}
	if h := said[0]; h.Message.Text != "On its way." || h.Conversation != "order-17" || h.Customer.ID != "ada" || h.Message.Author.Kind != "agent" ||
		len(h.Message.Attachments) != 1 || !slices.Contains(m.ExternalIDs, h.ID) {
		t.Errorf("what came is %+v, the message has the ids %v", h, m.ExternalIDs)
	}
	stranger := &harness.Client{Server: s.Server}
	if got, err := stranger.Get(s.ctx, said[0].Message.Attachments[0].URL); err != nil || !bytes.Equal(got, content) {
		t.Errorf("its file has %d bytes (%v)", len(got), err)
	}
	s.api(http.MethodPost, "receipts", object{"message": said[0].ID, "state": "read"})
	s.awaitState(agent, c, "a-1", "read")

	s.post(object{"id": "m-2", "type": "edit", "conversation": "order-17", "message": "m-1", "text": "Where is order 17?"})
	s.await("the edit is shown", func() bool { return slices.Contains(texts(s.messages(agent, c)), "Where is order 17?") })
	s.must(agent.Command(s.ctx, c, "read", nil))
	s.must(agent.Command(s.ctx, c, "end", nil))
	s.await("it was told who answers, and that it ended", func() bool { return len(p.of("agent_joined")) == 1 && len(p.of("ended")) == 1 })
	if h := p.of("agent_joined")[0]; h.Agent.Name == "" || h.Conversation != "order-17" {
		t.Errorf("who joined is %+v", h)
	}
	if log := s.Log(10_000); strings.Contains(log, apiToken) || strings.Contains(log, apiSecret) {
		t.Error("a secret is in the log")
	}
	if got := len(p.of("message")); got != 1 {
		t.Errorf("%d messages came in all: notes must not, and nothing twice", got)
	}
}
