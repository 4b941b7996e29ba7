package sdk

import (
	"crypto/sha256"
	"crypto/subtle"
	"net/http"
	"net/url"
	"strings"
)

// SharedSecret is where a request carries a secret that the provider was told.
type SharedSecret func(r *http.Request) string

// SecretInHeader takes the secret from a header.
func SecretInHeader(name string) SharedSecret {
	return func(r *http.Request) string { return r.Header.Get(name) }
}

// SecretInBearer takes the secret from the header Authorization: Bearer.
func SecretInBearer() SharedSecret { return bearer }

// SecretInQuery takes the secret from a parameter of the query.
func SecretInQuery(name string) SharedSecret {
	return func(r *http.Request) string { return r.URL.Query().Get(name) }
}

// SecretInPath takes the secret from a segment of the path below the account: of "callback/SECRET" it is number 1.
func SecretInPath(segment int) SharedSecret {
	return func(r *http.Request) string {
		segments := strings.Split(WebhookPath(r), "/")
		if segment >= len(segments) {
			return ""
		}
		text, err := url.PathUnescape(segments[segment])
		if err != nil {
			return ""
		}
		return text
	}
}

// Verify compares in constant time; any of the secrets is good, so that one can be replaced, and empty ones do not count.
// The error is for Refuse.
func (s SharedSecret) Verify(r *http.Request, secrets ...string) error {
	given := s(r)
	if given == "" {
		return &Unauthorized{Reason: "the request does not carry the secret"}
	}
	have, good := sha256.Sum256([]byte(given)), 0
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		want := sha256.Sum256([]byte(secret)) // of one length, so that the comparison tells nothing of it
		good |= subtle.ConstantTimeCompare(have[:], want[:])
	}
	if good != 1 {
		return &Unauthorized{Reason: "the secret is another"}
	}
	return nil
}

func bearer(r *http.Request) string {
	kind, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(kind, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
