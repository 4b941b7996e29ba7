package line

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/guichet/guichet/plugins/sdk"
)

// signatureHeader carries base64(HMAC-SHA256(channel secret, raw body)). LINE does not promise its letter case.
const signatureHeader = "x-line-signature"

// verification is how LINE signs, for the host while the plugin is down and for ServeWebhook.
var verification = sdk.Verification{
	Algorithm:             "hmac-sha256",
	Header:                signatureHeader,
	Encoding:              "base64",
	SecretSetting:         "channel_secret",
	PreviousSecretSetting: "previous_channel_secret",
	Path:                  callbackPath,
	Status:                http.StatusOK,
}

// ServeWebhook verifies a request of LINE and takes its events apart. LINE waits 2 seconds and does not repeat a request
// unless redelivery was switched on, so whatever is signed is kept and answered 200: an event that cannot be read
// becomes an Unknown one with its raw text, and never holds up its neighbours.
func (c *channel) ServeWebhook(w sdk.WebhookWriter, r *http.Request) {
	if c.suffix(r) != callbackPath {
		http.Error(w, "there is nothing here; LINE calls "+callbackPath, http.StatusNotFound)
		return
	}
	if r.Method != http.MethodPost {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, "LINE sends its events with POST", http.StatusMethodNotAllowed)
		return
	}
	body, err := verification.Verify(r, c.settings.ChannelSecret, c.settings.PreviousChannelSecret)
	if err != nil {
		sdk.Refuse(w, err)
		return
	}
	received := sdk.ReceivedAt(r)
	if received.IsZero() {
		received = c.now()
	}
	events := parse(body, received)
	for i := range events {
		if events[i].Redelivered {
			c.seen.note(c.account.ID, c.now())
			break
		}
	}
	w.Receive(events...)
	w.WriteHeader(http.StatusOK)
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
