package sdk

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // as providers sign
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/http"
	"strings"
)

// Verify checks the keyed hash over the raw body that v declares, in constant time, and returns the body; the request's
// can be read again. A hash with any of the secrets is good, so that one can be replaced; empty ones do not count. The
// errors are for Refuse.
//
//	body, err := verification.Verify(r, c.settings.Secret, c.settings.PreviousSecret)
//	if err != nil {
//		sdk.Refuse(w, err)
//		return
//	}
func (v *Verification) Verify(r *http.Request, secrets ...string) (body []byte, err error) {
	if body, err = bodyOf(r); err != nil {
		return nil, err
	}
	if err := v.VerifyBytes(r.Header.Get(v.Header), body, secrets...); err != nil {
		return nil, err
	}
	return body, nil
}

// VerifyBytes checks a signature over content that is not the whole body, as Verify does: some providers sign what is
// wrapped inside it.
func (v *Verification) VerifyBytes(signature string, content []byte, secrets ...string) error {
	digest := digests[v.Algorithm]
	if digest == nil {
		return fmt.Errorf("sdk: there is no algorithm %q", v.Algorithm)
	}
	if signature == "" {
		return &Unauthorized{Reason: "the request has no signature"}
	}
	encoded, ok := strings.CutPrefix(signature, v.Prefix)
	if !ok {
		return &Unauthorized{Reason: "the signature has another form"}
	}
	var given []byte
	var err error
	switch v.Encoding {
	case "base64":
		given, err = base64.StdEncoding.Strict().DecodeString(encoded)
	case "hex":
		given, err = hex.DecodeString(encoded)
	default:
		return fmt.Errorf("sdk: there is no encoding %q", v.Encoding)
	}
	if err != nil {
		return &Unauthorized{Reason: "the signature has another form"}
	}
	return signed(digest, given, content, secrets)
}

var digests = map[string]func() hash.Hash{"hmac-sha1": sha1.New, "hmac-sha256": sha256.New, "hmac-sha512": sha512.New}

// signed compares with the hash under each secret; all of them are computed, whichever is right.
func signed(digest func() hash.Hash, given, content []byte, secrets []string) error {
	good := false
	for _, secret := range secrets {
		if secret == "" {
			continue
		}
		mac := hmac.New(digest, []byte(secret))
		_, _ = mac.Write(content)
		if hmac.Equal(given, mac.Sum(nil)) {
			good = true
		}
	}
	if !good {
		return &Unauthorized{Reason: "the signature does not match"}
	}
	return nil
}
