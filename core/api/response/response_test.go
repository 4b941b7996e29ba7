package response

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

type later struct{ error }

func (later) RetryAfter() time.Duration { return 90*time.Second + time.Millisecond }

func TestProblems(t *testing.T) {
	secret := errors.New("password=hunter2")
	for _, test := range []struct {
		err    error
		status int
		code   string
		detail string
		field  string
		retry  string
	}{
		{core.Errorf(core.NotFound, "there is no queue %q", "x"), 404, "not-found", `There is no queue "x".`, "", ""},
		{core.FieldErrorf("of.name", "too long"), 400, "invalid", "Too long.", "of.name", ""},
		{core.Errorf(core.Conflict, "it has changed: %w", secret), 409, "conflict", "It has changed.", "", ""},
		{fmt.Errorf("wrapped: %w", core.Errorf(core.Gone, "it is over!")), 410, "gone", "It is over!", "", ""},
		{core.Errorf(core.Forbidden, "no"), 403, "forbidden", "No.", "", ""},
		{core.Errorf(core.Unauthorized, "no"), 401, "unauthorized", "No.", "", ""},
		{&core.Error{Code: core.RateLimited, Message: "Wait.", Cause: later{secret}}, 429, "rate-limited", "Wait.", "", "91"},
		{core.Errorf(core.Unavailable, "down: %w", secret), 503, "unavailable", "Down.", "", "2"},
		{core.Errorf(core.StorageFull, "full"), 507, "storage-full", "Full.", "", ""},
		{fmt.Errorf("update: %w", kv.ErrFull), 507, "storage-full", "The disk is full: nothing was stored.", "", ""},
		{kv.ErrClosed, 503, "unavailable", "This could not be done in time; try again.", "", "2"},
		{context.DeadlineExceeded, 503, "unavailable", "This could not be done in time; try again.", "", "2"},
		{&http.MaxBytesError{Limit: 7}, 413, "too-large", "The request is larger than the 7 bytes allowed.", "", ""},
		{core.Errorf(core.TooLarge, "too much"), 413, "too-large", "Too much.", "", ""},
		{secret, 500, "internal", "Something went wrong here; the log tells more.", "", ""},
		{core.Errorf("made-up", "odd"), 500, "made-up", "Odd.", "", ""},
	} {
		w := httptest.NewRecorder()
		ProblemOf(test.err).Write(w, "r1", test.err)
		var got Problem
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil {
			t.Fatal(err)
		}
		want := Problem{
			Type: "urn:guichet:problem:" + test.code, Title: http.StatusText(test.status), Status: test.status, Detail: test.detail,
			Code: test.code, Field: test.field, Instance: "urn:guichet:request:r1",
		}
		if diff := cmp.Diff(want, got); diff != "" || w.Code != test.status {
			t.Errorf("%v: status %d %s", test.err, w.Code, diff)
		}
		if got := w.Header().Get("Retry-After"); got != test.retry {
			t.Errorf("%v: Retry-After %q, want %q", test.err, got, test.retry)
		}
		if strings.Contains(w.Body.String(), "hunter2") {
			t.Errorf("the cause is shown: %s", w.Body)
		}
	}
}

func TestFiles(t *testing.T) {
	for _, test := range []struct{ name, contentType, wantType, wantDisposition string }{
		{"a.png", "image/png", "image/png", `inline; filename=a.png`},
		{"a.svg", "image/svg+xml", "application/octet-stream", `attachment; filename=a.svg`},
		{"a.html", "text/html", "application/octet-stream", `attachment; filename=a.html`},
		{"a.txt", "text/plain; charset=latin1", "text/plain; charset=utf-8", `inline; filename=a.txt`},
		{"a.pdf", "application/pdf", "application/pdf", `attachment; filename=a.pdf`},
		{"", "nonsense/", "application/octet-stream", "attachment"},
		{"a\r\nSet-Cookie: x=1\".png", "image/png", "image/png", `inline; filename="a__Set-Cookie: x=1\".png"`},
		{"../../été.png", "image/png", "image/png", `inline; filename*=utf-8''.._.._%C3%A9t%C3%A9.png`},
	} {
		w := httptest.NewRecorder()
		File(w, httptest.NewRequest("GET", "/", nil), test.name, test.contentType, "tag", strings.NewReader("<script>"))
		if got := w.Header().Get("Content-Type"); got != test.wantType {
			t.Errorf("%q: type %q, want %q", test.name, got, test.wantType)
		}
		if got := w.Header().Get("Content-Disposition"); got != test.wantDisposition {
			t.Errorf("%q: %s, want %s", test.name, got, test.wantDisposition)
		}
		if w.Header().Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(w.Header().Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%q may run: %v", test.name, w.Header())
		}
	}
}

func TestJSONFailsBeforeItWrites(t *testing.T) {
	w := httptest.NewRecorder()
	if err := JSON(w, 200, make(chan int)); err == nil || w.Body.Len() > 0 {
		t.Errorf("%v, written %q", err, w.Body)
	}
	w = httptest.NewRecorder()
	if err := Page[int](w, nil, "x"); err != nil || w.Body.String() != `{"items":[],"next":"x"}`+"\n" {
		t.Errorf("%v %q", err, w.Body)
	}
}
