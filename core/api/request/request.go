// Package request reads what a handler needs from an HTTP request: path parameters, queries, JSON bodies, who asks and
// from where. It must not know any route or write any response.
//
// Start reading at [Scope].
package request

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/auth"
)

// Scope is what is known of a request beside the request itself.
type Scope struct {
	ID       string // names the request in the log and in problems
	Address  string // the client's network address
	Secure   bool   // the client came over TLS, here or at a trusted proxy
	Identity *auth.Identity
	Param    func(name string) string
}

type scopeKey struct{}

// With returns r with its scope.
func With(r *http.Request, s *Scope) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), scopeKey{}, s))
}

// ScopeOf returns the scope; an empty one where there is none.
func ScopeOf(r *http.Request) *Scope {
	if s, ok := r.Context().Value(scopeKey{}).(*Scope); ok {
		return s
	}
	return &Scope{}
}

// Who returns who is signed in. Only for handlers of routes that require it.
func Who(r *http.Request) *auth.Identity { return ScopeOf(r).Identity }

// Param returns a path parameter.
func Param(r *http.Request, name string) string { return ScopeOf(r).Param(name) }

// ID returns a path parameter that names a record. A malformed one names none.
func ID(r *http.Request, name string) (core.ID, error) {
	id, err := core.ParseID(Param(r, name))
	if err != nil {
		return "", core.Errorf(core.NotFound, "there is no %s %q", name, Param(r, name))
	}
	return id, nil
}

// Number returns a positive path parameter.
func Number(r *http.Request, name string) (uint64, error) {
	n, err := strconv.ParseUint(Param(r, name), 10, 64)
	if err != nil || n == 0 {
		return 0, core.Errorf(core.NotFound, "there is no %s %q", name, Param(r, name))
	}
	return n, nil
}

// QueryNumber returns a number from the query; fallback when it is absent.
func QueryNumber(r *http.Request, name string, fallback uint64) (uint64, error) {
	text := r.URL.Query().Get(name)
	if text == "" {
		return fallback, nil
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0, core.FieldErrorf(name, "%q is not a whole number", text)
	}
	return n, nil
}

// Limit returns how many items a page should have: the query's limit, between 1 and most.
func Limit(r *http.Request, usual, most int) (int, error) {
	n, err := QueryNumber(r, "limit", uint64(usual))
	if err != nil {
		return 0, err
	}
	if n < 1 || n > uint64(most) {
		return 0, core.FieldErrorf("limit", "the limit must be between 1 and %d", most)
	}
	return int(n), nil
}

// JSON decodes the body. Unknown members are left alone, so that newer clients can speak to older servers.
func JSON(r *http.Request, into any) error {
	d := json.NewDecoder(r.Body)
	err := d.Decode(into)
	if err == nil {
		if _, err = d.Token(); err == io.EOF {
			return nil
		}
		if err == nil {
			return core.Errorf(core.Invalid, "the body holds more than one JSON value")
		}
	}
	var tooLarge *http.MaxBytesError
	var wrongType *json.UnmarshalTypeError
	var said *core.Error
	switch {
	case errors.As(err, &said): // by a type that reads itself
		return said
	case errors.As(err, &tooLarge):
		return err
	case errors.As(err, &wrongType) && wrongType.Field != "":
		return core.FieldErrorf(wrongType.Field, "a %s does not fit here", wrongType.Value)
	case errors.Is(err, io.EOF):
		return core.Errorf(core.Invalid, "the body is empty: send a JSON object")
	}
	return core.Errorf(core.Invalid, "the body is not the JSON object expected: %w", err)
}
