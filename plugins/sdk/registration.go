package sdk

import (
	"context"
	"time"
)

// Registrar is a Channel that can tell the provider the callback address of its account; for plugins whose manifest
// says Services.Registration.
type Registrar interface {
	// Register makes the provider call this account's address. It may be repeated without harm.
	Register(ctx context.Context) error
	// Unregister makes the provider stop calling; for an account that is removed, not for one that stops.
	Unregister(ctx context.Context) error
	// CheckSubscription asks whether the provider calls, and how the last calls went. It changes nothing. The host asks
	// soon after Open and then every ten minutes, and calls Register where that would mend what failed.
	CheckSubscription(ctx context.Context) (Subscription, error)
}

// Subscription is how the provider has an account registered.
type Subscription struct {
	Checks        []Check
	Register      bool      // Register would mend what failed
	LastFailureAt time.Time // of a call of the provider's, as it tells
	LastFailure   string
}
