package api

import (
	_ "embed"
	"net/http"
	"strings"

	"github.com/guichet/guichet/plugins/sdk"
)

// The paths below the account.
const (
	messagesPath   = "messages"
	receiptsPath   = "receipts"
	deliveriesPath = "deliveries"
	documentPath   = "openapi.json"
)

// document describes the channel as OpenAPI has it; the server's address is left to be filled in.
//
//go:embed openapi.json
var document string

// placeholder stands in the document for the account's address.
const placeholder = "https://desk.example.com/channels/ACCOUNT"

// route is what may be done at an address.
type route map[string]func(w sdk.WebhookWriter, r *http.Request)

// ServeWebhook serves the channel's HTTP interface. What it changes at the host may be changed again without harm: the
// host may give a request twice.
func (c *channel) ServeWebhook(w sdk.WebhookWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	path := sdk.WebhookPath(r)
	serve := c.route(path)
	switch {
	case serve == nil:
		refuse(w, http.StatusNotFound, codeNotFound, "There is nothing at this address; see openapi.json beside messages.")
		return
	case serve[r.Method] == nil:
		var allowed []string
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			if serve[method] != nil {
				allowed = append(allowed, method)
			}
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		refuse(w, http.StatusMethodNotAllowed, codeMethod, "This address takes "+strings.Join(allowed, " and ")+".")
		return
	}
	if path != documentPath {
		if sdk.SecretInBearer().Verify(r, c.settings.Token, c.settings.PreviousToken) != nil {
			refuse(w, http.StatusUnauthorized, codeUnauthorized, "Send the account's token with the header Authorization: Bearer TOKEN.")
			return
		}
	}
	serve[r.Method](w, r)
}

func (c *channel) route(path string) route {
	switch path {
	case messagesPath:
		return route{http.MethodPost: c.postMessages, http.MethodGet: c.getMessages}
	case receiptsPath:
		return route{http.MethodPost: c.postReceipts}
	case deliveriesPath:
		return route{http.MethodGet: c.getDeliveries}
	case documentPath:
		return route{http.MethodGet: c.getDocument}
	}
	id, found := strings.CutPrefix(path, deliveriesPath+"/")
	if !found {
		return nil
	}
	id, replay := strings.CutSuffix(id, "/replay")
	switch {
	case id == "" || strings.ContainsAny(id, "/%"): // every id of a delivery is made here
		return nil
	case replay:
		return route{http.MethodPost: func(w sdk.WebhookWriter, r *http.Request) { c.postReplay(w, r, id) }}
	}
	return route{http.MethodGet: func(w sdk.WebhookWriter, r *http.Request) { c.getDelivery(w, r, id) }}
}

// getDocument describes the channel. It holds no secret and may be read by anybody.
func (c *channel) getDocument(w sdk.WebhookWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(strings.Replace(document, placeholder, c.account.PublicURL, 1)))
}
