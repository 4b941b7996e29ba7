package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/webchat/webchattest"
)

// chatConfig adds a web chat whose conversations go to the queue that LINE's go to.
const chatConfig = `
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
offer_timeout = "20s"
wrap_up = { block = "none" }
`

// visitor writes numbered messages on the shop's pages, over a WebSocket or polling, and now and then loses the
// connection, opens the page anew, reads, or ends the conversation.
type visitor struct {
	soak    *soak
	name    string
	polling bool
	random  *rand.Rand
	token   string
	said    int
	acked   []string // by the one goroutine that writes

	panel *webchattest.Panel
	leave context.CancelFunc // ends what keeps the panel connected
	here  sync.WaitGroup
}

func (s *soak) newVisitor(n int) *visitor {
	return &visitor{
		soak: s, name: fmt.Sprintf("visitor-%03d", n+1), polling: n%4 == 0, random: random(s.plan.seed, 5000+uint64(n)),
		token: webchattest.NewToken(), leave: func() {},
	}
}

// open opens the page, anew where it is open.
func (v *visitor) open(ctx context.Context) {
	v.close()
	s := v.soak
	v.panel = webchattest.New(webchattest.Options{
		BaseURL: s.desk.URL(), Account: "site", Channel: "site", Token: v.token, Fresh: v.said == 0, Polling: v.polling, Language: "en",
		Page: webchattest.Page{URL: "https://shop.example.com/", Title: v.name},
		OnFrame: func(f webchattest.Frame) {
			for _, m := range append(f.Messages, f.Message) {
				if m.From.Kind == "agent" {
					s.ledger.shown(m.Text, m.Position)
				}
			}
		},
	})
	staying, leave := context.WithCancel(ctx)
	panel := v.panel
	v.leave = leave
	v.here.Go(func() {
		if err := panel.Stay(staying); staying.Err() == nil {
			s.ledger.object(fmt.Errorf("%s was sent away: %w", v.name, err))
		}
	})
}

// close leaves the page.
func (v *visitor) close() {
	v.leave()
	if v.panel != nil {
		v.panel.Close()
	}
	v.here.Wait()
}

// write says n things, one after the other was accepted, at a person's pace.
func (v *visitor) write(ctx context.Context, t *traffic, n int) error {
	for range n {
		select {
		case <-time.After(time.Duration(v.random.IntN(1000)) * time.Millisecond):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		switch {
		case v.panel == nil || v.random.IntN(12) == 0:
			v.open(v.soak.open)
		case v.random.IntN(6) == 0:
			v.panel.Cut()
		case v.random.IntN(6) == 0:
			_ = v.panel.Seen(ctx) // where there is no connection now, another time
		case v.random.IntN(40) == 0:
			_ = v.panel.End(ctx)
		}
		v.said++
		text := fmt.Sprintf("%s #%d", v.name, v.said)
		t.chat.inFlight.Add(1)
		err := v.say(ctx, fmt.Sprintf("m-%d", v.said), text)
		t.chat.inFlight.Add(-1)
		if err != nil {
			return fmt.Errorf("%s: %w", v.name, err)
		}
		v.acked = append(v.acked, text)
		t.chat.done.Add(1)
	}
	return nil
}

// say sends a message until it is accepted; one who is told that it was too much waits as told.
func (v *visitor) say(ctx context.Context, id, text string) error {
	ctx, cancel := context.WithTimeoutCause(ctx, giveUp, fmt.Errorf("the message %q was not accepted within %s", text, giveUp))
	defer cancel()
	for {
		err := v.panel.SendAs(ctx, id, text)
		var refused *webchattest.Refused
		if !errors.As(err, &refused) || refused.Code != "too-many" {
			return err
		}
		select {
		case <-time.After(refused.After):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// look opens the page a last time and returns the whole thread as it is shown there, and the newest conversation.
func (v *visitor) look(ctx context.Context) (thread []string, conversation string, err error) {
	v.open(ctx)
	defer v.close()
	for more := true; more; {
		if err := v.panel.Connect(ctx); err != nil {
			return nil, "", fmt.Errorf("%s looks back: %w", v.name, err)
		}
		if more, err = v.panel.Older(ctx); err != nil {
			return nil, "", fmt.Errorf("%s looks back: %w", v.name, err)
		}
	}
	for _, m := range v.panel.Messages() {
		if m.From.Kind == "customer" || m.From.Kind == "agent" {
			thread = append(thread, m.Text)
		}
	}
	return thread, v.panel.Status().Conversation, nil
}

// lookBack lets all visitors look at their threads, when nothing happens any more.
func (s *soak) lookBack(ctx context.Context) error {
	errs := make([]error, len(s.visitors))
	slots := make(chan struct{}, 16)
	var wait sync.WaitGroup
	for n, v := range s.visitors {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			thread, conversation, err := v.look(ctx)
			if errs[n] = err; err == nil {
				s.ledger.visited(visit{name: v.name, acked: slices.Clone(v.acked), shown: thread, conversation: conversation})
			}
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}
