package channel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/coder/websocket"
	"go.uber.org/goleak"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk"
)

// Connect does what the path says.
func (f *fake) Connect(ctx context.Context, conn sdk.Connection) error {
	switch path := sdk.WebhookPath(conn.Request()); path {
	case "refuse":
		return &sdk.ConnectionRefused{Status: http.StatusTeapot, Body: "not to you"}
	case "panic":
		panic("in Connect")
	case "fail":
		return errors.New("it went wrong with " + f.settings.Secret)
	case "headers":
		r := conn.Request()
		return conn.Send(ctx, fmt.Appendf(nil, "%s|%s|%s|%s", r.URL, r.RemoteAddr, r.Header.Get("Cookie"), r.Header.Get("Authorization")))
	case "bye":
		for i := range 5 {
			if err := conn.Send(ctx, fmt.Append(nil, i)); err != nil {
				return err
			}
		}
		conn.Close(4001, "that was all")
		return nil
	case "converse":
		return f.converse(ctx, conn)
	case "deaf": // accepts, says what it could not, and never listens
		if err := conn.Send(ctx, []byte("here")); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	case "flood":
		message := []byte(strings.Repeat("x", 8<<10))
		for n := 0; ; n++ {
			if err := conn.Send(ctx, message); err != nil {
				return err
			}
		}
	default: // an echo
		for {
			message, err := conn.Receive(ctx)
			if err != nil {
				return nil
			}
			if string(message) == "die" {
				os.Exit(5)
			}
			if err := conn.Send(ctx, message); err != nil {
				return nil
			}
		}
	}
}

// liveServer serves the host's live connections at http://…/{account}/{path}.
func (b *bench) liveServer(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		account, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
		address := r.Header.Get("X-Test-Address")
		if address == "" {
			address = "192.0.2.1"
		}
		var headers []Header
		for name, values := range r.Header {
			headers = append(headers, Header{name, values[0]})
		}
		b.ServeLive(w, r, account, Request{
			Method: r.Method, URL: "https://desk.example.com/channels" + r.URL.RequestURI(), Path: path, Headers: headers, RemoteAddress: address,
			ReceivedAt: time.Now(),
		})
	}))
	t.Cleanup(server.Close)
	t.Cleanup(b.CloseLive) // first
	return server.URL
}

func dial(t *testing.T, url string, header http.Header) (*websocket.Conn, *http.Response) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	conn, response, err := websocket.Dial(ctx, url, &websocket.DialOptions{HTTPHeader: header})
	if err != nil {
		if response == nil {
			t.Fatal(err)
		}
		return nil, response
	}
	conn.SetReadLimit(1 << 20)
	t.Cleanup(func() { _ = conn.CloseNow() })
	return conn, response
}

func say(t *testing.T, conn *websocket.Conn, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := conn.Write(ctx, websocket.MessageText, []byte(text)); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, conn *websocket.Conn) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	_, text, err := conn.Read(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// closed waits for the close frame.
func closed(t *testing.T, conn *websocket.Conn) websocket.StatusCode {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	for {
		if _, _, err := conn.Read(ctx); err != nil {
			return websocket.CloseStatus(err)
		}
	}
}

func TestLiveEcho(t *testing.T) {
	b := newBench(t)
	b.run(t)
	url := b.liveServer(t)
	conn, _ := dial(t, url+"/shop/echo", nil)
	var want []string
	for i := range 300 { // far more than the credit of one direction
		text := fmt.Sprint(i) + strings.Repeat(" bonjour", 500)
		want = append(want, text)
	}
	go func() {
		for _, text := range want {
			_ = conn.Write(context.Background(), websocket.MessageText, []byte(text))
		}
	}()
	for i := range want {
		if got := hear(t, conn); got != want[i] {
			t.Fatalf("message %d came as %.20s", i, got)
		}
	}
	say(t, conn, strings.Repeat("m", channelv1.LiveMaxPayloadBytes))
	if got := hear(t, conn); len(got) != channelv1.LiveMaxPayloadBytes {
		t.Errorf("%d bytes came back", len(got))
	}
	say(t, conn, strings.Repeat("m", channelv1.LiveMaxPayloadBytes+1))
	if code := closed(t, conn); code != websocket.StatusMessageTooBig {
		t.Errorf("a message that is too large closed with %d", code)
	}
	until(t, "nothing is counted any more", func() bool { return b.connections.of("shop") == 0 })
}

func TestLiveTurnedAway(t *testing.T) {
	b := newBench(t, func(o *Options) { o.LivePerAddress = 2 })
	b.run(t)
	url := b.liveServer(t)
	for path, want := range map[string]int{"/shop/refuse": http.StatusTeapot, "/nobody/echo": http.StatusNotFound} {
		if _, r := dial(t, url+path, nil); r.StatusCode != want {
			t.Errorf("%s: status %d, want %d", path, r.StatusCode, want)
		}
	}
	first, _ := dial(t, url+"/shop/echo", nil)
	if _, r := dial(t, url+"/shop/echo", nil); r.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("the second of an address: %d", r.StatusCode)
	}
	if _, r := dial(t, url+"/shop/echo", nil); r.StatusCode != http.StatusTooManyRequests {
		t.Errorf("the third of an address: %d", r.StatusCode)
	}
	if _, r := dial(t, url+"/shop/echo", http.Header{"X-Test-Address": {"2001:db8::1"}}); r.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("one of another address: %d", r.StatusCode)
	}
	if err := first.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	until(t, "there is room again", func() bool { return b.connections.of("shop") == 2 })
	if _, r := dial(t, url+"/shop/echo", nil); r.StatusCode != http.StatusSwitchingProtocols {
		t.Errorf("after one has gone: %d", r.StatusCode)
	}
}

