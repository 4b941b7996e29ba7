// Package webchat connects Guichet to the chat panel on a shop's pages: live over a WebSocket, by polling where those
// are blocked. PROTOCOL.md is what panel and plugin say to each other.
//
// Start reading at [Plugin]. In: connect.go serves a connection and http.go the polling, frame.go takes a frame apart,
// say.go turns it into events. Out: visit.go holds the one watch that all tabs of a visitor share, welcome.go and
// message.go build what the panel is shown. rate.go and limits.go keep abuse out.
//
// It knows the host only through plugins/sdk and keeps no truth: what it holds in memory can be lost at any moment and
// is read again from the host. A visitor's token never leaves it; only what is derived from it does.
package webchat

import (
	"context"
	"fmt"
	"log/slog"
	"net/url"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/guichet/guichet/plugins/sdk"
)

// visitorKind is the kind of a visitor's identity. It comes from a random token of one browser and means nothing under
// another account.
const visitorKind = "webchat-visitor"

// The paths below the account.
const (
	livePath    = "live"
	pollPath    = "poll"
	framesPath  = "frames"
	uploadsPath = "uploads"
)

// Settings of an account: a web chat has none. How its panel looks is the channel's `widget` table.
type Settings struct{}

// Plugin is the web chat, to be given to sdk.Serve.
var Plugin = sdk.Plugin[Settings]{
	Manifest: manifest(),
	Open: func(_ context.Context, account sdk.Account, _ Settings) (sdk.Channel, error) {
		return open(account), nil
	},
}

// Compile-time proof that an open account offers what the manifest promises.
var (
	_ sdk.Channel        = (*channel)(nil)
	_ sdk.Connector      = (*channel)(nil)
	_ sdk.WebhookHandler = (*channel)(nil)
	_ sdk.Signaler       = (*channel)(nil)
	_ sdk.Closer         = (*channel)(nil)
)

func manifest() sdk.Manifest {
	return sdk.Manifest{
		ID:      "webchat",
		Name:    "Web chat",
		Version: "1.0.0",
		Capabilities: sdk.Capabilities{
			TextMax:        maxText,
			TextUnit:       sdk.Characters,
			Media:          []sdk.MediaLimit{{Types: []string{"*/*"}, MaxBytes: maxFile}},
			TypingOut:      true,
			TypingIn:       true,
			Receipts:       true,
			SenderName:     true,
			Edits:          true,
			Deletes:        true,
			IdempotentSend: true,
		},
		Translations: translations,
		Services:     sdk.Services{Webhook: true, Signals: true, Live: true},
	}
}

// channel is one open account.
type channel struct {
	account      sdk.Account
	host         sdk.Host
	log          sdk.Logger
	origin       *url.URL
	visits       *visits
	limits       *limits
	availability availability
	handles      handleKey
	waiting      chan struct{} // polls that wait for something to happen
	warned       atomic.Int64  // when the log last told of a busy host, Unix seconds
}

func open(account sdk.Account) *channel {
	c := &channel{account: account, host: account.Host, log: account.Log, limits: newLimits(), waiting: make(chan struct{}, maxWaitingPolls)}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	c.origin, _ = url.Parse(account.PublicURL)
	c.visits = newVisits(c)
	return c
}

// Close ends the watches. The host has ended the connections before.
func (c *channel) Close() error {
	c.visits.close()
	return nil
}

// place returns a channel of the account; ok is false when there is no such channel. Without a name it is the account's
// only one.
func (c *channel) place(name string) (place sdk.ChannelAddress, ok bool) {
	for _, known := range c.account.Channels {
		if known.Channel == name || name == "" && len(c.account.Channels) == 1 {
			return known, true
		}
	}
	return place, false
}

// Send takes a message at once: it lies in the thread already, from where the watch shows it to the browsers that are
// connected and the history to those that come later. That it arrived and was read follows from what the panel says it
// has seen. The outbox id is the message's external id, as the host's threads name it. The host keeps to the limit of
// texts; one beyond it would be shown cut, which its author must know.
func (c *channel) Send(_ context.Context, out *sdk.Outgoing) (sdk.Receipt, error) {
	if n := utf8.RuneCountInString(out.Text); n > maxText {
		return sdk.Receipt{}, &sdk.Rejected{Cause: sdk.RejectedTooLarge, Reason: fmt.Sprintf("The text has %d characters; a web chat takes %d.", n, maxText)}
	}
	return sdk.Receipt{ExternalIDs: []string{out.OutboxID}}, nil
}

// Signal shows the visitor that somebody types. Whatever else happens to the conversation reaches the panel as its
// status.
func (c *channel) Signal(_ context.Context, thread sdk.Thread, _ sdk.Identity, signal sdk.Signal) error {
	if signal.Typing == nil {
		return nil
	}
	if v := c.visits.find(thread.ID); v != nil {
		v.agentTypes(!signal.Typing.Stopped)
	}
	return nil
}

// busy tells the log, at most every ten seconds, that the host did not take something.
func (c *channel) busy(what string, err error) {
	now := time.Now().Unix()
	if last := c.warned.Load(); now-last >= 10 && c.warned.CompareAndSwap(last, now) {
		c.log.Warn("the host did not answer a web chat; its panel tries again", "what", what, "error", err)
	}
}
