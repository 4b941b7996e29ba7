package api

import (
	"context"
	"net/http"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/store"
)

type contactView struct {
	ID         core.ID        `json:"id"`
	Version    uint64         `json:"version"` // grows with every change
	Name       string         `json:"name"`
	Email      string         `json:"email"`
	Phone      string         `json:"phone"`
	Language   string         `json:"language"`
	Company    string         `json:"company"`
	Note       string         `json:"note"`
	Anonymous  bool           `json:"anonymous"` // neither name nor e-mail nor phone is known
	CreatedAt  time.Time      `json:"created_at"`
	Identities []identityView `json:"identities"`
}

type identityView struct {
	ID       string `json:"id"`
	Kind     string `json:"kind"`
	Value    string `json:"value"`
	Account  string `json:"account"` // "" for identities that are the same everywhere
	Plugin   string `json:"plugin"`  // of the account
	Channel  string `json:"channel"` // of the account, where it has only one
	Name     string `json:"name"`
	Verified bool   `json:"verified"`
	Blocked  bool   `json:"blocked"`
	OptedOut bool   `json:"opted_out"`
}

// contacts finds customers by the beginnings of words. Every agent may look: to say who is writing they must find whom
// they know. What was said to somebody else stays out of sight.
func (s *Server) contacts(w http.ResponseWriter, r *http.Request) error {
	limit, err := request.Limit(r, pageUsual, pageMost)
	if err != nil {
		return err
	}
	query, cursor, next := r.URL.Query().Get("query"), r.URL.Query().Get("cursor"), ""
	var list []*contactView
	err = s.Store.View(r.Context(), func(tx *store.Tx) error {
		page, err := tx.SearchContacts(query, cursor, limit)
		if err != nil {
			return err
		}
		next = page.Next
		list, err = s.showContacts(tx, page.Contacts)
		return err
	})
	if err != nil {
		return err
	}
	return response.Page(w, list, next)
}

// contact shows a contact, or the one that it was merged into.
func (s *Server) contact(w http.ResponseWriter, r *http.Request) error {
	id, err := request.ID(r, "contact")
	if err != nil {
		return err
	}
	return s.answerContact(w, r, http.StatusOK, func(tx *store.Tx) (*core.Contact, error) { return tx.ResolveContact(id) })
}

func (s *Server) answerContact(w http.ResponseWriter, r *http.Request, status int, find func(*store.Tx) (*core.Contact, error)) error {
	var view *contactView
	err := s.Store.View(r.Context(), func(tx *store.Tx) error {
		contact, err := find(tx)
		if err != nil {
			return err
		}
		view, err = s.showContact(tx, contact)
		return err
	})
	if err != nil {
		return err
	}
	return response.JSON(w, status, view)
}

// contactBody is what may be written about a contact; what is absent stays as it is.
type contactBody struct {
	Name     *string `json:"name"`
	Email    *string `json:"email"`
	Phone    *string `json:"phone"`
	Language *string `json:"language"`
	Company  *string `json:"company"`
	Note     *string `json:"note"`
}

func (s *Server) createContact(w http.ResponseWriter, r *http.Request) error {
	var in contactBody
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	contact, err := s.Desk.CreateContact(r.Context(), actor(r), desk.ContactFields(in))
	if err != nil {
		return err
	}
	return s.answerContact(w, r, http.StatusCreated, func(*store.Tx) (*core.Contact, error) { return contact, nil })
}

func (s *Server) changeContact(w http.ResponseWriter, r *http.Request) error {
	id, err := request.ID(r, "contact")
	if err != nil {
		return err
	}
	var in struct {
		contactBody
		Version uint64 `json:"version"` // that was seen; absent for whatever it is
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	contact, err := s.Desk.ChangeContact(r.Context(), actor(r), id, in.Version, desk.ContactFields(in.contactBody))
	if err != nil {
		return err
	}
	return s.answerContact(w, r, http.StatusOK, func(*store.Tx) (*core.Contact, error) { return contact, nil })
}

// mergeContact makes one contact an alias of another.
func (s *Server) mergeContact(w http.ResponseWriter, r *http.Request) error {
	from, err := request.ID(r, "contact")
	if err != nil {
		return err
	}
	var in struct {
		Into string `json:"into"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	into, err := core.ParseID(in.Into)
	if err != nil {
		return core.FieldErrorf("into", "%q is not the id of a contact", in.Into)
	}
	merged, err := s.Desk.MergeContacts(r.Context(), actor(r), from, into)
	if err != nil {
		return err
	}
	return s.answerContact(w, r, http.StatusOK, func(*store.Tx) (*core.Contact, error) { return merged, nil })
}

// linkContact says whose the identity behind a conversation is.
func (s *Server) linkContact(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Contact string `json:"contact"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	contact, err := core.ParseID(in.Contact)
	if err != nil {
		return core.FieldErrorf("contact", "%q is not the id of a contact", in.Contact)
	}
	return s.command(w, r, func(ctx context.Context, a desk.Actor, id core.ID) (*core.Conversation, error) {
		return s.Desk.LinkContact(ctx, a, id, contact)
	})
}

func (s *Server) unlinkContact(w http.ResponseWriter, r *http.Request) error {
	return s.command(w, r, s.Desk.UnlinkContact)
}

func (s *Server) showContacts(tx *store.Tx, contacts []*core.Contact) ([]*contactView, error) {
	list := make([]*contactView, 0, len(contacts))
	for _, c := range contacts {
		view, err := s.showContact(tx, c)
		if err != nil {
			return nil, err
		}
		list = append(list, view)
	}
	return list, nil
}

func (s *Server) showContact(tx *store.Tx, c *core.Contact) (*contactView, error) {
	v := &contactView{
		ID: c.ID, Version: c.Version, Name: c.Name, Email: c.Email, Phone: c.Phone, Language: c.Language, Company: c.CompanyName, Note: c.Note,
		Anonymous: c.Anonymous(), CreatedAt: c.CreatedAt, Identities: []identityView{},
	}
	if v.Company == "" && c.Company != "" {
		company, err := tx.Company(c.Company)
		if err != nil && core.CodeOf(err) != core.NotFound {
			return nil, err
		}
		if company != nil {
			v.Company = company.Name
		}
	}
	setup := s.Desk.Setup()
	identities, err := tx.IdentitiesOf(c.ID)
	for _, i := range identities {
		shown := identityView{
			ID: store.IdentityID(i.IdentityKey), Kind: i.Kind, Value: i.Value, Account: i.Scope, Channel: onlyChannel(setup, i.Scope),
			Name: i.Name, Verified: i.Verified, Blocked: i.Blocked, OptedOut: i.OptedOut,
		}
		if account := setup.Accounts[i.Scope]; account != nil {
			shown.Plugin = account.Plugin
		}
		v.Identities = append(v.Identities, shown)
	}
	return v, err
}

// onlyChannel returns the channel of an account that has just one; "" otherwise.
func onlyChannel(setup *core.Setup, account string) string {
	found := ""
	for id, ch := range setup.Channels {
		if ch.Account != account {
			continue
		}
		if found != "" {
			return ""
		}
		found = id
	}
	return found
}
