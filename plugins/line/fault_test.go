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

// A push that was interrupted, or failed in a way that leaves open whether it was sent, stays a push: the customer has
// written since, and a reply with the new token would be a second message.
func TestInterruptedPushStaysAPushWithANewToken(t *testing.T) {
	for name, withoutOutcome := range map[string]bool{"interrupted": true, "failed": false} {
		t.Run(name, func(t *testing.T) {
			d := newDesk(t)
			out := outgoing(d.customer.ID, "exactly once")
			if _, err := d.channel.Send(t.Context(), out); err != nil {
				t.Fatal(err)
			}
			again := attempted(outgoing(d.customer.ID, "exactly once"), withoutOutcome)
			withToken(again, d.token, time.Second)
			receipt, err := d.channel.Send(t.Context(), again)
			if err != nil || !receipt.Already || receipt.UsedReplyToken {
				t.Fatalf("%+v, %v", receipt, err)
			}
			// That attempt had a token and was a push all the same: interrupted, it is repeated, not unknown.
			receipt, err = d.channel.Send(t.Context(), attempted(again, withoutOutcome))
			if err != nil || !receipt.Already {
				t.Fatalf("%+v, %v", receipt, err)
			}
			d.wantTexts(t, "exactly once")
		})
	}
}

// A reply whose token was refused goes out as a push that LINE carries out and answers 500: with a newer token it is
// pushed again, not replied.
func TestRefusedReplyThatWasPushedStaysAPush(t *testing.T) {
	d := newDesk(t)
	d.platform.ExpireReplyTokens(d.customer.ID)
	d.platform.Inject(linetest.Fault{Path: "/v2/bot/message/push", Accept: true, Status: 500})
	out := d.out("exactly once")
	var retryable *sdk.Retryable
	if _, err := d.channel.Send(t.Context(), out); !errors.As(err, &retryable) {
		t.Fatalf("outcome %v", err)
	}
	attempted(out, false)
	fresh := inbound(t, d.channel, d.platform, d.customer.Text("hello?"))[0].Message.ReplyToken
	receipt, err := d.channel.Send(t.Context(), withToken(out, fresh, time.Second))
	if err != nil || !receipt.Already {
		t.Fatalf("%+v, %v", receipt, err)
	}
	d.wantTexts(t, "exactly once")
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
