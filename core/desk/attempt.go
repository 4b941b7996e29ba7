package desk

import (
	"context"
	"slices"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// keptAttempts is how many attempts an entry remembers.
const keptAttempts = 10

// nextAttempt tells, by a read alone, for which account the first unsettled message of a conversation goes out and how
// long until then; no account when all is settled.
func (d *Desk) nextAttempt(ctx context.Context, conversation core.ID) (account string, wait time.Duration, err error) {
	err = d.store.View(ctx, func(tx *store.Tx) error {
		account, wait = "", 0
		e, err := tx.NextUnsettled(conversation)
		if err != nil || e == nil {
			return err
		}
		account = e.Account
		if e.State == core.OutboxQueued {
			wait = max(e.NextAt.Sub(tx.Now()), 0)
		}
		return nil
	})
	return account, wait, err
}

// beginAttempt writes, durably, that the first unsettled message of a conversation is being sent, and returns what to
// send. When it returns nothing, more says whether to look again at once.
func (d *Desk) beginAttempt(ctx context.Context, conversation core.ID) (out *core.Outgoing, more bool, err error) {
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		out, more = nil, true
		e, err := tx.NextUnsettled(conversation)
		if err != nil || e == nil {
			more = false
			return err
		}
		now := tx.Now()
		if e.State == core.OutboxSending { // the process that sent it is gone
			lose(e)
			e.State = core.OutboxQueued
		} else if e.NextAt.After(now) {
			return nil
		}
		c, err := tx.Conversation(conversation)
		if err != nil {
			return err
		}
		m, err := tx.Message(c, e.Seq)
		if err != nil {
			return err
		}
		reason, err := hopeless(tx, c, e, now)
		if err != nil {
			return err
		}
		if reason != nil {
			d.settle(tx, c, m, e, reason)
			return nil
		}
		out = d.outgoing(tx, c, m, e)
		return nil
	})
	if err != nil {
		return nil, false, err
	}
	return out, more, nil
}

// lose marks the newest attempt as one of which nobody knows what came.
func lose(e *core.OutboxEntry) {
	if n := len(e.Attempts); n > 0 && e.Attempts[n-1].Outcome == "" {
		e.Attempts[n-1].Outcome = string(core.OutcomeLost)
	}
}

// hopeless says why a message is not worth another attempt; nil when it is.
func hopeless(tx *store.Tx, c *core.Conversation, e *core.OutboxEntry, now time.Time) (*core.Reason, error) {
	if now.After(e.Deadline) {
		if n := len(e.Attempts); n > 0 && e.Attempts[n-1].Outcome == string(core.OutcomeLost) {
			return &core.Reason{Code: "unknown", Text: "It was not possible to find out whether the message was sent."}, nil
		}
		r := &core.Reason{Code: "deadline", Text: "The message could not be sent in time."}
		if e.Reason != nil {
			r.Provider = e.Reason.Text
		}
		return r, nil
	}
	if len(e.Attempts) > 0 {
		return nil, nil // what came of the last one has to be known first
	}
	identity, err := tx.Identity(c.Identity)
	if err != nil || identity == nil {
		return nil, err
	}
	switch {
	case identity.Blocked:
		return &core.Reason{Code: "rejected-recipient", Text: "The customer has blocked this account: the provider would drop the message without a word."}, nil
	case identity.OptedOut:
		return &core.Reason{Code: "rejected-opted-out", Text: "The customer does not want to be written to."}, nil
	}
	return nil, nil
}

// outgoing writes the attempt down and returns what the channel is given. A reply token is taken off the conversation,
// so that no two messages use it.
func (d *Desk) outgoing(tx *store.Tx, c *core.Conversation, m *core.Message, e *core.OutboxEntry) *core.Outgoing {
	now := tx.Now()
	attempt := core.Attempt{StartedAt: now, LastInboundID: c.LastInboundID, LastInboundAt: c.LastInboundAt}
	if c.Reply != nil && now.Before(c.Reply.ExpiresAt) {
		attempt.Reply = c.Reply
	}
	if c.Reply != nil {
		c.Reply = nil
		tx.PutConversation(c, false)
	}
	previous := append([]core.Attempt(nil), e.Attempts...)
	e.Attempts = append(e.Attempts, attempt)
	if len(e.Attempts) > keptAttempts {
		e.Attempts = e.Attempts[len(e.Attempts)-keptAttempts:]
	}
	e.AttemptCount++
	e.State = core.OutboxSending
	tx.PutOutboxEntry(e)
	return outgoingOf(tx, c, m, e, attempt, previous)
}

