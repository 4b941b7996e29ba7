package api

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// listed is a delivery as it is shown: what became of it, and with its content where one is asked for.
type listed struct {
	ID            string     `json:"id"`
	Seq           uint64     `json:"seq"`
	Type          string     `json:"type"`
	State         string     `json:"state"`
	Conversation  string     `json:"conversation,omitempty"`
	CreatedAt     time.Time  `json:"created_at"`
	Attempts      int        `json:"attempts"`
	LastAttemptAt *time.Time `json:"last_attempt_at,omitempty"`
	NextAttemptAt *time.Time `json:"next_attempt_at,omitempty"`
	GivenUpAt     *time.Time `json:"given_up_at,omitempty"` // when it will be, or was, given up
	Status        int        `json:"status,omitempty"`      // the receiver's last answer
	Error         string     `json:"error,omitempty"`
	Content       *delivery  `json:"content,omitempty"`
}

func instant(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func listedOf(seq uint64, r *record, now time.Time, fetched uint64) listed {
	e := entryOf(seq, r)
	l := listed{
		ID: r.Delivery.ID, Seq: seq, Type: r.Delivery.Type, State: e.shown(now, fetched),
		Conversation: r.Delivery.Conversation, CreatedAt: r.CreatedAt, Attempts: r.Attempts, LastAttemptAt: instant(r.LastAt),
		Status: r.Status, Error: r.Error,
	}
	if l.State == statePending {
		l.GivenUpAt = instant(r.Until)
		if r.Own {
			l.NextAttemptAt = instant(r.NextAt)
		}
	}
	return l
}

// getDeliveries lists deliveries, the newest first.
func (c *channel) getDeliveries(w sdk.WebhookWriter, r *http.Request) {
	found, query := &findings{}, r.URL.Query()
	only(query, found, "state", "before", "limit")
	state, before, limit := query.Get("state"), countOf(query, found, "before", 0), countOf(query, found, "limit", maxPage)
	if states := []string{"", statePending, stateWaiting, stateDelivered, stateDead}; !slices.Contains(states, state) {
		found.add("state", "Write one of %s.", quoted(states[1:]))
	}
	if !asked(w, found) {
		return
	}
	if limit == 0 {
		limit = pageSize
	}
	fetched, err := c.ready(r.Context())
	if err != nil {
		c.unavailable(w, "deliveries", err)
		return
	}
	now := c.now()
	entries, _ := c.kept.choose(int(limit)+1, true, func(e *entry) bool { //nolint:gosec // at most a page
		return (before == 0 || e.seq < before) && (state == "" || e.shown(now, fetched) == state)
	})
	var next string
	if len(entries) > int(limit) { //nolint:gosec // at most a page
		entries = entries[:limit]
		next = strconv.FormatUint(entries[limit-1].seq, 10)
	}
	items, err := readAll(r.Context(), c.kept, entries, func(seq uint64, r *record) listed { return listedOf(seq, r, now, fetched) })
	if err != nil {
		c.unavailable(w, "deliveries", err)
		return
	}
	answer(w, http.StatusOK, map[string]any{"items": items, "next": next})
}

// readAll reads the records of entries and makes something of each.
func readAll[T any](ctx context.Context, log *deliveryLog, entries []entry, of func(uint64, *record) T) ([]T, error) {
	items := []T{}
	for _, e := range entries {
		r, err := log.read(ctx, e.seq)
		if err != nil {
			return nil, err
		}
		if r != nil { // else it has just been let go
			items = append(items, of(e.seq, r))
		}
	}
	return items, nil
}

// getDelivery shows one delivery with its content.
func (c *channel) getDelivery(w sdk.WebhookWriter, r *http.Request, id string) {
	seq, kept, fetched, ok := c.delivery(w, r, id)
	if !ok {
		return
	}
	content, err := c.published(r.Context(), kept)
	if err != nil {
		c.unavailable(w, "delivery", err)
		return
	}
	l := listedOf(seq, kept, c.now(), fetched)
	l.Content = &content
	answer(w, http.StatusOK, l)
}

// ready reads the log's index and the number up to which was fetched.
func (c *channel) ready(ctx context.Context) (fetched uint64, err error) {
	if err := c.kept.ready(ctx); err != nil || c.receiver != nil {
		return 0, err
	}
	return c.fetched(ctx)
}

// delivery finds a kept delivery; when ok is false the request has been answered.
func (c *channel) delivery(w http.ResponseWriter, r *http.Request, id string) (seq uint64, kept *record, fetched uint64, ok bool) {
	fetched, err := c.ready(r.Context())
	if err == nil {
		var known bool
		if seq, known = c.kept.find(id); known {
			kept, err = c.kept.read(r.Context(), seq)
		}
	}
	switch {
	case err != nil:
		c.unavailable(w, "delivery", err)
	case kept == nil:
		refuse(w, http.StatusNotFound, codeNotFound, "No such delivery is kept: the last "+strconv.Itoa(maxKept)+" are, for seven days.")
	}
	return seq, kept, fetched, kept != nil && err == nil
}

// postReplay has a delivery made once more, by the worker, with the same id and content. Asked for twice, it is made
// once or twice: who receives it knows the id.
func (c *channel) postReplay(w sdk.WebhookWriter, r *http.Request, id string) {
	if c.receiver == nil {
		refuse(w, http.StatusConflict, codeConflict, "This account has no webhook_url: fetch the messages instead.")
		return
	}
	seq, kept, _, ok := c.delivery(w, r, id)
	if !ok {
		return
	}
	e := entryOf(seq, kept)
	now := c.now().UTC().Truncate(time.Millisecond)
	switch state := e.shown(now, 0); {
	case state == statePending && !kept.Own:
		refuse(w, http.StatusConflict, codeConflict, "The message is being tried already, until "+kept.Until.Format(time.RFC3339)+".")
		return
	case state != statePending:
		kept.Until, kept.Attempts, kept.Error, kept.Status = now.Add(retryFor), 0, "", 0
	}
	again := func(r *record) {
		r.State, r.Own, r.NextAt, r.Until, r.Attempts, r.Error, r.Status = statePending, true, now, kept.Until, kept.Attempts, kept.Error, kept.Status
	}
	if err := c.kept.change(r.Context(), seq, again); err != nil {
		c.unavailable(w, "replay", err)
		return
	}
	c.rouse()
	again(kept)
	answer(w, http.StatusAccepted, listedOf(seq, kept, now, 0))
}

// only finds parameters that there are not.
func only(query url.Values, found *findings, names ...string) {
	for name, values := range query {
		switch {
		case !slices.Contains(names, name):
			found.add(name, "There is no such parameter.")
		case len(values) > 1:
			found.add(name, "It is given twice.")
		}
	}
}

// countOf reads a number of the query, at most most (0: any); 0 where it is absent.
func countOf(query url.Values, found *findings, name string, most uint64) uint64 {
	text := query.Get(name)
	if text == "" {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 63)
	switch {
	case err != nil:
		found.add(name, "It must be a whole number.")
		return 0
	case most > 0 && (n == 0 || n > most):
		found.add(name, "It must lie between 1 and %d.", most)
		return 0
	}
	return n
}

// asked answers what is wrong with a query; false when it did.
func asked(w http.ResponseWriter, found *findings) bool {
	if len(found.list) == 0 {
		return true
	}
	refuse(w, http.StatusBadRequest, codeInvalid, "What is wrong with the query is told parameter by parameter.", found.list...)
	return false
}
