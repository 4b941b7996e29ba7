// Package api is everything that Guichet says over HTTP: the REST API, the live socket, providers' callbacks, signed
// media, health, metrics, and the static workspace and widget. It must not decide anything about conversations (that is
// core/desk's) nor know how any channel works (that is core/channel's).
//
// Start reading at [Server.ServeHTTP], then routes.go for the table of all routes. Handlers parse, call, respond, and
// return errors; serve.go alone writes those, as RFC 9457 problems. request/ and response/ hold what they share.
package api

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/blob"
	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/live"
	"github.com/guichet/guichet/core/store"
)

// Desk is what people do, as [desk.Desk] offers it.
type Desk interface {
	Setup() *core.Setup
	TextLimit(c *core.Conversation) core.TextLimit
	MaySee(a desk.Actor, c *core.Conversation) bool
	Sight(tx *store.Tx, a desk.Actor, contact core.ID) (*desk.Sight, error)
	Accept(ctx context.Context, a desk.Actor, offer core.ID) (*core.Conversation, error)
	Decline(ctx context.Context, a desk.Actor, offer core.ID) error
	Pick(ctx context.Context, a desk.Actor, id core.ID) (*core.Conversation, error)
	Reply(ctx context.Context, a desk.Actor, id core.ID, message desk.NewMessage) (m *core.Message, created bool, err error)
	Retry(ctx context.Context, a desk.Actor, id core.ID, seq uint64) (*core.Message, error)
	MarkRead(ctx context.Context, a desk.Actor, id core.ID) error
	End(ctx context.Context, a desk.Actor, id core.ID) (*core.Conversation, error)
	Leave(ctx context.Context, a desk.Actor, id core.ID) (*core.Conversation, error)
	Reopen(ctx context.Context, a desk.Actor, id core.ID) (*core.Conversation, error)
	Close(ctx context.Context, a desk.Actor, id core.ID) (*core.Conversation, error)
	Transfer(ctx context.Context, a desk.Actor, id core.ID, to desk.Target) (*core.Conversation, error)
	Remaining(offer *core.Offer) time.Duration
	Counts(ctx context.Context, a desk.Actor) (desk.Counts, error)
	SaveDraft(ctx context.Context, a desk.Actor, id core.ID, text string, visibility core.Visibility) (*core.Draft, error)
	SetVariables(ctx context.Context, a desk.Actor, id core.ID, set map[string]*core.Variable) (*core.Conversation, error)
	CreateContact(ctx context.Context, a desk.Actor, fields desk.ContactFields) (*core.Contact, error)
	ChangeContact(ctx context.Context, a desk.Actor, id core.ID, version uint64, fields desk.ContactFields) (*core.Contact, error)
	LinkContact(ctx context.Context, a desk.Actor, id, contact core.ID) (*core.Conversation, error)
	UnlinkContact(ctx context.Context, a desk.Actor, id core.ID) (*core.Conversation, error)
	MergeContacts(ctx context.Context, a desk.Actor, from, into core.ID) (*core.Contact, error)
	Presence(ctx context.Context, agent string) (*core.AgentStatus, error)
	SetPresence(ctx context.Context, a desk.Actor, p core.Presence) (*core.AgentStatus, error)
	Touch(ctx context.Context, agent string)
	Present(ctx context.Context, agent string) (*core.AgentStatus, error)
}

var _ Desk = (*desk.Desk)(nil)

// Channels is the plugin host, as [channel.Host] offers it.
type Channels interface {
	HandleHTTP(ctx context.Context, account string, r channel.Request) (channel.Response, error)
	Status() []channel.PluginStatus
	Validate(ctx context.Context, account string) []core.Check
	// Translations are a plugin's texts, and those of checks, in other languages than English.
	Translations(plugin string) core.Translations
	Restart(plugin string) error
	Log(plugin string, after uint64, limit int) (lines []channel.Line, found bool)
}

var _ Channels = (*channel.Host)(nil)

// Blobs keeps the content of attachments, as [blob.Store] does.
type Blobs interface {
	Put(ctx context.Context, r io.Reader, limit int64) (hash string, size int64, mimeType string, err error)
	Open(hash string) (io.ReadSeekCloser, error)
}

var _ Blobs = (*blob.Store)(nil)

// Grants says what a signed media token allows, as [blob.Signer] does.
type Grants interface {
	Verify(token string) (blob.Grant, error)
}

var _ Grants = (*blob.Signer)(nil)

// Callback is an address that a provider calls.
type Callback struct {
	Path  string `json:"path"` // below /channels/{account}/
	URL   string `json:"url"`
	Title string `json:"title"`
	Help  string `json:"help"` // where to paste it at the provider
}

// Configuration is how the configuration stands.
type Configuration struct {
	Revision int
	Banner   string // a sentence that everybody should see; "" when all is well
	Problems []ConfigurationProblem
	Off      []*core.Account // the accounts that are switched off
}

// ConfigurationFile is the configuration file as it is now, and what it was.
type ConfigurationFile struct {
	Text, Path        string
	ReadOnly, Differs bool
	History           []ConfigurationVersion // newest first
}

// ConfigurationVersion is one version that was in force.
type ConfigurationVersion struct {
	Version int       `json:"version"`
	At      time.Time `json:"at"`
	By      string    `json:"by"`
}

// How bad a problem of the configuration is: an error keeps the file from being put in force, a warning does not.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
)

