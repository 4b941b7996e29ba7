package store

import (
	"encoding/binary"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

func uploadKey(id core.ID) key { return newKey(familySystem, systemUpload).id(id) }

// Upload reads an upload that has not been sent yet; a NotFound error when there is none.
func (tx *Tx) Upload(id core.ID) (*core.Upload, error) {
	u, err := get[core.Upload](tx, uploadKey(id))
	if err == nil && u == nil {
		err = missing("upload", id)
	}
	return u, err
}

// PutUpload writes an upload. It keeps the content alive until it is deleted.
func (tx *Tx) PutUpload(u *core.Upload) { rewrite(tx, uploadKey(u.ID), u, uploadIndex) }

// DeleteUpload forgets an upload: it was sent, or nobody wants it. In the transaction that attaches its content to a
// message, the content stays.
func (tx *Tx) DeleteUpload(id core.ID) { remove(tx, uploadKey(id), uploadIndex) }

// UploadsBefore returns the uploads whose id was made before t, oldest first, at most limit.
func (tx *Tx) UploadsBefore(t time.Time, limit int) ([]*core.Upload, error) {
	// An id begins with 48 bits of Unix milliseconds.
	end := binary.BigEndian.AppendUint64(nil, millis(t)<<16)
	return all[core.Upload](tx, kv.Range{
		Start: newKey(familySystem, systemUpload), End: append(newKey(familySystem, systemUpload), end...), Limit: limit,
	})
}

func uploadIndex(u *core.Upload) map[string]string {
	return entries(uploadReference(u.Hash, u.ID))
}
