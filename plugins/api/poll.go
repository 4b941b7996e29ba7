package api

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// fetchedKey holds the number up to which a program has fetched.
const fetchedKey = "fetched"

// fetched returns it.
func (c *channel) fetched(ctx context.Context) (uint64, error) {
	raw, _, err := c.host.GetState(ctx, fetchedKey)
	if errors.Is(err, sdk.ErrStateAbsent) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseUint(string(raw), 10, 64)
}

// getMessages tells what there is after a number: everything that is delivered, of all conversations, or the messages of
// one conversation, from both sides. When there is nothing it waits a moment.
func (c *channel) getMessages(w sdk.WebhookWriter, r *http.Request) {
	found, query := &findings{}, r.URL.Query()
	only(query, found, "after", "wait", "limit", "conversation")
	limit := int(countOf(query, found, "limit", maxPage)) //nolint:gosec // at most a page
	if limit == 0 {
		limit = maxPage
	}
	wait := waitOf(r.Context(), query, found)
	if conversation := query.Get("conversation"); conversation != "" {
		if asked(w, found) {
			c.getConversation(w, r, conversation, query.Get("after"), limit, wait)
		}
		return
	}
	after := countOf(query, found, "after", 0)
	if !asked(w, found) {
		return
	}
	err := c.kept.ready(r.Context())
	if err == nil {
		err = c.acknowledge(r, after)
	}
	if err == nil {
		err = c.kept.follow(r.Context())
	}
	if err != nil {
		c.unavailable(w, "messages", err)
		return
	}
	newer := func(e *entry) bool { return e.seq > after }
	entries, changed := c.kept.choose(limit, false, newer)
	if len(entries) == 0 && wait > 0 && c.await(r.Context(), wait, changed) {
		entries, _ = c.kept.choose(limit, false, newer)
	}
	records, err := readAll(r.Context(), c.kept, entries, func(_ uint64, r *record) *record { return r })
	items := []delivery{}
	for _, kept := range records {
		var d delivery
		if d, err = c.published(r.Context(), kept); err != nil {
			break
		}
		items = append(items, d)
	}
	if err != nil {
		c.unavailable(w, "messages", err)
		return
	}
	next := after
	if len(entries) > 0 {
		next = entries[len(entries)-1].seq
	}
	answer(w, http.StatusOK, map[string]any{"items": items, "next": strconv.FormatUint(next, 10)})
}

// acknowledge notes that everything up to a number was fetched, and that those messages are delivered.
func (c *channel) acknowledge(r *http.Request, after uint64) error {
	if c.receiver != nil || after == 0 {
		return nil
	}
	after = min(after, c.kept.last())
	before, err := c.fetched(r.Context())
	if err != nil || after <= before {
		return err
	}
	entries, _ := c.kept.choose(0, false, func(e *entry) bool { return e.seq > before && e.seq <= after && e.kind == typeMessage })
	events := make([]sdk.Event, len(entries))
	for i, e := range entries {
		events[i] = sdk.Event{
			ID: e.id + ":fetched", OccurredAt: sdk.ReceivedAt(r), Status: &sdk.Status{MessageIDs: []string{e.id}, State: sdk.StatusDelivered},
		}
	}
	// Durable before the number is: it is not looked at again.
	if len(events) > 0 {
		if err := c.host.Receive(r.Context(), nil, events...); err != nil {
			return err
		}
	}
	_, err = c.host.SetState(r.Context(), fetchedKey, []byte(strconv.FormatUint(after, 10)))
	return err
}

// waitOf is how long a request may wait, so that its deadline leaves room for the answer.
func waitOf(ctx context.Context, query url.Values, found *findings) time.Duration {
	text := query.Get("wait")
	if text == "" {
		return 0
	}
	seconds, err := strconv.ParseFloat(text, 64)
	if err != nil || !(seconds >= 0) {
		found.add("wait", "It must be a number of seconds.")
		return 0
	}
	wait := time.Duration(min(seconds, maxWait.Seconds()) * float64(time.Second))
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)-waitReserve)
	}
	return max(wait, 0)
}

// await waits until something has changed. Only so many requests may: they take the host's slots from the others.
func (c *channel) await(ctx context.Context, most time.Duration, changed <-chan struct{}) bool {
	select {
	case c.waiting <- struct{}{}:
		defer func() { <-c.waiting }()
	default:
		return false
	}
	timer := time.NewTimer(most)
	defer timer.Stop()
	select {
	case <-changed:
		return true
	case <-timer.C:
	case <-ctx.Done():
	}
	return false
}

// said is a message of a conversation's history.
type said struct {
	Position    string    `json:"position"`
	ID          string    `json:"id"` // of a customer's message, the one it was posted with; of ours, its delivery's
	Author      author    `json:"author"`
	Text        string    `json:"text"`
	Attachments []file    `json:"attachments"`
	At          time.Time `json:"at"`
	Edited      bool      `json:"edited,omitempty"`
	Deleted     bool      `json:"deleted,omitempty"`
}

var threadAuthors = map[sdk.ThreadAuthorKind]string{
	sdk.ThreadCustomer: "customer", sdk.ThreadAgent: "agent", sdk.ThreadBot: "bot", sdk.ThreadSystem: "system",
}

// getConversation tells the messages of one conversation after a position.
func (c *channel) getConversation(w http.ResponseWriter, r *http.Request, conversation, after string, limit int, wait time.Duration) {
	history := func() ([]sdk.ThreadMessage, error) {
		list, _, err := c.host.Conversations().HistoryAfter(r.Context(), threadOf(conversation), after, limit)
		return list, err
	}
	list, err := history()
	if err == nil && len(list) == 0 && wait > 0 {
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		changed := make(chan struct{})
		go func() {
			defer close(changed)
			for change, err := range c.host.Conversations().Watch(ctx, threadOf(conversation), after) {
				if err != nil || change.Message != nil {
					return
				}
			}
		}()
		if c.await(ctx, wait, changed) {
			list, err = history()
		}
	}
	if err != nil {
		c.unavailable(w, "history", err)
		return
	}
	items, next := []said{}, after
	for i := range list {
		m := &list[i]
		next = m.Position
		item := said{
			Position: m.Position, ID: m.ExternalID, Text: m.Text, At: m.CreatedAt, Edited: m.Edited, Deleted: m.Deleted, Attachments: []file{},
			Author: author{Kind: threadAuthors[m.Author.Kind], Name: m.Author.Name, Picture: m.Author.PictureURL},
		}
		for _, at := range m.Attachments {
			f := file{Name: at.Name, Type: at.Type, Size: at.Size}
			if at.State == sdk.ThreadMediaReady && at.Handle != "" {
				if f.URL, err = c.host.PublishMedia(r.Context(), at.Handle, attachedFor); err != nil {
					c.unavailable(w, "history", err)
					return
				}
			}
			item.Attachments = append(item.Attachments, f)
		}
		items = append(items, item)
	}
	answer(w, http.StatusOK, map[string]any{"items": items, "next": next})
}
