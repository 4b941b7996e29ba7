package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/scripts/load/harness"
	"github.com/guichet/guichet/scripts/load/rawhttp"
)

const (
	agents = 50
	// burst is how many conversations one run begins; all runs together stay below the agents' capacity.
	burst      = 8000
	offerLimit = 60 * time.Second
)

// newConversations measures how fast messages of new customers become conversations that ring at an agent.
func (b *bench) newConversations(ctx context.Context) error {
	d, err := harness.Open(ctx, harness.Options{
		Binary: b.binary, Config: harness.Config{Agents: agents, People: []harness.Person{harness.Supervisor}},
		Line: linetest.Options{KeepPerUser: -1},
	})
	if err != nil {
		return err
	}
	defer d.Close()
	say("signing in %d agents", agents)
	clients, err := d.JoinAgents(ctx)
	if err != nil {
		return err
	}
	boss, err := d.Join(ctx, harness.Supervisor.ID)
	if err != nil {
		return err
	}
	if err := populate(ctx, d, customers(d, existing)); err != nil {
		return err
	}
	for _, c := range clients {
		if err := c.SetPresence(ctx, "available"); err != nil {
			return err
		}
	}
	offered := existing
	if err := awaitLoad(ctx, boss, offered); err != nil {
		return err
	}
	var rates []float64
	for n := range b.runs {
		requests := messages(d.Line, customers(d, burst), d.Address(), burst)
		began := time.Now()
		r, err := send(ctx, d.Address(), requests, connections, time.Hour)
		if err != nil {
			return err
		}
		if r.failed > 0 {
			return fmt.Errorf("%d webhooks were not answered 200\n%s", r.failed, d.Log(10))
		}
		stored := time.Since(began)
		offered += burst
		if err := awaitLoad(ctx, boss, offered); err != nil {
			return err
		}
		took := time.Since(began)
		rates = append(rates, burst/took.Seconds())
		say("run %d: %d conversations acknowledged after %s, all offered after %s: %.0f/s", n+1, burst, stored.Round(time.Millisecond),
			took.Round(time.Millisecond), rates[n])
	}
	b.table.add(fmt.Sprintf("new conversation per message, %d agents, routed and offered, %d connections", agents, connections),
		fmt.Sprintf("%.0f/s", median(rates)), "–", "≥ 1,500/s", median(rates) >= 1500)
	if b.profile == "" {
		return nil
	}
	requests := messages(d.Line, customers(d, burst), d.Address(), burst)
	return b.profiled(ctx, d.Server, "new", func() error {
		if _, err := send(ctx, d.Address(), requests, connections, time.Hour); err != nil {
			return err
		}
		return awaitLoad(ctx, boss, offered+burst)
	})
}

// awaitLoad waits until the agents together have been given so many conversations.
func awaitLoad(ctx context.Context, boss *harness.Client, n int) error {
	deadline := time.Now().Add(offerLimit)
	for {
		var out harness.Page[struct {
			Load int `json:"load"`
		}]
		if _, err := boss.Do(ctx, http.MethodGet, "/api/v1/agents", nil, &out); err != nil {
			return err
		}
		sum := 0
		for _, a := range out.Items {
			sum += a.Load
		}
		switch {
		case sum >= n:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("only %d of %d conversations were offered within %s", sum, n, offerLimit)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// inbox measures a page of the list of waiting conversations, with few of them and with 50,000.
func (b *bench) inbox(ctx context.Context) error {
	const few, many = 1000, 50000
	d, err := harness.Open(ctx, harness.Options{
		Binary: b.binary, Config: harness.Config{Agents: 1, People: []harness.Person{harness.Supervisor}}, Line: linetest.Options{KeepPerUser: -1},
	})
	if err != nil {
		return err
	}
	defer d.Close()
	agent, err := d.Join(ctx, harness.AgentID(1))
	if err != nil {
		return err
	}
	people := customers(d, many)
	if err := populate(ctx, d, people[:few]); err != nil {
		return err
	}
	small, err := b.page(ctx, d, agent, "")
	if err != nil {
		return err
	}
	say("making %d conversations", many)
	began := time.Now()
	if err := populate(ctx, d, people[few:]); err != nil {
		return err
	}
	say("made in %s", time.Since(began).Round(time.Second))
	first, err := b.page(ctx, d, agent, "")
	if err != nil {
		return err
	}
	cursor, pages := "", 0
	for range 200 {
		page, err := agent.Conversations(ctx, "waiting", cursor)
		if err != nil {
			return err
		}
		if page.Next == "" {
			break
		}
		cursor, pages = page.Next, pages+1
	}
	deep, err := b.page(ctx, d, agent, cursor)
	if err != nil {
		return err
	}
	b.table.add(fmt.Sprintf("inbox page at %d open conversations", many), fmt.Sprintf("p50 %s, p99 %s; page %d: p50 %s",
		ms(quantile(first, 0.5)), ms(quantile(first, 0.99)), pages+1, ms(quantile(deep, 0.5))),
		fmt.Sprintf("at %d: p50 %s", few, ms(quantile(small, 0.5))), "< 5 ms and flat",
		quantile(first, 0.5) < 5*time.Millisecond && quantile(deep, 0.5) < 5*time.Millisecond && quantile(first, 0.5) < 2*quantile(small, 0.5)+time.Millisecond)
	return nil
}

// page times one page, many times over.
func (b *bench) page(ctx context.Context, d *harness.Desk, c *harness.Client, cursor string) ([]time.Duration, error) {
	conn, err := rawhttp.Dial(d.Address())
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	path := "/api/v1/conversations?view=waiting"
	if cursor != "" {
		path += "&cursor=" + url.QueryEscape(cursor)
	}
	request := rawhttp.Request("GET", d.Address(), path, nil, "Authorization", "Bearer "+c.Key)
	var times []time.Duration
	for range 300 {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		began := time.Now()
		status, body, err := conn.Do(request)
		times = append(times, time.Since(began))
		if err != nil || status != 200 {
			return nil, fmt.Errorf("a page was answered %d: %w", status, err)
		}
		if len(times) == 1 {
			var page harness.Page[harness.Conversation]
			if err := json.Unmarshal(body, &page); err != nil || len(page.Items) < 20 || !strings.Contains(string(body), "all work") {
				return nil, fmt.Errorf("a page of %d items does not look right: %w", len(page.Items), err)
			}
			say("a page has %d conversations, %d bytes", len(page.Items), len(body))
		}
	}
	slices.Sort(times)
	return times, nil
}
