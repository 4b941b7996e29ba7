// Command echo is the smallest channel: what is posted to its callback is a message, and what is sent goes to the log.
package main

import (
	"context"
	"io"
	"net/http"

	"github.com/guichet/guichet/plugins/sdk"
)

type settings struct {
	Greeting string `setting:"greeting" default:"echo" help:"Written before each message that is sent."`
}

type echo struct {
	account  sdk.Account
	settings settings
}

func (e *echo) Send(_ context.Context, out *sdk.Outgoing) (sdk.Receipt, error) {
	e.account.Log.Info(e.settings.Greeting, "to", out.Recipient.Value, "text", out.Text)
	return sdk.Receipt{ExternalIDs: []string{out.OutboxID}}, nil
}

func (e *echo) ServeWebhook(w sdk.WebhookWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	id, user := r.Header.Get("Message-Id"), sdk.Identity{Kind: "echo-user", Value: r.Header.Get("From"), Scoped: true}
	if id == "" || user.Value == "" {
		http.Error(w, "Message-Id and From are needed", http.StatusBadRequest)
		return
	}
	w.Receive(sdk.Event{
		ID: id, Thread: sdk.Thread{ID: user.Value, Kind: "user"}, Sender: sdk.Sender{Identities: []sdk.Identity{user}},
		Message: &sdk.Message{ID: id, Text: string(text)},
	})
}

var plugin = sdk.Plugin[settings]{
	Manifest: sdk.Manifest{ID: "echo", Name: "Echo", Version: "1", Services: sdk.Services{Webhook: true}},
	Open: func(_ context.Context, a sdk.Account, s settings) (sdk.Channel, error) {
		return &echo{account: a, settings: s}, nil
	},
}

func main() { sdk.Serve(plugin) }
