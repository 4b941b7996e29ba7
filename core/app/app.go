// Package app is the composition root: it builds everything from a configuration, starts it and stops it, on this page.
// It decides nothing about conversations; what it contains beyond wiring is the small adapters that let rooms speak to
// each other without knowing each other.
//
// Start reading at [Open] (the data directory, which every command needs) and [App] (the running server).
package app

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/blob"
	"github.com/guichet/guichet/core/channel"
	"github.com/guichet/guichet/core/config"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/live"
	"github.com/guichet/guichet/core/store"
)

// Options are what the command line decides.
type Options struct {
	ConfigPath string // "" looks for one, see config.Locate
	DataDir    string // "" takes it from the configuration
	Listen     string // "" takes it from the configuration
	Log        hclog.Logger
	// Builtin returns the manifests of the first-party plugins, which are part of the program.
	Builtin Builtin
	Plugins []string // their names
	Version string   // of the program
	UI      fs.FS    // the built faces
	UIDev   string   // the address of a development server that serves the faces instead; "" for none
}

const (
	// Schema is the layout of the store that this version writes.
	Schema = store.Schema
	// Protocol is the major version of the plugin contract.
	Protocol = channel.Protocol
)

// catchUp is how long timers that customers would notice wait for the channels after a start.
const catchUp = 60 * time.Second

// stopPatience is how long a stop waits for messages that are on their way to a provider.
const stopPatience = 5 * time.Second

// How many live connections may be open at a time: of an account, which is memory, and of a client address, which may be
// an office or a mobile network behind one address. plugins/webchat/PROTOCOL.md tells them to the authors of panels.
const (
	livePerAccount = 10_000
	livePerAddress = 500
)

// App is the running server.
type App struct {
	data    *Data
	log     hclog.Logger
	options Options

	desk      *desk.Desk
	host      *channel.Host
	hub       *live.Hub
	customers *desk.Customers
	auth      *auth.Auth
	source    *config.Source
	server    *api.Server
	control   *control
	metrics   *metrics

	listener  net.Listener
	publicURL string
	localURL  string // where a browser on this machine reaches the server
	ready     ready

	stop    context.CancelFunc
	running sync.WaitGroup
	once    sync.Once
}

// Start opens the data directory, binds the address and starts everything. On error nothing is left running.
func Start(ctx context.Context, o Options) (*App, error) {
	tuneMemory()
	data, err := Open(ctx, o)
	if err != nil {
		return nil, err
	}
	a := &App{data: data, log: data.log, options: data.options}
	if err := a.start(ctx); err != nil {
		a.Stop()
		return nil, err
	}
	return a, nil
}

func (a *App) start(ctx context.Context) (err error) {
	var life context.Context
	life, a.stop = context.WithCancel(context.WithoutCancel(ctx))
	if err := a.listen(); err != nil {
		return err
	}
	if err := a.build(); err != nil {
		return err
	}
	if err := a.source.Start(ctx); err != nil {
		return err
	}
	if err := a.desk.Start(ctx); err != nil {
		return err
	}
	a.background(life)
	if a.control, err = a.openControl(); err != nil {
		return err
	}
	a.serve()
	a.ready.set(true)
	return nil
}

// listen binds the address before anything is started, so that a busy port is an error at once and callbacks know where
// they lead.
func (a *App) listen() error {
	address := a.options.Listen
	if address == "" {
		address = a.data.config.Server.Listen
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return fmt.Errorf("listen on %s: %w (is another Guichet running? choose another address with --listen)", address, err)
	}
	a.localURL = localURL(listener.Addr(), a.data.config.Server.TLS.CertFile != "")
	a.publicURL = strings.TrimRight(a.data.config.Server.PublicURL, "/")
	if a.publicURL == "" {
		a.publicURL = a.localURL
	}
	a.listener = listener
	if a.listener, err = secured(listener, a.data.config.Server.TLS, a.log); err != nil {
		return errors.Join(err, listener.Close())
	}
	return nil
}

