// Package webchattest is a chat panel without a face: it speaks PROTOCOL.md's panel side over real HTTP and WebSockets,
// keeps its rules, and remembers what it was shown. End-to-end tests and load programs play visitors with it.
//
// Start reading at [New]; [Panel.Connect] opens the chat, [Panel.Send] says something, [Panel.Await] waits for an
// answer. It must not know the plugin, so that it judges it by the protocol alone, and it needs no testing.T.
package webchattest

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Options say where the chat is and who visits it.
type Options struct {
	BaseURL  string // of the server, such as "http://127.0.0.1:8080"
	Account  string
	Channel  string
	Token    string            // of a visitor who comes back; a new one when empty
	Fresh    bool              // hello says no token: the first message brings it, as in a browser that is new here
	Language string            // BCP 47
	Page     Page              // where the visitor is
	Context  map[string]string // for the first message
	Polling  bool              // as where WebSockets are blocked
	Wait     time.Duration     // of a poll; a second when 0
	Header   http.Header       // of each request, such as X-Forwarded-For
	Client   *http.Client      // one of its own when nil
	OnFrame  func(Frame)       // called for each frame, before it is remembered; it must not call the panel
	OnRaw    func([]byte)      // the same with the frame's bytes, which are not to be kept

	// Forgetful keeps only the newest messages, so many of them, as a load program wants; all when 0.
	Forgetful int
}

// Page is where the visitor is.
type Page struct {
	URL      string `json:"url"`
	Title    string `json:"title"`
	Referrer string `json:"referrer"`
}

// Refused is why a message was not taken.
type Refused struct {
	Code  string
	After time.Duration
}

func (e *Refused) Error() string { return "webchattest: refused: " + e.Code }

// Bye is why the server ended the connection.
type Bye struct {
	Code  string
	After time.Duration
}

func (e *Bye) Error() string { return "webchattest: bye: " + e.Code }

// ErrCut means that there is no connection.
var ErrCut = errors.New("webchattest: the connection is cut")

// Panel is one tab of one visitor. It is safe for concurrent use.
type Panel struct {
	opts    Options
	client  *http.Client
	sending sync.Mutex // one message is under way at a time
	opening sync.Mutex // one connection is opened at a time

	mu       sync.Mutex
	link     link // nil while there is none
	named    bool // the server knows the token
	changed  chan struct{}
	messages map[string]Message
	more     bool
	gaps     int
	welcomes int
	status   Status
	limits   Limits
	typing   bool
	settled  map[string]Frame // accepted, refused or later, by id, for those who wait
	lost     error            // why the last link ended
	older    int              // pages that have come
	// olderAfter is how long the server wants the next question for older messages to wait; 0: it said nothing.
	olderAfter time.Duration
}

// link is a way to the server. What comes is given to Panel.take, its end to Panel.cut.
type link interface {
	say(ctx context.Context, frame map[string]any) error
	close()
}

// New makes a panel that is not connected yet.
func New(opts Options) *Panel {
	if opts.Token == "" {
		opts.Token = NewToken()
	}
	opts.BaseURL = strings.TrimSuffix(opts.BaseURL, "/")
	if opts.Wait == 0 {
		opts.Wait = time.Second
	}
	p := &Panel{
		opts: opts, client: opts.Client, named: !opts.Fresh, changed: make(chan struct{}), messages: map[string]Message{},
		settled: map[string]Frame{},
	}
	if p.client == nil {
		p.client = &http.Client{}
	}
	return p
}

// NewToken makes a visitor.
func NewToken() string {
	secret := make([]byte, 32)
	_, _ = rand.Read(secret) // never fails
	return base64.RawURLEncoding.EncodeToString(secret)
}

// Token returns what tells the server that it is the same visitor.
func (p *Panel) Token() string { return p.opts.Token }

func (p *Panel) url(path string) string {
	return p.opts.BaseURL + "/channels/" + p.opts.Account + "/" + path
}

func (p *Panel) header() http.Header {
	h := p.opts.Header.Clone()
	if h == nil {
		h = http.Header{}
	}
	if h.Get("User-Agent") == "" {
		h.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	}
	return h
}

// Connect opens the chat, or opens it again, and returns when the server has said welcome.
func (p *Panel) Connect(ctx context.Context) error {
	p.opening.Lock()
	defer p.opening.Unlock()
	p.mu.Lock()
	if p.link != nil {
		p.mu.Unlock()
		return nil
	}
	welcomes := p.welcomes
	p.lost = nil
	p.mu.Unlock()
	open := p.openLive
	if p.opts.Polling {
		open = p.openPoll
	}
	if err := open(ctx); err != nil {
		return err
	}
	return p.until(ctx, func() (bool, error) { return p.welcomes > welcomes, p.lost })
}

// AwaitCut waits until there is no connection.
func (p *Panel) AwaitCut(ctx context.Context) error {
	return p.until(ctx, func() (bool, error) { return p.link == nil, nil })
}

// Stay keeps the chat open until ctx ends: whenever the connection is lost it makes another. It returns why the server
// wants the panel no longer, or that ctx has ended.
func (p *Panel) Stay(ctx context.Context) error {
	for {
		switch err := p.Connect(ctx); {
		case ctx.Err() != nil:
			return fmt.Errorf("webchattest: %w", context.Cause(ctx))
		case fatal(err):
			return err
		case err == nil:
			if err := p.AwaitCut(ctx); err != nil {
				return err
			}
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return err
		}
	}
}

// Lost returns why the last connection ended, nil while there is one: what Bye it was, or websocket.CloseStatus of it.
func (p *Panel) Lost() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lost
}

// Cut ends the connection as a bad network does; Connect makes another. What is remembered stays.
func (p *Panel) Cut() { p.cut(nil, ErrCut) }

// Close ends the connection.
func (p *Panel) Close() { p.Cut() }

// cut forgets a link, nil for whichever there is.
func (p *Panel) cut(which link, why error) {
	p.mu.Lock()
	former := p.link
	if former == nil || which != nil && former != which {
		p.mu.Unlock()
		return
	}
	p.link, p.lost = nil, why
	p.wake()
	p.mu.Unlock()
	former.close()
}

// wake tells those who wait that something has changed. The caller holds mu.
func (p *Panel) wake() {
	close(p.changed)
	p.changed = make(chan struct{})
}

// until waits for a condition, which is asked under mu.
func (p *Panel) until(ctx context.Context, condition func() (bool, error)) error {
	for {
		p.mu.Lock()
		ok, err := condition()
		changed := p.changed
		p.mu.Unlock()
		if ok || err != nil {
			return err
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("webchattest: %w", context.Cause(ctx))
		}
	}
}

func (p *Panel) say(ctx context.Context, frame map[string]any) error {
	p.mu.Lock()
	l := p.link
	p.mu.Unlock()
	if l == nil {
		return ErrCut
	}
	return l.say(ctx, frame)
}
