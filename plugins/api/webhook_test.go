package api

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// verified checks a webhook as a receiver does that knows one secret.
func verified(w webhook, key string) bool {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(w.header.Get("Webhook-Id") + "." + w.header.Get("Webhook-Timestamp") + "." + string(w.body)))
	want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	for _, signature := range strings.Fields(w.header.Get("Webhook-Signature")) {
		if hmac.Equal([]byte(signature), []byte(want)) {
			return true
		}
	}
	return false
}

// TestAMessageIsOneSignedWebhook: its body, its headers, and two signatures while a secret is replaced.
func TestAMessageIsOneSignedWebhook(t *testing.T) {
	p := newProgram(t)
	settings := p.settings()
	settings["previous_webhook_secret"] = "the-former-secret-0123456789"
	h := openHouse(t, settings)
	handle := h.Host.AddMedia(account, "image/png", "red.png", []byte("png"))
	response := h.send("m-1", "Hello & welcome", func(r *channelv1.SendRequest) {
		r.Attachments = []*channelv1.OutgoingAttachment{{Handle: handle, Type: "image/png", Name: "red.png", Size: 3}}
		r.Format, r.QuotedId, r.Context = channelv1.TextFormat_MARKDOWN, "c-9", &channelv1.Context{Language: "fr"}
		r.Choices = []*channelv1.Choice{{Title: "Yes"}, {Title: "Shop", Url: "https://example.com"}}
	})
	if response.GetAccepted() == nil || !cmp.Equal(response.GetExternalIds(), []string{"m-1"}) {
		t.Fatalf("the outcome is %v", response)
	}
	came := p.came()
	if len(came) != 1 {
		t.Fatalf("%d webhooks came", len(came))
	}
	w := came[0]
	if w.header.Get("Webhook-Id") != "m-1" || w.header.Get("Webhook-Timestamp") != strconv.FormatInt(h.clock.Now().Unix(), 10) ||
		w.header.Get("Content-Type") != "application/json" {
		t.Errorf("its headers are %v", w.header)
	}
	if !verified(w, "012345678901234567890123") || !verified(w, "the-former-secret-0123456789") || verified(w, "another") {
		t.Errorf("its signatures are %q", w.header.Get("Webhook-Signature"))
	}
	address := w.Message.Attachments[0].URL
	want := delivery{
		ID: "m-1", Type: "message", Account: account, Conversation: "customer:ada", Customer: &party{"customer", "ada"}, At: h.clock.Now(),
		Message: &outgoing{
			ID: "m-1", Text: "Hello & welcome", Format: "markdown", Author: author{Kind: "agent", Name: "Anna"}, ReplyTo: "c-9", Language: "fr",
			Attachments: []file{{Name: "red.png", Type: "image/png", Size: 3, URL: address}},
			Choices:     []choice{{Title: "Yes", Data: "Yes"}, {Title: "Shop", URL: "https://example.com"}},
		},
	}
	if diff := cmp.Diff(want, w.delivery); diff != "" || address == "" {
		t.Errorf("at %q: -want +got\n%s", address, diff)
	}
}

