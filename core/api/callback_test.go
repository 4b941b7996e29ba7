package api

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/go-hclog"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/desk"
)

// echo answers a callback with what arrived.
func echo(account string, r channel.Request) (channel.Response, error) {
	if account != "shop" && account != "a b" {
		return channel.Response{}, core.Errorf(core.NotFound, "there is no account %q", account)
	}
	body := fmt.Sprintf("%s|%s|%s|%s|%s|%d", account, r.Method, r.URL, r.Path, r.RawQuery, len(r.Body))
	return channel.Response{Status: 202, Headers: []channel.Header{
		{Name: "X-Provider", Value: "1"}, {Name: "x-provider", Value: "2"}, {Name: "Set-Cookie", Value: "guichet=stolen"},
		{Name: "Content-Security-Policy", Value: "default-src *"}, {Name: "Content-Type", Value: "text/plain"},
	}, Body: []byte(body)}, nil
}

func TestCallbacksArriveAsTheyWereSent(t *testing.T) {
	h := newHouse(t)
	h.channels.handle = echo
	for _, test := range []struct{ method, target, want string }{
		{"POST", "/channels/shop/callback", "shop|POST|https://desk.example.com/channels/shop/callback|callback||4"},
		{"GET", "/channels/shop/callback?a=1&a=%20", "shop|GET|https://desk.example.com/channels/shop/callback?a=1&a=%20|callback|a=1&a=%20|0"},
		{"OPTIONS", "/channels/shop/v3/directline", "shop|OPTIONS|https://desk.example.com/channels/shop/v3/directline|v3/directline||0"},
		{"POST", "/channels/shop/a%2Fb/%C3%A9//c/", "shop|POST|https://desk.example.com/channels/shop/a%2Fb/%C3%A9//c/|a%2Fb/%C3%A9//c/||4"},
		{"PATCH", "/channels/shop", "shop|PATCH|https://desk.example.com/channels/shop|||4"},
		{"DELETE", "/channels/a%20b/x", "a b|DELETE|https://desk.example.com/channels/a%20b/x|x||4"},
	} {
		body := "body"
		if test.method == "GET" || test.method == "OPTIONS" {
			body = ""
		}
		got := raw(t, h.http.Listener.Addr(), test.method+" "+test.target+" HTTP/1.1\r\nHost: inside\r\nOrigin: https://elsewhere\r\nSec-Fetch-Site: cross-site\r\nContent-Length: "+fmt.Sprint(len(body))+"\r\n\r\n"+body)
		content, err := io.ReadAll(got.Body)
		check(t, err)
		if got.StatusCode != 202 || string(content) != test.want {
			t.Errorf("%s %s: %d %s\nwant %s", test.method, test.target, got.StatusCode, content, test.want)
		}
		if diff := cmp.Diff([]string{"1", "2"}, got.Header.Values("X-Provider")); diff != "" {
			t.Error(diff)
		}
		if got.Header.Get("Set-Cookie") != "" || strings.Contains(got.Header.Get("Content-Security-Policy"), "*") {
			t.Errorf("a plugin acts on our own pages: %v", got.Header)
		}
	}
}

// raw sends bytes as they are, for paths that an HTTP client would tidy.
func raw(t *testing.T, address net.Addr, request string) *http.Response {
	t.Helper()
	conn, err := net.Dial(address.Network(), address.String())
	check(t, err)
	t.Cleanup(func() { conn.Close() })
	check(t, conn.SetDeadline(time.Now().Add(10*time.Second)))
	_, err = io.WriteString(conn, request)
	check(t, err)
	res, err := http.ReadResponse(bufio.NewReader(conn), nil)
	check(t, err)
	return res
}

func TestCallbackFailures(t *testing.T) {
	h := newHouse(t)
	h.channels.handle = echo
	h.channels.handle = func(account string, _ channel.Request) (channel.Response, error) {
		return channel.Response{}, core.Errorf(core.NotFound, "there is no account %q", account) // it has just been removed
	}
	h.call("", "POST", "/channels/shop/callback", "x").want(t, 404, `"code":"not-found"`)
	h.call("", "POST", "/channels/", "x").want(t, 404)
	down := core.Errorf(core.Unavailable, "the plugin is down")
	h.channels.handle = func(string, channel.Request) (channel.Response, error) {
		return channel.Response{Status: 503, Headers: []channel.Header{{Name: "Retry-After", Value: "1"}}}, down
	}
	got := h.call("", "POST", "/channels/shop/callback", "x")
	got.want(t, 503)
	if got.header.Get("Retry-After") != "1" {
		t.Error("the provider does not learn when to send it again")
	}
	h.channels.handle = func(string, channel.Request) (channel.Response, error) { return channel.Response{}, down }
	got = h.call("", "POST", "/channels/shop/callback", "x")
	got.want(t, 503, `"code":"unavailable"`)
	if got.header.Get("Retry-After") == "" {
		t.Error("the provider does not learn when to send it again")
	}
}