// outgoingOf is what a channel is told of a message.
func outgoingOf(
	tx *store.Tx, c *core.Conversation, m *core.Message, e *core.OutboxEntry, attempt core.Attempt, previous []core.Attempt,
) *core.Outgoing {
	out := &core.Outgoing{
		Entry: *e, Message: *m, Channel: c.Channel, Thread: c.Thread, Recipient: c.Identity, Context: attempt, Previous: previous,
		Language: c.Language, AuthorName: m.From.Name,
	}
	if m.Quotes > 0 {
		if quoted, err := tx.Message(c, m.Quotes); err == nil {
			out.QuoteToken = quoted.QuoteToken
		}
	}
	return out
}

// finishAttempt writes down what came of an attempt.
func (d *Desk) finishAttempt(ctx context.Context, out *core.Outgoing, o core.Outcome) error {
	pause := o.After
	if pause <= 0 {
		pause = backoff(len(out.Previous) + 1)
	}
	return d.store.Update(ctx, func(tx *store.Tx) error {
		e, err := tx.OutboxEntry(out.Entry.Conversation, out.Entry.Seq)
		if err != nil {
			return err
		}
		if e == nil || e.ID != out.Entry.ID || e.State != core.OutboxSending {
			return nil // a person has decided meanwhile
		}
		c, err := tx.Conversation(e.Conversation)
		if err != nil {
			return err
		}
		m, err := tx.Message(c, e.Seq)
		if err != nil {
			return err
		}
		note(e, o)
		if !o.UsedReplyToken && unspent(o.Kind) {
			giveBack(tx, c, out.Context.Reply)
		}
		moved := take(m, e, o)
		d.conclude(tx, c, m, e, o, pause, moved)
		return nil
	})
}

// note writes the outcome beside its attempt.
func note(e *core.OutboxEntry, o core.Outcome) {
	e.RequestID = o.RequestID
	n := len(e.Attempts)
	if n == 0 {
		return
	}
	if o.Kind == core.OutcomeNotStarted {
		e.Attempts = e.Attempts[:n-1]
		e.AttemptCount--
		return
	}
	e.Attempts[n-1].Outcome, e.Attempts[n-1].Reason = string(o.Kind), joined(o.Code, o.Reason)
}

// unspent reports whether an outcome means that the reply token was certainly not used.
func unspent(kind core.OutcomeKind) bool {
	switch kind {
	case core.OutcomeLost, core.OutcomeUnknown:
		return false
	}
	return true
}

// giveBack returns a reply token that was not used, unless there is a newer one.
func giveBack(tx *store.Tx, c *core.Conversation, token *core.ReplyToken) {
	if token == nil || c.Reply != nil || !tx.Now().Before(token.ExpiresAt) {
		return
	}
	c.Reply = token
	tx.PutConversation(c, false)
}

// take records the provider's ids and where to go on. It reports whether that is another place than before.
func take(m *core.Message, e *core.OutboxEntry, o core.Outcome) bool {
	for _, external := range o.ExternalIDs {
		if !slices.Contains(e.ExternalIDs, external) {
			e.ExternalIDs = append(e.ExternalIDs, external)
		}
		if !slices.Contains(m.ExternalIDs, external) {
			m.ExternalIDs = append(m.ExternalIDs, external)
		}
	}
	if o.Resume != "" && o.Resume != e.Resume {
		e.Resume, e.Attempts = o.Resume, nil // a new call begins there
		return true
	}
	return false
}

