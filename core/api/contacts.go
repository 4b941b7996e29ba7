package api

import (
	"net/http"
	"slices"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/store"
)

type contactView struct {
	ID         core.ID        `json:"id"`
	Name       string         `json:"name"`
	Email      string         `json:"email"`
	Phone      string         `json:"phone"`
	Language   string         `json:"language"`
	Company    core.ID        `json:"company"`
	CreatedAt  time.Time      `json:"created_at"`
	Identities []identityView `json:"identities"`
}

type identityView struct {
	Kind     string `json:"kind"`
	Value    string `json:"value"`
	Account  string `json:"account"` // "" for identities that are the same everywhere
	Name     string `json:"name"`
	Verified bool   `json:"verified"`
	Blocked  bool   `json:"blocked"`
	OptedOut bool   `json:"opted_out"`
}

// contactPages is how many of a contact's newest conversations are looked at to see whether one is in sight.
const contactPages = 100

// contact shows a contact to whoever may see one of its conversations.
func (s *Server) contact(w http.ResponseWriter, r *http.Request) error {
	id, err := request.ID(r, "contact")
	if err != nil {
		return err
	}
	me := actor(r)
	var view *contactView
	err = s.Store.View(r.Context(), func(tx *store.Tx) error {
		contact, err := tx.ResolveContact(id)
		if err != nil {
			return err
		}
		seen := auth.May(me.Role, auth.Oversee)
		for _, of := range []core.ID{id, contact.ID} {
			page, err := tx.ConversationsOfContact(of, "", contactPages)
			if err != nil {
				return err
			}
			seen = seen || slices.ContainsFunc(page.Conversations, func(c *core.Conversation) bool { return s.Desk.MaySee(me, c) })
		}
		if !seen {
			return core.Errorf(core.NotFound, "there is no contact %s", id)
		}
		view, err = showContact(tx, contact)
		return err
	})
	if err != nil {
		return err
	}
	return response.JSON(w, http.StatusOK, view)
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
	var view *contactView
	err = s.Store.View(r.Context(), func(tx *store.Tx) (err error) {
		view, err = showContact(tx, merged)
		return err
	})
	if err != nil {
		return err
	}
	return response.JSON(w, http.StatusOK, view)
}

func showContact(tx *store.Tx, c *core.Contact) (*contactView, error) {
	v := &contactView{
		ID: c.ID, Name: c.Name, Email: c.Email, Phone: c.Phone, Language: c.Language, Company: c.Company,
		CreatedAt: c.CreatedAt, Identities: []identityView{},
	}
	identities, err := tx.IdentitiesOf(c.ID)
	for _, i := range identities {
		v.Identities = append(v.Identities, identityView{
			Kind: i.Kind, Value: i.Value, Account: i.Scope, Name: i.Name, Verified: i.Verified, Blocked: i.Blocked, OptedOut: i.OptedOut,
		})
	}
	return v, err
}
