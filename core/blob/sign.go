package blob

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/guichet/guichet/core"
)

// Signer makes and checks the tokens of public addresses (/media/TOKEN/…): whoever holds one may fetch one content
// until it expires. Tokens stay good over restarts.
type Signer struct {
	key []byte
	now func() time.Time
}

// NewSigner returns a signer under a key, which should be derived for this purpose alone. now is the clock; nil means
// time.Now.
func NewSigner(key []byte, now func() time.Time) *Signer {
	if now == nil {
		now = time.Now
	}
	return &Signer{key: key, now: now}
}

// Grant is what a token allows: to fetch the content Hash as a file of a name and a type, until Expires.
type Grant struct {
	Hash    string
	Name    string
	Type    string
	Expires time.Time // to the second
}

// claims is a grant as a token carries it.
type claims struct {
	Hash    string `json:"h"`
	Name    string `json:"n,omitempty"`
	Type    string `json:"t,omitempty"`
	Expires int64  `json:"e"` // Unix seconds
}

// Sign returns the token of a grant: URL-safe characters and one dot.
func (s *Signer) Sign(g Grant) string {
	raw, err := json.Marshal(claims{g.Hash, g.Name, g.Type, g.Expires.Unix()})
	if err != nil {
		panic("blob: sign: " + err.Error()) // strings and numbers always marshal
	}
	body := base64.RawURLEncoding.EncodeToString(raw)
	return body + "." + base64.RawURLEncoding.EncodeToString(s.mac(body))
}

// Verify returns what a token allows. It fails with core.NotFound for a token that this signer did not make, and with
// core.Gone for one that has expired.
func (s *Signer) Verify(token string) (Grant, error) {
	body, mac, ok := strings.Cut(token, ".")
	given, err := base64.RawURLEncoding.Strict().DecodeString(mac)
	if !ok || err != nil || !hmac.Equal(given, s.mac(body)) {
		return Grant{}, core.Errorf(core.NotFound, "there is no such file")
	}
	raw, err := base64.RawURLEncoding.DecodeString(body)
	if err != nil {
		return Grant{}, core.Errorf(core.NotFound, "there is no such file")
	}
	var c claims
	if err := json.Unmarshal(raw, &c); err != nil {
		return Grant{}, core.Errorf(core.NotFound, "there is no such file")
	}
	g := Grant{c.Hash, c.Name, c.Type, time.Unix(c.Expires, 0).UTC()}
	if !s.now().Before(g.Expires) {
		return Grant{}, core.Errorf(core.Gone, "this address has expired")
	}
	return g, nil
}

func (s *Signer) mac(body string) []byte {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte("guichet media 1 "))
	h.Write([]byte(body))
	return h.Sum(nil)
}
