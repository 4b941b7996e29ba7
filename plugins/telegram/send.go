package telegram

import (
	"context"
	"errors"
	"slices"
	"strconv"
	"strings"

	"github.com/guichet/guichet/plugins/sdk"
)

// Send gives one message of Telegram's at a time, and a resume point while there are more: so each is noted before the next
// is sent. Telegram has no idempotency key. An attempt of which nobody knows the outcome is never repeated from here: that
// is for a person to decide.
func (c *channel) Send(ctx context.Context, out *sdk.Outgoing) (sdk.Receipt, error) {
	if slices.ContainsFunc(out.Previous, func(a sdk.Attempt) bool { return a.WithoutOutcome }) {
		return sdk.Receipt{}, &sdk.UnknownOutcome{
			RetryMayDuplicate: true, Reason: "an earlier attempt was interrupted, and Telegram cannot say whether it was sent",
		}
	}
	to, err := destinationOf(out.Thread, out.Recipient)
	if err != nil {
		return sdk.Receipt{}, &sdk.Rejected{Cause: sdk.RejectedRecipient, Reason: err.Error()}
	}
	if to.chat, err = c.moved.current(ctx, to.chat); err != nil {
		return sdk.Receipt{}, &sdk.Retryable{Reason: err.Error()}
	}
	parts := plan(out)
	if len(parts) == 0 {
		return sdk.Receipt{}, &sdk.Rejected{Cause: sdk.RejectedContent, Reason: "the message is empty"}
	}
	done, err := resumePoint(out.Resume)
	if err != nil {
		return sdk.Receipt{}, &sdk.Rejected{Cause: sdk.RejectedContent, Reason: err.Error()}
	}
	if done >= len(parts) {
		return sdk.Receipt{Already: true}, nil
	}
	if to.group() {
		if wait := c.groups.wait(to.chat, c.now()); wait > 0 {
			return sdk.Receipt{}, &sdk.RateLimited{After: wait, Scope: sdk.ScopeRecipient, Reason: "Telegram allows 20 messages a minute in a group"}
		}
	}
	receipt, err := c.deliver(ctx, to, out, &parts[done])
	if err == nil && done+1 < len(parts) {
		receipt.Resume = strconv.Itoa(done + 1)
	}
	return receipt, err
}

// deliver sends one part. A group that has moved in the meantime is followed, once.
func (c *channel) deliver(ctx context.Context, to destination, out *sdk.Outgoing, p *part) (sdk.Receipt, error) {
	var buttons *keyboard
	if p.keyboard {
		var err error
		if buttons, err = c.keyboard(ctx, out.Choices); err != nil {
			return sdk.Receipt{}, err
		}
	}
	id, err := c.post(ctx, to, out, p, buttons)
	var refused *apiError
	if errors.As(err, &refused) && refused.migrateTo != 0 {
		moved := move{from: to.chat, to: refused.migrateTo}
		if err := c.moved.note(ctx, moved); err != nil {
			c.log.Warn("a group has moved, and that could not be kept", "error", err)
		}
		to = destination{chat: moved.to} // what topics there were, the new one has not
		id, err = c.post(ctx, to, out, p, buttons)
	}
	if err != nil {
		var known interface{ sendOutcome() error }
		if errors.As(err, &known) {
			return sdk.Receipt{}, known.sendOutcome()
		}
		return sdk.Receipt{Code: code(err)}, c.outcome(to, err)
	}
	return sdk.Receipt{ExternalIDs: []string{messageID(to.chat, id)}}, nil
}

// post makes the call for one part and returns the message's number.
func (c *channel) post(ctx context.Context, to destination, out *sdk.Outgoing, p *part, buttons *keyboard) (int64, error) {
	m := outgoing{Chat: to.chat, Topic: to.topic, Keyboard: buttons}
	if p.quotes {
		m.Reply = quoted(to, out)
	}
	if p.file != nil {
		m.Caption, m.CaptionEntities = p.text, p.entities
		return c.upload(ctx, &m, p.file)
	}
	m.Text, m.Entities = p.text, p.entities
	var sent struct {
		ID int64 `json:"message_id"`
	}
	err := c.api.call(ctx, "sendMessage", &m, &sent)
	return sent.ID, err
}

// outgoing are the parameters that all kinds of messages share.
type outgoing struct {
	Chat            int64     `json:"chat_id"`
	Topic           int64     `json:"message_thread_id,omitempty"`
	Text            string    `json:"text,omitempty"`
	Entities        []entity  `json:"entities,omitempty"`
	Caption         string    `json:"caption,omitempty"`
	CaptionEntities []entity  `json:"caption_entities,omitempty"`
	Reply           *reply    `json:"reply_parameters,omitempty"`
	Keyboard        *keyboard `json:"reply_markup,omitempty"`
}

// reply names the message that is answered. Should it be gone, the answer is still sent.
type reply struct {
	Message int64 `json:"message_id"`
	Anyway  bool  `json:"allow_sending_without_reply"`
}

// quoted is the message to answer, where it lies in the chat that is written to: numbers mean something there only.
func quoted(to destination, out *sdk.Outgoing) *reply {
	id := out.QuotedID
	if id == "" {
		id = out.QuoteToken
	}
	chat, message, _ := strings.Cut(id, ":")
	number, err := strconv.ParseInt(message, 10, 64)
	if err != nil || number <= 0 || chat != strconv.FormatInt(to.chat, 10) {
		return nil
	}
	return &reply{Message: number, Anyway: true}
}

// resumePoint reads how many parts have been accepted already.
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
