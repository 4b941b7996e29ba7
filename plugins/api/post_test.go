package api

import (
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/timestamppb"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// TestActivitiesBecomeEvents: each kind of activity, and all that it may hold.
func TestActivitiesBecomeEvents(t *testing.T) {
	h := openHouse(t, nil)
	ada := &channelv1.Sender{Identities: []*channelv1.Identity{{Kind: "customer", Value: "ada", Scoped: true, Verified: true}}}
	thread := &channelv1.Thread{Id: "customer:ada", Kind: "user"}
	at := timestamppb.New(h.clock.Now())
	event := func(id string, change func(*channelv1.Event)) *channelv1.Event {
		e := &channelv1.Event{Id: id, OccurredAt: at, Thread: thread, Sender: ada}
		change(e)
		return e
	}
	message := func(m *channelv1.Message) func(*channelv1.Event) {
		return func(e *channelv1.Event) { e.Kind = &channelv1.Event_Message{Message: m} }
	}
	for name, test := range map[string]struct {
		body string
		want []*channelv1.Event
	}{
		"text": {`{"id":"1","customer":{"id":"ada"},"text":"hello"}`, []*channelv1.Event{event("1", message(&channelv1.Message{Id: "1", Text: "hello"}))}},
		"everything": {
			`{"id":"2","conversation":"order-17","at":"2026-11-20T10:00:00+02:00","customer":{"kind":"member","id":"7","name":"Ada","language":"fr","picture_url":"https://example.com/ada.png",
			  "email":"Ada@Example.com","email_verified":true,"phone":"+33612345678","phone_verified":true},
			  "text":"**look**","format":"markdown","reply_to":"9","location":{"latitude":48.85,"longitude":-2.35,"title":"Here","address":"1 rue"},
			  "contacts":[{"name":"Bob","phones":["1"],"emails":["b@example.com"]}],"attachments":[{"url":"https://example.com/a/pic.png?x=1","type":"image/png"}]}`,
			[]*channelv1.Event{{
				Id: "2", OccurredAt: timestamppb.New(time.Date(2026, 11, 20, 8, 0, 0, 0, time.UTC)), Thread: &channelv1.Thread{Id: "order-17", Kind: "user"},
				Sender: &channelv1.Sender{Name: "Ada", Language: "fr", PictureUrl: "https://example.com/ada.png", Identities: []*channelv1.Identity{
					{Kind: "member", Value: "7", Scoped: true, Verified: true}, {Kind: "email", Value: "ada@example.com", Verified: true},
					{Kind: "phone", Value: "+33612345678", Verified: true},
				}},
				Kind: &channelv1.Event_Message{Message: &channelv1.Message{
					Id: "2", Text: "**look**", Format: channelv1.TextFormat_MARKDOWN, QuotedId: "9",
					Location: &channelv1.Location{Latitude: 48.85, Longitude: -2.35, Title: "Here", Address: "1 rue"},
					Contacts: []*channelv1.ContactCard{{Name: "Bob", Phones: []string{"1"}, Emails: []string{"b@example.com"}}},
					Attachments: []*channelv1.Attachment{{
						Handle: "url:https://example.com/a/pic.png?x=1", Name: "pic.png", Type: "image/png",
					}},
				}},
			}},
		},
		"what nobody vouches for is no identity": {
			`{"id":"3","customer":{"id":"ada","email":"boss@example.com","phone":"+33612345678"},"text":"hi","variables":{"order":17,"vip":true,"shop":"Lyon"}}`,
			[]*channelv1.Event{
				event("3", func(e *channelv1.Event) {
					e.Kind = &channelv1.Event_ConversationStarted{ConversationStarted: &channelv1.ConversationStarted{Context: map[string]string{
						"order": "17", "vip": "true", "shop": "Lyon", "email": "boss@example.com", "phone": "+33612345678",
					}}}
				}),
				event("3", message(&channelv1.Message{Id: "3", Text: "hi"})),
			},
		},
		"phone number": {`{"id":"4","customer":{"kind":"phone","id":"+33612345678"},"text":"hi"}`, []*channelv1.Event{{
			Id: "4", OccurredAt: at, Thread: &channelv1.Thread{Id: "phone:+33612345678", Kind: "user"},
			Sender: &channelv1.Sender{Identities: []*channelv1.Identity{{Kind: "phone", Value: "+33612345678", Verified: true}}},
			Kind:   &channelv1.Event_Message{Message: &channelv1.Message{Id: "4", Text: "hi"}},
		}}},
		"start": {`{"id":"5","type":"start","customer":{"id":"ada"},"variables":{"a":"b"}}`, []*channelv1.Event{event("5", func(e *channelv1.Event) {
			e.Kind = &channelv1.Event_ConversationStarted{ConversationStarted: &channelv1.ConversationStarted{Context: map[string]string{"a": "b"}}}
		})}},
		"edit": {`{"id":"6","type":"edit","customer":{"id":"ada"},"message":"1","text":"bye"}`, []*channelv1.Event{event("6", func(e *channelv1.Event) {
			e.Kind = &channelv1.Event_Edited{Edited: &channelv1.Edited{MessageId: "1", Text: "bye", EditedAt: at}}
		})}},
		"delete": {`{"id":"7","type":"delete","customer":{"id":"ada"},"message":"1"}`, []*channelv1.Event{event("7", func(e *channelv1.Event) {
			e.Kind = &channelv1.Event_Deleted{Deleted: &channelv1.Deleted{MessageId: "1"}}
		})}},
		"postback": {`{"id":"8","type":"postback","customer":{"id":"ada"},"data":"yes","text":"Yes","params":{"day":"mon"}}`, []*channelv1.Event{event("8", func(e *channelv1.Event) {
			e.Kind = &channelv1.Event_Postback{Postback: &channelv1.Postback{Data: "yes", Text: "Yes", Params: map[string]string{"day": "mon"}}}
		})}},
		"typing": {`{"type":"typing","customer":{"id":"ada"},"stopped":true}`, []*channelv1.Event{event("typing:customer:ada", func(e *channelv1.Event) {
			e.Kind = &channelv1.Event_Typing{Typing: &channelv1.Typing{Stopped: true}}
		})}},
		"read": {`{"id":"9","type":"read","customer":{"id":"ada"},"up_to":"m"}`, []*channelv1.Event{event("9", func(e *channelv1.Event) {
			e.Kind = &channelv1.Event_Read{Read: &channelv1.Read{UpToId: "m"}}
		})}},
		"end": {`{"id":"10","type":"end","customer":{"id":"ada"},"reason":"done"}`, []*channelv1.Event{event("10", func(e *channelv1.Event) {
			e.Kind = &channelv1.Event_ConversationEnded{ConversationEnded: &channelv1.ConversationEnded{Code: "done"}}
		})}},
	} {
		t.Run(name, func(t *testing.T) {
			response, _ := h.call("POST", "messages", test.body)
			if response.GetStatus() != 200 {
				t.Fatalf("%d %s", response.GetStatus(), response.GetBody())
			}
			if diff := cmp.Diff(test.want, response.GetEvents(), protocmp.Transform()); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}

// TestAFileThatComesAlongIsStored: it is there before the message is.
func TestAFileThatComesAlongIsStored(t *testing.T) {
	h := openHouse(t, nil)
	content := base64.StdEncoding.EncodeToString([]byte("hello"))
	response, _ := h.call("POST", "messages", `{"id":"1","customer":{"id":"ada"},"attachments":[{"content":"`+content+`","name":"../a\u202etxt.pdf","type":"text/plain"}]}`)
	at := response.GetEvents()[0].GetMessage().GetAttachments()[0]
	if !at.GetStored() || at.GetName() != ".._atxt.pdf" || at.GetSize() != 5 || at.GetHandle() == "" {
		t.Errorf("the attachment is %v", at)
	}
}

// TestRefusals: each thing that can be wrong is told with the place where it stands.
func TestRefusals(t *testing.T) {
	h := openHouse(t, nil)
	ada := `"customer":{"id":"ada"}`
	for _, test := range []struct {
		body   string
		status uint32
		fields string // what is found wrong, in order of the document, joined by spaces
	}{
		{`{`, 400, ""},
		{``, 400, ""},
		{`null`, 400, ""},
		{`[]`, 400, ""},
		{`"x"`, 400, ""},
		{`{"id":"1"} {}`, 400, ""},
		{strings.Repeat("[", 100_000), 400, ""},
		{`{}`, 422, "id customer.id text"},
		{`{"id":"1",` + ada + `}`, 422, "text"},
		{`{"id":"1",` + ada + `,"text":"  "}`, 422, "text"},
		{`{"id":1,` + ada + `,"text":[]}`, 422, "id id text text"},
		{`{"id":"1",` + ada + `,"txt":"a","Text":"b","text":"c"}`, 422, "Text txt"},
		{`{"id":"1",` + ada + `,"text":"a","data":"x"}`, 422, "data"},
		{`{"id":"1",` + ada + `,"type":"shout","text":"a"}`, 422, "type"},
		{`{"id":"` + strings.Repeat("x", 201) + `",` + ada + `,"text":"a"}`, 422, "id"},
		{`{"id":"1",` + ada + `,"text":"` + strings.Repeat("é", 20_001) + `"}`, 422, "text"},
		{`{"id":"1","customer":{"id":"ada","nmae":"x"},"text":"a"}`, 422, "customer.nmae"},
		{`{"id":"1","customer":{"kind":"No Word","id":"ada","language":"?","picture_url":"ftp://x","email":"x","phone":"06"},"text":"a"}`, 422,
			"customer.kind customer.language customer.picture_url customer.email customer.phone"},
		{`{"id":"1","customer":{"kind":"phone","id":"06"},"text":"a"}`, 422, "customer.id"},
		{`{"id":"1","customer":[],"text":"a"}`, 422, "customer customer.id"},
		{`{"id":"1",` + ada + `,"at":"yesterday","text":"a"}`, 422, "at"},
		{`{"id":"1",` + ada + `,"text":"a","location":{"latitude":91}}`, 422, "location.latitude location.longitude"},
		{`{"id":"1",` + ada + `,"attachments":[{},{"url":"https://a/b","content":"aa=="},{"content":"?"},{"content":""},{"url":"http://u:p@a/"},"x"]}`, 422,
			"attachments[5] attachments[0].url attachments[1].content attachments[2].content attachments[3].content attachments[4].url"},
		{`{"id":"1",` + ada + `,"text":"a","attachments":[` + strings.Repeat(`{"url":"https://a/b"},`, 10) + `{"url":"https://a/b"}]}`, 422, "attachments"},
		{`{"id":"1",` + ada + `,"text":"a","contacts":[{}]}`, 422, "contacts[0].name"},
		{`{"id":"1",` + ada + `,"text":"a","variables":{"a":[],"b":null,"":"x"}}`, 422, "variables. variables.a variables.b"},
		{`{"id":"1",` + ada + `,"type":"edit","text":" "}`, 422, "text message"},
		{`{"id":"1",` + ada + `,"type":"delete"}`, 422, "message"},
		{`{"id":"1",` + ada + `,"type":"postback"}`, 422, "data"},
		{`{"type":"typing"}`, 422, "customer.id"},
		{`{"messages":[]}`, 422, "messages"},
		{`{"messages":{}}`, 422, "messages"},
		{`{"messages":[{"id":"1",` + ada + `,"text":"a"},{"id":"2"}],"x":1}`, 422, "x messages[1].customer.id messages[1].text"},
		{`{"messages":[{"id":"1",` + ada + `,"text":"a"},{"id":"1",` + ada + `,"text":"b"}]}`, 422, "messages[1].id"},
		{`{"messages":[` + strings.Repeat(`{},`, 100) + `{}]}`, 422, "messages"},
	} {
		response, problem := h.call("POST", "messages", test.body)
		var fields []string
		if list, ok := problem["errors"].([]any); ok {
			for _, e := range list {
				fields = append(fields, fmt.Sprint(e.(map[string]any)["field"]))
			}
		}
		if got := strings.Join(fields, " "); response.GetStatus() != test.status || got != test.fields || len(response.GetEvents()) > 0 {
			t.Errorf("%.100s\ngets %d %q and %d events, want %d %q", test.body, response.GetStatus(), got, len(response.GetEvents()), test.status, test.fields)
		}
	}
}

// TestAccess: who may ask for what, and how.
func TestAccess(t *testing.T) {
	h := openHouse(t, map[string]any{"previous_token": "the-former-token-0123456789"})
	body := `{"id":"1","customer":{"id":"ada"},"text":"a"}`
	for _, test := range []struct {
		method, path, authorization, contentType string
		status                                   uint32
	}{
		{"POST", "messages", "Bearer " + testToken, "application/json", 200},
		{"POST", "messages", "Bearer the-former-token-0123456789", "application/json; charset=utf-8", 200},
		{"POST", "messages", "Bearer another-token-0123456789", "application/json", 401},
		{"POST", "messages", "Bearer ", "application/json", 401},
		{"POST", "messages", "Basic " + testToken, "application/json", 401},
		{"POST", "messages", "", "application/json", 401},
		{"GET", "messages", "", "", 401},
		{"POST", "receipts", "", "application/json", 401},
		{"GET", "deliveries", "", "", 401},
		{"GET", "deliveries/x", "", "", 401},
		{"POST", "deliveries/x/replay", "", "", 401},
		{"GET", "openapi.json", "", "", 200},
		{"POST", "messages", "Bearer " + testToken, "text/plain", 415},
		{"POST", "messages", "Bearer " + testToken, "", 415},
		{"DELETE", "messages", "Bearer " + testToken, "", 405},
		{"POST", "openapi.json", "Bearer " + testToken, "", 405},
		{"GET", "elsewhere", "Bearer " + testToken, "", 404},
		{"GET", "deliveries/a%2Fb", "Bearer " + testToken, "", 404},
		{"GET", "deliveries/x", "Bearer " + testToken, "", 404},
		{"GET", "messages?after=x&limit=0&wait=y&colour=red", "Bearer " + testToken, "", 400},
		{"GET", "deliveries?state=lost&before=-1", "Bearer " + testToken, "", 400},
	} {
		sent := ""
		if test.method == "POST" {
			sent = body
		}
		response, _ := h.callAs(test.method, test.path, sent, "Authorization", test.authorization, "Content-Type", test.contentType)
		if response.GetStatus() != test.status {
			t.Errorf("%s %s as %q with %q: %d, want %d", test.method, test.path, test.authorization, test.contentType, response.GetStatus(), test.status)
		}
	}
}

// TestAnIDCountsOnce: the same again is answered with the same and is the same event; another content is refused, in every
// later life of the plugin too.
func TestAnIDCountsOnce(t *testing.T) {
	h := openHouse(t, nil)
	first, _ := h.call("POST", "messages", `{"id":"order-1","customer":{"id":"ada"},"text":"hello"}`)
	again, _ := h.call("POST", "messages", ` {"text" : "hello", "customer":{"id":"ada"} }`, "Idempotency-Key", "order-1")
	if string(first.GetBody()) != string(again.GetBody()) || first.GetStatus() != again.GetStatus() {
		t.Errorf("answered with %s, then with %s", first.GetBody(), again.GetBody())
	}
	if diff := cmp.Diff(first.GetEvents(), again.GetEvents(), protocmp.Transform()); diff != "" {
		t.Errorf("-first +again\n%s", diff)
	}
	h.reopen(nil)
	for _, body := range []string{
		`{"id":"order-1","customer":{"id":"ada"},"text":"goodbye"}`,
		`{"id":"order-1","type":"end","customer":{"id":"ada"}}`,
		`{"messages":[{"id":"order-2","customer":{"id":"ada"},"text":"x"},{"id":"order-1","customer":{"id":"bob"},"text":"hello"}]}`,
	} {
		response, problem := h.call("POST", "messages", body)
		if response.GetStatus() != 409 || len(response.GetEvents()) > 0 || problem["errors"] == nil {
			t.Errorf("%s: %d with %d events: %s", body, response.GetStatus(), len(response.GetEvents()), response.GetBody())
		}
	}
	both, _ := h.call("POST", "messages", `{"id":"a","customer":{"id":"ada"},"text":"hello"}`, "Idempotency-Key", "b")
	if both.GetStatus() != 422 {
		t.Errorf("two ids: %d", both.GetStatus())
	}
}

// TestReceipts: what became of our messages.
func TestReceipts(t *testing.T) {
	h := openHouse(t, nil)
	response, _ := h.call("POST", "receipts", `{"receipts":[{"message":"m-1","state":"read"},{"message":"m-2","state":"failed","code":"30","reason":"no such number"}]}`)
	want := []*channelv1.Event{
		{Id: "m-1:read", OccurredAt: timestamppb.New(h.clock.Now()), Kind: &channelv1.Event_Status{Status: &channelv1.Status{MessageIds: []string{"m-1"}, State: channelv1.Status_READ}}},
		{Id: "m-2:failed", OccurredAt: timestamppb.New(h.clock.Now()), Kind: &channelv1.Event_Status{Status: &channelv1.Status{
			MessageIds: []string{"m-2"}, State: channelv1.Status_FAILED, Code: "30", Reason: "no such number",
		}}},
	}
	if diff := cmp.Diff(want, response.GetEvents(), protocmp.Transform(), protocmp.IgnoreEmptyMessages()); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if one, _ := h.call("POST", "receipts", `{"message":"m-1","state":"delivered","at":"2026-11-21T10:00:00Z"}`); len(one.GetEvents()) != 1 {
		t.Errorf("%d %s", one.GetStatus(), one.GetBody())
	}
	for _, body := range []string{`{}`, `{"message":"m"}`, `{"message":"m","state":"lost"}`, `{"message":"m","state":"read","reason":"x"}`, `{"receipts":[]}`, `{"message":"m","state":"read","x":1}`} {
		if response, _ := h.call("POST", "receipts", body); response.GetStatus() != 422 || len(response.GetEvents()) > 0 {
			t.Errorf("%s: %d %s", body, response.GetStatus(), response.GetBody())
		}
	}
}

// FuzzActivities: whatever is posted, nothing breaks, and what is accepted has an event with an id.
func FuzzActivities(f *testing.F) {
	for _, seed := range []string{
		`{"id":"1","customer":{"id":"ada"},"text":"hello","variables":{"a":1}}`, `{"messages":[{"type":"read","conversation":"c"}]}`,
		`{"id":"1","type":"edit","conversation":"c","message":"m","text":"t","at":"2026-11-21T10:00:00Z"}`, `{"id":null}`, `[`, `{"a":{"a":[{}]}}`,
		`{"id":"1","customer":{"kind":"phone","id":"+331234567"},"location":{"latitude":1e999,"longitude":0},"attachments":[{"content":"aGk="}]}`,
	} {
		f.Add([]byte(seed), "")
	}
	f.Fuzz(func(t *testing.T, body []byte, key string) {
		found := &findings{}
		list, _, err := readActivities(body, key, found)
		if err != nil || len(found.list) > 0 {
			return
		}
		for _, a := range list {
			if a.Conversation == "" || len(a.digest()) != 16 || a.ID == "" && a.Type != kindTyping && a.Type != kindRead {
				t.Errorf("%q became %+v", body, a)
			}
		}
	})
}

// TestDigestsStay: an id that was claimed by an earlier version stands for the same content.
func TestDigestsStay(t *testing.T) {
	for body, want := range map[string]string{
		`{"id":"1","customer":{"id":"ada"},"text":"hello"}`: "423dcab624633069c959a191ab55ef44",
		`{"id":"2","type":"message","at":"2026-11-21T10:00:00Z","conversation":"c","customer":{"kind":"member","id":"ada","name":"Ada","email":"a@b"},"text":"x","location":{"latitude":1,"longitude":2},"variables":{"b":1,"a":"2"}}`: "6e1854d18cb80470e5cdc5c8e0b8d532",
	} {
		found := &findings{}
		list, _, err := readActivities([]byte(body), "", found)
		if err != nil || len(found.list) > 0 {
			t.Fatalf("%v %v", err, found.list)
		}
		if got := hex.EncodeToString(list[0].digest()); got != want {
			t.Errorf("%s\nhas the digest %s, had %s", body, got, want)
		}
	}
}
