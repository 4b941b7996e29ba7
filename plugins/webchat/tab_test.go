package webchat

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// shop opens the plugin's account for a test, on a desk.
func shop(t testing.TB) (*channel, *desk) {
	t.Helper()
	d := newDesk()
	c := openShop(d)
	t.Cleanup(func() { _ = c.Close() })
	return c, d
}

func openShop(d *desk) *channel {
	return open(sdk.Account{
		ID: "shop", PublicURL: "https://desk.example.com/channels/shop", Host: d,
		Channels: []sdk.ChannelAddress{{Channel: "shop-chat"}},
	})
}

// tokenOf makes a token that is different for each number; visitorFor is the id that comes of it.
func tokenOf(n byte) string {
	secret := make([]byte, tokenBytes)
	secret[0] = n
	return base64.RawURLEncoding.EncodeToString(secret)
}

func visitorFor(n byte) string {
	visitor, _ := visitorOf(tokenOf(n))
	return visitor
}

// tab is the browser's end of a live connection.
type tab struct {
	request *http.Request
	in      chan []byte
	done    chan struct{} // Connect has returned
	err     error

	mu      sync.Mutex
	frames  [][]byte
	arrived chan struct{}
	stalled bool // it does not read
	gone    chan struct{}
	once    sync.Once
	code    int
	reason  string
}

var _ sdk.Connection = (*tab)(nil)

// dial opens a connection; hello is not said yet.
func dial(c *channel) *tab { return dialFrom(c, "192.0.2.7") }

func dialFrom(c *channel, address string) *tab {
	t := newTab()
	t.request.RemoteAddr = address
	go func() {
		defer close(t.done)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		t.err = c.Connect(ctx, t)
	}()
	return t
}

func newTab() *tab {
	r := httptest.NewRequest(http.MethodGet, "https://desk.example.com/channels/shop/live", nil)
	r.Header.Set("User-Agent", "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:128.0) Gecko/20100101 Firefox/128.0")
	return &tab{
		request: r, in: make(chan []byte, 200), done: make(chan struct{}), arrived: make(chan struct{}, 1), gone: make(chan struct{}),
	}
}

func (t *tab) Request() *http.Request { return t.request }

func (t *tab) Receive(ctx context.Context) ([]byte, error) {
	select {
	case raw := <-t.in:
		return raw, nil
	default:
	}
	select {
	case raw := <-t.in:
		return raw, nil
	case <-t.gone:
		return nil, io.EOF
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (t *tab) Send(ctx context.Context, raw []byte) error {
	t.mu.Lock()
	stalled := t.stalled
	t.mu.Unlock()
	if stalled {
		select {
		case <-t.gone:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	select {
	case <-t.gone:
		return sdk.ErrConnectionClosed
	default:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.frames = append(t.frames, raw)
	select {
	case t.arrived <- struct{}{}:
	default:
	}
	return nil
}

func (t *tab) Close(code int, reason string) {
	t.mu.Lock()
	t.code, t.reason = code, reason
	t.mu.Unlock()
	t.hangUp()
}

func (t *tab) hangUp() { t.once.Do(func() { close(t.gone) }) }

// say sends a frame; fields are those of PROTOCOL.md.
func (t *tab) say(frame map[string]any) {
	raw, err := json.Marshal(frame)
	if err != nil {
		panic(err)
	}
	t.in <- raw
}

// reply is any frame to the panel.
type reply struct {
	T            string            `json:"t"`
	ID           string            `json:"id"`
	Code         string            `json:"code"`
	What         string            `json:"what"`
	After        int               `json:"after"`
	On           bool              `json:"on"`
	Name         string            `json:"name"`
	At           json.Number       `json:"at"`
	More         bool              `json:"more"`
	Gap          bool              `json:"gap"`
	Status       statusView        `json:"status"`
	Message      messageView       `json:"message"`
	Messages     []messageView     `json:"messages"`
	Limits       limitsView        `json:"limits"`
	Availability *availabilityView `json:"availability"`
}

// complainer is what a test and a rapid test have in common.
type complainer interface {
	Errorf(format string, args ...any)
}

// take returns the next frame without waiting.
func (t *tab) take(tb complainer) (reply, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.frames) == 0 {
		return reply{}, false
	}
	raw := t.frames[0]
	t.frames = t.frames[1:]
	if len(raw) > maxFrame {
		tb.Errorf("a frame of %d bytes", len(raw))
	}
	var r reply
	if err := json.Unmarshal(raw, &r); err != nil {
		tb.Errorf("frame %s: %v", raw, err)
	}
	return r, true
}

// next waits for the next frame of a type and skips the others.
func (t *tab) next(tb testing.TB, kind string) reply {
	tb.Helper()
	timeout := time.After(20 * time.Second)
	for {
		if r, ok := t.take(tb); ok {
			if r.T == kind {
				return r
			}
			continue
		}
		select {
		case <-t.arrived:
			continue
		case <-t.gone:
			if r, ok := t.take(tb); ok && r.T == kind {
				return r
			}
		case <-timeout:
		}
		tb.Fatalf("no %s came; closed with %d %q", kind, t.code, t.reason)
	}
}

// rest returns the types of the frames that have come.
func (t *tab) rest(tb testing.TB) []string {
	kinds := []string{}
	for {
		r, ok := t.take(tb)
		if !ok {
			return kinds
		}
		kinds = append(kinds, r.T)
	}
}

// enter dials and says hello, as visitor n; 0 is one without a token.
func enter(tb testing.TB, c *channel, n byte, since string) (*tab, reply) {
	tb.Helper()
	t := dial(c)
	hello := map[string]any{
		"t": "hello", "v": 1, "channel": "shop-chat", "since": since, "language": "fr-CA",
		"page": map[string]any{"url": "https://shop.example.com/cart", "title": "Cart", "referrer": "https://search.example.com/"},
	}
	if n > 0 {
		hello["token"] = tokenOf(n)
	}
	t.say(hello)
	return t, t.next(tb, "welcome")
}

// leave hangs up and waits until the plugin has noticed.
func (t *tab) leave() {
	t.hangUp()
	<-t.done
}
