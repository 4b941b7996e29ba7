package config

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"
)

// Version is a configuration that was applied, as the history keeps it.
type Version struct {
	Revision int
	Hash     string // of text and resolved secrets, keyed; equal for equal configurations
	Who      string
	When     time.Time
	Redacted []byte // the text with secrets as fingerprints, for people
	Sealed   []byte // the text and what its references gave, for the next start with a bad file
}

// History keeps applied versions. The application implements it on the store.
type History interface {
	// LastApplied returns the newest version; found is false before the first.
	LastApplied(ctx context.Context) (v Version, found bool, err error)
	// SaveApplied keeps a version. Saving a revision again replaces it.
	SaveApplied(ctx context.Context, v Version) error
	// Seal encrypts what must not lie readable in the store; Open is its inverse.
	Seal(plain []byte) (sealed []byte, err error)
	Open(sealed []byte) (plain []byte, err error)
	// FingerprintKey returns the key under which secrets are fingerprinted. It is stable.
	FingerprintKey() []byte
}

// sealedVersion is what Version.Sealed holds. Resolved is there so that the last good version also starts when a
// variable or a file it names has gone.
type sealedVersion struct {
	Name     string            `json:"name"`
	Text     string            `json:"text"`
	Resolved map[string]string `json:"resolved,omitempty"`
}

// hash identifies a configuration: its text and what its references gave. It is keyed because, beside the redacted
// text, a plain hash would let a short secret be found by trying.
func (c *Config) hash(key []byte) string {
	mac := hmac.New(sha256.New, key)
	mac.Write(c.text)
	names := make([]string, 0, len(c.resolved))
	for name := range c.resolved {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		fmt.Fprintf(mac, "\x00%s\x00%s", name, c.resolved[name])
	}
	return hex.EncodeToString(mac.Sum(nil))
}

func (c *Config) version(h History, revision int, who string, when time.Time) (Version, error) {
	plain, err := json.Marshal(sealedVersion{Name: c.name(), Text: string(c.text), Resolved: c.resolved})
	if err != nil {
		return Version{}, fmt.Errorf("encode configuration version %d: %w", revision, err)
	}
	sealed, err := h.Seal(plain)
	if err != nil {
		return Version{}, fmt.Errorf("seal configuration version %d: %w", revision, err)
	}
	key := h.FingerprintKey()
	return Version{Revision: revision, Hash: c.hash(key), Who: who, When: when, Redacted: c.Redacted(key), Sealed: sealed}, nil
}

// unseal opens what a version keeps sealed.
func unseal(h History, v Version) (sealed sealedVersion, err error) {
	plain, err := h.Open(v.Sealed)
	if err != nil {
		return sealed, fmt.Errorf("open configuration version %d: %w", v.Revision, err)
	}
	if err := json.Unmarshal(plain, &sealed); err != nil {
		return sealed, fmt.Errorf("read configuration version %d: %w", v.Revision, err)
	}
	return sealed, nil
}

// reopen decodes a version from the history.
func reopen(h History, v Version, env Environment) (*Config, error) {
	sealed, err := unseal(h, v)
	if err != nil {
		return nil, err
	}
	c, problems := Decode(fmt.Sprintf("%s (version %d)", sealed.Name, v.Revision), []byte(sealed.Text), env.remembering(sealed.Resolved))
	return c, problems.Err()
}

// remembering returns e with resolved standing in for variables and files that no longer give anything.
func (e Environment) remembering(resolved map[string]string) Environment {
	env, file := e.Env, e.File
	e.Env = func(name string) (string, bool) {
		if env != nil {
			if value, found := env(name); found && value != "" {
				return value, true
			}
		}
		value, found := resolved["env:"+name]
		return value, found
	}
	e.File = func(path string) (string, error) {
		err := fmt.Errorf("files cannot be read here")
		if file != nil {
			var value string
			if value, err = file(path); err == nil && value != "" {
				return value, nil
			}
		}
		if value, found := resolved["file:"+path]; found {
			return value, nil
		}
		return "", err
	}
	return e
}
