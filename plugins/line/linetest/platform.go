// Package linetest is a LINE platform that runs on this machine: it speaks the Messaging API's protocol over HTTP, plays
// customers, and remembers what it was told to send. Tests of the line plugin, end-to-end tests and load programs use it.
//
// Start reading at [New]; customers come from [Platform.NewCustomer], their words reach the product through
// [Platform.Post], and what the product answered is read from [Platform.Sent]. It must not know the plugin, so that it
// judges it by the protocol alone; it needs no testing.T, and it forgets what [Options] tells it not to keep.
package linetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// Options say how the platform behaves. The zero value is a platform with made-up credentials that keeps everything.
type Options struct {
	Listen        string // address of Start; "127.0.0.1:0" when empty
	ChannelID     string
	ChannelSecret string
	AccessToken   string // a long-lived token; others are issued on request

	SpecDir string // folder with messaging-api.yml; every request is validated against it, "" for none
	Spec    *Spec  // the same, read already

	ReplyTokenLife time.Duration // 1 minute when 0
	RetryKeyLife   time.Duration // 24 hours when 0
	MaxRetryKeys   int           // about how many retry keys are remembered; 262,144 when 0
	MaxReplyTokens int           // about how many reply tokens are remembered; 262,144 when 0
	KeepPerUser    int           // how many messages to a user are remembered, the newest; all when 0, none when negative
	ResendEvery    time.Duration // between redeliveries; 100 ms when 0
	AllowHTTP      bool          // take http addresses of media, as a test on loopback needs; LINE takes https only

	OnSent func(Sent)       // called for each accepted message object, before its call is answered
	Now    func() time.Time // time.Now when nil
	Client *http.Client     // for webhooks; one of its own when nil
}

// Platform is a fake LINE. It is safe for concurrent use.
type Platform struct {
	opts   Options
	spec   *Spec
	client *http.Client
	bot    string
	prefix string // of user ids, so that two platforms never share a customer
	mux    *http.ServeMux

	server   *http.Server
	listener net.Listener
	closing  chan struct{}
	closed   sync.Once

	requests atomic.Uint64
	held     atomic.Int64  // calls that a fault holds up
	nextID   atomic.Uint64 // of messages
	nextUser atomic.Uint64

	mu         sync.Mutex
	arrived    *sync.Cond // a message was accepted
	access     map[string]time.Time
	replies    *aging[*replyToken]
	retries    *aging[*accepted]
	users      map[string]*Customer
	groups     map[string]*Group
	contents   map[string]*Content
	sent       map[string][]Sent
	total      uint64
	dropped    uint64
	faults     []*Fault
	violations []string
	signals    []Signal
	endpoint   string
	active     bool
	tests      int
	quota      int64 // -1: none
	used       int64
	issued     int
}

// New makes a platform. It fails only when the specification cannot be read.
func New(opts Options) (*Platform, error) {
	setDefault(&opts.Listen, "127.0.0.1:0")
	setDefault(&opts.ChannelID, "1650000000")
	setDefault(&opts.ChannelSecret, randomHex(16))
	setDefault(&opts.AccessToken, "long-lived-"+randomHex(24))
	setDefault(&opts.ReplyTokenLife, time.Minute)
	setDefault(&opts.RetryKeyLife, 24*time.Hour)
	setDefault(&opts.MaxRetryKeys, 1<<18)
	setDefault(&opts.MaxReplyTokens, 1<<18)
	setDefault(&opts.ResendEvery, 100*time.Millisecond)
	if opts.Now == nil {
		opts.Now = time.Now
	}
	p := &Platform{
		opts:     opts,
		client:   opts.Client,
		bot:      "U" + randomHex(16),
		prefix:   "U" + randomHex(10),
		closing:  make(chan struct{}),
		access:   map[string]time.Time{},
		replies:  newAging[*replyToken](opts.ReplyTokenLife+replyTokenCap, opts.MaxReplyTokens),
		retries:  newAging[*accepted](opts.RetryKeyLife, opts.MaxRetryKeys),
		users:    map[string]*Customer{},
		groups:   map[string]*Group{},
		contents: map[string]*Content{},
		sent:     map[string][]Sent{},
		quota:    -1,
	}
	p.arrived = sync.NewCond(&p.mu)
	p.nextID.Store(uint64(time.Now().UnixMicro()) * 100)
	if p.client == nil {
		p.client = &http.Client{Transport: &http.Transport{MaxIdleConns: 512, MaxIdleConnsPerHost: 512}, Timeout: 10 * time.Second}
	}
	p.spec = opts.Spec
	if opts.SpecDir != "" {
		spec, err := LoadSpec(filepath.Join(opts.SpecDir, "messaging-api.yml"))
		if err != nil {
			return nil, err
		}
		p.spec = spec
	}
	p.route()
	return p, nil
}

