package telegram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

const (
	// pollFor is how long Telegram waits for something to tell; it takes no more than 50 s.
	pollFor = 50 * time.Second
	// pollGrace is what the way there and back may take beyond that.
	pollGrace = 15 * time.Second
	// batchBytes is about how much is given to the host at once.
	batchBytes = 1 << 20

	conflictPause  = 5 * time.Second
	conflictPauses = time.Minute // from the second conflict on
	conflictMemo   = 5 * time.Minute
)

// cursor is the place that has been reached. Telegram forgets what comes before the offset of a call, so it is only ever
// asked with an offset whose cursor is stored. Update ids are each bot's own: the cursor of another bot says nothing.
type cursor struct {
	Bot    string `json:"bot"`
	Offset int64  `json:"offset"`
}

// Pull fetches updates by long polling. Telegram keeps what is not confirmed for 24 hours, and confirms with the next
// call's offset: whatever happens in between, it is told again and the host recognises it by its id.
func (c *channel) Pull(ctx context.Context, stored []byte, emit sdk.Emit) error {
	if c.settings.Mode != modePoll {
		return sdk.ErrNothingToPull
	}
	offset := c.offset(stored)
	// The first call returns at once, so that it is known whether it works.
	for wait := time.Duration(0); ; wait = pollFor {
		raws, err := c.updates(ctx, offset, wait)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if err = c.pullFailed(ctx, err); err != nil {
				return err
			}
			continue // what was in the way has been removed
		}
		if len(raws) == 0 {
			if err := emit(ctx, nil); err != nil {
				return fmt.Errorf("tell that Telegram was reached: %w", err)
			}
			continue
		}
		if offset, err = c.store(ctx, raws, offset, emit); err != nil {
			return err
		}
	}
}

func (c *channel) updates(ctx context.Context, offset int64, wait time.Duration) ([]json.RawMessage, error) {
	params := struct {
		Offset  int64    `json:"offset,omitempty"`
		Limit   int      `json:"limit"`
		Timeout int      `json:"timeout"` // s
		Allowed []string `json:"allowed_updates"`
	}{offset, 100, int(wait / time.Second), handled}
	var raws []json.RawMessage
	err := c.api.callWithin(ctx, wait+pollGrace, "getUpdates", params, &raws)
	return raws, err
}

// store gives updates to the host, in order and with the cursor after them, and returns the offset to ask with next. It is
// that of the last update and not of the highest: after a week of silence Telegram counts from somewhere else.
func (c *channel) store(ctx context.Context, raws []json.RawMessage, offset int64, emit sdk.Emit) (int64, error) {
	var (
		events    []sdk.Event
		callbacks []string
		size      int
		reached   = offset
		received  = c.now()
	)
	for i, raw := range raws {
		u := parse(raw, c.settings.bot(), received)
		if err := c.settle(ctx, &u); err != nil {
			return offset, err
		}
		events, size = append(events, u.events...), size+len(raw)
		if u.known {
			reached = u.id + 1
		}
		if u.callback != "" {
			callbacks = append(callbacks, u.callback)
		}
		if size < batchBytes && i < len(raws)-1 {
			continue
		}
		at, err := json.Marshal(cursor{Bot: c.settings.bot(), Offset: reached})
		if err != nil {
			return offset, fmt.Errorf("encode the cursor: %w", err)
		}
		if err := emit(ctx, at, events...); err != nil {
			return offset, fmt.Errorf("store what was pulled: %w", err)
		}
		events, size = nil, 0
	}
	if reached == offset {
		return offset, &sdk.Retryable{Reason: "Telegram sent updates without ids, which cannot be confirmed"}
	}
	c.answerCallbacks(ctx, callbacks)
	return reached, nil
}

func (c *channel) offset(stored []byte) int64 {
	var at cursor
	if json.Unmarshal(stored, &at) != nil || at.Bot != c.settings.bot() {
		return 0
	}
	return at.Offset
}

