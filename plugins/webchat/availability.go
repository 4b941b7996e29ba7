package webchat

import (
	"context"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// availability is whether somebody could answer, as the host last said. Every panel that opens asks, so the answer is
// kept for a few seconds.
type availability struct {
	mu   sync.Mutex
	view *availabilityView
	at   time.Time
}

// now asks the host, or returns what it said a moment ago; nil when it cannot be known.
func (a *availability) now(ctx context.Context, conversations sdk.Conversations, address map[string]string) *availabilityView {
	a.mu.Lock()
	defer a.mu.Unlock()
	if !a.at.IsZero() && time.Since(a.at) < availableFor {
		return a.view
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	found, err := conversations.Availability(ctx, address)
	a.at = time.Now()
	if err != nil {
		return a.view
	}
	view := &availabilityView{Open: found.Open, Agent: found.AgentAvailable, Line: found.InLine}
	if found.ExpectedWait > 0 {
		view.Wait = inSeconds(found.ExpectedWait)
	}
	if !found.OpensAt.IsZero() {
		at := found.OpensAt.UTC()
		view.OpensAt = &at
	}
	a.view = view
	return view
}
