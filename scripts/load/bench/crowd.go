package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/guichet/guichet/plugins/webchat/webchattest"
	"github.com/guichet/guichet/scripts/load/harness"
)

// chatConfig adds a web chat to the harness's LINE. The visitors come as through a proxy on this machine, each from an
// address of their own, so that the limits by address hold for them as they do in earnest.
const chatConfig = `
[server]
trusted_proxies = ["127.0.0.1"]

[[account]]
id = "site"
plugin = "webchat"

[[channel]]
id = "site"
account = "site"
workstream = "chat"

[[workstream]]
id = "chat"
fallback_queue = "general"
offer_timeout = "30m"
wrap_up = { block = "none" }
`

// said is one message on its way from one side to the other. Moments are zero until they happen.
type said struct {
	customer bool
	talk     *talk
	began    time.Time       // it was about to be sent
	stored   time.Time       // its author was told that it is durable
	shown    time.Time       // it was first on the other side's socket
	atAgent  map[string]bool // ids under which the agent's socket has told of it
	atPanel  map[string]bool // positions at which the visitor's panel has it
	failed   error
}

// ledger knows every message by its text; texts are unique.
type ledger struct {
	mu     sync.Mutex
	byText map[string]*said
}

func (l *ledger) begin(text string, s *said) {
	s.atAgent, s.atPanel, s.began = map[string]bool{}, map[string]bool{}, time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byText[text] = s
}

func (l *ledger) end(s *said, err error) {
	now := time.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	if s.failed = err; err == nil {
		s.stored = now
	}
}

// atAgent and atPanel note that a message was on a socket.
func (l *ledger) atAgent(text, id string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.byText[text]; s != nil {
		s.atAgent[id] = true
		if s.customer && s.shown.IsZero() {
			s.shown = now
		}
	}
}

func (l *ledger) atPanel(text, position string, now time.Time) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if s := l.byText[text]; s != nil {
		s.atPanel[position] = true
		if !s.customer && s.shown.IsZero() {
			s.shown = now
		}
	}
}

// settled reports how many messages are stored and at both ends.
func (l *ledger) settled() (done, all int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.byText {
		if !s.stored.IsZero() && len(s.atAgent) > 0 && len(s.atPanel) > 0 {
			done++
		}
	}
	return done, len(l.byText)
}

// faults lists messages that are missing or doubled at an end.
func (l *ledger) faults() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	var list []error
	for text, s := range l.byText {
		if s.failed != nil || len(s.atAgent) != 1 || len(s.atPanel) != 1 {
			list = append(list, fmt.Errorf("%.20q of %s is %d times on the agent's socket and %d times in the panel (%w)",
				text, s.talk.conversation, len(s.atAgent), len(s.atPanel), s.failed))
		}
	}
	if len(list) > 10 {
		list = append(list[:10], fmt.Errorf("and %d more", len(list)-10))
	}
	return errors.Join(list...)
}

// times of the customers' messages or of the agents', in no order: from the sending to the author's knowing that it is
// durable, to the other side's socket, and between the two, where a frame that comes first counts as 0.
func (l *ledger) times(customer bool) (stored, whole, after []time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.byText {
		if s.customer == customer && !s.stored.IsZero() && !s.shown.IsZero() {
			stored, whole = append(stored, s.stored.Sub(s.began)), append(whole, s.shown.Sub(s.began))
			after = append(after, max(0, s.shown.Sub(s.stored)))
		}
	}
	return stored, whole, after
}

// forget begins anew.
func (l *ledger) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byText = map[string]*said{}
}

// talk is a visitor with the agent who has the conversation.
type talk struct {
	panel        *webchattest.Panel
	conversation string
	agent        *harness.Client
}

// crowd is everybody who is connected.
type crowd struct {
	desk    *harness.Desk
	ledger  ledger
	panels  []*webchattest.Panel
	talks   []*talk
	said    atomic.Int64 // messages, for unique texts
	welcome atomic.Int64 // greetings of panels, all together
}

