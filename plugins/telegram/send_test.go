package telegram

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/telegram/telegramtest"
)

// sendAll sends a message to its end, as the host does: once for each resume point.
func sendAll(t *testing.T, ch *channel, out *sdk.Outgoing) []string {
	t.Helper()
	var ids []string
	for range 100 {
		receipt, err := ch.Send(t.Context(), out)
		if err != nil {
			t.Fatalf("after %d parts: %v", len(ids), err)
		}
		ids = append(ids, receipt.ExternalIDs...)
		if receipt.Resume == "" {
			return ids
		}
		out.Resume = receipt.Resume
	}
	t.Fatal("it does not end")
	return nil
}

func TestSendText(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	ann := p.NewCustomer("Ann")
	receipt, err := account(t, p, newHost()).Send(t.Context(), outgoingText(ann.ID, "  bonjour 🍎 \n"))
	if err != nil {
		t.Fatal(err)
	}
	sent := p.Sent(ann.ID)
	if len(sent) != 1 || sent[0].Text != "bonjour 🍎" || receipt.Resume != "" {
		t.Errorf("%+v, %+v", sent, receipt)
	}
	if diff := cmp.Diff([]string{messageID(ann.ID, sent[0].ID)}, receipt.ExternalIDs); diff != "" {
		t.Error(diff)
	}
}

// TestSendWithoutAThread: a private chat has the id of its user.
func TestSendWithoutAThread(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	ann := p.NewCustomer("Ann")
	out := outgoingText(ann.ID, "x")
	out.Thread = sdk.Thread{}
	if _, err := account(t, p, newHost()).Send(t.Context(), out); err != nil || len(p.Sent(ann.ID)) != 1 {
		t.Errorf("%v", err)
	}
}

func TestSendLongText(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	ann := p.NewCustomer("Ann")
	text := strings.TrimSpace(strings.Repeat("une phrase avec des pommes 🍎 et des mots ", 300))
	out := outgoingText(ann.ID, text)
	out.Choices = []sdk.Choice{{Title: "Yes"}}
	ids := sendAll(t, account(t, p, newHost()), out)
	sent := p.Sent(ann.ID)
	var all []string
	for i, s := range sent {
		if sdk.UTF16Len(s.Text) > maxTextUnits {
			t.Errorf("part %d has %d units", i, sdk.UTF16Len(s.Text))
		}
		if (len(s.Buttons) > 0) != (i == len(sent)-1) {
			t.Errorf("part %d of %d has buttons %v", i, len(sent), s.Buttons)
		}
		all = append(all, strings.Fields(s.Text)...)
	}
	if len(sent) < 3 || len(ids) != len(sent) || strings.Join(all, " ") != strings.Join(strings.Fields(text), " ") {
		t.Errorf("%d parts with %d ids", len(sent), len(ids))
	}
}

func TestSendNothing(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	ann := p.NewCustomer("Ann")
	ch := account(t, p, newHost())
	for name, out := range map[string]*sdk.Outgoing{
		"empty": outgoingText(ann.ID, ""), "blank": outgoingText(ann.ID, " \n\t "), "nobody": outgoingText(0, "x"),
		"nowhere":       {Thread: sdk.Thread{ID: "elsewhere"}, Text: "x"},
		"a wrong topic": {Thread: sdk.Thread{ID: "-5/x"}, Text: "x"},
		"wrong resume":  {Thread: sdk.Thread{ID: "5"}, Text: "x", Resume: "half"},
	} {
		var rejected *sdk.Rejected
		if _, err := ch.Send(t.Context(), out); !errors.As(err, &rejected) {
			t.Errorf("%s: %v", name, err)
		}
	}
	out := outgoingText(ann.ID, "x")
	out.Resume = "1"
	if receipt, err := ch.Send(t.Context(), out); err != nil || !receipt.Already {
		t.Errorf("beyond the end: %+v, %v", receipt, err)
	}
	if len(p.Sent(0)) > 0 {
		t.Errorf("%+v", p.Sent(0))
	}
}

