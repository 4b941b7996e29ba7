// Package desk is what people and channels do at Guichet: receive, offer, accept, reply, transfer, end. One function a
// command, one transaction each; beside the transactions run the router, the outbox dispatcher, the media fetcher and
// the timers, all driven by the durable log. It knows neither HTTP nor plugins nor the storage engine.
//
// Start reading at [Desk], then receive.go and router.go.
package desk

import (
	"context"
	"errors"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// Channels is what the desk asks of the plugin host.
type Channels interface {
	// Send gives one message to its channel. The context carries how long the desk waits.
	Send(ctx context.Context, out *core.Outgoing) core.Outcome
	// FetchMedia writes the content behind a handle to the writer that start returns.
	FetchMedia(ctx context.Context, account, handle string, maxBytes int64, start func(core.MediaHead) (io.Writer, error)) core.FetchOutcome
	// FetchProfile returns nil where there is none to be had.
	FetchProfile(ctx context.Context, account string, identity core.IdentityKey, thread core.Thread) (*core.Profile, error)
	// TextLimit is how long a text to customers of an account may be. It is asked in transactions and must not wait.
	TextLimit(account string) core.TextLimit
	// Signal passes on what is not a message; best effort.
	Signal(ctx context.Context, account string, thread core.Thread, recipient core.IdentityKey, signal core.Signal)
}

// Reconciler is what Channels may be able to do besides: find out what became of a send whose outcome is unknown.
type Reconciler interface {
	// Reconciles reports whether the plugin of an account can be asked. It is asked in transactions and must not wait.
	Reconciles(account string) bool
	// Reconcile asks what became of a send; the last of its previous attempts is the one in question. It changes nothing.
	// The outcome is that of the send; not started means that nobody was asked.
	Reconcile(ctx context.Context, out *core.Outgoing) core.Outcome
}

// Blobs keeps the content of attachments.
type Blobs interface {
	Put(ctx context.Context, r io.Reader, limit int64) (hash string, size int64, mimeType string, err error)
}

// Options are what a Desk is made of.
type Options struct {
	Store    *store.Store
	Channels Channels
	Blobs    Blobs
	Setup    *core.Setup
	Log      hclog.Logger
	// Typing hears that a customer is typing, or has stopped; it must not block. Nil is allowed.
	Typing func(conversation *core.Conversation, stopped bool)
	// CatchUp is how long, after a start, customer-visible timers wait for the channels; 0 means not at all.
	CatchUp time.Duration
	// StopPatience is how long Stop lets sends under way come to their end; 0 gives them up at once.
	StopPatience time.Duration
}

// Desk runs the commands and the work beside them. Make one with New, Start it, Stop it.
type Desk struct {
	store      *store.Store
	channels   Channels
	reconciler Reconciler // nil where the channels cannot be asked
	blobs      Blobs
	log        hclog.Logger
	setup      atomic.Pointer[core.Setup]
	catchUp    time.Duration
	stopping   time.Duration // how long Stop waits for sends
	typing     func(*core.Conversation, bool)

	router     *router
	dispatcher *dispatcher
	fetcher    *fetcher
	timers     *timers
	asker      *asker
	profiles   *profiles
	signals    *signals
	presence   connections
	watch      watch
	tally      *tally
	mover      *mover

	background context.Context
	cancel     context.CancelFunc
	done       sync.WaitGroup
}

// New returns a desk that is not yet running: commands work, nothing is routed or sent until Start.
func New(o Options) *Desk {
	d := &Desk{store: o.Store, channels: o.Channels, blobs: o.Blobs, log: o.Log, catchUp: o.CatchUp, stopping: o.StopPatience, typing: o.Typing}
	if d.log == nil {
		d.log = hclog.NewNullLogger()
	}
	d.reconciler, _ = o.Channels.(Reconciler)
	d.setup.Store(o.Setup)
	if d.typing == nil {
		d.typing = func(*core.Conversation, bool) {}
	}
	d.router = newRouter(d)
	d.dispatcher = newDispatcher(d)
	d.fetcher = newFetcher(d)
	d.timers = newTimers(d)
	d.asker = newAsker(d)
	d.profiles = newProfiles(d)
	d.signals = newSignals(d)
	d.tally = newTally()
	d.mover = newMover(d)
	return d
}

// Setup returns the configuration in force.
func (d *Desk) Setup() *core.Setup { return d.setup.Load() }

// Start begins the work beside the commands: it reads what is unfinished and follows the log from there.
func (d *Desk) Start(ctx context.Context) error {
	ctx, d.cancel = context.WithCancel(context.WithoutCancel(ctx))
	d.background = ctx
	from := d.store.DB().Last()
	if err := errors.Join(d.resumePresence(ctx), d.load(ctx)); err != nil {
		d.cancel()
		return err
	}
	d.run(func() { d.follow(ctx, from) })
	d.run(func() { d.router.run(ctx) })
	d.run(func() { d.dispatcher.run(ctx) })
	d.run(func() { d.fetcher.run(ctx) })
	d.run(func() { d.timers.run(ctx) })
	d.run(func() { d.mover.run(ctx) })
	for range profileLanes {
		d.run(func() { d.profiles.run(ctx) })
	}
	for range signalLanes {
		d.run(func() { d.signals.run(ctx) })
	}
	d.run(func() { d.watch.run(ctx, d) })
	return nil
}

func (d *Desk) run(fn func()) {
	d.done.Add(1)
	go func() {
		defer d.done.Done()
		fn()
	}()
}

// Stop ends the work and waits for it. Sends in flight may end by themselves for a while; those that do not are given up
// and taken up again at the next start.
func (d *Desk) Stop() {
	if d.cancel != nil {
		d.cancel()
	}
	d.done.Wait()
}

// followAgain is how long the desk waits before it follows the log again after it could not.
const followAgain = time.Second

// follow hands the durable log to those who wait for it. When the log cannot be read, everybody reads the records again
// and it goes on from its end.
func (d *Desk) follow(ctx context.Context, from store.Pos) {
	for {
		err := d.hand(ctx, from)
		if ctx.Err() != nil || errors.Is(err, store.ErrClosed) {
			return
		}
		d.log.Error("the event log could not be followed; what is unfinished is read again", "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(followAgain):
		}
		from = d.store.DB().Last()
		if err := d.load(ctx); err != nil {
			d.log.Error("what is unfinished could not be read; it is tried again", "error", err)
		}
	}
}

func (d *Desk) hand(ctx context.Context, from store.Pos) error {
	for event, err := range d.store.Tail(ctx, from) {
		if err != nil {
			return err
		}
		d.dispatch(event)
	}
	return ctx.Err()
}

// load reads what is unfinished.
func (d *Desk) load(ctx context.Context) error {
	for _, load := range []func(context.Context) error{d.router.load, d.dispatcher.load, d.fetcher.load} {
		if err := load(ctx); err != nil {
			return err
		}
	}
	d.timers.signal()
	d.tally.load(ctx, d)
	return nil
}

// Actor is the person on whose behalf a command runs.
type Actor struct {
	Agent string
	Name  string
	Role  core.Role
}

func (a Actor) author() core.Author {
	return core.Author{Kind: core.FromAgent, ID: a.Agent, Name: a.Name}
}

func (a Actor) seesAll() bool { return a.Role == core.Administrator || a.Role == core.Supervisor }

// MaySee reports whether a person may see a conversation: it is theirs, it rings at them, it waits in a queue of
// theirs, or their role sees all.
func (d *Desk) MaySee(a Actor, c *core.Conversation) bool {
	if a.seesAll() {
		return true
	}
	audience := c.Audience()
	for _, agent := range audience.Agents {
		if agent == a.Agent {
			return true
		}
	}
	return audience.Queue != "" && d.isMember(audience.Queue, a.Agent)
}

func (d *Desk) isMember(queue, agent string) bool {
	q, ok := d.Setup().Queues[queue]
	if !ok {
		return false
	}
	for _, m := range q.Members {
		if m == agent {
			return true
		}
	}
	return false
}

// seen reads a conversation that the actor may see; to others it does not exist.
func (d *Desk) seen(tx *store.Tx, a Actor, id core.ID) (*core.Conversation, error) {
	c, err := tx.Conversation(id)
	if err != nil {
		return nil, err
	}
	if !d.MaySee(a, c) {
		return nil, core.Errorf(core.NotFound, "there is no conversation %s", id)
	}
	return c, nil
}

// owned reads a conversation that the actor has, or may act on by role. One that the actor may see and no more comes
// with an error, for commands that accept a repetition.
func (d *Desk) owned(tx *store.Tx, a Actor, id core.ID) (*core.Conversation, error) {
	c, err := d.seen(tx, a, id)
	if err != nil {
		return nil, err
	}
	if c.Assignee == a.Agent || a.seesAll() {
		return c, nil
	}
	remedy := "pick it or wait for the offer first"
	if c.State == core.Waiting {
		remedy = "reopen it first"
	}
	return c, core.Errorf(core.Forbidden, "this conversation is not yours: %s", remedy)
}

// change runs one command on one conversation and returns it as it stands afterwards.
func (d *Desk) change(ctx context.Context, fn func(tx *store.Tx) (*core.Conversation, error)) (*core.Conversation, error) {
	var result *core.Conversation
	err := d.store.Update(ctx, func(tx *store.Tx) error {
		c, err := fn(tx)
		result = c
		return err
	})
	if err != nil {
		return nil, err
	}
	return result, nil
}
