package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"google.golang.org/grpc"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

func TestReach(t *testing.T) {
	for text, want := range map[string]struct{ public, own bool }{
		"93.184.216.34": {true, false}, "2606:2800:220:1::1": {true, false},
		"127.0.0.1": {false, true}, "::1": {false, true}, "::ffff:127.0.0.1": {false, true}, "10.1.2.3": {false, true}, "192.168.0.1": {false, true},
		"172.16.0.1": {false, true}, "fd00::1": {false, true}, "::ffff:10.0.0.1": {false, true},
		"169.254.169.254": {false, false}, "fe80::1": {false, false}, "0.0.0.0": {false, false}, "::": {false, false}, "100.64.0.1": {false, false},
		"224.0.0.1": {false, false}, "255.255.255.255": {false, false}, "64:ff9b::7f00:1": {false, false}, "2002:7f00:1::": {false, false},
		"192.0.2.1": {false, false}, "198.18.0.1": {false, false},
	} {
		ip := netip.MustParseAddr(text)
		if publicly(ip) != want.public || ownNetwork(ip) != want.own {
			t.Errorf("%s: public %t, own network %t", text, publicly(ip), ownNetwork(ip))
		}
	}
}

// TestNamesAreJudgedByWhereTheyLead: not by what they are called. "localhost" stands for any name that leads home.
func TestNamesAreJudgedByWhereTheyLead(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"localhost", "127.0.0.1", "[::ffff:127.0.0.1]"} {
		_, err := fetchClient(false).Get("https://" + host + ":" + u.Port()) //nolint:bodyclose // there is none
		if !errors.Is(err, errForbiddenAddress) {
			t.Errorf("%s: %v", host, err)
		}
	}
	for _, address := range []string{"http://example.com/", "https://u:p@example.com/", "file:///etc/passwd", "https://"} {
		u, err := url.Parse(address)
		if err != nil {
			t.Fatal(err)
		}
		if fetchable(u, false) == nil {
			t.Errorf("%s may be fetched", address)
		}
	}
	own := transport(ownNetwork)
	defer own.CloseIdleConnections()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://192.0.2.1/", nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := own.RoundTrip(r); !errors.Is(err, errForbiddenAddress) { //nolint:bodyclose // there is none
		t.Errorf("what is not encrypted left for elsewhere: %v", err)
	}
}

// TestFilesAreFetched: from where a message says, with what can go wrong.
func TestFilesAreFetched(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/pic.png":
			w.Header().Set("Content-Type", "image/png; x=1")
			w.Header().Set("Content-Disposition", `attachment; filename="../evil.png"`)
			_, _ = io.WriteString(w, "png")
		case "/away":
			http.Redirect(w, r, "/pic.png", http.StatusFound)
		case "/round":
			http.Redirect(w, r, "/round", http.StatusFound)
		case "/odd":
			http.Redirect(w, r, "ftp://example.com/", http.StatusFound)
		case "/large":
			_, _ = io.WriteString(w, strings.Repeat("x", 50))
			w.(http.Flusher).Flush()
			_, _ = io.WriteString(w, strings.Repeat("x", 100))
		case "/forbidden":
			w.WriteHeader(http.StatusForbidden)
		case "/busy":
			w.WriteHeader(http.StatusServiceUnavailable)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	defer s.Close()
	h := openHouse(t, nil)
	for handle, want := range map[string]string{
		"url:" + s.URL + "/pic.png": "image/png evil.png png", "url:" + s.URL + "/away": "image/png evil.png png",
		"url:" + s.URL + "/gone": "gone", "url:" + s.URL + "/forbidden": "refused", "url:" + s.URL + "/busy": "error", "url:" + s.URL + "/round": "error",
		"url:" + s.URL + "/odd": "refused", "url:" + s.URL + "/large": "refused", "else": "gone", "url:gopher://x/": "refused",
	} {
		if got := fetched(t.Context(), h.Media, handle); got != want {
			t.Errorf("%s: %q, want %q", handle, got, want)
		}
	}
}

// fetched reads a file through the plugin and says in short what came of it.
func fetched(ctx context.Context, from channelv1.MediaClient, handle string) string {
	var stream grpc.ServerStreamingClient[channelv1.FetchMediaResponse]
	stream, err := from.FetchMedia(ctx, &channelv1.FetchMediaRequest{Account: account, Handle: handle, MaxBytes: 100})
	if err != nil {
		return "error"
	}
	head, content := "", ""
	for {
		part, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return head + content
		case err != nil:
			return "error"
		case part.GetGone() != nil:
			return "gone"
		case part.GetRefused() != nil:
			return "refused"
		case part.GetHead() != nil:
			head = part.GetHead().GetType() + " " + part.GetHead().GetName() + " "
		}
		content += string(part.GetChunk())
	}
}
