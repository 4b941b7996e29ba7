package line

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/plugins/sdk"
)

// kind names an outcome by what the host does with it.
func kind(err error) string {
	var (
		rejected *sdk.Rejected
		limited  *sdk.RateLimited
		unknown  *sdk.UnknownOutcome
	)
	switch {
	case err == nil:
		return "accepted"
	case errors.As(err, &rejected):
		return "rejected " + map[sdk.RejectCause]string{
			sdk.RejectedContent: "content", sdk.RejectedRecipient: "recipient", sdk.RejectedTooLarge: "too large"}[rejected.Cause]
	case errors.As(err, &limited):
		return fmt.Sprintf("rate limited %s after %s", map[sdk.RateScope]string{
			sdk.ScopeAccount: "account", sdk.ScopeRecipient: "recipient"}[limited.Scope], limited.After)
	case errors.As(err, &unknown):
		return fmt.Sprintf("unknown, may duplicate: %v", unknown.RetryMayDuplicate)
	}
	return strings.TrimPrefix(fmt.Sprintf("%T", err), "*sdk.")
}

// TestOutcomes holds what becomes of every answer that LINE documents, and of every other status.
func TestOutcomes(t *testing.T) {
	const details = `{"message":"The request body has 1 error(s)","details":[{"message":"May not be empty","property":"messages[0].text"}]}`
	type row struct {
		status      int
		body        string
		header      http.Header
		push, reply string
	}
	same := func(status int, body, want string) row {
		return row{status: status, body: body, push: want, reply: want}
	}
	rows := []row{
		same(200, `{"sentMessages":[{"id":"1"}]}`, "accepted"),
		same(200, `not JSON`, "accepted"),
		same(202, ``, "accepted"),
		same(302, ``, "Retryable"),
		{status: 400, body: `{"message":"Invalid reply token"}`, push: "rejected content", reply: "accepted"}, // pushed instead
		same(400, details, "rejected content"),
		same(400, `{"message":"The property, 'messages', in the request body is invalid (line: -, column: -)"}`, "rejected content"),
		same(400, `{"message":"The request body could not be parsed as JSON (line: 1, column: 1)"}`, "rejected content"),
		same(400, `{"message":"Failed to send messages"}`, "rejected recipient"),
		same(400, `{"message":"The property, 'to', in the request body is invalid (line: -, column: -)"}`, "rejected recipient"),
		same(400, `{"message":"The request body has 1 error(s)","details":[{"message":"Invalid","property":"to"}]}`, "rejected recipient"),
		same(400, ``, "rejected content"),
		same(401, `{"message":"Authentication failed due to the following reason: invalid token."}`, "AuthenticationFailed"),
		same(403, `{"message":"Access to this API is not available for your account"}`, "AuthenticationFailed"),
		same(404, `{"message":"Not found"}`, "rejected content"),
		same(405, ``, "rejected content"),
		{status: 408, push: "Retryable", reply: "unknown, may duplicate: true"},
		{status: 409, body: `{"message":"The retry key is already accepted","sentMessages":[{"id":"1"}]}`, push: "accepted", reply: "rejected content"},
		same(410, ``, "rejected content"),
		same(413, ``, "rejected too large"),
		same(415, ``, "rejected content"),
		same(429, `{"message":"The API rate limit has been exceeded. Try again later."}`, "rate limited account after 0s"),
		same(429, `{"message":"You have reached your monthly limit."}`, "QuotaExhausted"),
		same(429, `{"message":"Too many messages were sent to the same user."}`, "rate limited recipient after 0s"),
		{status: 429, header: http.Header{"Retry-After": {"7"}}, push: "rate limited recipient after 7s", reply: "rate limited recipient after 7s"},
		same(500, `{"message":"Internal server error"}`, "Retryable"),
		same(502, `<html>`, "Retryable"),
		same(503, ``, "Retryable"),
		same(504, ``, "Retryable"),
		same(599, ``, "Retryable"),
	}
	d := newDesk(t)
	for _, r := range rows {
		t.Run(fmt.Sprintf("%d %.40s", r.status, r.body), func(t *testing.T) {
			fault := linetest.Fault{Status: r.status, Body: r.body, Header: r.header}
			d.platform.Inject(fault)
			receipt, err := d.channel.Send(t.Context(), outgoing(d.customer.ID, "x"))
			if got := kind(err); got != r.push {
				t.Errorf("push: %s, want %s (%v)", got, r.push, err)
			}
			if receipt.RequestID == "" {
				t.Error("the request's id is missing")
			}
			if err != nil && receipt.Code != fmt.Sprint(r.status) {
				t.Errorf("code %q", receipt.Code)
			}
			d.platform.Inject(fault)
			if r.status == 400 && strings.Contains(r.body, "reply token") {
				d.platform.Inject(linetest.Fault{Status: 200, Body: `{}`})
			}
			token := &sdk.ReplyToken{Token: "t", ExpiresAt: time.Now().Add(time.Minute)}
			_, err = d.channel.Send(t.Context(), withToken(outgoing(d.customer.ID, "x"), token, time.Second))
			if got := kind(err); got != r.reply {
				t.Errorf("reply: %s, want %s (%v)", got, r.reply, err)
			}
		})
	}
}

