package webchat

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/base64"
	"net/http"
	"strings"

	"github.com/guichet/guichet/plugins/sdk"
)

// tokenBytes is the length of a visitor's token before it is encoded.
const tokenBytes = 32

var visitorEncoding = base32.NewEncoding("abcdefghijklmnopqrstuvwxyz234567").WithPadding(base32.NoPadding)

// visitorOf derives a visitor's id from the token that their browser keeps: 52 lower-case letters and digits. ok is
// false when the token is none.
func visitorOf(token string) (visitor string, ok bool) {
	if len(token) != base64.RawURLEncoding.EncodedLen(tokenBytes) {
		return "", false
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(secret) != tokenBytes {
		return "", false
	}
	sum := sha256.Sum256(append([]byte("guichet webchat visitor\x00"), secret...))
	return visitorEncoding.EncodeToString(sum[:]), true
}

// bearer returns the token of a request's Authorization header, "" when there is none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}

// threadOf is a visitor's thread: it has the visitor's id.
func threadOf(visitor string) sdk.Thread { return sdk.Thread{ID: visitor, Kind: "user"} }

// messageID is the id of a visitor's message, unique in the account, from the one that the panel made; clientID is the
// way back, "" where the message is not this visitor's.
func messageID(visitor, client string) string { return visitor + ":" + client }

func clientID(visitor, external string) string {
	client, ok := strings.CutPrefix(external, visitor+":")
	if !ok {
		return ""
	}
	return client
}