// localURL is an address at which a browser on this machine reaches the server.
func localURL(addr net.Addr, secure bool) string {
	scheme := "http://"
	if secure {
		scheme = "https://"
	}
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return scheme + addr.String()
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() {
		host = "127.0.0.1"
	}
	return scheme + net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}

// build makes every part and ties them together; nothing runs yet.
func (a *App) build() error {
	d := a.data
	media := &mediaStore{
		store: d.store, blobs: d.blobs, keys: d.keys, publicURL: a.publicURL, public: blob.NewSigner(d.keys.Derive("public media addresses"), nil),
	}
	receiver := &receiver{media: media}
	customers := &customers{media: media}
	host, err := channel.New(channel.Options{
		Data: d.dir, Version: a.options.Version, PublicURL: a.publicURL, Log: slogOf(a.log.Named("plugins")),
		Receiver: receiver, State: pluginState{d.store}, Media: media, Conversations: customers, Spool: spool{d.store, d.blobs, &spoolOrder{}}, Builtin: a.options.Builtin,
		Find: a.findPlugin, Manifests: described{d}, Alert: a.alert, LivePerAccount: livePerAccount, LivePerAddress: livePerAddress,
	})
	if err != nil {
		return err
	}
	a.host = host
	a.desk = desk.New(desk.Options{
		Store: d.store, Channels: channels{host, media}, Blobs: d.blobs, Setup: &core.Setup{}, Log: a.log.Named("desk"), CatchUp: catchUp, StopPatience: stopPatience,
		Typing: func(c *core.Conversation, stopped bool) {
			if !stopped {
				a.hub.CustomerTyping(context.Background(), c.ID)
			}
		},
	})
	receiver.desk = a.desk
	customers.Customers = desk.NewCustomers(a.desk)
	a.customers = customers.Customers
	a.hub = live.New(live.Options{
		Store: d.store, Setup: a.desk.Setup, Connected: a.desk.Connected, Disconnected: a.desk.Disconnected, Remaining: a.desk.Remaining,
		Typing: func(ctx context.Context, agent core.Agent, conversation core.ID) {
			a.desk.Typing(ctx, desk.Actor{Agent: agent.ID, Name: agent.Name, Role: agent.Role}, conversation)
		},
		Log: a.log.Named("live"),
	})
	a.auth = auth.New(auth.Options{Store: d.store, Setup: a.desk.Setup, People: people{a}, Ended: a.hub.End})
	a.source = config.NewSource(config.Options{
		Path: d.configPath, Required: d.configRequired, Environment: d.environment, History: d.history, Apply: a.apply, Report: a.reportProblems,
	})
	d.approvals.host, d.approvals.reload, d.approvals.users = a.host, a.source.Reload, a.pluginUsers
	a.metrics = newMetrics(a)
	a.server, err = a.newServer(media)
	return err
}

// apply puts a configuration in force everywhere, or nowhere. The version that was in force last is not checked again:
// at most starts nothing has changed.
func (a *App) apply(ctx context.Context, c *config.Config, revision int) error {
	setup := c.Setup(revision)
	last, found, err := a.data.history.LastApplied(ctx)
	if err != nil {
		return err
	}
	if !found || last.Revision != revision {
		if err := a.desk.Check(ctx, setup); err != nil {
			return err
		}
	}
	if err := a.host.Apply(setup); err != nil {
		return errors.Join(err, a.host.Apply(a.desk.Setup()))
	}
	a.desk.Adopt(setup)
	a.hub.SetupChanged()
	if old, _ := a.source.Current(); old != nil {
		for _, key := range c.RestartNeeded(old) {
			a.log.Warn("a changed setting takes effect at the next start", "setting", key)
		}
	}
	return nil
}

// inForce is the number of the configuration version in force; 0 before the first.
func (a *App) inForce() int { return a.desk.Setup().Revision }

