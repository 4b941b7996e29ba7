package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/guichet/guichet/core/blob/keys"
	"github.com/guichet/guichet/core/config"
	"github.com/guichet/guichet/core/store"
)

// secrets keeps the texts behind { stored = "ID" }, sealed, in the store.
type secrets struct {
	store *store.Store
	keys  *keys.Keys
	now   func() time.Time
}

var _ config.Secrets = (*secrets)(nil)

const (
	// secretPrefix begins the names of the settings of the store that are such secrets.
	secretPrefix = "secret/"
	// secretGrace is for how long a secret that nothing refers to is kept: an edit under way is about to.
	secretGrace = 24 * time.Hour
)

// storedSecret is a secret as it lies in the store.
type storedSecret struct {
	Sealed []byte    `json:"sealed"`
	At     time.Time `json:"at"`
}

// context ties a sealed secret to its id.
func (s *secrets) context(id string) string { return "stored secret " + id }

// Keep stores a text under a new id.
func (s *secrets) Keep(ctx context.Context, id, text string) error {
	value, err := json.Marshal(storedSecret{Sealed: s.keys.Seal([]byte(text), s.context(id)), At: s.now().UTC()})
	if err != nil {
		return fmt.Errorf("store a secret: %w", err)
	}
	return s.store.Update(ctx, func(tx *store.Tx) error {
		tx.SetSetting(secretPrefix+id, value)
		return nil
	})
}

// text returns a stored secret; false for one that is not there, or was sealed with another key.
func (s *secrets) text(id string) (string, bool) {
	var value []byte
	err := s.store.View(context.Background(), func(tx *store.Tx) (err error) {
		value, err = tx.Setting(secretPrefix + id)
		return err
	})
	var kept storedSecret
	if err != nil || value == nil || json.Unmarshal(value, &kept) != nil {
		return "", false
	}
	plain, err := s.keys.Open(kept.Sealed, s.context(id))
	return string(plain), err == nil
}

// collect removes the secrets that no text refers to: none of the versions that are kept, nor the file as it is now. What
// looks like a reference counts as one.
func (s *secrets) collect(ctx context.Context, file []byte) (removed int, err error) {
	var unused []string
	err = s.store.View(ctx, func(tx *store.Tx) error {
		names, err := tx.Settings()
		if err != nil {
			return err
		}
		texts := [][]byte{file}
		versions, err := tx.Configurations(versionsKept)
		for _, v := range versions {
			texts = append(texts, []byte(v.Text))
		}
		for _, name := range names {
			id, ok := strings.CutPrefix(name, secretPrefix)
			if !ok || slices.ContainsFunc(texts, func(text []byte) bool { return bytes.Contains(text, []byte(id)) }) {
				continue
			}
			unused = append(unused, name)
		}
		return err
	})
	if err != nil || len(unused) == 0 {
		return 0, err
	}
	err = s.store.Update(ctx, func(tx *store.Tx) error {
		removed = 0
		for _, name := range unused {
			value, err := tx.Setting(name)
			if err != nil {
				return err
			}
			var kept storedSecret
			if json.Unmarshal(value, &kept) == nil && s.now().Sub(kept.At) < secretGrace {
				continue
			}
			tx.SetSetting(name, nil)
			removed++
		}
		return nil
	})
	return removed, err
}
