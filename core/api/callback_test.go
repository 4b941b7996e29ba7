package api

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/channel"
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
	h.call("", "POST", "/channels/other/callback", "x").want(t, 404, `"code":"not-found"`)
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

func BenchmarkCallback(b *testing.B) {
	s, err := New(Options{Channels: &listeningChannels{handle: func(string, channel.Request) (channel.Response, error) {
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
