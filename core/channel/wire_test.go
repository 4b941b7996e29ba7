package channel

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// TestEveryKindOfEvent goes through the oneof by reflection, so that a kind added to the contract cannot be forgotten.
func TestEveryKindOfEvent(t *testing.T) {
	kinds := (&channelv1.Event{}).ProtoReflect().Descriptor().Oneofs().ByName("kind").Fields()
	seen := map[core.InboundKind]bool{}
	for i := range kinds.Len() {
		field := kinds.Get(i)
		e := &channelv1.Event{Id: "1"}
		e.ProtoReflect().Set(field, e.ProtoReflect().NewField(field))
		in, err := inboundOf("shop", []*channelv1.Event{e}, time.Unix(5, 0))
		if err != nil {
			t.Fatal(err)
		}
		if in[0].Kind == core.InUnknown && field.Name() != "unknown" {
			t.Errorf("%s is not known", field.Name())
		}
		if seen[in[0].Kind] {
			t.Errorf("%s is a kind that was there before: %s", field.Name(), in[0].Kind)
		}
		seen[in[0].Kind] = true
	}
	if in, err := inboundOf("shop", []*channelv1.Event{{Id: "1"}}, time.Now()); err != nil || in[0].Kind != core.InUnknown {
		t.Errorf("an event without a kind: %+v, %v", in, err)
	}
	if _, err := inboundOf("shop", []*channelv1.Event{{}}, time.Now()); err == nil {
		t.Error("an event without an id was taken")
	}
}

func TestInboundContent(t *testing.T) {
	now, occurred := time.Unix(100, 0), time.Unix(90, 0).UTC()
	in, err := inboundOf("shop", []*channelv1.Event{
		{Id: "1", OccurredAt: timestamppb.New(occurred), Redelivered: true, Raw: []byte("raw"), Address: map[string]string{"n": "7"},
			Thread: &channelv1.Thread{Id: "g", Kind: "group"},
			Sender: &channelv1.Sender{Name: "Ana", Language: "fr", PictureUrl: "p", Identities: []*channelv1.Identity{
				{Kind: "u", Value: "1", Scoped: true}, {Kind: "phone", Value: "+33", Verified: true},
			}},
			Kind: &channelv1.Event_Message{Message: &channelv1.Message{
				Id: "m", Text: "hi", QuotedId: "q", QuoteToken: "qt", ReadToken: "rt", NoReply: true,
				ReplyToken: &channelv1.ReplyToken{Token: "r", ExpiresAt: timestamppb.New(occurred)},
				Attachments: []*channelv1.Attachment{
					{Handle: "h", Type: "image/*", Size: 3, Duration: durationpb.New(time.Second)}, {Url: "https://example.com/x", Type: "a/b"},
				},
			}}},
		{Id: "2", Kind: &channelv1.Event_Postback{Postback: &channelv1.Postback{Data: "d", Text: "t", Params: map[string]string{"a": "b"}}}},
		{Id: "3", Kind: &channelv1.Event_Status{Status: &channelv1.Status{MessageIds: []string{"x", "y"}, State: channelv1.Status_FAILED, Code: "c", Reason: "r"}}},
		{Id: "4", Kind: &channelv1.Event_Unknown{Unknown: &channelv1.Unknown{Type: "poll", IsMessage: true, MessageId: "m4"}}},
	}, now)
	if err != nil {
		t.Fatal(err)
	}
	want := []core.Inbound{
		{Account: "shop", Kind: core.InMessage, ID: "1", Address: map[string]string{"n": "7"}, OccurredAt: occurred, ReceivedAt: now, Redelivered: true,
			Raw: []byte("raw"), Thread: core.Thread{ID: "g", Kind: "group"},
			Sender: core.Sender{Name: "Ana", Language: "fr", Picture: "p", Identities: []core.SenderIdentity{
				{IdentityKey: core.IdentityKey{Scope: "shop", Kind: "u", Value: "1"}},
				{IdentityKey: core.IdentityKey{Kind: "phone", Value: "+33"}, Verified: true},
			}},
			Reply: &core.ReplyToken{Token: "r", ReceivedAt: now, ExpiresAt: occurred},
			Message: &core.InboundMessage{ExternalID: "m", Kind: "attachment", Text: "hi", QuotedID: "q", QuoteToken: "qt", ReadToken: "rt", NoReply: true,
				Attachments: []core.Attachment{
					{State: core.Fetching, Handle: "h", Type: "image/*", Size: 3, Duration: time.Second},
					{State: core.Ready, URL: "https://example.com/x", Type: "a/b"},
				}}},
		{Account: "shop", Kind: core.InPostback, ID: "2", OccurredAt: now, ReceivedAt: now, Text: "d", Values: map[string]string{"a": "b"},
			Message: &core.InboundMessage{Kind: "postback", Text: "t"}},
		{Account: "shop", Kind: core.InStatus, ID: "3", OccurredAt: now, ReceivedAt: now, TargetIDs: []string{"x", "y"}, Status: core.Failed, Code: "c", Reason: "r"},
		{Account: "shop", Kind: core.InUnknown, ID: "4", OccurredAt: now, ReceivedAt: now, Name: "poll",
			Message: &core.InboundMessage{ExternalID: "m4", Kind: "unsupported"}},
	}
	if diff := cmp.Diff(want, in); diff != "" {
		t.Error(diff)
	}
}

