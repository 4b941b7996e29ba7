package line

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/guichet/guichet/plugins/sdk"
)

// outcome reads what became of a push, or of a reply that was certainly not carried out. LINE carries a request out
// wholly or not at all, and a push can be repeated under its retry key without a second message, so whatever is not a
// decision of LINE is worth another try.
func outcome(err error) error {
	var noToken *tokenError
	if errors.As(err, &noToken) {
		return tokenOutcome(noToken)
	}
	var refused *apiError
	if !errors.As(err, &refused) {
		return &sdk.Retryable{Reason: "LINE could not be reached: " + err.Error()}
	}
	reason := refused.Error()
	switch status := refused.status; {
	case status == http.StatusUnauthorized:
		return &sdk.AuthenticationFailed{Reason: reason}
	case status == http.StatusForbidden:
		// "Access to this API is not available for your account": an administrator must act at LINE.
		return &sdk.AuthenticationFailed{Reason: reason}
	case status == http.StatusRequestTimeout:
		return &sdk.Retryable{After: refused.retryAfter, Reason: reason}
	case status == http.StatusRequestEntityTooLarge:
		return &sdk.Rejected{Cause: sdk.RejectedTooLarge, Reason: reason}
	case status == http.StatusTooManyRequests:
		return limited(refused)
	case status >= 400 && status < 500:
		if aboutRecipient(refused) {
			return &sdk.Rejected{Cause: sdk.RejectedRecipient, Reason: reason}
		}
		return &sdk.Rejected{Cause: sdk.RejectedContent, Reason: reason}
	default:
		return &sdk.Retryable{After: refused.retryAfter, Reason: reason}
	}
}

// limited tells the three kinds of 429 apart, which only their wording does.
func limited(refused *apiError) error {
	reason, said := refused.Error(), strings.ToLower(refused.message)
	switch {
	case strings.Contains(said, "monthly limit"):
		return &sdk.QuotaExhausted{Reason: reason}
	case strings.Contains(said, "api rate limit"):
		return &sdk.RateLimited{After: refused.retryAfter, Scope: sdk.ScopeAccount, Reason: reason}
	default:
		return &sdk.RateLimited{After: refused.retryAfter, Scope: sdk.ScopeRecipient, Reason: reason}
	}
}

// tokenOutcome reads why no token was issued. Nothing was sent.
func tokenOutcome(noToken *tokenError) error {
	var refused *apiError
	if !errors.As(noToken.err, &refused) {
		return &sdk.Retryable{Reason: noToken.Error()}
	}
	switch {
	case refused.status == http.StatusTooManyRequests:
		return &sdk.RateLimited{After: refused.retryAfter, Scope: sdk.ScopeAccount, Reason: noToken.Error()}
	case refused.status >= 400 && refused.status < 500:
		return &sdk.AuthenticationFailed{Reason: noToken.Error()}
	default:
		return &sdk.Retryable{After: refused.retryAfter, Reason: noToken.Error()}
	}
}

// aboutRecipient says whether LINE refused whom we wrote to rather than what we wrote.
func aboutRecipient(refused *apiError) bool {
	if refused.status != http.StatusBadRequest {
		return false
	}
	if strings.HasPrefix(refused.message, "Failed to send messages") || strings.Contains(refused.message, "property, 'to',") {
		return true
	}
	for _, d := range refused.details {
		if d.Property == "to" {
			return true
		}
	}
	return false
}

// invalidReplyToken: the token was used before, or its time is over. LINE does not say which.
func invalidReplyToken(err error) bool {
	var refused *apiError
	return errors.As(err, &refused) && refused.status == http.StatusBadRequest &&
		strings.HasPrefix(refused.message, "Invalid reply token")
}

// complainsOf says whether LINE refused a request because of a property, such as "sender" or "quoteToken".
func complainsOf(err error, property string) bool {
	var refused *apiError
	if !errors.As(err, &refused) || refused.status != http.StatusBadRequest {
		return false
	}
	if strings.Contains(refused.message, property) {
		return true
	}
	return slices.ContainsFunc(refused.details, func(d detail) bool { return strings.Contains(d.Property, property) })
}

// certainlyNotSent says whether a failed call has certainly not been carried out: it never left, or LINE refused it.
func certainlyNotSent(err error) bool {
	var noToken *tokenError
	if errors.As(err, &noToken) {
		return true
	}
	var lost *callError
	if errors.As(err, &lost) {
		return lost.notSent
	}
	var refused *apiError
	return errors.As(err, &refused) && refused.status < 500 && refused.status != http.StatusRequestTimeout
}
