package line

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/plugins/sdk"
)

// withToken gives a message the reply token of an event that came in just now.
func withToken(out *sdk.Outgoing, token *sdk.ReplyToken, age time.Duration) *sdk.Outgoing {
	out.Context.ReplyToken, out.Context.ReplyTokenAge = token, age
	return out
}

// attempted adds an attempt of which nobody knows the outcome, with the same context.
func attempted(out *sdk.Outgoing, withoutOutcome bool) *sdk.Outgoing {
	out.Previous = append(out.Previous, sdk.Attempt{StartedAt: time.Now(), Context: out.Context, WithoutOutcome: withoutOutcome})
	return out
}

// desk is a customer who has just written, and the account he wrote to.
type desk struct {
	platform *linetest.Platform
	channel  *channel
	host     *host
	customer *linetest.Customer
	token    *sdk.ReplyToken
}

func newDesk(t *testing.T, change ...func(*Settings)) *desk {
	t.Helper()
	d := &desk{platform: platform(t, linetest.Options{}), host: newHost()}
	d.channel = account(t, d.platform, d.host, change...)
	d.customer = d.platform.NewCustomer("Ann")
	d.token = inbound(t, d.channel, d.platform, d.customer.Text("hello"))[0].Message.ReplyToken
	return d
}

// out is a message to the customer with his reply token.
func (d *desk) out(text string) *sdk.Outgoing {
	return withToken(outgoing(d.customer.ID, text), d.token, time.Second)
}

// texts are the texts that reached the customer.
func (d *desk) texts() []string {
	var texts []string
	for _, s := range d.platform.Sent(d.customer.ID) {
		texts = append(texts, s.Text())
	}
	return texts
}

func (d *desk) wantTexts(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, d.texts()); diff != "" {
		t.Errorf("what the customer read: -want +got\n%s", diff)
	}
}

func TestReplyWhileTheTokenIsGood(t *testing.T) {
	d := newDesk(t)
	out := d.out("bonjour")
	out.QuoteToken = "quote-1"
	receipt, err := d.channel.Send(t.Context(), out)
	if err != nil {
		t.Fatal(err)
	}
	sent := d.platform.Sent(d.customer.ID)
	if len(sent) != 1 || !sent[0].Reply || sent[0].Text() != "bonjour" {
		t.Fatalf("sent %+v", sent)
	}
	want := `{"type":"text","text":"bonjour","quoteToken":"quote-1","sender":{"name":"Ana"}}`
	if got := string(sent[0].Message); got != want {
		t.Errorf("sent %s", got)
	}
	if !receipt.UsedReplyToken || receipt.RequestID == "" || receipt.Already || receipt.Resume != "" {
		t.Errorf("receipt %+v", receipt)
	}
	if diff := cmp.Diff([]string{sent[0].ID}, receipt.ExternalIDs); diff != "" {
		t.Errorf("ids: %s", diff)
	}
}

func TestPushWithoutAGoodToken(t *testing.T) {
	d := newDesk(t)
	expired := &sdk.ReplyToken{Token: d.token.Token, ExpiresAt: time.Now().Add(-time.Second)}
	for name, out := range map[string]*sdk.Outgoing{
		"none":          outgoing(d.customer.ID, "push"),
		"50 s old":      withToken(outgoing(d.customer.ID, "push"), d.token, replyTokenLife),
		"expired":       withToken(outgoing(d.customer.ID, "push"), expired, time.Second),
		"empty":         withToken(outgoing(d.customer.ID, "push"), &sdk.ReplyToken{}, 0),
		"to a group":    {OutboxID: uuid.NewString(), Thread: sdk.Thread{ID: d.platform.NewGroup("group").ID, Kind: "group"}, Recipient: user(d.customer.ID), Text: "push"},
		"only a thread": {OutboxID: uuid.NewString(), Thread: sdk.Thread{ID: d.customer.ID, Kind: "user"}, Text: "push"},
	} {
		out.OutboxID = uuid.NewString()
		receipt, err := d.channel.Send(t.Context(), out)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		to := recipient(out)
		sent := d.platform.Sent(to)
		last := sent[len(sent)-1]
		if last.Reply || last.RetryKey != out.OutboxID || receipt.UsedReplyToken {
			t.Errorf("%s: sent %+v, receipt %+v", name, last, receipt)
		}
		if out.Thread.Kind == "group" && to != out.Thread.ID {
			t.Errorf("%s went to %s", name, to)
		}
	}
}