// TestOutcomes maps every answer, and nothing that may have been sent is called retryable.
func TestOutcomes(t *testing.T) {
	refused := func(code int, text string) telegramtest.Fault { return telegramtest.Refusal("sendMessage", code, text) }
	for _, test := range []struct {
		fault telegramtest.Fault
		want  error
		code  string
	}{
		{refused(401, "Unauthorized"), &sdk.AuthenticationFailed{}, "401"},
		{refused(401, "Unauthorized: invalid token specified"), &sdk.AuthenticationFailed{}, "401"},
		{refused(404, "Not Found"), &sdk.AuthenticationFailed{}, "404"},
		{refused(400, "Bad Request: chat not found"), &sdk.Rejected{Cause: sdk.RejectedRecipient}, "400"},
		{refused(400, "Bad Request: message thread not found"), &sdk.Rejected{Cause: sdk.RejectedRecipient}, "400"},
		{refused(400, "Bad Request: not enough rights to send text messages to the chat"), &sdk.Rejected{Cause: sdk.RejectedRecipient}, "400"},
		{refused(400, "Bad Request: PEER_ID_INVALID"), &sdk.Rejected{Cause: sdk.RejectedRecipient}, "400"},
		{refused(400, "Bad Request: message is too long"), &sdk.Rejected{Cause: sdk.RejectedTooLarge}, "400"},
		{refused(400, "Bad Request: message text is empty"), &sdk.Rejected{Cause: sdk.RejectedContent}, "400"},
		{refused(400, "Bad Request: can't parse entities: unsupported start tag"), &sdk.Rejected{Cause: sdk.RejectedContent}, "400"},
		{refused(400, "Bad Request: something new"), &sdk.Rejected{Cause: sdk.RejectedContent}, "400"},
		{refused(403, "Forbidden: bot was blocked by the user"), &sdk.Rejected{Cause: sdk.RejectedRecipient}, "403"},
		{refused(403, "Forbidden: user is deactivated"), &sdk.Rejected{Cause: sdk.RejectedRecipient}, "403"},
		{refused(403, "Forbidden: bot was kicked from the group chat"), &sdk.Rejected{Cause: sdk.RejectedRecipient}, "403"},
		{refused(403, "Forbidden: bot can't initiate conversation with a user"), &sdk.Rejected{Cause: sdk.RejectedRecipient}, "403"},
		{refused(409, "Conflict: something"), &sdk.Retryable{}, "409"},
		{refused(413, "Request Entity Too Large"), &sdk.Rejected{Cause: sdk.RejectedTooLarge}, "413"},
		{telegramtest.TooMany("sendMessage", 17), &sdk.RateLimited{After: 17 * time.Second, Scope: sdk.ScopeRecipient}, "429"},
		{telegramtest.Fault{Status: 429, Header: http.Header{"Retry-After": {"9"}}, Body: `{"ok":false,"error_code":429,"description":"Too Many Requests"}`}, &sdk.RateLimited{After: 9 * time.Second, Scope: sdk.ScopeRecipient}, "429"},
		{telegramtest.Fault{Status: 429, Header: http.Header{"Retry-After": {"5"}}, Body: `slow down`}, &sdk.RateLimited{After: 5 * time.Second, Scope: sdk.ScopeRecipient}, "429"},
		{refused(500, "Internal Server Error"), &sdk.Retryable{}, "500"},
		{refused(502, "Bad Gateway"), &sdk.Retryable{}, "502"},
		{refused(500, "Internal Server Error: restart"), &sdk.UnknownOutcome{RetryMayDuplicate: true}, "500"},
		{telegramtest.Fault{Status: 502, Body: "<html>bad gateway</html>"}, &sdk.UnknownOutcome{RetryMayDuplicate: true}, "502"},
		{telegramtest.Fault{Status: 504}, &sdk.UnknownOutcome{RetryMayDuplicate: true}, "504"},
		{telegramtest.Fault{Status: 407, Body: "who are you?"}, &sdk.Retryable{}, "407"},
		{telegramtest.Fault{Status: 302, Header: http.Header{"Location": {"https://login.example/"}}}, &sdk.Retryable{}, "302"},
		{telegramtest.Fault{Status: 200, Body: "welcome to the hotel"}, &sdk.UnknownOutcome{RetryMayDuplicate: true}, ""},
		{telegramtest.Fault{Status: 200, Body: `{"ok":true,"result":"yes"}`}, &sdk.UnknownOutcome{RetryMayDuplicate: true}, ""},
		{telegramtest.Fault{Drop: true}, &sdk.UnknownOutcome{RetryMayDuplicate: true}, ""},
		{telegramtest.Fault{Drop: true, Accept: true}, &sdk.UnknownOutcome{RetryMayDuplicate: true}, ""},
	} {
		t.Run(fmt.Sprintf("%d %.60s", test.fault.Status, test.fault.Body), func(t *testing.T) {
			p := platform(t, telegramtest.Options{})
			ann := p.NewCustomer("Ann")
			p.Inject(test.fault)
			receipt, err := account(t, p, newHost()).Send(t.Context(), outgoingText(ann.ID, "x"))
			if reflect.TypeOf(err) != reflect.TypeOf(test.want) || receipt.Code != test.code {
				t.Fatalf("%T %v with code %q, want %T", err, err, receipt.Code, test.want)
			}
			switch want := test.want.(type) {
			case *sdk.Rejected:
				if got := err.(*sdk.Rejected); got.Cause != want.Cause {
					t.Errorf("%+v", got)
				}
			case *sdk.RateLimited:
				if got := err.(*sdk.RateLimited); got.After != want.After || got.Scope != want.Scope {
					t.Errorf("%+v", got)
				}
			case *sdk.UnknownOutcome:
				if got := err.(*sdk.UnknownOutcome); *got != (sdk.UnknownOutcome{RetryMayDuplicate: true, Reason: got.Reason}) {
					t.Errorf("%+v", got)
				}
			}
			if p.Calls("sendMessage") > 1 {
				t.Error("it was sent again by itself")
			}
			if strings.Contains(err.Error(), p.Token()) {
				t.Errorf("the token is in %v", err)
			}
		})
	}
}

