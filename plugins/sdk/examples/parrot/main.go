// Command parrot is the smallest live channel: visitors connect at /channels/{account}/?visitor=NAME, what they say is a
// message, and everything that is said, theirs and ours, comes back to them.
package main

import (
	"context"
	"crypto/rand"
	"net/http"

	"github.com/guichet/guichet/plugins/sdk"
)

type parrot struct {
	account sdk.Account
}

func (p *parrot) Connect(ctx context.Context, conn sdk.Connection) error {
	visitor := conn.Request().URL.Query().Get("visitor")
	if visitor == "" {
		return &sdk.ConnectionRefused{Status: http.StatusForbidden, Body: "who are you?"}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go p.follow(ctx, conn, sdk.Thread{ID: visitor, Kind: "user"})
	for {
		text, err := conn.Receive(ctx)
		if err != nil {
			return nil // the browser has gone
		}
		if err := p.account.Host.Receive(ctx, nil, event(visitor, string(text))); err != nil {
			return err
		}
	}
}

func (p *parrot) follow(ctx context.Context, conn sdk.Connection, visitor sdk.Thread) {
	for change, err := range p.account.Host.Conversations().Watch(ctx, visitor, "") {
		if err != nil {
			conn.Close(1013, "come again") // the host has lost track
			return
		}
		if m := change.Message; m != nil {
			_ = conn.Send(ctx, []byte(m.Author.Name+": "+m.Text))
		}
	}
}

// event is a message of a visitor. A channel whose visitors say things again takes the id from them.
func event(visitor, text string) sdk.Event {
	id, who := rand.Text(), sdk.Identity{Kind: "parrot-visitor", Value: visitor, Scoped: true}
	return sdk.Event{
		ID: id, Thread: sdk.Thread{ID: visitor, Kind: "user"}, Sender: sdk.Sender{Identities: []sdk.Identity{who}},
		Message: &sdk.Message{ID: id, Text: text},
	}
}

// Send has nothing to do: who is there has been told by follow, who is not will read it in the history.
func (p *parrot) Send(_ context.Context, out *sdk.Outgoing) (sdk.Receipt, error) {
	return sdk.Receipt{ExternalIDs: []string{out.OutboxID}}, nil
}

var plugin = sdk.Plugin[struct{}]{
	Manifest: sdk.Manifest{ID: "parrot", Name: "Parrot", Version: "1", Services: sdk.Services{Live: true}},
	Open: func(_ context.Context, a sdk.Account, _ struct{}) (sdk.Channel, error) {
		return &parrot{account: a}, nil
	},
}

func main() { sdk.Serve(plugin) }
