package app

import (
	"context"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/desk"
)

// customers tells plugins of live channels about their customers' conversations, with attachments under handles that
// only the account's own plugin can use.
type customers struct {
	*desk.Customers
	media *mediaStore
}

var _ channel.Conversations = (*customers)(nil)

func (c *customers) History(ctx context.Context, account string, thread core.Thread, before core.Position, limit int) ([]*core.ThreadMessage, bool, error) {
	list, more, err := c.Customers.History(ctx, account, thread, before, limit)
	return c.handled(account, list), more, err
}

func (c *customers) HistoryAfter(ctx context.Context, account string, thread core.Thread, after core.Position, limit int) ([]*core.ThreadMessage, bool, error) {
	list, more, err := c.Customers.HistoryAfter(ctx, account, thread, after, limit)
	return c.handled(account, list), more, err
}

func (c *customers) Watch(account string, thread core.Thread, after core.Position, tell func(core.ThreadChange)) (stop func()) {
	return c.Customers.Watch(account, thread, after, func(change core.ThreadChange) {
		if change.Message != nil {
			change.Message = c.withHandles(account, change.Message)
		}
		tell(change)
	})
}

func (c *customers) handled(account string, list []*core.ThreadMessage) []*core.ThreadMessage {
	for i, m := range list {
		list[i] = c.withHandles(account, m)
	}
	return list
}

// withHandles returns the message with handles; others may hold the one given.
func (c *customers) withHandles(account string, m *core.ThreadMessage) *core.ThreadMessage {
	if len(m.Attachments) == 0 {
		return m
	}
	with := *m
	with.Attachments = append([]core.Attachment(nil), m.Attachments...)
	for i := range with.Attachments {
		at := &with.Attachments[i]
		if at.Handle = ""; at.State == core.Ready && at.Hash != "" {
			at.Handle = c.media.handle(account, at.Hash, at.Name, at.Type)
		}
	}
	return &with
}
