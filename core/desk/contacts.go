package desk

import (
	"context"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// MergeContacts says that two contacts are one person: from becomes an alias of into, which takes over its identities
// and shows its conversations. Nothing is copied or lost: each identity remembers whom it first belonged to, so that a
// merge can be taken back. What into does not say of itself it takes from the other.
func (d *Desk) MergeContacts(ctx context.Context, a Actor, from, into core.ID) (contact *core.Contact, err error) {
	if !a.seesAll() {
		return nil, core.Errorf(core.Forbidden, "merging contacts is for supervisors")
	}
	audit := core.NewID(nowUTC())
	err = d.store.Update(ctx, func(tx *store.Tx) error {
		loser, err := tx.ResolveContact(from)
		if err != nil {
			return err
		}
		if contact, err = tx.ResolveContact(into); err != nil {
			return err
		}
		if loser.ID == contact.ID {
			return core.Errorf(core.Conflict, "these are the same contact already")
		}
		identities, err := tx.IdentitiesOf(loser.ID)
		if err != nil {
			return err
		}
		for _, i := range identities {
			i.Contact = contact.ID
			tx.PutIdentity(i)
		}
		takeMissing(contact, loser)
		loser.MergedInto = contact.ID
		tx.PutContact(loser)
		tx.PutContact(contact)
		tx.AddAudit(&core.AuditEntry{
			ID: audit, Actor: a.Agent, Act: "contact.merged", Subject: string(contact.ID), Details: map[string]string{"from": string(loser.ID)},
		})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return contact, nil
}

func takeMissing(into, from *core.Contact) {
	for _, field := range []struct{ into, from *string }{
		{&into.Name, &from.Name}, {&into.Email, &from.Email}, {&into.Phone, &from.Phone}, {&into.Language, &from.Language},
		{&into.Picture, &from.Picture}, {&into.CompanyName, &from.CompanyName}, {&into.Note, &from.Note},
	} {
		if *field.into == "" {
			*field.into = *field.from
		}
	}
	if into.Company == "" {
		into.Company = from.Company
	}
}
