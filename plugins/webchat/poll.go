package webchat

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// servePoll answers with what a WebSocket would have brought: after a cursor the frames since then, else a welcome.
func (c *channel) servePoll(w sdk.WebhookWriter, r *http.Request) {
	query := r.URL.Query()
	s, ok := c.speakerOf(w, r, cutText(query.Get("channel"), maxName), false)
	if !ok {
		return
	}
	if after, ok := c.limits.polls.take(s.client); !ok {
		problem(w, http.StatusTooManyRequests, tooMany, inSeconds(after))
		return
	}
	since, from, cursor := positionOf(query.Get("since")), positionOf(query.Get("from")), positionOf(query.Get("cursor"))
	if s.visitor == "" {
		welcome, _ := c.welcome(r.Context(), nil, since, s.place) // nothing is asked that could fail
		answer(w, http.StatusOK, framesAnswer{Frames: frames(encode(welcome))})
		return
	}
	v := c.visits.acquire(s.visitor)
	if v == nil {
		problem(w, http.StatusTooManyRequests, tooMany, tryAgainAfter)
		return
	}
	defer c.visits.release(v)
	if !v.await(r.Context(), maxWait) {
		problem(w, http.StatusServiceUnavailable, restart, tryAgainAfter)
		return
	}
	wait := waitOf(r.Context(), query.Get("wait"))
	if since != "" && cursor == "" {
		// A panel that knows positions only: wait for a newer one, then show it the page.
		v.mu.Lock()
		if v.last == since {
			cursor = v.epoch + "." + strconv.FormatUint(v.next, 10)
		}
		v.mu.Unlock()
		if cursor != "" {
			c.waitFor(r.Context(), v, cursor, wait)
		}
	} else if cursor != "" {
		if list, known := c.waitFor(r.Context(), v, cursor, wait); known {
			next := advance(cursor, len(list))
			answer(w, http.StatusOK, framesAnswer{Frames: frames(list...), Cursor: next})
			return
		}
	}
	next := v.cursor() // before the history is read: rather told twice than never
	welcome, err := c.welcome(r.Context(), v, since, s.place)
	if err != nil {
		problem(w, http.StatusServiceUnavailable, restart, tryAgainAfter)
		return
	}
	list := append([][]byte{encode(welcome)}, c.changedBefore(r.Context(), v, from, &welcome)...)
	answer(w, http.StatusOK, framesAnswer{Frames: frames(list...), Cursor: next})
}

// advance moves a cursor, which is known to be one, by so many frames.
func advance(cursor string, by int) string {
	epoch, number, _ := strings.Cut(cursor, ".")
	from, _ := strconv.ParseUint(number, 10, 64)
	return epoch + "." + strconv.FormatUint(from+uint64(by), 10) //nolint:gosec // a length
}

// waitOf is how long a poll may wait: as asked, at most a second, and so that its deadline leaves room for the answer.
func waitOf(ctx context.Context, asked string) time.Duration {
	seconds, err := strconv.ParseFloat(asked, 64)
	if err != nil || !(seconds > 0) {
		return 0
	}
	wait := time.Duration(min(seconds, maxWait.Seconds()) * float64(time.Second))
	if deadline, ok := ctx.Deadline(); ok {
		wait = min(wait, time.Until(deadline)-waitReserve)
	}
	return max(wait, 0)
}

// waitFor returns the frames after a cursor; when there are none it waits for the first. Only so many polls may wait:
// they take the host's slots from other requests of the account. The others get what there is.
func (c *channel) waitFor(ctx context.Context, v *visit, cursor string, wait time.Duration) (list [][]byte, known bool) {
	list, changed, known := v.since(cursor)
	if !known || len(list) > 0 || wait <= 0 {
		return list, known
	}
	select {
	case c.waiting <- struct{}{}:
		defer func() { <-c.waiting }()
	default:
		return nil, true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-changed:
	case <-timer.C:
	case <-ctx.Done():
	case <-v.ctx.Done():
	}
	list, _, known = v.since(cursor)
	return list, known
}
