package api

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"google.golang.org/grpc"

	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk/outbound"
)

// TestWhatIsNotReached: addresses of messages lead to the public internet, what is not encrypted stays in the own network.
func TestWhatIsNotReached(t *testing.T) {
	s := httptest.NewTLSServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it was reached") }))
	defer s.Close()
	for address, client := range map[string]*http.Client{s.URL: fetchClient(false), "http://192.0.2.1/": webhookClient(true)} {
		_, err := client.Get(address) //nolint:bodyclose // there is none
		if !errors.Is(err, outbound.ErrForbidden) {
			t.Errorf("%s: %v", address, err)
		}
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
