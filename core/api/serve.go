package api

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/api/response"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/desk"
)

// maxBody bounds the JSON bodies of the API.
const maxBody = 1 << 20

// cookieName is the cookie that holds a sign-in's token.
const cookieName = "guichet"

// apiPolicy is the content security policy of everything that is not a page.
const apiPolicy = "default-src 'none'; frame-ancestors 'none'"

// serve runs one route: scope, safety headers, who asks, the handler, and whatever error comes of it.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, route *route, param func(string) string) {
	start := time.Now()
	scope := &request.Scope{ID: rand.Text()[:16], Param: param}
	scope.Address, scope.Secure = s.TrustedProxies.Client(r)
	scope.Secure = scope.Secure || s.secure
	r = request.With(r, scope)
	seen := &witness{ResponseWriter: w}
	h := seen.Header()
	h.Set("X-Request-Id", scope.ID)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	if !route.page {
		h.Set("Content-Security-Policy", apiPolicy)
	}
	if scope.Secure && s.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
	err := s.run(seen, r, route)
	if err != nil {
		s.fail(seen, r, route, scope, err)
	}
	took := time.Since(start)
	if !route.socket || seen.status != http.StatusSwitchingProtocols {
		s.meter.observe(route.method, route.path, seen.status, took)
	}
	if s.Log.IsDebug() { // the route, not the path: some paths hold a token that opens something
		s.Log.Debug("request", "id", scope.ID, "method", r.Method, "route", route.path, "status", seen.status,
			"took", took, "client", scope.Address)
	}
}

// run finds out who asks, whether they may, and runs the handler. A panic is an error like any other.
func (s *Server) run(w http.ResponseWriter, r *http.Request, route *route) (err error) {
	defer func() {
		if value := recover(); value != nil {
			if value == http.ErrAbortHandler {
				panic(value)
			}
			err = fmt.Errorf("panic: %v\n%s", value, bytes.TrimSpace(debug.Stack()))
		}
	}()
	if !route.public {
		who, err := s.identify(r)
		if err != nil {
			return err
		}
		request.ScopeOf(r).Identity = who
		if err := auth.Require(who.Agent.Role, route.action); err != nil {
			return err
		}
		if who.Browser && !route.socket { // a socket checks its origin itself
			err = s.sameOrigin(r)
		}
		if err != nil {
			return err
		}
		s.Desk.Touch(r.Context(), who.Agent.ID)
	} else if err := s.sameOrigin(r); err != nil && !route.page {
		return err
	}
	limit := route.maxBody
	if limit == 0 {
		limit = maxBody
	}
	if r.Body != nil {
		r.Body = http.MaxBytesReader(w, r.Body, limit)
	}
	return route.handle(w, r)
}

func (s *Server) sameOrigin(r *http.Request) error {
	if err := s.origin.Check(r); err != nil {
		return core.Errorf(core.Forbidden, "this request came from a page of another origin: %w", err)
	}
	return nil
}

// identify finds who asks: the API key in the header, else the browser's cookie.
func (s *Server) identify(r *http.Request) (*auth.Identity, error) {
	if header := r.Header.Get("Authorization"); header != "" {
		scheme, key, _ := strings.Cut(header, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return nil, core.Errorf(core.Unauthorized, "write the API key as \"Authorization: Bearer gck_…\"")
		}
		return s.Auth.AuthenticateKey(r.Context(), strings.TrimSpace(key))
	}
	return s.Auth.Authenticate(r.Context(), tokenOf(r))
}

func tokenOf(r *http.Request) string {
	if cookie, err := r.Cookie(cookieName); err == nil {
		return cookie.Value
	}
	return ""
}

// fail writes an error as a problem, and logs what is ours or the machine's.
func (s *Server) fail(w *witness, r *http.Request, route *route, scope *request.Scope, err error) {
	problem := response.ProblemOf(err)
	var wrong *methodError
	if errors.As(err, &wrong) {
		problem = wrong.problem()
	}
	gone := r.Context().Err() != nil && errors.Is(err, context.Canceled)
	switch {
	case gone:
		s.Log.Debug("the client has gone", "id", scope.ID, "method", r.Method, "route", route.path)
	case problem.Status >= http.StatusInternalServerError && route.path != readyPath: // which asks again and again
		s.Log.Error("a request failed", "id", scope.ID, "method", r.Method, "route", route.path, "status", problem.Status, "error", err)
	}
	if w.status != 0 {
		return // too late to say anything
	}
	h := w.Header()
	for _, name := range []string{"Content-Disposition", "ETag", "Set-Cookie", "Last-Modified", "Accept-Ranges"} {
		h.Del(name)
	}
	h.Set("Content-Security-Policy", apiPolicy)
	problem.Write(w, scope.ID, err)
}

// witness notes the status that was written.
type witness struct {
	http.ResponseWriter
	status int
}

func (w *witness) WriteHeader(status int) {
	if w.status == 0 {
		w.status = status
	}
	w.ResponseWriter.WriteHeader(status)
}

func (w *witness) Write(b []byte) (int, error) {
	if w.status == 0 {
		w.status = http.StatusOK
	}
	return w.ResponseWriter.Write(b)
}

// Unwrap lets the live socket take over the connection.
func (w *witness) Unwrap() http.ResponseWriter { return w.ResponseWriter }

// actor is who is signed in, as the desk knows people.
func actor(r *http.Request) desk.Actor {
	who := request.Who(r)
	return desk.Actor{Agent: who.Agent.ID, Name: who.Agent.Name, Role: who.Agent.Role}
}

// by is who is signed in, as the audit log knows people.
func by(r *http.Request) auth.Actor {
	who := request.Who(r)
	return auth.Actor{Agent: who.Agent.ID, Role: who.Agent.Role, Address: request.ScopeOf(r).Address}
}