// ConfigurationProblem is one thing wrong with the configuration file.
type ConfigurationProblem struct {
	Path     string `json:"path"`
	Line     int    `json:"line"` // 0 when it has no place in the file
	Column   int    `json:"column"`
	Problem  string `json:"problem"`
	Remedy   string `json:"remedy"`
	Severity string `json:"severity"`
	// Code names what is wrong and Params what it is about, for other languages; "" where the sentence is all there is.
	Code   string            `json:"code"`
	Params map[string]string `json:"params"`
}

// Options is what a Server needs. Fields marked optional may be nil or zero.
type Options struct {
	Store    *store.Store
	Desk     Desk
	Auth     *auth.Auth
	Hub      *live.Hub
	Channels Channels
	Blobs    Blobs
	Grants   Grants
	// Callbacks lists the callback paths of a plugin; URL is filled in here. Optional.
	Callbacks func(plugin string) []Callback
	// Configuration tells how the configuration stands. Optional.
	Configuration func() Configuration
	// ConfigurationFile reads the configuration file. Optional.
	ConfigurationFile func(ctx context.Context) (ConfigurationFile, error)
	// Editor edits the configuration file. Optional.
	Editor Editor
	// Plugins describes plugins and tries settings out that are not saved. Optional.
	Plugins Plugins
	// Approvals lets administrators approve third-party plugins. Optional.
	Approvals Approvals
	// Memory returns how much memory a process uses, in bytes; 0 when unknown. Optional.
	Memory func(pid int) int64
	// Bots answers the connector calls of Bot Framework bots, below /bots/. Optional.
	Bots http.Handler
	// UI holds the built faces: app/, widget/ and demo/. Optional.
	UI fs.FS
	// UIDev is a development server on this machine that serves the faces instead, see [ParseDevURL]. Optional.
	UIDev *url.URL
	// AllowTest reports whether what is only for trying out is open although PublicURL is https. Optional: it is not.
	AllowTest func() bool
	// Ready returns nil once the store is open and the plugins have started. Optional.
	Ready func(ctx context.Context) error
	// Metrics is where this package registers and what /metrics shows. Optional.
	Metrics *prometheus.Registry
	// PublicURL is where the server is reached from outside, without a slash at the end. Announced says that somebody has
	// configured it; else it is a guess that holds on this machine.
	PublicURL string
	Announced bool
	// Storage tells how the store is doing. Optional.
	Storage func() StorageState
	Version string // of the program
	// TrustedProxies are believed about whose request they pass on.
	TrustedProxies request.Proxies
	Log            hclog.Logger
}

// Server answers HTTP.
type Server struct {
	Options
	routes []route
	router http.Handler
	origin *http.CrossOriginProtection
	secure bool   // the public address is https
	host   string // of the public address
	meter  *meter
	static staticFiles
	pages  pages
	http   http.Server
	life   context.Context // of sockets that nobody else ends
	over   context.CancelFunc

	forwarderTold atomic.Int64 // when turnedAway last wrote to the log, in Unix nanoseconds
}

// New returns a Server that does not listen yet.
func New(o Options) (*Server, error) {
	if o.Log == nil {
		o.Log = hclog.NewNullLogger()
	}
	public, err := url.Parse(o.PublicURL)
	if err != nil {
		return nil, core.FieldErrorf("server.public_url", "%q is not an address", o.PublicURL)
	}
	s := &Server{Options: o, origin: http.NewCrossOriginProtection(), secure: public.Scheme == "https", host: public.Host}
	if public.Host != "" {
		if err := s.origin.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil {
			return nil, core.FieldErrorf("server.public_url", "%q is not an address: %w", o.PublicURL, err)
		}
	}
	s.life, s.over = context.WithCancel(context.Background())
	s.meter = newMeter(o.Metrics)
	if s.static, err = loadFiles(o.UI); err != nil {
		return nil, err
	}
	s.routes = slices.Concat(s.table(), s.configurationTable(), s.approvalsTable())
	s.router = newRouter(s)
	s.http = http.Server{
		Handler: s, ReadHeaderTimeout: 10 * time.Second, ReadTimeout: 10 * time.Minute, IdleTimeout: 2 * time.Minute,
		MaxHeaderBytes: 64 << 10, ErrorLog: o.Log.StandardLogger(&hclog.StandardLoggerOptions{ForceLevel: hclog.Debug}),
	}
	return s, nil
}

// Handler returns the handler, for a listener of somebody else's.
func (s *Server) Handler() http.Handler { return s }

// Serve answers on l until Close; l is bound before, so that a busy port is an error in time and the port is known. It
// returns nil after Close.
func (s *Server) Serve(l net.Listener) error {
	err := s.http.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// Close lets the live sockets go, stops listening, and waits for the requests in progress until ctx ends.
func (s *Server) Close(ctx context.Context) error {
	s.over()
	if s.Hub != nil {
		s.Hub.Close()
	}
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close() // what is left is cut off; the first error tells
	}
	return err
}

// ServeHTTP sends callbacks their short way, on the undecoded path, and everything else through the routes.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.EscapedPath()
	switch {
	case strings.HasPrefix(path, channelsPrefix):
		s.serveChannel(w, r, path[len(channelsPrefix):])
	case strings.HasPrefix(path, "/bots/") && s.Bots != nil:
		s.Bots.ServeHTTP(w, r)
	case s.UIDev != nil && s.serveDev(w, r):
	default:
		s.router.ServeHTTP(w, r)
	}
}
