// Package telegramtest plays Telegram's Bot API for tests: updates that are confirmed by offset, one poller at a time,
// webhooks with their retries, files, limits and moved groups. It follows the official server where that is known
// (github.com/tdlib/telegram-bot-api, version 10.0). It knows nothing of the plugin.
//
// Start reading at [New] and [Platform.NewCustomer]; faults are played by [Platform.Inject].
package telegramtest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"mime/multipart"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Options change a platform; the zero value is good for most tests.
type Options struct {
	Listen        string // address to serve on; a free loopback port when ""
	Token         string // the bot's; one of its own when ""
	Username      string // of the bot; "shop_bot" when ""
	ReadsAll      bool   // the bot sees all messages of groups
	FirstUpdate   int64  // id of the first update; 700001 when 0
	PollAtMost    time.Duration
	ResendEvery   time.Duration // between deliveries that failed, at first; 20 ms when 0. Telegram's is 2 s, doubled up to 60–120 s
	SpecFile      string        // Telegram's description; every call is checked against it, "" for none
	KeepSent      int           // how many messages to a chat are remembered, the newest; all when 0
	Now           func() time.Time
	OnSent        func(Sent) // called for each accepted message, before its call is answered
	Client        *http.Client
	UploadsAtMost int64 // of a file; 50 MB when 0
}

// Platform is a fake Telegram with one bot. It is safe for concurrent use.
type Platform struct {
	opts     Options
	bot      int64
	spec     *Spec
	server   *http.Server
	listener net.Listener
	closing  chan struct{}
	once     sync.Once

	mu         sync.Mutex
	changed    *sync.Cond
	token      string
	queue      []*pending // unconfirmed updates, oldest first
	nextUpdate int64
	tail       int64 // id of the newest update ever
	polling    *poll
	polls      int
	confirmed  map[int64]bool
	hook       webhook
	chats      map[int64]*chat
	files      map[string]*File
	nextUser   int64
	nextFile   int
	sent       []Sent
	actions    []Action
	answered   map[string]int // callback queries, how often
	calls      map[string]int
	faults     []*Fault
	held       int
	requests   int
	violations []string
}

// New makes a platform and serves it on loopback until Close.
func New(opts Options) (*Platform, error) {
	if opts.Listen == "" {
		opts.Listen = "127.0.0.1:0"
	}
	if opts.Token == "" {
		opts.Token = "123456789:AAE-fake_token_of_a_bot_for_tests_0001"
	}
	if opts.Username == "" {
		opts.Username = "shop_bot"
	}
	if opts.FirstUpdate == 0 {
		opts.FirstUpdate = 700001
	}
	if opts.PollAtMost == 0 {
		opts.PollAtMost = 50 * time.Second
	}
	if opts.ResendEvery == 0 {
		opts.ResendEvery = 20 * time.Millisecond
	}
	if opts.UploadsAtMost == 0 {
		opts.UploadsAtMost = 50 << 20
	}
	if opts.Now == nil {
		opts.Now = time.Now
	}
	if opts.Client == nil {
		opts.Client = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 100}, Timeout: time.Minute}
	}
	id, _, _ := strings.Cut(opts.Token, ":")
	bot, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return nil, fmt.Errorf("telegramtest: the token %q does not begin with a bot's id", opts.Token)
	}
	p := &Platform{
		opts: opts, bot: bot, token: opts.Token, closing: make(chan struct{}), nextUpdate: opts.FirstUpdate, tail: opts.FirstUpdate - 1,
		confirmed: map[int64]bool{}, chats: map[int64]*chat{}, files: map[string]*File{}, nextUser: 5_000_000_000,
		answered: map[string]int{}, calls: map[string]int{},
	}
	p.changed = sync.NewCond(&p.mu)
	if opts.SpecFile != "" {
		if p.spec, err = LoadSpec(opts.SpecFile); err != nil {
			return nil, err
		}
	}
	if p.listener, err = net.Listen("tcp", opts.Listen); err != nil {
		return nil, fmt.Errorf("telegramtest: %w", err)
	}
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		// It returns when Close closes the server; there is nobody to tell anything else to.
		_ = p.server.Serve(p.listener)
	}()
	return p, nil
}

