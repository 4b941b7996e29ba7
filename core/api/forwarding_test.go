package api

import (
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/guichet/guichet/core/channel"
)

func (l *listeningChannels) ServeLive(w http.ResponseWriter, _ *http.Request, _ string, _ channel.Request) int {
	w.WriteHeader(http.StatusTooManyRequests)
	return http.StatusTooManyRequests
}

// A proxy that nobody named makes all customers one: the log says so, once in a while.
func TestAProxyThatIsNotTrustedIsNamedWhereItsCustomersAreTurnedAway(t *testing.T) {
	var log strings.Builder
	h := newHouse(t, func(o *Options) {
		o.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		o.Log = hclog.New(&hclog.LoggerOptions{Level: hclog.Info, Output: &log})
	})
	status := http.StatusTooManyRequests
	h.channels.handle = func(string, channel.Request) (channel.Response, error) {
		return channel.Response{Status: status}, nil
	}
	ask := func(peer, forwarded, upgrade string) {
		r := httptest.NewRequest("GET", "/channels/shop/live", nil)
		r.RemoteAddr = peer
		if forwarded != "" {
			r.Header.Set("X-Forwarded-For", forwarded)
		}
		if upgrade != "" {
			r.Header.Set("Upgrade", upgrade)
		}
		h.server.ServeHTTP(httptest.NewRecorder(), r)
	}
	for what, quiet := range map[string]func(){
		"a customer without a proxy": func() { ask("198.51.100.7:1", "", "websocket") },
		"a proxy that is trusted":    func() { ask("10.1.2.3:1", "198.51.100.7", "websocket") },
		"this machine":               func() { ask("127.0.0.1:1", "198.51.100.7", "websocket") },
		"one who is answered": func() {
			status = http.StatusOK
			ask("198.51.100.7:1", "192.0.2.1", "")
			status = http.StatusTooManyRequests
		},
	} {
		if quiet(); log.Len() > 0 {
			t.Errorf("%s: %s", what, &log)
			log.Reset()
		}
	}
	for _, upgrade := range []string{"websocket", ""} {
		h.server.forwarderTold.Store(0)
		for range 3 {
			ask("198.51.100.7:1", "192.0.2.1", upgrade)
		}
		if got := log.String(); strings.Count(got, "trusted_proxies") != 1 || !strings.Contains(got, "address=198.51.100.7") {
			t.Errorf("upgrade %q: the log says %q", upgrade, got)
		}
		log.Reset()
	}
	h.server.forwarderTold.Store(time.Now().Add(-forwarderPause).UnixNano())
	if ask("198.51.100.7:1", "192.0.2.1", ""); log.Len() == 0 {
		t.Error("after the pause nothing is said")
	}
}
