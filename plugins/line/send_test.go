package line

import (
	"errors"
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

func TestWhatLINEDoesNotTakeIsLeftOut(t *testing.T) {
	refusal := func(property string) linetest.Fault {
		return linetest.Fault{Status: 400, Body: `{"message":"The request body has 1 error(s)","details":[{"message":"Invalid","property":"` + property + `"}]}`}
	}
	for name, test := range map[string]struct {
		refused []string
		want    string
	}{
		"the sender": {[]string{"messages[0].sender.name"}, `{"type":"text","text":"hello","quoteToken":"q"}`},
		"the quote":  {[]string{"messages[0].quoteToken"}, `{"type":"text","text":"hello","sender":{"name":"Ana"}}`},
		"both":       {[]string{"messages[0].sender.name", "messages[0].quoteToken"}, `{"type":"text","text":"hello"}`},
	} {
		for _, reply := range []bool{true, false} {
			d := newDesk(t)
			for _, property := range test.refused {
				d.platform.Inject(refusal(property))
			}
			out := outgoing(d.customer.ID, "hello")
			if reply {
				out = d.out("hello")
			}
			out.QuoteToken = "q"
			if _, err := d.channel.Send(t.Context(), out); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			sent := d.platform.Sent(d.customer.ID)
			if len(sent) != 1 || string(sent[0].Message) != test.want || sent[0].Reply != reply {
				t.Errorf("%s: sent %+v", name, sent)
			}
		}
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