// conclude decides what an outcome means for the entry and the message. moved says that the next call begins elsewhere.
func (d *Desk) conclude(tx *store.Tx, c *core.Conversation, m *core.Message, e *core.OutboxEntry, o core.Outcome, pause time.Duration, moved bool) {
	again := func(reason *core.Reason, wait time.Duration) {
		e.State, e.Reason, e.NextAt = core.OutboxQueued, reason, store.Time(tx.Now().Add(wait))
		if e.NextAt.After(e.Deadline) {
			e.NextAt = e.Deadline.Add(time.Millisecond) // to say so then
		}
		m.State, m.Reason = core.Queued, reason
		tx.PutOutboxEntry(e)
		tx.PutMessage(c, m)
	}
	words := joined(o.Code, o.Reason)
	switch o.Kind {
	case core.OutcomeAccepted:
		if o.Resume != "" && !moved {
			d.settle(tx, c, m, e, &core.Reason{Code: "unknown", Text: "The channel took a part of the message and did not say how to go on.", Provider: words})
			return
		}
		if o.Resume != "" {
			again(nil, 0)
			return
		}
		e.State, e.Reason = core.OutboxDone, nil
		m.State, m.Reason = core.Sent, nil
		tx.PutOutboxEntry(e)
		unpark(tx, c, m)
		tx.PutMessage(c, m)
	case core.OutcomeRejected:
		d.settle(tx, c, m, e, &core.Reason{Code: "rejected-" + o.Cause, Text: "The provider refuses the message.", Provider: words})
	case core.OutcomeWindowClosed:
		d.settle(tx, c, m, e, &core.Reason{Code: "window-closed", Text: "The messaging window is closed: the customer has to write first.", Provider: words})
	case core.OutcomeQuota:
		d.settle(tx, c, m, e, &core.Reason{Code: "quota", Text: "The account has used up the messages it may send.", Provider: words})
	case core.OutcomeUnknown:
		d.settle(tx, c, m, e, &core.Reason{Code: "unknown", Text: "The message may have been sent, or not. Look in the provider's console before sending it again.", Provider: words})
	case core.OutcomeRateLimited:
		again(&core.Reason{Code: "rate-limited", Text: "The provider asks us to slow down; the message goes out in a moment.", Provider: words}, pause)
	case core.OutcomeAuthentication:
		again(&core.Reason{Code: "authentication", Text: "The provider refuses the account's credentials; the message waits until they are right.", Provider: words}, max(pause, 10*time.Second))
	case core.OutcomeAccountBlocked:
		again(&core.Reason{Code: "account-blocked", Text: "The provider has stopped the account; the message waits.", Provider: words}, max(pause, time.Minute))
	case core.OutcomeNotStarted:
		again(nil, min(pause, time.Second)) // the dispatcher lets the account be silent for as long as it takes
	case core.OutcomeLost: // the same plugin may die of the same message again: no hurry after the first time
		again(&core.Reason{Code: "lost", Text: "The channel did not answer; it is asked again what became of the message.", Provider: words}, pause)
	default:
		again(&core.Reason{Code: "retryable", Text: "The provider could not take the message; it is tried again.", Provider: words}, pause)
	}
}

// unpark merges the statuses that came before the ids they are about.
func unpark(tx *store.Tx, c *core.Conversation, m *core.Message) {
	for _, external := range m.ExternalIDs {
		parked, err := tx.Parked(c.Account, external)
		if err == nil && parked != nil {
			mergeStatus(m, parked.State, parked.Reason)
			tx.Unpark(c.Account, external)
		}
	}
}

// settle ends an entry that will not be tried again by itself. One of which nobody knows whether it was sent is asked
// about, where the channel can.
func (d *Desk) settle(tx *store.Tx, c *core.Conversation, m *core.Message, e *core.OutboxEntry, reason *core.Reason) {
	e.State, m.State = core.OutboxFailed, core.Failed
	if reason.Code == "unknown" {
		e.State, m.State = core.OutboxUnknown, core.Unknown
	}
	partly(e, reason)
	e.Reason, m.Reason = reason, reason
	if e.State == core.OutboxUnknown && d.reconciles(e.Account) {
		ask(tx, m, e, askAfter[0])
	}
	tx.PutOutboxEntry(e)
	if e.Resume == "" { // what is known of a part says nothing of the whole
		unpark(tx, c, m)
	}
	tx.PutMessage(c, m)
}

// partly says in a reason that the customer has a part of the message.
func partly(e *core.OutboxEntry, reason *core.Reason) {
	if len(e.ExternalIDs) > 0 {
		reason.Text += " A part of it was sent before."
	}
}
