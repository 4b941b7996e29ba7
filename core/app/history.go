package app

import (
	"context"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/blob/keys"
	"github.com/guichet/guichet/core/config"
	"github.com/guichet/guichet/core/store"
)

// history keeps applied configurations in the store.
type history struct {
	store *store.Store
	keys  *keys.Keys
}

var _ config.History = (*history)(nil)

func (h *history) LastApplied(ctx context.Context) (v config.Version, found bool, err error) {
	err = h.store.View(ctx, func(tx *store.Tx) error {
		last, err := tx.LastConfiguration()
		if err != nil || last == nil {
			return err
		}
		v, found = versionOf(last), true
		return nil
	})
	return v, found, err
}

func versionOf(c *core.AppliedConfiguration) config.Version {
	return config.Version{Revision: c.Revision, Hash: c.Hash, Who: c.By, When: c.At, Redacted: []byte(c.Text), Sealed: c.Sealed}
}

// versionsKept is how many versions of the configuration are kept. Each is a few kilobytes, and its stored secrets stay
// as long as it does.
const versionsKept = 200

func (h *history) SaveApplied(ctx context.Context, v config.Version) error {
	id := core.NewID(v.When)
	return h.store.Update(ctx, func(tx *store.Tx) error {
		tx.AddConfiguration(&core.AppliedConfiguration{
			Revision: v.Revision, At: store.Time(v.When), By: v.Who, Text: string(v.Redacted), Sealed: v.Sealed, Hash: v.Hash,
		})
		if err := tx.DropConfigurations(v.Revision-versionsKept, 50); err != nil {
			return err
		}
		tx.AddAudit(&core.AuditEntry{ID: id, Actor: v.Who, Act: "configuration.applied", Details: map[string]string{"hash": v.Hash[:12]}})
		return nil
	})
}

// sealContext ties what is sealed to its use.
const sealContext = "configuration version"

func (h *history) Seal(plain []byte) ([]byte, error)  { return h.keys.Seal(plain, sealContext), nil }
func (h *history) Open(sealed []byte) ([]byte, error) { return h.keys.Open(sealed, sealContext) }
func (h *history) FingerprintKey() []byte             { return h.keys.Derive("configuration fingerprints") }