// TestOutcomes: what each answer of the receiver means for a message.
func TestOutcomes(t *testing.T) {
	p := newProgram(t)
	h := openHouse(t, p.settings())
	for i, test := range []struct {
		status  int
		after   string
		outcome string
	}{
		{200, "", "accepted"},
		{299, "", "accepted"},
		{302, "", "retryable 0s"},
		{400, "", "rejected CONTENT"},
		{401, "", "rejected CONTENT"},
		{404, "", "rejected CONTENT"},
		{408, "", "retryable 0s"},
		{409, "", "retryable 0s"},
		{410, "", "rejected CONTENT"},
		{413, "", "rejected TOO_LARGE"},
		{425, "", "retryable 0s"},
		{429, "7", "rate limited 7s"},
		{500, "", "retryable 0s"},
		{503, "90", "retryable 1m30s"},
		{503, "999999", "retryable 1h0m0s"},
		{503, h.clock.Now().Add(time.Minute).Format(http.TimeFormat), "retryable 1m0s"},
	} {
		p.reply(func(w http.ResponseWriter, _ int) {
			if test.after != "" {
				w.Header().Set("Retry-After", test.after)
			}
			w.WriteHeader(test.status)
			fmt.Fprintf(w, "no\n such\x00shop")
		})
		response := h.send(fmt.Sprintf("m-%d", i), "hello")
		var got, reason string
		switch o := response.GetOutcome().(type) {
		case *channelv1.SendResponse_Accepted:
			got = "accepted"
		case *channelv1.SendResponse_Rejected:
			got, reason = "rejected "+o.Rejected.GetCause().String(), o.Rejected.GetReason()
		case *channelv1.SendResponse_RateLimited:
			got, reason = "rate limited "+o.RateLimited.GetAfter().AsDuration().String(), o.RateLimited.GetReason()
		case *channelv1.SendResponse_Retryable:
			got, reason = "retryable "+o.Retryable.GetAfter().AsDuration().String(), o.Retryable.GetReason()
		}
		if got != test.outcome {
			t.Errorf("%d (Retry-After %q) is %q, want %q", test.status, test.after, got, test.outcome)
		}
		if got != "accepted" && (!strings.Contains(reason, strconv.Itoa(test.status)) || !strings.HasSuffix(reason, "no such shop")) {
			t.Errorf("%d is for the reason %q", test.status, reason)
		}
	}
	p.Close()
	if response := h.send("gone", "hello"); response.GetRetryable() == nil || strings.Contains(response.GetRetryable().GetReason(), "/hook") {
		t.Errorf("nobody there: %v", response)
	}
}

