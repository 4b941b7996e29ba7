package linetest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// clock is a time that only the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func start(t *testing.T, opts Options) *Platform {
	t.Helper()
	p, err := New(opts)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Close)
	return p
}

// call makes a call of the Messaging API, with the long-lived token unless headers say otherwise.
func call(t *testing.T, p *Platform, path, body string, headers ...string) (int, map[string]any, http.Header) {
	t.Helper()
	method := http.MethodPost
	if body == "" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(t.Context(), method, p.URL()+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.opts.AccessToken)
	for i := 0; i < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	res, err := p.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var answer map[string]any
	if json.Unmarshal(raw, &answer) != nil {
		answer = map[string]any{"text": string(raw)}
	}
	return res.StatusCode, answer, res.Header
}

const key = "0191d2b0-3c00-7000-8000-000000000001"

func pushBody(to, text string) string {
	return fmt.Sprintf(`{"to":%q,"messages":[{"type":"text","text":%q}]}`, to, text)
}

func replyTo(token string) string {
	return fmt.Sprintf(`{"replyToken":%q,"messages":[{"type":"text","text":"hello"}]}`, token)
}

func TestReplyTokensWorkOnceAndForAMinute(t *testing.T) {
	c := &clock{now: time.UnixMilli(1790000000000)}
	p := start(t, Options{Now: c.Now})
	ann := p.NewCustomer("Ann")
	first, second, third := ann.Next(), ann.Next(), ann.Next()
	want := func(token string, status int) {
		t.Helper()
		if got, answer, _ := call(t, p, "/v2/bot/message/reply", replyTo(token)); got != status {
			t.Errorf("%d %v, want %d", got, answer, status)
		}
	}
	want(first.ReplyToken, 200)
	want(first.ReplyToken, 400)
	want("made up", 400)
	c.add(59 * time.Second)
	want(second.ReplyToken, 200)
	c.add(time.Second)
	want(third.ReplyToken, 400)
	// A redelivery gives another minute, up to twenty minutes after the event.
	p.Redelivered(third)
	c.add(59 * time.Second)
	want(third.ReplyToken, 200)
	late := ann.Next()
	c.add(19*time.Minute + 30*time.Second)
	p.Redelivered(late)
	c.add(31 * time.Second)
	want(late.ReplyToken, 400)
	if sent := p.Sent(ann.ID); len(sent) != 3 || !sent[0].Reply || sent[2].Seq != 3 {
		t.Errorf("sent %+v", sent)
	}
}

func TestRetryKeys(t *testing.T) {
	c := &clock{now: time.UnixMilli(1790000000000)}
	p := start(t, Options{Now: c.Now})
	ann := p.NewCustomer("Ann")
	_, first, header := call(t, p, "/v2/bot/message/push", pushBody(ann.ID, "x"), "X-Line-Retry-Key", key)
	accepted := header.Get("X-Line-Request-Id")
	status, again, header := call(t, p, "/v2/bot/message/push", pushBody(ann.ID, "x"), "X-Line-Retry-Key", key)
	if status != 409 || header.Get("X-Line-Accepted-Request-Id") != accepted {
		t.Errorf("%d %v %v", status, again, header)
	}
	if diff := cmp.Diff(first["sentMessages"], again["sentMessages"]); diff != "" {
		t.Errorf("the repeat has other ids: %s", diff)
	}
	if len(p.Violations()) != 0 {
		t.Errorf("%q", p.Violations())
	}
	if status, _, _ := call(t, p, "/v2/bot/message/push", pushBody(ann.ID, "y"), "X-Line-Retry-Key", key); status != 409 || len(p.Violations()) != 1 {
		t.Errorf("another text under the same key: %d %q", status, p.Violations())
	}
	c.add(24 * time.Hour)
	if status, _, _ := call(t, p, "/v2/bot/message/push", pushBody(ann.ID, "x"), "X-Line-Retry-Key", key); status != 200 {
		t.Errorf("after a day: %d", status)
	}
	if len(p.Sent(ann.ID)) != 2 {
		t.Errorf("sent %+v", p.Sent(ann.ID))
	}
}

