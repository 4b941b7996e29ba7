package line

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/plugins/sdk"
)

// listening opens an account with a webhook secret, without any platform behind it.
func listening(t *testing.T, now time.Time, secret, previous string) *channel {
	t.Helper()
	opened, err := build(func() time.Time { return now }).Open(t.Context(),
		sdk.Account{ID: "shop-line", PublicURL: "https://shop.example/base/channels/shop-line"},
		Settings{ChannelID: "1", ChannelSecret: secret, PreviousChannelSecret: previous, ChannelAccessToken: "token"})
	if err != nil {
		t.Fatal(err)
	}
	return opened.(*channel)
}

func webhook(body []byte, signature string) *http.Request {
	r := httptest.NewRequest(http.MethodPost, "https://shop.example/base/channels/shop-line/callback", bytes.NewReader(body))
	if signature != "" {
		r.Header.Set("X-LINE-Signature", signature)
	}
	return r
}

func TestSignatures(t *testing.T) {
	raw, err := os.ReadFile("testdata/signatures.json")
	if err != nil {
		t.Fatal(err)
	}
	var vectors map[string]struct{ Secret, Body, Sig string }
	if err := json.Unmarshal(raw, &vectors); err != nil {
		t.Fatal(err)
	}
	for name, v := range vectors {
		ch := listening(t, received, v.Secret, "")
		decoded, err := base64.StdEncoding.DecodeString(v.Sig)
		if err != nil {
			t.Fatal(err)
		}
		var compact bytes.Buffer
		if err := json.Indent(&compact, []byte(v.Body), "", " "); err != nil {
			t.Fatal(err)
		}
		rotated := listening(t, received, "another secret altogether", v.Secret)
		for _, test := range []struct {
			what      string
			ch        *channel
			body      string
			signature string
			want      int
		}{
			{"as given", ch, v.Body, v.Sig, 200},
			{"signed with the previous secret", rotated, v.Body, v.Sig, 200},
			{"no signature", ch, v.Body, "", 401},
			{"a space more", ch, v.Body + " ", v.Sig, 401},
			{"reformatted", ch, compact.String(), v.Sig, 401},
			{"hex", ch, v.Body, hex.EncodeToString(decoded), 401},
			{"cut short", ch, v.Body, base64.StdEncoding.EncodeToString(decoded[:16]), 401},
			{"without padding", ch, v.Body, strings.TrimRight(v.Sig, "="), 401},
			{"another channel's secret", listening(t, received, "ffffffffffffffffffffffffffffffff", ""), v.Body, v.Sig, 401},
		} {
			code, events := callback(test.ch, webhook([]byte(test.body), test.signature))
			if code != test.want {
				t.Errorf("%s, %s: answered %d, want %d", name, test.what, code, test.want)
			}
			if code != 200 && len(events) > 0 {
				t.Errorf("%s, %s: took %d events", name, test.what, len(events))
			}
		}
	}
}

func TestWebhookTakesOnlyPOSTAtItsPath(t *testing.T) {
	ch := listening(t, received, "secret", "")
	for _, test := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/base/channels/shop-line/callback", 405},
		{http.MethodHead, "/base/channels/shop-line/callback", 405},
		{http.MethodOptions, "/base/channels/shop-line/callback", 405},
		{http.MethodPut, "/base/channels/shop-line/callback", 405},
		{http.MethodPost, "/base/channels/shop-line/callback/", 404},
		{http.MethodPost, "/base/channels/shop-line/x/callback", 404},
		{http.MethodPost, "/base/channels/shop-line/call%62ack", 404},
		{http.MethodPost, "/base/channels/shop-line/", 404},
	} {
		code, _ := callback(ch, httptest.NewRequest(test.method, "https://shop.example"+test.path, nil))
		if code != test.want {
			t.Errorf("%s %s: answered %d, want %d", test.method, test.path, code, test.want)
		}
	}
}

