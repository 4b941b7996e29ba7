package telegram

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/telegram/telegramtest"
)

// recorder is the SDK's side of a webhook.
type recorder struct {
	*httptest.ResponseRecorder
	events []sdk.Event
}

func (r *recorder) Receive(events ...sdk.Event) { r.events = append(r.events, events...) }

// called is a request as Telegram makes it.
func called(body string, secrets ...string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, publicURL+"/callback", strings.NewReader(body))
	for _, s := range secrets {
		r.Header.Add(secretHeader, s)
	}
	return r
}

func serve(ch *channel, r *http.Request) *recorder {
	w := &recorder{ResponseRecorder: httptest.NewRecorder()}
	ch.ServeWebhook(w, r)
	return w
}

const oneText = `{"update_id":700001,"message":{"message_id":12,"date":1790000000,"from":{"id":555,"first_name":"Ana"},"chat":{"id":555,"type":"private"},"text":"hello"}}`

// listening opens an account that is called, with nobody behind it.
func listening(t *testing.T, h sdk.Host, secret string) *channel {
	t.Helper()
	ch, err := open(sdk.Account{ID: "shop", PublicURL: publicURL, Host: h}, Settings{BotToken: "123456789:AAE-token", Mode: modeWebhook, SecretToken: secret})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ch.Close() })
	return ch
}

func TestWebhookSecret(t *testing.T) {
	ch := listening(t, newHost(), "right-secret_1")
	for _, test := range []struct {
		name    string
		secrets []string
		want    int
	}{
		{"right", []string{"right-secret_1"}, 200},
		{"missing", nil, 401},
		{"empty", []string{""}, 401},
		{"wrong", []string{"wrong-secret_1"}, 401},
		{"its beginning", []string{"right-secret"}, 401},
		{"with something behind it", []string{"right-secret_1x"}, 401},
		{"in other letters", []string{"RIGHT-SECRET_1"}, 401},
		{"beside a wrong one", []string{"wrong", "right-secret_1"}, 401},
	} {
		w := serve(ch, called(oneText, test.secrets...))
		if w.Code != test.want || (len(w.events) > 0) != (test.want == 200) {
			t.Errorf("%s: %d with %d events", test.name, w.Code, len(w.events))
		}
	}
}

// TestDerivedSecret: it needs no setting, is the same at every start, is each account's own, and does not give the token away.
func TestDerivedSecret(t *testing.T) {
	s := Settings{BotToken: "123456789:AAE-token"}
	one := s.webhookSecret("shop")
	if one != s.webhookSecret("shop") || one == s.webhookSecret("other") || one == (Settings{BotToken: "123456789:AAE-other"}).webhookSecret("shop") {
		t.Error("the secret is not one of this account and this token")
	}
	if strings.Contains(one, "AAE") || len(one) != 64 {
		t.Errorf("the secret is %s", one)
	}
	if w := serve(listening(t, newHost(), ""), called(oneText, one)); w.Code != 200 || len(w.events) != 1 {
		t.Errorf("%d with %d events", w.Code, len(w.events))
	}
	if s.SecretToken = "mine"; s.webhookSecret("shop") != "mine" {
		t.Error("the secret that is set does not count")
	}
}

func TestOtherRequests(t *testing.T) {
	ch := listening(t, newHost(), "s")
	get := called("", "s")
	get.Method = http.MethodGet
	if w := serve(ch, get); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != http.MethodPost {
		t.Errorf("GET: %d", w.Code)
	}
	elsewhere := called(oneText, "s")
	elsewhere.URL.Path += "/more"
	if w := serve(ch, elsewhere); w.Code != http.StatusNotFound || len(w.events) > 0 {
		t.Errorf("another path: %d", w.Code)
	}
	broken := called("", "s")
	broken.Body = io.NopCloser(errorReader{errors.New("cut")})
	if w := serve(ch, broken); w.Code != http.StatusServiceUnavailable {
		t.Errorf("a broken body: %d", w.Code)
	}
	for _, odd := range []string{"", "{", "[]", `"x"`, `{"update_id":"x"}`, `{"update_id":1}`} {
		if w := serve(ch, called(odd, "s")); w.Code != 200 || len(w.events) != 1 || w.events[0].Unknown == nil {
			t.Errorf("%q: %d with %+v", odd, w.Code, w.events)
		}
	}
}

