package desk_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// unsure lets anna send a message of which the channel says that nobody knows what became of it.
func unsure(t *testing.T, find func(ctx context.Context, out *core.Outgoing) core.Outcome, test func(h *house, m *core.Message)) {
	t.Helper()
	inTouch(t, func(h *house, zoe *core.Conversation) {
		h.channels.finds(find)
		h.channels.script(core.Outcome{Kind: core.OutcomeUnknown, MayDuplicate: true, Reason: "connection reset"}, core.Outcome{Kind: core.OutcomeAccepted})
		m := h.reply(zoe, "1", "hi")
		h.settle()
		test(h, m)
	})
}

func finding(o core.Outcome) func(context.Context, *core.Outgoing) core.Outcome {
	return func(context.Context, *core.Outgoing) core.Outcome { return o }
}

// stands returns how a message stands: its state and the reason's code.
func (h *house) stands(m *core.Message) string {
	h.t.Helper()
	m = h.said(m.Conversation, m.Seq)
	if m.Reason == nil {
		return string(m.State)
	}
	return string(m.State) + " " + m.Reason.Code
}

// askTimers returns the deadlines at which a provider is to be asked.
func (h *house) askTimers() (list []*core.Timer) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		_, err := tx.DueTimers(time.Time{}, tx.Now().Add(1000*time.Hour), 1000, func(timer *core.Timer) bool {
			if timer.Kind == core.TimerAsk {
				list = append(list, timer)
			}
			return true
		})
		return err
	})
	return list
}

// TestAnswers has every answer once: how the message stands after the first asking, how often the message was sent and
// the provider asked in the two hours after.
func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name        string
		answer      core.Outcome
		then, after string
		sends, asks int
	}{
		{"accepted", core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"x"}}, "sent", "sent", 1, 1},
		{"already accepted", core.Outcome{Kind: core.OutcomeAccepted, Already: true, ExternalIDs: []string{"x"}}, "sent", "sent", 1, 1},
		{"a part accepted", core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"x"}, Resume: "2"}, "sent", "sent", 2, 1},
		{"rejected", core.Outcome{Kind: core.OutcomeRejected, Cause: "content"}, "failed rejected-content", "failed rejected-content", 1, 1},
		{"window closed", core.Outcome{Kind: core.OutcomeWindowClosed}, "failed window-closed", "failed window-closed", 1, 1},
		{"quota", core.Outcome{Kind: core.OutcomeQuota}, "failed quota", "failed quota", 1, 1},
		{"not sent", core.Outcome{Kind: core.OutcomeRetryable}, "queued retryable", "sent", 2, 1},
		{"not sent, and to be sent later", core.Outcome{Kind: core.OutcomeRetryable, After: time.Minute}, "queued retryable", "sent", 2, 1},
		{"cannot tell", core.Outcome{Kind: core.OutcomeUnknown}, "unknown asking", "unknown unknown", 1, 5},
		{"no answer", core.Outcome{Kind: core.OutcomeLost}, "unknown asking", "unknown unknown", 1, 5},
		{"asked too fast", core.Outcome{Kind: core.OutcomeRateLimited}, "unknown asking", "unknown unknown", 1, 5},
		{"may not ask", core.Outcome{Kind: core.OutcomeAuthentication}, "unknown asking", "unknown unknown", 1, 5},
		{"account blocked", core.Outcome{Kind: core.OutcomeAccountBlocked}, "unknown asking", "unknown unknown", 1, 5},
		{"new-fangled", core.Outcome{Kind: "new-fangled"}, "unknown asking", "unknown unknown", 1, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			unsure(t, finding(c.answer), func(h *house, m *core.Message) {
				if got := h.stands(m); got != "unknown asking" {
					t.Errorf("before the asking: %s", got)
				}
				h.pass(2900 * time.Millisecond)
				if n := len(h.channels.askings()); n != 0 {
					t.Errorf("asked %d times at once", n)
				}
				h.pass(100 * time.Millisecond)
				then := h.stands(m)
				if c.answer.Resume != "" {
					then = "sent" // the rest goes out at once
				}
				if then != c.then {
					t.Errorf("after the asking: %s, want %s", then, c.then)
				}
				h.pass(2 * time.Hour)
				if got := h.stands(m); got != c.after {
					t.Errorf("in the end: %s, want %s", got, c.after)
				}
				if sends, asks := len(h.channels.sent()), len(h.channels.askings()); sends != c.sends || asks != c.asks {
					t.Errorf("sent %d times and asked %d times, want %d and %d", sends, asks, c.sends, c.asks)
				}
				got := h.said(m.Conversation, m.Seq)
				if want := c.answer.ExternalIDs; len(want) > 0 && !slices.Equal(got.ExternalIDs[:1], want) {
					t.Errorf("external ids %v, want %v", got.ExternalIDs, want)
				}
				if got.State == core.Unknown && (got.Reason.Provider != "connection reset" || !strings.HasSuffix(got.Reason.Text, "could not tell.")) {
					t.Errorf("left to people with %+v", got.Reason)
				}
				if list := h.askTimers(); len(list) > 0 {
					t.Errorf("%d deadlines are left", len(list))
				}
			})
		})
	}
}

