package sdk

import (
	"fmt"
	"time"
)

// Outgoing is one message to give to the provider.
type Outgoing struct {
	OutboxID    string // a UUID, the same over all attempts: make the provider's idempotency key from it
	Address     map[string]string
	Thread      Thread
	Recipient   Identity
	Text        string
	Attachments []OutgoingAttachment
	Author      Author
	Context     SendContext
	Resume      string    // where an earlier partial outcome stopped; "" at first
	Previous    []Attempt // earlier attempts at this resume point, oldest first
	QuoteToken  string
	QuotedID    string       // the provider's id of the message that this one answers
	Template    *TemplateUse // send this approved template; Text is what it reads as
	Choices     []Choice     // to be offered with the text
	Format      TextFormat   // of Text: plain, or one that Capabilities.Formats names
	// ChannelJSON is sent as it is where the plugin knows the form, for bots that speak the provider's own; Text is its
	// fallback and never empty.
	ChannelJSON []byte
}

// Choice is a button below a message.
type Choice struct {
	Title    string
	Postback string // comes back as Postback.Data; "": the title
	URL      string // opens this address instead
}

// TemplateUse is an approved template with its values.
type TemplateUse struct {
	Name     string
	Language string            // BCP 47
	Values   map[string]string // by placeholder
}

// SendContext is what the host knows about the conversation.
type SendContext struct {
	ReplyToken    *ReplyToken // the newest unused one
	ReplyTokenAge time.Duration
	LastInboundID string
	LastInboundAt time.Time
	Language      string
}

// Attempt is an earlier attempt at the same send. WithoutOutcome: nobody knows whether it went out; answer *Unknown
// unless repeating is safe.
type Attempt struct {
	StartedAt      time.Time
	Context        SendContext
	WithoutOutcome bool
}

// Author is who wrote the message.
type Author struct {
	Kind       AuthorKind
	Name       string
	PictureURL string
}

// AuthorKind is the kind of an author.
type AuthorKind int

// The kinds of authors.
const (
	AuthorAgent AuthorKind = iota + 1
	AuthorBot
	AuthorSystem
)

// OutgoingAttachment is content to send along: read it with Host.GetMedia or publish it with Host.PublishMedia.
type OutgoingAttachment struct {
	Handle string
	Type   string
	Name   string
	Size   int64
}

// Receipt is what the provider took. With Resume set and a nil error the host stores the receipt and calls Send again
// from there; with an error, Resume says where to go on when it is tried again.
type Receipt struct {
	ExternalIDs    []string
	Already        bool // it had been accepted before
	UsedReplyToken bool
	Resume         string
	Code           string // the provider's
	RequestID      string // for the provider's support
}

// RejectCause is why a message can never be sent as it is.
type RejectCause int

// The causes.
const (
	RejectedContent RejectCause = iota + 1
	RejectedRecipient
	RejectedOptedOut
	RejectedTooLarge
)

// Rejected: this message will never be accepted as it is.
type Rejected struct {
	Cause  RejectCause
	Reason string
}

// WindowClosed: free text may not be sent now.
type WindowClosed struct{ Reason string }

// QuotaExhausted: the account has used up what it may send.
type QuotaExhausted struct{ Reason string }

// RateScope is what a rate limit counts.
type RateScope int

// The scopes.
const (
	ScopeRecipient RateScope = iota + 1
	ScopeChannel
	ScopeAccount
	ScopeApplication
)

// RateLimited: too fast; nothing was sent. After is 0 when the provider does not say.
type RateLimited struct {
	After  time.Duration
	Scope  RateScope
	Reason string
}

// Retryable: nothing was sent, or repeating cannot duplicate; try again.
type Retryable struct {
	After  time.Duration
	Reason string
}

// AuthenticationFailed: the account's credentials are refused.
type AuthenticationFailed struct{ Reason string }

// AccountBlocked: the provider has stopped the account.
type AccountBlocked struct{ Reason string }

// UnknownOutcome: it may have been sent.
type UnknownOutcome struct {
	RetryMayDuplicate bool
	Reason            string
}

func (e *Rejected) Error() string       { return fmt.Sprintf("rejected: %s", e.Reason) }
func (e *WindowClosed) Error() string   { return fmt.Sprintf("messaging window closed: %s", e.Reason) }
func (e *QuotaExhausted) Error() string { return fmt.Sprintf("quota exhausted: %s", e.Reason) }
func (e *RateLimited) Error() string    { return fmt.Sprintf("rate limited: %s", e.Reason) }
func (e *Retryable) Error() string      { return fmt.Sprintf("try again: %s", e.Reason) }
func (e *AuthenticationFailed) Error() string {
	return fmt.Sprintf("authentication failed: %s", e.Reason)
}
func (e *AccountBlocked) Error() string { return fmt.Sprintf("account blocked: %s", e.Reason) }
func (e *UnknownOutcome) Error() string { return fmt.Sprintf("outcome unknown: %s", e.Reason) }

// NotReady: the provider is still preparing the content.
type NotReady struct{ After time.Duration }

// MediaGone: the provider no longer has the content.
type MediaGone struct{ Reason string }

// MediaRefused: the content cannot be taken (too large, not allowed).
type MediaRefused struct{ Reason string }

func (e *NotReady) Error() string {
	return fmt.Sprintf("content is not ready, try again in %s", e.After)
}
func (e *MediaGone) Error() string    { return "content is gone: " + e.Reason }
func (e *MediaRefused) Error() string { return "content refused: " + e.Reason }
