package store

import (
	"encoding/hex"

	"github.com/guichet/guichet/core"
)

// referenceKey is the record that keeps a content alive: h r hash32 conv16 seq8 attachment16.
func referenceKey(hash string, conversation core.ID, seq uint64, attachment core.ID) key {
	raw, _ := hex.DecodeString(hash)
	return append(newKey(familyAttachment, 'r'), raw...).id(conversation).uint64(seq).id(attachment)
}
