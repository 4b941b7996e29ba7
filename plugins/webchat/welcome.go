package webchat

import (
	"context"
	"slices"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// welcome is what a panel is shown first: how things stand and the newest messages. Everything that is durable after
// the visit's watch stood is told beside it, so nothing falls between the two. Without a visit there is nothing yet.
//
// The page covers what the panel has (since) and more, as it is now, so that changes that it missed arrive with it;
// where it does not reach back so far there is a gap.
func (c *channel) welcome(ctx context.Context, v *visit, since string, place sdk.ChannelAddress) (welcomeFrame, error) {
	w := welcomeFrame{
		T: "welcome", Status: viewStatus(sdk.ThreadStatus{}), Messages: []messageView{}, Limits: limitsOf(place),
		Availability: c.availability.now(ctx, c.host.Conversations(), place.Address), Now: time.Now().UTC(),
	}
	if v == nil {
		w.Gap = since != ""
		return w, nil
	}
	ctx, cancel := context.WithTimeout(ctx, hostPatience)
	defer cancel()
	page, more, err := c.host.Conversations().History(ctx, v.thread, "", pageSize)
	if err != nil {
		c.busy("history", err)
		return w, err
	}
	v.noteAll(page)
	w.Status = viewStatus(v.statusNow())
	room := frameRoom - len(encode(w))
	var cut bool
	w.Messages, cut = c.fit(ctx, v.id, page, room)
	w.More = more || cut
	if since != "" {
		switch {
		case len(w.Messages) == 0 || since > w.Messages[len(w.Messages)-1].Position:
			w.Gap = true // the panel knows what is no longer there
		case w.More:
			w.Gap = w.Messages[0].Position > since
		}
	}
	return w, nil
}

// changedBefore makes message frames of what a panel has from a position on that lies before the welcome's page and was
// changed or taken back, perhaps while it was away. It is as much as can be read; the rest shows when the panel is opened
// anew.
func (c *channel) changedBefore(ctx context.Context, v *visit, from string, w *welcomeFrame) (frames [][]byte) {
	if v == nil || from == "" || w.Gap || !w.More || len(w.Messages) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, hostPatience)
	defer cancel()
	before := w.Messages[0].Position
	for range maxChangePages {
		if before <= from {
			break
		}
		if _, ok := c.limits.reads.take(v.id); !ok {
			break
		}
		page, more, err := c.host.Conversations().History(ctx, v.thread, before, pageSize)
		if err != nil {
			c.busy("history", err)
			break
		}
		v.noteAll(page)
		for i := range page {
			if m := &page[i]; m.Position >= from && (m.Edited || m.Deleted) {
				frames = append(frames, encode(messageFrame{"message", c.viewMessage(ctx, v.id, m)}))
			}
		}
		if !more || len(page) == 0 {
			break
		}
		before = page[0].Position
	}
	return frames
}

// fit shows as many of the newest messages as there is room for, oldest first; cut when that is not all of them.
func (c *channel) fit(ctx context.Context, visitor string, messages []sdk.ThreadMessage, room int) (views []messageView, cut bool) {
	views = []messageView{}
	for i := range slices.Backward(messages) {
		view := c.viewMessage(ctx, visitor, &messages[i])
		if room -= len(encode(view)) + 1; room < 0 && len(views) > 0 {
			slices.Reverse(views)
			return views, true
		}
		views = append(views, view)
	}
	slices.Reverse(views)
	return views, false
}

// older goes one step back in the history.
func (c *channel) older(ctx context.Context, v *visit, before string) (olderFrame, error) {
	ctx, cancel := context.WithTimeout(ctx, hostPatience)
	defer cancel()
	page, more, err := c.host.Conversations().History(ctx, v.thread, before, pageSize)
	if err != nil {
		c.busy("history", err)
		return olderFrame{}, err
	}
	v.noteAll(page)
	views, cut := c.fit(ctx, v.id, page, frameRoom-100)
	return olderFrame{T: "older", Messages: views, More: more || cut}, nil
}
