package sdk

import (
	"context"
	"crypto/rsa"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"slices"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

// BearerToken checks the signed token (JWT, RS256) of the header Authorization: Bearer with the keys that a provider
// publishes. The host fetches them and keeps them fresh: name URL in KeyURLs as well.
type BearerToken struct {
	Host      Host
	URL       string        // of the key set, or of the OpenID metadata that names it
	Issuers   []string      // one of them must have issued it
	Audiences []string      // it must be for one of them
	Skew      time.Duration // how far the clocks may be apart; 5 min by default
	// Clock tells the time where a request does not say when it was received, in tests for one.
	Clock Clock
}

// Token is a genuine one.
type Token struct {
	Claims map[string]any
	KeyID  string
	Key    json.RawMessage // of the key set as it was published: some providers write more beside a key, such as endorsements
}

// Text returns a claim that is a text, "" where there is none.
func (t *Token) Text(claim string) string {
	text, _ := t.Claims[claim].(string)
	return text
}

// Verify returns the token of a request. Its lifetime counts at the time when the host received the request, which may
// have been kept while the plugin was down. What else its claims must say is for the caller to look at: return
// *Forbidden. The errors are for Refuse: *Unauthorized for a token that is none, forged or not of this time, *Forbidden
// for one of another issuer or for another audience, and ErrKeysUnavailable where nobody can know: the provider is to
// try again.
func (v *BearerToken) Verify(r *http.Request) (*Token, error) {
	text := bearer(r)
	if text == "" {
		return nil, &Unauthorized{Reason: "the request has no bearer token"}
	}
	now := ReceivedAt(r)
	if now.IsZero() {
		now = v.Clock.Now()
	}
	skew := v.Skew
	if skew == 0 {
		skew = 5 * time.Minute
	}
	token := &Token{}
	parser := jwt.NewParser(
		jwt.WithValidMethods([]string{jwt.SigningMethodRS256.Alg()}), jwt.WithExpirationRequired(), jwt.WithLeeway(skew),
		jwt.WithTimeFunc(func() time.Time { return now }),
	)
	parsed, err := parser.ParseWithClaims(text, jwt.MapClaims{}, func(t *jwt.Token) (any, error) {
		token.KeyID, _ = t.Header["kid"].(string)
		return v.key(r.Context(), token)
	})
	switch {
	case errors.Is(err, ErrKeysUnavailable):
		return nil, err
	case err != nil:
		return nil, &Unauthorized{Reason: tokenFault(err)}
	}
	claims, _ := parsed.Claims.(jwt.MapClaims)
	token.Claims = claims
	if issuer, err := claims.GetIssuer(); err != nil || !slices.Contains(v.Issuers, issuer) {
		return nil, &Forbidden{Reason: "the token has another issuer"}
	}
	audiences, err := claims.GetAudience()
	if err != nil || !slices.ContainsFunc(audiences, func(a string) bool { return slices.Contains(v.Audiences, a) }) {
		return nil, &Forbidden{Reason: "the token is for another audience"}
	}
	return token, nil
}

// tokenFault says what is wrong without what a parser might quote.
func tokenFault(err error) string {
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return "the token has expired"
	case errors.Is(err, jwt.ErrTokenNotValidYet), errors.Is(err, jwt.ErrTokenUsedBeforeIssued):
		return "the token is not valid yet"
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return "the token's signature does not match"
	}
	return "the token is none that is taken here"
}

// key finds the key of a token in the host's cache. A set that does not have it is no proof that the token is forged: the
// key may be new.
func (v *BearerToken) key(ctx context.Context, token *Token) (*rsa.PublicKey, error) {
	if v.Host == nil {
		return nil, ErrKeysUnavailable
	}
	document, err := v.Host.Keys(ctx, v.URL, token.KeyID)
	if err != nil {
		return nil, errors.Join(ErrKeysUnavailable, err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := json.Unmarshal(document, &set); err != nil {
		return nil, fmt.Errorf("%w: the key set cannot be read: %w", ErrKeysUnavailable, err)
	}
	for _, raw := range set.Keys {
		var jwk struct {
			Kty string `json:"kty"`
			Kid string `json:"kid"`
			Use string `json:"use"`
			N   string `json:"n"`
			E   string `json:"e"`
		}
		if json.Unmarshal(raw, &jwk) != nil || jwk.Kty != "RSA" || jwk.Use != "" && jwk.Use != "sig" {
			continue
		}
		if jwk.Kid != token.KeyID && (token.KeyID != "" || len(set.Keys) > 1) {
			continue
		}
		n, err := base64.RawURLEncoding.DecodeString(jwk.N)
		if err != nil {
			continue
		}
		e, err := base64.RawURLEncoding.DecodeString(jwk.E)
		if err != nil || len(e) > 4 {
			continue
		}
		token.Key = raw
		return &rsa.PublicKey{N: new(big.Int).SetBytes(n), E: int(new(big.Int).SetBytes(e).Int64())}, nil
	}
	return nil, fmt.Errorf("%w: the key set has no key %q", ErrKeysUnavailable, token.KeyID)
}
