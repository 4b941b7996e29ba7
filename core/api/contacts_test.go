package api

import (
	"strings"
	"testing"
)

func TestContactsAreFoundMadeAndChanged(t *testing.T) {
	h := newHouse(t)
	names := map[string]string{"mia": string(h.customerWrites("mia", "hello"))}
	h.play(t, []scenario{
		{name: "nobody is called so", who: "cleo", call: "GET /api/v1/contacts?query=zo%C3%A9", status: 200, must: []string{`"items":[]`, `"next":""`}},
		{name: "without anything to find them by", who: "cleo", call: "POST /api/v1/contacts", body: `{"note":"x"}`, status: 400, must: []string{`"field":"name"`}},
		{name: "no e-mail", who: "cleo", call: "POST /api/v1/contacts", body: `{"name":"x","email":"x"}`, status: 400, must: []string{`"field":"email"`}},
		{name: "a number where a text belongs", who: "cleo", call: "POST /api/v1/contacts", body: `{"name":7}`, status: 400, must: []string{`"field":"name"`}},
		{name: "make one", who: "cleo", call: "POST /api/v1/contacts", status: 201,
			body: `{"name":"Zoé Martin","email":"zoe@example.fr","phone":"+33 6 12 34 56 78","language":"fr","company":"Ateliers & Fils","note":"prefers mornings"}`,
			must: []string{`"anonymous":false`, `"identities":[]`, `"company":"Ateliers \u0026 Fils"`, `"note":"prefers mornings"`}, save: map[string]string{"zoe": "id"}},
		{name: "one more", who: "cleo", call: "POST /api/v1/contacts", body: `{"name":"Zola"}`, status: 201, save: map[string]string{"zola": "id"}},
		{name: "by name", who: "ada", call: "GET /api/v1/contacts?query=ZOE+mart", status: 200, must: []string{`"id":"{zoe}"`}, mustNot: []string{"{zola}"}},
		{name: "by number, as dialled at home", who: "ada", call: "GET /api/v1/contacts?query=06+12+34", status: 200, must: []string{`"id":"{zoe}"`}},
		{name: "by company and e-mail", who: "ada", call: "GET /api/v1/contacts?query=fils+zoe@ex", status: 200, must: []string{`"id":"{zoe}"`}},
		{name: "by identity", who: "ada", call: "GET /api/v1/contacts?query=mia", status: 200, must: []string{`"kind":"line-user"`, `"plugin":"line"`, `"channel":"shop-line"`}, save: map[string]string{"contact": "items.0.id"}},
		{name: "the first of two", who: "ada", call: "GET /api/v1/contacts?query=zo&limit=1", status: 200, must: []string{"{zoe}"}, mustNot: []string{"{zola}"}, save: map[string]string{"next": "next"}},
		{name: "the second", who: "ada", call: "GET /api/v1/contacts?query=zo&limit=1&cursor={next}", status: 200, must: []string{"{zola}", `"next":""`}, mustNot: []string{"{zoe}"}},
		{name: "all", who: "ada", call: "GET /api/v1/contacts", status: 200, must: []string{"{zola}", "{zoe}", "{contact}"}},
		{name: "a strange cursor", who: "ada", call: "GET /api/v1/contacts?query=zo&cursor=%21", status: 400, must: []string{`"field":"cursor"`}},
		{name: "too many", who: "ada", call: "GET /api/v1/contacts?limit=101", status: 400},

		{name: "change", who: "ada", call: "PATCH /api/v1/contacts/{zoe}", body: `{"phone":"","company":"Ateliers"}`, status: 200,
			must: []string{`"name":"Zoé Martin"`, `"phone":""`, `"company":"Ateliers"`, `"note":"prefers mornings"`}},
		{name: "the number is gone", who: "ada", call: "GET /api/v1/contacts?query=0612", status: 200, must: []string{`"items":[]`}},
		{name: "nobody to change", who: "ada", call: "PATCH /api/v1/contacts/01ARZ3NDEKTSV4RRFFQ69G5FAV", body: `{"name":"x"}`, status: 404},
		{name: "strange language", who: "ada", call: "PATCH /api/v1/contacts/{zoe}", body: `{"language":"the usual"}`, status: 400, must: []string{`"field":"language"`}},
		{name: "its name shows", who: "ada", call: "PATCH /api/v1/contacts/{contact}", body: `{"name":"Mia Wallace"}`, status: 200},
		{name: "in the conversation", who: "ada", call: "GET /api/v1/conversations?view=waiting", status: 200, must: []string{`"contact":{"id":"{contact}","name":"Mia Wallace","anonymous":false}`}},
	}, names)
}

