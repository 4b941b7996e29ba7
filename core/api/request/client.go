package request

import (
	"net"
	"net/http"
	"net/netip"
	"strings"

	"github.com/guichet/guichet/core"
)

// Proxies are the networks whose forwarding headers are believed.
type Proxies []netip.Prefix

// ParseProxies reads networks ("10.0.0.0/8") and single addresses.
func ParseProxies(texts []string) (Proxies, error) {
	var list Proxies
	for _, text := range texts {
		network, err := netip.ParsePrefix(text)
		if err != nil {
			single, failed := netip.ParseAddr(text)
			if failed != nil {
				return nil, core.FieldErrorf("server.trusted_proxies", "%q is neither an address nor a network like 10.0.0.0/8", text)
			}
			network = netip.PrefixFrom(single, single.BitLen())
		}
		list = append(list, network.Masked())
	}
	return list, nil
}

// Client returns the address of the client and whether it came over TLS. X-Forwarded-For is read from the right: the
// first address that is not a trusted proxy is the client; what stands left of it, anybody may have written.
func (p Proxies) Client(r *http.Request) (address string, secure bool) {
	secure = r.TLS != nil
	peer, ok := addressOf(r.RemoteAddr)
	if !ok {
		return "", secure
	}
	if !p.trust(peer) {
		return peer.String(), secure
	}
	if proto := last(r.Header.Values("X-Forwarded-Proto")); proto != "" {
		secure = strings.EqualFold(proto, "https")
	}
	client := peer
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for i := len(hops) - 1; i >= 0; i-- {
		hop, ok := addressOf(strings.TrimSpace(hops[i]))
		if !ok {
			break
		}
		client = hop
		if !p.trust(hop) {
			break
		}
	}
	return client.String(), secure
}

// forwarding are headers that proxies add.
var forwarding = []string{"Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Real-Ip"}

// Direct reports whether the request came straight from this machine: nothing forwarded it, and it names this machine.
// Proxies tell in different ways, and some only by the host that they pass on or by speaking HTTP/1.0, as nginx does
// when it is told nothing else.
func Direct(r *http.Request) bool {
	peer, ok := addressOf(r.RemoteAddr)
	if !ok || !peer.IsLoopback() || !loopbackName(r.Host) || !r.ProtoAtLeast(1, 1) {
		return false
	}
	return !Forwarded(r)
}

// Forwarded reports whether the request says that something has passed it on.
func Forwarded(r *http.Request) bool {
	for _, name := range forwarding {
		if len(r.Header[name]) > 0 {
			return true
		}
	}
	return false
}

// Trusted reports whether the request came straight from one of the proxies.
func (p Proxies) Trusted(r *http.Request) bool {
	peer, ok := addressOf(r.RemoteAddr)
	return ok && p.trust(peer)
}

// loopbackName reports whether a Host header, with or without a port, names the machine itself.
func loopbackName(host string) bool {
	if a, ok := addressOf(host); ok {
		return a.IsLoopback()
	}
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.EqualFold(strings.TrimSuffix(host, "."), "localhost")
}

func (p Proxies) trust(a netip.Addr) bool {
	for _, network := range p {
		if network.Contains(a) {
			return true
		}
	}
	return false
}

func addressOf(s string) (netip.Addr, bool) {
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), true
	}
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	return a.Unmap().WithZone(""), err == nil
}

func last(values []string) string {
	if len(values) == 0 {
		return ""
	}
	parts := strings.Split(values[len(values)-1], ",")
	return strings.TrimSpace(parts[len(parts)-1])
}