// TestUnreachable: what never left is safe to repeat; what Telegram may have is not.
func TestUnreachable(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	ann := p.NewCustomer("Ann")
	ch := account(t, p, newHost())
	ctx, cancel := context.WithCancel(t.Context())
	p.Inject(telegramtest.Fault{Hang: true})
	got := make(chan error, 1)
	go func() { _, err := ch.Send(ctx, outgoingText(ann.ID, "x")); got <- err }()
	waitFor(t, func() bool { return p.Requests() > 0 })
	cancel()
	var unknown *sdk.UnknownOutcome
	if err := <-got; !errors.As(err, &unknown) {
		t.Errorf("a call that hangs: %v", err)
	}
	p.Close()
	_, err := account(t, p, newHost()).Send(t.Context(), outgoingText(ann.ID, "x"))
	var retryable *sdk.Retryable
	if !errors.As(err, &retryable) || strings.Contains(err.Error(), p.Token()) || strings.Contains(err.Error(), "/bot") {
		t.Errorf("nobody listens: %v", err)
	}
}

func waitFor(t *testing.T, holds func() bool) {
	t.Helper()
	newDesk().until(t, "what the test needs", holds)
}

// TestNeverAgainByItself: after an attempt of which nobody knows the outcome.
func TestNeverAgainByItself(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	ann := p.NewCustomer("Ann")
	out := outgoingText(ann.ID, "x")
	out.Previous = []sdk.Attempt{{WithoutOutcome: true}, {}}
	var unknown *sdk.UnknownOutcome
	if _, err := account(t, p, newHost()).Send(t.Context(), out); !errors.As(err, &unknown) || !unknown.RetryMayDuplicate || len(p.Sent(0)) > 0 {
		t.Errorf("%v", err)
	}
	// One that is known to have failed does not matter.
	out.Previous = []sdk.Attempt{{}}
	if _, err := account(t, p, newHost()).Send(t.Context(), out); err != nil {
		t.Error(err)
	}
}