// signed posts a body with a right signature.
func signed(t *testing.T, ch *channel, body string) []sdk.Event {
	t.Helper()
	p, err := linetest.New(linetest.Options{ChannelSecret: ch.settings.ChannelSecret})
	if err != nil {
		t.Fatal(err)
	}
	code, events := callback(ch, webhook([]byte(body), p.Sign([]byte(body))))
	if code != http.StatusOK {
		t.Fatalf("answered %d to %s", code, body)
	}
	return events
}

func TestConnectionCheckHasNoEvents(t *testing.T) {
	ch := listening(t, received, "secret", "")
	if events := signed(t, ch, `{"destination":"U1","events":[]}`); len(events) != 0 {
		t.Errorf("events: %v", events)
	}
}

// What is signed is never lost: LINE does not send it again.
func TestUnreadableEnvelopeIsKeptWhole(t *testing.T) {
	ch := listening(t, received, "secret", "")
	for _, body := range []string{``, `not json`, `[]`, `{"destination":"U1"}`, `{"events":null}`, `{"events":{}}`, "\xff\xfe"} {
		events := signed(t, ch, body)
		if len(events) != 1 || events[0].Unknown == nil || string(events[0].Raw) != body || events[0].ID == "" {
			t.Fatalf("%q became %+v", body, events)
		}
		if again := signed(t, ch, body); again[0].ID != events[0].ID {
			t.Errorf("%q has another id the second time", body)
		}
	}
}

func TestAnIllFormedEventHoldsUpNobody(t *testing.T) {
	ch := listening(t, received, "secret", "")
	good, err := os.ReadFile("testdata/events/Event.message.json")
	if err != nil {
		t.Fatal(err)
	}
	events := signed(t, ch, fmt.Sprintf(`{"events":[7,%s,"x",{"type":"message","webhookEventId":["no"]},null,{},%s]}`, good, good))
	if len(events) != 7 {
		t.Fatalf("%d events", len(events))
	}
	for i, event := range events {
		if (event.Message != nil) != (i == 1 || i == 6) {
			t.Errorf("event %d: %+v", i, event)
		}
		if event.Message == nil && event.Unknown == nil {
			t.Errorf("event %d says nothing", i)
		}
		if event.ID == "" {
			t.Errorf("event %d has no id", i)
		}
	}
}

// An event without LINE's id gets one from its text, the same when it is redelivered.
func TestEventIDWithoutLINEs(t *testing.T) {
	ch := listening(t, received, "secret", "")
	first := signed(t, ch, `{"events":[{"type":"x","deliveryContext":{"isRedelivery":false},"a":"\"isRedelivery\":true"}]}`)[0]
	again := signed(t, ch, `{"events":[ {"type":"x", "deliveryContext": {"isRedelivery" : true},"a":"\"isRedelivery\":true"} ]}`)[0]
	other := signed(t, ch, `{"events":[{"type":"x","deliveryContext":{"isRedelivery":false},"a":"\"isRedelivery\":false"}]}`)[0]
	if first.ID != again.ID || first.ID == other.ID || !again.Redelivered || first.Redelivered {
		t.Errorf("ids %s, %s (redelivered %v), %s", first.ID, again.ID, again.Redelivered, other.ID)
	}
}