// Every status has an outcome that the contract knows.
func TestEveryStatus(t *testing.T) {
	for status := 300; status < 600; status++ {
		got := kind(outcome(&apiError{status: status}))
		switch {
		case status >= 500 || status < 400:
			if got != "Retryable" {
				t.Errorf("%d: %s", status, got)
			}
		case strings.Contains(got, "Error"):
			t.Errorf("%d: %s", status, got)
		}
	}
}

func TestErrorsShowTheDetails(t *testing.T) {
	err := outcome(&apiError{status: 400, message: "The request body has 2 error(s)", details: []detail{
		{Message: "May not be empty", Property: "messages[0].text"}, {Message: "Size must be between 1 and 5"}}})
	const want = "rejected: LINE answered 400: The request body has 2 error(s) (messages[0].text: May not be empty; Size must be between 1 and 5)"
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Error(diff)
	}
}

// Whatever LINE or the network says, a secret is in no error.
func TestErrorsHideSecrets(t *testing.T) {
	d := newDesk(t, func(s *Settings) { s.PreviousChannelSecret = "the-previous-secret" })
	settings := d.channel.settings
	leak := settings.ChannelSecret + " " + settings.ChannelAccessToken + " " + settings.PreviousChannelSecret
	d.platform.Inject(linetest.Fault{Status: 400, Body: `{"message":"` + leak + `","details":[{"message":"` + leak + `"}]}`})
	_, err := d.channel.Send(t.Context(), outgoing(d.customer.ID, "x"))
	if err == nil {
		t.Fatal("no error")
	}
	for _, secret := range strings.Fields(leak) {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("%q shows %q", err, secret)
		}
	}
}

// Why no token could be had decides what becomes of the message; nothing was sent.
func TestOutcomesWithoutAToken(t *testing.T) {
	for status, want := range map[int]string{
		400: "AuthenticationFailed", 401: "AuthenticationFailed", 429: "rate limited account after 0s", 500: "Retryable", 503: "Retryable",
	} {
		d := newDesk(t, func(s *Settings) { s.ChannelAccessToken = "" })
		d.platform.Inject(linetest.Fault{Path: "/oauth2/v3/token", Status: status})
		for _, out := range []*sdk.Outgoing{d.out("hello")} {
			receipt, err := d.channel.Send(t.Context(), out)
			if got := kind(err); got != want || receipt.UsedReplyToken {
				t.Errorf("%d: %s (%v), want %s", status, got, err, want)
			}
			// The next message finds the platform well.
			if _, err := d.channel.Send(t.Context(), out); err != nil {
				t.Error(err)
			}
		}
	}
}
