// Package response writes what handlers answer: JSON, problems (RFC 9457), files with safe headers. It must not know any
// route.
//
// Start reading at [JSON] and [Problem].
package response

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// JSON writes v with a status. It fails before anything is written when v has no JSON form.
func JSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("Content-Length", strconv.Itoa(len(body)+1))
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a client that is gone is not our failure
	return nil
}

// NoContent says that it is done and there is nothing to tell.
func NoContent(w http.ResponseWriter) error {
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// Items is a list; Next is where it goes on, "" at the end.
type Items[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next"`
}

// List writes a list that is complete.
func List[T any](w http.ResponseWriter, items []T) error { return Page(w, items, "") }

// Page writes a part of a list and where it goes on.
func Page[T any](w http.ResponseWriter, items []T, next string) error {
	if items == nil {
		items = []T{}
	}
	return JSON(w, http.StatusOK, Items[T]{Items: items, Next: next})
}
