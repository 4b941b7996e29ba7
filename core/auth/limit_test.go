package auth

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
)

func TestFailuresAreLimited(t *testing.T) {
	o := newOffice(t)
	check(t, o.SetPassword(t.Context(), admin, "ada", good))
	_, _, err := o.signIn("ada@example.com", good, "192.0.2.7")
	check(t, err) // from now on this address is hers
	for range failuresPerEmail {
		_, _, err = o.signIn("ada@example.com", "a guess", "203.0.113.66")
		wantCode(t, err, core.Unauthorized)
	}
	_, _, err = o.signIn("ada@example.com", good, "203.0.113.66")
	wantCode(t, err, core.RateLimited)
	_, _, err = o.signIn("ada@example.com", good, "198.51.100.1") // an attacker has many addresses
	wantCode(t, err, core.RateLimited)
	var limit *LimitError
	if !errors.As(err, &limit) || limit.After <= 0 || limit.After > failureWindow {
		t.Errorf("it does not say when to try again: %v", err)
	}
	_, _, err = o.signIn("ada@example.com", good, "192.0.2.7")
	check(t, err) // her own address is not locked out by others
	o.pass(failureWindow)
	_, _, err = o.signIn("ada@example.com", good, "198.51.100.1")
	check(t, err)
}

func TestOneAddressCannotGuessManyPeople(t *testing.T) {
	a := newAttempts()
	now := time.Unix(1e9, 0)
	for i := range failuresPerAddress {
		check(t, a.reserve(now.Add(time.Duration(i)*time.Second), string(rune('a'+i%26))+strings.Repeat("x", i/26)+"@example.com", "203.0.113.66"))
	}
	now = now.Add(time.Minute)
	wantCode(t, a.reserve(now, "somebody@example.com", "203.0.113.66"), core.RateLimited)
	check(t, a.reserve(now, "somebody@example.com", "203.0.113.67"))
	// Success gives the attempt back, and so does one that was never judged.
	for range 2 * failuresPerAddress {
		check(t, a.reserve(now, "office@example.com", "198.51.100.9"))
		a.succeeded(now, "office@example.com", "198.51.100.9")
		check(t, a.reserve(now, "other@example.com", "198.51.100.9"))
		a.released("other@example.com", "198.51.100.9")
	}
}

func TestMemoryOfFailuresIsBounded(t *testing.T) {
	a := newAttempts()
	now := time.Unix(1e9, 0)
	for i := range 3 * attemptsKept {
		_ = a.reserve(now, "one@example.com", time.Duration(i).String())
		a.succeeded(now, time.Duration(i).String(), "192.0.2.7")
	}
	if len(a.failures) > attemptsKept+2 || len(a.good) > attemptsKept+2 {
		t.Errorf("%d failures, %d addresses", len(a.failures), len(a.good))
	}
}

func TestAnIPv6NetworkCountsAsOneAddress(t *testing.T) {
	a, now := newAttempts(), time.Unix(1e9, 0)
	for i := range failuresPerAddress {
		address := netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 9: 1, 15: byte(i)}).String()
		check(t, a.reserve(now, string(rune('a'+i%26))+strings.Repeat("x", i/26)+"@example.com", address))
	}
	wantCode(t, a.reserve(now, "somebody@example.com", "2001:db8::ffff:0:0:1"), core.RateLimited)
	check(t, a.reserve(now, "somebody@example.com", "2001:db8:0:1::1")) // the network beside it
	check(t, a.reserve(now, "somebody@example.com", "192.0.2.7"))
	for given, want := range map[string]string{
		"192.0.2.7": "192.0.2.7", "::ffff:192.0.2.7": "192.0.2.7", "fe80::1%eth0": "fe80::/64", "": "", "local": "local",
	} {
		if got := placeOf(given); got != want {
			t.Errorf("%q counts as %q, want %q", given, got, want)
		}
	}
}