func (a *App) reportProblems(problems config.Problems) {
	for _, p := range problems {
		a.log.Error("the configuration has a problem", "problem", p.String(), "in_force", a.inForce())
	}
}

func (a *App) alert(alert channel.Alert) {
	a.log.Error(alert.Text, "plugin", alert.Plugin, "account", alert.Account, "code", alert.Code)
	a.metrics.alerts.WithLabelValues(alert.Plugin, alert.Code).Inc()
}

// background starts what runs beside the server.
func (a *App) background(life context.Context) {
	run := func(fn func(context.Context)) { a.running.Go(func() { fn(life) }) }
	run(a.hub.Run)
	run(a.customers.Run)
	run(func(ctx context.Context) {
		if err := a.source.Run(ctx, hangups(ctx)); err != nil && ctx.Err() == nil {
			a.log.Error("the configuration file is no longer followed", "error", err)
		}
	})
	run(a.housekeeping)
	run(a.mindMemory)
	run(func(ctx context.Context) {
		select {
		case <-ctx.Done():
		case err := <-a.data.db.Fatal():
			a.log.Error("the storage engine has stopped: nothing more can be kept, so the process ends and starts again from disk", "error", err)
			os.Exit(exitStorage)
		}
	})
}

// exitStorage is the exit code after the storage engine has failed; a service manager restarts the process.
const exitStorage = 70

func (a *App) serve() {
	a.running.Go(func() {
		if err := a.server.Serve(a.listener); err != nil && !errors.Is(err, net.ErrClosed) {
			a.log.Error("the HTTP server has stopped", "error", err)
		}
	})
}

// URL is where the server is reached.
func (a *App) URL() string { return a.publicURL }

// Address is the address that was bound.
func (a *App) Address() net.Addr { return a.listener.Addr() }

// DataDir is where everything is kept.
func (a *App) DataDir() string { return a.data.dir }

// SetupLink returns the one-time link that creates the first administrator; "" when there is one.
func (a *App) SetupLink(ctx context.Context) (string, error) {
	needed, err := a.auth.NeedsSetup(ctx)
	if err != nil || !needed {
		return "", err
	}
	token, err := a.auth.SetupToken(ctx)
	if err != nil {
		return "", err
	}
	return a.localURL + "/app/setup#" + token, nil
}

// WorkspaceURL is where people sign in.
func (a *App) WorkspaceURL() string { return a.localURL + "/app/" }

// DemoURL is where the demo shop shows the web chat; "" when there is none, or it is closed.
func (a *App) DemoURL() string {
	if strings.HasPrefix(a.publicURL, "https:") && !a.allowsTest() {
		return ""
	}
	for _, ch := range a.desk.Setup().Channels {
		if ch.Widget != nil && !ch.Retired {
			return a.localURL + "/demo"
		}
	}
	return ""
}

// Stop ends everything: requests first, then the desk, whose sends still need the plugins, then the plugins and the
// store. It may be called more than once.
func (a *App) Stop() {
	a.once.Do(func() {
		a.ready.set(false)
		if a.control != nil {
			a.control.close()
		}
		if a.hub != nil {
			a.hub.Close()
		}
		if a.host != nil {
			a.host.CloseLive()
		}
		if a.server != nil {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			if err := a.server.Close(ctx); err != nil {
				a.log.Warn("some requests were cut off", "error", err)
			}
			cancel()
		}
		if a.listener != nil {
			_ = a.listener.Close() // closed by the server already, unless it never ran
		}
		if a.desk != nil {
			a.desk.Stop()
		}
		if a.host != nil {
			a.host.Stop()
		}
		a.stop()
		a.running.Wait()
		if err := a.data.Close(); err != nil {
			a.log.Error("the store was not closed cleanly; nothing acknowledged is lost", "error", err)
		}
	})
}

// runDir is where sockets live.
func runDir(data string) string { return filepath.Join(data, "run") }