func TestSendRequest(t *testing.T) {
	a := &account{id: "shop"}
	a.settings.Store(&accountSettings{address: map[string]map[string]string{"c": {"number": "7"}}})
	now := time.Unix(100, 0)
	out := outgoing("hello")
	out.Channel, out.Language = "c", "fr"
	out.Entry.Resume = "second"
	out.Message.Attachments = []core.Attachment{{Handle: "01A", Type: "image/png", Name: "a.png", Size: 3}}
	out.Context = core.Attempt{Reply: &core.ReplyToken{Token: "r", ReceivedAt: now.Add(-20 * time.Second)}, LastInboundID: "i", LastInboundAt: now}
	out.Previous = []core.Attempt{{StartedAt: now, Outcome: "retryable"}, {StartedAt: now, Outcome: "lost"}, {StartedAt: now}}
	r := sendRequestOf(a, &out, now)
	if r.GetAddress()["number"] != "7" || r.GetOutboxId() != "id-hello" || r.GetResume() != "second" || r.GetAuthor().GetKind() != channelv1.Author_AGENT ||
		!r.GetRecipient().GetScoped() || r.GetAttachments()[0].GetHandle() != "01A" {
		t.Errorf("%v", r)
	}
	if c := r.GetContext(); c.GetReplyTokenAge().AsDuration() != 20*time.Second || c.GetLastInboundId() != "i" || c.GetLanguage() != "fr" {
		t.Errorf("context %v", c)
	}
	var without []bool
	for _, p := range r.GetPrevious() {
		without = append(without, p.GetWithoutOutcome())
	}
	if diff := cmp.Diff([]bool{false, true, true}, without); diff != "" {
		t.Error(diff)
	}
}

// TestEveryOutcome goes through the oneof by reflection: an outcome added to the contract must not become "unknown".
func TestEveryOutcome(t *testing.T) {
	kinds := (&channelv1.SendResponse{}).ProtoReflect().Descriptor().Oneofs().ByName("outcome").Fields()
	seen := map[core.OutcomeKind]bool{}
	for i := range kinds.Len() {
		field := kinds.Get(i)
		r := &channelv1.SendResponse{ExternalIds: []string{"1"}}
		r.ProtoReflect().Set(field, r.ProtoReflect().NewField(field))
		got := outcomeOf(r)
		if seen[got.Kind] || len(got.ExternalIDs) != 1 {
			t.Errorf("%s became %+v", field.Name(), got)
		}
		seen[got.Kind] = true
	}
	if got := outcomeOf(&channelv1.SendResponse{}); got.Kind != core.OutcomeUnknown || !got.MayDuplicate {
		t.Errorf("no outcome became %+v", got)
	}
}
