package telegram

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// outcome reads what became of a send. Telegram has no idempotency key: where an answer was lost, nobody can tell whether
// the message is there, and it must not be sent again by itself.
func (c *channel) outcome(to destination, err error) error {
	var lost *callError
	if errors.As(err, &lost) {
		if lost.executed {
			return &sdk.UnknownOutcome{RetryMayDuplicate: true, Reason: "Telegram's answer was lost: " + lost.Error()}
		}
		return &sdk.Retryable{Reason: "Telegram could not be reached: " + lost.Error()}
	}
	var refused *apiError
	if !errors.As(err, &refused) {
		return &sdk.UnknownOutcome{RetryMayDuplicate: true, Reason: c.settings.hide(err.Error())}
	}
	reason := refused.Error()
	switch code := refused.status; {
	case code == http.StatusTooManyRequests:
		return &sdk.RateLimited{After: refused.retryAfter, Scope: c.limits.scope(to, refused.retryAfter, c.now()), Reason: reason}
	case code >= 500 && (refused.foreign || says(err, "restart")):
		// A gateway gave up waiting, or Telegram's server ended while it was at it: the message may have gone out before.
		return &sdk.UnknownOutcome{RetryMayDuplicate: true, Reason: reason}
	case code == http.StatusRequestEntityTooLarge:
		return &sdk.Rejected{Cause: sdk.RejectedTooLarge, Reason: reason}
	case code >= 500 || code == http.StatusConflict || refused.foreign:
		return &sdk.Retryable{After: refused.retryAfter, Reason: reason}
	case code == http.StatusUnauthorized || code == http.StatusNotFound:
		return &sdk.AuthenticationFailed{Reason: tokenRefused(refused)}
	case code == http.StatusForbidden:
		return &sdk.Rejected{Cause: sdk.RejectedRecipient, Reason: reason}
	case aboutRecipient(refused):
		return &sdk.Rejected{Cause: sdk.RejectedRecipient, Reason: reason}
	case aboutSize(refused):
		return &sdk.Rejected{Cause: sdk.RejectedTooLarge, Reason: reason}
	}
	return &sdk.Rejected{Cause: sdk.RejectedContent, Reason: reason}
}

// The words by which Telegram refuses whom we write to, and how much. It has no codes for them.
var (
	recipientWords = []string{
		"chat not found", "user not found", "peer_id_invalid", "user_is_blocked", "user is deactivated", "chat was deleted",
		"group chat was", "chat_write_forbidden", "have no rights to send", "not enough rights", "need administrator rights",
		"message thread not found", "topic_closed", "topic_deleted", "input_user_deactivated", "chat_restricted", "bot was kicked",
		"chat_send_", "user_is_bot",
	}
	sizeWords = []string{"message is too long", "caption is too long", "file is too big", "request entity too large", "media_caption_too_long"}
)

func aboutRecipient(refused *apiError) bool { return contains(refused.description, recipientWords) }
func aboutSize(refused *apiError) bool      { return contains(refused.description, sizeWords) }

func contains(text string, words []string) bool {
	text = strings.ToLower(text)
	for _, word := range words {
		if strings.Contains(text, word) {
			return true
		}
	}
	return false
}

// aboutForm says whether Telegram refused the form in which a file was sent (as a photo, a voice message …), so that it may
// still take it as a document.
func aboutForm(err error) bool {
	var refused *apiError
	return errors.As(err, &refused) && refused.status == http.StatusBadRequest && !refused.foreign && refused.migrateTo == 0 &&
		!aboutRecipient(refused) && !aboutSize(refused) && !says(err, "reply") && !says(err, "caption")
}

// foreign says whether the refusal is not Telegram's own.
func foreign(err error) bool {
	var refused *apiError
	return errors.As(err, &refused) && refused.foreign
}

// code is what the host keeps as the provider's word.
func code(err error) string {
	if n := status(err); n != 0 {
		return strconv.Itoa(n)
	}
	return ""
}

// limitMemory guesses what a 429 counts, which Telegram does not say: its limits are those of one chat (1 message a second,
// 20 a minute in a group) far more often than that of the bot (30 a second). When another chat was limited as well and its
// time is not over, it is the bot.
type limitMemory struct {
	mu    sync.Mutex
	chat  int64
	until time.Time
}

func (m *limitMemory) scope(to destination, after time.Duration, now time.Time) sdk.RateScope {
	m.mu.Lock()
	defer m.mu.Unlock()
	both := m.chat != 0 && m.chat != to.chat && now.Before(m.until)
	m.chat, m.until = to.chat, now.Add(max(after, time.Second))
	if both {
		return sdk.ScopeAccount
	}
	return sdk.ScopeRecipient
}
