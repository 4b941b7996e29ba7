package sdktest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// feed is a provider in memory: events are numbered, those before what is asked for are forgotten (unless it keeps them),
// and one address may be registered.
type feed struct {
	keeps   bool
	mu      sync.Mutex
	last    int
	first   int // the oldest that is not forgotten
	asked   int
	changed chan struct{}
	closed  bool // nobody waits for events any more
	address string
}

func newFeed() *feed { return &feed{first: 1, changed: make(chan struct{})} }

func (f *feed) put(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.last += n
	close(f.changed)
	f.changed = make(chan struct{})
}

// end lets those who wait go, whoever asks again too: a client may repeat what a broken connection cut off.
func (f *feed) end() {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.put(0)
}

func (f *feed) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.asked
}

func (f *feed) registered() string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.address
}

// after waits for events behind one, which it forgets together with those before it.
func (f *feed) after(ctx context.Context, number int) (events []int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked++
	if !f.keeps {
		f.first = max(f.first, number+1)
	}
	from := max(f.first, number+1)
	for f.last < from {
		if f.closed {
			return nil, errors.New("the provider has closed")
		}
		changed := f.changed
		f.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
		}
		f.mu.Lock()
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
	}
	for n := from; n <= f.last; n++ {
		events = append(events, n)
	}
	return events, nil
}

// ServeHTTP is how a plugin, perhaps in another process, asks for events behind one, and registers its address.
func (f *feed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path { // what a test asks, where the feed is in another process
	case "/put":
		n, _ := strconv.Atoi(r.URL.Query().Get("n"))
		f.put(n)
		return
	case "/asked":
		_, _ = fmt.Fprintln(w, f.count())
		return
	case "/registered":
		_, _ = fmt.Fprintln(w, f.registered())
		return
	}
	if r.URL.Path == "/address" {
		f.mu.Lock()
		defer f.mu.Unlock()
		if r.Method == http.MethodPut {
			f.address = r.URL.Query().Get("is")
		}
		_ = json.NewEncoder(w).Encode(f.address) // as below
		return
	}
	number, _ := strconv.Atoi(r.URL.Query().Get("after"))
	if events, err := f.after(r.Context(), number); err == nil {
		_ = json.NewEncoder(w).Encode(events) // who has gone needs no answer
	}
}

// ask asks a feed for events behind one.
func ask(ctx context.Context, feed string, after int) (events []int, err error) {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, feed+"?after="+strconv.Itoa(after), nil)
	if err != nil {
		return nil, err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return nil, err
	}
	err = json.NewDecoder(answer.Body).Decode(&events)
	return events, errors.Join(err, answer.Body.Close())
}