// TestRedirects: to the same host they are followed, elsewhere nothing goes.
func TestRedirects(t *testing.T) {
	p, elsewhere := newProgram(t), newProgram(t)
	h := openHouse(t, p.settings())
	p.reply(func(w http.ResponseWriter, n int) {
		if n == 1 {
			w.Header().Set("Location", "/moved")
			w.WriteHeader(http.StatusPermanentRedirect)
		}
	})
	if response := h.send("m-1", "hello"); response.GetAccepted() == nil || len(p.came()) != 2 || !verified(p.came()[1], "012345678901234567890123") {
		t.Errorf("redirected within the host: %v after %d requests", response, len(p.came()))
	}
	p.reply(func(w http.ResponseWriter, _ int) {
		w.Header().Set("Location", elsewhere.URL)
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	if response := h.send("m-2", "hello"); response.GetRetryable() == nil || len(elsewhere.came()) != 0 {
		t.Errorf("redirected elsewhere: %v, and %d requests came there", response, len(elsewhere.came()))
	}
}

// TestSignalsAreDeliveries: each is kept, tried again, and comes once it can.
func TestSignalsAreDeliveries(t *testing.T) {
	p := newProgram(t)
	h := openHouse(t, p.settings())
	p.reply(func(w http.ResponseWriter, n int) {
		if n <= 2 {
			w.WriteHeader(http.StatusBadGateway)
		}
	})
	h.signal(&channelv1.SignalRequest{Kind: &channelv1.SignalRequest_AgentJoined{AgentJoined: &channelv1.AgentJoined{Name: "Anna"}}})
	h.await("it was tried", func() bool { return len(p.came()) == 1 })
	for n := 2; n <= 3; n++ {
		h.await("the next attempt is planned", func() bool {
			_, list := h.call("GET", "deliveries?state=pending", "")
			items := list["items"].([]any)
			return len(items) == 1 && items[0].(map[string]any)["attempts"] == float64(n-1)
		})
		h.clock.advance(10 * time.Minute)
		h.reopen(p.settings()) // the next worker looks at the clock
		h.await("it was tried again", func() bool { return len(p.came()) == n })
	}
	h.signal(&channelv1.SignalRequest{Kind: &channelv1.SignalRequest_Typing{Typing: &channelv1.Typing{}}})
	for _, kind := range []*channelv1.SignalRequest{
		{Kind: &channelv1.SignalRequest_Read{Read: &channelv1.ReadSignal{MessageId: "c-1"}}},
		{Kind: &channelv1.SignalRequest_AgentLeft{AgentLeft: &channelv1.AgentLeft{Name: "Anna"}}},
		{Kind: &channelv1.SignalRequest_ConversationEnded{ConversationEnded: &channelv1.ConversationEnded{Code: "done"}}},
	} {
		h.signal(kind)
	}
	h.await("all were delivered", func() bool {
		_, list := h.call("GET", "deliveries?state=delivered", "")
		return len(list["items"].([]any)) == 4
	})
	got, ids := map[string]string{}, map[string]map[string]bool{}
	for _, w := range p.came() {
		raw, _ := json.Marshal([]any{w.Agent, w.UpTo, w.Reason})
		got[w.Type] = string(raw)
		if ids[w.Type] == nil {
			ids[w.Type] = map[string]bool{}
		}
		ids[w.Type][w.ID] = true
	}
	want := map[string]string{
		"agent_joined": `[{"kind":"agent","name":"Anna"},"",""]`, "agent_left": `[{"kind":"agent","name":"Anna"},"",""]`,
		"read": `[null,"c-1",""]`, "ended": `[null,"","done"]`, "typing": `[null,"",""]`,
	}
	if diff := cmp.Diff(want, got); diff != "" || len(ids["agent_joined"]) != 1 {
		t.Errorf("%d ids for one event; -want +got\n%s", len(ids["agent_joined"]), diff)
	}
}

// TestDeadLettersAndReplay: what is refused for good, or could not be delivered in a day, is dead, is shown with its
// content, and goes out again on demand under the same id.
func TestDeadLettersAndReplay(t *testing.T) {
	p := newProgram(t)
	h := openHouse(t, p.settings())
	p.reply(func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusGone) })
	h.send("m-1", "hello")
	p.reply(func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusInternalServerError) })
	h.send("m-2", "are you there?")
	if response, _ := h.call("POST", "deliveries/m-2/replay", ""); response.GetStatus() != 409 {
		t.Errorf("what is being tried is replayed: %d", response.GetStatus())
	}
	states := func() map[string]string {
		_, list := h.call("GET", "deliveries", "")
		got := map[string]string{}
		for _, item := range list["items"].([]any) {
			got[item.(map[string]any)["id"].(string)] = item.(map[string]any)["state"].(string)
		}
		return got
	}
	if diff := cmp.Diff(map[string]string{"m-1": "dead", "m-2": "pending"}, states()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	h.clock.advance(25 * time.Hour)
	if diff := cmp.Diff(map[string]string{"m-1": "dead", "m-2": "dead"}, states()); diff != "" {
		t.Errorf("a day later: -want +got\n%s", diff)
	}
	_, shown := h.call("GET", "deliveries/m-1", "")
	if text := shown["content"].(map[string]any)["message"].(map[string]any)["text"]; text != "hello" || shown["status"] != float64(410) {
		t.Errorf("shown is %v", shown)
	}
	p.reply(nil)
	before := len(p.came())
	for range 2 { // the host may repeat it
		if response, _ := h.call("POST", "deliveries/m-1/replay", ""); response.GetStatus() != 202 {
			t.Fatalf("replay: %d %s", response.GetStatus(), response.GetBody())
		}
	}
	h.await("it was delivered", func() bool { return states()["m-1"] == "delivered" && len(p.came()) > before })
	if last := p.came()[before]; last.ID != "m-1" || last.Message.Text != "hello" || !verified(last, "012345678901234567890123") {
		t.Errorf("replayed was %+v", last.delivery)
	}
	if _, list := h.call("GET", "deliveries?state=dead&limit=1", ""); len(list["items"].([]any)) != 1 || list["next"] != "" {
		t.Errorf("dead are %v", list)
	}
	if _, list := h.call("GET", "deliveries?limit=1", ""); list["next"] != "2" {
		t.Errorf("the next page is %v", list["next"])
	}
}

