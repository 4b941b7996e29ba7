// Package telegram connects Guichet to the Telegram Bot API. It is the reference for channels that fetch instead of being
// called.
//
// Start reading at [Plugin]. Inbound: pull.go asks for updates, webhook.go takes the calls of Telegram where those are
// wanted instead, update.go and message.go translate both. Outbound: send.go gives one message to Telegram at a time,
// plan.go says which, outcome.go reads the answers. registration.go and validate.go speak about the account itself. The
// rest is one concept a file.
//
// Customers' formatting is not kept: their text is passed on as they typed it, with the addresses behind linked words
// written out. Agents' Markdown becomes Telegram's entities.
//
// It knows the host only through plugins/sdk. The bot's token is part of every address at Telegram, so no error of a call
// leaves client.go before the address is taken out of it.
package telegram

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// callbackPath is the one path below an account that Telegram calls.
const callbackPath = "callback"

// userKind is the kind of a Telegram user's identity. The id is the same for every bot, so it is not scoped.
const userKind = "telegram-user"

// Plugin is the Telegram channel, to be given to sdk.Serve.
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
	_ sdk.Puller         = (*channel)(nil)
	_ sdk.WebhookHandler = (*channel)(nil)
	_ sdk.Registrar      = (*channel)(nil)
	_ sdk.MediaFetcher   = (*channel)(nil)
	_ sdk.ProfileFetcher = (*channel)(nil)
	_ sdk.Signaler       = (*channel)(nil)
	_ sdk.Closer         = (*channel)(nil)
)

func manifest() sdk.Manifest {
	return sdk.Manifest{
		ID:      "telegram",
		Name:    "Telegram",
		Version: "1.0.0",
		Callbacks: []sdk.Callback{{
			Path:  callbackPath,
			Title: "Webhook URL",
			Help:  "Nothing to paste: with mode = \"webhook\" this address is told to Telegram by itself, and with \"poll\" it is not used.",
		}},
		Capabilities: sdk.Capabilities{
			TextMax:    maxTextUnits,
			TextUnit:   sdk.UTF16,
			SplitsText: true,
			Formats:    []sdk.TextFormat{sdk.Markdown},
			Media: []sdk.MediaLimit{
				{Types: []string{"*/*"}, MaxBytes: maxUploadBytes},
			},
			MediaUpload:     true,
			MaxPartsPerCall: 1,
			TypingOut:       true,
			TypingLasts:     typingLasts,
			Edits:           true,
			Reactions:       true,
			Quotes:          true,
			Groups:          true,
			Contacts:        true,
			Locations:       true,
			OptOut:          true,
			QuickReplies:    maxChoices,
			Choices:         &sdk.ChoiceLimit{Max: maxChoices, MaxTitle: maxChoiceTitle, Links: true},
			Redelivery:      24 * time.Hour,
			// Of a group Telegram allows 20 in a minute, which groups.go keeps to: there is no scope for groups alone.
			Rates: []sdk.Rate{
				{Scope: sdk.ScopeAccount, Calls: 30, Per: time.Second},
				{Scope: sdk.ScopeRecipient, Calls: 1, Per: time.Second, Burst: 5},
			},
		},
		// No Verification: Telegram signs nothing, it sends a fixed header, which the contract cannot declare. It repeats
		// for 24 hours what was not answered, so nothing is lost while the plugin is down.
		DocumentationURL: "https://core.telegram.org/bots/api",
		Translations:     translations,
		Services: sdk.Services{
			Pull: true, Webhook: true, Registration: true, Media: true, Profiles: true, Signals: true,
		},
	}
}

// channel is one open bot.
type channel struct {
	account  sdk.Account
	settings Settings
	api      *client
	moved    *movedGroups
	typing   *throttle
	groups   *groupPace
	limits   *limitMemory
	conflict *conflictMemory
	sweep    sweeper
	log      sdk.Logger
}

func open(account sdk.Account, settings Settings) (*channel, error) {
	if settings.BotToken == "" {
		return nil, errors.New("telegram: bot_token is empty")
	}
	if settings.Mode != modePoll && settings.Mode != modeWebhook {
		return nil, errors.New(`telegram: mode must be "poll" or "webhook"`)
	}
	log := account.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &channel{
		account:  account,
		settings: settings,
		api:      newClient(settings),
		moved:    &movedGroups{host: account.Host},
		typing:   newThrottle(typingEvery),
		groups:   newGroupPace(),
		limits:   &limitMemory{},
		conflict: &conflictMemory{},
		log:      log,
	}, nil
}

// Close releases the idle connections.
func (c *channel) Close() error {
	c.api.close()
	return nil
}

func (c *channel) now() time.Time { return c.account.Clock.Now() }

// callback is the address that Telegram is to call.
func (c *channel) callback() string { return callbackOf(c.account) }

func callbackOf(account sdk.Account) string {
	return strings.TrimRight(account.PublicURL, "/") + "/" + callbackPath
}
