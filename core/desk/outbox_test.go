package desk_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
)

// inTouch gives anna a conversation with zoe.
func inTouch(t *testing.T, test func(h *house, c *core.Conversation)) {
	t.Helper()
	inBubble(t, nil, func(h *house) {
		h.there("anna")
		test(h, h.taken("zoe"))
	})
}

// TestOutcomes has every outcome once: what becomes of the message at once, and what after an hour in which the
// provider goes on answering so.
func TestOutcomes(t *testing.T) {
	for _, c := range []struct {
		outcome core.Outcome
		state   core.MessageState // at once
		code    string
		sends   int // within an hour, at least
		most    int
	}{
		{core.Outcome{Kind: core.OutcomeAccepted}, core.Sent, "", 1, 1},
		{core.Outcome{Kind: core.OutcomeAccepted, Already: true}, core.Sent, "", 1, 1},
		{core.Outcome{Kind: core.OutcomeRejected, Cause: "content", Reason: "too rude", Code: "400"}, core.Failed, "rejected-content", 1, 1},
		{core.Outcome{Kind: core.OutcomeRejected, Cause: "recipient"}, core.Failed, "rejected-recipient", 1, 1},
		{core.Outcome{Kind: core.OutcomeRejected, Cause: "opted-out"}, core.Failed, "rejected-opted-out", 1, 1},
		{core.Outcome{Kind: core.OutcomeRejected, Cause: "too-large"}, core.Failed, "rejected-too-large", 1, 1},
		{core.Outcome{Kind: core.OutcomeWindowClosed}, core.Failed, "window-closed", 1, 1},
		{core.Outcome{Kind: core.OutcomeQuota}, core.Failed, "quota", 1, 1},
		{core.Outcome{Kind: core.OutcomeRateLimited, After: 10 * time.Minute, Scope: "account"}, core.Queued, "rate-limited", 6, 7},
		{core.Outcome{Kind: core.OutcomeRetryable}, core.Queued, "retryable", 15, 25},
		{core.Outcome{Kind: core.OutcomeAuthentication}, core.Queued, "authentication", 10, 25},
		{core.Outcome{Kind: core.OutcomeAccountBlocked}, core.Queued, "account-blocked", 10, 25},
		{core.Outcome{Kind: core.OutcomeUnknown, MayDuplicate: true}, core.Unknown, "unknown", 1, 1},
		{core.Outcome{Kind: core.OutcomeLost}, core.Queued, "lost", 15, 25},
		{core.Outcome{Kind: core.OutcomeNotStarted}, core.Queued, "", 600, 1200},
		{core.Outcome{Kind: "new-fangled"}, core.Queued, "retryable", 15, 25},
	} {
		t.Run(string(c.outcome.Kind)+c.outcome.Cause, func(t *testing.T) {
			inTouch(t, func(h *house, zoe *core.Conversation) {
				h.channels.script(c.outcome)
				m := h.reply(zoe, "1", "hi")
				if m.State != core.Queued {
					t.Errorf("before it is sent: %s", m.State)
				}
				h.settle()
				m, e := h.said(zoe.ID, m.Seq), h.entry(zoe.ID, m.Seq)
				code := ""
				if m.Reason != nil {
					code = m.Reason.Code
				}
				if m.State != c.state || code != c.code {
					t.Errorf("%s (%s), want %s (%s)", m.State, code, c.state, c.code)
				}
				if c.outcome.Reason != "" && m.Reason.Provider != "400: too rude" {
					t.Errorf("the provider's words: %q", m.Reason.Provider)
				}
				wantAttempts := 1
				if c.outcome.Kind == core.OutcomeNotStarted {
					wantAttempts = 0 // nothing was attempted
				}
				if e.AttemptCount != wantAttempts || len(e.Attempts) != wantAttempts {
					t.Errorf("%d attempts counted, %d kept, want %d", e.AttemptCount, len(e.Attempts), wantAttempts)
				}
				time.Sleep(time.Hour)
				h.settle()
				if n := len(h.channels.sent()); n < c.sends || n > c.most {
					t.Errorf("%d sends within an hour, want %d to %d", n, c.sends, c.most)
				}
				if c.outcome.Kind == core.OutcomeRetryable || c.outcome.Kind == core.OutcomeLost { // the deadline
					time.Sleep(23*time.Hour + 10*time.Minute)
					h.settle()
					want, code := core.Failed, "deadline"
					if c.outcome.Kind == core.OutcomeLost {
						want, code = core.Unknown, "unknown"
					}
					if m = h.said(zoe.ID, m.Seq); m.State != want || m.Reason.Code != code {
						t.Errorf("after the deadline: %s %+v", m.State, m.Reason)
					}
				}
			})
		})
	}
}