// The platform says that the token is not good although it is young: used elsewhere, or its clock is ahead.
func TestInvalidReplyTokenBecomesAPush(t *testing.T) {
	d := newDesk(t)
	d.platform.ExpireReplyTokens(d.customer.ID)
	out := d.out("anyway")
	receipt, err := d.channel.Send(t.Context(), out)
	if err != nil || !receipt.UsedReplyToken || len(receipt.ExternalIDs) != 1 {
		t.Fatalf("%+v, %v", receipt, err)
	}
	sent := d.platform.Sent(d.customer.ID)
	if len(sent) != 1 || sent[0].Reply || sent[0].RetryKey != out.OutboxID {
		t.Errorf("sent %+v", sent)
	}
}

func TestLongMessageStopsEveryFiveObjects(t *testing.T) {
	d := newDesk(t)
	text := strings.Repeat(strings.Repeat("word ", 999)+"lines\n", 12)
	out := d.out(text)
	var resumes []string
	keys := map[string]bool{}
	for {
		receipt, err := d.channel.Send(t.Context(), out)
		if err != nil {
			t.Fatal(err)
		}
		if len(receipt.ExternalIDs) == 0 || len(receipt.ExternalIDs) > 5 {
			t.Fatalf("%d ids", len(receipt.ExternalIDs))
		}
		resumes = append(resumes, receipt.Resume)
		if receipt.Resume == "" {
			break
		}
		// The host keeps offering whatever token it has: only the first call may use one.
		out.Resume = receipt.Resume
	}
	if diff := cmp.Diff([]string{"5", "10", ""}, resumes); diff != "" {
		t.Errorf("resume points: %s", diff)
	}
	if joined := strings.Join(d.texts(), ""); joined != text {
		t.Errorf("%d bytes arrived of %d", len(joined), len(text))
	}
	for i, s := range d.platform.Sent(d.customer.ID) {
		if s.Reply != (i < 5) {
			t.Errorf("object %d: reply is %v", i, s.Reply)
		}
		keys[s.RetryKey] = true
	}
	if len(keys) != 3 { // none for the reply, one for each push
		t.Errorf("retry keys: %v", keys)
	}
}

func TestRetryKeys(t *testing.T) {
	out := &sdk.Outgoing{OutboxID: "0191d2b0-3c00-7000-8000-000000000001"}
	if got := retryKey(out); got != out.OutboxID {
		t.Errorf("the first call's key is %s", got)
	}
	seen := map[string]bool{}
	for _, resume := range []string{"", "5", "10"} {
		out.Resume = resume
		key := retryKey(out)
		if seen[key] || key != retryKey(out) || uuid.Validate(key) != nil {
			t.Errorf("key %s at %q", key, resume)
		}
		seen[key] = true
	}
	other := &sdk.Outgoing{OutboxID: "not a uuid"}
	if uuid.Validate(retryKey(other)) != nil {
		t.Errorf("key %s", retryKey(other))
	}
}

// A push whose answer is lost is repeated under the same key, and the repeat finds out what it was called.
func TestLostPushIsRepeatedOnce(t *testing.T) {
	d := newDesk(t)
	d.platform.Inject(linetest.Fault{Accept: true, Drop: true})
	out := outgoing(d.customer.ID, "exactly once")
	var retryable *sdk.Retryable
	if _, err := d.channel.Send(t.Context(), out); !errors.As(err, &retryable) {
		t.Fatalf("outcome %v", err)
	}
	receipt, err := d.channel.Send(t.Context(), attempted(out, false))
	if err != nil {
		t.Fatal(err)
	}
	sent := d.platform.Sent(d.customer.ID)
	if len(sent) != 1 || !receipt.Already || receipt.RequestID == "" {
		t.Fatalf("sent %+v, receipt %+v", sent, receipt)
	}
	if diff := cmp.Diff([]string{sent[0].ID}, receipt.ExternalIDs); diff != "" {
		t.Errorf("ids: %s", diff)
	}
}

