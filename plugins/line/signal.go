package line

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

const (
	// loadingSeconds is how long the loading animation shows; a multiple of 5 between 5 and 60. It ends by itself when a
	// message arrives.
	loadingSeconds = 20
	// typingEvery keeps an agent's key strokes from using up the 100 calls a second that an account has.
	typingEvery = 15 * time.Second
)

// Signal shows the customer that someone is typing, and marks messages as read. LINE has nothing for the others.
func (c *channel) Signal(ctx context.Context, thread sdk.Thread, recipient sdk.Identity, signal sdk.Signal) error {
	switch {
	case signal.Typing != nil && !signal.Typing.Stopped:
		return c.showTyping(ctx, thread, recipient)
	case signal.Read != nil && signal.Read.ReadToken != "":
		// Marks everything up to that message. It shows only where the account's chat mode is on.
		body := struct {
			Token string `json:"markAsReadToken"`
		}{signal.Read.ReadToken}
		_, err := c.api.call(ctx, request{method: http.MethodPost, url: c.api.api + "/v2/bot/chat/markAsRead", body: body})
		if err != nil {
			return fmt.Errorf("mark as read: %w", err)
		}
	}
	return nil
}

// showTyping starts the loading animation, which LINE shows between one user and the account only.
func (c *channel) showTyping(ctx context.Context, thread sdk.Thread, recipient sdk.Identity) error {
	if thread.Kind == "group" || thread.Kind == "room" {
		return nil
	}
	chat := recipient.Value
	if chat == "" {
		chat = thread.ID
	}
	if chat == "" || !c.typing.allow(chat, c.now()) {
		return nil
	}
	body := struct {
		ChatID  string `json:"chatId"`
		Seconds int    `json:"loadingSeconds"`
	}{chat, loadingSeconds}
	_, err := c.api.call(ctx, request{method: http.MethodPost, url: c.api.api + "/v2/bot/chat/loading/start", body: body})
	if err != nil {
		return fmt.Errorf("show typing: %w", err)
	}
	return nil
}

// throttle lets one thing per key through in a while.
type throttle struct {
	every time.Duration

	mu   sync.Mutex
	last map[string]time.Time
}

func newThrottle(every time.Duration) *throttle {
	return &throttle{every: every, last: map[string]time.Time{}}
}

func (t *throttle) allow(key string, now time.Time) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if last, ok := t.last[key]; ok && now.Sub(last) < t.every {
		return false
	}
	if len(t.last) >= 4096 {
		for k, at := range t.last {
			if now.Sub(at) >= t.every {
				delete(t.last, k)
			}
		}
	}
	t.last[key] = now
	return true
}
