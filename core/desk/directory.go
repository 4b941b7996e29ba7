package desk

import (
	"context"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// ContactFields are what an agent writes about a customer; nil leaves a field as it is, "" clears it.
type ContactFields struct {
	Name, Email, Phone, Language, Company, Note *string
}

// Characters that a field of a contact may have.
const (
	maxContactField = 200
	maxContactNote  = 10000
)

var languageForm = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$`)

// CreateContact adds a customer by hand. They need a name, an address or a number to be found by.
func (d *Desk) CreateContact(ctx context.Context, a Actor, fields ContactFields) (*core.Contact, error) {
	if err := fields.check(); err != nil {
		return nil, err
	}
	now := nowUTC()
	var contact *core.Contact
	id, audit := core.NewID(now), core.NewID(now)
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		contact = &core.Contact{ID: id, CreatedAt: tx.Now()}
		written := fields.write(contact)
		if contact.Anonymous() && contact.CompanyName == "" {
			return core.FieldErrorf("name", "give the contact a name, an e-mail address, a telephone number or a company")
		}
		tx.PutContact(contact)
		auditContact(tx, audit, a, "contact.created", contact, written)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return contact, nil
}

// ChangeContact changes what is written about a customer. Of a merged contact, the one that stands for it is changed.
// version is the one that the person has seen; a Conflict when somebody has changed the contact since. 0 is any.
func (d *Desk) ChangeContact(ctx context.Context, a Actor, id core.ID, version uint64, fields ContactFields) (*core.Contact, error) {
	if err := fields.check(); err != nil {
		return nil, err
	}
	audit := core.NewID(nowUTC())
	var contact *core.Contact
	err := d.store.Update(ctx, func(tx *store.Tx) (err error) {
		if contact, err = tx.ResolveContact(id); err != nil {
			return err
		}
		if version != 0 && version != contact.Version {
			return core.Errorf(core.Conflict, "the contact has been changed meanwhile: look at it again, then change it")
		}
		if written := fields.write(contact); len(written) > 0 {
			tx.PutContact(contact)
			auditContact(tx, audit, a, "contact.changed", contact, written)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return contact, nil
}

// auditContact keeps who wrote about a customer, and which fields. What they wrote is with the contact and goes with it.
func auditContact(tx *store.Tx, audit core.ID, a Actor, act string, contact *core.Contact, written []string) {
	tx.AddAudit(&core.AuditEntry{
		ID: audit, Actor: a.Agent, Act: act, Subject: string(contact.ID), Details: map[string]string{"fields": strings.Join(written, ", ")},
	})
}

// write puts the fields into a contact and returns the names of those that it has changed.
func (f *ContactFields) write(c *core.Contact) (written []string) {
	for _, field := range []struct {
		name     string
		from, to *string
	}{
		{"name", f.Name, &c.Name}, {"email", f.Email, &c.Email}, {"phone", f.Phone, &c.Phone}, {"language", f.Language, &c.Language},
		{"company", f.Company, &c.CompanyName}, {"note", f.Note, &c.Note},
	} {
		if field.from == nil {
			continue
		}
		now, was := strings.TrimSpace(*field.from), *field.to
		*field.to = now
		if now != was || field.name == "company" && c.Company != "" {
			written = append(written, field.name)
		}
	}
	if f.Company != nil {
		c.Company = ""
	}
	return written
}

func (f *ContactFields) check() error {
	for _, field := range []struct {
		name  string
		value *string
		most  int
	}{
		{"name", f.Name, maxContactField}, {"email", f.Email, maxContactField}, {"phone", f.Phone, maxContactField},
		{"language", f.Language, maxContactField}, {"company", f.Company, maxContactField}, {"note", f.Note, maxContactNote},
	} {
		if field.value != nil && utf8.RuneCountInString(*field.value) > field.most {
			return core.FieldErrorf(field.name, "write at most %d characters", field.most)
		}
	}
	given := func(field *string) string {
		if field == nil {
			return ""
		}
		return strings.TrimSpace(*field)
	}
	if email := given(f.Email); email != "" {
		if name, host, ok := strings.Cut(email, "@"); !ok || name == "" || host == "" || strings.ContainsAny(email, " \t\r\n") {
			return core.FieldErrorf("email", "%q is not an e-mail address", email)
		}
	}
	if phone := given(f.Phone); phone != "" && !strings.ContainsAny(phone, "0123456789") {
		return core.FieldErrorf("phone", "%q is not a telephone number", phone)
	}
	if language := given(f.Language); language != "" && !languageForm.MatchString(language) {
		return core.FieldErrorf("language", "%q is not a language like \"fr\" or \"pt-BR\"", language)
	}
	return nil
}
