package api

import (
	"net/http"
	"time"

	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
)

type aboutView struct {
	ID          string `json:"id"` // of the organization, as in the chat's snippet
	Name        string `json:"name"`
	Language    string `json:"language"`
	Version     string `json:"version"`
	SetupNeeded bool   `json:"setup_needed"` // nobody has ever signed in
}

// about says whose desk this is, to whoever stands before it.
func (s *Server) about(w http.ResponseWriter, r *http.Request) error {
	needed, err := s.Auth.NeedsSetup(r.Context())
	if err != nil {
		return err
	}
	o := s.Desk.Setup().Organization
	return response.JSON(w, http.StatusOK, aboutView{ID: o.ID, Name: o.Name, Language: o.Language, Version: s.Version, SetupNeeded: needed})
}

type invitationView struct {
	URL       string    `json:"url"`
	ExpiresAt time.Time `json:"expires_at"`
}

// invite makes the link that an administrator hands to a colleague. The token stands in the fragment, which browsers
// send to no server and write into no log.
func (s *Server) invite(w http.ResponseWriter, r *http.Request) error {
	token, expires, err := s.Auth.Invite(r.Context(), by(r), request.Param(r, "agent"))
	if err != nil {
		return err
	}
	base := s.PublicURL
	if asked := originAsked(r); !s.Announced && asked != "" {
		base = asked
	}
	return response.JSON(w, http.StatusCreated, invitationView{URL: base + "/app/invitation#" + token, ExpiresAt: expires})
}

type invitedView struct {
	Name  string `json:"name"`
	Email string `json:"email"`
}

// invitation tells for whom a token is. It is asked for by POST, like accepting: a token that opens something stands in no
// address, where proxies would write it into their logs.
func (s *Server) invitation(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Token string `json:"token"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	agent, err := s.Auth.Invited(r.Context(), in.Token, request.ScopeOf(r).Address)
	if err != nil {
		return err
	}
	w.Header().Set("Cache-Control", "no-store")
	return response.JSON(w, http.StatusOK, invitedView{Name: agent.Name, Email: agent.Email})
}

func (s *Server) acceptInvitation(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Token    string `json:"token"`
		Password string `json:"password"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	agent, err := s.Auth.AcceptInvitation(r.Context(), in.Token, in.Password, request.ScopeOf(r).Address)
	if err != nil {
		return err
	}
	return s.enter(w, r, agent.Email, in.Password, http.StatusOK)
}
