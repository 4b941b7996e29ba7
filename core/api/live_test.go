package api

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core/channel"
)

// upgradedChannels note the requests to upgrade that they are handed.
type upgradedChannels struct {
	*listeningChannels
	account string
	request channel.Request
}

func (c *upgradedChannels) ServeLive(w http.ResponseWriter, _ *http.Request, account string, r channel.Request) int {
	c.account, c.request = account, r
	w.WriteHeader(http.StatusTeapot)
	return http.StatusTeapot
}

// TestUpgradesAreHandedOver asks for WebSockets below an account's address, and below that of none.
func TestUpgradesAreHandedOver(t *testing.T) {
	channels := &upgradedChannels{}
	h := newHouse(t, func(o *Options) {
		channels.listeningChannels, _ = o.Channels.(*listeningChannels)
		o.Channels = channels
	})
	ask := func(path string) int {
		r := httptest.NewRequest("GET", "https://desk.example.com"+path, nil)
		r.Header.Set("Upgrade", "WebSocket")
		r.RemoteAddr = "192.0.2.7:1234"
		w := httptest.NewRecorder()
		h.server.ServeHTTP(w, r)
		return w.Code
	}
	if status := ask("/channels/nobody/live"); status != http.StatusNotFound || channels.account != "" {
		t.Errorf("an account that is not there: %d", status)
	}
	if status := ask("/channels/shop/a%2Fb?x=1"); status != http.StatusTeapot {
		t.Errorf("status %d", status)
	}
	got := []string{channels.account, channels.request.Method, channels.request.Path, channels.request.RawQuery, channels.request.RemoteAddress}
	if diff := cmp.Diff([]string{"shop", "GET", "a%2Fb", "x=1", "192.0.2.7"}, got); diff != "" {
		t.Errorf("-want +handed over\n%s", diff)
	}
}