func TestLinkingSearchingAndHistory(t *testing.T) {
	h := newHouse(t)
	names := map[string]string{"old": string(h.customerWrites("mia", "where is my parcel?"))}
	h.play(t, []scenario{
		{name: "pick", who: "ben", call: "POST /api/v1/conversations/{old}/pick", status: 200, save: map[string]string{"first": "contact.id"}},
		{name: "answer", who: "ben", call: "POST /api/v1/conversations/{old}/messages", body: `{"id":"m1","text":"on its way"}`, status: 201},
		{name: "end", who: "ben", call: "POST /api/v1/conversations/{old}/end", status: 200},
		{name: "close", who: "ben", call: "POST /api/v1/conversations/{old}/close", status: 200},
	}, names)
	names["new"] = string(h.customerWrites("mia", "and now?"))
	names["other"] = string(h.customerWrites("max", "hello"))
	h.play(t, []scenario{
		{name: "not hers to read", who: "ada", call: "GET /api/v1/conversations/{old}", status: 404},
		{name: "only what she may see", who: "ada", call: "GET /api/v1/contacts/{first}/conversations", status: 200, must: []string{"{new}"}, mustNot: []string{"{old}"}},
		{name: "pick", who: "ada", call: "POST /api/v1/conversations/{new}/pick", status: 200},
		{name: "who serves a customer knows what was said", who: "ada", call: "GET /api/v1/contacts/{first}/conversations?limit=1", status: 200,
			must: []string{"{new}", `"first_words":"and now?"`}, mustNot: []string{"{old}"}, save: map[string]string{"next": "next"}},
		{name: "further back", who: "ada", call: "GET /api/v1/contacts/{first}/conversations?limit=1&cursor={next}", status: 200,
			must: []string{"{old}", `"first_words":"where is my parcel?"`, `"created_at":`, `"closed_at":"2`, `"next":""`}},
		{name: "and reads it", who: "ada", call: "GET /api/v1/conversations/{old}/messages", status: 200, must: []string{"on its way"}},
		{name: "but does nothing in it", who: "ada", call: "POST /api/v1/conversations/{old}/reopen", status: 404},
		{name: "others do not", who: "cleo", call: "GET /api/v1/conversations/{old}/messages", status: 404},

		{name: "make a contact", who: "ada", call: "POST /api/v1/contacts", body: `{"name":"Zoé"}`, status: 201, save: map[string]string{"zoe": "id"}},
		{name: "link", who: "ada", call: "PUT /api/v1/conversations/{new}/contact", body: `{"contact":"{zoe}"}`, status: 200, must: []string{`"contact":{"id":"{zoe}","name":"Zoé","anonymous":false}`}},
		{name: "to nobody", who: "ada", call: "PUT /api/v1/conversations/{new}/contact", body: `{"contact":"x"}`, status: 400, must: []string{`"field":"contact"`}},
		{name: "to who is not", who: "ada", call: "PUT /api/v1/conversations/{new}/contact", body: `{"contact":"01ARZ3NDEKTSV4RRFFQ69G5FAV"}`, status: 400, must: []string{`"field":"contact"`}},
		{name: "out of sight", who: "cleo", call: "PUT /api/v1/conversations/{new}/contact", body: `{"contact":"{zoe}"}`, status: 404},
		{name: "her identity", who: "ada", call: "GET /api/v1/contacts/{zoe}", status: 200, must: []string{`"value":"mia"`}},
		{name: "what was said before is hers", who: "ada", call: "GET /api/v1/contacts/{zoe}/conversations", status: 200, must: []string{"{new}", "{old}"}, mustNot: []string{"{other}"}},
		{name: "search", who: "ada", call: "GET /api/v1/search?query=zoe", status: 200, must: []string{`"contacts":[{"id":"{zoe}"`, `"id":"{new}"`}, mustNot: []string{"{other}"}},
		{name: "a search out of sight", who: "cleo", call: "GET /api/v1/search?query=zoe", status: 200, must: []string{`"contacts":[{"id":"{zoe}"`, `"conversations":[]`}},
		{name: "a supervisor's search", who: "sue", call: "GET /api/v1/search?query=zoe", status: 200, must: []string{`"id":"{old}"`, `"id":"{new}"`}},
		{name: "an empty search", who: "sue", call: "GET /api/v1/search", status: 200, must: []string{`"contacts":[]`, `"conversations":[]`}},
		{name: "unlink", who: "ada", call: "DELETE /api/v1/conversations/{new}/contact", status: 200, must: []string{`"contact":{"id":"{first}","name":"mia"`}},
		{name: "she has none left", who: "sue", call: "GET /api/v1/contacts/{zoe}/conversations", status: 200, must: []string{`"items":[]`}},
		{name: "audited", who: "root", call: "GET /api/v1/audit?limit=5", status: 200, must: []string{"contact.linked", "contact.unlinked"}},
		{name: "no such contact", who: "sue", call: "GET /api/v1/contacts/01ARZ3NDEKTSV4RRFFQ69G5FAV/conversations", status: 404},
	}, names)
}

