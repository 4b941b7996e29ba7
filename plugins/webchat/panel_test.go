package webchat

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/coder/websocket"
	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/sdk"
	"github.com/guichet/guichet/plugins/webchat/webchattest"
)

// front is as much of the host's HTTP side as the plugin sees: it terminates the WebSockets, stores events before it
// answers, and can be made to fail.
type front struct {
	*httptest.Server
	desk    *desk
	channel atomic.Pointer[channel]
	failing atomic.Bool

	mu    sync.Mutex
	conns []*websocket.Conn
}

func newFront(t *testing.T) *front {
	t.Helper()
	f := &front{desk: newDesk()}
	f.channel.Store(openShop(f.desk))
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(func() {
		f.cutAll()
		f.Close()
		_ = f.channel.Load().Close()
	})
	return f
}

func (f *front) serve(w http.ResponseWriter, r *http.Request) {
	if f.failing.Load() {
		http.Error(w, "", http.StatusServiceUnavailable)
		return
	}
	c := f.channel.Load()
	if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		conn, err := websocket.Accept(w, r, nil)
		if err != nil {
			return
		}
		f.mu.Lock()
		f.conns = append(f.conns, conn)
		f.mu.Unlock()
		defer func() { _ = conn.CloseNow() }()
		_ = c.Connect(r.Context(), &socket{conn: conn, request: r})
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), 1500*time.Millisecond)
	defer cancel()
	g := &gathered{ResponseRecorder: httptest.NewRecorder()}
	c.ServeWebhook(g, r.WithContext(ctx))
	if len(g.events) > 0 && f.desk.Receive(r.Context(), nil, g.events...) != nil {
		http.Error(w, "", http.StatusServiceUnavailable)
		return
	}
	for name, values := range g.Header() {
		w.Header()[name] = values
	}
	w.WriteHeader(g.Code)
	_, _ = w.Write(g.Body.Bytes())
}

// cutAll breaks all connections.
func (f *front) cutAll() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, conn := range f.conns {
		_ = conn.CloseNow()
	}
	f.conns = nil
}

// socket is a WebSocket as the plugin has it.
type socket struct {
	conn    *websocket.Conn
	request *http.Request
}

func (s *socket) Request() *http.Request { return s.request }

func (s *socket) Receive(ctx context.Context) ([]byte, error) {
	_, raw, err := s.conn.Read(ctx)
	if err != nil {
		return nil, io.EOF
	}
	return raw, nil
}

func (s *socket) Send(ctx context.Context, raw []byte) error {
	return s.conn.Write(ctx, websocket.MessageText, raw)
}

func (s *socket) Close(code int, reason string) {
	_ = s.conn.Close(websocket.StatusCode(code), reason)
}

func (f *front) panel(t *testing.T, change func(o *webchattest.Options)) *webchattest.Panel {
	t.Helper()
	o := webchattest.Options{
		BaseURL: f.URL, Account: "shop", Channel: "shop-chat", Token: tokenOf(1), Language: "fr", Context: map[string]string{"cart": "3"},
		Page: webchattest.Page{URL: "https://shop.example.com/"}, Client: &http.Client{Transport: &http.Transport{}},
	}
	if change != nil {
		change(&o)
	}
	p := webchattest.New(o)
	t.Cleanup(func() {
		p.Close()
		o.Client.CloseIdleConnections()
	})
	return p
}

