package desk_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
)

// TestTypingIsToldNowAndThen types as fast as a browser may say so.
func TestTypingIsToldNowAndThen(t *testing.T) {
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		c := h.taken("zoe")
		for range 65 { // 6.5 seconds
			h.desk.Typing(ctx, agent("anna"), c.ID)
			time.Sleep(100 * time.Millisecond)
		}
		h.settle()
		h.channels.mu.Lock()
		defer h.channels.mu.Unlock()
		if diff := cmp.Diff([]core.Signal{{Typing: true}, {Typing: true}, {Typing: true}}, h.channels.signals); diff != "" {
			t.Errorf("-want +told\n%s", diff)
		}
	})
}