// address registers an address at a feed, or asks for it with "?".
func address(ctx context.Context, feed, is string) (registered string, err error) {
	method := http.MethodPut
	if is == "?" {
		method = http.MethodGet
	}
	r, err := http.NewRequestWithContext(ctx, method, feed+"/address?is="+url.QueryEscape(is), nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	err = json.NewDecoder(answer.Body).Decode(&registered)
	return registered, errors.Join(err, answer.Body.Close())
}

// puller is a channel on a feed; broken names the rule that it breaks.
type puller struct {
	url     string // of the feed
	account sdk.Account
	broken  string
}

func (p *puller) Send(context.Context, *sdk.Outgoing) (sdk.Receipt, error) { return sdk.Receipt{}, nil }

func (p *puller) Pull(ctx context.Context, cursor []byte, emit sdk.Emit) error {
	at, _ := strconv.Atoi(string(cursor))
	if p.broken == "pull forgets the cursor" {
		at = 0
	}
	told := ctx
	if p.broken == "pull is deaf" {
		ctx = context.WithoutCancel(ctx)
	}
	if err := emit(told, nil); err != nil {
		return err
	}
	for {
		numbers, err := ask(ctx, p.url, at)
		if err != nil {
			return err
		}
		var events []sdk.Event
		for _, n := range numbers {
			events = append(events, sdk.Event{ID: strconv.Itoa(n), Message: &sdk.Message{Text: "hello"}})
		}
		at = numbers[len(numbers)-1]
		reached := []byte(strconv.Itoa(at))
		switch p.broken {
		case "pull is early":
			early, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
			_, _ = ask(early, p.url, at) // the provider forgets
			cancel()
		case "pull asks meanwhile":
			time.AfterFunc(50*time.Millisecond, func() { _, _ = ask(ctx, p.url, at) })
		case "pull stores the cursor first":
			if err := emit(ctx, reached); err != nil {
				return err
			}
		case "pull stores no cursor":
			reached = nil
		}
		if err := emit(ctx, reached, events...); err != nil {
			return err
		}
	}
}

func (p *puller) Register(ctx context.Context) error {
	there, err := address(ctx, p.url, "?")
	if err != nil {
		return err
	}
	if p.broken == "register twice" && there != "" {
		return errors.New("there is one already")
	}
	ours := p.account.PublicURL + "/in"
	if p.broken == "register elsewhere" {
		ours = "https://elsewhere.example.com"
	}
	_, err = address(ctx, p.url, ours)
	return err
}

func (p *puller) Unregister(ctx context.Context) error {
	if p.broken == "does not unregister" {
		return nil
	}
	_, err := address(ctx, p.url, "")
	return err
}

func (p *puller) CheckSubscription(ctx context.Context) (sdk.Subscription, error) {
	there, err := address(ctx, p.url, "?")
	if err != nil {
		return sdk.Subscription{}, err
	}
	missing := there == ""
	if p.broken == "check registers" {
		if err := p.Register(ctx); err != nil {
			return sdk.Subscription{}, err
		}
	}
	state := sdk.Passed
	if missing {
		state = sdk.Failed
	}
	return sdk.Subscription{Register: missing, Checks: []sdk.Check{{Name: "address", Title: "Address", State: state}}}, nil
}

func (p *puller) ListTemplates(context.Context) ([]sdk.MessageTemplate, error) {
	list := []sdk.MessageTemplate{
		{Name: "order", Language: "fr", Status: sdk.TemplateApproved, Text: "Bonjour {{name}}", Placeholders: []string{"name"}},
		{Name: "order", Language: "en", Status: sdk.TemplatePending},
	}
	switch p.broken {
	case "template twice":
		list[1].Language = "fr"
	case "template placeholder":
		list[0].Placeholders = nil
	}
	return list, nil
}

type feedSettings struct {
	URL string `setting:"url"`
}

// pulling is a plugin that does all of this.
func pulling(broken string) sdk.Plugin[feedSettings] {
	return sdk.Plugin[feedSettings]{
		Manifest: sdk.Manifest{
			ID: "pulls", Name: "Pulls", Version: "1", Services: sdk.Services{Pull: true, Registration: true, Templates: true},
		},
		Open: func(_ context.Context, a sdk.Account, s feedSettings) (sdk.Channel, error) {
			return &puller{url: s.URL, account: a, broken: broken}, nil
		},
	}
}

// pulls is that plugin and the options that prove it.
func pulls(t *testing.T, broken string) (sdk.Plugin[feedSettings], []Option) {
	f := newFeed()
	f.keeps = broken == "pull forgets the cursor"
	server := httptest.NewServer(f)
	t.Cleanup(func() {
		f.end()
		server.CloseClientConnections() // of plugins that were killed
		server.Close()
	})
	settings := map[string]any{"url": server.URL}
	return pulling(broken), []Option{
		Pulls(Source{Settings: settings, Put: f.put, Asked: f.count}), Registers(Registry{Settings: settings, Address: f.registered}), Catalogue(settings),
	}
}

func TestGoodPullingPluginPasses(t *testing.T) {
	p, options := pulls(t, "")
	Run(t, p, options...)
}
