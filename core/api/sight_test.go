package api

import "testing"

// TestALinkOpensNobodysHistory: what an agent says of whose their customer is does not let them read what somebody else
// has said.
func TestALinkOpensNobodysHistory(t *testing.T) {
	h := newHouse(t)
	names := map[string]string{"foreign": string(h.customerWrites("mia", "my secret"))}
	h.play(t, []scenario{
		{name: "Ben's customer", who: "ben", call: "POST /api/v1/conversations/{foreign}/pick", status: 200, save: map[string]string{"mia": "contact.id"}},
		{name: "served", who: "ben", call: "POST /api/v1/conversations/{foreign}/end", status: 200},
		{name: "and gone", who: "ben", call: "POST /api/v1/conversations/{foreign}/close", status: 200},
	}, names)
	names["own"] = string(h.customerWrites("max", "hello"))
	h.play(t, []scenario{
		{name: "a customer of hers", who: "ada", call: "POST /api/v1/conversations/{own}/pick", status: 200, save: map[string]string{"max": "contact.id"}},
		{name: "another's is not", who: "ada", call: "GET /api/v1/conversations/{foreign}/messages", status: 404},
		{name: "she says they are one", who: "ada", call: "PUT /api/v1/conversations/{own}/contact", body: `{"contact":"{mia}"}`, status: 200, must: []string{`"id":"{mia}"`}},
		{name: "it does not open messages", who: "ada", call: "GET /api/v1/conversations/{foreign}/messages", status: 404, mustNot: []string{"my secret"}},
		{name: "nor the conversation", who: "ada", call: "GET /api/v1/conversations/{foreign}", status: 404},
		{name: "nor its trace", who: "ada", call: "GET /api/v1/conversations/{foreign}/trace", status: 404},
		{name: "nor the list", who: "ada", call: "GET /api/v1/contacts/{mia}/conversations", status: 200, must: []string{"{own}"}, mustNot: []string{"{foreign}", "my secret"}},
		{name: "nor a search", who: "ada", call: "GET /api/v1/search?query=mia", status: 200, mustNot: []string{"{foreign}", "my secret"}},
		{name: "the supervisor agrees", who: "sue", call: "PUT /api/v1/conversations/{own}/contact", body: `{"contact":"{mia}"}`, status: 200},
		{name: "then she reads", who: "ada", call: "GET /api/v1/conversations/{foreign}/messages", status: 200, must: []string{"my secret"}},
		{name: "and sees it listed", who: "ada", call: "GET /api/v1/contacts/{mia}/conversations", status: 200, must: []string{"{own}", "{foreign}"}},
		{name: "taken back", who: "sue", call: "DELETE /api/v1/conversations/{own}/contact", status: 200, must: []string{`"id":"{max}"`}},
		{name: "closed again", who: "ada", call: "GET /api/v1/conversations/{foreign}/messages", status: 404},
	}, names)
}

func TestAContactIsNotChangedOverAnothersChange(t *testing.T) {
	h := newHouse(t)
	h.play(t, []scenario{
		{name: "made", who: "ada", call: "POST /api/v1/contacts", body: `{"name":"Zoé"}`, status: 201, must: []string{`"version":1`}, save: map[string]string{"zoe": "id"}},
		{name: "changed", who: "ben", call: "PATCH /api/v1/contacts/{zoe}", body: `{"note":"mornings","version":1}`, status: 200, must: []string{`"version":2`}},
		{name: "too late", who: "ada", call: "PATCH /api/v1/contacts/{zoe}", body: `{"note":"evenings","version":1}`, status: 409, must: []string{`"code":"conflict"`}},
		{name: "nothing lost", who: "ada", call: "GET /api/v1/contacts/{zoe}", status: 200, must: []string{`"note":"mornings"`, `"version":2`}},
		{name: "whatever it is", who: "ada", call: "PATCH /api/v1/contacts/{zoe}", body: `{"note":"evenings"}`, status: 200, must: []string{`"version":3`}},
		{name: "who wrote what", who: "root", call: "GET /api/v1/audit?limit=10", status: 200,
			must: []string{`"actor":"ben"`, `"act":"contact.changed"`, `"act":"contact.created"`, `"fields":"note"`}, mustNot: []string{"mornings"}},
	}, map[string]string{})
}
