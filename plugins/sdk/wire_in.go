package sdk

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// This file turns the host's messages into the author's types; wire_out.go is its counterpart.

func timeIn(t *timestamppb.Timestamp) time.Time {
	if t == nil {
		return time.Time{}
	}
	return t.AsTime()
}

func threadIn(t *channelv1.Thread) Thread { return Thread{ID: t.GetId(), Kind: t.GetKind()} }

func identityIn(i *channelv1.Identity) Identity {
	return Identity{Kind: i.GetKind(), Value: i.GetValue(), Scoped: i.GetScoped(), Verified: i.GetVerified()}
}

func formatIn(f channelv1.TextFormat) TextFormat {
	if f == channelv1.TextFormat_MARKDOWN {
		return Markdown
	}
	return Plain
}

func contextIn(c *channelv1.Context) SendContext {
	in := SendContext{
		ReplyTokenAge: c.GetReplyTokenAge().AsDuration(), LastInboundID: c.GetLastInboundId(),
		LastInboundAt: timeIn(c.GetLastInboundAt()), Language: c.GetLanguage(),
	}
	if t := c.GetReplyToken(); t != nil {
		in.ReplyToken = &ReplyToken{Token: t.GetToken(), ExpiresAt: timeIn(t.GetExpiresAt())}
	}
	return in
}

func outgoingIn(r *channelv1.SendRequest) *Outgoing {
	in := &Outgoing{
		OutboxID: r.GetOutboxId(), Address: r.GetAddress(), Thread: threadIn(r.GetThread()),
		Recipient: identityIn(r.GetRecipient()), Text: r.GetText(),
		Author: Author{
			Kind: AuthorKind(r.GetAuthor().GetKind()), Name: r.GetAuthor().GetName(), PictureURL: r.GetAuthor().GetPictureUrl(),
		},
		Context: contextIn(r.GetContext()), Resume: r.GetResume(), QuoteToken: r.GetQuoteToken(),
		QuotedID: r.GetQuotedId(), Format: formatIn(r.GetFormat()), ChannelJSON: r.GetChannelJson(),
	}
	if t := r.GetTemplate(); t != nil {
		in.Template = &TemplateUse{Name: t.GetName(), Language: t.GetLanguage(), Values: t.GetValues()}
	}
	for _, c := range r.GetChoices() {
		in.Choices = append(in.Choices, Choice{Title: c.GetTitle(), Postback: c.GetPostback(), URL: c.GetUrl()})
	}
	for _, a := range r.GetAttachments() {
		in.Attachments = append(in.Attachments, OutgoingAttachment{
			Handle: a.GetHandle(), Type: a.GetType(), Name: a.GetName(), Size: int64(a.GetSize()), //nolint:gosec // sizes of files
		})
	}
	for _, p := range r.GetPrevious() {
		in.Previous = append(in.Previous, Attempt{
			StartedAt: timeIn(p.GetStartedAt()), Context: contextIn(p.GetContext()), WithoutOutcome: p.GetWithoutOutcome(),
		})
	}
	return in
}

func signalIn(r *channelv1.SignalRequest) (Signal, error) {
	switch k := r.GetKind().(type) {
	case *channelv1.SignalRequest_Typing:
		return Signal{Typing: &Typing{Stopped: k.Typing.GetStopped()}}, nil
	case *channelv1.SignalRequest_Read:
		return Signal{Read: &ReadSignal{MessageID: k.Read.GetMessageId(), ReadToken: k.Read.GetReadToken()}}, nil
	case *channelv1.SignalRequest_AgentJoined:
		kind := AuthorAgent
		if k.AgentJoined.GetKind() != channelv1.Author_KIND_UNSPECIFIED {
			kind = AuthorKind(k.AgentJoined.GetKind())
		}
		return Signal{AgentJoined: &AgentJoined{
			Name: k.AgentJoined.GetName(), PictureURL: k.AgentJoined.GetPictureUrl(), Kind: kind,
		}}, nil
	case *channelv1.SignalRequest_AgentLeft:
		return Signal{AgentLeft: &AgentLeft{Name: k.AgentLeft.GetName()}}, nil
	case *channelv1.SignalRequest_ConversationEnded:
		return Signal{ConversationEnded: &ConversationEnded{Code: k.ConversationEnded.GetCode()}}, nil
	}
	return Signal{}, fmt.Errorf("a signal that this plugin does not know")
}

// requestIn builds the request that the author's handler sees: the public URL, the escaped path below the account, the
// complete body.
func requestIn(ctx context.Context, r *channelv1.HTTPRequest) (*http.Request, error) {
	u, err := url.Parse(r.GetUrl())
	if err != nil {
		return nil, fmt.Errorf("the request's URL: %w", err)
	}
	header := make(http.Header, len(r.GetHeaders()))
	for _, h := range r.GetHeaders() {
		key := http.CanonicalHeaderKey(h.GetName())
		header[key] = append(header[key], h.GetValue())
	}
	body := r.GetBody()
	req := &http.Request{
		Method: r.GetMethod(), URL: u, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: header, Host: u.Host,
		ContentLength: int64(len(body)), Body: http.NoBody, RemoteAddr: r.GetRemoteAddress(), RequestURI: u.RequestURI(),
	}
	if len(body) > 0 {
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	if host := header.Get("Host"); host != "" {
		req.Host = host
	}
	arrival := arrived{path: r.GetPath(), url: r.GetUrl()}
	if at := r.GetReceivedAt(); at.IsValid() {
		arrival.at = at.AsTime()
	}
	return req.WithContext(context.WithValue(ctx, arrivedKey{}, arrival)), nil
}

type arrivedKey struct{}

// arrived is what the host says of a request beside the request itself.
type arrived struct {
	path string
	url  string
	at   time.Time
}

// WebhookPath returns the part of a webhook request's path below the account, escaped as it came: "callback",
// "a%2Fb". It is what Manifest.Callbacks names.
func WebhookPath(r *http.Request) string {
	a, _ := r.Context().Value(arrivedKey{}).(arrived)
	return a.path
}

// ReceivedAt returns when the host received a webhook request: earlier than now when it was kept while the plugin was
// down. It is what a reply token's lifetime counts from. The zero time outside of ServeWebhook.
func ReceivedAt(r *http.Request) time.Time {
	a, _ := r.Context().Value(arrivedKey{}).(arrived)
	return a.at
}