// TestAskedAbout: the channel is asked about the very send, with all that was attempted and when.
func TestAskedAbout(t *testing.T) {
	inTouch(t, func(h *house, zoe *core.Conversation) {
		h.channels.finds(finding(core.Outcome{Kind: core.OutcomeRetryable}))
		e := h.message("zoe", "again")
		e.Reply = &core.ReplyToken{Token: "T", ReceivedAt: time.Now(), ExpiresAt: time.Now().Add(time.Hour)}
		h.receive(e)
		began := time.Now()
		h.channels.script(core.Outcome{Kind: core.OutcomeLost}, core.Outcome{Kind: core.OutcomeUnknown}, core.Outcome{Kind: core.OutcomeAccepted})
		m := h.reply(zoe, "1", "hi")
		h.pass(10 * time.Second)
		sends, asked := h.channels.sent(), h.channels.askings()
		if len(sends) != 3 || len(asked) != 1 {
			t.Fatalf("%d sends, %d askings", len(sends), len(asked))
		}
		q := asked[0]
		if q.Entry.ID != sends[0].Entry.ID || q.Message.Text != "hi" || q.Thread.ID != "zoe" || q.Channel != "line" || q.Language != "fr" || q.AuthorName != "anna" {
			t.Errorf("asked about %+v", q)
		}
		var outcomes []string
		for _, at := range q.Previous {
			outcomes = append(outcomes, at.Outcome)
		}
		if want := []string{"lost", "unknown"}; !slices.Equal(outcomes, want) || q.Previous[0].StartedAt.Sub(began).Abs() > time.Second || q.Previous[0].Reply == nil {
			t.Errorf("attempts %+v", q.Previous)
		}
		if diff := cmp.Diff(q.Previous[1], q.Context); diff != "" {
			t.Error(diff)
		}
		// Nothing was sent, says the provider: no attempt counts as one that may have gone out.
		for _, at := range sends[2].Previous {
			if at.Outcome != string(core.OutcomeRetryable) {
				t.Errorf("the next send is shown an attempt that was %s", at.Outcome)
			}
		}
		if sends[2].Entry.ID != sends[0].Entry.ID || h.stands(m) != "sent" {
			t.Errorf("%s under another id", h.stands(m))
		}
	})
}

// TestAskingTimes: the provider is asked at growing distances, and then no more.
func TestAskingTimes(t *testing.T) {
	var asked []time.Time
	unsure(t, func(context.Context, *core.Outgoing) core.Outcome {
		asked = append(asked, time.Now())
		return core.Outcome{Kind: core.OutcomeUnknown}
	}, func(h *house, _ *core.Message) {
		began := time.Now().Add(-20 * time.Millisecond) // what the house takes to settle
		h.pass(4 * time.Hour)
		var times []time.Duration
		for _, at := range asked {
			times = append(times, at.Sub(began).Round(time.Second))
		}
		const first = 3 * time.Second
		want := []time.Duration{first, first + 10*time.Second, first + 70*time.Second, first + 370*time.Second, first + 2170*time.Second}
		if diff := cmp.Diff(want, times); diff != "" {
			t.Error(diff)
		}
	})
}

// TestProviderSaysWhenToAsk: an answer that gives a later time is heeded, within reason.
func TestProviderSaysWhenToAsk(t *testing.T) {
	for after, want := range map[time.Duration]time.Duration{0: 10 * time.Second, time.Minute: time.Minute, 24 * time.Hour: 30 * time.Minute} {
		unsure(t, finding(core.Outcome{Kind: core.OutcomeRateLimited, After: after}), func(h *house, _ *core.Message) {
			h.pass(2980 * time.Millisecond)
			list := h.askTimers()
			if len(list) != 1 {
				t.Fatalf("%d deadlines", len(list))
			}
			if wait := time.Until(list[0].Due); (wait - want).Abs() > time.Second {
				t.Errorf("after %s the next asking is in %s", after, wait)
			}
		})
	}
}

