package sdk

import "time"

// Manifest says what the plugin is and can do. Serve adds the settings schema from the settings struct, the SDK's
// version and the list of optional services.
type Manifest struct {
	ID               string // kebab-case; TOML's `plugin`
	Name             string
	Version          string
	Address          any // a struct with `setting` tags: what distinguishes channels of one account; nil where there is one
	Callbacks        []Callback
	Capabilities     Capabilities
	RequiresConsent  bool
	RetirementNotice string
	Verification     *Verification
	DocumentationURL string
	// Services: Serve must know before an account is open which optional interfaces the channels implement.
	Services Services
}

// Services names the optional interfaces that the plugin's channels implement.
type Services struct {
	Webhook, Media, Profiles, Signals, Reconciler, Live, Pull, Registration, Templates bool
}

// Callback is a path below the account that the provider calls.
type Callback struct {
	Path  string
	Title string
	Help  string
}

// TextUnit is what a text limit counts.
type TextUnit int

// The units.
const (
	Characters TextUnit = iota + 1 // Unicode code points
	UTF16                          // UTF-16 code units
	Bytes                          // UTF-8
	Graphemes
)

// Capabilities are limits and abilities; zero means no such limit, or cannot.
type Capabilities struct {
	TextMax         int
	TextUnit        TextUnit
	Media           []MediaLimit
	MediaPublicURL  bool // the provider fetches attachments from a public address
	MediaUpload     bool
	MaxPartsPerCall int
	TypingOut       bool
	TypingIn        bool
	ReadOut         bool
	Receipts        bool
	Edits           bool
	Deletes         bool
	Reactions       bool
	Quotes          bool
	Groups          bool
	SenderName      bool
	Window          time.Duration
	IdempotentSend  bool
	QuickReplies    int
	Redelivery      time.Duration
}

// MediaLimit is what attachments the provider takes.
type MediaLimit struct {
	Types    []string
	MaxBytes int64
}

// Verification declares how requests are authenticated, so that the host can verify and keep them while the plugin is
// down. See channel.proto.
type Verification struct {
	Algorithm             string // "hmac-sha1", "hmac-sha256", "hmac-sha512"
	Header                string
	Encoding              string // "base64", "hex"
	Prefix                string // before the encoded value, e.g. "sha256="
	SecretSetting         string // key of the setting that holds the secret
	PreviousSecretSetting string // key of the setting that holds the former one while it is being replaced; "" for none
	Path                  string // the callback path it applies to
	Status                int    // the answer to a request that was kept, usually 200
}

// CheckState is the result of a check.
type CheckState int

// The results.
const (
	Passed CheckState = iota + 1
	Failed
	Warning
	Skipped
)

// Check is one named check of an account's settings.
type Check struct {
	Name   string // stable, kebab-case
	Title  string
	State  CheckState
	Detail string
	Fix    string
	Field  string // key of the setting it concerns
}
