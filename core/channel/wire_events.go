package channel

import (
	"fmt"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// This file turns events from the wire into the domain's; wire_send.go turns the domain's messages into the wire's.

func timeOf(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

// inboundOf turns a plugin's events into the domain's. An event without an id fails all: it could not be told from its
// repetition. A kind that this host does not know yet is kept as unknown.
func inboundOf(account string, events []*channelv1.Event, now time.Time) ([]core.Inbound, error) {
	if len(events) == 0 {
		return nil, nil
	}
	out := make([]core.Inbound, len(events))
	for i, e := range events {
		if e.GetId() == "" {
			return nil, fmt.Errorf("event %d of %d has no id", i+1, len(events))
		}
		in := &out[i]
		*in = core.Inbound{
			Account: account, ID: e.GetId(), Address: e.GetAddress(), OccurredAt: timeOf(e.GetOccurredAt()), ReceivedAt: now,
			Redelivered: e.GetRedelivered(), Thread: core.Thread{ID: e.GetThread().GetId(), Kind: e.GetThread().GetKind()},
			Raw: e.GetRaw(),
		}
		if in.OccurredAt.IsZero() {
			in.OccurredAt = now
		}
		if s := e.GetSender(); s != nil {
			in.Sender = core.Sender{Name: s.GetName(), Language: s.GetLanguage(), Picture: s.GetPictureUrl()}
			for _, identity := range s.GetIdentities() {
				in.Sender.Identities = append(in.Sender.Identities, core.SenderIdentity{
					IdentityKey: identityOf(account, identity), Verified: identity.GetVerified(),
				})
			}
		}
		kindOf(in, e, account, now)
	}
	return out, nil
}

func identityOf(account string, i *channelv1.Identity) core.IdentityKey {
	key := core.IdentityKey{Kind: i.GetKind(), Value: i.GetValue()}
	if i.GetScoped() {
		key.Scope = account
	}
	return key
}

func membersOf(account string, list []*channelv1.Identity) []core.IdentityKey {
	var keys []core.IdentityKey
	for _, i := range list {
		keys = append(keys, identityOf(account, i))
	}
	return keys
}

func replyOf(t *channelv1.ReplyToken, now time.Time) *core.ReplyToken {
	if t.GetToken() == "" {
		return nil
	}
	return &core.ReplyToken{Token: t.GetToken(), ReceivedAt: now, ExpiresAt: timeOf(t.GetExpiresAt())}
}

var statuses = map[channelv1.Status_State]core.MessageState{
	channelv1.Status_SENT: core.Sent, channelv1.Status_DELIVERED: core.Delivered,
	channelv1.Status_READ: core.Read, channelv1.Status_FAILED: core.Failed,
}

func target(id string) []string {
	if id == "" {
		return nil
	}
	return []string{id}
}

func kindOf(in *core.Inbound, e *channelv1.Event, account string, now time.Time) {
	switch k := e.GetKind().(type) {
	case *channelv1.Event_Message:
		in.Kind, in.Message, in.Reply = core.InMessage, messageOf(k.Message), replyOf(k.Message.GetReplyToken(), now)
	case *channelv1.Event_Echo:
		in.Kind, in.Message = core.InEcho, messageOf(k.Echo)
	case *channelv1.Event_Edited:
		in.Kind, in.TargetIDs, in.Text = core.InEdited, target(k.Edited.GetMessageId()), k.Edited.GetText()
		in.At, in.Reply = timeOf(k.Edited.GetEditedAt()), replyOf(k.Edited.GetReplyToken(), now)
	case *channelv1.Event_Deleted:
		in.Kind, in.TargetIDs = core.InDeleted, target(k.Deleted.GetMessageId())
	case *channelv1.Event_Reaction:
		in.Kind, in.TargetIDs = core.InReaction, target(k.Reaction.GetMessageId())
		in.Emoji, in.Removed = k.Reaction.GetEmoji(), k.Reaction.GetRemoved()
	case *channelv1.Event_Postback:
		in.Kind, in.Values, in.Text = core.InPostback, k.Postback.GetParams(), k.Postback.GetData()
		in.Message = &core.InboundMessage{Kind: "postback", Text: k.Postback.GetText()}
		in.Reply = replyOf(k.Postback.GetReplyToken(), now)
	case *channelv1.Event_Status:
		in.Kind, in.TargetIDs, in.Code, in.Reason = core.InStatus, k.Status.GetMessageIds(), k.Status.GetCode(), k.Status.GetReason()
		in.Status = statuses[k.Status.GetState()]
	case *channelv1.Event_Read:
		in.Kind, in.TargetIDs, in.At = core.InRead, target(k.Read.GetUpToId()), timeOf(k.Read.GetUpTo())
	case *channelv1.Event_Typing:
		in.Kind, in.Removed = core.InTyping, k.Typing.GetStopped()
	case *channelv1.Event_Blocked:
		in.Kind = core.InBlocked
	case *channelv1.Event_Unblocked:
		in.Kind, in.First, in.Reply = core.InUnblocked, k.Unblocked.GetFirst(), replyOf(k.Unblocked.GetReplyToken(), now)
	case *channelv1.Event_OptedOut:
		in.Kind, in.Text = core.InOptedOut, k.OptedOut.GetKeyword()
	case *channelv1.Event_OptedIn:
		in.Kind, in.Text = core.InOptedIn, k.OptedIn.GetKeyword()
	case *channelv1.Event_GroupJoined:
		in.Kind, in.Members, in.Reply = core.InGroupJoined, membersOf(account, k.GroupJoined.GetMembers()), replyOf(k.GroupJoined.GetReplyToken(), now)
	case *channelv1.Event_GroupLeft:
		in.Kind, in.Members = core.InGroupLeft, membersOf(account, k.GroupLeft.GetMembers())
	case *channelv1.Event_IdentityChanged:
		former, current := identityOf(account, k.IdentityChanged.GetFormer()), identityOf(account, k.IdentityChanged.GetCurrent())
		in.Kind, in.Former, in.Current = core.InIdentityChanged, &former, &current
	case *channelv1.Event_ConversationStarted:
		in.Kind, in.Values = core.InConversationStarted, k.ConversationStarted.GetContext()
	case *channelv1.Event_ConversationEnded:
		in.Kind, in.Text = core.InConversationEnded, k.ConversationEnded.GetCode()
	case *channelv1.Event_SurveyAnswered:
		in.Kind, in.Values = core.InSurveyAnswered, k.SurveyAnswered.GetAnswers()
	case *channelv1.Event_LiveAgentRequested:
		in.Kind, in.Reason = core.InLiveAgentRequested, k.LiveAgentRequested.GetReason()
	case *channelv1.Event_Notice:
		in.Kind, in.Name, in.Text = core.InNotice, k.Notice.GetKind(), k.Notice.GetText()
		in.AccountStopped, in.AccountResumed = k.Notice.GetAccountStopped(), k.Notice.GetAccountResumed()
	case *channelv1.Event_Unknown:
		in.Kind, in.Name, in.Reply = core.InUnknown, k.Unknown.GetType(), replyOf(k.Unknown.GetReplyToken(), now)
		if k.Unknown.GetIsMessage() {
			in.Message = &core.InboundMessage{ExternalID: k.Unknown.GetMessageId(), Kind: "unsupported"}
		}
	case *channelv1.Event_ThreadControl:
		in.Kind, in.Name = core.InThreadControl, k.ThreadControl.GetApplication()
		in.Values = map[string]string{"ours": strconv.FormatBool(k.ThreadControl.GetOurs())}
	default:
		in.Kind, in.Name = core.InUnknown, "a kind of event that this version does not know"
	}
}

func messageOf(m *channelv1.Message) *core.InboundMessage {
	out := &core.InboundMessage{
		ExternalID: m.GetId(), Kind: "text", Text: m.GetText(), QuotedID: m.GetQuotedId(), QuoteToken: m.GetQuoteToken(),
		ReadToken: m.GetReadToken(), NoReply: m.GetNoReply(),
	}
	for _, a := range m.GetAttachments() {
		out.Kind = "attachment"
		attachment := core.Attachment{
			State: core.Fetching, Name: a.GetName(), Type: a.GetType(), Size: int64(a.GetSize()), Handle: a.GetHandle(), //nolint:gosec // a size
			URL: a.GetUrl(), Duration: a.GetDuration().AsDuration(), ExpiresAt: timeOf(a.GetExpiresAt()),
		}
		if a.GetHandle() == "" && a.GetUrl() != "" {
			attachment.State = core.Ready
		}
		if a.GetStored() && a.GetHandle() != "" {
			attachment.State = core.Ready // whose it is, and whether it is there, is for the Receiver to find out
		}
		out.Attachments = append(out.Attachments, attachment)
	}
	if l := m.GetLocation(); l != nil {
		out.Kind = "location"
		out.Location = &core.Location{Latitude: l.GetLatitude(), Longitude: l.GetLongitude(), Title: l.GetTitle(), Address: l.GetAddress()}
	}
	if s := m.GetSticker(); s != nil {
		out.Kind = "sticker"
		out.Sticker = &core.Sticker{PackageID: s.GetPackageId(), ID: s.GetId(), Text: s.GetText(), Keywords: s.GetKeywords()}
	}
	for _, c := range m.GetContacts() {
		out.Kind = "contact"
		out.Contacts = append(out.Contacts, core.ContactCard{Name: c.GetName(), Phones: c.GetPhones(), Emails: c.GetEmails()})
	}
	return out
}