func TestRefusals(t *testing.T) {
	p := start(t, Options{})
	ann := p.NewCustomer("Ann")
	object := func(o string) string { return `{"to":"` + ann.ID + `","messages":[` + o + `]}` }
	for what, test := range map[string]struct {
		path, body string
		headers    []string
		want       int
	}{
		"no token":           {"/v2/bot/message/push", pushBody(ann.ID, "x"), []string{"Authorization", ""}, 401},
		"another token":      {"/v2/bot/message/push", pushBody(ann.ID, "x"), []string{"Authorization", "Bearer x"}, 401},
		"retry key on reply": {"/v2/bot/message/reply", replyTo(ann.Next().ReplyToken), []string{"X-Line-Retry-Key", key}, 400},
		"bad retry key":      {"/v2/bot/message/push", pushBody(ann.ID, "x"), []string{"X-Line-Retry-Key", "1"}, 400},
		"not JSON":           {"/v2/bot/message/push", "{", nil, 400},
		"nothing":            {"/v2/bot/message/push", object(""), nil, 400},
		"six":                {"/v2/bot/message/push", object(strings.Repeat(`{"type":"text","text":"x"},`, 5) + `{"type":"text","text":"x"}`), nil, 400},
		"blank text":         {"/v2/bot/message/push", pushBody(ann.ID, " "), nil, 400},
		"long text":          {"/v2/bot/message/push", pushBody(ann.ID, strings.Repeat("🍎", 2501)), nil, 400},
		"longest text":       {"/v2/bot/message/push", pushBody(ann.ID, strings.Repeat("🍎", 2500)), nil, 200},
		"unknown type":       {"/v2/bot/message/push", object(`{"type":"file"}`), nil, 400},
		"image over http":    {"/v2/bot/message/push", object(`{"type":"image","originalContentUrl":"http://a.example/a","previewImageUrl":"https://a.example/a"}`), nil, 400},
		"image":              {"/v2/bot/message/push", object(`{"type":"image","originalContentUrl":"https://a.example/a","previewImageUrl":"https://a.example/a"}`), nil, 200},
		"silent audio":       {"/v2/bot/message/push", object(`{"type":"audio","originalContentUrl":"https://a.example/a"}`), nil, 400},
		"sender's name":      {"/v2/bot/message/push", object(`{"type":"text","text":"x","sender":{"name":"LINE"}}`), nil, 400},
		"stranger":           {"/v2/bot/message/push", pushBody("U0123456789abcdef0123456789abcdef", "x"), nil, 400},
		"too much":           {"/v2/bot/message/push", pushBody(ann.ID, strings.Repeat("x", maxBody)), nil, 413},
		"no such call":       {"/v2/bot/message/telepathy", "{}", nil, 404},
	} {
		if got, answer, _ := call(t, p, test.path, test.body, test.headers...); got != test.want {
			t.Errorf("%s: %d %v, want %d", what, got, answer, test.want)
		}
	}
}

// The schemas find what the checks above leave out; see Spec about why they need help.
func TestSpecFindsBadMessages(t *testing.T) {
	const dir = "../../../../shared/specs/line"
	if _, err := os.Stat(filepath.Join(dir, "messaging-api.yml")); err != nil {
		t.Skip("LINE's API description is not beside the project")
	}
	spec, err := LoadSpec(filepath.Join(dir, "messaging-api.yml"))
	if err != nil {
		t.Fatal(err)
	}
	for message, good := range map[string]bool{
		`{"type":"text","text":"x"}`: true,
		`{"type":"text"}`:            false,
		`{"type":"nope"}`:            false,
		`{"text":"x"}`:               false,
		`"x"`:                        false,
		`{"type":"image","originalContentUrl":"https://a"}`:                                              false,
		`{"type":"video","originalContentUrl":"https://a"}`:                                              false,
		`{"type":"audio","originalContentUrl":"https://a"}`:                                              false,
		`{"type":"text","text":"x","sender":{"name":7}}`:                                                 false,
		`{"type":"text","text":"x","quickReply":{"items":[{"type":"action","action":{"type":"nope"}}]}}`: false,
	} {
		err := spec.CheckJSON("PushMessageRequest", []byte(`{"to":"U1","messages":[`+message+`]}`))
		if (err == nil) != good {
			t.Errorf("%s: %v", message, err)
		}
	}
	if spec.CheckJSON("PushMessageRequest", []byte(`{"messages":[{"type":"text","text":"x"}]}`)) == nil {
		t.Error("a push to nobody passes")
	}
	if spec.CheckJSON("NoSuchRequest", []byte(`{}`)) == nil {
		t.Error("an unknown schema passes")
	}
	if !spec.Visited(Variant{"Message", "text"}) || spec.Visited(Variant{"Message", "image"}) {
		t.Error("what was visited is not known")
	}
}

