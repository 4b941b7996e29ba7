package api

import (
	"net/http"

	"github.com/julienschmidt/httprouter"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/response"
)

// newRouter is the only place that knows the router. Its traps, and how they are dealt with: it matches decoded paths
// (callbacks never reach it, see Server.ServeHTTP); static and named siblings collide (the static ones are in a router of
// their own, which is asked first); paths are
// never corrected behind the client's back (redirects are off); it answers OPTIONS by itself (that is off).
func newRouter(s *Server) http.Handler {
	r, apart := httprouter.New(), httprouter.New()
	r.RedirectTrailingSlash = false
	r.RedirectFixedPath = false
	r.HandleOPTIONS = false
	r.HandleMethodNotAllowed = true
	for i := range s.routes {
		route := &s.routes[i]
		handle := func(w http.ResponseWriter, req *http.Request, ps httprouter.Params) {
			s.serve(w, req, route, ps.ByName)
		}
		to := r
		if route.apart {
			to = apart
		}
		to.Handle(route.method, route.path, handle)
		if route.method == http.MethodGet && !route.socket {
			to.Handle(http.MethodHead, route.path, handle)
		}
	}
	missing := &route{path: "(none)", public: true, handle: func(w http.ResponseWriter, req *http.Request) error {
		return core.Errorf(core.NotFound, "there is nothing at %s", req.URL.Path)
	}}
	wrong := &route{path: "(none)", public: true, handle: func(w http.ResponseWriter, req *http.Request) error {
		return &methodError{method: req.Method, allow: w.Header().Get("Allow")}
	}}
	none := func(string) string { return "" }
	r.NotFound = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { s.serve(w, req, missing, none) })
	r.MethodNotAllowed = http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { s.serve(w, req, wrong, none) })
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if handle, ps, _ := apart.Lookup(req.Method, req.URL.Path); handle != nil {
			handle(w, req, ps)
			return
		}
		r.ServeHTTP(w, req)
	})
}

// methodError says that there is such an address, but not with this method.
type methodError struct{ method, allow string }

func (e *methodError) Error() string { return e.method + " is not allowed" }

func (e *methodError) problem() response.Problem {
	return response.Problem{
		Type: "urn:guichet:problem:" + response.MethodNotAllowed, Title: http.StatusText(http.StatusMethodNotAllowed),
		Status: http.StatusMethodNotAllowed, Code: response.MethodNotAllowed,
		Detail: e.method + " is not possible here; possible: " + e.allow + ".",
	}
}
