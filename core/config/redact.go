package config

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"regexp"
	"slices"
	"strings"
)

// fingerprint stands for a secret where its text must not be kept: equal secrets have equal fingerprints under one
// key, and without the key a short secret cannot be found by trying.
func fingerprint(key []byte, secret string) string {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(secret))
	return fingerprintPrefix + "sha256:" + hex.EncodeToString(mac.Sum(nil))[:24]
}

// Redacted returns the file's text with every literal secret replaced by its fingerprint under key, everything else
// byte for byte. Quoted texts in comments are replaced too where they are a secret's value, are assigned to something
// that sounds like one, as in a setting that was commented out, or stand alone, as elements of a list do.
func (c *Config) Redacted(key []byte) []byte { return c.redacted(key, false) }

// redacted does the work of Redacted. With lines every line stays where it was, also below a secret of several lines.
func (c *Config) redacted(key []byte, lines bool) []byte {
	type edit struct {
		span
		text string
	}
	var edits []edit
	var values []string
	for _, s := range c.secrets {
		value := c.valueAt(s)
		values = append(values, value)
		text := quote(fingerprint(key, value))
		if lines {
			text += strings.Repeat("\n", strings.Count(string(c.text[s.start:s.end]), "\n"))
		}
		edits = append(edits, edit{s, text})
	}
	for _, s := range c.doc.comments {
		comment := string(c.text[s.start:s.end])
		if clean := redactComment(key, comment, values); clean != comment {
			edits = append(edits, edit{s, clean})
		}
	}
	slices.SortFunc(edits, func(a, b edit) int { return a.start - b.start })
	var out []byte
	at := 0
	for _, e := range edits {
		if e.start < at {
			continue
		}
		out = append(append(out, c.text[at:e.start]...), e.text...)
		at = e.end
	}
	return append(out, c.text[at:]...)
}

func (c *Config) valueAt(s span) string {
	for _, n := range c.doc.nodes {
		if n.kind == kindString && n.start == s.start && n.end == s.end {
			return n.text
		}
	}
	return string(c.text[s.start:s.end])
}

var (
	soundsSecret = regexp.MustCompile(`(?i)(secret|token|passw|key|credential|connection_string|service_account)[a-z0-9_]*\s*=`)
	// loneTexts is a comment of nothing but elements of a list.
	loneTexts  = regexp.MustCompile(`^#\s*\[?\s*(?:(?:"(?:[^"\\]|\\.)*"|'[^']*')\s*,?\s*)+\]?\s*,?$`)
	quotedText = regexp.MustCompile(`((?:env|file|stored)\s*=\s*)?("(?:[^"\\]|\\.)*"|'[^']*')`)
)

// minimumSearched is the length from which a secret's value is looked for inside comments; shorter ones would hit
// ordinary words.
const minimumSearched = 8

func redactComment(key []byte, comment string, values []string) string {
	if soundsSecret.MatchString(comment) || loneTexts.MatchString(comment) {
		comment = quotedText.ReplaceAllStringFunc(comment, func(m string) string {
			if m[0] != '"' && m[0] != '\'' {
				return m // the name of a variable or file
			}
			inner := m[1 : len(m)-1]
			if strings.HasPrefix(inner, fingerprintPrefix) {
				return m
			}
			return quote(fingerprint(key, inner))
		})
	}
	for _, v := range values {
		if len(v) >= minimumSearched {
			comment = strings.ReplaceAll(comment, v, fingerprint(key, v))
		}
	}
	return comment
}

// quote writes a TOML basic string.
func quote(s string) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteRune('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\t':
			b.WriteString(`\t`)
		case r < 0x20 || r == 0x7F:
			b.WriteString(`\u00`)
			b.WriteByte(digits[r>>4])
			b.WriteByte(digits[r&15])
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