func TestReplyTokenExpiry(t *testing.T) {
	happened := time.UnixMilli(1790000000000).UTC()
	for _, test := range []struct {
		redelivered bool
		after       time.Duration // from the event to its receipt
		want        time.Time
	}{
		{false, 2 * time.Second, happened.Add(52 * time.Second)},
		{false, time.Hour, happened.Add(time.Hour + 50*time.Second)}, // our clock may be wrong; LINE counts from the webhook
		{true, 5 * time.Minute, happened.Add(5*time.Minute + 50*time.Second)},
		{true, 20*time.Minute - 10*time.Second, happened.Add(20 * time.Minute)},
		{true, time.Hour, happened.Add(20 * time.Minute)},
	} {
		ch := listening(t, happened.Add(test.after), "secret", "")
		event := signed(t, ch, fmt.Sprintf(`{"events":[{"type":"follow","timestamp":%d,"webhookEventId":"e","replyToken":"t","deliveryContext":{"isRedelivery":%v}}]}`,
			happened.UnixMilli(), test.redelivered))[0]
		if diff := cmp.Diff(&sdk.ReplyToken{Token: "t", ExpiresAt: test.want}, event.Unblocked.ReplyToken); diff != "" {
			t.Errorf("%+v: -want +got\n%s", test, diff)
		}
	}
}

// The console used to verify a webhook with made-up tokens.
func TestMadeUpReplyTokens(t *testing.T) {
	ch := listening(t, received, "secret", "")
	for _, token := range []string{strings.Repeat("0", 32), strings.Repeat("f", 32), ""} {
		event := signed(t, ch, `{"events":[{"type":"follow","replyToken":"`+token+`"}]}`)[0]
		if event.Unblocked.ReplyToken != nil {
			t.Errorf("token %q was taken", token)
		}
	}
}

func TestThousandEventsInOneRequest(t *testing.T) {
	p := platform(t, linetest.Options{})
	ch := account(t, p, newHost())
	customer := p.NewCustomer("Ann")
	var batch []linetest.Event
	for range 1000 {
		batch = append(batch, customer.Next())
	}
	got := inbound(t, ch, p, batch...)
	if len(got) != 1000 {
		t.Fatalf("%d events", len(got))
	}
	for i, event := range got {
		if want := fmt.Sprintf("Ann #%d", i+1); event.Message.Text != want {
			t.Fatalf("event %d says %q", i, event.Message.Text)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(`{"events":[]}`))
	f.Add([]byte(`{"events":[1,{"type":"message","message":{"type":"text","id":"1"}}]}`))
	files, _ := os.ReadDir("testdata/events")
	for _, file := range files {
		raw, err := os.ReadFile("testdata/events/" + file.Name())
		if err != nil {
			f.Fatal(err)
		}
		f.Add([]byte(`{"destination":"U1","events":[` + string(raw) + `]}`))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var expected int
		var env envelope
		if json.Unmarshal(body, &env) != nil || env.Events == nil {
			expected = 1
		} else {
			expected = len(*env.Events)
		}
		events := parse(body, received)
		if len(events) != expected {
			t.Fatalf("%d events for %d", len(events), expected)
		}
		for i, event := range events {
			if event.ID == "" || event.Raw == nil {
				t.Errorf("event %d cannot be told from others or is not kept", i)
			}
			if event.Message == nil && event.Edited == nil && event.Deleted == nil && event.Unblocked == nil && event.Blocked == nil &&
				event.GroupJoined == nil && event.GroupLeft == nil && event.Postback == nil && event.Notice == nil && event.Unknown == nil {
				t.Errorf("event %d says nothing", i)
			}
		}
	})
}

func BenchmarkWebhook(b *testing.B) {
	p, err := linetest.New(linetest.Options{ChannelSecret: "secret"})
	if err != nil {
		b.Fatal(err)
	}
	opened, err := Plugin.Open(b.Context(), sdk.Account{ID: "a", PublicURL: "https://shop.example/channels/a"},
		Settings{ChannelSecret: "secret", ChannelAccessToken: "token"})
	if err != nil {
		b.Fatal(err)
	}
	body := p.Body(p.NewCustomer("Ann").Text(strings.Repeat("x", 200)))
	signature := p.Sign(body)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "https://shop.example/channels/a/callback", bytes.NewReader(body))
		r.Header.Set(signatureHeader, signature)
		if code, events := callback(opened.(*channel), r); code != 200 || len(events) != 1 {
			b.Fatal(code)
		}
	}
}
