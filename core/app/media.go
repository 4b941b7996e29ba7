package app

import (
	"context"
	"io"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/blob"
	"github.com/guichet/guichet/core/blob/keys"
	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/store"
)

const (
	// handleFor is how long a plugin may use the handle of a content that it was given or has stored.
	handleFor = 7 * 24 * time.Hour
	// maxStored is the largest content that a plugin may store.
	maxStored = 200 << 20
)

// mediaStore lets plugins store, read and publish content. A handle is a grant signed for one account: a plugin can
// neither make one up nor use another account's.
type mediaStore struct {
	store     *store.Store
	blobs     *blob.Store
	keys      *keys.Keys
	publicURL string
	public    *blob.Signer
}

var _ channel.MediaStore = (*mediaStore)(nil)

func (m *mediaStore) handles(account string) *blob.Signer {
	return blob.NewSigner(m.keys.Derive("media handles of account "+account), nil)
}

// handle makes a handle of stored content for one account.
func (m *mediaStore) handle(account, hash, name, mimeType string) string {
	return m.handles(account).Sign(blob.Grant{Hash: hash, Name: name, Type: mimeType, Expires: time.Now().Add(handleFor)})
}

func (m *mediaStore) Put(ctx context.Context, account, mimeType, name string, r io.Reader) (string, int64, error) {
	hash, size, sniffed, err := m.blobs.Put(ctx, r, maxStored)
	if err != nil {
		return "", 0, err
	}
	// As an upload that no message names, it is collected like any other.
	id := core.NewID(time.Now())
	err = m.store.Update(ctx, func(tx *store.Tx) error {
		tx.PutUpload(&core.Upload{ID: id, Agent: "plugin:" + account, Hash: hash, Name: name, Type: sniffed, Size: size, CreatedAt: tx.Now()})
		return nil
	})
	if err != nil {
		return "", 0, err
	}
	if mimeType == "" {
		mimeType = sniffed
	}
	return m.handle(account, hash, name, mimeType), size, nil
}

func (m *mediaStore) Get(_ context.Context, account, handle string) (channel.MediaHead, io.ReadCloser, error) {
	grant, err := m.handles(account).Verify(handle)
	if err != nil {
		return channel.MediaHead{}, nil, err
	}
	size, err := m.blobs.Size(grant.Hash)
	if err != nil {
		return channel.MediaHead{}, nil, err
	}
	body, err := m.blobs.Open(grant.Hash)
	if err != nil {
		return channel.MediaHead{}, nil, err
	}
	return channel.MediaHead{Type: grant.Type, Name: grant.Name, Size: size}, body, nil
}

func (m *mediaStore) Publish(_ context.Context, account, handle string, validFor time.Duration) (string, time.Time, error) {
	grant, err := m.handles(account).Verify(handle)
	if err != nil {
		return "", time.Time{}, err
	}
	grant.Expires = time.Now().Add(validFor).Truncate(time.Second)
	return m.publicURL + "/media/" + m.public.Sign(grant), grant.Expires, nil
}