// Start serves on a loopback port until Close.
func (p *Platform) Start() error {
	listener, err := net.Listen("tcp", p.opts.Listen)
	if err != nil {
		return fmt.Errorf("linetest: %w", err)
	}
	p.listener = listener
	p.server = &http.Server{Handler: p, ReadHeaderTimeout: 10 * time.Second}
	go func() {
		// It returns when Close closes the server; there is nobody to tell anything else to.
		_ = p.server.Serve(listener)
	}()
	return nil
}

// URL is the base address, for the plugin's api_url and data_url.
func (p *Platform) URL() string { return "http://" + p.listener.Addr().String() }

// Close stops serving and lets go of requests that hang.
func (p *Platform) Close() {
	p.closed.Do(func() {
		close(p.closing)
		if p.server != nil {
			_ = p.server.Close() // only what was open is lost
		}
		p.client.CloseIdleConnections()
	})
}

// Settings are the account settings that fit this platform, by their TOML names. With stateless true the access token
// is left out, so that the plugin has one issued.
func (p *Platform) Settings(stateless bool) map[string]string {
	settings := map[string]string{
		"channel_id":     p.opts.ChannelID,
		"channel_secret": p.opts.ChannelSecret,
		"api_url":        p.URL(),
		"data_url":       p.URL(),
	}
	if !stateless {
		settings["channel_access_token"] = p.opts.AccessToken
	}
	return settings
}

// BotUserID is the account's own user id, the destination of its webhooks.
func (p *Platform) BotUserID() string { return p.bot }

// Requests is how many calls were received, by whatever path.
func (p *Platform) Requests() uint64 { return p.requests.Load() }

// route lists the calls of the Messaging API that are played.
func (p *Platform) route() {
	p.mux = http.NewServeMux()
	p.mux.HandleFunc("POST /oauth2/v3/token", p.issueToken)
	p.mux.HandleFunc("POST /v2/oauth/verify", p.verifyToken)
	p.mux.HandleFunc("GET /oauth2/v2.1/verify", p.verifyToken)
	for pattern, handler := range map[string]http.HandlerFunc{
		"POST /v2/bot/message/reply":                   p.reply,
		"POST /v2/bot/message/push":                    p.push,
		"GET /v2/bot/message/quota":                    p.showQuota,
		"GET /v2/bot/message/quota/consumption":        p.showUsage,
		"GET /v2/bot/message/{id}/content":             p.content,
		"GET /v2/bot/message/{id}/content/transcoding": p.transcoding,
		"GET /v2/bot/profile/{user}":                   p.profile,
		"GET /v2/bot/group/{group}/member/{user}":      p.profile,
		"GET /v2/bot/room/{group}/member/{user}":       p.profile,
		"GET /v2/bot/info":                             p.info,
		"GET /v2/bot/channel/webhook/endpoint":         p.showEndpoint,
		"PUT /v2/bot/channel/webhook/endpoint":         p.setEndpoint,
		"POST /v2/bot/channel/webhook/test":            p.testEndpoint,
		"POST /v2/bot/chat/loading/start":              p.loading,
		"POST /v2/bot/chat/markAsRead":                 p.markAsRead,
	} {
		p.mux.HandleFunc(pattern, p.authorized(handler))
	}
	p.mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "Not found") })
}

// ServeHTTP answers one call, or fails it as a fault demands.
func (p *Platform) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n := p.requests.Add(1)
	w.Header().Set("X-Line-Request-Id", "request-"+strconv.FormatUint(n, 10))
	if fault := p.nextFault(r.URL.Path); fault != nil {
		p.fail(w, r, fault)
		return
	}
	p.mux.ServeHTTP(w, r)
}

// violate notes that a request broke the protocol, and refuses it.
func (p *Platform) violate(w http.ResponseWriter, status int, message string, details ...Detail) {
	p.mu.Lock()
	if len(p.violations) < 1000 {
		p.violations = append(p.violations, fmt.Sprintf("%d %s %v", status, message, details))
	}
	p.mu.Unlock()
	refuse(w, status, message, details...)
}

// Violations are the requests that a correct client would not have made: at most the first thousand.
func (p *Platform) Violations() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.violations...)
}

// Detail is one complaint about a request.
type Detail struct {
	Message  string `json:"message"`
	Property string `json:"property"`
}

func refuse(w http.ResponseWriter, status int, message string, details ...Detail) {
	answer(w, status, struct {
		Message string   `json:"message"`
		Details []Detail `json:"details,omitempty"`
	}{message, details})
}

func answer(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// A client that has gone away does not need the answer.
	_ = json.NewEncoder(w).Encode(body)
}

// sleep waits, but not beyond the end of the request or of the platform.
func (p *Platform) sleep(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	case <-p.closing:
	}
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func randomHex(bytes int) string {
	b := make([]byte, bytes)
	rand.Read(b) // never fails, as documented since Go 1.24
	return hex.EncodeToString(b)
}

func bearer(r *http.Request) string {
	token, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	return token
}
