package app

import (
	"context"
	"errors"
	"io"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/desk"
)

// channels gives the desk's wishes to the plugin host.
type channels struct {
	host  *channel.Host
	media *mediaStore
}

var (
	_ desk.Channels   = channels{}
	_ desk.Reconciler = channels{}
)

func (c channels) Send(ctx context.Context, out *core.Outgoing) core.Outcome {
	return c.host.Send(ctx, c.handled(out))
}

func (c channels) Reconciles(account string) bool { return c.host.Reconciles(account) }

func (c channels) Reconcile(ctx context.Context, out *core.Outgoing) core.Outcome {
	return c.host.Reconcile(ctx, c.handled(out))
}

// handled replaces the content of attachments by handles that only this account's plugin can use.
func (c channels) handled(out *core.Outgoing) core.Outgoing {
	sent := *out
	sent.Message.Attachments = append([]core.Attachment(nil), out.Message.Attachments...)
	for i := range sent.Message.Attachments {
		at := &sent.Message.Attachments[i]
		at.Handle = c.media.handle(out.Entry.Account, at.Hash, at.Name, at.Type)
	}
	return sent
}

func (c channels) FetchMedia(ctx context.Context, account, handle string, maxBytes int64, start func(core.MediaHead) (io.Writer, error)) core.FetchOutcome {
	sink := &lateSink{start: start}
	head, err := c.host.FetchMedia(ctx, account, handle, maxBytes, sink)
	if err == nil && sink.to == nil { // nothing was written: an empty file
		_, err = start(core.MediaHead(head))
	}
	var why *channel.MediaError
	switch {
	case err == nil:
		return core.FetchOutcome{Done: true}
	case !errors.As(err, &why):
		return core.FetchOutcome{Err: err}
	}
	return core.FetchOutcome{
		NotReady: why.State == core.Fetching, Gone: why.State == core.GoneAtProvider, Refused: why.State == core.Refused,
		After: why.After, Reason: why.Reason,
	}
}

// lateSink asks for somewhere to write when there is something to write.
type lateSink struct {
	start func(core.MediaHead) (io.Writer, error)
	to    io.Writer
}

func (s *lateSink) Write(p []byte) (int, error) {
	if s.to == nil {
		to, err := s.start(core.MediaHead{})
		if err != nil {
			return 0, err
		}
		s.to = to
	}
	return s.to.Write(p)
}

func (c channels) FetchProfile(ctx context.Context, account string, identity core.IdentityKey, thread core.Thread) (*core.Profile, error) {
	p, found, err := c.host.FetchProfile(ctx, account, identity, thread)
	if err != nil || !found {
		return nil, err
	}
	return &core.Profile{Name: p.Name, Language: p.Language, Picture: p.Picture}, nil
}

func (c channels) TextLimit(account string) core.TextLimit { return c.host.TextLimit(account) }

func (c channels) Signal(ctx context.Context, account string, thread core.Thread, recipient core.IdentityKey, s core.Signal) {
	// Best effort: the host counts and logs what fails.
	_ = c.host.Signal(ctx, account, thread, recipient, channel.Signal{
		Typing: s.Typing, TypingStopped: s.TypingStopped, Read: s.ReadID != "" || s.ReadToken != "", ReadMessageID: s.ReadID,
		ReadToken: s.ReadToken, AgentJoined: s.AgentJoined, AgentLeft: s.AgentLeft, ConversationEnded: s.ConversationEnded != "",
		EndCode: s.ConversationEnded,
	})
}
