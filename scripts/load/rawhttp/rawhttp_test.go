package rawhttp

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestConnSpeaksToNetHTTP(t *testing.T) {
	long := strings.Repeat("x", 10000)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Error(err)
		}
		switch r.URL.Path {
		case "/echo":
			w.Header().Set("Content-Length", fmt.Sprint(len(body)))
			_, _ = w.Write(body)
		case "/chunked":
			for range 3 {
				_, _ = io.WriteString(w, long)
				_ = http.NewResponseController(w).Flush()
			}
		case "/none":
			w.WriteHeader(http.StatusNoContent)
		case "/header":
			w.WriteHeader(http.StatusServiceUnavailable)
			_, _ = io.WriteString(w, r.Header.Get("X-Name"))
		}
	}))
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	c, err := Dial(address)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for _, test := range []struct {
		path   string
		body   string
		status int
		want   string
	}{
		{"/echo", "hello", 200, "hello"},
		{"/chunked", "", 200, long + long + long},
		{"/none", "", 204, ""},
		{"/echo", long, 200, long},
		{"/header", "", 503, "value"},
		{"/echo", "", 200, ""},
	} {
		status, body, err := c.Do(Request("POST", address, test.path, []byte(test.body), "X-Name", "value"))
		if err != nil {
			t.Fatalf("%s: %v", test.path, err)
		}
		if status != test.status || !bytes.Equal(body, []byte(test.want)) {
			t.Errorf("%s: got %d with %d bytes, want %d with %d", test.path, status, len(body), test.status, len(test.want))
		}
	}
}
