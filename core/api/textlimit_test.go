package api

import (
	"testing"

	"github.com/guichet/guichet/core"
)

// Whoever writes is told how much the channel takes, and more is refused with that number.
func TestTextsThatAreTooLong(t *testing.T) {
	h := newHouse(t)
	conversation := "/api/v1/conversations/" + string(h.customerWrites("mia", "hello"))
	h.call("ada", "POST", conversation+"/pick", "").want(t, 200, `"text_max":0`)
	h.channels.limit = core.TextLimit{Max: 5, Unit: core.Characters}
	h.call("ada", "GET", conversation, "").want(t, 200, `"text_max":5`, `"text_unit":"characters"`)
	h.call("ada", "POST", conversation+"/messages", `{"id":"m1","text":"ÉÉÉÉÉ!"}`).want(t, 400, `"code":"invalid"`, `"field":"text"`, "6 characters", "at most 5")
	h.call("ada", "POST", conversation+"/messages", `{"id":"m1","text":"ÉÉÉÉÉ"}`).want(t, 201)
	h.call("ada", "POST", conversation+"/messages", `{"id":"m2","text":"a longer note","visibility":"internal"}`).want(t, 201)
}
