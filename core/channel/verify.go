package channel

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // providers sign with it; an HMAC with SHA-1 still holds
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"hash"
	"strings"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// verifier checks a keyed hash over the raw body as the manifest declares it, in the plugin's place.
type verifier struct {
	digest func() hash.Hash
	decode func(string) ([]byte, error)
	header string
	prefix string
	path   string
	// secrets holds the current one and, while it is being replaced, the previous one.
	secrets [][]byte
	status  int // to answer once a verified request is spooled
}

// newVerifier returns nil where the manifest declares nothing, something unknown to this host, or the secret is not set.
func newVerifier(v *channelv1.Verification, settings map[string]any) *verifier {
	secret, _ := settings[v.GetSecretSetting()].(string)
	if v == nil || secret == "" || v.GetHeader() == "" {
		return nil
	}
	out := &verifier{
		header: v.GetHeader(), prefix: v.GetPrefix(), path: v.GetPath(), secrets: [][]byte{[]byte(secret)}, status: int(v.GetStatus()),
	}
	if previous, _ := settings[v.GetPreviousSecretSetting()].(string); previous != "" {
		out.secrets = append(out.secrets, []byte(previous))
	}
	switch v.GetAlgorithm() {
	case "hmac-sha1":
		out.digest = sha1.New
	case "hmac-sha256":
		out.digest = sha256.New
	case "hmac-sha512":
		out.digest = sha512.New
	default:
		return nil
	}
	switch v.GetEncoding() {
	case "base64":
		out.decode = base64.StdEncoding.Strict().DecodeString
	case "hex":
		out.decode = hex.DecodeString
	default:
		return nil
	}
	if out.status < 200 || out.status > 299 {
		out.status = 200
	}
	return out
}

// verifiable reports whether a request is one that the verifier can judge.
func (v *verifier) verifiable(r *channelv1.HTTPRequest) bool {
	return v != nil && r.GetMethod() == "POST" && strings.Trim(r.GetPath(), "/") == strings.Trim(v.path, "/")
}

// verified reports whether a request to the declared path carries a good signature of its body.
func (v *verifier) verified(r *channelv1.HTTPRequest) bool {
	if !v.verifiable(r) {
		return false
	}
	for _, h := range r.GetHeaders() {
		if !strings.EqualFold(h.GetName(), v.header) {
			continue
		}
		encoded, ok := strings.CutPrefix(h.GetValue(), v.prefix)
		if !ok {
			return false
		}
		given, err := v.decode(encoded)
		if err != nil {
			return false
		}
		good := false
		for _, secret := range v.secrets {
			mac := hmac.New(v.digest, secret)
			_, _ = mac.Write(r.GetBody())
			// In constant time, and every secret, so that the time does not tell which of them it was.
			good = hmac.Equal(mac.Sum(nil), given) || good
		}
		return good
	}
	return false
}
