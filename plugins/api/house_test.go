package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"google.golang.org/protobuf/types/known/timestamppb"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk/sdktest"
)

const (
	account    = "shop"
	accountURL = "https://desk.example.com/channels/" + account
)

// clock is the time of a test. It goes on only when it is told to.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// house is a plugin with an open account, and a check of every exchange against the document.
type house struct {
	*sdktest.Plugin
	t      *testing.T
	clock  *clock
	router routers.Router
}

func openHouse(t *testing.T, settings map[string]any) *house {
	t.Helper()
	h := &house{t: t, clock: newClock()}
	p := Plugin
	p.Clock = h.clock.Now
	h.Plugin = sdktest.Start(t, p)
	h.reopen(settings)
	loader := openapi3.NewLoader()
	loaded, err := loader.LoadFromData([]byte(document))
	if err != nil {
		t.Fatal(err)
	}
	if err := loaded.Validate(context.Background()); err != nil {
		t.Fatalf("the document is not valid: %v", err)
	}
	loaded.Servers = openapi3.Servers{{URL: accountURL}}
	if h.router, err = legacy.NewRouter(loaded); err != nil {
		t.Fatal(err)
	}
	return h
}

// reopen opens the account with settings beside the token.
func (h *house) reopen(settings map[string]any) {
	h.t.Helper()
	all := map[string]any{"token": testToken}
	for key, value := range settings {
		all[key] = value
	}
	h.Open(h.t, account, all)
}

// call makes a request with the token, and checks the answer against the document.
func (h *house) call(method, path, body string, headers ...string) (*channelv1.HTTPResponse, map[string]any) {
	h.t.Helper()
	return h.callAs(method, path, body, append([]string{"Authorization", "Bearer " + testToken, "Content-Type", "application/json"}, headers...)...)
}

// callAs makes a request with these headers only.
func (h *house) callAs(method, path, body string, headers ...string) (*channelv1.HTTPResponse, map[string]any) {
	h.t.Helper()
	bare, query, _ := cutQuery(path)
	r := &channelv1.HTTPRequest{
		Account: account, Method: method, Path: bare, RawQuery: query, Url: accountURL + "/" + path, Body: []byte(body),
		ReceivedAt: timestamppb.New(h.clock.Now()), RemoteAddress: "192.0.2.1",
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i+1] != "" {
			r.Headers = append(r.Headers, &channelv1.Header{Name: headers[i], Value: headers[i+1]})
		}
	}
	ctx, cancel := context.WithTimeout(h.t.Context(), 10*time.Second)
	defer cancel()
	response, err := h.Webhook.HandleHTTP(ctx, r)
	if err != nil {
		h.t.Fatalf("%s %s: %v", method, path, err)
	}
	h.documented(r, response)
	var shown map[string]any
	if err := json.Unmarshal(response.GetBody(), &shown); err != nil {
		h.t.Errorf("%s %s: the answer is no JSON object: %q", method, path, response.GetBody())
	}
	return response, shown
}

func cutQuery(path string) (bare, query string, found bool) {
	u, err := url.Parse(path)
	if err != nil {
		return path, "", false
	}
	return u.EscapedPath(), u.RawQuery, u.RawQuery != ""
}

// documented checks an exchange: what was accepted must be allowed, and every answer described.
func (h *house) documented(r *channelv1.HTTPRequest, response *channelv1.HTTPResponse) {
	h.t.Helper()
	request := httptest.NewRequest(r.GetMethod(), r.GetUrl(), bytes.NewReader(r.GetBody()))
	for _, header := range r.GetHeaders() {
		request.Header.Add(header.GetName(), header.GetValue())
	}
	route, parameters, err := h.router.FindRoute(request)
	if err != nil {
		return // what is not there is not described
	}
	options := &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc, IncludeResponseStatus: true}
	input := &openapi3filter.RequestValidationInput{Request: request, PathParams: parameters, Route: route, Options: options}
	if response.GetStatus() < 300 {
		if err := openapi3filter.ValidateRequest(context.Background(), input); err != nil {
			h.t.Errorf("%s %s was accepted, and the document does not allow it: %v", r.GetMethod(), r.GetPath(), err)
		}
	}
	header := http.Header{}
	for _, line := range response.GetHeaders() {
		header.Add(line.GetName(), line.GetValue())
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: input, Status: int(response.GetStatus()), Header: header, Body: io.NopCloser(bytes.NewReader(response.GetBody())), Options: options,
	})
	if err != nil {
		h.t.Errorf("%s %s answers %d, which the document does not describe: %v", r.GetMethod(), r.GetPath(), response.GetStatus(), err)
	}
}

// send gives a message to Send.
func (h *house) send(id, text string, change ...func(*channelv1.SendRequest)) *channelv1.SendResponse {
	h.t.Helper()
	r := &channelv1.SendRequest{
		Account: account, OutboxId: id, Text: text, Thread: &channelv1.Thread{Id: "customer:ada", Kind: "user"},
		Recipient: &channelv1.Identity{Kind: "customer", Value: "ada", Scoped: true}, Author: &channelv1.Author{Kind: channelv1.Author_AGENT, Name: "Anna"},
	}
	for _, c := range change {
		c(r)
	}
	response, err := h.Channel.Send(h.t.Context(), r)
	if err != nil {
		h.t.Fatalf("send: %v", err)
	}
	return response
}

// signal passes something on.
func (h *house) signal(r *channelv1.SignalRequest) {
	h.t.Helper()
	r.Account, r.Thread = account, &channelv1.Thread{Id: "customer:ada", Kind: "user"}
	r.Recipient = &channelv1.Identity{Kind: "customer", Value: "ada", Scoped: true}
	if _, err := h.Signals.Signal(h.t.Context(), r); err != nil {
		h.t.Fatalf("signal: %v", err)
	}
}

// await waits until a condition holds.
func (h *house) await(what string, holds func() bool) {
	h.t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !holds() {
		if time.Now().After(deadline) {
			h.t.Fatalf("it did not come to this: %s", what)
		}
		time.Sleep(2 * time.Millisecond) // between two looks
	}
}

// program is a fake of the user's program: it takes webhooks and answers as it is told.
type program struct {
	*httptest.Server
	mu     sync.Mutex
	answer func(w http.ResponseWriter, n int) // of the n-th request, from 1; nil: 204
	got    []webhook
}

// webhook is what came in one request.
type webhook struct {
	header http.Header
	body   []byte
	delivery
}

func newProgram(t *testing.T) *program {
	p := &program{}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *program) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	came := webhook{header: r.Header, body: body}
	_ = json.Unmarshal(body, &came.delivery)
	p.mu.Lock()
	p.got = append(p.got, came)
	n, answer := len(p.got), p.answer
	p.mu.Unlock()
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return
	}
	answer(w, n)
}

func (p *program) reply(answer func(w http.ResponseWriter, n int)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.answer = answer
}

func (p *program) came() []webhook {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]webhook(nil), p.got...)
}

func (p *program) settings() map[string]any {
	return map[string]any{"webhook_url": p.URL + "/hook", "webhook_secret": testSecret}
}