func TestLiveClient(t *testing.T) {
	for address, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "2001:db8:1:2:3::4": "2001:db8:1:2::/64", "127.0.0.1": "", "::1": "", "": "",
	} {
		if got := client(address); got != want {
			t.Errorf("%s is counted as %q, want %q", address, got, want)
		}
	}
}

func TestLiveEnds(t *testing.T) {
	b := newBench(t)
	b.run(t)
	url := b.liveServer(t)
	for path, want := range map[string]websocket.StatusCode{"panic": 1011, "fail": 1011, "bye": 4001, "headers": 1000} {
		conn, r := dial(t, url+"/shop/"+path, nil)
		if conn == nil {
			t.Fatalf("%s: status %d", path, r.StatusCode)
		}
		if code := closed(t, conn); code != want {
			t.Errorf("%s closed with %d, want %d", path, code, want)
		}
	}
	conn, _ := dial(t, url+"/shop/bye", nil)
	for i := range 5 { // what was sent before the close arrives
		if got := hear(t, conn); got != fmt.Sprint(i) {
			t.Errorf("%d came as %q", i, got)
		}
	}
	if strings.Contains(b.log.String(), fakeSecret) {
		t.Error("the log shows the secret")
	}
	if !strings.Contains(b.log.String(), "panic in Connect") {
		t.Error("the log does not tell of the panic")
	}
}

func TestLiveRequest(t *testing.T) {
	b := newBench(t)
	b.run(t)
	url := b.liveServer(t)
	for authorization, want := range credentials {
		conn, _ := dial(t, url+"/shop/headers", http.Header{"Cookie": {"guichet=1"}, "Authorization": {authorization}})
		if got, want := hear(t, conn), "https://desk.example.com/channels/shop/headers|192.0.2.1||"+want; got != want {
			t.Errorf("the plugin saw %q, want %q", got, want)
		}
	}
}

// TestLiveCredit has a plugin that does not listen: no more than the window reaches it, and the browser waits.
func TestLiveCredit(t *testing.T) {
	b := newBench(t)
	l := b.run(t)
	conn, _ := dial(t, b.liveServer(t)+"/shop/deaf", nil)
	hear(t, conn)
	go func() {
		for range 4096 { // 16 MiB: more than the sockets between can hold
			if conn.Write(context.Background(), websocket.MessageText, make([]byte, 4<<10)) != nil {
				return
			}
		}
	}()
	spent := func() int {
		l.link.mu.Lock()
		defer l.link.mu.Unlock()
		for _, browser := range l.link.browsers {
			browser.mu.Lock()
			defer browser.mu.Unlock()
			return browser.credit
		}
		return -1
	}
	until(t, "the credit is spent", func() bool { return spent() == 0 })
	other, _ := dial(t, b.liveServer(t)+"/shop/echo", nil)
	say(t, other, "and the others")
	if got := hear(t, other); got != "and the others" {
		t.Errorf("another connection heard %q", got)
	}
	if spent() < 0 {
		t.Error("the connection of the plugin that does not listen was closed")
	}
}

