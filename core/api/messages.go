package api

import (
	"net/http"
	"strconv"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/live"
	"github.com/guichet/guichet/core/store"
)

// messages lists upwards from after, or, with before, the last ones before a place. Next is the place to name in the
// same parameter to go on.
func (s *Server) messages(w http.ResponseWriter, r *http.Request) error {
	id, err := request.ID(r, "conversation")
	if err != nil {
		return err
	}
	limit, err := request.Limit(r, pageMost, pageMost)
	if err != nil {
		return err
	}
	after, err := request.QueryNumber(r, "after", 0)
	if err != nil {
		return err
	}
	backwards := r.URL.Query().Has("before")
	before, err := request.QueryNumber(r, "before", 0)
	if err != nil {
		return err
	}
	if backwards && r.URL.Query().Has("after") {
		return core.FieldErrorf("before", "name either after or before")
	}
	var list []*core.Message
	err = s.Store.View(r.Context(), func(tx *store.Tx) error {
		if _, err := s.inSight(tx, actor(r), id); err != nil {
			return err
		}
		if backwards {
			list, err = tx.MessagesBefore(id, before, limit+1)
		} else {
			list, err = tx.Messages(id, after, limit+1)
		}
		return err
	})
	if err != nil {
		return err
	}
	next := ""
	if len(list) > limit && backwards {
		list = list[1:]
		next = strconv.FormatUint(list[0].Seq, 10)
	} else if len(list) > limit {
		list = list[:limit]
		next = strconv.FormatUint(list[limit-1].Seq, 10)
	}
	views := make([]*live.Message, 0, len(list))
	for _, m := range list {
		views = append(views, live.ShowMessage(m))
	}
	return response.Page(w, views, next)
}

func (s *Server) reply(w http.ResponseWriter, r *http.Request) error {
	id, err := request.ID(r, "conversation")
	if err != nil {
		return err
	}
	var in struct {
		ID          string          `json:"id"`
		Text        string          `json:"text"`
		Visibility  core.Visibility `json:"visibility"`
		Attachments []string        `json:"attachments"`
		LastSeen    *uint64         `json:"last_seen"`
	}
	if err := request.JSON(r, &in); err != nil {
		return err
	}
	message := desk.NewMessage{ID: in.ID, Text: in.Text, Visibility: in.Visibility, LastSeen: in.LastSeen}
	for _, a := range in.Attachments {
		upload, err := core.ParseID(a)
		if err != nil {
			return core.FieldErrorf("attachments", "there is no upload %q", a)
		}
		message.Attachments = append(message.Attachments, upload)
	}
	m, created, err := s.Desk.Reply(r.Context(), actor(r), id, message)
	if err != nil {
		return err
	}
	status := http.StatusOK
	if created {
		status = http.StatusCreated
	}
	return response.JSON(w, status, live.ShowMessage(m))
}

func (s *Server) retry(w http.ResponseWriter, r *http.Request) error {
	id, err := request.ID(r, "conversation")
	if err != nil {
		return err
	}
	seq, err := request.Number(r, "message")
	if err != nil {
		return err
	}
	m, err := s.Desk.Retry(r.Context(), actor(r), id, seq)
	if err != nil {
		return err
	}
	return response.JSON(w, http.StatusOK, live.ShowMessage(m))
}
