package request

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/guichet/guichet/core"
)

func TestClientAddress(t *testing.T) {
	proxies, err := ParseProxies([]string{"10.0.0.0/8", "2001:db8::1"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name, peer string
		forwarded  []string
		proto      string
		want       string
		secure     bool
	}{
		{name: "direct", peer: "192.0.2.1:1234", want: "192.0.2.1"},
		{name: "a stranger's header is not believed", peer: "192.0.2.1:1234", forwarded: []string{"6.6.6.6"}, proto: "https", want: "192.0.2.1"},
		{name: "one proxy", peer: "10.1.1.1:1", forwarded: []string{"192.0.2.9"}, proto: "https", want: "192.0.2.9", secure: true},
		{name: "what the client wrote first does not count", peer: "10.1.1.1:1", forwarded: []string{"6.6.6.6, 192.0.2.9"}, want: "192.0.2.9"},
		{name: "two proxies, two headers", peer: "10.1.1.1:1", forwarded: []string{"6.6.6.6, 192.0.2.9", "10.2.2.2"}, want: "192.0.2.9"},
		{name: "only proxies", peer: "10.1.1.1:1", forwarded: []string{"10.2.2.2"}, want: "10.2.2.2"},
		{name: "nonsense stops the walk", peer: "10.1.1.1:1", forwarded: []string{"192.0.2.9, nonsense"}, want: "10.1.1.1"},
		{name: "IPv6", peer: "[2001:db8::1]:443", forwarded: []string{"2001:db8:1::5"}, want: "2001:db8:1::5"},
		{name: "IPv4 in IPv6", peer: "[::ffff:10.1.1.1]:443", forwarded: []string{"::ffff:192.0.2.9"}, want: "192.0.2.9"},
		{name: "no proxy says http", peer: "10.1.1.1:1", forwarded: []string{"192.0.2.9"}, proto: "http", want: "192.0.2.9"},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr = test.peer
		r.Header["X-Forwarded-For"] = test.forwarded
		if test.proto != "" {
			r.Header.Set("X-Forwarded-Proto", test.proto)
		}
		if got, secure := proxies.Client(r); got != test.want || secure != test.secure {
			t.Errorf("%s: %s (secure %v), want %s (%v)", test.name, got, secure, test.want, test.secure)
		}
	}
	if _, err := ParseProxies([]string{"proxy.example"}); core.CodeOf(err) != core.Invalid {
		t.Errorf("a name is no network: %v", err)
	}
}

func TestDirect(t *testing.T) {
	for peer, want := range map[string]bool{"127.0.0.1:5": true, "[::1]:5": true, "192.0.2.1:5": false, "@": false} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Host = peer, "127.0.0.1:8080"
		if Direct(r) != want {
			t.Errorf("%s: %v", peer, !want)
		}
		for _, name := range forwarding {
			r.Header = http.Header{}
			r.Header.Set(name, "for=192.0.2.1")
			if Direct(r) {
				t.Errorf("%s, with %s, is taken for direct", peer, name)
			}
		}
	}
	for host, want := range map[string]bool{
		"localhost": true, "LocalHost:8080": true, "localhost.": true, "127.0.0.1": true, "127.1.2.3:80": true, "[::1]:8080": true, "[::1]": true,
		"desk.example.com": false, "localhost.example.com": false, "192.0.2.1": false, "": false, "notlocalhost": false, "[2001:db8::1]:80": false,
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.RemoteAddr, r.Host = "127.0.0.1:5", host
		if Direct(r) != want {
			t.Errorf("reached as %q: %v", host, !want)
		}
		r.Proto, r.ProtoMinor = "HTTP/1.0", 0
		if Direct(r) {
			t.Errorf("reached as %q in HTTP/1.0, as proxies do: direct", host)
		}
	}
}

func TestJSON(t *testing.T) {
	type body struct {
		Name string `json:"name"`
		Of   struct {
			Age int `json:"age"`
		} `json:"of"`
	}
	for text, want := range map[string]struct {
		code  core.Code
		field string
	}{
		`{"name":"x","more":1}`:  {},
		`{"of":{"age":"old"}}`:   {core.Invalid, "of.age"},
		`{"name":1}`:             {core.Invalid, "name"},
		``:                       {core.Invalid, ""},
		`{`:                      {core.Invalid, ""},
		`[]`:                     {core.Invalid, ""},
		`{} {}`:                  {core.Invalid, ""},
		"{}\n\t ":                {},
		"{\"name\":\"\xff\"} \n": {},
	} {
		var b body
		err := JSON(httptest.NewRequest("POST", "/", strings.NewReader(text)), &b)
		var coded *core.Error
		if err != nil {
			coded = err.(*core.Error)
		}
		if core.CodeOf(err) != want.code || (coded != nil && coded.Field != want.field) {
			t.Errorf("%q: %v", text, err)
		}
	}
}
