package store

import (
	"encoding/hex"

	"github.com/guichet/guichet/core"
)

// What keeps a content alive. Every reference to a content begins with h r hash32:
//
//	h r hash32 m conv16 seq8 att16   an attachment of a message
//	h r hash32 u upload16            an upload that was not sent yet
//	h r hash32 e conv16 time8 hash16 a raw event
//	h r hash32 w account 0 id16      a webhook request that waits
const (
	attachmentReference = 'r'

	referenceMessage = 'm'
	referenceUpload  = 'u'
	referenceRaw     = 'e'
	referenceSpool   = 'w'
)

func referencePrefix(hash string) key {
	raw, _ := hex.DecodeString(hash)
	return append(newKey(familyAttachment, attachmentReference), raw...)
}

func messageReference(hash string, conversation core.ID, seq uint64, attachment core.ID) key {
	return referencePrefix(hash).byte(referenceMessage).id(conversation).uint64(seq).id(attachment)
}

func uploadReference(hash string, id core.ID) key {
	return referencePrefix(hash).byte(referenceUpload).id(id)
}

func spoolReference(hash, account string, id core.ID) key {
	return referencePrefix(hash).byte(referenceSpool).name(account).id(id)
}
