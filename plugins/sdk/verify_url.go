package sdk

import (
	"crypto/sha1" //nolint:gosec // as Twilio signs
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// URLSignature checks a keyed hash (HMAC-SHA1, base64) over the request's URL and the parameters of its form, as Twilio
// signs: the URL as it was configured, then the names in byte order, each followed by its value; of a name that is
// repeated each different value, in order. Of a body that is no form, its SHA-256 stands in the URL as bodySHA256.
type URLSignature struct {
	Header string // "X-Twilio-Signature"
}

// Verify returns the body; the request's can be read again, by ParseForm for one. A hash with any of the secrets is good;
// empty ones do not count. The errors are for Refuse.
func (v URLSignature) Verify(r *http.Request, secrets ...string) (body []byte, err error) {
	if body, err = bodyOf(r); err != nil {
		return nil, err
	}
	given, err := base64.StdEncoding.Strict().DecodeString(r.Header.Get(v.Header))
	if err != nil || len(given) == 0 {
		return nil, &Unauthorized{Reason: "the request has no signature, or one of another form"}
	}
	parameters := ""
	if sum := r.URL.Query().Get("bodySHA256"); sum != "" {
		want, err := hex.DecodeString(sum)
		have := sha256.Sum256(body)
		if err != nil || subtle.ConstantTimeCompare(want, have[:]) != 1 {
			return nil, &Unauthorized{Reason: "the body is not the one that was signed"}
		}
	} else if len(body) > 0 {
		if kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";"); !strings.EqualFold(strings.TrimSpace(kind), "application/x-www-form-urlencoded") {
			return nil, &Unauthorized{Reason: "the body is not covered by the signature"}
		}
		form, err := url.ParseQuery(string(body))
		if err != nil {
			return nil, &Unauthorized{Reason: "the form cannot be read"}
		}
		parameters = sortedForm(form)
	}
	for _, address := range addressesOf(r) {
		if err = signed(sha1.New, given, []byte(address+parameters), secrets); err == nil {
			return body, nil
		}
	}
	return nil, err
}

func sortedForm(form url.Values) string {
	var text strings.Builder
	for _, name := range slices.Sorted(maps.Keys(form)) {
		values := slices.Clone(form[name])
		slices.Sort(values)
		for _, value := range slices.Compact(values) {
			text.WriteString(name)
			text.WriteString(value)
		}
	}
	return text.String()
}

// addressesOf are the forms of a request's URL that a provider may have signed: with and without the standard port.
func addressesOf(r *http.Request) []string {
	a, _ := r.Context().Value(arrivedKey{}).(arrived)
	address := a.url
	if address == "" {
		address = r.URL.String()
	}
	address, _, _ = strings.Cut(address, "#")
	scheme, rest, _ := strings.Cut(address, "://")
	port := map[string]string{"https": ":443", "http": ":80"}[scheme]
	end := strings.IndexAny(rest, "/?")
	if end < 0 {
		end = len(rest)
	}
	host := rest[:end]
	other := host + port
	if bare, has := strings.CutSuffix(host, port); has && port != "" {
		other = bare
	} else if r.URL.Port() != "" {
		return []string{address}
	}
	return []string{address, scheme + "://" + other + rest[end:]}
}
