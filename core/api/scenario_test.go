package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/kv"
)

// scenario is one request and what its answer must be. Names in braces in path and body stand for what earlier steps
// have saved; save takes members of the answer into such names.
type scenario struct {
	name    string
	who     string
	call    string // "METHOD path"
	body    string
	status  int
	must    []string
	mustNot []string
	save    map[string]string // name → member, "items.0.id"
}

// never are strings that no answer may hold.
var never = []string{"hush-hush", "password_hash", "argon2", "token_hash", "key_hash", "fingerprint", `"handle"`, `"hash"`, `"reply":{`}

func (h *house) play(t *testing.T, steps []scenario, names map[string]string) {
	for _, s := range steps {
		fill := func(text string) string {
			for name, value := range names {
				text = strings.ReplaceAll(text, "{"+name+"}", value)
			}
			return text
		}
		method, path, _ := strings.Cut(fill(s.call), " ")
		got := h.call(s.who, method, path, fill(s.body))
		label := fmt.Sprintf("%s (%s, as %s)", s.name, s.call, s.who)
		if got.status != s.status {
			t.Fatalf("%s: status %d, want %d\n%s", label, got.status, s.status, got.body)
		}
		for _, want := range s.must {
			if !strings.Contains(string(got.body), fill(want)) {
				t.Errorf("%s: the answer lacks %q\n%s", label, fill(want), got.body)
			}
		}
		for _, unwanted := range append(s.mustNot, never...) {
			if strings.Contains(string(got.body), fill(unwanted)) {
				t.Errorf("%s: the answer holds %q\n%s", label, fill(unwanted), got.body)
			}
		}
		if got.status >= 400 {
			want := "application/problem+json"
			if kind := got.header.Get("Content-Type"); kind != want {
				t.Errorf("%s: a failure of type %q, want %q", label, kind, want)
			}
		}
		for name, at := range s.save {
			names[name] = dig(t, got.body, at)
		}
	}
}

func dig(t *testing.T, body []byte, at string) string {
	t.Helper()
	var v any
	check(t, json.Unmarshal(body, &v))
	for part := range strings.SplitSeq(at, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[part]
		case []any:
			var i int
			_, err := fmt.Sscan(part, &i)
			check(t, err)
			if i >= len(x) {
				t.Fatalf("there is no %s in %s", at, body)
			}
			v = x[i]
		}
	}
	return fmt.Sprint(v)
}

