package api

import (
	"context"
	"crypto/rand"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// checkWebhook is the name of the check that calls the receiver. It is stable.
const checkWebhook = "webhook"

// validate gives the receiver a ping, signed like every webhook.
func validate(ctx context.Context, account sdk.Account, settings Settings) []sdk.Check {
	check := sdk.Check{Name: checkWebhook, Title: "Webhook", Field: "webhook_url"}
	r, err := newReceiver(settings, account.Test, account.Clock)
	switch {
	case err != nil:
		check.State, check.Detail, check.Fix = sdk.Failed, err.Error(), "Correct the settings."
		return []sdk.Check{check}
	case r == nil:
		check.State, check.Detail = sdk.Skipped, "There is no webhook_url: your program fetches messages itself."
		return []sdk.Check{check}
	}
	defer r.close()
	came := r.post(ctx, delivery{
		ID: "evt_" + rand.Text(), Type: typePing, Account: account.ID, At: account.Clock.Now().UTC().Truncate(time.Millisecond),
	})
	if came.problem == "" {
		check.State, check.Detail = sdk.Passed, "The receiver took a ping."
		return []sdk.Check{check}
	}
	check.State, check.Fix = sdk.Failed, "See that your program runs at webhook_url and answers 2xx also to the type \"ping\"."
	check.Found(came.sentence, came.value)
	return []sdk.Check{check}
}