// URL is the base address, for the plugin's api_url.
func (p *Platform) URL() string { return "http://" + p.listener.Addr().String() }

// Token is the bot's token.
func (p *Platform) Token() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.token
}

// Revoke gives the bot another token: calls with the former one are refused.
func (p *Platform) Revoke(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.token = token
}

// Settings are the account settings that fit this platform, by their TOML names.
func (p *Platform) Settings(mode string) map[string]any {
	return map[string]any{"bot_token": p.Token(), "mode": mode, "api_url": p.URL()}
}

// Close stops serving and lets go of requests that hang.
func (p *Platform) Close() {
	p.once.Do(func() {
		close(p.closing)
		p.mu.Lock()
		p.hook = webhook{}
		if p.polling != nil {
			close(p.polling.replaced)
			p.polling = nil
		}
		p.changed.Broadcast()
		p.mu.Unlock()
		_ = p.server.Close() // only what was open is lost
		p.opts.Client.CloseIdleConnections()
	})
}

// Calls is how often a method was called.
func (p *Platform) Calls(method string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[method]
}

// Violations are the calls that a correct client would not have made: at most the first thousand.
func (p *Platform) Violations() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.violations...)
}

// violate notes a call that broke the protocol; the caller holds mu.
func (p *Platform) violate(format string, args ...any) {
	if len(p.violations) < 1000 {
		p.violations = append(p.violations, fmt.Sprintf(format, args...))
	}
}

// refusal is an answer that is not a success.
type refusal struct {
	code      int
	text      string
	after     int   // s, retry_after
	migrateTo int64 // migrate_to_chat_id
}

func bad(format string, args ...any) *refusal {
	return &refusal{code: http.StatusBadRequest, text: "Bad Request: " + fmt.Sprintf(format, args...)}
}

// request is one call with its parameters as they came: JSON values, or texts of a form.
type request struct {
	method string
	ctx    context.Context
	params map[string]any
	files  map[string]*File
}

var handlers = map[string]func(*Platform, *request) (any, *refusal){
	"getMe": (*Platform).getMe, "getUpdates": (*Platform).getUpdates, "setWebhook": (*Platform).setWebhook,
	"deleteWebhook": (*Platform).deleteWebhook, "getWebhookInfo": (*Platform).getWebhookInfo,
	"sendMessage": (*Platform).sendMessage, "sendPhoto": (*Platform).sendFile, "sendDocument": (*Platform).sendFile,
	"sendVideo": (*Platform).sendFile, "sendAudio": (*Platform).sendFile, "sendVoice": (*Platform).sendFile,
	"sendAnimation": (*Platform).sendFile, "sendChatAction": (*Platform).sendChatAction,
	"answerCallbackQuery": (*Platform).answerCallbackQuery, "getFile": (*Platform).getFile, "getChat": (*Platform).getChat,
	"getUserProfilePhotos": (*Platform).getUserProfilePhotos,
}

// ServeHTTP answers one call, or fails it as a fault demands.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	if rest, ok := strings.CutPrefix(path, "/file/bot"); ok {
		token, file, _ := strings.Cut(rest, "/")
		p.download(w, r, token, file)
		return
	}
	rest, ok := strings.CutPrefix(path, "/bot")
	if !ok {
		answer(w, &refusal{code: http.StatusNotFound, text: "Not Found"}, nil)
		return
	}
	token, method, _ := strings.Cut(rest, "/")
	if fault := p.nextFault(method); fault != nil {
		p.fail(w, r, fault, func(w http.ResponseWriter) { p.serve(w, r, token, method) })
		return
	}
	p.serve(w, r, token, method)
}

