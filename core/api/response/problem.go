package response

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// Problem is an error as RFC 9457 shows it, with the stable code that scripts rely on.
type Problem struct {
	Type     string `json:"type"`
	Title    string `json:"title"`
	Status   int    `json:"status"`
	Detail   string `json:"detail,omitempty"`
	Code     string `json:"code"`
	Field    string `json:"field,omitempty"`
	Instance string `json:"instance,omitempty"` // names the request, as the log does
}

// Codes of problems that arise in HTTP itself, beside those of package core.
const (
	MethodNotAllowed = "method-not-allowed"
)

var statuses = map[core.Code]int{
	core.Invalid:      http.StatusBadRequest,
	core.Unauthorized: http.StatusUnauthorized,
	core.Forbidden:    http.StatusForbidden,
	core.NotFound:     http.StatusNotFound,
	core.Conflict:     http.StatusConflict,

	core.AnsweredMeanwhile: http.StatusConflict,
	core.Gone:              http.StatusGone,
	core.TooLarge:          http.StatusRequestEntityTooLarge,
	core.RateLimited:       http.StatusTooManyRequests,
	core.Unavailable:       http.StatusServiceUnavailable,
	core.StorageFull:       http.StatusInsufficientStorage,
	core.Internal:          http.StatusInternalServerError,
}

// retryAfter is told with failures that pass by themselves and say no time of their own.
const retryAfter = 2 * time.Second

// ProblemOf turns an error into a problem. Only what an Error says for people is shown; the rest is for the log.
func ProblemOf(err error) Problem {
	var e *core.Error
	var tooLarge *http.MaxBytesError
	switch {
	case errors.As(err, &tooLarge):
		e = core.Errorf(core.TooLarge, "the request is larger than the %d bytes allowed", tooLarge.Limit)
	case errors.Is(err, store.ErrFull):
		e = core.Errorf(core.StorageFull, "the disk is full: nothing was stored")
	case errors.As(err, &e):
	case errors.Is(err, store.ErrClosed), errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		e = core.Errorf(core.Unavailable, "this could not be done in time; try again")
	default:
		e = core.Errorf(core.Internal, "something went wrong here; the log tells more")
	}
	status, ok := statuses[e.Code]
	if !ok {
		status = http.StatusInternalServerError
	}
	return Problem{
		Type: "urn:guichet:problem:" + string(e.Code), Title: http.StatusText(status), Status: status,
		Detail: sentence(e.Message), Code: string(e.Code), Field: e.Field,
	}
}

// Write writes a problem. requestID names the request; err is consulted for when to try again.
func (p Problem) Write(w http.ResponseWriter, requestID string, err error) {
	if requestID != "" {
		p.Instance = "urn:guichet:request:" + requestID
	}
	body, fail := json.Marshal(p)
	if fail != nil {
		panic("response: " + fail.Error()) // strings always have a JSON form
	}
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	h.Set("Cache-Control", "no-store")
	switch p.Status {
	case http.StatusUnauthorized:
		h.Set("WWW-Authenticate", `Bearer realm="guichet"`)
	case http.StatusTooManyRequests, http.StatusServiceUnavailable:
		if h.Get("Retry-After") == "" {
			h.Set("Retry-After", strconv.Itoa(int(math.Ceil(wait(err).Seconds()))))
		}
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(append(body, '\n'))
}

func wait(err error) time.Duration {
	var timed interface{ RetryAfter() time.Duration }
	if errors.As(err, &timed) {
		return max(timed.RetryAfter(), time.Second)
	}
	return retryAfter
}

// sentence makes a message begin with a capital and end with a full stop.
func sentence(s string) string {
	if s == "" {
		return s
	}
	first, size := utf8.DecodeRuneInString(s)
	s = string(unicode.ToUpper(first)) + s[size:]
	if !strings.ContainsAny(s[len(s)-1:], ".!?") {
		s += "."
	}
	return s
}
