package harness

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/guichet/guichet/plugins/line/linetest"
)

// Desk is a server with its fake LINE and the API clients of its people.
type Desk struct {
	*Server
	Line   *linetest.Platform
	Config Config

	own     string // a folder to remove
	mu      sync.Mutex
	clients map[string]*Client
}

// Options say what kind of desk to open.
type Options struct {
	Binary string
	Dir    string // a temporary one when ""
	Config Config
	Line   linetest.Options
	// Validate checks what is sent to LINE against its API description, where that lies beside the project.
	Validate bool
}

// Open starts a fake LINE and a server that is configured to speak to it, and waits until the server is ready.
func Open(ctx context.Context, o Options) (d *Desk, err error) {
	d = &Desk{Config: o.Config, clients: map[string]*Client{}}
	defer func() {
		if err != nil {
			d.Close()
		}
	}()
	if o.Dir == "" {
		if o.Dir, err = TempDir(); err != nil {
			return nil, err
		}
		d.own = o.Dir
	}
	o.Line.AllowHTTP = true
	if o.Validate && o.Line.SpecDir == "" {
		o.Line.SpecDir = specDir()
	}
	if d.Line, err = linetest.New(o.Line); err != nil {
		return nil, err
	}
	if err = d.Line.Start(); err != nil {
		return nil, err
	}
	if d.Config.Settings == nil {
		d.Config.Settings = d.Line.Settings(false)
	}
	if d.Server, err = NewServer(o.Binary, o.Dir, &d.Config); err != nil {
		return nil, err
	}
	return d, d.Start(ctx)
}

// specDir finds LINE's API descriptions, which lie beside the project where there are any.
func specDir() string {
	dir := filepath.Join(Root(), "..", "shared", "specs", "line")
	if _, err := os.Stat(filepath.Join(dir, "messaging-api.yml")); err != nil {
		return ""
	}
	return dir
}

// Close ends everything and removes what Open made.
func (d *Desk) Close() {
	if d.Server != nil {
		d.Server.Close()
	}
	if d.Line != nil {
		d.Line.Close()
	}
	if d.own != "" {
		_ = os.RemoveAll(d.own) // in the system's temporary folder, which is cleaned anyway
	}
}

// Join gives a configured person a password and an API key, and returns a client. The server must be running.
func (d *Desk) Join(ctx context.Context, id string) (*Client, error) {
	d.mu.Lock()
	c := d.clients[id]
	d.mu.Unlock()
	if c != nil {
		return c, nil
	}
	if _, err := d.Run(ctx, Password+"\n", "user", "add", Email(id), "--password-stdin"); err != nil {
		return nil, err
	}
	key, err := d.Run(ctx, "", "user", "token", Email(id))
	if err != nil {
		return nil, err
	}
	if key = strings.TrimSpace(key); key == "" || strings.ContainsAny(key, " \n") {
		return nil, fmt.Errorf("harness: user token printed %q, not only a key", key)
	}
	c = &Client{Server: d.Server, Key: key, HTTP: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 16}}}
	d.mu.Lock()
	d.clients[id] = c
	d.mu.Unlock()
	return c, nil
}

// JoinAgents joins all agents of the configuration, a few at a time.
func (d *Desk) JoinAgents(ctx context.Context) ([]*Client, error) {
	clients := make([]*Client, d.Config.Agents)
	errs := make([]error, d.Config.Agents)
	slots := make(chan struct{}, 2)
	var wait sync.WaitGroup
	for n := range clients {
		wait.Go(func() {
			slots <- struct{}{}
			defer func() { <-slots }()
			clients[n], errs[n] = d.Join(ctx, AgentID(n+1))
		})
	}
	wait.Wait()
	return clients, errors.Join(errs...)
}

// Post delivers events once and returns the status; 0 with an error when no answer came.
func (d *Desk) Post(ctx context.Context, events ...linetest.Event) (int, error) {
	return d.Line.Post(ctx, d.CallbackURL(), events...)
}