// TestARepeatedSendIsTheSameDelivery: the host asks again when it does not know what came of it.
func TestARepeatedSendIsTheSameDelivery(t *testing.T) {
	p := newProgram(t)
	h := openHouse(t, p.settings())
	again := func(r *channelv1.SendRequest) {
		r.Previous = []*channelv1.Attempt{{StartedAt: timestamppb.New(h.clock.Now()), WithoutOutcome: true}}
	}
	if r := h.send("m-1", "hello", again); r.GetAccepted() == nil { // the first attempt never came so far
		t.Fatal(r)
	}
	h.reopen(p.settings())
	if r := h.send("m-1", "hello", again); !r.GetAccepted().GetAlready() || len(p.came()) != 1 {
		t.Errorf("%v after %d webhooks", r, len(p.came()))
	}
}

// TestFetchingInsteadOfWebhooks: everything is fetched once, in order, and what was fetched is delivered.
func TestFetchingInsteadOfWebhooks(t *testing.T) {
	h := openHouse(t, nil)
	var want []string
	for i := range 5 {
		id := fmt.Sprintf("m-%d", i)
		want = append(want, id)
		if r := h.send(id, "hello "+id); r.GetAccepted() == nil {
			t.Fatal(r)
		}
		h.send(id, "hello "+id) // a repetition
	}
	h.signal(&channelv1.SignalRequest{Kind: &channelv1.SignalRequest_ConversationEnded{ConversationEnded: &channelv1.ConversationEnded{Code: "done"}}})
	h.reopen(nil)
	var got []string
	after := ""
	for {
		_, page := h.call("GET", "messages?limit=2&after="+after, "")
		items := page["items"].([]any)
		if len(items) == 0 {
			break
		}
		for _, item := range items {
			d := item.(map[string]any)
			if d["type"] == "message" {
				got = append(got, d["id"].(string))
			} else if d["type"] != "ended" || d["reason"] != "done" {
				t.Errorf("fetched was %v", d)
			}
		}
		after = page["next"].(string)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +fetched\n%s", diff)
	}
	var delivered []string
	events, _ := h.Host.Received()
	for _, e := range events {
		delivered = append(delivered, e.GetStatus().GetMessageIds()...)
	}
	if diff := cmp.Diff(want, delivered); diff != "" {
		t.Errorf("-want +delivered\n%s", diff)
	}
	if _, list := h.call("GET", "deliveries?state=waiting", ""); len(list["items"].([]any)) != 0 {
		t.Errorf("still waiting: %v", list)
	}
	if response, _ := h.call("POST", "deliveries/m-1/replay", ""); response.GetStatus() != 409 {
		t.Errorf("a replay without a webhook_url: %d", response.GetStatus())
	}

	// Who waits hears at once.
	answered := make(chan map[string]any, 1)
	go func() {
		_, page := h.call("GET", "messages?wait=1&after="+after, "")
		answered <- page
	}()
	h.send("m-9", "late")
	if items := (<-answered)["items"].([]any); len(items) != 1 { // the call takes longer than its second only if nothing came
		t.Errorf("who waited got %v", items)
	}
}

