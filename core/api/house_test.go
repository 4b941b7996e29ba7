package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/getkin/kin-openapi/routers/legacy"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/blob"
	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/memkv"
	"github.com/guichet/guichet/core/live"
	"github.com/guichet/guichet/core/store"
)

// house is a whole server over memory, with a real desk, a real store, real sign-ins, and channels that only listen.
type house struct {
	t        *testing.T
	server   *Server
	http     *httptest.Server
	store    *store.Store
	desk     *desk.Desk
	auth     *auth.Auth
	hub      *live.Hub
	blobs    *blob.Store
	signer   *blob.Signer
	channels *listeningChannels
	router   routers.Router
	keys     map[string]string // agent → API key
	ready    error
	config   Configuration
	kv       kv.DB
}

const testPassword = "a long enough password"

func testSetup() *core.Setup {
	agents := map[string]*core.Agent{
		"ada":  {ID: "ada", Email: "ada@example.com", Name: "Ada", Role: core.AgentRole, Capacity: 4, Presence: core.Available},
		"ben":  {ID: "ben", Email: "ben@example.com", Name: "Ben", Role: core.AgentRole, Capacity: 4, Presence: core.Available},
		"cleo": {ID: "cleo", Email: "cleo@example.com", Name: "Cleo", Role: core.AgentRole, Capacity: 4, Presence: core.Available},
		"sue":  {ID: "sue", Email: "sue@example.com", Name: "Sue", Role: core.Supervisor, Capacity: 4, Presence: core.Available},
		"root": {ID: "root", Email: "root@example.com", Name: "Root", Role: core.Administrator, Capacity: 4, Presence: core.Available},
	}
	return &core.Setup{
		Revision: 7,
		Accounts: map[string]*core.Account{
			"shop": {ID: "shop", Plugin: "line", Name: "Shop", Settings: map[string]any{"channel_secret": "hush-hush"}},
			"a b":  {ID: "a b", Plugin: "line", Name: "Spaced", Retired: true},
		},
		Channels: map[string]*core.Channel{"shop-line": {ID: "shop-line", Account: "shop", Workstream: "chat", FromAgent: true, FromCustomer: true}},
		Workstreams: map[string]*core.Workstream{"chat": {
			ID: "chat", Plugin: "line", Persistent: true, Distribution: core.Push, PickFromPush: true, Capacity: 1, FallbackQueue: "sales",
			AllowedPresences: []core.Presence{core.Available}, OfferTimeout: time.Hour, DeclinesAllowed: 1,
		}},
		Queues: map[string]*core.Queue{
			"sales":   {ID: "sales", Name: "Sales", Members: []string{"ada", "ben"}, Assignment: "highest-capacity"},
			"support": {ID: "support", Name: "Support", Members: []string{"cleo"}, Assignment: "highest-capacity"},
		},
		Agents: agents,
	}
}

// listeningChannels accepts everything that is sent and answers callbacks as a test tells it.
type listeningChannels struct {
	mu           sync.Mutex
	sent         []string
	fail         bool
	limit        core.TextLimit
	restarted    atomic.Int32
	translations core.Translations
	handle       func(account string, r channel.Request) (channel.Response, error)
}