// TestWebhookAnswersButtons: in its own answer, which costs no call.
func TestWebhookAnswersButtons(t *testing.T) {
	ch := listening(t, newHost(), "s")
	w := serve(ch, called(`{"update_id":1,"callback_query":{"id":"4711","from":{"id":555},"data":"yes"}}`, "s"))
	if body := w.Body.String(); w.Code != 200 || body != `{"method":"answerCallbackQuery","callback_query_id":"4711"}` ||
		w.Header().Get("Content-Type") != "application/json" {
		t.Errorf("%d %s", w.Code, body)
	}
	if w := serve(ch, called(oneText, "s")); w.Body.Len() > 0 {
		t.Errorf("a text is answered %q", w.Body)
	}
}

// TestWebhookWithoutState: where the host cannot say what a button stands for, Telegram is asked to come again.
func TestWebhookWithoutState(t *testing.T) {
	h := newHost()
	h.broken = errors.New("the store is full")
	ch := listening(t, h, "s")
	for _, body := range []string{
		`{"update_id":1,"callback_query":{"id":"1","from":{"id":555},"data":"~abc"}}`,
		`{"update_id":2,"message":{"message_id":1,"chat":{"id":-5,"type":"group"},"migrate_to_chat_id":-1005}}`,
		`{"update_id":3,"message":{"message_id":1,"chat":{"id":-5,"type":"group"},"text":"x"}}`,
	} {
		if w := serve(ch, called(body, "s")); w.Code != http.StatusServiceUnavailable || len(w.events) > 0 {
			t.Errorf("%s: %d with %d events", body, w.Code, len(w.events))
		}
	}
	if w := serve(ch, called(oneText, "s")); w.Code != 200 {
		t.Errorf("a private message needs no state, and is answered %d", w.Code)
	}
}

// TestDelivery runs the account behind a real server that fails now and then, with Telegram's retries.
func TestDelivery(t *testing.T) {
	p := platform(t, telegramtest.Options{ResendEvery: time.Millisecond})
	d := newDesk()
	ch := account(t, p, newHost(), asWebhook)
	var failures int
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		rec := serve(ch, r)
		d.mu.Lock()
		failures++
		fail := failures%3 == 1
		d.mu.Unlock()
		if fail {
			w.Header().Set("Retry-After", "0")
			http.Error(w, "not now", http.StatusServiceUnavailable)
			return
		}
		if err := d.emit(r.Context(), nil, rec.events...); err != nil {
			t.Error(err)
		}
		w.WriteHeader(rec.Code)
		_, _ = w.Write(rec.Body.Bytes())
	}))
	t.Cleanup(server.Close)
	ch.account.PublicURL = server.URL + "/channels/shop"
	if err := ch.Register(t.Context()); err != nil {
		t.Fatal(err)
	}
	customers := []*telegramtest.Customer{p.NewCustomer("Ann"), p.NewCustomer("Bo"), p.NewCustomer("Cy")}
	for i := range 60 {
		customers[i%3].Say(fmt.Sprintf("%d", i))
	}
	d.until(t, "all messages", func() bool { texts, _ := d.stored(); return len(texts) == 60 })
	d.until(t, "all to be taken", func() bool { return p.Pending() == 0 })
	// Each chat's messages come in their order, whatever failed.
	last := map[string]string{}
	_, events := d.stored()
	for _, e := range events {
		if before := last[e.Thread.ID]; len(before) > len(e.Message.Text) || len(before) == len(e.Message.Text) && before > e.Message.Text {
			t.Errorf("in chat %s message %s came before %s", e.Thread.ID, before, e.Message.Text)
		}
		last[e.Thread.ID] = e.Message.Text
	}
}