// TestScopeOfALimit: a limit is one chat's, until another chat is limited as well.
func TestScopeOfALimit(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	now := time.Unix(1790000000, 0)
	ann, bo := p.NewCustomer("Ann"), p.NewCustomer("Bo")
	ch := account(t, p, newHost(), at(func() time.Time { return now }))
	scope := func(to int64) sdk.RateScope {
		t.Helper()
		p.Inject(telegramtest.TooMany("sendMessage", 10))
		_, err := ch.Send(t.Context(), outgoingText(to, "x"))
		var limited *sdk.RateLimited
		if !errors.As(err, &limited) {
			t.Fatal(err)
		}
		return limited.Scope
	}
	got := []sdk.RateScope{scope(ann.ID), scope(ann.ID), scope(bo.ID)}
	now = now.Add(time.Minute)
	got = append(got, scope(ann.ID))
	if diff := cmp.Diff([]sdk.RateScope{sdk.ScopeRecipient, sdk.ScopeRecipient, sdk.ScopeAccount, sdk.ScopeRecipient}, got); diff != "" {
		t.Error(diff)
	}
}

// TestGroupPace: 20 messages a minute, and each group by itself.
func TestGroupPace(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	now := time.Unix(1790000000, 0)
	ch := account(t, p, newHost(), at(func() time.Time { return now }))
	group, other := p.NewGroup("Neighbours"), p.NewGroup("Others")
	for range groupCalls {
		if _, err := ch.Send(t.Context(), outgoingText(group.ID(), "x")); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Second)
	}
	_, err := ch.Send(t.Context(), outgoingText(group.ID(), "x"))
	var limited *sdk.RateLimited
	if !errors.As(err, &limited) || limited.Scope != sdk.ScopeRecipient || limited.After != 40*time.Second {
		t.Fatalf("%+v", err)
	}
	if _, err := ch.Send(t.Context(), outgoingText(other.ID(), "x")); err != nil {
		t.Error(err)
	}
	now = now.Add(limited.After)
	if _, err := ch.Send(t.Context(), outgoingText(group.ID(), "x")); err != nil {
		t.Error(err)
	}
	if _, err := ch.Send(t.Context(), outgoingText(group.ID(), "x")); !errors.As(err, &limited) || limited.After != time.Second {
		t.Errorf("of the last minute's 20 only one is over: %v", err)
	}
	if len(p.Sent(group.ID())) != groupCalls+1 {
		t.Errorf("%d messages went out", len(p.Sent(group.ID())))
	}
}