// TestPanelChats has a whole chat, over a WebSocket and by polling.
func TestPanelChats(t *testing.T) {
	for name, polling := range map[string]bool{"live": false, "polling": true} {
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			must := func(err error) {
				t.Helper()
				if err != nil {
					t.Fatal(err)
				}
			}
			f := newFront(t)
			visitor := visitorFor(1)
			p := f.panel(t, func(o *webchattest.Options) { o.Polling, o.Fresh = polling, true })
			must(p.Connect(ctx))
			if p.Status().State != "none" || p.Limits().Text != 6000 {
				t.Errorf("status %+v", p.Status())
			}
			handle, err := p.Upload(ctx, "a photo.png", []byte("\x89PNG\r\n\x1a\n"))
			must(err)
			_, err = p.Send(ctx, "hello", handle)
			must(err)
			m, err := p.AwaitText(ctx, "hello")
			must(err)
			if len(m.Attachments) != 1 || m.Attachments[0].Name != "a photo.png" || !strings.HasPrefix(m.Attachments[0].URL, "/media/") || m.Client == "" {
				t.Errorf("message %+v", m)
			}
			must(p.AwaitState(ctx, "open"))
			if started := f.desk.received("started"); len(started) != 1 || started[0].ConversationStarted.Context["cart"] != "3" {
				t.Errorf("started %+v", started)
			}
			f.desk.turn(visitor, sdk.ThreadStatus{Conversation: "c", State: sdk.ThreadActive, Agent: "Ada"})
			must(p.AwaitState(ctx, "active"))
			must(f.channel.Load().Signal(ctx, threadOf(visitor), sdk.Identity{}, sdk.Signal{Typing: &sdk.Typing{}}))
			must(p.AwaitTyping(ctx, true))
			f.desk.reply(visitor, "hi, I am Ada")
			must(p.AwaitTyping(ctx, false))
			m, err = p.AwaitText(ctx, "hi, I am Ada")
			must(err)
			if m.From != (webchattest.From{Kind: "agent", Name: "Ada"}) {
				t.Errorf("from %+v", m.From)
			}
			must(p.Typing(ctx, true))
			must(p.Seen(ctx))
			await(t, func() bool { return len(f.desk.received("typing")) == 1 && len(f.desk.received("status")) == 1 })
			_, err = p.Send(ctx, strings.Repeat("x", maxText+1))
			var refused *webchattest.Refused
			if !errors.As(err, &refused) || refused.Code != "too-long" {
				t.Errorf("too long: %v", err)
			}
			if _, err := p.Upload(ctx, "virus.exe", []byte("MZ")); !errors.As(err, &refused) || refused.Code != "type-not-allowed" {
				t.Errorf("a program: %v", err)
			}
			must(p.End(ctx))
			must(p.AwaitState(ctx, "closed"))
			for i := range 60 {
				f.desk.reply(visitor, fmt.Sprint("old ", i))
			}
			late := f.panel(t, func(o *webchattest.Options) { o.Polling = polling })
			must(late.Connect(ctx))
			if n := len(late.Messages()); n != 50 {
				t.Errorf("%d messages at first", n)
			}
			if more, err := late.Older(ctx); err != nil || more || len(late.Messages()) != 62 {
				t.Errorf("%d messages in all, more %v, %v", len(late.Messages()), more, err)
			}
		})
	}
}

func await(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come true")
		}
	}
}

// TestPanelsKeepUpOverABadNetwork cuts connections and fails requests while both sides talk.
func TestPanelsKeepUpOverABadNetwork(t *testing.T) {
	f := newFront(t)
	f.desk.refuse = func(e sdk.Event) error {
		if e.Message != nil && len(e.ID)%3 == 0 && !f.desk.seen["tried|"+e.ID] {
			f.desk.seen["tried|"+e.ID] = true
			return errBusy
		}
		return nil
	}
	ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
	defer cancel()
	const words = 8 // within the visitor's burst
	var panels []*webchattest.Panel
	var sending sync.WaitGroup
	for i := range 4 {
		p := f.panel(t, func(o *webchattest.Options) { o.Polling, o.Token = i%2 == 1, tokenOf(byte(i+1)) })
		panels = append(panels, p)
		sending.Go(func() {
			for n := range words {
				if err := p.SendAs(ctx, fmt.Sprint("id", strings.Repeat("x", n), n), fmt.Sprint("w", n)); err != nil {
					t.Errorf("panel %d, word %d: %v", i, n, err)
				}
			}
		})
	}
	stop := make(chan struct{})
	var trouble sync.WaitGroup
	trouble.Go(func() {
		for i := 0; ; i++ {
			select {
			case <-stop:
				return
			case <-time.After(30 * time.Millisecond):
			}
			f.cutAll()
			f.failing.Store(i%4 == 0)
			if i%5 == 0 {
				former := f.channel.Swap(openShop(f.desk))
				f.cutAll()
				trouble.Go(func() { _ = former.Close() })
			}
			f.desk.reply(visitorFor(byte(i%4+1)), fmt.Sprint("r", i))
		}
	})
	sending.Wait()
	close(stop)
	trouble.Wait()
	f.failing.Store(false)
	f.cutAll()
	for i, p := range panels {
		visitor := visitorFor(byte(i + 1))
		var said []string
		for _, text := range f.desk.texts(visitor) {
			if strings.HasPrefix(text, "w") {
				said = append(said, text)
			}
		}
		var want []string
		for n := range words {
			want = append(want, fmt.Sprint("w", n))
		}
		if diff := cmp.Diff(want, said); diff != "" {
			t.Errorf("panel %d said (-want +got):\n%s", i, diff)
		}
		await(t, func() bool {
			if p.Connect(ctx) != nil {
				return false
			}
			for {
				if more, err := p.Older(ctx); err != nil || !more {
					break
				}
			}
			return slices.Equal(p.Texts(), f.desk.texts(visitor))
		})
	}
}
