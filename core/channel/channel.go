// Package channel is the plugin host: it starts and supervises the channel plugins, opens accounts in them, gives them
// webhook requests and outgoing messages, and serves what they ask of the host. It alone speaks the plugin protocol.
//
// It must not know what an event means to a conversation (that is the desk's) nor how anything is stored: it works
// through the small interfaces below.
//
// Start reading at [Host]; http.go is the hot path, supervisor.go keeps a plugin running, launcher.go starts one
// process, hostservice.go and conversations.go answer the plugins, spool.go deals with requests that came while a plugin was
// down, serve_live.go and link.go carry the connections of customers' browsers.
package channel

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// Cursor is the place that a pulling plugin has reached; it is stored in the transaction of the last event.
type Cursor struct {
	Account string
	Name    string
	Value   []byte
}

// Receiver stores inbound events, in order, each once. It is durable when it returns.
type Receiver interface {
	Receive(ctx context.Context, events []core.Inbound, cursor *Cursor) (stored, duplicates int, err error)
}

// StateStore is the small key-value store that plugins have per account. Versions start at 1; 0 stands for absent.
type StateStore interface {
	// GetState returns found = false for an absent key.
	GetState(ctx context.Context, account, key string) (value []byte, version uint64, found bool, err error)
	// SetState writes. With compare not nil it does so only if the version is *compare, else the error has the code
	// core.Conflict.
	SetState(ctx context.Context, account, key string, value []byte, compare *uint64) (version uint64, err error)
	// DeleteState removes a key, compared like SetState; an absent key is not an error.
	DeleteState(ctx context.Context, account, key string, compare *uint64) error
	// ListState returns the keys with a prefix, sorted.
	ListState(ctx context.Context, account, prefix string) ([]string, error)
}

// MediaHead describes content. Size is 0 when it is not known.
type MediaHead struct {
	Type string
	Name string
	Size int64
}

// MediaStore keeps content that plugins store, read and publish. Handles are checked against the account.
type MediaStore interface {
	Put(ctx context.Context, account, mimeType, name string, r io.Reader) (handle string, size int64, err error)
	Get(ctx context.Context, account, handle string) (MediaHead, io.ReadCloser, error)
	Publish(ctx context.Context, account, handle string, validFor time.Duration) (url string, expires time.Time, err error)
}

// Spool keeps verified raw requests while a plugin is down.
type Spool interface {
	// Put appends a request of an account; it is durable when it returns.
	Put(ctx context.Context, account string, request []byte) error
	// Each calls fn with the account's requests in the order in which they were put, until fn returns an error, which
	// it returns.
	Each(ctx context.Context, account string, fn func(id string, request []byte) error) error
	// Delete removes one.
	Delete(ctx context.Context, account, id string) error
}

// ManifestCache keeps what plugins last described themselves as, so that the configuration can be checked without
// running them.
type ManifestCache interface {
	LoadManifest(plugin string) (manifest []byte, found bool, err error)
	SaveManifest(plugin string, manifest []byte) error
}

// Source is how a plugin's program is run.
type Source struct {
	Path string   // of the executable
	Args []string // without the program's name
	Env  []string // "NAME=value", beyond the allow-list
	// SHA256 is the approved hash of the executable, checked before each start; nil for first-party plugins, which are
	// this very binary.
	SHA256 []byte
	// Bundle is the approved copy of a third-party plugin; then everything above but Env is left empty.
	Bundle *KeptBundle
	// Problem is why the approved copy cannot be used; nil when it can.
	Problem error
	// Demand: a third-party plugin is not run where the kernel cannot confine it.
	Demand bool
}

// Alert is something that an administrator should know.
type Alert struct {
	Plugin  string
	Account string // "" when it is about the whole plugin
	Code    string // "plugin-failed", "plugin-recovered", "plugin-over-memory", "upgrade-failed", "account-not-open", "request-not-understood", "spool-full"
	Text    string
	Output  string // the plugin's last output
}