func TestQuotes(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	ann := p.NewCustomer("Ann")
	ch := account(t, p, newHost())
	said := ann.Say("which?")
	send := func(change func(*sdk.Outgoing)) int64 {
		t.Helper()
		out := outgoingText(ann.ID, "this one")
		change(out)
		if _, err := ch.Send(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		sent := p.Sent(ann.ID)
		return sent[len(sent)-1].ReplyTo
	}
	id := messageID(ann.ID, said.Message)
	if got := send(func(o *sdk.Outgoing) { o.QuotedID = id }); got != said.Message {
		t.Errorf("quoted %d", got)
	}
	if got := send(func(o *sdk.Outgoing) { o.QuoteToken = id }); got != said.Message {
		t.Errorf("by its token quoted %d", got)
	}
	// Numbers mean something in their own chat only, and what is gone does not hold up the answer.
	for _, other := range []string{messageID(ann.ID+1, said.Message), messageID(ann.ID, 4711), "nonsense", "5:x"} {
		if got := send(func(o *sdk.Outgoing) { o.QuotedID = other }); got != 0 {
			t.Errorf("%s: quoted %d", other, got)
		}
	}
}

func TestTopics(t *testing.T) {
	p := platform(t, telegramtest.Options{})
	group := p.NewGroup("Forum", 77)
	ann := p.NewCustomer("Ann")
	ch := account(t, p, newHost())
	ann.SendTo(group.ID(), map[string]any{"text": "hello", "is_topic_message": true, "message_thread_id": 77})
	d := newDesk()
	pulling(t, ch, d)
	d.until(t, "the message", func() bool { texts, _ := d.stored(); return len(texts) == 1 })
	_, events := d.stored()
	if _, err := ch.Send(t.Context(), &sdk.Outgoing{Thread: events[0].Thread, Text: "answer"}); err != nil {
		t.Fatal(err)
	}
	if err := ch.Signal(t.Context(), events[0].Thread, sdk.Identity{}, sdk.Signal{Typing: &sdk.Typing{}}); err != nil {
		t.Fatal(err)
	}
	if sent := p.Sent(group.ID()); len(sent) != 1 || sent[0].Topic != 77 {
		t.Errorf("%+v", sent)
	}
	if actions := p.Actions(); len(actions) != 1 || actions[0].Topic != 77 {
		t.Errorf("%+v", actions)
	}
}

// TestMovedGroup: a group becomes a supergroup. For the host it stays the same thread, before and after a restart.
func TestMovedGroup(t *testing.T) {
	for _, told := range []string{"by Telegram", "by the refusal"} {
		t.Run(told, func(t *testing.T) {
			p := platform(t, telegramtest.Options{})
			h, group, ann := newHost(), p.NewGroup("Neighbours"), p.NewCustomer("Ann")
			ch, d := account(t, p, h), newDesk()
			stop := pulling(t, ch, d)
			ann.SendTo(group.ID(), map[string]any{"text": "before"})
			current := group.Upgrade(told == "by the refusal")
			if told == "by Telegram" {
				d.until(t, "word of the move", func() bool { _, events := d.stored(); return len(events) == 2 })
			} else {
				d.until(t, "the first message", func() bool { _, events := d.stored(); return len(events) == 1 })
			}
			if _, err := ch.Send(t.Context(), outgoingText(group.First(), "answer")); err != nil {
				t.Fatal(err)
			}
			if sent := p.Sent(current); len(sent) != 1 {
				t.Errorf("the supergroup got %+v", sent)
			}
			ann.SendTo(current, map[string]any{"text": "after"})
			d.until(t, "the message from after", func() bool { texts, _ := d.stored(); return len(texts) == 2 })
			_ = stop()

			ch = account(t, p, h) // a new process, with the state that was kept
			if _, err := ch.Send(t.Context(), outgoingText(group.First(), "again")); err != nil || p.Calls("sendMessage") > 3 {
				t.Errorf("%v after %d calls", err, p.Calls("sendMessage"))
			}
			pulling(t, ch, d)
			ann.SendTo(current, map[string]any{"text": "later"})
			d.until(t, "the message from later", func() bool { texts, _ := d.stored(); return len(texts) == 3 })
			_, events := d.stored()
			moves := 0
			for _, e := range events {
				if e.Thread != (sdk.Thread{ID: fmt.Sprint(group.First()), Kind: "group"}) {
					t.Errorf("an event came to %+v", e.Thread)
				}
				if e.IdentityChanged != nil {
					moves++
				}
			}
			if want := map[string]int{"by Telegram": 1, "by the refusal": 0}[told]; moves != want {
				t.Errorf("%d moves were told", moves)
			}
		})
	}
}