// A push that was interrupted is repeated; the platform had taken it.
func TestInterruptedPushIsRepeated(t *testing.T) {
	d := newDesk(t)
	out := outgoing(d.customer.ID, "exactly once")
	if _, err := d.channel.Send(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	receipt, err := d.channel.Send(t.Context(), attempted(outgoing(d.customer.ID, "exactly once"), true))
	if err != nil || !receipt.Already {
		t.Fatalf("%+v, %v", receipt, err)
	}
	d.wantTexts(t, "exactly once")
}

// A reply that was interrupted is neither repeated nor pushed, whatever the token's age is by now.
func TestInterruptedReplyIsUnknown(t *testing.T) {
	d := newDesk(t)
	before := d.platform.Requests()
	for name, out := range map[string]*sdk.Outgoing{
		"token still young": attempted(d.out("maybe"), true),
		"token gone by now": func() *sdk.Outgoing {
			out := attempted(d.out("maybe"), true)
			out.Context = sdk.SendContext{}
			return out
		}(),
		"interrupted again after that": func() *sdk.Outgoing {
			out := attempted(d.out("maybe"), true)
			out.Context = sdk.SendContext{}
			return attempted(out, true)
		}(),
		"not started after that": func() *sdk.Outgoing {
			out := attempted(d.out("maybe"), true)
			out.Context = sdk.SendContext{}
			return attempted(out, false)
		}(),
	} {
		_, err := d.channel.Send(t.Context(), out)
		var unknown *sdk.UnknownOutcome
		if !errors.As(err, &unknown) || !unknown.RetryMayDuplicate {
			t.Errorf("%s: %v", name, err)
		}
	}
	if d.platform.Requests() != before {
		t.Error("the platform was called")
	}
}

// A plugin that dies after LINE took a repeated reply is asked again, and must not push.
func TestRepeatedReplyThatWasInterrupted(t *testing.T) {
	d := newDesk(t)
	d.platform.Inject(linetest.Fault{Status: 500})
	out := d.out("once")
	if _, err := d.channel.Send(t.Context(), out); err == nil {
		t.Fatal("no error")
	}
	attempted(out, false)
	out.Context = sdk.SendContext{}
	if _, err := d.channel.Send(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	// The host never heard of it.
	_, err := d.channel.Send(t.Context(), attempted(out, true))
	var unknown *sdk.UnknownOutcome
	if !errors.As(err, &unknown) {
		t.Error(err)
	}
	d.wantTexts(t, "once")
}

// An interrupted reply at an earlier resume point says nothing about the pushes after it.
func TestInterruptedPushAfterAReply(t *testing.T) {
	d := newDesk(t)
	out := attempted(d.out(strings.Repeat("a", 5*maxTextUnits)+"end"), true)
	out.Resume = "5"
	if _, err := d.channel.Send(t.Context(), out); err != nil {
		t.Fatal(err)
	}
	d.wantTexts(t, "end")
}

func TestLostReplyIsUnknown(t *testing.T) {
	for name, fault := range map[string]linetest.Fault{
		"dropped after it was taken": {Accept: true, Drop: true},
		"dropped before":             {Drop: true},
		"no answer in time":          {Accept: true, Hang: true},
	} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			d.platform.Inject(fault)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if fault.Hang {
				// The host's patience ends once the platform has the message.
				go func() {
					_, _ = d.platform.Await(ctx, d.customer.ID, 1)
					cancel()
				}()
			}
			receipt, err := d.channel.Send(ctx, d.out("maybe"))
			var unknown *sdk.UnknownOutcome
			if !errors.As(err, &unknown) || !unknown.RetryMayDuplicate || !receipt.UsedReplyToken {
				t.Errorf("%+v, %v", receipt, err)
			}
			if want := map[bool]int{true: 1, false: 0}[fault.Accept]; len(d.texts()) != want {
				t.Errorf("%d messages arrived, want %d", len(d.texts()), want)
			}
		})
	}
}

// Nothing can have been sent where there was no connection.
func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nowhere := "http://" + listener.Addr().String()
	listener.Close()
	d := newDesk(t, func(s *Settings) { s.APIURL = nowhere })
	for name, out := range map[string]*sdk.Outgoing{"reply": d.out("x"), "push": outgoing(d.customer.ID, "x")} {
		receipt, err := d.channel.Send(t.Context(), out)
		var retryable *sdk.Retryable
		if !errors.As(err, &retryable) || receipt.UsedReplyToken {
			t.Errorf("%s: %+v, %v", name, receipt, err)
		}
	}
}