// Options are what a Host needs. Receiver and Data must be set; the services whose store is nil answer plugins with
// UNIMPLEMENTED.
type Options struct {
	Data      string // the data directory; sockets lie in Data/run, working directories in Data/plugins
	Version   string // Guichet's, told to plugins
	PublicURL string // without a trailing slash
	Log       *slog.Logger
	Receiver  Receiver
	State     StateStore // also keeps what the host remembers about spools; nil: that is lost when the host ends
	Media     MediaStore
	// Conversations is what plugins of live channels may ask about their customers.
	Conversations Conversations
	Spool         Spool         // nil: nothing is spooled, a request to a plugin that is down gets 503
	Manifests     ManifestCache // nil: kept in memory only
	// Builtin returns the manifest of a first-party plugin without running it.
	Builtin func(plugin string) (*channelv1.Manifest, bool)
	// Find says how to run a plugin; nil runs first-party ones as `guichet plugin NAME`.
	Find func(plugin string) (Source, bool)
	// Alert is called when an administrator should know something. It must not block.
	Alert func(Alert)
	// AccountConcurrency limits the webhook requests of one account that are being handled at once; 0 means 64.
	AccountConcurrency int
	// LivePerAccount and LivePerAddress limit the live connections of one account, and of one client address; 0 means
	// 10,000 and 500.
	LivePerAccount, LivePerAddress int
}

// Host runs the plugins. Make one with New, tell it what is configured with Apply, end it with Stop.
type Host struct {
	options  Options
	log      *slog.Logger
	policy   policy
	launcher func(plugin string) launcher // replaced in tests
	keys     *keyCache
	life     context.Context // ends with Stop
	end      context.CancelFunc
	work     sync.WaitGroup // background work that Stop waits for

	connections liveConnections
	liveLimits  liveLimits

	accounts  atomic.Pointer[map[string]*account]
	revision  atomic.Uint64
	journals  sync.Map // plugin → *journal
	strangers sync.Map // *subprocess of third parties
	leaving   sync.Map // plugin → chan struct{}: closed when its former supervisor has ended

	applying    sync.Mutex // one Apply or Stop at a time
	mu          sync.Mutex // guards what follows
	supervisors map[string]*supervisor
	manifests   map[string]*channelv1.Manifest
	stopped     bool
}

// New makes a Host that runs nothing yet.
func New(o Options) (*Host, error) {
	if o.Receiver == nil || o.Data == "" {
		return nil, errors.New("channel: Receiver and Data are needed")
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.AccountConcurrency <= 0 {
		o.AccountConcurrency = 64
	}
	if o.Find == nil {
		o.Find = SelfSource
	}
	if o.Alert == nil {
		o.Alert = func(Alert) {}
	}
	h := &Host{
		options: o, log: o.Log, policy: standardPolicy(), keys: newKeyCache(), supervisors: map[string]*supervisor{},
		manifests: map[string]*channelv1.Manifest{}, liveLimits: liveLimitsOf(o),
	}
	h.launcher = func(plugin string) launcher { return &processLauncher{host: h, plugin: plugin} }
	h.life, h.end = context.WithCancel(context.Background())
	h.accounts.Store(&map[string]*account{})
	return h, nil
}

// account finds a configured account; nil when there is none.
func (h *Host) account(id string) *account { return (*h.accounts.Load())[id] }

// owned finds an account of the given plugin.
func (h *Host) owned(plugin, id string) *account {
	if a := h.account(id); a != nil && a.supervisor.name == plugin {
		return a
	}
	return nil
}

// Stop drains and ends all plugins: each has the time of a drain (10 s). Requests that come meanwhile are spooled or get
// 503.
func (h *Host) Stop() {
	h.applying.Lock()
	defer h.applying.Unlock()
	h.mu.Lock()
	h.stopped = true
	supervisors := h.supervisors
	h.supervisors = map[string]*supervisor{}
	h.mu.Unlock()
	h.connections.mu.Lock()
	h.connections.closed = true
	h.connections.mu.Unlock()
	// The accounts stay: what plugins still receive while they drain is stored, and requests get 503, not 404.
	var stopping sync.WaitGroup
	for _, s := range supervisors {
		stopping.Go(s.stop)
	}
	stopping.Wait()
	h.connections.serving.Wait()
	h.mu.Lock()
	h.end() // under mu: see background
	h.mu.Unlock()
	h.work.Wait()
	h.keys.close()
}