func (c *listeningChannels) Send(_ context.Context, out *core.Outgoing) core.Outcome {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fail {
		return core.Outcome{Kind: core.OutcomeRejected, Cause: "content", Reason: "the provider does not like it"}
	}
	c.sent = append(c.sent, out.Message.Text)
	return core.Outcome{Kind: core.OutcomeAccepted, ExternalIDs: []string{"x-" + out.Entry.ID}}
}
func (c *listeningChannels) FetchMedia(context.Context, string, string, int64, func(core.MediaHead) (io.Writer, error)) core.FetchOutcome {
	return core.FetchOutcome{Gone: true, Reason: "expired"}
}
func (c *listeningChannels) TextLimit(string) core.TextLimit { return c.limit }
func (c *listeningChannels) FetchProfile(context.Context, string, core.IdentityKey, core.Thread) (*core.Profile, error) {
	return nil, nil
}
func (c *listeningChannels) Signal(context.Context, string, core.Thread, core.IdentityKey, core.Signal) {
}
func (c *listeningChannels) HandleHTTP(_ context.Context, account string, r channel.Request) (channel.Response, error) {
	return c.handle(account, r)
}
func (c *listeningChannels) Status() []channel.PluginStatus {
	return []channel.PluginStatus{{
		Name: "line", Version: "1.0.0", Kind: channel.KindBuiltIn, State: channel.Running, PID: 42, Uptime: time.Minute, Accounts: []channel.AccountStatus{{ID: "shop", Problem: "no token"}},
		LastExit: &channel.Exit{After: time.Minute, Reason: "exit status 2", Output: "panic: out of ink"},
	}}
}
func (c *listeningChannels) Restart(plugin string) error {
	if plugin != "line" {
		return core.Errorf(core.NotFound, "there is no plugin %s", plugin)
	}
	c.restarted.Add(1)
	return nil
}
func (c *listeningChannels) Log(plugin string, after uint64, _ int) ([]channel.Line, bool) {
	if after == 0 {
		return []channel.Line{{Number: 1, Text: "out of ink"}, {Number: 2, Text: "bye"}}, plugin == "line"
	}
	return nil, plugin == "line"
}
func (c *listeningChannels) Translations(string) core.Translations { return c.translations }
func (c *listeningChannels) Validate(context.Context, string) []core.Check {
	return []core.Check{{Name: "token", Title: "Access token", State: core.CheckFailed, Detail: "refused", Fix: "Paste a new one."}}
}

func newHouse(t *testing.T, adjust ...func(*Options)) *house {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	h := &house{t: t, channels: &listeningChannels{}, keys: map[string]string{}, kv: memkv.New()}
	var err error
	h.store, err = store.Open(ctx, h.kv, store.Options{})
	check(t, err)
	h.blobs, err = blob.Open(t.TempDir(), nil)
	check(t, err)
	h.signer = blob.NewSigner([]byte("0123456789abcdef0123456789abcdef"), nil)
	h.desk = desk.New(desk.Options{Store: h.store, Channels: h.channels, Blobs: h.blobs, Setup: testSetup()})
	check(t, h.desk.Start(ctx))
	h.hub = live.New(live.Options{Store: h.store, Setup: h.desk.Setup, Connected: h.desk.Connected, Disconnected: h.desk.Disconnected})
	h.auth = auth.New(auth.Options{Store: h.store, Setup: h.desk.Setup, Ended: h.hub.End})
	var running sync.WaitGroup
	running.Go(func() { h.hub.Run(ctx) })
	o := Options{
		Store: h.store, Desk: h.desk, Auth: h.auth, Hub: h.hub, Channels: h.channels, Blobs: h.blobs, Grants: h.signer,
		Callbacks:     func(string) []Callback { return []Callback{{Path: "callback", Title: "Webhook URL"}} },
		Configuration: func() Configuration { return h.config }, Ready: func(context.Context) error { return h.ready },
		Metrics: prometheus.NewRegistry(), PublicURL: "https://desk.example.com",
	}
	h.config = Configuration{Revision: 7, Banner: "Look at the file.", Problems: []ConfigurationProblem{{Path: "queue", Line: 3, Column: 1, Problem: "no members", Severity: SeverityError}}}
	for _, fn := range adjust {
		fn(&o)
	}
	h.server, err = New(o)
	check(t, err)
	h.http = httptest.NewServer(h.server)
	t.Cleanup(func() {
		h.hub.Close()
		h.http.Close()
		check(t, h.server.Close(ctx))
		h.desk.Stop()
		cancel()
		running.Wait()
		check(t, h.kv.Close())
	})
	h.router = describedRouter(t, h.server)
	for id := range testSetup().Agents {
		key, _, err := h.auth.CreateKey(ctx, auth.Actor{Agent: "system"}, id, "test")
		check(t, err)
		h.keys[id] = key
	}
	return h
}