// A reply that was answered 5xx goes out exactly once: with the same token while the platform takes it, and never as a
// push.
func TestReplyAfterServerError(t *testing.T) {
	t.Run("the platform recovers", func(t *testing.T) {
		d := newDesk(t)
		d.platform.Inject(linetest.Fault{Status: 500, Times: 2})
		out := d.out("once")
		for range 2 {
			var retryable *sdk.Retryable
			if _, err := d.channel.Send(t.Context(), out); !errors.As(err, &retryable) {
				t.Fatal(err)
			}
			attempted(out, false)
			out.Context = sdk.SendContext{} // the host's token has grown old meanwhile
		}
		receipt, err := d.channel.Send(t.Context(), out)
		if err != nil || !receipt.UsedReplyToken {
			t.Fatalf("%+v, %v", receipt, err)
		}
		d.wantTexts(t, "once")
	})
	t.Run("it had been sent", func(t *testing.T) {
		d := newDesk(t)
		d.platform.Inject(linetest.Fault{Status: 503, Accept: true})
		out := d.out("once")
		if _, err := d.channel.Send(t.Context(), out); err == nil {
			t.Fatal("no error")
		}
		_, err := d.channel.Send(t.Context(), attempted(out, false))
		var unknown *sdk.UnknownOutcome
		if !errors.As(err, &unknown) {
			t.Fatal(err)
		}
		d.wantTexts(t, "once")
	})
	t.Run("the state cannot be kept", func(t *testing.T) {
		d := newDesk(t)
		d.host.broken = errors.New("broken")
		d.platform.Inject(linetest.Fault{Status: 500})
		_, err := d.channel.Send(t.Context(), d.out("once"))
		var unknown *sdk.UnknownOutcome
		if !errors.As(err, &unknown) {
			t.Fatal(err)
		}
		// Nor is anything sent while it cannot be read what became of the last attempt.
		var retryable *sdk.Retryable
		if _, err := d.channel.Send(t.Context(), attempted(outgoing(d.customer.ID, "x"), false)); !errors.As(err, &retryable) {
			t.Fatal(err)
		}
		d.wantTexts(t)
	})
}

func TestRefusedSenderIsLeftOut(t *testing.T) {
	d := newDesk(t)
	d.platform.Inject(linetest.Fault{Status: 400, Body: `{"message":"The request body has 1 error(s)","details":[{"message":"Contains a reserved word","property":"messages[0].sender.name"}]}`})
	if _, err := d.channel.Send(t.Context(), d.out("hello")); err != nil {
		t.Fatal(err)
	}
	sent := d.platform.Sent(d.customer.ID)
	if len(sent) != 1 || strings.Contains(string(sent[0].Message), "sender") {
		t.Errorf("sent %+v", sent)
	}
}

func TestSenderName(t *testing.T) {
	for in, want := range map[string]string{
		"":                              "",
		"  Ana \n María ":               "Ana María",
		"LINE support":                  "",
		"On Line":                       "",
		"Caroline":                      "Caroline",
		"Bartholomew Featherstonehaugh": "Bartholomew Featherst"[:20],
		"👨‍👩‍👧👨‍👩‍👧👨‍👩‍👧": "👨‍👩‍👧👨‍👩‍👧",
	} {
		if got := senderName(in); got != want {
			t.Errorf("%q became %q, want %q", in, got, want)
		}
	}
}

func TestWhatCannotBeSent(t *testing.T) {
	d := newDesk(t)
	for name, test := range map[string]struct {
		out   *sdk.Outgoing
		cause sdk.RejectCause
	}{
		"nothing to say":   {d.out(""), sdk.RejectedContent},
		"only blanks":      {d.out(" \n "), sdk.RejectedContent},
		"nobody":           {outgoing("", "x"), sdk.RejectedRecipient},
		"a stranger":       {outgoing("U0123456789abcdef0123456789abcdef", "x"), sdk.RejectedRecipient},
		"someone's resume": {&sdk.Outgoing{Thread: sdk.Thread{ID: "U1"}, Text: "x", Resume: "-1"}, sdk.RejectedContent},
	} {
		_, err := d.channel.Send(t.Context(), test.out)
		var rejected *sdk.Rejected
		if !errors.As(err, &rejected) || rejected.Cause != test.cause {
			t.Errorf("%s: %v", name, err)
		}
	}
	d.wantTexts(t)
}

