package api

import (
	"context"
	"net/http"
	"slices"
	"strings"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/store"
)

// agentView is a person as colleagues see them; the last fields are for those whose role allows it.
type agentView struct {
	ID          string        `json:"id"`
	Name        string        `json:"name"`
	Role        core.Role     `json:"role"`
	Presence    core.Presence `json:"presence"`
	Load        int           `json:"load"`
	Capacity    int           `json:"capacity"`
	Queues      []string      `json:"queues"`
	Email       string        `json:"email,omitempty"`
	HasPassword *bool         `json:"has_password,omitempty"`
	Disabled    *bool         `json:"disabled,omitempty"`
}

func (s *Server) agents(w http.ResponseWriter, r *http.Request) error {
	role := request.Who(r).Agent.Role
	people, err := s.Auth.People(r.Context())
	if err != nil {
		return err
	}
	statuses, err := s.statuses(r.Context())
	if err != nil {
		return err
	}
	setup := s.Desk.Setup()
	list := make([]agentView, 0, len(people))
	for _, p := range people {
		v := agentView{
			ID: p.Agent.ID, Name: p.Agent.Name, Role: p.Agent.Role, Presence: core.Offline, Capacity: p.Agent.Capacity,
			Queues: setup.QueuesOf(p.Agent.ID),
		}
		if v.Queues == nil {
			v.Queues = []string{}
		}
		slices.Sort(v.Queues)
		if status := statuses[p.Agent.ID]; status != nil {
			v.Presence, v.Load = status.Presence, status.Load
		}
		if auth.May(role, auth.Oversee) {
			v.Email = p.Agent.Email
		}
		if auth.May(role, auth.ManagePeople) {
			v.HasPassword, v.Disabled = &p.HasPassword, &p.Disabled
		}
		list = append(list, v)
	}
	slices.SortFunc(list, func(a, b agentView) int { return strings.Compare(a.ID, b.ID) })
	return response.List(w, list)
}

func (s *Server) statuses(ctx context.Context) (map[string]*core.AgentStatus, error) {
	statuses := make(map[string]*core.AgentStatus)
	err := s.Store.View(ctx, func(tx *store.Tx) error {
		list, err := tx.AgentStatuses()
		for _, st := range list {
			statuses[st.Agent] = st
		}
		return err
	})
	return statuses, err
}

func (s *Server) addAgent(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Email    string    `json:"email"`
		Name     string    `json:"name"`
		Role     core.Role `json:"role"`
		Password string    `json:"password"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	switch in.Role {
	case "", core.AgentRole, core.Supervisor, core.Administrator:
	default:
		return core.FieldErrorf("role", "there is no role %q: choose agent, supervisor or administrator", in.Role)
	}
	a, err := s.Auth.AddPerson(r.Context(), by(r), core.Agent{Email: in.Email, Name: in.Name, Role: in.Role}, in.Password)
	if err != nil {
		return err
	}
	queues := s.Desk.Setup().QueuesOf(a.ID)
	if queues == nil {
		queues = []string{}
	}
	slices.Sort(queues)
	return response.JSON(w, http.StatusCreated, agentView{
		ID: a.ID, Name: a.Name, Role: a.Role, Presence: core.Offline, Capacity: a.Capacity, Email: a.Email, Queues: queues,
	})
}

func (s *Server) setPassword(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Password string `json:"password"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	if err := s.Auth.SetPassword(r.Context(), by(r), request.Param(r, "agent"), in.Password); err != nil {
		return err
	}
	return response.NoContent(w)
}

func (s *Server) disable(w http.ResponseWriter, r *http.Request) error {
	if err := s.Auth.Disable(r.Context(), by(r), request.Param(r, "agent")); err != nil {
		return err
	}
	return response.NoContent(w)
}

func (s *Server) enable(w http.ResponseWriter, r *http.Request) error {
	if err := s.Auth.Enable(r.Context(), by(r), request.Param(r, "agent")); err != nil {
		return err
	}
	return response.NoContent(w)
}

// countMost is up to where waiting conversations are counted for a queue.
const countMost = 1000

type queueView struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	Priority int      `json:"priority"`
	Members  []string `json:"members"`
	Mine     bool     `json:"mine"`
	Waiting  int      `json:"waiting"` // at most countMost
}

func (s *Server) queues(w http.ResponseWriter, r *http.Request) error {
	setup, me := s.Desk.Setup(), request.Who(r).Agent.ID
	list := make([]queueView, 0, len(setup.Queues))
	err := s.Store.View(r.Context(), func(tx *store.Tx) error {
		for _, q := range setup.Queues {
			n, err := tx.CountWaiting(q.ID, countMost)
			if err != nil {
				return err
			}
			list = append(list, queueView{
				ID: q.ID, Name: q.Name, Priority: q.Priority, Members: append([]string{}, q.Members...),
				Mine: slices.Contains(q.Members, me), Waiting: n,
			})
		}
		return nil
	})
	if err != nil {
		return err
	}
	slices.SortFunc(list, func(a, b queueView) int { return strings.Compare(a.ID, b.ID) })
	return response.List(w, list)
}