// Deliver repeats what was not taken, as a redelivery.
func TestDeliver(t *testing.T) {
	p := start(t, Options{ResendEvery: time.Microsecond})
	var bodies []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Header.Get("X-Line-Signature") != p.Sign(body) {
			t.Error("the signature is wrong")
		}
		bodies = append(bodies, string(body))
		if len(bodies) < 3 {
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	defer server.Close()
	event := p.NewCustomer("Ann").Next()
	n, err := p.Deliver(t.Context(), server.URL, event)
	if err != nil || n != 3 {
		t.Fatalf("%d, %v", n, err)
	}
	if !strings.Contains(bodies[0], `"isRedelivery":false`) || strings.Replace(bodies[0], `"isRedelivery":false`, `"isRedelivery":true`, 1) != bodies[2] {
		t.Errorf("sent %q", bodies)
	}
	server.Close()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Deliver(ctx, server.URL, event); err == nil {
		t.Error("delivered to nobody")
	}
}

func TestFaults(t *testing.T) {
	p := start(t, Options{})
	ann := p.NewCustomer("Ann")
	p.Inject(Fault{Path: "/v2/bot/info", Status: 418, Times: 2})
	p.Inject(Fault{Status: 500, Body: `{"message":"broken"}`})
	p.Inject(Fault{Accept: true, Drop: true})
	if status, answer, _ := call(t, p, "/v2/bot/message/push", pushBody(ann.ID, "x")); status != 500 || answer["message"] != "broken" {
		t.Errorf("%d %v", status, answer)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.URL()+"/v2/bot/message/push", strings.NewReader(pushBody(ann.ID, "kept")))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+p.opts.AccessToken)
	if res, err := p.client.Do(r); err == nil {
		res.Body.Close()
		t.Errorf("answered %d", res.StatusCode)
	}
	if sent := p.Sent(ann.ID); len(sent) != 1 || sent[0].Text() != "kept" {
		t.Errorf("sent %+v", sent)
	}
	for _, want := range []int{418, 418, 200} {
		if status, _, _ := call(t, p, "/v2/bot/info", ""); status != want {
			t.Errorf("%d, want %d", status, want)
		}
	}
	p.Inject(Fault{Status: 500, Times: -1})
	p.Heal()
	if status, _, _ := call(t, p, "/v2/bot/message/push", pushBody(ann.ID, "y")); status != 200 {
		t.Errorf("%d", status)
	}
}

// A call that hangs ends with its client, and with the platform.
func TestHang(t *testing.T) {
	p := start(t, Options{})
	p.Inject(Fault{Path: "/v2/bot/info", Hang: true})
	done := make(chan error, 1)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, p.URL()+"/v2/bot/info", nil)
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		res, err := p.client.Do(r)
		if err == nil {
			res.Body.Close()
		}
		done <- err
	}()
	for p.Requests() == 0 {
		select {
		case err := <-done:
			t.Fatalf("answered: %v", err)
		default:
		}
	}
	p.Close()
	if err := <-done; err == nil {
		t.Error("answered")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	var told atomic.Int64
	p := start(t, Options{KeepPerUser: 2, MaxRetryKeys: 10, MaxReplyTokens: 10, OnSent: func(Sent) { told.Add(1) }})
	ann := p.NewCustomer("Ann")
	for i := range 50 {
		ann.Next()
		call(t, p, "/v2/bot/message/push", pushBody(ann.ID, fmt.Sprint(i)), "X-Line-Retry-Key", fmt.Sprintf("%08d-0000-4000-8000-000000000000", i))
	}
	if sent := p.Sent(ann.ID); len(sent) != 2 || sent[1].Text() != "49" || p.Total() != 50 || told.Load() != 50 {
		t.Errorf("sent %+v, %d in all, told of %d", sent, p.Total(), told.Load())
	}
	if n := len(p.retries.young) + len(p.retries.old); n > 12 {
		t.Errorf("%d retry keys", n)
	}
	if n := len(p.replies.young) + len(p.replies.old); n > 12 {
		t.Errorf("%d reply tokens", n)
	}
}

func TestAwait(t *testing.T) {
	p := start(t, Options{})
	ann := p.NewCustomer("Ann")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := p.Await(ctx, ann.ID, 1); !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
	r := httptest.NewRequest(http.MethodPost, "/v2/bot/message/push", strings.NewReader(pushBody(ann.ID, "x")))
	r.Header.Set("Authorization", "Bearer "+p.opts.AccessToken)
	go p.ServeHTTP(httptest.NewRecorder(), r)
	sent, err := p.Await(t.Context(), ann.ID, 1)
	if err != nil || len(sent) != 1 {
		t.Errorf("%v, %v", sent, err)
	}
}

func TestGroups(t *testing.T) {
	p := start(t, Options{})
	group := p.NewGroup("group")
	event := group.In(p.NewCustomer("Ann").Next(), p)
	if event.Source.GroupID != group.ID || event.Source.UserID == "" {
		t.Errorf("%+v", event.Source)
	}
	if status, answer, _ := call(t, p, "/v2/bot/message/reply", replyTo(event.ReplyToken)); status != 200 || len(p.Sent(group.ID)) != 1 {
		t.Errorf("%d %v", status, answer)
	}
}

func BenchmarkPush(b *testing.B) {
	p, err := New(Options{KeepPerUser: -1})
	if err != nil {
		b.Fatal(err)
	}
	ann := p.NewCustomer("Ann")
	body := pushBody(ann.ID, strings.Repeat("x", 200))
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest(http.MethodPost, "/v2/bot/message/push", strings.NewReader(body))
		r.Header.Set("Authorization", "Bearer "+p.opts.AccessToken)
		w := httptest.NewRecorder()
		p.ServeHTTP(w, r)
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