func (p *Platform) serve(w http.ResponseWriter, r *http.Request, token, method string) {
	if token != p.Token() {
		if !strings.Contains(token, ":") {
			answer(w, &refusal{code: http.StatusNotFound, text: "Not Found"}, nil)
			return
		}
		answer(w, &refusal{code: http.StatusUnauthorized, text: "Unauthorized"}, nil)
		return
	}
	handler, known := handlers[method]
	if !known {
		answer(w, &refusal{code: http.StatusNotFound, text: "Not Found: method not found"}, nil)
		return
	}
	req, err := p.decode(r, method)
	if err != nil {
		// A body that breaks off is not a call. Nothing was carried out.
		answer(w, bad("%v", err), nil)
		return
	}
	p.mu.Lock()
	p.calls[method]++
	if p.spec != nil {
		if err := p.spec.Check(method, req.params, req.files); err != nil {
			p.violate("%v", err)
		}
	}
	p.mu.Unlock()
	result, refused := handler(p, req)
	answer(w, refused, result)
}

func (p *Platform) decode(r *http.Request, method string) (*request, error) {
	req := &request{method: method, ctx: r.Context(), params: map[string]any{}, files: map[string]*File{}}
	kind, parameters, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch {
	case r.Method == http.MethodGet:
		req.form(r.URL.Query())
	case err != nil:
		return nil, fmt.Errorf("content type: %w", err)
	case kind == "application/json":
		decoder := json.NewDecoder(r.Body)
		decoder.UseNumber()
		if err := decoder.Decode(&req.params); err != nil {
			return nil, fmt.Errorf("can't parse JSON object: %w", err)
		}
	case kind == "multipart/form-data":
		return req, req.multipart(multipart.NewReader(r.Body, parameters["boundary"]), p.opts.UploadsAtMost)
	default:
		if err := r.ParseForm(); err != nil {
			return nil, fmt.Errorf("form: %w", err)
		}
		req.form(r.PostForm)
	}
	return req, nil
}

func (q *request) form(values url.Values) {
	for name := range values {
		q.params[name] = values.Get(name)
	}
}

func (q *request) multipart(parts *multipart.Reader, most int64) error {
	for {
		part, err := parts.NextPart()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("multipart: %w", err)
		}
		content, err := io.ReadAll(io.LimitReader(part, most+1))
		if err != nil {
			return fmt.Errorf("multipart: %w", err)
		}
		if part.FileName() == "" {
			q.params[part.FormName()] = string(content)
			continue
		}
		q.files[part.FormName()] = &File{Name: part.FileName(), Type: part.Header.Get("Content-Type"), Content: content}
	}
}

// object reads a parameter that is an object or a list, also where it came as text.
func (q *request) object(name string, into any) bool {
	value, ok := q.params[name]
	if !ok {
		return false
	}
	raw, err := json.Marshal(value)
	if text, isText := value.(string); isText {
		raw, err = []byte(text), nil
	}
	return err == nil && json.Unmarshal(raw, into) == nil
}

func (q *request) text(name string) string {
	switch value := q.params[name].(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	}
	return ""
}

func (q *request) number(name string) (int64, bool) {
	n, err := strconv.ParseInt(q.text(name), 10, 64)
	return n, err == nil
}

func (q *request) flag(name string) bool {
	switch value := q.params[name].(type) {
	case bool:
		return value
	case string:
		return value == "true" || value == "True" || value == "1"
	}
	return false
}

// answer writes an answer in Telegram's form.
func answer(w http.ResponseWriter, refused *refusal, result any) {
	w.Header().Set("Content-Type", "application/json")
	if refused == nil {
		// A client that has gone away does not need the answer.
		_ = json.NewEncoder(w).Encode(map[string]any{"ok": true, "result": result})
		return
	}
	body := map[string]any{"ok": false, "error_code": refused.code, "description": refused.text}
	if refused.after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(refused.after))
		body["parameters"] = map[string]any{"retry_after": refused.after}
	}
	if refused.migrateTo != 0 {
		body["parameters"] = map[string]any{"migrate_to_chat_id": refused.migrateTo}
	}
	w.WriteHeader(refused.code)
	_ = json.NewEncoder(w).Encode(body)
}

func (p *Platform) getMe(*request) (any, *refusal) {
	return map[string]any{
		"id": p.bot, "is_bot": true, "first_name": "Shop", "username": p.opts.Username, "can_join_groups": true,
		"can_read_all_group_messages": p.opts.ReadsAll, "supports_inline_queries": false,
	}, nil
}