func TestCallbackBodiesAreBounded(t *testing.T) {
	h := newHouse(t)
	size := 0
	h.channels.handle = func(_ string, r channel.Request) (channel.Response, error) {
		size = len(r.Body)
		return channel.Response{Status: 200}, nil
	}
	largest := bytes.Repeat([]byte{'x'}, maxCallbackBody)
	h.call("", "POST", "/channels/shop/callback", string(largest)).want(t, 200)
	if size != maxCallbackBody {
		t.Errorf("%d bytes arrived of %d", size, maxCallbackBody)
	}
	// With a length, and without one.
	res := httptest.NewRecorder()
	h.server.ServeHTTP(res, httptest.NewRequest("POST", "/channels/shop/callback", bytes.NewReader(append(largest, 'x'))))
	if res.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("status %d", res.Code)
	}
	chunked := httptest.NewRequest("POST", "/channels/shop/callback", io.MultiReader(bytes.NewReader(largest), strings.NewReader("x")))
	chunked.ContentLength = -1
	res = httptest.NewRecorder()
	h.server.ServeHTTP(res, chunked)
	if res.Code != http.StatusRequestEntityTooLarge {
		t.Errorf("chunked: status %d", res.Code)
	}
	// A connection that ends early: nothing is handed on.
	size = -1
	short := httptest.NewRequest("POST", "/channels/shop/callback", strings.NewReader("half"))
	short.ContentLength = 8
	res = httptest.NewRecorder()
	h.server.ServeHTTP(res, short)
	if res.Code != http.StatusServiceUnavailable || size != -1 {
		t.Errorf("status %d, %d bytes handed on", res.Code, size)
	}
}

func TestClientAddressIsOnlyBelievedFromProxies(t *testing.T) {
	h := newHouse(t, func(o *Options) { o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")} })
	var address string
	h.channels.handle = func(_ string, r channel.Request) (channel.Response, error) {
		address = r.RemoteAddress
		return channel.Response{Status: 200}, nil
	}
	h.call("", "POST", "/channels/shop/callback", "x", "X-Forwarded-For", "6.6.6.6, 203.0.113.9").want(t, 200)
	if address != "203.0.113.9" {
		t.Errorf("address %q", address)
	}
}

// slowBody is a body of which only the first bytes come.
type slowBody struct {
	first   io.Reader
	largest int // how much a caller had room for
	read    bool
}

func (b *slowBody) Close() error { return nil }
func (b *slowBody) Read(p []byte) (int, error) {
	b.largest, b.read = max(b.largest, len(p)), true
	n, err := b.first.Read(p)
	if err == io.EOF {
		err = os.ErrDeadlineExceeded
	}
	return n, err
}

// deadlines is a connection that notes until when it would be read.
type deadlines struct {
	*httptest.ResponseRecorder
	set []time.Time
}

func (d *deadlines) SetReadDeadline(at time.Time) error {
	d.set = append(d.set, at)
	return nil
}

func TestCallbacksAreTakenAtTheirWordOnlySoFar(t *testing.T) {
	var log strings.Builder
	h := newHouse(t, func(o *Options) { o.Log = hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: &log}) })
	h.channels.handle = func(string, channel.Request) (channel.Response, error) {
		t.Error("half a request was handed on")
		return channel.Response{Status: 200}, nil
	}
	send := func(account string) (*slowBody, *deadlines) {
		body := &slowBody{first: strings.NewReader("half")}
		r := httptest.NewRequest("POST", "/channels/"+account+"/callback", nil)
		r.Body, r.ContentLength = body, maxCallbackBody
		w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
		h.server.ServeHTTP(w, r)
		return body, w
	}
	before := time.Now()
	body, w := send("shop")
	if w.Code != http.StatusServiceUnavailable || body.largest > trustedBody {
		t.Errorf("status %d, %d bytes of memory for a request that has yet to come", w.Code, body.largest)
	}
	for _, until := range w.set {
		if until.Before(before.Add(bodyGrace)) || until.After(time.Now().Add(bodyGrace+time.Second)) {
			t.Errorf("it may take until %v", w.set)
		}
	}
	if body, w = send("unknown"); w.Code != http.StatusNotFound || body.read {
		t.Errorf("status %d for an account that is not there; its body was read: %v", w.Code, body.read)
	}
	if log.Len() > 0 {
		t.Errorf("anybody can fill the log: %s", &log)
	}
}

