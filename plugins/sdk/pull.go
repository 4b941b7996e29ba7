package sdk

import (
	"context"
	"fmt"
	"time"
)

// Puller is a Channel that fetches from the provider instead of being called by it; for plugins whose manifest says
// Services.Pull.
type Puller interface {
	// Pull fetches until ctx ends, and returns then. The host never has two of them under way for one account. cursor is
	// what was stored last, nil at first. emit stores events together with the cursor that stands after them, and is durable
	// when it returns: only then ask the provider for more. An emit without events says that the provider was reached and
	// had nothing; with a nil cursor the former one stays.
	//
	// When Pull returns, the host waits and calls again. The errors *AuthenticationFailed, *AccountBlocked, *RateLimited,
	// *Retryable and *PullConflict say why and, where they can, for how long to wait. A plugin that has nothing to pull, as
	// its account is set up to be called, returns ErrNothingToPull and is not called again until its settings change.
	Pull(ctx context.Context, cursor []byte, emit Emit) error
}

// Emit stores what was pulled, durably.
type Emit func(ctx context.Context, cursor []byte, events ...Event) error

// PullConflict: somebody else consumes with the same credential. The host says so and tries again, slowly.
type PullConflict struct {
	Reason string
	After  time.Duration
}

func (e *PullConflict) Error() string { return fmt.Sprintf("another consumer: %s", e.Reason) }