// describedRouter loads the description as any client would, and fails when it is not valid.
func describedRouter(t *testing.T, s *Server) routers.Router {
	t.Helper()
	raw, err := json.Marshal(s.describe())
	check(t, err)
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	check(t, err)
	check(t, doc.Validate(context.Background()))
	router, err := legacy.NewRouter(doc)
	check(t, err)
	return router
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// reply is an answer of the server.
type reply struct {
	status int
	header http.Header
	body   []byte
}

func (r *reply) json(t *testing.T) map[string]any {
	t.Helper()
	var v map[string]any
	if err := json.Unmarshal(r.body, &v); err != nil {
		t.Fatalf("not JSON: %s", r.body)
	}
	return v
}

// call asks as an agent ("" is nobody) and checks the answer against the description.
func (h *house) call(who, method, path, body string, headers ...string) *reply {
	h.t.Helper()
	req, err := http.NewRequest(method, h.http.URL+path, strings.NewReader(body))
	check(h.t, err)
	if who != "" {
		req.Header.Set("Authorization", "Bearer "+h.keys[who])
	}
	for i := 0; i+1 < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return h.send(req)
}

func (h *house) send(req *http.Request) *reply {
	h.t.Helper()
	client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	res, err := client.Do(req)
	check(h.t, err)
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	check(h.t, err)
	h.described(req, res, body)
	return &reply{status: res.StatusCode, header: res.Header, body: body}
}

// described checks an answer against the description; what the description does not name must not exist.
func (h *house) described(req *http.Request, res *http.Response, body []byte) {
	h.t.Helper()
	if !strings.HasPrefix(req.URL.Path, "/api/") || req.Method == http.MethodHead {
		return
	}
	plain := req.Clone(req.Context())
	plain.URL.Host, plain.URL.Scheme, plain.Host = "", "", ""
	route, parameters, err := h.router.FindRoute(plain)
	if err != nil {
		if res.StatusCode != http.StatusNotFound && res.StatusCode != http.StatusMethodNotAllowed {
			h.t.Errorf("%s %s answered %d but is not described: %v", req.Method, req.URL.Path, res.StatusCode, err)
		}
		return
	}
	err = openapi3filter.ValidateResponse(context.Background(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: &openapi3filter.RequestValidationInput{Request: plain, PathParams: parameters, Route: route},
		Status:                 res.StatusCode, Header: res.Header, Body: io.NopCloser(bytes.NewReader(body)),
		Options: &openapi3filter.Options{IncludeResponseStatus: true, MultiError: true},
	})
	if err != nil {
		h.t.Errorf("%s %s: the answer (%d) is not as described: %v\n%s", req.Method, req.URL.Path, res.StatusCode, err, body)
	}
}

// customerWrites brings a message in and waits until the router has dealt with it.
func (h *house) customerWrites(user, words string) core.ID {
	h.t.Helper()
	now := time.Now()
	_, _, err := h.desk.Receive(context.Background(), []core.Inbound{{
		Account: "shop", Kind: core.InMessage, ID: user + words, OccurredAt: now, ReceivedAt: now,
		Thread:  core.Thread{ID: user, Kind: "user"},
		Sender:  core.Sender{Name: user, Identities: []core.SenderIdentity{{IdentityKey: core.IdentityKey{Scope: "shop", Kind: "line-user", Value: user}}}},
		Message: &core.InboundMessage{ExternalID: "ext-" + user + words, Kind: "text", Text: words},
	}}, nil)
	check(h.t, err)
	var found core.ID
	h.eventually("the message is routed", func() bool {
		done := false
		check(h.t, h.store.View(context.Background(), func(tx *store.Tx) error {
			c, err := tx.OngoingConversation("shop", "shop-line", core.Thread{ID: user, Kind: "user"})
			if err != nil || c == nil {
				return err
			}
			mark, err := tx.HasRouteMark(c.ID)
			found, done = c.ID, !mark && c.Queue != ""
			return err
		}))
		return done
	})
	return found
}

// eventually waits for a condition that other goroutines bring about.
func (h *house) eventually(what string, ok func() bool) {
	h.t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for !ok() {
		if time.Now().After(deadline) {
			h.t.Fatalf("it never came about that %s", what)
		}
		time.Sleep(time.Millisecond)
	}
}

// listener is a bound port for tests that serve by themselves.
func listener(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	return l
}
