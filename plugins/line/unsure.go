package line

import (
	"context"
	"errors"

	"github.com/guichet/guichet/plugins/sdk"
)

// A reply that LINE answered with 5xx may or may not have been sent. Its token works once, so a repeat with the same token
// can never send twice, while a push could. The token is therefore remembered in the account's state until a reply with
// it succeeds or the token turns out to be gone.

func unsureKey(out *sdk.Outgoing) string { return "unsure-reply/" + out.OutboxID }

// replyToken chooses the token for this call, "" for a push. Unsure is true when an earlier reply with it was answered
// 5xx.
func (c *channel) replyToken(ctx context.Context, out *sdk.Outgoing) (token string, unsure bool, err error) {
	if out.Resume != "" {
		return "", false, nil
	}
	if len(out.Previous) > 0 && c.account.Host != nil {
		kept, _, err := c.account.Host.GetState(ctx, unsureKey(out))
		if err != nil && !errors.Is(err, sdk.ErrStateAbsent) {
			return "", false, err
		}
		if len(kept) > 0 {
			return string(kept), true, nil
		}
	}
	if replies(out.Resume, out.Context, c.now()) {
		return out.Context.ReplyToken.Token, false, nil
	}
	return "", false, nil
}

// noteUnsureReply remembers the token and says whether that worked.
func (c *channel) noteUnsureReply(ctx context.Context, out *sdk.Outgoing, token string) bool {
	if c.account.Host == nil {
		return false
	}
	_, err := c.account.Host.SetState(ctx, unsureKey(out), []byte(token))
	return err == nil
}

// settleReply forgets the token of a reply whose fate is known, or as well known as it will ever be.
func (c *channel) settleReply(ctx context.Context, out *sdk.Outgoing, unsure bool) {
	if !unsure {
		return
	}
	if err := c.account.Host.DeleteState(ctx, unsureKey(out)); err != nil {
		c.log.Warn("a used reply token could not be forgotten", "error", err)
	}
}
