package channel

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

func timeTo(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func identityTo(key core.IdentityKey) *channelv1.Identity {
	return &channelv1.Identity{Kind: key.Kind, Value: key.Value, Scoped: key.Scope != ""}
}

func threadTo(t core.Thread) *channelv1.Thread { return &channelv1.Thread{Id: t.ID, Kind: t.Kind} }

// sendRequestOf makes the plugin's request of an outgoing message.
func sendRequestOf(a *account, out *core.Outgoing, now time.Time) *channelv1.SendRequest {
	r := &channelv1.SendRequest{
		Account: a.id, Address: a.settings.Load().address[out.Channel], OutboxId: out.Entry.ID, Thread: threadTo(out.Thread),
		Recipient: identityTo(out.Recipient), Text: out.Message.Text, Resume: out.Entry.Resume, QuoteToken: out.QuoteToken,
		Author:  &channelv1.Author{Name: out.AuthorName},
		Context: contextTo(&out.Context, out.Language, now),
	}
	switch out.Message.From.Kind {
	case core.FromAgent:
		r.Author.Kind = channelv1.Author_AGENT
	case core.FromBot:
		r.Author.Kind = channelv1.Author_BOT
	default:
		r.Author.Kind = channelv1.Author_SYSTEM
	}
	for _, at := range out.Message.Attachments {
		r.Attachments = append(r.Attachments, &channelv1.OutgoingAttachment{
			Handle: at.Handle, Type: at.Type, Name: at.Name, Size: uint64(max(at.Size, 0)),
		})
	}
	for i := range out.Previous {
		p := &out.Previous[i]
		r.Previous = append(r.Previous, &channelv1.Attempt{
			StartedAt: timeTo(p.StartedAt), Context: contextTo(p, out.Language, p.StartedAt),
			WithoutOutcome: p.Outcome == "" || p.Outcome == string(core.OutcomeLost),
		})
	}
	return r
}

func contextTo(at *core.Attempt, language string, now time.Time) *channelv1.Context {
	c := &channelv1.Context{LastInboundId: at.LastInboundID, LastInboundAt: timeTo(at.LastInboundAt), Language: language}
	if at.Reply != nil {
		c.ReplyToken = &channelv1.ReplyToken{Token: at.Reply.Token, ExpiresAt: timeTo(at.Reply.ExpiresAt)}
		c.ReplyTokenAge = durationpb.New(max(now.Sub(at.Reply.ReceivedAt), 0))
	}
	return c
}

var (
	causes = map[channelv1.Rejected_Cause]string{
		channelv1.Rejected_CONTENT: "content", channelv1.Rejected_RECIPIENT: "recipient",
		channelv1.Rejected_OPTED_OUT: "opted-out", channelv1.Rejected_TOO_LARGE: "too-large",
	}
	scopes = map[channelv1.RateLimited_Scope]string{
		channelv1.RateLimited_RECIPIENT: "recipient", channelv1.RateLimited_CHANNEL: "channel",
		channelv1.RateLimited_ACCOUNT: "account", channelv1.RateLimited_APPLICATION: "application",
	}
)

// outcomeOf turns a plugin's answer into the domain's. An outcome of a kind that this host does not know is one that
// nobody knows.
func outcomeOf(r *channelv1.SendResponse) core.Outcome {
	out := core.Outcome{
		Code: r.GetProviderCode(), RequestID: r.GetProviderRequestId(), ExternalIDs: r.GetExternalIds(),
		UsedReplyToken: r.GetUsedReplyToken(), Resume: r.GetResume(),
	}
	switch k := r.GetOutcome().(type) {
	case *channelv1.SendResponse_Accepted:
		out.Kind, out.Already, out.Resume = core.OutcomeAccepted, k.Accepted.GetAlready(), k.Accepted.GetResume()
	case *channelv1.SendResponse_Rejected:
		out.Kind, out.Cause, out.Reason = core.OutcomeRejected, causes[k.Rejected.GetCause()], k.Rejected.GetReason()
		if out.Cause == "" {
			out.Cause = "content"
		}
	case *channelv1.SendResponse_WindowClosed:
		out.Kind, out.Reason = core.OutcomeWindowClosed, k.WindowClosed.GetReason()
	case *channelv1.SendResponse_QuotaExhausted:
		out.Kind, out.Reason = core.OutcomeQuota, k.QuotaExhausted.GetReason()
	case *channelv1.SendResponse_RateLimited:
		out.Kind, out.Reason = core.OutcomeRateLimited, k.RateLimited.GetReason()
		out.After, out.Scope = k.RateLimited.GetAfter().AsDuration(), scopes[k.RateLimited.GetScope()]
	case *channelv1.SendResponse_Retryable:
		out.Kind, out.Reason, out.After = core.OutcomeRetryable, k.Retryable.GetReason(), k.Retryable.GetAfter().AsDuration()
	case *channelv1.SendResponse_AuthenticationFailed:
		out.Kind, out.Reason = core.OutcomeAuthentication, k.AuthenticationFailed.GetReason()
	case *channelv1.SendResponse_AccountBlocked:
		out.Kind, out.Reason = core.OutcomeAccountBlocked, k.AccountBlocked.GetReason()
	case *channelv1.SendResponse_Unknown:
		out.Kind, out.Reason, out.MayDuplicate = core.OutcomeUnknown, k.Unknown.GetReason(), k.Unknown.GetRetryMayDuplicate()
	default:
		out.Kind, out.MayDuplicate = core.OutcomeUnknown, true
		out.Reason = "the plugin answered with an outcome that this version does not know"
	}
	return out
}