func TestBodiesOfEverySizeArriveWhole(t *testing.T) {
	h := newHouse(t)
	var got []byte
	h.channels.handle = func(_ string, r channel.Request) (channel.Response, error) {
		got = r.Body
		return channel.Response{Status: 200}, nil
	}
	for _, size := range []int{0, 1, trustedBody - 1, trustedBody, trustedBody + 1, 3 << 20} {
		want := make([]byte, size)
		for i := range want {
			want[i] = byte(i * 31)
		}
		for _, announced := range []bool{true, false} {
			r := httptest.NewRequest("POST", "/channels/shop/callback", bytes.NewReader(want))
			if !announced {
				r.ContentLength = -1
			}
			w := &deadlines{ResponseRecorder: httptest.NewRecorder()}
			h.server.ServeHTTP(w, r)
			if w.Code != 200 || !bytes.Equal(got, want) {
				t.Errorf("%d bytes (announced %v): status %d, %d bytes arrived", size, announced, w.Code, len(got))
			}
			if n := len(w.set); n > 0 && !w.set[n-1].IsZero() {
				t.Errorf("the deadline holds for the next request too: %v", w.set)
			}
		}
	}
}

func TestTheLogHoldsNothingThatOpensSomething(t *testing.T) {
	var log strings.Builder
	h := newHouse(t, func(o *Options) { o.Log = hclog.New(&hclog.LoggerOptions{Level: hclog.Trace, Output: &log}) })
	h.channels.handle = func(string, channel.Request) (channel.Response, error) {
		return channel.Response{}, core.Errorf(core.Unavailable, "the plugin is down")
	}
	h.call("", "POST", "/channels/shop/s3cret-token/callback?token=s3cret-token", "x").want(t, 503)
	h.call("", "GET", "/media/s3cret-token", "").want(t, 404)
	h.call("", "GET", "/nowhere/s3cret-token", "").want(t, 404)
	h.http.Close() // every request has written its line
	for _, want := range []string{"account=shop", "route=/media/:token"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log lacks %s: %s", want, &log)
		}
	}
	if strings.Contains(log.String(), "s3cret") {
		t.Errorf("the log holds a token: %s", &log)
	}
}

// A browser that leaves the page while it is answered is nobody's failure; a plugin that is down is.
func TestHangingUpIsNoWarning(t *testing.T) {
	var log strings.Builder
	h := newHouse(t, func(o *Options) { o.Log = hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: &log}) })
	h.channels.handle = func(string, channel.Request) (channel.Response, error) {
		return channel.Response{}, core.Errorf(core.Unavailable, "the request could not be handled: %w", context.Canceled)
	}
	gone, hangUp := context.WithCancel(t.Context())
	hangUp()
	h.server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(gone, "GET", "/channels/shop/poll", nil))
	if log.Len() > 0 {
		t.Errorf("somebody hung up, and the log says %s", &log)
	}
	h.server.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/channels/shop/poll", nil))
	if !strings.Contains(log.String(), "[WARN]") {
		t.Errorf("the plugin failed, and the log says %q", &log)
	}
}

func BenchmarkCallback(b *testing.B) {
	d := desk.New(desk.Options{Setup: testSetup()})
	s, err := New(Options{Desk: d, Channels: &listeningChannels{handle: func(string, channel.Request) (channel.Response, error) {
		return channel.Response{Status: 200}, nil
	}}})
	if err != nil {
		b.Fatal(err)
	}
	body := bytes.Repeat([]byte{'x'}, 500)
	b.ReportAllocs()
	for b.Loop() {
		r := httptest.NewRequest("POST", "/channels/shop/callback", bytes.NewReader(body))
		s.ServeHTTP(httptest.NewRecorder(), r)
	}
}
