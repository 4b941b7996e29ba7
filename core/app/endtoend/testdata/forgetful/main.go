// Command forgetful is a channel that dies in the middle of a send, and can be asked afterwards what became of it. Its
// customer answers each text that arrives.
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"io"
	"net/http"
	"os"

	"github.com/guichet/guichet/plugins/sdk"
)

type forgetful struct{ account sdk.Account }

func (f *forgetful) ServeWebhook(w sdk.WebhookWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	w.Receive(saying(string(text)))
}

func saying(text string) sdk.Event {
	id, ann := rand.Text(), sdk.Identity{Kind: "forgetful-user", Value: "ann", Scoped: true}
	return sdk.Event{
		ID: id, Thread: sdk.Thread{ID: "ann", Kind: "user"}, Sender: sdk.Sender{Identities: []sdk.Identity{ann}},
		Message: &sdk.Message{ID: id, Text: text},
	}
}

// Send dies at the first attempt, before or after the provider has the message, where the text says so.
func (f *forgetful) Send(ctx context.Context, out *sdk.Outgoing) (sdk.Receipt, error) {
	for _, attempt := range out.Previous {
		if attempt.WithoutOutcome {
			return sdk.Receipt{}, &sdk.UnknownOutcome{RetryMayDuplicate: true, Reason: "it died"}
		}
	}
	first := len(out.Previous) == 0
	if first && out.Text == "die before" {
		os.Exit(3)
	}
	if _, err := f.account.Host.SetState(ctx, "sent/"+out.OutboxID, nil); err != nil {
		return sdk.Receipt{}, err
	}
	if err := f.account.Host.Receive(ctx, nil, saying("I read: "+out.Text)); err != nil {
		return sdk.Receipt{}, err
	}
	if first && out.Text == "die after" {
		os.Exit(3)
	}
	return sdk.Receipt{ExternalIDs: []string{out.OutboxID}}, nil
}

// Reconcile looks the message up.
func (f *forgetful) Reconcile(ctx context.Context, out *sdk.Outgoing) (sdk.Receipt, error) {
	_, _, err := f.account.Host.GetState(ctx, "sent/"+out.OutboxID)
	switch {
	case errors.Is(err, sdk.ErrStateAbsent):
		return sdk.Receipt{}, &sdk.Retryable{Reason: "it has never come"}
	case err != nil:
		return sdk.Receipt{}, &sdk.UnknownOutcome{Reason: err.Error()}
	}
	return sdk.Receipt{ExternalIDs: []string{out.OutboxID}, Already: true}, nil
}

func main() {
	sdk.Serve(sdk.Plugin[struct{}]{
		Manifest: sdk.Manifest{ID: "forgetful", Name: "Forgetful", Version: "1", Services: sdk.Services{Webhook: true, Reconciler: true}},
		Open: func(_ context.Context, a sdk.Account, _ struct{}) (sdk.Channel, error) {
			return &forgetful{account: a}, nil
		},
	})
}
