package outbound

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

func TestReach(t *testing.T) {
	for text, want := range map[string]struct{ public, own bool }{
		"93.184.216.34": {true, false}, "8.8.8.8": {true, false}, "2606:2800:220:1::1": {true, false}, "2606:4700::1111": {true, false},
		"127.0.0.1": {false, true}, "::1": {false, true}, "::ffff:127.0.0.1": {false, true}, "10.1.2.3": {false, true}, "192.168.0.1": {false, true},
		"172.16.0.1": {false, true}, "fd00::1": {false, true}, "fc00::1": {false, true}, "::ffff:10.0.0.1": {false, true},
		"169.254.169.254": {false, false}, "fe80::1": {false, false}, "0.0.0.0": {false, false}, "::": {false, false}, "100.64.0.1": {false, false},
		"224.0.0.1": {false, false}, "255.255.255.255": {false, false}, "64:ff9b::7f00:1": {false, false}, "2002:7f00:1::": {false, false},
		"192.0.2.1": {false, false}, "198.18.0.1": {false, false},
	} {
		ip := netip.MustParseAddr(text)
		if Public(ip) != want.public || OwnNetwork(ip) != want.own || !Anywhere(ip) {
			t.Errorf("%s: public %t, own network %t", text, Public(ip), OwnNetwork(ip))
		}
	}
}

func TestCheck(t *testing.T) {
	for address, want := range map[string][2]bool{ // ordinary, test account
		"https://example.com/k": {true, true}, "http://example.com/k": {false, true}, "ftp://example.com": {false, false},
		"https://user@example.com": {false, false}, "https://u:p@example.com/": {false, false}, "https:///k": {false, false},
		"https://": {false, false}, "https://:443/": {false, false}, "file:///etc/passwd": {false, false}, "/k": {false, false},
	} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		for i, test := range []bool{false, true} {
			err := Check(u, test)
			if (err == nil) != want[i] || err != nil && (!errors.Is(err, ErrForbidden) || strings.Contains(err.Error(), "example")) {
				t.Errorf("%s, test account %t: %v", address, test, err)
			}
		}
	}
}

// Names are judged by where they lead, not by what they are called: "localhost" stands for any name that leads home.
func TestNamesAreJudgedByWhereTheyLead(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	client := Client(Options{})
	for _, host := range []string{"localhost", "127.0.0.1", "[::ffff:127.0.0.1]"} {
		_, err := client.Get("https://" + host + ":" + u.Port()) //nolint:bodyclose // there is none
		if !errors.Is(err, ErrForbidden) {
			t.Errorf("%s: %v", host, err)
		}
	}
	own := Transport(OwnNetwork)
	defer own.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://192.0.2.1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.RoundTrip(r); !errors.Is(err, ErrForbidden) { //nolint:bodyclose // there is none
		t.Errorf("it left for elsewhere: %v", err)
	}
}

func TestNoProxyIsAsked(t *testing.T) {
	if Transport(Public).Proxy != nil {
		t.Error("a proxy would do the resolving")
	}
}

// Redirects are bounded, and looked at like the first address.
func TestRedirects(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/odd" {
			http.Redirect(w, r, "ftp://example.com/", http.StatusFound)
			return
		}
		if left, _ := strconv.Atoi(r.URL.Path[1:]); left > 0 {
			http.Redirect(w, r, "/"+strconv.Itoa(left-1), http.StatusFound)
		}
	}))
	defer s.Close()
	client := Client(Options{Test: true, Redirects: 2})
	defer client.CloseIdleConnections()
	get := func(path string) error {
		response, err := client.Get(s.URL + path)
		if err == nil {
			_ = response.Body.Close()
		}
		return err
	}
	for _, path := range []string{"/0", "/1", "/2"} {
		if err := get(path); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := get("/3"); err == nil || !strings.Contains(err.Error(), "redirected too often") {
		t.Errorf("three redirects: %v", err)
	}
	if err := get("/odd"); !errors.Is(err, ErrForbidden) {
		t.Errorf("to an odd address: %v", err)
	}
}

func TestTimeouts(t *testing.T) {
	for _, c := range []struct {
		o             Options
		answer, whole time.Duration
	}{{Options{}, 30 * time.Second, 0}, {Options{Answer: 5 * time.Second, Whole: 10 * time.Second}, 5 * time.Second, 10 * time.Second}} {
		client := Client(c.o)
		if got := client.Transport.(*http.Transport).ResponseHeaderTimeout; got != c.answer || client.Timeout != c.whole {
			t.Errorf("%+v: %v and %v", c.o, got, client.Timeout)
		}
	}
}
