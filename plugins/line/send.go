package line

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/google/uuid"

	"github.com/guichet/guichet/plugins/sdk"
)

// maxObjectsPerCall is how many message objects LINE takes in one reply or push.
const maxObjectsPerCall = 5

// Send gives one message to LINE: by a reply while the conversation has a fresh reply token, which costs nothing, else
// by a push, which counts against the monthly quota. A call takes five message objects; a longer message stops after
// them with a resume point.
//
// A push carries a retry key made from the outbox id and is repeated freely. A reply has none: a reply whose answer was
// lost is never followed by a push, for the customer would read the message twice.
func (c *channel) Send(ctx context.Context, out *sdk.Outgoing) (sdk.Receipt, error) {
	if replyMayHaveGone(out) {
		return sdk.Receipt{}, &sdk.UnknownOutcome{
			RetryMayDuplicate: true,
			Reason:            "an earlier reply was interrupted; LINE cannot say whether it was sent",
		}
	}
	to := recipient(out)
	if to == "" {
		return sdk.Receipt{}, &sdk.Rejected{Cause: sdk.RejectedRecipient, Reason: "there is no LINE user, group or room to write to"}
	}
	sent, err := resumePoint(out.Resume)
	if err != nil {
		return sdk.Receipt{}, &sdk.Rejected{Cause: sdk.RejectedContent, Reason: err.Error()}
	}
	objects, err := c.plan(ctx, out)
	if err != nil {
		return sdk.Receipt{}, err
	}
	if len(objects) == 0 {
		return sdk.Receipt{}, &sdk.Rejected{Cause: sdk.RejectedContent, Reason: "the message is empty"}
	}
	if sent >= len(objects) {
		return sdk.Receipt{Already: true}, nil
	}
	part := objects[sent:min(sent+maxObjectsPerCall, len(objects))]

	receipt, err := c.deliver(ctx, out, to, part)
	if err == nil && sent+len(part) < len(objects) {
		receipt.Resume = strconv.Itoa(sent + len(part))
	}
	if settled(err) && receipt.Resume == "" {
		c.forgetPlan(ctx, out)
	}
	return receipt, err
}

// deliver sends one call's worth of objects.
func (c *channel) deliver(ctx context.Context, out *sdk.Outgoing, to string, part []object) (sdk.Receipt, error) {
	token, unsure, err := c.replyToken(ctx, out)
	if err != nil {
		return sdk.Receipt{}, &sdk.Retryable{Reason: "what is known of the earlier attempt could not be read: " + err.Error()}
	}
	if token == "" {
		return c.push(ctx, out, to, part)
	}
	receipt, err := c.reply(ctx, token, part)
	switch {
	case err == nil:
		receipt.UsedReplyToken = true
		return receipt, nil
	case invalidReplyToken(err) && !unsure:
		// Refused before anything was sent: the token was used elsewhere, or LINE's clock ran out.
		receipt, err := c.push(ctx, out, to, part)
		receipt.UsedReplyToken = true
		var retryable *sdk.Retryable
		if errors.As(err, &retryable) && !c.notePush(ctx, out) {
			return receipt, &sdk.UnknownOutcome{
				RetryMayDuplicate: true,
				Reason:            "the push may have been sent, and it could not be noted that it must be repeated as one: " + retryable.Reason,
			}
		}
		return receipt, err
	case invalidReplyToken(err):
		// An earlier reply was answered 5xx, and now the token is gone: most likely that reply went out.
		receipt.UsedReplyToken = true
		return receipt, &sdk.UnknownOutcome{
			RetryMayDuplicate: true,
			Reason:            "LINE failed at first and then no longer took the reply token; the reply was probably sent",
		}
	case certainlyNotSent(err):
		return receipt, outcome(err)
	case status(err) >= 500 && c.noteUnsureReply(ctx, out, token):
		// The same token again cannot send twice, so the next attempt uses it, whatever its age.
		return receipt, outcome(err)
	default:
		receipt.UsedReplyToken = true
		return receipt, &sdk.UnknownOutcome{
			RetryMayDuplicate: true,
			Reason:            "the answer to the reply was lost, and a reply cannot be repeated safely: " + err.Error(),
		}
	}
}

// reply answers with a reply token. It must not carry a retry key: LINE refuses that with 400.
func (c *channel) reply(ctx context.Context, token string, part []object) (sdk.Receipt, error) {
	return c.post(ctx, request{method: http.MethodPost, url: c.api.api + "/v2/bot/message/reply"}, part,
		func(part []object) any { return replyBody{ReplyToken: token, Messages: part} })
}

