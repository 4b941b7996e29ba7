package channel

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

// errForbiddenAddress means that an address is not one on the public internet.
var errForbiddenAddress = errors.New("not a public address")

// forbiddenNetworks are those beyond what netip classifies: shared address space, documentation, benchmarks, reserved,
// and prefixes under which an IPv4 address is hidden in an IPv6 one.
var forbiddenNetworks = func() []netip.Prefix {
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

// public reports whether an address is on the public internet.
func public(ip netip.Addr) bool {
	ip = ip.Unmap()
	if !ip.IsGlobalUnicast() || ip.IsPrivate() || ip.IsLoopback() || ip.IsLinkLocalUnicast() {
		return false
	}
	for _, network := range forbiddenNetworks {
		if network.Contains(ip) {
			return false
		}
	}
	return true
}

// allowedURL checks the form of an address to fetch: https, unless it is for a test account.
func allowedURL(u *url.URL, test bool) error {
	if u.Host == "" || u.User != nil {
		return fmt.Errorf("%s: a host and no user name is needed", u.Redacted())
	}
	if u.Scheme != "https" && (!test || u.Scheme != "http") {
		return fmt.Errorf("%s: only https is allowed", u.Redacted())
	}
	return nil
}

// guardedClient fetches from the public internet only. The address is checked when the connection is made, after names
// are resolved, so that a name that changes its mind does no harm. For test accounts any address will do.
func guardedClient(test bool) *http.Client {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	if !test {
		dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
			at, err := netip.ParseAddrPort(address)
			if err != nil || !public(at.Addr()) {
				return fmt.Errorf("%s: %w", address, errForbiddenAddress)
			}
			return nil
		}
	}
	return &http.Client{
		Timeout: 10 * time.Second,
		// No proxy: it would do the resolving, and the check would see its address only.
		Transport: &http.Transport{
			DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 5 * time.Second,
			MaxIdleConnsPerHost: 1, IdleConnTimeout: 10 * time.Second, ForceAttemptHTTP2: true,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) >= 3 {
				return errors.New("too many redirects")
			}
			return allowedURL(r.URL, test)
		},
	}
}