func TestOrderUnderFailures(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		tries := map[uint64]int{}
		var accepted []uint64
		h.channels.answer(func(_ context.Context, out *core.Outgoing) core.Outcome {
			time.Sleep(time.Duration(rand.IntN(20)) * time.Millisecond)
			seq := out.Entry.Seq
			h.channels.mu.Lock()
			defer h.channels.mu.Unlock()
			if tries[seq]++; tries[seq] <= int(seq%3) {
				return core.Outcome{Kind: []core.OutcomeKind{core.OutcomeRetryable, core.OutcomeLost, core.OutcomeNotStarted}[rand.IntN(3)]}
			}
			accepted = append(accepted, seq)
			return core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{fmt.Sprint("x", seq)}}
		})
		for i := range 12 {
			h.reply(zoe, fmt.Sprint(i), fmt.Sprint("message ", i))
		}
		time.Sleep(5 * time.Minute)
		h.settle()
		if len(accepted) != 12 || !slices.IsSorted(accepted) {
			t.Errorf("accepted in the order %v", accepted)
		}
		for _, m := range h.messages(zoe.ID)[1:] {
			if m.State != core.Sent {
				t.Errorf("message %d is %s", m.Seq, m.State)
			}
		}
	})
}

// TestResume: a message that takes several calls goes on where it was, with the reply token in the first call only, and
// statuses of its parts wait until it is out.
func TestResume(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		e := h.message("zoe", "again")
		e.Reply = &core.ReplyToken{Token: "T", ReceivedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute)}
		h.receive(e)
		h.channels.script(
			core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"p1"}, Resume: "5", UsedReplyToken: true},
			core.Outcome{Kind: core.OutcomeRetryable},
			core.Outcome{Kind: core.OutcomeRateLimited, After: time.Second, ExternalIDs: []string{"p2"}, Resume: "10"},
			core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"p3"}},
		)
		m := h.reply(zoe, "1", "long")
		h.settle()
		status := h.event(core.InStatus, "zoe")
		status.TargetIDs, status.Status = []string{"p1"}, core.Delivered
		h.receive(status)
		if got := h.said(zoe.ID, m.Seq); got.State != core.Queued {
			t.Errorf("%s although parts are to be sent", got.State)
		}
		time.Sleep(10 * time.Second)
		h.settle()
		sends := h.channels.sent()
		var story []string
		for _, s := range sends {
			token := ""
			if s.Context.Reply != nil {
				token = s.Context.Reply.Token
			}
			story = append(story, fmt.Sprintf("%s/%s/%d", s.Entry.Resume, token, len(s.Previous)))
		}
		if want := []string{"/T/0", "5//0", "5//1", "10//0"}; !slices.Equal(story, want) {
			t.Errorf("calls (resume/token/previous) %v, want %v", story, want)
		}
		got := h.said(zoe.ID, m.Seq)
		if got.State != core.Delivered || !slices.Equal(got.ExternalIDs, []string{"p1", "p2", "p3"}) {
			t.Errorf("%s %v", got.State, got.ExternalIDs)
		}
	})
}

func TestNoProgress(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		h.channels.script(core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"p"}, Resume: "1"})
		m := h.reply(zoe, "1", "long")
		h.settle()
		if got := h.said(zoe.ID, m.Seq); got.State != core.Unknown || len(h.channels.sent()) != 2 {
			t.Errorf("%s after %d calls", got.State, len(h.channels.sent()))
		}
	})
}

