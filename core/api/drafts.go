package api

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/desk"
)

// draftView is what an agent has begun to write.
type draftView struct {
	Text       string          `json:"text"`
	Visibility core.Visibility `json:"visibility"`
	UpdatedAt  time.Time       `json:"updated_at"`
}

func showDraft(d *core.Draft) *draftView {
	if d == nil {
		return nil
	}
	return &draftView{Text: d.Text, Visibility: d.Visibility, UpdatedAt: d.UpdatedAt}
}

func (s *Server) saveDraft(w http.ResponseWriter, r *http.Request) error {
	id, err := request.ID(r, "conversation")
	if err != nil {
		return err
	}
	var in struct {
		Text       string          `json:"text"`
		Visibility core.Visibility `json:"visibility"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	draft, err := s.Desk.SaveDraft(r.Context(), actor(r), id, in.Text, in.Visibility)
	if err != nil {
		return err
	}
	return response.JSON(w, http.StatusOK, showDraft(draft))
}

// setVariables takes texts, numbers and nulls by name; a null removes the variable.
func (s *Server) setVariables(w http.ResponseWriter, r *http.Request) error {
	var in struct {
		Variables map[string]json.RawMessage `json:"variables"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	if in.Variables == nil {
		return core.FieldErrorf("variables", "name the variables to set, as an object")
	}
	set := make(map[string]*core.Variable, len(in.Variables))
	for name, raw := range in.Variables {
		v, err := variableOf(name, raw)
		if err != nil {
			return err
		}
		set[name] = v
	}
	return s.command(w, r, func(ctx context.Context, a desk.Actor, id core.ID) (*core.Conversation, error) {
		return s.Desk.SetVariables(ctx, a, id, set)
	})
}

func variableOf(name string, raw json.RawMessage) (*core.Variable, error) {
	var text string
	var number json.Number
	switch {
	case string(raw) == "null":
		return nil, nil
	case raw[0] == '"' && json.Unmarshal(raw, &text) == nil:
		return &core.Variable{Type: "text", Value: text}, nil
	case raw[0] != '"' && json.Unmarshal(raw, &number) == nil:
		return &core.Variable{Type: "number", Value: number.String()}, nil
	}
	return nil, core.FieldErrorf("variables."+name, "a variable is a text, a number, or null to remove it")
}
