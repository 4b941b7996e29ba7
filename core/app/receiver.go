package app

import (
	"context"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/desk"
)

// receiver gives what channels report to the desk. Attachments whose content the plugin has stored here before are
// found by their handles, which only the account's own plugin could have.
type receiver struct {
	desk  *desk.Desk
	media *mediaStore
}

var _ channel.Receiver = (*receiver)(nil)

func (r *receiver) Receive(ctx context.Context, events []core.Inbound, cursor *channel.Cursor) (stored, duplicates int, err error) {
	for i := range events {
		if m := events[i].Message; m != nil {
			for n := range m.Attachments {
				if at := &m.Attachments[n]; at.State == core.Ready && at.Handle != "" {
					r.media.resolve(events[i].Account, at)
				}
			}
		}
	}
	if cursor == nil {
		return r.desk.Receive(ctx, events, nil)
	}
	return r.desk.Receive(ctx, events, &desk.Cursor{Account: cursor.Account, Name: cursor.Name, Value: cursor.Value})
}

// resolve finds stored content by its handle. What cannot be found is refused: the message counts without it.
func (m *mediaStore) resolve(account string, at *core.Attachment) {
	grant, err := m.handles(account).Verify(at.Handle)
	var size int64
	if err == nil {
		size, err = m.blobs.Size(grant.Hash)
	}
	at.URL = ""
	if err != nil {
		at.State, at.Reason = core.Refused, "The channel named content that is not there."
		return
	}
	at.Hash, at.Size = grant.Hash, size
	if at.Name == "" {
		at.Name = grant.Name
	}
	if at.Type == "" {
		at.Type = grant.Type
	}
}
