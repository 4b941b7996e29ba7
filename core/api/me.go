package api

import (
	"net/http"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/auth"
)

// meView is who is signed in.
type meView struct {
	ID       string    `json:"id"`
	Email    string    `json:"email"`
	Name     string    `json:"name"`
	Role     core.Role `json:"role"`
	Capacity int       `json:"capacity"`
}

func showMe(a core.Agent) meView {
	return meView{ID: a.ID, Email: a.Email, Name: a.Name, Role: a.Role, Capacity: a.Capacity}
}

func (s *Server) setUp(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Token    string `json:"token"`
		Email    string `json:"email"`
		Name     string `json:"name"`
		Password string `json:"password"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	address := request.ScopeOf(r).Address
	if _, err := s.Auth.Setup(r.Context(), in.Token, in.Email, in.Name, in.Password, address); err != nil {
		return err
	}
	return s.enter(w, r, in.Email, in.Password, http.StatusCreated)
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Email    string `json:"email"`
		Password string `json:"password"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	switch {
	case in.Email == "":
		return core.FieldErrorf("email", "the e-mail address is missing")
	case in.Password == "":
		return core.FieldErrorf("password", "the password is missing")
	}
	return s.enter(w, r, in.Email, in.Password, http.StatusOK)
}

func (s *Server) enter(w http.ResponseWriter, r *http.Request, email, password string, status int) error {
	token, who, err := s.Auth.SignIn(r.Context(), email, password, request.ScopeOf(r).Address, r.UserAgent())
	if err != nil {
		return err
	}
	s.setCookie(w, r, token, auth.SignInFor)
	return response.JSON(w, status, showMe(who.Agent))
}

func (s *Server) setCookie(w http.ResponseWriter, r *http.Request, token string, lasts time.Duration) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: token, Path: "/", MaxAge: int(lasts.Seconds()), HttpOnly: true,
		Secure: request.ScopeOf(r).Secure, SameSite: http.SameSiteLaxMode,
	})
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request) error {
	if err := s.Auth.SignOut(r.Context(), tokenOf(r)); err != nil {
		return err
	}
	s.setCookie(w, r, "", -time.Second)
	return response.NoContent(w)
}

func (s *Server) me(w http.ResponseWriter, r *http.Request) error {
	who := request.Who(r)
	if who.Browser {
		s.setCookie(w, r, tokenOf(r), auth.SignInFor) // the sign-in slides, and so does its cookie
	}
	return response.JSON(w, http.StatusOK, showMe(who.Agent))
}

func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Old string `json:"old"`
		New string `json:"new"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	if err := s.Auth.ChangePassword(r.Context(), request.Who(r), request.ScopeOf(r).Address, in.Old, in.New); err != nil {
		return err
	}
	return response.NoContent(w)
}

type presenceView struct {
	Presence core.Presence `json:"presence"`
	Since    *time.Time    `json:"since"`
	Load     int           `json:"load"`
	Capacity int           `json:"capacity"`
}

func showPresence(st *core.AgentStatus, capacity int) presenceView {
	v := presenceView{Presence: st.Presence, Load: st.Load, Capacity: capacity}
	if !st.PresenceSince.IsZero() {
		v.Since = &st.PresenceSince
	}
	return v
}

func (s *Server) presence(w http.ResponseWriter, r *http.Request) error {
	a := request.Who(r).Agent
	status, err := s.Desk.Presence(r.Context(), a.ID)
	if err != nil {
		return err
	}
	return response.JSON(w, http.StatusOK, showPresence(status, a.Capacity))
}

// present is said again and again by a browser that can hold no live connection.
func (s *Server) present(w http.ResponseWriter, r *http.Request) error {
	a := request.Who(r).Agent
	status, err := s.Desk.Present(r.Context(), a.ID)
	if err != nil {
		return err
	}
	return response.JSON(w, http.StatusOK, showPresence(status, a.Capacity))
}

func (s *Server) setPresence(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Presence core.Presence `json:"presence"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	if !in.Presence.Settable() {
		return core.FieldErrorf("presence", "%q cannot be set: choose available, busy, do-not-disturb, away or offline", in.Presence)
	}
	status, err := s.Desk.SetPresence(r.Context(), actor(r), in.Presence)
	if err != nil {
		return err
	}
	return response.JSON(w, http.StatusOK, showPresence(status, request.Who(r).Agent.Capacity))
}

type signInView struct {
	ID        string    `json:"id"`
	CreatedAt time.Time `json:"created_at"`
	SeenAt    time.Time `json:"seen_at"`
	Address   string    `json:"address"`
	UserAgent string    `json:"user_agent"`
	Current   bool      `json:"current"`
}

func (s *Server) signIns(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Auth.SignIns(r.Context(), request.Who(r))
	if err != nil {
		return err
	}
	views := make([]signInView, 0, len(list))
	for _, v := range list {
		views = append(views, signInView(v))
	}
	return response.List(w, views)
}

func (s *Server) revokeSignIn(w http.ResponseWriter, r *http.Request) error {
	if err := s.Auth.RevokeSignIn(r.Context(), request.Who(r), request.Param(r, "sign-in")); err != nil {
		return err
	}
	return response.NoContent(w)
}

type keyView struct {
	ID        core.ID    `json:"id"`
	Name      string     `json:"name"`
	Secrets   bool       `json:"secrets"` // it may write secrets of the configuration
	CreatedAt time.Time  `json:"created_at"`
	SeenAt    *time.Time `json:"seen_at"`
	Key       string     `json:"key,omitempty"` // only when it has just been made
}

func showKey(k *core.APIKey) keyView {
	v := keyView{ID: k.ID, Name: k.Name, Secrets: k.Secrets, CreatedAt: k.CreatedAt}
	if !k.SeenAt.IsZero() {
		v.SeenAt = &k.SeenAt
	}
	return v
}

func (s *Server) keys(w http.ResponseWriter, r *http.Request) error {
	list, err := s.Auth.Keys(r.Context(), request.Who(r).Agent.ID)
	if err != nil {
		return err
	}
	views := make([]keyView, 0, len(list))
	for _, k := range list {
		views = append(views, showKey(k))
	}
	return response.List(w, views)
}

func (s *Server) createKey(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Name    string `json:"name"`
		Secrets bool   `json:"secrets"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	var also []auth.Action
	if in.Secrets {
		if !maySecrets(r) {
			return &core.Error{Code: core.Forbidden, Field: "secrets", Message: "You may not write secrets, so neither may your key."}
		}
		also = append(also, auth.WriteSecrets)
	}
	secret, key, err := s.Auth.CreateKey(r.Context(), by(r), request.Who(r).Agent.ID, in.Name, also...)
	if err != nil {
		return err
	}
	view := showKey(key)
	view.Key = secret
	return response.JSON(w, http.StatusCreated, view)
}

func (s *Server) revokeKey(w http.ResponseWriter, r *http.Request) error {
	id, err := request.ID(r, "key")
	if err != nil {
		return err
	}
	if err := s.Auth.RevokeKey(r.Context(), by(r), request.Who(r).Agent.ID, id); err != nil {
		return err
	}
	return response.NoContent(w)
}
