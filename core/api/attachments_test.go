package api

import (
	"testing"

	"github.com/guichet/guichet/core"
)

// Whoever writes is told whether files can be sent here, and one that cannot is refused with what to do instead.
func TestChannelsThatTakeNoFiles(t *testing.T) {
	h := newHouse(t)
	id := string(h.customerWrites("mia", "hello"))
	conversation := "/api/v1/conversations/" + id
	h.call("ada", "POST", conversation+"/pick", "").want(t, 200, `"attachments":{"from_customer":true,"from_agent":true}`)
	setup := testSetup()
	setup.Channels["shop-line"] = &core.Channel{ID: "shop-line", Account: "shop", Workstream: "chat"}
	check(t, h.desk.Apply(t.Context(), setup))
	h.call("ada", "GET", conversation, "").want(t, 200, `"attachments":{"from_customer":false,"from_agent":false}`)

	upload := h.upload("ada", "cat.png", png).json(t)["id"].(string)
	body := func(id, visibility string) string {
		return `{"id":"` + id + `","text":"a cat","visibility":"` + visibility + `","attachments":["` + upload + `"]}`
	}
	h.call("ada", "POST", conversation+"/messages", body("m1", "public")).want(t, 400, `"field":"attachments"`, "send the text without them")
	h.call("ada", "POST", conversation+"/messages", `{"id":"m2","text":"no cat"}`).want(t, 201)
	h.call("ada", "POST", conversation+"/messages", body("m3", "internal")).want(t, 201, `"state":"ready"`) // a note goes nowhere
}
