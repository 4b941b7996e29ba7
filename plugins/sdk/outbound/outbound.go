// Package outbound fetches from addresses that somebody else has written down: a customer's message, a setting, a
// provider's answer. Without care such an address makes a server ask its own network on a stranger's behalf.
//
// What may be reached is looked at when a connection is made, after names are resolved, so that a name that changes its
// mind does no harm. The package knows neither the plugin protocol nor the host; both sides use it. Start with [Client], or
// with [Transport] where the rules for redirects are others.
package outbound

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// ErrForbidden means that an address may not be asked: for its form, or for where it leads.
var ErrForbidden = errors.New("this address may not be asked")

// unpublic are the networks beyond what netip classifies: shared address space, documentation, benchmarks, reserved, and
// prefixes under which an IPv4 address is hidden in an IPv6 one (IANA's registries of special-purpose addresses).
var unpublic = func() []netip.Prefix {
	var list []netip.Prefix
	for _, text := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15",
		"198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "fec0::/10",
	} {
		list = append(list, netip.MustParsePrefix(text))
	}
	return list
}()

// Reach says whether an address may be connected to.
type Reach func(netip.Addr) bool

// Anywhere lets everything through: for test accounts, and for addresses that an administrator answers for.
func Anywhere(netip.Addr) bool { return true }

// Public lets through what is on the public internet.
func Public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return false
	}
	for _, network := range unpublic {
		if network.Contains(ip) {
			return false
		}
	}
	return true
}

// OwnNetwork lets through this machine and its network.
func OwnNetwork(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsPrivate()
}

// Check looks at the form of an address: https, and http for test accounts; no user name. The error wraps ErrForbidden and
// does not repeat the address, which may hold a secret.
func Check(u *url.URL, test bool) error {
	if u.Hostname() == "" || u.User != nil || u.Scheme != "https" && (!test || u.Scheme != "http") {
		return fmt.Errorf("only https without a user name is fetched: %w", ErrForbidden)
	}
	return nil
}

// Transport connects to what may be reached only; the error of anything else wraps ErrForbidden. It uses no proxy: that
// would do the resolving, and its address would be the only one to look at. The timeouts may be changed before it is used.
func Transport(allowed Reach) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !allowed(at.Addr()) {
			return fmt.Errorf("%s: %w", address, ErrForbidden)
		}
		return nil
	}
	return &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 30 * time.Second,
		MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true,
	}
}

// Options say what a Client does.
type Options struct {
	// Test is for test accounts: any address will do, by http as well.
	Test bool
	// Redirects is how many are followed. Each is looked at as the first address is.
	Redirects int
	// Answer bounds the wait until an answer begins; 0 means 30 seconds.
	Answer time.Duration
	// Whole bounds a request with all of its answer; 0 means that the request's context does.
	Whole time.Duration
}

// Client fetches from the public internet only. Whoever gives it an address looks at its form first, see [Check].
func Client(o Options) *http.Client {
	allowed := Reach(Public)
	if o.Test {
		allowed = Anywhere
	}
	transport := Transport(allowed)
	if o.Answer > 0 {
		transport.ResponseHeaderTimeout = o.Answer
	}
	return &http.Client{
		Timeout: o.Whole, Transport: transport,
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > o.Redirects {
				return errors.New("it is redirected too often")
			}
			return Check(r.URL, o.Test)
		},
	}
}
