package sdktest

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // as providers sign
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"hash"
	"net/url"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// verification gives the plugin requests that the provider did not sign. Signed nonsense must not break anything.
func (s *suite) verification(t T) {
	s.webhooks(t)
	tried := 0
	for _, name := range inOrder(s.forged) {
		r := proto.CloneOf(s.forged[name])
		r.Account = "a"
		s.refused(t, r, name)
		tried++
	}
	if v := s.Manifest.GetVerification(); v != nil && newDigest(v.GetAlgorithm()) != nil {
		s.forgeSignatures(t, v)
		return
	}
	for _, name := range inOrder(s.genuine) {
		tried += s.forgeSecrets(t, name, s.genuine[name])
	}
	if tried == 0 {
		t.Skip("the manifest declares no verification and no genuine request carries a secret of the settings: name requests that must be refused (in the fixtures: \"forged\")")
	}
}

func (s *suite) refused(t T, r *channelv1.HTTPRequest, what string) {
	t.Helper()
	response := s.handle(t, r)
	if len(response.GetEvents()) > 0 || response.GetStatus() < 400 || response.GetStatus() > 499 {
		t.Errorf("a request with %s got status %d and %d events", what, response.GetStatus(), len(response.GetEvents()))
	}
}

// forgeSignatures forges what the manifest's Verification describes.
func (s *suite) forgeSignatures(t T, v *channelv1.Verification) {
	bodies := [][]byte{[]byte("{}")}
	for _, name := range inOrder(s.genuine) {
		bodies = append(bodies, s.genuine[name].GetBody())
	}
	for _, body := range bodies {
		good := sign(v, s.secret(v), body)
		forgeries := map[string]string{
			"a signature of another body": sign(v, s.secret(v), append(slices.Clone(body), ' ')), "a signature with another secret": sign(v, "another", body),
			"a signature with an empty secret": sign(v, "", body), "a signature cut short": good[:len(good)-4],
			"a signature that is not encoded": v.GetPrefix() + "!!!!", "an empty signature": "", "the signature's prefix only": v.GetPrefix(),
		}
		for _, what := range inOrder(forgeries) {
			r := request("a", "POST", v.GetPath(), body)
			r.Headers = append(r.Headers, &channelv1.Header{Name: v.GetHeader(), Value: forgeries[what]})
			s.refused(t, r, what)
		}
		s.refused(t, request("a", "POST", v.GetPath(), body), "no signature")
	}
	for _, body := range []string{"{}", "null", "[]", "{\"events\":{}}", "\xff", strings.Repeat("[", 100_000)} {
		s.handle(t, s.signed(request("a", "POST", v.GetPath(), []byte(body))))
	}
}

// forgeSecrets changes the secrets of the settings that a genuine request carries, in a header, the query or the path. It
// returns how many there were.
func (s *suite) forgeSecrets(t T, name string, genuine *channelv1.HTTPRequest) int {
	found := 0
	for _, setting := range s.Manifest.GetSettings() {
		secret, _ := s.settings[setting.GetKey()].(string)
		if !setting.GetSecret() || secret == "" {
			continue
		}
		for i, header := range genuine.GetHeaders() {
			if !strings.Contains(header.GetValue(), secret) {
				continue
			}
			found++
			for what, value := range map[string]string{
				"another secret": strings.ReplaceAll(header.GetValue(), secret, "another-secret"), "an empty secret": strings.ReplaceAll(header.GetValue(), secret, ""),
				"a secret cut short": strings.ReplaceAll(header.GetValue(), secret, secret[:len(secret)-1]), "an empty header": "",
			} {
				r := proto.CloneOf(genuine)
				r.Account, r.Headers[i].Value = "a", value
				s.refused(t, r, fmt.Sprintf("%s in %s (%s)", what, header.GetName(), name))
			}
			r := proto.CloneOf(genuine)
			r.Account, r.Headers = "a", slices.Delete(r.Headers, i, i+1)
			s.refused(t, r, fmt.Sprintf("no %s (%s)", header.GetName(), name))
		}
		for _, form := range slices.Compact([]string{secret, url.QueryEscape(secret), url.PathEscape(secret)}) {
			if !strings.Contains(genuine.GetPath()+genuine.GetRawQuery(), form) {
				continue
			}
			found++
			r := proto.CloneOf(genuine)
			r.Account = "a"
			for _, part := range []*string{&r.Path, &r.RawQuery, &r.Url} {
				*part = strings.ReplaceAll(*part, form, "another-secret")
			}
			s.refused(t, r, "another secret in its address ("+name+")")
		}
	}
	return found
}

func (s *suite) secret(v *channelv1.Verification) string {
	secret, _ := s.settings[v.GetSecretSetting()].(string)
	return secret
}

// signed adds the signature that the manifest describes.
func (s *suite) signed(r *channelv1.HTTPRequest) *channelv1.HTTPRequest {
	return s.signedWith(s.Manifest.GetVerification().GetSecretSetting(), r)
}

// signedWith signs with the secret in the named setting. The request is the caller's to change.
func (s *suite) signedWith(setting string, r *channelv1.HTTPRequest) *channelv1.HTTPRequest {
	v := s.Manifest.GetVerification()
	r = proto.CloneOf(r)
	if v == nil || newDigest(v.GetAlgorithm()) == nil || !verifiable(v, r) {
		return r
	}
	secret, _ := s.settings[setting].(string)
	r.Headers = append(r.Headers, &channelv1.Header{Name: v.GetHeader(), Value: sign(v, secret, r.GetBody())})
	return r
}

// Sign adds the signature that a manifest's Verification describes to a request, with the secret in the settings. A request
// that is not verified so, or carries that header already, is left alone.
func Sign(m *channelv1.Manifest, settings map[string]any, r *channelv1.HTTPRequest) {
	v := m.GetVerification()
	has := func(h *channelv1.Header) bool { return strings.EqualFold(h.GetName(), v.GetHeader()) }
	if v == nil || newDigest(v.GetAlgorithm()) == nil || !verifiable(v, r) || slices.ContainsFunc(r.GetHeaders(), has) {
		return
	}
	secret, _ := settings[v.GetSecretSetting()].(string)
	r.Headers = append(r.Headers, &channelv1.Header{Name: v.GetHeader(), Value: sign(v, secret, r.GetBody())})
}

// verifiable reports whether a request is one that the host can judge in the plugin's place.
func verifiable(v *channelv1.Verification, r *channelv1.HTTPRequest) bool {
	return strings.Trim(v.GetPath(), "/") == strings.Trim(r.GetPath(), "/")
}

func newDigest(algorithm string) func() hash.Hash {
	return map[string]func() hash.Hash{"hmac-sha1": sha1.New, "hmac-sha256": sha256.New, "hmac-sha512": sha512.New}[algorithm]
}

func sign(v *channelv1.Verification, secret string, body []byte) string {
	mac := hmac.New(newDigest(v.GetAlgorithm()), []byte(secret))
	_, _ = mac.Write(body)
	if v.GetEncoding() == "hex" {
		return v.GetPrefix() + hex.EncodeToString(mac.Sum(nil))
	}
	return v.GetPrefix() + base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
