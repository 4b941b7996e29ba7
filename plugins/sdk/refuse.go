package sdk

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Unauthorized: a request does not prove that the provider sent it. Answered with 401.
type Unauthorized struct{ Reason string }

// Forbidden: a request is genuine, and not for this account or not from whom it may come. Answered with 403.
type Forbidden struct{ Reason string }

func (e *Unauthorized) Error() string { return "unauthorized: " + e.Reason }
func (e *Forbidden) Error() string    { return "forbidden: " + e.Reason }

// Refuse answers a request that a verifier did not let through: *Unauthorized with 401, *Forbidden with 403, and
// everything else, ErrKeysUnavailable first of all, with 503, so that the provider tries again. Reasons are told to
// whoever sent the request; those of the verifiers hold neither secrets nor what was expected.
func Refuse(w http.ResponseWriter, err error) {
	var (
		unauthorized *Unauthorized
		forbidden    *Forbidden
	)
	switch {
	case errors.As(err, &unauthorized):
		http.Error(w, unauthorized.Reason, http.StatusUnauthorized)
	case errors.As(err, &forbidden):
		http.Error(w, forbidden.Reason, http.StatusForbidden)
	case errors.Is(err, ErrKeysUnavailable):
		http.Error(w, "the keys that would verify this request cannot be had now", http.StatusServiceUnavailable)
	default:
		http.Error(w, "this request could not be verified now", http.StatusServiceUnavailable)
	}
}

// bodyOf reads a request's body and leaves it there to be read again.
func bodyOf(r *http.Request) ([]byte, error) {
	if r.Body == nil {
		return nil, nil
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return nil, fmt.Errorf("sdk: read the body: %w", err)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return body, nil
}