// TestOneConversationIsShownFromBothSides: from the host's own history.
func TestOneConversationIsShownFromBothSides(t *testing.T) {
	h := openHouse(t, nil)
	thread := &channelv1.Thread{Id: "order-1", Kind: "user"}
	h.Conversations.Say(account, thread, &channelv1.ThreadMessage{Id: "1", ExternalId: "c-1", Author: &channelv1.ThreadAuthor{Kind: channelv1.ThreadAuthor_CUSTOMER}, Text: "hi", CreatedAt: timestamppb.New(h.clock.Now())})
	h.Conversations.Say(account, thread, &channelv1.ThreadMessage{Id: "2", ExternalId: "m-1", Author: &channelv1.ThreadAuthor{Kind: channelv1.ThreadAuthor_AGENT, Name: "Anna"}, Text: "hello", CreatedAt: timestamppb.New(h.clock.Now())})
	_, page := h.call("GET", "messages?conversation=order-1", "")
	items := page["items"].([]any)
	if len(items) != 2 || items[0].(map[string]any)["id"] != "c-1" || items[1].(map[string]any)["author"].(map[string]any)["name"] != "Anna" {
		t.Errorf("shown is %v", items)
	}
	if _, rest := h.call("GET", "messages?conversation=order-1&after="+page["next"].(string)+"&wait=0.05", ""); len(rest["items"].([]any)) != 0 {
		t.Errorf("after the last there is %v", rest)
	}
}

// TestSettingsThatCannotWork are refused when the account is opened, with a sentence.
func TestSettingsThatCannotWork(t *testing.T) {
	h := openHouse(t, nil)
	for name, settings := range map[string]map[string]any{
		"webhook_url must be":  {"webhook_url": "ftp://example.com/", "webhook_secret": testSecret},
		"webhook_url holds no": {"webhook_url": "https://u:p@example.com/", "webhook_secret": testSecret},
		"set webhook_secret":   {"webhook_url": "https://example.com/"},
		"goes on in base64":    {"webhook_url": "https://example.com/", "webhook_secret": "whsec_!!!!!!!!!!!!!!"},
	} {
		all := map[string]any{"token": testToken}
		for key, value := range settings {
			all[key] = value
		}
		_, err := h.Channel.Open(t.Context(), &channelv1.OpenRequest{Account: h.Account(t, "wrong", all)})
		if err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v: %v, want %q", settings, err, name)
		}
	}
}

// TestValidatePings: the receiver is called, and what it says is told.
func TestValidatePings(t *testing.T) {
	p := newProgram(t)
	h := openHouse(t, nil)
	check := func(settings map[string]any) *channelv1.Check {
		all := map[string]any{"token": testToken}
		for key, value := range settings {
			all[key] = value
		}
		response, err := h.Channel.Validate(t.Context(), &channelv1.ValidateRequest{Account: h.Account(t, "x", all)})
		if err != nil || len(response.GetChecks()) != 1 {
			t.Fatalf("%v: %v", response, err)
		}
		return response.GetChecks()[0]
	}
	if c := check(nil); c.GetState() != channelv1.Check_SKIPPED {
		t.Errorf("without a receiver: %v", c)
	}
	if c := check(p.settings()); c.GetState() != channelv1.Check_PASSED || p.came()[0].Type != "ping" {
		t.Errorf("with one: %v", c)
	}
	p.reply(func(w http.ResponseWriter, _ int) { w.WriteHeader(http.StatusNotFound) })
	if c := check(p.settings()); c.GetState() != channelv1.Check_FAILED || c.GetField() != "webhook_url" || !strings.Contains(c.GetDetail(), "404") {
		t.Errorf("with one that refuses: %v", c)
	}
}

// TestAReceiverThatDoesNotAnswer is not waited for.
func TestAReceiverThatDoesNotAnswer(t *testing.T) {
	p := newProgram(t)
	let := make(chan struct{})
	p.reply(func(http.ResponseWriter, int) { <-let })
	defer close(let)
	r, err := newReceiver(Settings{WebhookURL: p.URL, WebhookSecret: testSecret}, true, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer r.close()
	r.timeout = 50 * time.Millisecond
	if came := r.post(t.Context(), delivery{ID: "m"}); came.problem != "The receiver did not answer within 50ms." || came.permanent {
		t.Errorf("it came to %+v", came)
	}
}