func TestReplyToken(t *testing.T) {
	for _, c := range []struct {
		name  string
		first core.Outcome
		again bool // the second call has the token
	}{
		{"used", core.Outcome{Kind: core.OutcomeAccepted, UsedReplyToken: true}, false},
		{"accepted without it", core.Outcome{Kind: core.OutcomeAccepted}, true},
		{"not started", core.Outcome{Kind: core.OutcomeNotStarted}, true},
		{"retryable", core.Outcome{Kind: core.OutcomeRetryable}, true},
		{"retryable, but spent", core.Outcome{Kind: core.OutcomeRetryable, UsedReplyToken: true}, false},
		{"lost", core.Outcome{Kind: core.OutcomeLost}, false},
		{"unknown", core.Outcome{Kind: core.OutcomeUnknown}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			inTouch(t, func(h *house, zoe *core.Conversation) {
				e := h.message("zoe", "again")
				e.Reply = &core.ReplyToken{Token: "T", ReceivedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute)}
				h.receive(e)
				h.channels.script(c.first, core.Outcome{Kind: core.OutcomeAccepted})
				h.reply(zoe, "1", "one")
				h.reply(zoe, "2", "two")
				time.Sleep(20 * time.Second)
				h.settle()
				sends := h.channels.sent()
				if sends[0].Context.Reply == nil || sends[0].Context.Reply.Token != "T" {
					t.Fatalf("the first call has no token")
				}
				if got := sends[1].Context.Reply != nil; got != c.again {
					t.Errorf("the second call has the token: %v", got)
				}
			})
		})
	}
	t.Run("expired", func(t *testing.T) {
		inTouch(t, func(h *house, zoe *core.Conversation) {
			e := h.message("zoe", "again")
			e.Reply = &core.ReplyToken{Token: "T", ReceivedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute)}
			h.receive(e)
			time.Sleep(2 * time.Minute)
			h.reply(zoe, "1", "one")
			h.settle()
			if h.channels.sent()[0].Context.Reply != nil {
				t.Error("an expired token is handed out")
			}
			if h.conversation(zoe.ID).Reply != nil {
				t.Error("an expired token is kept")
			}
		})
	})
	t.Run("a newer one wins", func(t *testing.T) {
		inTouch(t, func(h *house, zoe *core.Conversation) {
			token := func(name string) core.Inbound {
				e := h.message("zoe", "again")
				e.Reply = &core.ReplyToken{Token: name, ReceivedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute)}
				return e
			}
			h.receive(token("old"))
			h.channels.answer(func(_ context.Context, out *core.Outgoing) core.Outcome {
				if out.Context.Reply.Token == "old" {
					if _, _, err := h.desk.Receive(ctx, []core.Inbound{token("new")}, nil); err != nil {
						t.Error(err)
					}
					return core.Outcome{Kind: core.OutcomeRetryable}
				}
				return core.Outcome{Kind: core.OutcomeAccepted}
			})
			h.reply(zoe, "1", "one")
			time.Sleep(5 * time.Second)
			h.settle()
			if sends := h.channels.sent(); len(sends) != 2 || sends[1].Context.Reply.Token != "new" {
				t.Errorf("%d sends", len(sends))
			}
		})
	})
}

// TestLost: when nobody knows what came of a call, the channel is asked again and told so; it says that it is unknown.
func TestLost(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		h.channels.answer(func(c context.Context, out *core.Outgoing) core.Outcome {
			if len(out.Previous) == 0 {
				<-c.Done() // hangs until the desk's patience is over
				return core.Outcome{Kind: core.OutcomeLost}
			}
			if out.Previous[0].Outcome != string(core.OutcomeLost) {
				t.Errorf("previous: %+v", out.Previous)
			}
			return core.Outcome{Kind: core.OutcomeUnknown, Reason: "no idea"}
		})
		m := h.reply(zoe, "1", "hi")
		time.Sleep(40 * time.Second)
		h.settle()
		m = h.said(zoe.ID, m.Seq)
		if m.State != core.Unknown || len(h.channels.sent()) != 2 {
			t.Fatalf("%s after %d calls", m.State, len(h.channels.sent()))
		}
		// A receipt settles it.
		id := h.channels.sent()[0].Entry.ID
		if e := h.entry(zoe.ID, m.Seq); e.State != core.OutboxUnknown || e.ID != id {
			t.Errorf("entry %+v", e)
		}
	})
}

// TestCrash: a message that was being sent when the process ended is taken up again, as one of which nobody knows.
func TestCrash(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		h.channels.answer(func(c context.Context, _ *core.Outgoing) core.Outcome {
			<-c.Done()
			return core.Outcome{Kind: core.OutcomeLost}
		})
		m := h.reply(zoe, "1", "hi")
		h.reply(zoe, "2", "and")
		h.settle()
		h.stop()
		if e := h.entry(zoe.ID, m.Seq); e.State != core.OutboxSending || e.Attempts[0].Outcome != "" {
			t.Errorf("after the stop: %+v", e)
		}
		h.channels.answer(func(_ context.Context, out *core.Outgoing) core.Outcome { return accepted(out) })
		h.start()
		h.settle()
		sends := h.channels.sent()
		if len(sends) != 3 || sends[1].Entry.ID != sends[0].Entry.ID || len(sends[1].Previous) != 1 || sends[1].Previous[0].Outcome != string(core.OutcomeLost) {
			t.Fatalf("%d sends, the second with %+v", len(sends), sends[1].Previous)
		}
		for _, m := range h.messages(zoe.ID)[1:] {
			if m.State != core.Sent {
				t.Errorf("message %d is %s", m.Seq, m.State)
			}
		}
	})
}