// answerCallbacks tells Telegram that pressed buttons were noticed, which lets the customer's app stop waiting. It comes
// after they are stored, and is not worth a second try: an old one cannot be answered any more.
func (c *channel) answerCallbacks(ctx context.Context, ids []string) {
	if len(ids) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	var wait sync.WaitGroup
	slots := make(chan struct{}, 8)
	for _, id := range ids {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			if err := c.api.call(ctx, "answerCallbackQuery", callbackAnswer{ID: id}, nil); err != nil {
				c.log.Info("a pressed button was stored, and its answer was not taken", "error", err)
			}
		})
	}
	wait.Wait()
}

// callbackAnswer is the answer to a pressed button. With a method it is a call in the body of a webhook's answer.
type callbackAnswer struct {
	Method string `json:"method,omitempty"`
	ID     string `json:"callback_query_id"`
}

// pullFailed says why polling ended; nil when it may go on.
func (c *channel) pullFailed(ctx context.Context, err error) error {
	switch code := status(err); {
	case code == http.StatusConflict && says(err, "webhook"):
		return c.clearWebhook(ctx)
	case code == http.StatusConflict:
		return &sdk.PullConflict{
			Reason: "another program fetches this bot's messages with the same token, and each gets a part of them: stop it, " +
				"or issue a new token with @BotFather (/revoke) and use it here only",
			After: c.conflict.pause(c.now()),
		}
	default:
		return pullOutcome(err)
	}
}

// clearWebhook takes away a webhook that is ours, left from before the account was set to poll. Somebody else's is theirs.
func (c *channel) clearWebhook(ctx context.Context) error {
	info, err := c.api.webhookInfo(ctx)
	if err != nil {
		return pullOutcome(err)
	}
	if info.URL == "" {
		return nil
	}
	if !c.ours(info.URL) {
		return &sdk.PullConflict{
			Reason: "Telegram delivers this bot's messages to " + hostOf(info.URL) + ": remove the webhook there, or set mode = \"webhook\" to have them delivered here",
			After:  c.conflict.pause(c.now()),
		}
	}
	if err := c.api.deleteWebhook(ctx); err != nil {
		return pullOutcome(err)
	}
	c.log.Info("the webhook of this account was taken away, as it polls now")
	return nil
}

// pullOutcome reads a failure that has nothing to do with other consumers.
func pullOutcome(err error) error {
	var refused *apiError
	if !errors.As(err, &refused) {
		return &sdk.Retryable{Reason: "Telegram could not be reached: " + err.Error()}
	}
	switch code := refused.status; {
	case !refused.foreign && (code == http.StatusUnauthorized || code == http.StatusNotFound):
		return &sdk.AuthenticationFailed{Reason: tokenRefused(refused)}
	case code == http.StatusTooManyRequests:
		return &sdk.RateLimited{After: refused.retryAfter, Scope: sdk.ScopeAccount, Reason: refused.Error()}
	case !refused.foreign && code == http.StatusForbidden:
		return &sdk.AccountBlocked{Reason: refused.Error()}
	}
	return &sdk.Retryable{After: refused.retryAfter, Reason: refused.Error()}
}

// tokenRefused explains a refused token. One of the wrong form is answered 404, as it is part of the address.
func tokenRefused(refused *apiError) string {
	return "Telegram does not know the bot token (" + refused.Error() + "); it may have been revoked with @BotFather"
}

// conflictMemory tells a first conflict, which an upgrade may cause, from one that lasts.
type conflictMemory struct {
	mu   sync.Mutex
	last time.Time
}

func (m *conflictMemory) pause(now time.Time) time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	again := !m.last.IsZero() && now.Sub(m.last) < conflictMemo
	m.last = now
	if again {
		return conflictPauses
	}
	return conflictPause
}

// hostOf is the host of an address, which may hold a secret elsewhere.
func hostOf(address string) string {
	_, rest, found := strings.Cut(address, "://")
	if !found {
		return "another address"
	}
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	if i := strings.LastIndex(rest, "@"); i >= 0 {
		rest = rest[i+1:]
	}
	return rest
}
