package api

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

// errForbiddenAddress means that an address may not be asked.
var errForbiddenAddress = errors.New("this address may not be asked")

// unpublic are the networks beyond what netip classifies: shared address space, documentation, benchmarks, reserved, and
// prefixes under which an IPv4 address is hidden in an IPv6 one.
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

// reach says which addresses may be connected to.
type reach func(netip.Addr) bool

func anywhere(netip.Addr) bool { return true }

// publicly lets through what is on the public internet.
func publicly(ip netip.Addr) bool {
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

// ownNetwork lets through this machine and its network.
func ownNetwork(ip netip.Addr) bool {
	ip = ip.Unmap()
	return ip.IsLoopback() || ip.IsPrivate()
}

// transport connects to what may be reached only. That is looked at when the connection is made, after names are
// resolved, so that a name that changes its mind does no harm. There is no proxy: it would do the resolving.
func transport(allowed reach) *http.Transport {
	dialer := &net.Dialer{Timeout: 5 * time.Second}
	dialer.ControlContext = func(_ context.Context, _, address string, _ syscall.RawConn) error {
		at, err := netip.ParseAddrPort(address)
		if err != nil || !allowed(at.Addr()) {
			return fmt.Errorf("%s: %w", address, errForbiddenAddress)
		}
		return nil
	}
	return &http.Transport{
		DialContext: dialer.DialContext, TLSHandshakeTimeout: 5 * time.Second, ResponseHeaderTimeout: 30 * time.Second,
		MaxIdleConnsPerHost: 4, IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true,
	}
}

// fetchClient makes the client for addresses that come with customers' messages: whoever wrote them is nobody we know.
// They are fetched from the public internet only, by https; of a test account, from anywhere.
func fetchClient(test bool) *http.Client {
	allowed := publicly
	if test {
		allowed = anywhere
	}
	return &http.Client{
		Transport: transport(allowed),
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > maxRedirects {
				return errors.New("it is redirected too often")
			}
			return fetchable(r.URL, test)
		},
	}
}

// fetchable checks the form of an address to fetch from.
func fetchable(u *url.URL, test bool) error {
	if u.Host == "" || u.User != nil || u.Scheme != "https" && (!test || u.Scheme != "http") {
		return fmt.Errorf("only https without a user name is fetched: %w", errForbiddenAddress)
	}
	return nil
}