// TestLiveSlowBrowser has a browser that reads nothing while the plugin sends without end: it is closed, and nobody else
// notices.
func TestLiveSlowBrowser(t *testing.T) {
	b := newBench(t)
	b.liveLimits.writePatience = 300 * time.Millisecond
	l := b.run(t)
	url := b.liveServer(t)
	dial(t, url+"/shop/flood", nil)
	other, _ := dial(t, url+"/shop/echo", nil)
	for i := range 50 {
		say(t, other, fmt.Sprint(i))
		if got := hear(t, other); got != fmt.Sprint(i) {
			t.Fatalf("another connection heard %q", got)
		}
	}
	until(t, "the slow one is gone", func() bool {
		l.link.mu.Lock()
		defer l.link.mu.Unlock()
		return len(l.link.browsers) == 1
	})
	say(t, other, "still there")
	if got := hear(t, other); got != "still there" {
		t.Errorf("another connection heard %q", got)
	}
}

func TestLivePluginDies(t *testing.T) {
	before := goleak.IgnoreCurrent()
	b := newBench(t)
	l := b.run(t)
	url := b.liveServer(t)
	const connections = 200
	b.liveLimits.perAddress = connections
	conns := make([]*websocket.Conn, connections)
	for i := range conns {
		conns[i], _ = dial(t, url+"/shop/echo", nil)
		say(t, conns[i], "hello")
		if got := hear(t, conns[i]); got != "hello" {
			t.Fatalf("connection %d heard %q", i, got)
		}
	}
	if got := b.connections.of("shop"); got != connections {
		t.Errorf("%d connections are counted", got)
	}
	if err := syscall.Kill(l.pid(), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var reading sync.WaitGroup
	for i, conn := range conns {
		reading.Go(func() {
			if code := closed(t, conn); code != websocket.StatusServiceRestart {
				t.Errorf("connection %d closed with %d", i, code)
			}
		})
	}
	reading.Wait()
	b.live(t, l.generation)
	conn, r := dial(t, url+"/shop/echo", nil)
	if conn == nil {
		t.Fatalf("after the restart: status %d", r.StatusCode)
	}
	say(t, conn, "again")
	if got := hear(t, conn); got != "again" {
		t.Errorf("after the restart: %q", got)
	}
	go b.Stop()
	if code := closed(t, conn); code != websocket.StatusGoingAway {
		t.Errorf("the stop closed with %d", code)
	}
	b.Stop()
	if _, r := dial(t, url+"/shop/echo", nil); r.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("after the stop: status %d", r.StatusCode)
	}
	http.DefaultClient.CloseIdleConnections()
	goleak.VerifyNone(t, before, goleak.IgnoreAnyFunction("net/http/httptest.(*Server).goServe.func1"), goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

func TestLiveAccountsComeAndGo(t *testing.T) {
	b := newBench(t)
	b.setup = setupOf(fakeAccount("shop"), fakeAccount("other"))
	b.run(t)
	url := b.liveServer(t)
	shop, _ := dial(t, url+"/shop/echo", nil)
	other, _ := dial(t, url+"/other/echo", nil)
	changed := fakeAccount("other")
	changed.Settings["patience"] = 5 * time.Second
	if err := b.Apply(setupOf(fakeAccount("shop"), changed)); err != nil {
		t.Fatal(err)
	}
	if code := closed(t, other); code != websocket.StatusServiceRestart {
		t.Errorf("the account whose settings changed closed with %d", code)
	}
	other, _ = dial(t, url+"/other/echo", nil)
	if err := b.Apply(setupOf(fakeAccount("shop"))); err != nil {
		t.Fatal(err)
	}
	if code := closed(t, other); code != websocket.StatusServiceRestart {
		t.Errorf("the account that was removed closed with %d", code)
	}
	say(t, shop, "hello")
	if got := hear(t, shop); got != "hello" {
		t.Errorf("the account that stayed heard %q", got)
	}
}
