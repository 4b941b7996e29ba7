// Package sdk is the one package that a plugin author imports to add a channel to Guichet.
//
// Start reading at [Plugin], [Channel] and [Serve]. A plugin is a struct of settings (see [SettingsOf]), an Open that makes
// a Channel of them, and a Send whose errors say what came of a message ([Rejected], [RateLimited] …). What more a channel
// can do are optional interfaces, each promised in [Services]:
//
//   - It is called: [WebhookHandler]. The verifiers are [Verification.Verify] for a hash over the body, [URLSignature] for
//     one over address and form, [BearerToken] for signed tokens and [SharedSecret]; [Refuse] answers what they find.
//   - It fetches: [Puller].
//   - It tells the provider its address: [Registrar].
//   - Its provider approves templates: [TemplateLister].
//   - Customers hold live connections: [Connector].
//   - [MediaFetcher], [ProfileFetcher], [Signaler], [Reconciler], [Closer].
//
// [Capabilities] are limits as data; Send is kept to the [Rate]s among them. [TokenCache] keeps access tokens, [Account]
// holds the host, the log and the clock. sdktest proves that all of it keeps the contract.
//
// It must not know the host: it speaks to it only through plugins/proto, so that a plugin can live in a repository of its
// own.
package sdk

import (
	"errors"
	"log/slog"
)

// Version of the SDK, reported to the host.
const Version = "1.0.0"

// Logger writes to the host's log with the account's id; secrets of the account are scrubbed.
type Logger = *slog.Logger

var (
	// ErrStateChanged is returned by CompareAndSetState when another write came first.
	ErrStateChanged = errors.New("sdk: state changed meanwhile")
	// ErrStateAbsent is returned by GetState for an absent key.
	ErrStateAbsent = errors.New("sdk: no such state")
	// ErrKeysUnavailable means that a provider's keys cannot be had now: answer 503, never 401.
	ErrKeysUnavailable = errors.New("sdk: keys unavailable")
	// ErrNothingToPull is returned by Pull where the provider calls the account instead.
	ErrNothingToPull = errors.New("sdk: nothing to pull")
)
