// Package api is the channel for those who write no plugin: a program posts what customers say, and gets what agents
// answer as signed webhooks, or fetches it.
//
// Start reading at [Plugin]. In: http.go says what is asked for, object.go and activity.go take a request apart,
// post.go makes events of it, once.go keeps a repeated request from counting twice. Out: send.go and signal.go make
// deliveries, webhook.go posts one, log.go keeps them, worker.go repeats those that the host does not, deliveries.go and
// poll.go show them. guard.go says which addresses may be asked. openapi.json describes all of it, and PROTOCOL.md
// explains it.
//
// It knows the host only through plugins/sdk and keeps no truth of its own: what must outlive the process lies in the
// account's state at the host.
package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// Plugin is the API channel, to be given to sdk.Serve.
var Plugin = sdk.Plugin[Settings]{
	Manifest: manifest(),
	Open: func(_ context.Context, account sdk.Account, settings Settings) (sdk.Channel, error) {
		return open(account, settings)
	},
	Validate: validate,
}

// Compile-time proof that an open account offers what the manifest promises.
var (
	_ sdk.Channel        = (*channel)(nil)
	_ sdk.WebhookHandler = (*channel)(nil)
	_ sdk.MediaFetcher   = (*channel)(nil)
	_ sdk.Signaler       = (*channel)(nil)
	_ sdk.Closer         = (*channel)(nil)
)

func manifest() sdk.Manifest {
	return sdk.Manifest{
		ID:      "api",
		Name:    "API",
		Version: "1.0.0",
		Callbacks: []sdk.Callback{{
			Path:  messagesPath,
			Title: "Address to post messages to",
			Help:  "POST what customers say here, with the header Authorization: Bearer and the token. The address beside it that ends in openapi.json describes everything.",
		}},
		Capabilities: sdk.Capabilities{
			Formats:        []sdk.TextFormat{sdk.Markdown},
			Media:          []sdk.MediaLimit{{Types: []string{"*/*"}}},
			MediaPublicURL: true,
			TypingOut:      true,
			TypingIn:       true,
			TypingLasts:    6 * time.Second,
			ReadOut:        true,
			Receipts:       true,
			Edits:          true,
			Deletes:        true,
			Quotes:         true,
			SenderName:     true,
			SenderPicture:  true,
			IdempotentSend: true,
			Contacts:       true,
			Locations:      true,

			DeliveryReceipts: true,
			ReadReceipts:     true,
			QuickReplies:     maxChoices,
			Choices:          &sdk.ChoiceLimit{Max: maxChoices, Links: true},
		},
		// No Verification: a token is no hash over the body. While the plugin is down a request is answered with 503, and
		// whoever sent it sends it again, with the same id.
		Translations: translations,
		Services:     sdk.Services{Webhook: true, Media: true, Signals: true},
	}
}

// channel is one open account.
type channel struct {
	account  sdk.Account
	settings Settings
	host     sdk.Host
	log      sdk.Logger
	receiver *receiver    // nil where deliveries are fetched
	fetch    *http.Client // customers' attachments
	kept     *deliveryLog
	waiting  chan struct{} // polls that wait for something to happen

	wake  chan struct{} // something is due for the worker
	stop  context.CancelFunc
	ended sync.WaitGroup
}

func open(account sdk.Account, settings Settings) (*channel, error) {
	if account.Host == nil {
		return nil, errors.New("api: there is no host")
	}
	if settings.Token == "" {
		return nil, errors.New("api: token is empty: whoever posts messages has to show it")
	}
	c := &channel{
		account: account, settings: settings, host: account.Host, log: account.Log, fetch: fetchClient(account.Test),
		kept: newDeliveryLog(account.Host, account.Clock), waiting: make(chan struct{}, maxWaitingPolls), wake: make(chan struct{}, 1),
	}
	if c.log == nil {
		c.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if c.receiver, err = newReceiver(settings, account.Test, account.Clock); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	c.stop = cancel
	if c.receiver != nil {
		c.ended.Go(func() { c.work(ctx) })
	}
	return c, nil
}

// Close ends the worker and releases the idle connections. What was not delivered is taken up when the account is opened
// again.
func (c *channel) Close() error {
	c.stop()
	c.ended.Wait()
	c.receiver.close()
	c.fetch.CloseIdleConnections()
	return nil
}

func (c *channel) now() time.Time { return c.account.Clock.Now() }
