package desk_test

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
)

// TestTokenAfterAsking: a reply token of a send that never was is there for the next, while it lasts.
func TestTokenAfterAsking(t *testing.T) {
	for answer, again := range map[core.OutcomeKind]bool{core.OutcomeRetryable: true, core.OutcomeAccepted: false, core.OutcomeRejected: false} {
		inTouch(t, func(h *house, zoe *core.Conversation) {
			h.channels.finds(finding(core.Outcome{Kind: answer}))
			e := h.message("zoe", "again")
			e.Reply = &core.ReplyToken{Token: "T", ReceivedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute)}
			h.receive(e)
			h.channels.script(core.Outcome{Kind: core.OutcomeUnknown}, core.Outcome{Kind: core.OutcomeAccepted})
			h.reply(zoe, "1", "one")
			h.pass(10 * time.Second)
			h.reply(zoe, "2", "two")
			h.settle()
			if got := h.channels.sent()[1].Context.Reply != nil; got != again {
				t.Errorf("%s: the next send has the token: %v", answer, got)
			}
		})
	}
}

// TestNextMessagesDoNotWait: what is unknown holds nobody up, and what is found not to have been sent goes out then.
func TestNextMessagesDoNotWait(t *testing.T) {
	unsure(t, finding(core.Outcome{Kind: core.OutcomeRetryable}), func(h *house, m *core.Message) {
		c := h.conversation(m.Conversation)
		h.reply(c, "2", "two")
		h.settle()
		h.pass(10 * time.Second)
		var texts []string
		for _, s := range h.channels.sent() {
			texts = append(texts, s.Message.Text)
		}
		if want := []string{"hi", "two", "hi"}; !slices.Equal(texts, want) {
			t.Errorf("sent %q, want %q", texts, want)
		}
	})
}

// TestSentAgainLater: the provider says when what was not sent may be sent.
func TestSentAgainLater(t *testing.T) {
	unsure(t, finding(core.Outcome{Kind: core.OutcomeRetryable, After: time.Minute}), func(h *house, m *core.Message) {
		h.pass(time.Minute)
		if got := h.stands(m); got != "queued retryable" {
			t.Errorf("before: %s", got)
		}
		h.pass(4 * time.Second)
		if got := h.stands(m); got != "sent" {
			t.Errorf("after: %s", got)
		}
	})
}

// TestAnswerAboutAnEarlierSend: a person has sent the message again and that send is unknown as well: what the provider
// says of the first says nothing of the second.
func TestAnswerAboutAnEarlierSend(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		first := make(chan core.Outcome)
		h.channels.finds(func(context.Context, *core.Outgoing) core.Outcome {
			if len(h.channels.askings()) == 1 {
				return <-first
			}
			return core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"second"}}
		})
		h.channels.script(core.Outcome{Kind: core.OutcomeUnknown})
		m := h.reply(zoe, "1", "hi")
		h.pass(5 * time.Second)
		_, err := h.desk.Retry(ctx, supervisor(), m.Conversation, m.Seq)
		h.ok(err)
		h.settle()
		first <- core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"first"}}
		h.settle()
		if got := h.stands(m); got != "unknown asking" {
			t.Errorf("after the answer about the first: %s", got)
		}
		h.pass(5 * time.Second)
		if got := h.said(m.Conversation, m.Seq); got.State != core.Sent || !slices.Equal(got.ExternalIDs, []string{"second"}) {
			t.Errorf("after the answer about the second: %s %v", got.State, got.ExternalIDs)
		}
	})
}

// TestAskingsBeginAnew: each send of unknown outcome has all its askings, whether a person or the provider's word has
// sent the message again.
func TestAskingsBeginAnew(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		const all, notSentAt = 5, 4
		h.channels.finds(func(context.Context, *core.Outgoing) core.Outcome {
			if len(h.channels.askings()) == all+notSentAt {
				return core.Outcome{Kind: core.OutcomeRetryable}
			}
			return core.Outcome{Kind: core.OutcomeUnknown}
		})
		h.channels.script(core.Outcome{Kind: core.OutcomeUnknown})
		m := h.reply(zoe, "1", "hi")
		h.pass(time.Hour)
		if n := len(h.channels.askings()); n != all || h.stands(m) != "unknown unknown" {
			t.Fatalf("%s after %d askings", h.stands(m), n)
		}
		_, err := h.desk.Retry(ctx, supervisor(), m.Conversation, m.Seq)
		h.ok(err)
		h.pass(time.Hour)
		if sends, asks := len(h.channels.sent()), len(h.channels.askings()); sends != 3 || asks != all+notSentAt+all {
			t.Errorf("%d sends, %d askings", sends, asks)
		}
	})
}

// TestUnknownAgain: what is sent after an asking and unknown again is asked about again, from the first distance on.
func TestUnknownAgain(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		h.channels.finds(finding(core.Outcome{Kind: core.OutcomeRetryable}))
		h.channels.script(core.Outcome{Kind: core.OutcomeUnknown})
		m := h.reply(zoe, "1", "hi")
		h.pass(time.Hour)
		sends, asks := len(h.channels.sent()), len(h.channels.askings())
		if sends-asks > 1 || asks < 10 || sends > 30 {
			t.Errorf("%d sends and %d askings within an hour", sends, asks)
		}
		h.pass(25 * time.Hour)
		if got := h.stands(m); got != "failed deadline" {
			t.Errorf("after the deadline: %s", got)
		}
	})
}