// TestPluginIsDown: while there is nobody to ask, no asking is used up; but not for ever.
func TestPluginIsDown(t *testing.T) {
	var back atomic.Bool
	unsure(t, func(context.Context, *core.Outgoing) core.Outcome {
		if !back.Load() {
			return core.Outcome{Kind: core.OutcomeNotStarted, After: 90 * time.Second}
		}
		return core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"x"}}
	}, func(h *house, m *core.Message) {
		h.pass(3 * time.Hour)
		if got := h.stands(m); got != "unknown asking" {
			t.Errorf("after three hours: %s", got)
		}
		if n := len(h.channels.askings()); n < 100 || n > 130 {
			t.Errorf("%d times looked whether somebody is there", n)
		}
		back.Store(true)
		h.pass(2 * time.Minute)
		if got := h.stands(m); got != "sent" {
			t.Errorf("with the plugin back: %s", got)
		}
	})
	unsure(t, finding(core.Outcome{Kind: core.OutcomeNotStarted, After: 10 * time.Minute}), func(h *house, m *core.Message) {
		h.pass(26 * time.Hour)
		if got := h.stands(m); got != "unknown unknown" || len(h.askTimers()) != 0 {
			t.Errorf("after a day: %s", got)
		}
	})
}

// TestCannotBeAsked: where the channel does not find out, everything is as if there were no askings.
func TestCannotBeAsked(t *testing.T) {
	unsure(t, nil, func(h *house, m *core.Message) {
		if got := h.said(m.Conversation, m.Seq); got.State != core.Unknown || got.Reason.Code != "unknown" || strings.Contains(got.Reason.Text, "asked") {
			t.Errorf("%s %+v", got.State, got.Reason)
		}
		if list := h.askTimers(); len(list) > 0 {
			t.Errorf("%d deadlines", len(list))
		}
	})
	unsure(t, finding(core.Outcome{Kind: core.OutcomeUnknown}), func(h *house, m *core.Message) {
		h.channels.finds(nil) // another version of the plugin
		h.pass(time.Minute)
		if got := h.said(m.Conversation, m.Seq); got.Reason.Code != "unknown" || strings.Contains(got.Reason.Text, "asked") || len(h.askTimers()) > 0 {
			t.Errorf("%+v", got.Reason)
		}
	})
}

// TestLateAskings: whatever settles the message meanwhile, the asking and its answer do nothing any more.
func TestLateAskings(t *testing.T) {
	receipt := func(h *house, m *core.Message, state core.MessageState) {
		status := h.event(core.InStatus, "zoe")
		status.TargetIDs, status.Status = []string{"x"}, state
		h.receive(status)
	}
	for name, meanwhile := range map[string]struct {
		do   func(h *house, m *core.Message)
		want string
	}{
		"delivered": {func(h *house, m *core.Message) { receipt(h, m, core.Delivered) }, "delivered"},
		"failed":    {func(h *house, m *core.Message) { receipt(h, m, core.Failed) }, "failed provider"},
		"sent again": {func(h *house, m *core.Message) {
			_, err := h.desk.Retry(ctx, supervisor(), m.Conversation, m.Seq)
			h.ok(err)
			h.settle()
		}, "sent"},
	} {
		for _, during := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " during the call: ", during), func(t *testing.T) {
				inTouch(t, func(h *house, zoe *core.Conversation) {
					answer := make(chan core.Outcome)
					h.channels.finds(func(context.Context, *core.Outgoing) core.Outcome { return <-answer })
					// The provider gives an id, so that a receipt finds the message.
					h.channels.script(core.Outcome{Kind: core.OutcomeUnknown, ExternalIDs: []string{"x"}}, core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"y"}})
					m := h.reply(zoe, "1", "hi")
					h.settle()
					asks := 0
					if during {
						asks = 1
						h.pass(5 * time.Second)
					}
					meanwhile.do(h, m)
					before := h.entry(m.Conversation, m.Seq)
					if during {
						answer <- core.Outcome{Kind: core.OutcomeRejected, Cause: "content"}
					}
					h.pass(time.Hour)
					if got := h.stands(m); got != meanwhile.want {
						t.Errorf("%s, want %s", got, meanwhile.want)
					}
					if diff := cmp.Diff(before, h.entry(m.Conversation, m.Seq)); diff != "" {
						t.Error(diff)
					}
					if n := len(h.channels.askings()); n != asks || len(h.askTimers()) != 0 {
						t.Errorf("asked %d times, %d deadlines left", n, len(h.askTimers()))
					}
				})
			})
		}
	}
}

// TestParkedStatusAfterAsking: a receipt that came before its id was known counts once the provider has told the id.
func TestParkedStatusAfterAsking(t *testing.T) {
	unsure(t, finding(core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"x"}}), func(h *house, m *core.Message) {
		status := h.event(core.InStatus, "zoe")
		status.TargetIDs, status.Status = []string{"x"}, core.Read
		h.receive(status)
		if got := h.stands(m); got != "unknown asking" {
			t.Errorf("before the id is known: %s", got)
		}
		h.pass(3 * time.Second)
		if got := h.stands(m); got != "read" {
			t.Errorf("after: %s", got)
		}
	})
}
