package sdk

import (
	"context"
	"io"
	"net/http"
	"time"
)

// Plugin is what an author hands to Serve. S is the struct of an account's settings; its fields carry `setting` tags
// (see SettingsOf).
type Plugin[S any] struct {
	Manifest Manifest
	// Open makes an account ready. It is called again when the settings change. It must not call the provider.
	Open func(ctx context.Context, account Account, settings S) (Channel, error)
	// Validate runs the live checks of an account's settings; nil when there is nothing to check.
	Validate func(ctx context.Context, account Account, settings S) []Check
	// Clock is what the accounts get as theirs; nil, the system's, but in tests.
	Clock Clock
}

// Account is one account as the host opens it.
type Account struct {
	ID        string
	Revision  uint64
	PublicURL string // of the callbacks: append "/" and a path
	Test      bool
	Channels  []ChannelAddress
	Host      Host
	Log       Logger
	// Clock tells the time; tests set Plugin.Clock. The zero Clock is the system's.
	Clock Clock
}

// Clock tells the time. The nil Clock is the system's.
type Clock func() time.Time

// Now returns the time by this clock.
func (c Clock) Now() time.Time {
	if c == nil {
		return time.Now()
	}
	return c()
}

// ChannelAddress names a channel of the account and what distinguishes it.
type ChannelAddress struct {
	Channel string
	Address map[string]string
	// NoAttachments: customers may send none here. The host refuses those that come all the same; say so before, where
	// the provider lets you.
	NoAttachments bool
}

// Channel is an open account. Send is all that is required; the optional interfaces below add the rest. All methods may
// be called concurrently.
type Channel interface {
	// Send gives one message to the provider. The receipt counts together with the error: what was accepted before
	// something failed is in the receipt. A nil error means accepted. Other outcomes are the error types of this
	// package (*Rejected, *RateLimited …); any other error is an outcome that is unknown.
	Send(ctx context.Context, out *Outgoing) (Receipt, error)
}

// WebhookHandler is a Channel that receives HTTP requests below /channels/{account}/. It is shaped like http.Handler:
// the request's URL is the public one, its path is escaped as it came, its body is complete. What it Receives is stored
// before the response leaves. No network calls, no side effects: the host may repeat a request.
type WebhookHandler interface {
	ServeWebhook(w WebhookWriter, r *http.Request)
}

// WebhookWriter is a response writer that also takes the events found in the request.
type WebhookWriter interface {
	http.ResponseWriter
	Receive(events ...Event)
}

// MediaFetcher is a Channel that fetches attachments of customers from the provider.
type MediaFetcher interface {
	// FetchMedia opens the content behind a handle. Errors: *NotReady, *MediaGone, *MediaRefused; anything else is
	// tried again later. The host enforces maxBytes as well.
	FetchMedia(ctx context.Context, handle string, maxBytes int64) (*Media, error)
}

// ProfileFetcher is a Channel that can look customers up.
type ProfileFetcher interface {
	// FetchProfile returns nil and no error where there is no profile to be had.
	FetchProfile(ctx context.Context, identity Identity, thread Thread) (*Profile, error)
}

// Signaler is a Channel that passes on what is not a message. Best effort.
type Signaler interface {
	Signal(ctx context.Context, thread Thread, recipient Identity, signal Signal) error
}

// Reconciler is a Channel that can find out what became of a send whose outcome is unknown.
type Reconciler interface {
	Reconcile(ctx context.Context, out *Outgoing) (Receipt, error)
}

// Closer is a Channel that has something to release when the account is closed.
type Closer interface {
	Close() error
}

// Media is fetched content. Close it.
type Media struct {
	Type string
	Name string
	Size int64 // 0 when not known
	Body io.ReadCloser
}

// Profile is what the provider tells about a customer.
type Profile struct {
	Name       string
	Language   string
	PictureURL string
}

// Signal is something to pass on that is not a message; exactly one field is set.
type Signal struct {
	Typing            *Typing
	Read              *ReadSignal
	AgentJoined       *AgentJoined
	AgentLeft         *AgentLeft
	ConversationEnded *ConversationEnded
}

// AgentJoined says who answers from now on. Kind is AuthorAgent or AuthorBot.
type AgentJoined struct {
	Name       string
	PictureURL string
	Kind       AuthorKind
}

// AgentLeft says who no longer answers.
type AgentLeft struct{ Name string }

// ReadSignal asks to mark a message, and all before it, as read by us.
type ReadSignal struct {
	MessageID string
	ReadToken string
}

// Host is what the host offers to an open account.
type Host interface {
	// Receive stores events durably; for plugins that pull. The cursor, where given, is stored with the last event.
	Receive(ctx context.Context, cursor *Cursor, events ...Event) error
	// State is a small key-value store of the account.
	GetState(ctx context.Context, key string) (value []byte, version uint64, err error)
	SetState(ctx context.Context, key string, value []byte) (version uint64, err error)
	// CompareAndSetState writes only if the version matches (0: absent), else ErrStateChanged.
	CompareAndSetState(ctx context.Context, key string, value []byte, version uint64) (uint64, error)
	DeleteState(ctx context.Context, key string) error
	ListState(ctx context.Context, prefix string) ([]string, error)
	// Keys returns a provider's published key set from the host's cache; ErrKeysUnavailable means answer 503.
	Keys(ctx context.Context, url, keyID string) ([]byte, error)
	// PutMedia stores content; GetMedia reads it; PublishMedia makes a signed, expiring public address of it.
	PutMedia(ctx context.Context, mimeType, name string, r io.Reader) (handle string, err error)
	GetMedia(ctx context.Context, handle string) (*Media, error)
	PublishMedia(ctx context.Context, handle string, validFor time.Duration) (url string, err error)
	// Conversations is what the host tells of the account's customers' conversations.
	Conversations() Conversations
}

// Cursor is the place a pulling plugin has reached.
type Cursor struct {
	Name  string
	Value []byte
}