// Blank pieces of a long text are left out, because LINE refuses them.
func TestBlankPiecesAreLeftOut(t *testing.T) {
	d := newDesk(t)
	if _, err := d.channel.Send(t.Context(), d.out(strings.Repeat("a", maxTextUnits)+strings.Repeat(" ", 6000)+"b")); err != nil {
		t.Fatal(err)
	}
	texts := d.texts()
	if len(texts) != 2 || strings.TrimSpace(texts[1]) != "b" {
		t.Errorf("%d texts arrived", len(texts))
	}
}

func TestMessageThatWasCompleteIsNotSentAgain(t *testing.T) {
	d := newDesk(t)
	out := d.out("x")
	out.Resume = "1"
	receipt, err := d.channel.Send(t.Context(), out)
	if err != nil || !receipt.Already || len(d.texts()) > 0 {
		t.Errorf("%+v, %v", receipt, err)
	}
}

// Blocked customers look like any other to the account.
func TestPushToBlocked(t *testing.T) {
	d := newDesk(t)
	d.customer.Block(true)
	if _, err := d.channel.Send(t.Context(), outgoing(d.customer.ID, "hello?")); err != nil {
		t.Fatal(err)
	}
	if d.platform.Dropped() != 1 {
		t.Error("the platform did not see the push")
	}
}

// However the platform fails, and wherever a plugin dies, a message arrives at most once as long as the outcome was not
// left to a person, and exactly once when it was accepted.
func TestNoFaultDuplicates(t *testing.T) {
	faults := []linetest.Fault{
		{}, {Status: 500}, {Status: 503, Accept: true}, {Drop: true}, {Drop: true, Accept: true}, {Status: 429, Body: `{"message":"The API rate limit has been exceeded. Try again later."}`},
	}
	for i, first := range faults {
		for j, second := range faults {
			for _, token := range []bool{true, false} {
				for _, expire := range []bool{true, false} {
					t.Run(fmt.Sprintf("%d then %d, token %v, expires %v", i, j, token, expire), func(t *testing.T) {
						d := newDesk(t)
						for _, fault := range []linetest.Fault{first, second} {
							if fault.Status != 0 || fault.Drop {
								d.platform.Inject(fault)
							}
						}
						out := outgoing(d.customer.ID, "once")
						if token {
							out = d.out("once")
						}
						for range 4 {
							_, err := d.channel.Send(t.Context(), out)
							var unknown *sdk.UnknownOutcome
							if errors.As(err, &unknown) {
								if len(d.texts()) > 1 {
									t.Errorf("%d arrived", len(d.texts()))
								}
								return
							}
							if err == nil {
								d.wantTexts(t, "once")
								return
							}
							attempted(out, false)
							if expire {
								d.platform.ExpireReplyTokens(d.customer.ID)
								out.Context = sdk.SendContext{}
							}
						}
						t.Error("it was never settled")
					})
				}
			}
		}
	}
}

func TestSendsAtOnce(t *testing.T) {
	d := newDesk(t, func(s *Settings) { s.ChannelAccessToken = "" })
	failed := make(chan error, 50)
	for i := range 50 {
		go func() {
			out := outgoing(d.customer.ID, "hello")
			out.OutboxID = uuid.NewString()
			_, err := d.channel.Send(t.Context(), out)
			if err != nil {
				err = fmt.Errorf("message %d: %w", i, err)
			}
			failed <- err
		}()
	}
	for range 50 {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	if len(d.texts()) != 50 || d.platform.TokensIssued() != 1 {
		t.Errorf("%d arrived, %d tokens were issued", len(d.texts()), d.platform.TokensIssued())
	}
}

// A token that the platform no longer takes is replaced once, and not for ever.
func TestRefusedTokenIsReplacedOnce(t *testing.T) {
	d := newDesk(t, func(s *Settings) { s.ChannelAccessToken = "" })
	for _, text := range []string{"one", "two"} {
		out := outgoing(d.customer.ID, text)
		out.OutboxID = uuid.NewString()
		if _, err := d.channel.Send(t.Context(), out); err != nil {
			t.Fatal(err)
		}
		d.platform.RevokeTokens()
	}
	d.wantTexts(t, "one", "two")
	before := d.platform.TokensIssued()
	d.platform.Inject(linetest.Fault{Status: http.StatusUnauthorized, Times: -1})
	_, err := d.channel.Send(t.Context(), d.out("three"))
	var refused *sdk.AuthenticationFailed
	if !errors.As(err, &refused) {
		t.Fatal(err)
	}
	if n := d.platform.TokensIssued() - before; n > 2 {
		t.Errorf("%d tokens were issued", n)
	}
}
