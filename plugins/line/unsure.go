package line

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/guichet/guichet/plugins/sdk"
)

// A reply that LINE answered with 5xx may or may not have been sent. Its token works once, so a repeat with the same token
// can never send twice, while a push could. The token is therefore kept in the account's state, and every later attempt
// at the message uses it and nothing else. It is not removed when the message is done: a plugin that dies between LINE's
// answer and its own is asked again. The sweeper removes it after a day.

const unsurePrefix = "unsure-reply/"

func unsureKey(out *sdk.Outgoing) string { return unsurePrefix + out.OutboxID }

// keptToken is the state of a reply whose fate is not known. Without a token it says that the reply was refused and then
// pushed, which must be repeated as a push.
type keptToken struct {
	Made  int64  `json:"made"` // Unix seconds
	Token string `json:"token"`
}

// replyToken chooses the token for this call, "" for a push. Unsure is true when an earlier reply with it was answered
// 5xx.
func (c *channel) replyToken(ctx context.Context, out *sdk.Outgoing) (token string, unsure bool, err error) {
	if out.Resume != "" {
		return "", false, nil
	}
	if len(out.Previous) > 0 && c.account.Host != nil {
		raw, _, err := c.account.Host.GetState(ctx, unsureKey(out))
		var kept keptToken
		switch {
		case errors.Is(err, sdk.ErrStateAbsent):
		case err != nil:
			return "", false, err
		case json.Unmarshal(raw, &kept) == nil:
			return kept.Token, kept.Token != "", nil
		}
	}
	if !pushed(out) && replies(out.Resume, out.Context, c.now()) {
		return out.Context.ReplyToken.Token, false, nil
	}
	return "", false, nil
}

// noteUnsureReply keeps the token and says whether that worked.
func (c *channel) noteUnsureReply(ctx context.Context, out *sdk.Outgoing, token string) bool {
	return c.keep(ctx, out, token)
}

// notePush keeps that the message was pushed although it began as a reply, and says whether that worked.
func (c *channel) notePush(ctx context.Context, out *sdk.Outgoing) bool { return c.keep(ctx, out, "") }

func (c *channel) keep(ctx context.Context, out *sdk.Outgoing, token string) bool {
	host := c.account.Host
	if host == nil {
		return false
	}
	c.sweep.run(ctx, host, c.now())
	raw, err := json.Marshal(keptToken{Made: c.now().Unix(), Token: token})
	if err != nil {
		return false
	}
	_, err = host.SetState(ctx, unsureKey(out), raw)
	return err == nil
}
