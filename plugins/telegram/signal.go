package telegram

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

const (
	// typingLasts is how long one chat action is shown at most; it ends by itself when a message arrives.
	typingLasts = 5 * time.Second
	// typingEvery keeps an agent's key strokes from becoming calls.
	typingEvery = 4 * time.Second
)

// Signal shows the customer that someone is typing. Telegram lets bots mark nothing as read, and has nothing for the others.
func (c *channel) Signal(ctx context.Context, thread sdk.Thread, recipient sdk.Identity, signal sdk.Signal) error {
	if signal.Typing == nil || signal.Typing.Stopped {
		return nil
	}
	to, err := destinationOf(thread, recipient)
	if err != nil {
		return err
	}
	if to.chat, err = c.moved.current(ctx, to.chat); err != nil {
		return err
	}
	if !c.typing.allow(to.String(), c.now()) {
		return nil
	}
	err = c.api.call(ctx, "sendChatAction", struct {
		Chat   int64  `json:"chat_id"`
		Topic  int64  `json:"message_thread_id,omitempty"`
		Action string `json:"action"`
	}{to.chat, to.topic, "typing"}, nil)
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
