package sdk

import (
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// This file turns the author's types into messages; wire_in.go is its counterpart.

func timeOut(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func durationOut(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

// checksOut keeps secrets out of what was found: it may be any error's text.
func checksOut(checks []Check, s *scrubber) []*channelv1.Check {
	var out []*channelv1.Check
	for _, c := range checks {
		out = append(out, &channelv1.Check{
			Name: c.Name, Title: c.Title, State: channelv1.Check_State(c.State), Detail: s.scrub(c.Detail), Fix: s.scrub(c.Fix), Field: c.Field,
			DetailSentences: sentencesOut(c.Detail, c.found, s), FixSentences: sentencesOut(c.Fix, c.advice, s),
		})
	}
	return out
}

// sentencesOut is what a text consists of; nothing where it was set otherwise since.
func sentencesOut(text string, sentences []*channelv1.Sentence, s *scrubber) []*channelv1.Sentence {
	if text != channelv1.SaidBy(sentences) {
		return nil
	}
	var out []*channelv1.Sentence
	for _, one := range sentences {
		wire := &channelv1.Sentence{Text: s.scrub(one.GetText())}
		for _, v := range one.GetValues() {
			wire.Values = append(wire.Values, s.scrub(v))
		}
		out = append(out, wire)
	}
	return out
}

func formatOut(f TextFormat) channelv1.TextFormat {
	if f == Markdown {
		return channelv1.TextFormat_MARKDOWN
	}
	return channelv1.TextFormat_PLAIN
}

func threadOut(t Thread) *channelv1.Thread {
	if t == (Thread{}) {
		return nil
	}
	return &channelv1.Thread{Id: t.ID, Kind: t.Kind}
}

func identityOut(i Identity) *channelv1.Identity {
	return &channelv1.Identity{Kind: i.Kind, Value: i.Value, Scoped: i.Scoped, Verified: i.Verified}
}

func identitiesOut(list []Identity) []*channelv1.Identity {
	var out []*channelv1.Identity
	for _, i := range list {
		out = append(out, identityOut(i))
	}
	return out
}

func replyTokenOut(t *ReplyToken) *channelv1.ReplyToken {
	if t == nil {
		return nil
	}
	return &channelv1.ReplyToken{Token: t.Token, ExpiresAt: timeOut(t.ExpiresAt)}
}

func messageOut(m *Message) *channelv1.Message {
	out := &channelv1.Message{
		Id: m.ID, Text: m.Text, QuotedId: m.QuotedID, ReplyToken: replyTokenOut(m.ReplyToken),
		ReadToken: m.ReadToken, QuoteToken: m.QuoteToken, NoReply: m.NoReply,
	}
	if m.Format != Plain {
		out.Format = formatOut(m.Format)
	}
	for _, c := range m.Contacts {
		out.Contacts = append(out.Contacts, &channelv1.ContactCard{Name: c.Name, Phones: c.Phones, Emails: c.Emails, Id: c.ID})
	}
	for _, a := range m.Attachments {
		out.Attachments = append(out.Attachments, &channelv1.Attachment{
			Handle: a.Handle, Type: a.Type, Name: a.Name, Size: uint64(max(a.Size, 0)),
			Duration: durationOut(a.Duration), ExpiresAt: timeOut(a.ExpiresAt), Url: a.URL, Stored: a.Stored,
		})
	}
	if l := m.Location; l != nil {
		out.Location = &channelv1.Location{Latitude: l.Latitude, Longitude: l.Longitude, Title: l.Title, Address: l.Address}
	}
	if s := m.Sticker; s != nil {
		out.Sticker = &channelv1.Sticker{PackageId: s.PackageID, Id: s.ID, Text: s.Text, Keywords: s.Keywords}
	}
	return out
}

func eventsOut(events []Event) ([]*channelv1.Event, error) {
	if len(events) == 0 {
		return nil, nil
	}
	out := make([]*channelv1.Event, len(events))
	for i := range events {
		e, err := eventOut(&events[i])
		if err != nil {
			return nil, err
		}
		out[i] = e
	}
	return out, nil
}

// eventOut fails for an event that the host could not store: without an id or without saying what happened.
func eventOut(e *Event) (*channelv1.Event, error) {
	if e.ID == "" {
		return nil, errors.New("sdk: an event has no ID; the host could not tell a repeated one")
	}
	out := &channelv1.Event{
		Id: e.ID, Address: e.Address, OccurredAt: timeOut(e.OccurredAt), Redelivered: e.Redelivered,
		Thread: threadOut(e.Thread), Raw: e.Raw,
	}
	if s := &e.Sender; len(s.Identities) > 0 || s.Name != "" {
		out.Sender = &channelv1.Sender{
			Identities: identitiesOut(s.Identities), Name: s.Name, Language: s.Language, PictureUrl: s.PictureURL,
		}
	}
	switch {
	case e.Message != nil:
		out.Kind = &channelv1.Event_Message{Message: messageOut(e.Message)}
	case e.Edited != nil:
		out.Kind = &channelv1.Event_Edited{Edited: &channelv1.Edited{
			MessageId: e.Edited.MessageID, Text: e.Edited.Text, EditedAt: timeOut(e.Edited.EditedAt),
			ReplyToken: replyTokenOut(e.Edited.ReplyToken),
		}}
	case e.Deleted != nil:
		out.Kind = &channelv1.Event_Deleted{Deleted: &channelv1.Deleted{MessageId: e.Deleted.MessageID}}
	case e.Reaction != nil:
		out.Kind = &channelv1.Event_Reaction{Reaction: &channelv1.Reaction{
			MessageId: e.Reaction.MessageID, Emoji: e.Reaction.Emoji, Removed: e.Reaction.Removed,
		}}
	case e.Postback != nil:
		out.Kind = &channelv1.Event_Postback{Postback: &channelv1.Postback{
			Data: e.Postback.Data, Params: e.Postback.Params, Text: e.Postback.Text,
			ReplyToken: replyTokenOut(e.Postback.ReplyToken),
		}}
	case e.Status != nil:
		out.Kind = &channelv1.Event_Status{Status: &channelv1.Status{
			MessageIds: e.Status.MessageIDs, State: channelv1.Status_State(e.Status.State), Code: e.Status.Code, Reason: e.Status.Reason,
		}}
	case e.Read != nil:
		out.Kind = &channelv1.Event_Read{Read: &channelv1.Read{UpToId: e.Read.UpToID, UpTo: timeOut(e.Read.UpTo)}}
	case e.Typing != nil:
		out.Kind = &channelv1.Event_Typing{Typing: &channelv1.Typing{Stopped: e.Typing.Stopped}}
	case e.Echo != nil:
		out.Kind = &channelv1.Event_Echo{Echo: messageOut(e.Echo)}
	case e.Blocked != nil:
		out.Kind = &channelv1.Event_Blocked{Blocked: &channelv1.Blocked{}}
	case e.Unblocked != nil:
		out.Kind = &channelv1.Event_Unblocked{Unblocked: &channelv1.Unblocked{
			First: e.Unblocked.First, ReplyToken: replyTokenOut(e.Unblocked.ReplyToken),
		}}
	case e.OptedOut != nil:
		out.Kind = &channelv1.Event_OptedOut{OptedOut: &channelv1.OptedOut{Keyword: e.OptedOut.Keyword}}
	case e.OptedIn != nil:
		out.Kind = &channelv1.Event_OptedIn{OptedIn: &channelv1.OptedIn{Keyword: e.OptedIn.Keyword}}
	case e.GroupJoined != nil:
		out.Kind = &channelv1.Event_GroupJoined{GroupJoined: &channelv1.GroupJoined{
			Members: identitiesOut(e.GroupJoined.Members), ReplyToken: replyTokenOut(e.GroupJoined.ReplyToken),
		}}
	case e.GroupLeft != nil:
		out.Kind = &channelv1.Event_GroupLeft{GroupLeft: &channelv1.GroupLeft{Members: identitiesOut(e.GroupLeft.Members)}}
	case e.IdentityChanged != nil:
		out.Kind = &channelv1.Event_IdentityChanged{IdentityChanged: &channelv1.IdentityChanged{
			Former: identityOut(e.IdentityChanged.Former), Current: identityOut(e.IdentityChanged.Current),
		}}
	case e.ConversationStarted != nil:
		out.Kind = &channelv1.Event_ConversationStarted{ConversationStarted: &channelv1.ConversationStarted{Context: e.ConversationStarted.Context}}
	case e.ConversationEnded != nil:
		out.Kind = &channelv1.Event_ConversationEnded{ConversationEnded: &channelv1.ConversationEnded{Code: e.ConversationEnded.Code}}
	case e.SurveyAnswered != nil:
		out.Kind = &channelv1.Event_SurveyAnswered{SurveyAnswered: &channelv1.SurveyAnswered{Answers: e.SurveyAnswered.Answers}}
	case e.LiveAgentRequested != nil:
		out.Kind = &channelv1.Event_LiveAgentRequested{LiveAgentRequested: &channelv1.LiveAgentRequested{Reason: e.LiveAgentRequested.Reason}}
	case e.Notice != nil:
		out.Kind = &channelv1.Event_Notice{Notice: &channelv1.Notice{
			Kind: e.Notice.Kind, Text: e.Notice.Text, AccountStopped: e.Notice.AccountStopped, AccountResumed: e.Notice.AccountResumed,
			Template: e.Notice.Template,
		}}
	case e.Unknown != nil:
		out.Kind = &channelv1.Event_Unknown{Unknown: &channelv1.Unknown{
			Type: e.Unknown.Type, IsMessage: e.Unknown.IsMessage, MessageId: e.Unknown.MessageID,
			ReplyToken: replyTokenOut(e.Unknown.ReplyToken),
		}}
	case e.ThreadControl != nil:
		out.Kind = &channelv1.Event_ThreadControl{ThreadControl: &channelv1.ThreadControl{
			Ours: e.ThreadControl.Ours, Application: e.ThreadControl.Application,
		}}
	default:
		return nil, errors.New("sdk: event " + e.ID + " does not say what happened; use Unknown")
	}
	return out, nil
}

// receiptOut turns what Send returned into an outcome. An error of none of the package's types is an outcome that
// nobody knows: repeating may send twice.
func receiptOut(r Receipt, err error) *channelv1.SendResponse {
	out := &channelv1.SendResponse{
		ExternalIds: r.ExternalIDs, UsedReplyToken: r.UsedReplyToken,
		ProviderCode: r.Code, ProviderRequestId: r.RequestID,
	}
	if err == nil {
		out.Outcome = &channelv1.SendResponse_Accepted{Accepted: &channelv1.Accepted{Already: r.Already, Resume: r.Resume}}
		return out
	}
	out.Resume = r.Resume
	var (
		rejected *Rejected
		window   *WindowClosed
		quota    *QuotaExhausted
		rate     *RateLimited
		retry    *Retryable
		auth     *AuthenticationFailed
		blocked  *AccountBlocked
		unknown  *UnknownOutcome
	)
	switch {
	case errors.As(err, &rejected):
		out.Outcome = &channelv1.SendResponse_Rejected{Rejected: &channelv1.Rejected{
			Cause: channelv1.Rejected_Cause(rejected.Cause), Reason: rejected.Reason,
		}}
	case errors.As(err, &window):
		out.Outcome = &channelv1.SendResponse_WindowClosed{WindowClosed: &channelv1.WindowClosed{Reason: window.Reason}}
	case errors.As(err, &quota):
		out.Outcome = &channelv1.SendResponse_QuotaExhausted{QuotaExhausted: &channelv1.QuotaExhausted{Reason: quota.Reason}}
	case errors.As(err, &rate):
		out.Outcome = &channelv1.SendResponse_RateLimited{RateLimited: &channelv1.RateLimited{
			After: durationOut(rate.After), Scope: channelv1.RateLimited_Scope(rate.Scope), Reason: rate.Reason,
		}}
	case errors.As(err, &retry):
		out.Outcome = &channelv1.SendResponse_Retryable{Retryable: &channelv1.Retryable{
			After: durationOut(retry.After), Reason: retry.Reason,
		}}
	case errors.As(err, &auth):
		out.Outcome = &channelv1.SendResponse_AuthenticationFailed{AuthenticationFailed: &channelv1.AuthenticationFailed{Reason: auth.Reason}}
	case errors.As(err, &blocked):
		out.Outcome = &channelv1.SendResponse_AccountBlocked{AccountBlocked: &channelv1.AccountBlocked{Reason: blocked.Reason}}
	case errors.As(err, &unknown):
		out.Outcome = &channelv1.SendResponse_Unknown{Unknown: &channelv1.OutcomeUnknown{
			RetryMayDuplicate: unknown.RetryMayDuplicate, Reason: unknown.Reason,
		}}
	default:
		out.Outcome = &channelv1.SendResponse_Unknown{Unknown: &channelv1.OutcomeUnknown{
			RetryMayDuplicate: true, Reason: err.Error(),
		}}
	}
	return out
}