// visitor makes the panel of the nth visitor.
func (c *crowd) visitor(n int) *webchattest.Panel {
	return webchattest.New(webchattest.Options{
		BaseURL: c.desk.URL(), Account: "site", Channel: "site", Language: "en", Forgetful: 50,
		Page:   webchattest.Page{URL: "https://shop.example.com/dishes", Title: "Dishes"},
		Header: http.Header{"X-Forwarded-For": {fmt.Sprintf("10.%d.%d.7", n/250, n%250)}},
		OnFrame: func(f webchattest.Frame) {
			now := time.Now()
			switch f.T {
			case "message":
				c.ledger.atPanel(f.Message.Text, f.Message.Position, now)
			case "welcome":
				for _, m := range f.Messages {
					c.ledger.atPanel(m.Text, m.Position, now)
				}
				c.welcome.Add(1)
			}
		},
	})
}

// connect lets all visitors in, so many at a time, and returns how long each took.
func (c *crowd) connect(ctx context.Context) ([]time.Duration, error) {
	times, errs := make([]time.Duration, len(c.panels)), make([]error, len(c.panels))
	slots := make(chan struct{}, connections)
	var wait sync.WaitGroup
	for n, p := range c.panels {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			began := time.Now()
			errs[n] = p.Connect(ctx)
			times[n] = time.Since(began)
		})
	}
	wait.Wait()
	return times, errors.Join(errs...)
}

// watch reads an agent's socket until it ends.
func (c *crowd) watch(ctx context.Context, live *harness.Live) {
	for {
		raw, err := live.Read(ctx)
		if err != nil {
			return
		}
		now := time.Now()
		if !bytes.HasPrefix(raw, []byte(`{"type":"message"`)) {
			continue
		}
		var f harness.Frame
		if json.Unmarshal(raw, &f) == nil && f.Message != nil {
			c.ledger.atAgent(f.Message.Text, f.Message.ID, now)
		}
	}
}

// keep holds a panel connected as the browser's does: after a loss it pauses from half a second on, longer each time, and
// somewhat at random.
func (c *crowd) keep(ctx context.Context, p *webchattest.Panel) {
	for p.AwaitCut(ctx) == nil {
		for most := 500 * time.Millisecond; ; most = min(2*most, 30*time.Second) {
			pause := time.NewTimer(most/2 + rand.N(most/2))
			select {
			case <-ctx.Done():
				pause.Stop()
				return
			case <-pause.C:
			}
			if p.Connect(ctx) == nil {
				break
			}
		}
	}
}

// words makes a text of 200 bytes that was never said before, and a name for it.
func (c *crowd) words() (id, words string) {
	n := int(c.said.Add(1))
	return fmt.Sprintf("load-%d", n), text(n)
}

// ask lets a visitor say something, answer the agent.
func (c *crowd) ask(ctx context.Context, t *talk) {
	id, words := c.words()
	s := &said{customer: true, talk: t}
	c.ledger.begin(words, s)
	c.ledger.end(s, t.panel.SendAs(ctx, id, words))
}

func (c *crowd) answer(ctx context.Context, t *talk) {
	id, words := c.words()
	s := &said{talk: t}
	c.ledger.begin(words, s)
	_, _, err := t.agent.Send(ctx, t.conversation, harness.Draft{ID: id, Text: words})
	c.ledger.end(s, err)
}

// chat has both sides say so many messages a second in turn, everywhere in turn, and returns when the last of them was
// stored. Nobody waits for anybody: when the server is slow there is more under way.
func (c *crowd) chat(ctx context.Context, perSecond int, length time.Duration) {
	tick := time.NewTicker(time.Second / time.Duration(perSecond))
	defer tick.Stop()
	var wait sync.WaitGroup
	defer wait.Wait()
	for n := range perSecond * int(length/time.Second) {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if n%2 == 0 {
			wait.Go(func() { c.ask(ctx, c.talks[n/2%len(c.talks)]) })
		} else {
			wait.Go(func() { c.answer(ctx, c.talks[(n/2+len(c.talks)/2)%len(c.talks)]) })
		}
	}
}

// settle waits until everything is at both ends.
func (c *crowd) settle(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		done, all := c.ledger.settled()
		if done == all {
			return c.ledger.faults()
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("after %s %d of %d messages are at both ends", patience, done, all), c.ledger.faults())
		case <-time.After(20 * time.Millisecond):
		}
	}
}
