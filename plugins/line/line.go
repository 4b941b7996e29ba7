// Package line connects Guichet to the LINE Messaging API.
//
// Start reading at [Plugin]. Inbound: webhook.go verifies and takes a request apart, events.go and message.go translate
// its events. Outbound: send.go decides between reply and push, plan.go builds the message objects, outcome.go reads
// LINE's answers. The rest is one concept a file.
//
// It knows the host only through plugins/sdk, keeps nothing that a restart may not lose, and never puts a secret into
// an error or a log.
package line

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// callbackPath is the one path below an account that LINE calls.
const callbackPath = "callback"

// userKind is the kind of a LINE user's identity. LINE gives one person another id under another LINE provider, so it is
// always scoped to the account.
const userKind = "line-user"

// Plugin is the LINE channel, to be given to sdk.Serve.
var Plugin = build(time.Now)

// Compile-time proof that an open account offers what the manifest promises.
var (
	_ sdk.Channel        = (*channel)(nil)
	_ sdk.WebhookHandler = (*channel)(nil)
	_ sdk.MediaFetcher   = (*channel)(nil)
	_ sdk.ProfileFetcher = (*channel)(nil)
	_ sdk.Signaler       = (*channel)(nil)
	_ sdk.Closer         = (*channel)(nil)
)

// build makes the plugin around a clock.
func build(now func() time.Time) sdk.Plugin[Settings] {
	seen := &sightings{last: map[string]time.Time{}}
	return sdk.Plugin[Settings]{
		Manifest: manifest(),
		Open: func(_ context.Context, account sdk.Account, settings Settings) (sdk.Channel, error) {
			return open(account, settings, seen, now)
		},
		Validate: func(ctx context.Context, account sdk.Account, settings Settings) []sdk.Check {
			return validate(ctx, account, settings, seen, now)
		},
	}
}

func manifest() sdk.Manifest {
	return sdk.Manifest{
		ID:      "line",
		Name:    "LINE",
		Version: "1.0.0",
		Callbacks: []sdk.Callback{{
			Path:  callbackPath,
			Title: "Webhook URL",
			Help: "Paste this address in the LINE Developers console, Messaging API tab, under Webhook settings. " +
				"Switch on \"Use webhook\" and \"Webhook redelivery\" there, and switch off the automatic " +
				"response messages in LINE Official Account Manager.",
		}},
		Capabilities: sdk.Capabilities{
			TextMax:    maxTextUnits,
			TextUnit:   sdk.UTF16,
			SplitsText: true,
			Media: []sdk.MediaLimit{
				{Types: []string{"image/jpeg", "image/png"}, MaxBytes: maxImageBytes},
				{Types: []string{"video/mp4"}, MaxBytes: maxClipBytes},
				{Types: []string{"audio/mpeg", "audio/mp4", "audio/x-m4a"}, MaxBytes: maxClipBytes},
				// Anything else goes out as a text message with the file's name and address.
				{Types: []string{"*/*"}},
			},
			MediaPublicURL:  true,
			MaxPartsPerCall: maxObjectsPerCall,
			TypingOut:       true,
			ReadOut:         true,
			Quotes:          true,
			Groups:          true,
			SenderName:      true,
		},
		Verification:     &verification,
		Translations:     translations,
		DocumentationURL: "https://developers.line.biz/en/docs/messaging-api/",
		Services:         sdk.Services{Webhook: true, Media: true, Profiles: true, Signals: true},
	}
}

// channel is one open LINE account.
type channel struct {
	account  sdk.Account
	settings Settings
	api      *client
	seen     *sightings
	typing   *throttle
	sweep    sweeper
	now      func() time.Time
	log      sdk.Logger
}

func open(account sdk.Account, settings Settings, seen *sightings, now func() time.Time) (*channel, error) {
	if settings.ChannelSecret == "" {
		return nil, errors.New("line: channel_secret is empty, so no webhook could be verified")
	}
	if settings.ChannelAccessToken == "" && settings.ChannelID == "" {
		return nil, errors.New("line: set channel_access_token, or channel_id to have tokens issued")
	}
	log := account.Log
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	ch := &channel{
		account:  account,
		settings: settings,
		api:      newClient(settings, now),
		seen:     seen,
		typing:   newThrottle(typingEvery),
		now:      now,
		log:      log,
	}
	return ch, nil
}

// Close releases the idle connections.
func (c *channel) Close() error {
	c.api.close()
	return nil
}

// sightings remembers when an account last received a redelivered event: LINE has no call that tells whether
// redelivery is switched on. It outlives the reopening of an account.
type sightings struct {
	mu   sync.Mutex
	last map[string]time.Time
}

func (s *sightings) note(account string, at time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last[account] = at
}

func (s *sightings) get(account string) time.Time {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.last[account]
}