// push writes to a user, group or room under a retry key. A repeat of what LINE has already taken is answered 409, with
// the ids of the first time.
func (c *channel) push(ctx context.Context, out *sdk.Outgoing, to string, part []object) (sdk.Receipt, error) {
	req := request{method: http.MethodPost, url: c.api.api + "/v2/bot/message/push", retryKey: retryKey(out)}
	receipt, err := c.post(ctx, req, part, func(part []object) any { return pushBody{To: to, Messages: part} })
	var refused *apiError
	if errors.As(err, &refused) && refused.status == http.StatusConflict {
		receipt.ExternalIDs, receipt.Already = ids(refused.sentMessages), true
		if refused.acceptedID != "" {
			receipt.RequestID = refused.acceptedID
		}
		return receipt, nil
	}
	if err != nil {
		return receipt, outcome(err)
	}
	return receipt, nil
}

// post makes the call. Where LINE does not take the sender's name (it may hold a reserved word) or the quotation (the
// message may be gone), the call is made again without: the words matter more.
func (c *channel) post(ctx context.Context, req request, part []object, body func([]object) any) (sdk.Receipt, error) {
	req.body = body(part)
	res, err := c.api.call(ctx, req)
	if part[0].Sender != nil && complainsOf(err, "sender") {
		part = withoutSender(part)
		req.body = body(part)
		res, err = c.api.call(ctx, req)
	}
	if part[0].QuoteToken != "" && complainsOf(err, "quoteToken") {
		part = withoutQuote(part)
		req.body = body(part)
		res, err = c.api.call(ctx, req)
	}
	var refused *apiError
	if errors.As(err, &refused) {
		return sdk.Receipt{Code: strconv.Itoa(refused.status), RequestID: refused.requestID}, err
	}
	if err != nil {
		return sdk.Receipt{}, err
	}
	var accepted struct {
		SentMessages []sentMessage `json:"sentMessages"`
	}
	if err := json.Unmarshal(res.body, &accepted); err != nil {
		c.log.Warn("LINE accepted a message, but its answer could not be read", "request", res.header.Get(requestIDHeader))
	}
	return sdk.Receipt{ExternalIDs: ids(accepted.SentMessages), RequestID: res.header.Get(requestIDHeader)}, nil
}

type replyBody struct {
	ReplyToken string   `json:"replyToken"`
	Messages   []object `json:"messages"`
}

type pushBody struct {
	To       string   `json:"to"`
	Messages []object `json:"messages"`
}

// recipient is where a push goes: the group or room, else the user.
func recipient(out *sdk.Outgoing) string {
	if (out.Thread.Kind == "group" || out.Thread.Kind == "room") && out.Thread.ID != "" {
		return out.Thread.ID
	}
	if out.Recipient.Value != "" {
		return out.Recipient.Value
	}
	return out.Thread.ID
}

// resumePoint reads how many message objects have been accepted already.
func resumePoint(resume string) (int, error) {
	if resume == "" {
		return 0, nil
	}
	n, err := strconv.Atoi(resume)
	if err != nil || n < 0 {
		return 0, errors.New("the resume point is not one of this plugin")
	}
	return n, nil
}

// retryKey is the call's idempotency key: the outbox id for the first call, and a UUID of version 5 made from it for
// the calls that follow. It is the same over all attempts; LINE honours it for 24 hours.
func retryKey(out *sdk.Outgoing) string {
	id, err := uuid.Parse(out.OutboxID)
	if err != nil {
		id = uuid.NewSHA1(uuid.NameSpaceOID, []byte(out.OutboxID))
	}
	if out.Resume != "" {
		id = uuid.NewSHA1(id, []byte(out.Resume))
	}
	return id.String()
}

// replies says whether a call made with this context at this time is a reply. A token serves the first call of a message
// only.
func replies(resume string, context sdk.SendContext, at time.Time) bool {
	token := context.ReplyToken
	return resume == "" && token != nil && token.Token != "" && context.ReplyTokenAge < replyTokenLife &&
		(token.ExpiresAt.IsZero() || at.IsZero() || at.Before(token.ExpiresAt))
}

// replyMayHaveGone says whether any attempt of which nobody knows the outcome was a reply, by the rule that decided it
// then: once a message was pushed, it is pushed for good. What became of the attempts after a reply does not matter: a
// person who sends the message again starts anew.
func replyMayHaveGone(out *sdk.Outgoing) bool {
	for _, a := range out.Previous {
		if !replies(out.Resume, a.Context, a.StartedAt) {
			return false
		}
		if a.WithoutOutcome {
			return true
		}
	}
	return false
}

// pushed says whether an earlier attempt was a push. Whatever the customer has written since, the message is then pushed
// again: under its retry key LINE takes it once, while a reply with the same words would be a second message.
func pushed(out *sdk.Outgoing) bool {
	return slices.ContainsFunc(out.Previous, func(a sdk.Attempt) bool { return !replies(out.Resume, a.Context, a.StartedAt) })
}

// settled says whether an outcome is final, so that nothing needs to be remembered for another attempt.
func settled(err error) bool {
	var rejected *sdk.Rejected
	return err == nil || errors.As(err, &rejected)
}

func ids(sent []sentMessage) []string {
	var out []string
	for _, m := range sent {
		out = append(out, m.ID)
	}
	return out
}
