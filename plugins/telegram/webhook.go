package telegram

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/guichet/guichet/plugins/sdk"
)

// secretHeader carries the secret token that was given to setWebhook. Telegram signs nothing.
const secretHeader = "X-Telegram-Bot-Api-Secret-Token"

// ServeWebhook takes one update. What is not answered 2xx is repeated for 24 hours, and holds up later updates of its chat
// only; 410 is never answered, as it would end the webhook. A pressed button is answered by a call in the body, whose result
// Telegram tells nobody, which is why nothing else is done this way.
//
// An account that polls takes a call as well: Telegram may still be delivering when the mode is changed.
func (c *channel) ServeWebhook(w sdk.WebhookWriter, r *http.Request) {
	if c.suffix(r) != callbackPath {
		http.Error(w, "there is nothing here; Telegram calls "+callbackPath, http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "Telegram sends its updates with POST", http.StatusMethodNotAllowed)
		return
	}
	if err := sdk.SecretInHeader(secretHeader).Verify(r, c.settings.webhookSecret(c.account.ID)); err != nil {
		sdk.Refuse(w, err)
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, "the body could not be read", http.StatusServiceUnavailable)
		return
	}
	received := sdk.ReceivedAt(r)
	if received.IsZero() {
		received = c.now()
	}
	u := parse(body, c.settings.bot(), received)
	if err := c.settle(r.Context(), &u); err != nil {
		c.log.Warn("an update could not be placed; Telegram will send it again", "error", err)
		http.Error(w, "not now", http.StatusServiceUnavailable)
		return
	}
	w.Receive(u.events...)
	if u.callback == "" {
		w.WriteHeader(http.StatusOK)
		return
	}
	answer, err := json.Marshal(callbackAnswer{Method: "answerCallbackQuery", ID: u.callback})
	if err != nil {
		w.WriteHeader(http.StatusOK) // the update counts, not its answer
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusOK)
	_, _ = w.Write(answer) // into memory
}

// suffix returns what follows the account's address. The SDK knows it; a request that did not come through it is measured
// against the account's public address.
func (c *channel) suffix(r *http.Request) string {
	if path := sdk.WebhookPath(r); path != "" {
		return path
	}
	path := r.URL.EscapedPath()
	if public, err := url.Parse(c.account.PublicURL); err == nil && public.Path != "" {
		if rest, ok := strings.CutPrefix(path, strings.TrimRight(public.EscapedPath(), "/")+"/"); ok {
			return rest
		}
	}
	return strings.TrimPrefix(path, "/")
}