func TestDraftsVariablesAndAnswersMeanwhile(t *testing.T) {
	h := newHouse(t)
	names := map[string]string{"c": string(h.customerWrites("mia", "hello"))}
	const messages = "POST /api/v1/conversations/{c}/messages"
	h.play(t, []scenario{
		{name: "nothing begun", who: "ada", call: "POST /api/v1/conversations/{c}/pick", status: 200, mustNot: []string{`"draft"`}},
		{name: "draft", who: "ada", call: "PUT /api/v1/conversations/{c}/draft", body: `{"text":"Dear M","visibility":"internal"}`, status: 200, must: []string{`"text":"Dear M"`, `"visibility":"internal"`, `"updated_at":`}},
		{name: "it is there", who: "ada", call: "GET /api/v1/conversations/{c}", status: 200, must: []string{`"draft":{"text":"Dear M","visibility":"internal"`}},
		{name: "for its author", who: "sue", call: "GET /api/v1/conversations/{c}", status: 200, mustNot: []string{`"draft"`}},
		{name: "removed", who: "ada", call: "PUT /api/v1/conversations/{c}/draft", body: `{"text":"","visibility":"public"}`, status: 200, must: []string{`"text":""`}},
		{name: "gone", who: "ada", call: "GET /api/v1/conversations/{c}", status: 200, mustNot: []string{`"draft"`}},
		{name: "neither public nor internal", who: "ada", call: "PUT /api/v1/conversations/{c}/draft", body: `{"text":"x","visibility":"x"}`, status: 400, must: []string{`"field":"visibility"`}},
		{name: "out of sight", who: "cleo", call: "PUT /api/v1/conversations/{c}/draft", body: `{"text":"x"}`, status: 404},
		{name: "draft again", who: "ada", call: "PUT /api/v1/conversations/{c}/draft", body: `{"text":"Dear"}`, status: 200},

		{name: "the first answer", who: "ada", call: messages, body: `{"id":"m1","text":"Dear Mia","last_seen":1}`, status: 201, save: map[string]string{"seq": "seq"}},
		{name: "takes the draft", who: "ada", call: "GET /api/v1/conversations/{c}", status: 200, mustNot: []string{`"draft"`}},
		{name: "too late", who: "sue", call: messages, body: `{"id":"m2","text":"Hello Mia","last_seen":1}`, status: 409, must: []string{`"code":"answered-meanwhile"`, "Ada"}},
		{name: "not stored", who: "sue", call: "GET /api/v1/conversations/{c}/messages", status: 200, mustNot: []string{"Hello Mia"}},
		{name: "having looked", who: "sue", call: messages, body: `{"id":"m2","text":"Hello Mia","last_seen":{seq}}`, status: 201},
		{name: "the same again", who: "ada", call: messages, body: `{"id":"m1","text":"Dear Mia","last_seen":1}`, status: 200},
		{name: "no number", who: "ada", call: messages, body: `{"id":"m3","text":"x","last_seen":"1"}`, status: 400, must: []string{`"field":"last_seen"`}},

		{name: "variables", who: "ada", call: "PUT /api/v1/conversations/{c}/variables", body: `{"variables":{"city":"Lyon","order":42.50,"none":null}}`, status: 200,
			must: []string{`"context":{"city":{"type":"text","value":"Lyon"},"order":{"type":"number","value":"42.50"}}`}},
		{name: "one removed", who: "ada", call: "PUT /api/v1/conversations/{c}/variables", body: `{"variables":{"city":null}}`, status: 200, must: []string{`"context":{"order":`}},
		{name: "neither text nor number", who: "ada", call: "PUT /api/v1/conversations/{c}/variables", body: `{"variables":{"city":[1]}}`, status: 400, must: []string{`"field":"variables.city"`}},
		{name: "true is neither", who: "ada", call: "PUT /api/v1/conversations/{c}/variables", body: `{"variables":{"city":true}}`, status: 400},
		{name: "none named", who: "ada", call: "PUT /api/v1/conversations/{c}/variables", body: `{}`, status: 400, must: []string{`"field":"variables"`}},
		{name: "variables out of sight", who: "cleo", call: "PUT /api/v1/conversations/{c}/variables", body: `{"variables":{}}`, status: 404},
	}, names)
}

