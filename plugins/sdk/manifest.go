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
	// Translations are what the manifest and the checks say, in other languages than English, which they are written in: by
	// language (BCP 47), then by the English text. See Translations.
	Translations Translations
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
	MediaUpload     bool // the plugin uploads them
	MaxPartsPerCall int  // provider messages in one call
	TypingOut       bool
	TypingIn        bool
	ReadOut         bool // the provider can be told that we read
	Receipts        bool // the provider reports delivered or read
	Edits           bool
	Deletes         bool
	Reactions       bool
	Quotes          bool
	Groups          bool
	SenderName      bool          // a message can carry the agent's name
	Window          time.Duration // how long after the customer's last message free text may be sent
	IdempotentSend  bool          // every send carries a key that the provider honours
	QuickReplies    int
	Redelivery      time.Duration // for how long the provider repeats a request that failed
	// SplitsText: the plugin sends a longer text as several messages, cut between words. Without it the host refuses
	// text beyond the limit.
	SplitsText             bool
	Formats                []TextFormat  // in which text may be sent, beside plain
	TypingLasts            time.Duration // for how long one typing signal is shown; the host repeats it while needed
	TypingNeedsInbound     bool          // a typing signal needs a message of the customer to refer to
	ReadNeedsToken         bool          // marking as read needs Message.ReadToken
	DeliveryReceipts       bool
	ReadReceipts           bool
	SenderPicture          bool // a message can carry the agent's picture
	Contacts               bool // customers can send contacts
	Locations              bool // customers can send places
	TemplatesOutsideWindow bool // after the window has closed approved templates may be sent
	OptOut                 bool // customers can withdraw their consent, and the provider tells or refuses
	// Choices is what Outgoing.Choices may hold; nil: the host writes their titles below the text.
	Choices *ChoiceLimit
	// Rates is what the provider allows. The SDK keeps Send to it: see Rate.
	Rates []Rate
}

// TextFormat is how text is marked up. The zero value is plain text.
type TextFormat int

// The formats.
const (
	Plain    TextFormat = iota
	Markdown            // CommonMark: emphasis, strong, code, links, lists; nothing else, no HTML
)

// ChoiceLimit is how many choices a message may offer and how long their titles may be.
type ChoiceLimit struct {
	Max      int
	MaxTitle int  // in the unit of the text limit
	Links    bool // a choice may open an address
}

// Rate is a bucket that calls of Send are drawn from: Calls in Per, evenly filled, and at most Burst (by default as many
// as Calls) at once. There is one bucket for each recipient, channel or account, or one for all, as Scope says.
type Rate struct {
	Scope RateScope
	Calls int
	Per   time.Duration
	Burst int
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
