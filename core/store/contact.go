package store

import (
	"encoding/hex"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
)

// Contact reads a contact as it is stored, also one that was merged into another; NotFound when there is none.
func (tx *Tx) Contact(id core.ID) (*core.Contact, error) {
	k := contactKey(id)
	c, err := get[core.Contact](tx, k)
	if err == nil && c == nil {
		err = missing("contact", id)
	}
	if err == nil && !tx.view {
		tx.remember(k, indexed{keys: contactIndex(c)})
	}
	return c, err
}

func contactKey(id core.ID) key { return newKey(familyContact).id(id) }

// ResolveContact follows merges to the contact that stands for id now.
func (tx *Tx) ResolveContact(id core.ID) (*core.Contact, error) {
	for range 16 {
		c, err := tx.Contact(id)
		if err != nil || c.MergedInto == "" {
			return c, err
		}
		id = c.MergedInto
	}
	return nil, core.Errorf(core.Internal, "contact %s is merged in a circle", id)
}

// PutContact writes a contact: its version grows.
func (tx *Tx) PutContact(c *core.Contact) {
	c.Version++
	c.UpdatedAt = tx.Now()
	rewrite(tx, contactKey(c.ID), c, contactIndex)
	tx.emit(core.TopicContact, &core.ContactEvent{Contact: c.ID, Version: c.Version})
}

// Contacts returns contacts after an id, in the order of their creation, at most limit.
func (tx *Tx) Contacts(after core.ID, limit int) ([]*core.Contact, error) {
	r := kv.Prefix(newKey(familyContact))
	if after != "" {
		r.Start = append(newKey(familyContact).id(after), 0)
	}
	r.Limit = limit
	return all[core.Contact](tx, r)
}

func identityHash(k core.IdentityKey) [16]byte { return hash16(k.Scope, k.Kind, k.Value) }

// IdentityID returns a short name for an identity, the same for ever.
func IdentityID(k core.IdentityKey) string {
	h := identityHash(k)
	return hex.EncodeToString(h[:])
}

func identityKey(k core.IdentityKey) key { return newKey(familyIdentity).hash(identityHash(k)) }

// Identity finds who a key belongs to; nil when nobody has it yet.
func (tx *Tx) Identity(k core.IdentityKey) (*core.Identity, error) {
	at := identityKey(k)
	i, err := get[core.Identity](tx, at)
	if err != nil || i == nil {
		return nil, err
	}
	if !tx.view {
		tx.remember(at, indexed{keys: identityIndex(i)})
	}
	return i, nil
}

// PutIdentity writes an identity, and with it the claim to its key.
func (tx *Tx) PutIdentity(i *core.Identity) {
	i.UpdatedAt = tx.Now()
	rewrite(tx, identityKey(i.IdentityKey), i, identityIndex)
}

// IdentitiesOf returns the identities that belong to a contact now.
func (tx *Tx) IdentitiesOf(contact core.ID) ([]*core.Identity, error) {
	prefix := newKey(familyIdentities).id(contact)
	var list []*core.Identity
	for p, err := range tx.kv.Scan(keysOf(prefix)) {
		if err != nil {
			return nil, err
		}
		at := append(newKey(familyIdentity), p.Key[len(prefix):]...)
		i, err := get[core.Identity](tx, at)
		if err != nil {
			return nil, err
		}
		if i == nil {
			return nil, core.Errorf(core.Internal, "contact %s has an identity that is missing", contact)
		}
		if !tx.view {
			tx.remember(at, indexed{keys: identityIndex(i)})
		}
		list = append(list, i)
	}
	return list, nil
}

// identityIndex returns the index entries of an identity: the one by which its contact knows it, and its words.
func identityIndex(i *core.Identity) map[string]string {
	hash := identityHash(i.IdentityKey)
	keys := entries(newKey(familyIdentities).id(i.Contact).hash(hash))
	for _, w := range identityWords(i) {
		keys[string(wordKey(w).id(i.Contact).hash(hash))] = ""
	}
	return keys
}

// contactIndex returns the index entries of a contact: its words, or, of a merged one, whose alias it is.
func contactIndex(c *core.Contact) map[string]string {
	if c.MergedInto != "" {
		return entries(newKey(familyAlias).id(c.MergedInto).id(c.ID))
	}
	words := contactWords(c)
	keys := make(map[string]string, len(words))
	for _, w := range words {
		keys[string(wordKey(w).id(c.ID))] = ""
	}
	return keys
}

// aliasesMost bounds how many merged contacts are followed for one list.
const aliasesMost = 1000

// Aliases returns a contact's id and those of all contacts that were merged into it, directly or through others.
func (tx *Tx) Aliases(contact core.ID) ([]core.ID, error) {
	list, seen := []core.ID{contact}, map[core.ID]bool{contact: true}
	for next := 0; next < len(list) && len(list) < aliasesMost; next++ {
		prefix := newKey(familyAlias).id(list[next])
		for p, err := range tx.kv.Scan(keysOf(prefix)) {
			if err != nil {
				return nil, err
			}
			if id := idAt(p.Key, len(prefix)); !seen[id] {
				seen[id] = true
				list = append(list, id)
			}
		}
	}
	return list, nil
}

// Company reads a company; NotFound when there is none.
func (tx *Tx) Company(id core.ID) (*core.Company, error) {
	c, err := get[core.Company](tx, newKey(familyCompany).id(id))
	if err == nil && c == nil {
		err = missing("company", id)
	}
	return c, err
}

// PutCompany writes a company: its version grows.
func (tx *Tx) PutCompany(c *core.Company) {
	c.Version++
	c.UpdatedAt = tx.Now()
	put(tx, newKey(familyCompany).id(c.ID), c)
}

// Companies returns companies after an id, in the order of their creation, at most limit.
func (tx *Tx) Companies(after core.ID, limit int) ([]*core.Company, error) {
	r := kv.Prefix(newKey(familyCompany))
	if after != "" {
		r.Start = append(newKey(familyCompany).id(after), 0)
	}
	r.Limit = limit
	return all[core.Company](tx, r)
}
