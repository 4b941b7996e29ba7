package api

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/guichet/guichet/core/api/request"
)

// forwarderPause is the least time between two warnings about proxies that are not trusted: whoever asks can cause them.
const forwarderPause = 10 * time.Minute

// turnedAway looks at a customer who was turned away for asking too much. Limits count client addresses, and all customers
// behind a proxy that is not trusted have its address: the log says so, because nothing else would explain why a chat is
// closed to most of them. A loopback address is not counted, and nothing to warn of.
func (s *Server) turnedAway(r *http.Request, account, address string, now time.Time) {
	peer, err := netip.ParseAddr(address)
	if err != nil || peer.IsLoopback() || s.TrustedProxies.Trusted(r) || !request.Forwarded(r) {
		return
	}
	last := s.forwarderTold.Load()
	if last != 0 && now.UnixNano()-last < int64(forwarderPause) || !s.forwarderTold.CompareAndSwap(last, now.UnixNano()) {
		return
	}
	s.Log.Warn("customers are turned away because requests of many seem to come from one address, which passes them on: if that is your proxy, name it in trusted_proxies under [server]",
		"address", address, "account", account)
}