func TestConversationFromOfferToClose(t *testing.T) {
	h := newHouse(t)
	names := map[string]string{}
	h.play(t, []scenario{
		{name: "presence before", who: "ada", call: "GET /api/v1/me/presence", status: 200, must: []string{`"presence":"offline"`, `"load":0`, `"capacity":4`}},
		{name: "become available", who: "ada", call: "PUT /api/v1/me/presence", body: `{"presence":"available"}`, status: 200, must: []string{`"presence":"available"`}},
		{name: "inactive cannot be chosen", who: "ada", call: "PUT /api/v1/me/presence", body: `{"presence":"inactive"}`, status: 400, must: []string{`"code":"invalid"`, `"field":"presence"`}},
		{name: "nothing rings", who: "ada", call: "GET /api/v1/offers", status: 200, must: []string{`"items":[]`, `"next":""`}},
	}, names)
	names["conversation"] = string(h.customerWrites("mia", "hello there"))
	h.eventually("it rings at Ada", func() bool {
		return strings.Contains(string(h.call("ada", "GET", "/api/v1/offers", "").body), names["conversation"])
	})
	h.play(t, []scenario{
		{name: "it rings", who: "ada", call: "GET /api/v1/offers", status: 200,
			must: []string{`"conversation":"{conversation}"`, `"queue":"sales"`, `"name":"mia"`, `"remaining_ms":`}, save: map[string]string{"offer": "items.0.id", "contact": "items.0.contact.id"}},
		{name: "not at others", who: "ben", call: "GET /api/v1/offers", status: 200, must: []string{`"items":[]`}},
		{name: "others cannot accept", who: "ben", call: "POST /api/v1/offers/{offer}/accept", status: 404, must: []string{`"code":"not-found"`}},
		{name: "others cannot decline", who: "ben", call: "POST /api/v1/offers/{offer}/decline", status: 404},
		{name: "malformed offer", who: "ada", call: "POST /api/v1/offers/nonsense/accept", status: 404},
		{name: "waits in the queue", who: "ben", call: "GET /api/v1/conversations?view=waiting", status: 200, must: []string{"{conversation}", `"state":"open"`, `"unread":1`, "hello there"}},
		{name: "not for other queues", who: "cleo", call: "GET /api/v1/conversations?view=waiting", status: 200, must: []string{`"items":[]`}},
		{name: "out of sight", who: "cleo", call: "GET /api/v1/conversations/{conversation}", status: 404, mustNot: []string{"hello"}},
		{name: "messages out of sight", who: "cleo", call: "GET /api/v1/conversations/{conversation}/messages", status: 404, mustNot: []string{"hello"}},
		{name: "trace out of sight", who: "cleo", call: "GET /api/v1/conversations/{conversation}/trace", status: 404},
		{name: "a contact is in sight, its conversations are not", who: "cleo", call: "GET /api/v1/contacts/{contact}/conversations", status: 200, must: []string{`"items":[]`}},
		{name: "nobody is signed in", call: "GET /api/v1/conversations/{conversation}", status: 401, must: []string{`"code":"unauthorized"`}},
		{name: "accept", who: "ada", call: "POST /api/v1/offers/{offer}/accept", status: 200, must: []string{`"state":"active"`, `"assignee":"ada"`, `"sessions":[`, `"context":{`, `"window":`}},
		{name: "accept again", who: "ada", call: "POST /api/v1/offers/{offer}/accept", status: 404},
		{name: "mine", who: "ada", call: "GET /api/v1/conversations", status: 200, must: []string{"{conversation}"}},
		{name: "no longer waiting", who: "ben", call: "GET /api/v1/conversations?view=waiting", status: 200, must: []string{`"items":[]`}},
		{name: "the former queue cannot see it", who: "ben", call: "GET /api/v1/conversations/{conversation}", status: 404},
		{name: "supervisors see all", who: "sue", call: "GET /api/v1/conversations?view=all", status: 200, must: []string{"{conversation}"}},
		{name: "agents do not", who: "ada", call: "GET /api/v1/conversations?view=all", status: 403, must: []string{`"code":"forbidden"`}},
		{name: "unknown view", who: "ada", call: "GET /api/v1/conversations?view=yours", status: 400, must: []string{`"field":"view"`}},
		{name: "bad cursor", who: "ada", call: "GET /api/v1/conversations?cursor=!", status: 400, must: []string{`"field":"cursor"`}},
		{name: "bad limit", who: "ada", call: "GET /api/v1/conversations?limit=1000", status: 400, must: []string{`"field":"limit"`}},
		{name: "messages", who: "ada", call: "GET /api/v1/conversations/{conversation}/messages", status: 200, must: []string{`"text":"hello there"`, `"kind":"customer"`, `"seq":1`, `"state":"received"`, `"external_ids":["ext-`}},
		{name: "contact", who: "ada", call: "GET /api/v1/contacts/{contact}", status: 200, must: []string{`"name":"mia"`, `"kind":"line-user"`}},
		{name: "trace", who: "ada", call: "GET /api/v1/conversations/{conversation}/trace", status: 200, must: []string{`"step":"accepted"`}},

		{name: "reply", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages", body: `{"id":"m1","text":"good morning"}`, status: 201, must: []string{`"id":"m1"`, `"visibility":"public"`, `"name":"Ada"`}, save: map[string]string{"seq": "seq"}},
		{name: "the same again", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages", body: `{"id":"m1","text":"good morning"}`, status: 200, must: []string{`"id":"m1"`, `"seq":{seq}`}},
		{name: "other content", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages", body: `{"id":"m1","text":"good evening"}`, status: 409, must: []string{`"code":"conflict"`}},
		{name: "no id", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages", body: `{"text":"x"}`, status: 400, must: []string{`"field":"id"`}},
		{name: "empty", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages", body: `{"id":"m2"}`, status: 400, must: []string{`"field":"text"`}},
		{name: "unknown upload", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages", body: `{"id":"m2","attachments":["nope"]}`, status: 400, must: []string{`"field":"attachments"`}},
		{name: "wrong type", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages", body: `{"id":7}`, status: 400, must: []string{`"field":"id"`}},
		{name: "no JSON", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages", body: `id=m2`, status: 400},
		{name: "no body", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages", status: 400},
		{name: "two values", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages", body: `{"id":"m2","text":"x"} {}`, status: 400},
		{name: "out of sight", who: "cleo", call: "POST /api/v1/conversations/{conversation}/messages", body: `{"id":"m2","text":"x"}`, status: 404},
		{name: "note", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages", body: `{"id":"n1","text":"secretly","visibility":"internal"}`, status: 201, must: []string{`"visibility":"internal"`, `"state":"received"`}},
		{name: "nothing to retry", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages/1/retry", status: 409},
		{name: "no such message", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages/99/retry", status: 404},
		{name: "malformed message", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages/x/retry", status: 404},
		{name: "after", who: "ada", call: "GET /api/v1/conversations/{conversation}/messages?after=1&limit=1", status: 200, mustNot: []string{"hello there"}, save: map[string]string{"next": "next"}},
		{name: "go on", who: "ada", call: "GET /api/v1/conversations/{conversation}/messages?after={next}", status: 200, must: []string{"secretly", `"next":""`}},
		{name: "before", who: "ada", call: "GET /api/v1/conversations/{conversation}/messages?before=2", status: 200, must: []string{"hello there"}, mustNot: []string{"secretly"}},
		{name: "both", who: "ada", call: "GET /api/v1/conversations/{conversation}/messages?before=2&after=1", status: 400},
		{name: "read", who: "ada", call: "POST /api/v1/conversations/{conversation}/read", status: 204},
		{name: "transfer to nowhere", who: "ada", call: "POST /api/v1/conversations/{conversation}/transfer", body: `{}`, status: 400, must: []string{`"field":"queue"`}},
		{name: "transfer to both", who: "ada", call: "POST /api/v1/conversations/{conversation}/transfer", body: `{"queue":"sales","agent":"ben"}`, status: 400},
		{name: "end", who: "ada", call: "POST /api/v1/conversations/{conversation}/end", status: 200, must: []string{`"state":"wrap-up"`}},
		{name: "reopen", who: "ada", call: "POST /api/v1/conversations/{conversation}/reopen", status: 200, must: []string{`"state":"active"`}},
		{name: "leave", who: "ada", call: "POST /api/v1/conversations/{conversation}/leave", status: 200, must: []string{`"state":"waiting"`}},
		{name: "not taken by a stranger", who: "cleo", call: "POST /api/v1/conversations/{conversation}/pick", status: 404},
		{name: "reopen it", who: "ada", call: "POST /api/v1/conversations/{conversation}/reopen", status: 200},
		{name: "end again", who: "ada", call: "POST /api/v1/conversations/{conversation}/end", status: 200},
		{name: "close", who: "ada", call: "POST /api/v1/conversations/{conversation}/close", status: 200, must: []string{`"state":"closed"`}},
		{name: "closed by me", who: "ada", call: "GET /api/v1/conversations?view=closed", status: 200, must: []string{"{conversation}"}},
		{name: "not by Ben", who: "ben", call: "GET /api/v1/conversations?view=closed", status: 200, must: []string{`"items":[]`}},
		{name: "closed by anybody", who: "sue", call: "GET /api/v1/conversations?view=closed", status: 200, must: []string{"{conversation}"}},
	}, names)
}

func TestPickTransferAndPages(t *testing.T) {
	h := newHouse(t)
	names := map[string]string{}
	for i := range 5 {
		names[fmt.Sprint("c", i)] = string(h.customerWrites(fmt.Sprint("customer", i), "hi"))
	}
	h.play(t, []scenario{
		{name: "first page", who: "ada", call: "GET /api/v1/conversations?view=waiting&limit=3", status: 200, must: []string{"{c0}", "{c1}", "{c2}"}, mustNot: []string{"{c3}"}, save: map[string]string{"next": "next"}},
		{name: "second page", who: "ada", call: "GET /api/v1/conversations?view=waiting&limit=3&cursor={next}", status: 200, must: []string{"{c3}", "{c4}", `"next":""`}, mustNot: []string{"{c2}"}},
		{name: "supervisors see every queue", who: "sue", call: "GET /api/v1/conversations?view=waiting", status: 200, must: []string{"{c0}"}},
		{name: "queues", who: "ada", call: "GET /api/v1/queues", status: 200, must: []string{`"id":"sales"`, `"waiting":5`, `"mine":true`}},
		{name: "pick", who: "ada", call: "POST /api/v1/conversations/{c0}/pick", status: 200, must: []string{`"assignee":"ada"`}},
		{name: "taken", who: "ben", call: "POST /api/v1/conversations/{c0}/pick", status: 404},
		{name: "no such conversation", who: "ada", call: "POST /api/v1/conversations/01ARZ3NDEKTSV4RRFFQ69G5FAV/pick", status: 404},
		{name: "malformed", who: "ada", call: "GET /api/v1/conversations/x", status: 404},
		{name: "to another queue", who: "ada", call: "POST /api/v1/conversations/{c0}/transfer", body: `{"queue":"support"}`, status: 200, must: []string{`"queue":"support"`}},
		{name: "now in sight there", who: "cleo", call: "GET /api/v1/conversations/{c0}", status: 200},
		{name: "to a queue that is not", who: "sue", call: "POST /api/v1/conversations/{c0}/transfer", body: `{"queue":"nowhere"}`, status: 400},
		{name: "agents", who: "ada", call: "GET /api/v1/agents", status: 200, must: []string{`"id":"ben"`, `"load":`}, mustNot: []string{"ben@example.com", "disabled"}},
		{name: "agents for the supervisor", who: "sue", call: "GET /api/v1/agents", status: 200, must: []string{"ben@example.com"}, mustNot: []string{"disabled"}},
		{name: "agents for the administrator", who: "root", call: "GET /api/v1/agents", status: 200, must: []string{`"disabled":false`, `"has_password":false`}},
	}, names)
}

func TestFailedMessageIsSentAgain(t *testing.T) {
	h := newHouse(t)
	id := h.customerWrites("mia", "hello")
	names := map[string]string{"conversation": string(id)}
	h.channels.mu.Lock()
	h.channels.fail = true
	h.channels.mu.Unlock()
	h.play(t, []scenario{
		{name: "pick", who: "ada", call: "POST /api/v1/conversations/{conversation}/pick", status: 200},
		{name: "reply", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages", body: `{"id":"m1","text":"once more"}`, status: 201, save: map[string]string{"seq": "seq"}},
	}, names)
	at := "/api/v1/conversations/" + string(id) + "/messages"
	h.eventually("it failed", func() bool { return strings.Contains(string(h.call("ada", "GET", at, "").body), `"state":"failed"`) })
	h.channels.mu.Lock()
	h.channels.fail = false
	h.channels.mu.Unlock()
	h.play(t, []scenario{
		{name: "retry", who: "ada", call: "POST /api/v1/conversations/{conversation}/messages/{seq}/retry", status: 200, must: []string{`"state":"queued"`}},
	}, names)
	h.eventually("it was sent", func() bool {
		h.channels.mu.Lock()
		defer h.channels.mu.Unlock()
		return len(h.channels.sent) == 1 && h.channels.sent[0] == "once more"
	})
}

func TestOffersCountByTheDesksClock(t *testing.T) {
	h := newHouse(t)
	h.server.Desk = &clockDesk{Desk: h.desk}
	h.call("ada", "PUT", "/api/v1/me/presence", `{"presence":"available"}`).want(t, 200)
	h.customerWrites("mia", "hello")
	var got string
	h.eventually("it rings at Ada", func() bool {
		got = string(h.call("ada", "GET", "/api/v1/offers", "").body)
		return !strings.Contains(got, `"items":[]`)
	})
	if !strings.Contains(got, `"remaining_ms":1234`) {
		t.Errorf("the wall clock was asked: %s", got)
	}
}

// clockDesk lets every offer ring for the same time.
type clockDesk struct{ *desk.Desk }

func (clockDesk) Remaining(*core.Offer) time.Duration { return 1234 * time.Millisecond }

func TestContactsAreMerged(t *testing.T) {
	h := newHouse(t)
	names := map[string]string{"mia": string(h.customerWrites("mia", "hello")), "mimi": string(h.customerWrites("mimi", "hello again"))}
	h.play(t, []scenario{
		{name: "one", who: "sue", call: "GET /api/v1/conversations/{mia}", status: 200, save: map[string]string{"into": "contact.id"}},
		{name: "the other", who: "sue", call: "GET /api/v1/conversations/{mimi}", status: 200, save: map[string]string{"from": "contact.id"}},
		{name: "agents may not", who: "ada", call: "POST /api/v1/contacts/{from}/merge", body: `{"into":"{into}"}`, status: 403},
		{name: "into nobody", who: "sue", call: "POST /api/v1/contacts/{from}/merge", body: `{}`, status: 400, must: []string{`"field":"into"`}},
		{name: "into who is not", who: "sue", call: "POST /api/v1/contacts/{from}/merge", body: `{"into":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}`, status: 404},
		{name: "who is not", who: "sue", call: "POST /api/v1/contacts/01ARZ3NDEKTSV4RRFFQ69G5FAV/merge", body: `{"into":"{into}"}`, status: 404},
		{name: "into itself", who: "sue", call: "POST /api/v1/contacts/{into}/merge", body: `{"into":"{into}"}`, status: 409},
		{name: "merge", who: "sue", call: "POST /api/v1/contacts/{from}/merge", body: `{"into":"{into}"}`, status: 200,
			must: []string{`"id":"{into}"`, `"value":"mia"`, `"value":"mimi"`}},
		{name: "once more", who: "sue", call: "POST /api/v1/contacts/{from}/merge", body: `{"into":"{into}"}`, status: 409},
		{name: "the former id leads there", who: "sue", call: "GET /api/v1/contacts/{from}", status: 200, must: []string{`"id":"{into}"`}},
		{name: "so does the conversation", who: "sue", call: "GET /api/v1/conversations/{mimi}", status: 200, must: []string{`"contact":{"id":"{into}"`}},
	}, names)
}

func TestOperationsAreForThoseWhoMay(t *testing.T) {
	h := newHouse(t)
	h.play(t, []scenario{
		{name: "plugins", who: "sue", call: "GET /api/v1/plugins", status: 200, must: []string{`"state":"running"`, `"name":"line"`, "exit status 2"}, mustNot: []string{"out of ink"}},
		{name: "plugins, administrator", who: "root", call: "GET /api/v1/plugins", status: 200, must: []string{`"output":"panic: out of ink"`}},
		{name: "plugins, agent", who: "ada", call: "GET /api/v1/plugins", status: 403},
		{name: "accounts", who: "sue", call: "GET /api/v1/accounts", status: 200, must: []string{`"url":"https://desk.example.com/channels/shop/callback"`, `"problem":"no token"`}},
		{name: "accounts, agent", who: "ada", call: "GET /api/v1/accounts", status: 403},
		{name: "validate", who: "root", call: "POST /api/v1/accounts/shop/validate", status: 200, must: []string{`"state":"failed"`, `"fix":"Paste a new one."`}},
		{name: "validate, supervisor", who: "sue", call: "POST /api/v1/accounts/shop/validate", status: 403},
		{name: "validate what is not", who: "root", call: "POST /api/v1/accounts/none/validate", status: 404},
		{name: "configuration", who: "root", call: "GET /api/v1/configuration", status: 200, must: []string{`"revision":7`, "no members", "Look at the file."}},
		{name: "configuration, agent", who: "ada", call: "GET /api/v1/configuration", status: 200, must: []string{"Look at the file."}, mustNot: []string{"no members"}},
		{name: "audit", who: "root", call: "GET /api/v1/audit?limit=2", status: 200, must: []string{`"act":"key.created"`}, mustNot: []string{"gck_"}, save: map[string]string{}},
		{name: "audit, supervisor", who: "sue", call: "GET /api/v1/audit", status: 403},
		{name: "audit from nowhere", who: "root", call: "GET /api/v1/audit?before=x", status: 400},
		{name: "unknown address", who: "root", call: "GET /api/v1/nothing", status: 404, must: []string{`"code":"not-found"`, `"instance":"urn:guichet:request:`}},
		{name: "unknown, nobody", call: "GET /api/nothing", status: 404},
		{name: "wrong method", who: "root", call: "DELETE /api/v1/offers", status: 405, must: []string{`"code":"method-not-allowed"`}},
		{name: "OPTIONS is no method of ours", who: "root", call: "OPTIONS /api/v1/offers", status: 405},
		{name: "bad key", who: "nobody", call: "GET /api/v1/me", status: 401},
		{name: "description", call: "GET /api/v1/openapi.json", status: 200, must: []string{`"/api/v1/conversations/{conversation}/messages"`}},
	}, map[string]string{"conversation": "{conversation}"})
}

func TestAuditGoesOnWhereItStopped(t *testing.T) {
	h := newHouse(t)
	seen := map[string]bool{}
	for path := "/api/v1/audit?limit=2"; ; {
		page := h.call("root", "GET", path, "")
		items := page.json(t)["items"].([]any)
		for _, item := range items {
			seen[item.(map[string]any)["id"].(string)] = true
		}
		next := page.json(t)["next"].(string)
		if next == "" {
			break
		}
		path = "/api/v1/audit?limit=2&before=" + next
	}
	if len(seen) != 5 {
		t.Errorf("%d entries, want one for each key that was made: 5", len(seen))
	}
}

func TestStorageFullSaysSo(t *testing.T) {
	h := newHouse(t)
	full := &fullDesk{Desk: h.desk}
	h.server.Desk = full
	id := h.customerWrites("mia", "hello")
	got := h.call("ada", http.MethodPost, "/api/v1/conversations/"+string(id)+"/messages", `{"id":"m","text":"x"}`)
	if got.status != http.StatusInsufficientStorage || !strings.Contains(string(got.body), `"code":"storage-full"`) {
		t.Errorf("status %d: %s", got.status, got.body)
	}
}

// fullDesk is a desk on a full disk.
type fullDesk struct{ *desk.Desk }

func (fullDesk) Reply(context.Context, desk.Actor, core.ID, desk.NewMessage) (*core.Message, bool, error) {
	return nil, false, fmt.Errorf("commit: %w", kv.ErrFull)
}
