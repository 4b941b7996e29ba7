package sdk

import (
	"cmp"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
)

// masked stands where a secret was.
const masked = "•••"

// shortestSecret is the length below which a value is left alone.
const shortestSecret = 6

// scrubber replaces the secrets of all open accounts in what is logged, and in the errors and reasons that leave the
// plugin. It knows what the settings of the kind secret say, the usual ways to write that, and named parts of it. What was
// computed from a secret, or cut off it, it does not know.
type scrubber struct {
	mu       sync.Mutex
	secrets  map[string][]string // by account
	replacer atomic.Pointer[strings.Replacer]
}

func newScrubber() *scrubber { return &scrubber{secrets: map[string][]string{}} }

// set names the secrets of an account; none forgets it. Very short values are left alone: replacing them would mangle
// every line and protect nothing.
func (s *scrubber) set(account string, secrets []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.secrets, account)
	if len(secrets) > 0 {
		s.secrets[account] = secrets
	}
	found := map[string]bool{}
	for _, list := range s.secrets {
		for _, secret := range list {
			for _, part := range partsOf(secret) {
				for _, form := range formsOf(part) {
					if len(form) >= shortestSecret {
						found[form] = true
					}
				}
			}
		}
	}
	forms := slices.Collect(maps.Keys(found))
	// The longest first: a secret may be the beginning of another.
	slices.SortFunc(forms, func(a, b string) int { return cmp.Or(len(b)-len(a), cmp.Compare(a, b)) })
	var pairs []string
	for _, form := range forms {
		pairs = append(pairs, form, masked)
	}
	s.replacer.Store(strings.NewReplacer(pairs...))
}

func (s *scrubber) scrub(text string) string {
	if r := s.replacer.Load(); r != nil {
		return r.Replace(text)
	}
	return text
}

// secretName is what the name of a secret inside a larger one looks like: the key of a connection string, the private key
// of a service account.
var secretName = regexp.MustCompile(`(?i)key|secret|token|password|signature`)

// partsOf are a secret and the secrets inside it.
func partsOf(secret string) []string {
	parts := []string{secret}
	var object map[string]any
	if json.Unmarshal([]byte(secret), &object) == nil {
		for name, value := range object {
			if text, ok := value.(string); ok && secretName.MatchString(name) {
				parts = append(parts, text)
			}
		}
		return parts
	}
	for pair := range strings.FieldsFuncSeq(secret, func(r rune) bool { return r == ';' || r == '&' }) {
		if name, value, ok := strings.Cut(pair, "="); ok && len(pair) < len(secret) && secretName.MatchString(name) {
			parts = append(parts, value)
		}
	}
	return parts
}

var escapes = regexp.MustCompile(`%[0-9A-F]{2}`)

// formsOf are the ways in which a secret is written: as it is, inside addresses, inside JSON and Go's quotes, as base64.
func formsOf(secret string) []string {
	addresses := []string{
		url.QueryEscape(secret), url.PathEscape(secret), (&url.URL{Path: secret}).EscapedPath(),
		strings.TrimPrefix(url.UserPassword("", secret).String(), ":"),
	}
	forms := append([]string{
		secret, strings.TrimSpace(secret), strings.Trim(strconv.Quote(secret), `"`),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}, addresses...)
	for _, address := range addresses {
		forms = append(forms, escapes.ReplaceAllStringFunc(address, strings.ToLower))
	}
	for _, html := range []bool{true, false} {
		var quoted strings.Builder
		encoder := json.NewEncoder(&quoted)
		encoder.SetEscapeHTML(html)
		if encoder.Encode(secret) == nil {
			forms = append(forms, strings.Trim(strings.TrimSpace(quoted.String()), `"`))
		}
	}
	return forms
}