func TestRowsAndCounts(t *testing.T) {
	h := newHouse(t)
	names := map[string]string{"c": string(h.customerWrites("mia", "hello"))}
	h.customerWrites("max", "hello")
	counts := func(who, want string) {
		t.Helper()
		h.eventually(who+" counts "+want, func() bool { // the log is followed beside the answers
			return strings.TrimSpace(string(h.call(who, "GET", "/api/v1/counts", "").body)) == want
		})
	}
	counts("ada", `{"mine":0,"waiting":2}`)
	counts("sue", `{"all":2,"mine":0,"waiting":2}`)
	counts("cleo", `{"mine":0,"waiting":0}`)
	h.play(t, []scenario{
		{name: "a row", who: "ada", call: "GET /api/v1/conversations?view=waiting", status: 200, must: []string{
			`"plugin":"line"`, `"queue_name":"Sales"`, `"assignee_name":""`, `"first_words":"hello"`, `"read_up_to":0`, `"unread":1`,
			`"window":null`, `"waiting_since":"2`, `"last_customer_message":{"seq":1,"from":"customer","text":"hello"`}},
		{name: "pick", who: "ada", call: "POST /api/v1/conversations/{c}/pick", status: 200, must: []string{`"assignee":"ada"`, `"assignee_name":"Ada"`}},
		{name: "read", who: "ada", call: "POST /api/v1/conversations/{c}/read", status: 204},
		{name: "what was read", who: "ada", call: "GET /api/v1/conversations/{c}", status: 200, must: []string{`"read_up_to":1`, `"unread":0`}},
		{name: "a note", who: "ada", call: "POST /api/v1/conversations/{c}/messages", body: `{"id":"n","text":"hm","visibility":"internal"}`, status: 201},
		{name: "replaces nobody's words", who: "ada", call: "GET /api/v1/conversations/{c}", status: 200,
			must: []string{`"text":"hm","at":`, `"internal":true`, `"last_customer_message":{"seq":1,"from":"customer","text":"hello"`}},
	}, names)
	counts("ada", `{"mine":1,"waiting":1}`)
	counts("sue", `{"all":2,"mine":0,"waiting":1}`)
}
