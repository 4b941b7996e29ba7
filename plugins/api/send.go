package api

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// notePatience is how long writing a delivery down may take beside its call.
const notePatience = 5 * time.Second

// Send gives a message to the program: as a webhook, or into the log from which it is fetched. The message's id is that
// of its delivery, and the one that receipts name. It may be sent again without harm: who receives it knows the id.
func (c *channel) Send(ctx context.Context, out *sdk.Outgoing) (sdk.Receipt, error) {
	r := c.recordOf(out)
	if c.receiver == nil {
		return c.leave(ctx, r)
	}
	again := len(out.Previous) > 0
	if again && c.was(ctx, out.OutboxID) == stateDelivered {
		return sdk.Receipt{ExternalIDs: []string{out.OutboxID}, Already: true}, nil
	}
	d, err := c.published(ctx, r)
	if err != nil {
		return sdk.Receipt{}, &sdk.Retryable{Reason: "The files of the message could not be published: " + err.Error()}
	}
	came := c.receiver.post(ctx, d)
	r.take(came, c.now())
	c.note(ctx, r, again)
	receipt := sdk.Receipt{}
	if came.status != 0 {
		receipt.Code = strconv.Itoa(came.status)
	}
	if came.problem == "" {
		receipt.ExternalIDs = []string{out.OutboxID}
		return receipt, nil
	}
	return receipt, outcome(came)
}

// outcome says what a call that failed means for a message. All of it may be repeated: the id stays the same.
func outcome(came result) error {
	switch {
	case came.status == http.StatusTooManyRequests:
		return &sdk.RateLimited{After: came.after, Scope: sdk.ScopeAccount, Reason: came.problem}
	case came.status == http.StatusRequestEntityTooLarge:
		return &sdk.Rejected{Cause: sdk.RejectedTooLarge, Reason: came.problem}
	case came.permanent:
		return &sdk.Rejected{Cause: sdk.RejectedContent, Reason: came.problem}
	}
	return &sdk.Retryable{After: came.after, Reason: came.problem}
}

// take writes down what came of an attempt.
func (r *record) take(came result, now time.Time) {
	r.Attempts++
	r.LastAt, r.Status, r.Error = now.UTC().Truncate(time.Millisecond), came.status, came.problem
	switch {
	case came.problem == "":
		r.State = stateDelivered
	case came.permanent:
		r.State = stateDead
	default:
		r.State = statePending
	}
}

// was returns the state in which a delivery is kept, "" where it is not, or that cannot be found out.
func (c *channel) was(ctx context.Context, id string) string {
	if err := c.kept.ready(ctx); err != nil {
		return ""
	}
	seq, known := c.kept.find(id)
	if !known {
		return ""
	}
	r, err := c.kept.read(ctx, seq)
	if err != nil || r == nil {
		return ""
	}
	return r.State
}

// note keeps what came of a message's attempt. That it could not be kept changes nothing for the message.
func (c *channel) note(ctx context.Context, r *record, again bool) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), notePatience)
	defer cancel()
	err := c.kept.ready(ctx)
	if err == nil {
		if seq, known := c.kept.find(r.Delivery.ID); again && known {
			err = c.kept.change(ctx, seq, func(kept *record) {
				kept.State, kept.Status, kept.Error, kept.LastAt = r.State, r.Status, r.Error, r.LastAt
				kept.Attempts++
			})
		} else {
			_, err = c.kept.add(ctx, r)
		}
	}
	if err != nil {
		c.log.Warn("a delivery is missing in the log", "delivery", r.Delivery.ID, "state", r.State, "error", err)
	}
}

// leave keeps a message until it is fetched. Where too many wait already, the host is to keep it.
func (c *channel) leave(ctx context.Context, r *record) (sdk.Receipt, error) {
	r.State = stateWaiting
	err := c.kept.ready(ctx)
	if err == nil {
		err = c.room(ctx)
	}
	if err == nil {
		_, err = c.kept.add(ctx, r)
	}
	var full *sdk.Retryable
	switch {
	case errors.Is(err, errRecordTooLarge):
		return sdk.Receipt{}, &sdk.Rejected{Cause: sdk.RejectedTooLarge, Reason: "The message is too long to be kept until it is fetched."}
	case errors.As(err, &full):
		return sdk.Receipt{}, full
	case err != nil:
		return sdk.Receipt{}, &sdk.Retryable{Reason: "The message could not be kept: " + err.Error()}
	}
	return sdk.Receipt{ExternalIDs: []string{r.Delivery.ID}}, nil
}

// fullPause is when the host is to try again when there is no room for what has to be fetched.
const fullPause = time.Minute

// room says whether one more may be kept without dropping one that waits to be fetched: the oldest would go.
func (c *channel) room(ctx context.Context) error {
	oldest, full := c.kept.oldest()
	if !full || oldest.state != stateWaiting {
		return nil
	}
	read, err := c.fetched(ctx)
	if err != nil {
		return err
	}
	if oldest.seq > read {
		return &sdk.Retryable{After: fullPause, Reason: strconv.Itoa(maxKept) + " messages wait to be fetched; there is no room for more."}
	}
	return nil
}
