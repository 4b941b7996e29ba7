package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/plugins/webchat/webchattest"
	"github.com/guichet/guichet/scripts/load/harness"
)

const (
	visitors     = 2000 // with an open panel
	talking      = 500  // of them, ten with each agent
	inLine       = 100  // of them, waiting because all agents are full; the others have said nothing yet
	perAgent     = talking / agents
	chatRate     = 50 // messages a second, of visitors and agents in turn
	chatLasts    = 12 // times as long as another load's run: a minute
	settleWithin = time.Minute
)

// visitors measures the web chat with many open panels: how long messages take in both directions, what the processes
// need, and what happens when the plugin dies with all of them connected.
func (b *bench) visitors(ctx context.Context) error {
	d, err := harness.Open(ctx, harness.Options{
		Binary: b.binary, Line: linetest.Options{KeepPerUser: -1},
		Config: harness.Config{Agents: agents, AgentCapacity: perAgent, People: []harness.Person{harness.Supervisor}, More: chatConfig},
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
	if err := b.idleAgain(ctx, d, "memory, idle, two plugins, before the visitors", 90e6); err != nil {
		return err
	}
	life, stop := context.WithCancel(ctx)
	defer stop()
	c := &crowd{desk: d, ledger: ledger{byText: map[string]*said{}}}
	for n := range visitors {
		c.panels = append(c.panels, c.visitor(n))
	}
	defer func() {
		stop()
		for _, p := range c.panels {
			p.Close()
		}
	}()
	for _, client := range clients {
		live, err := client.Live(ctx, 0)
		if err != nil {
			return err
		}
		defer live.Close()
		go c.watch(life, live)
	}
	began := time.Now()
	each, err := c.connect(ctx)
	if err != nil {
		return fmt.Errorf("connect: %w", err)
	}
	slices.Sort(each)
	took := time.Since(began)
	b.table.add(fmt.Sprintf("%d visitors connect, %d at a time", visitors, connections), took.Round(time.Millisecond).String(),
		fmt.Sprintf("%.0f/s, each p50 %s, p99 %s", visitors/took.Seconds(), ms(quantile(each, 0.5)), ms(quantile(each, 0.99))), "", true)
	time.Sleep(5 * time.Second) // what the connecting needed is given back by the runtime meanwhile
	if err := b.memory(ctx, d, fmt.Sprintf("memory with %d visitors connected", visitors), "visitors", 200e6); err != nil {
		return err
	}
	if err := c.begin(ctx, clients, boss); err != nil {
		return err
	}
	for _, p := range c.panels {
		go c.keep(life, p)
	}
	if err := b.chatting(ctx, c); err != nil {
		return err
	}
	return b.storm(ctx, c, boss)
}

// idleAgain restarts the server and notes its memory when it has come to rest.
func (b *bench) idleAgain(ctx context.Context, d *harness.Desk, what string, budget int64) error {
	if err := d.Stop(); err != nil {
		return err
	}
	if err := d.Start(ctx); err != nil {
		return err
	}
	time.Sleep(5 * time.Second) // what the start needs is given back by the runtime meanwhile
	return b.memory(ctx, d, what, "idle-two", budget)
}

// begin has the first visitors say their first words, and the agents accept as many as they can.
func (c *crowd) begin(ctx context.Context, clients []*harness.Client, boss *harness.Client) error {
	for _, client := range clients {
		if err := client.SetPresence(ctx, "available"); err != nil {
			return err
		}
	}
	say("%d visitors begin a conversation", talking+inLine)
	if err := c.greet(ctx, c.panels[:talking]); err != nil {
		return err
	}
	if err := awaitLoad(ctx, boss, talking); err != nil {
		return err
	}
	byConversation := map[string]*harness.Client{}
	for _, client := range clients {
		for {
			offers, err := client.Offers(ctx)
			if err != nil {
				return err
			}
			if len(offers) == 0 {
				break
			}
			for _, o := range offers {
				if err := client.Accept(ctx, o.ID); err != nil {
					return err
				}
				byConversation[o.Conversation] = client
			}
		}
	}
	for _, p := range c.panels[:talking] {
		if err := p.AwaitState(ctx, "active"); err != nil {
			return err
		}
		id := p.Status().Conversation
		if byConversation[id] == nil {
			return fmt.Errorf("nobody has accepted conversation %s", id)
		}
		c.talks = append(c.talks, &talk{panel: p, conversation: id, agent: byConversation[id]})
	}
	return c.greet(ctx, c.panels[talking:talking+inLine])
}

// greet lets panels say something, a few at a time.
func (c *crowd) greet(ctx context.Context, panels []*webchattest.Panel) error {
	errs := make([]error, len(panels))
	slots := make(chan struct{}, 16)
	var wait sync.WaitGroup
	for n, p := range panels {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			id, words := c.words()
			errs[n] = p.SendAs(ctx, id, words)
		})
	}
	wait.Wait()
	return errors.Join(errs...)
}

// chatting measures messages in both directions.
func (b *bench) chatting(ctx context.Context, c *crowd) error {
	c.chat(ctx, chatRate, time.Second) // a connection of each agent is opened, code is paged in
	if err := c.settle(ctx, settleWithin); err != nil {
		return err
	}
	c.ledger.forget()
	length := chatLasts * b.length
	say("%d messages a second for %s", chatRate, length)
	before, err := c.desk.CPU()
	if err != nil {
		return err
	}
	began := time.Now()
	c.chat(ctx, chatRate, length)
	if err := c.settle(ctx, settleWithin); err != nil {
		return err
	}
	after, err := c.desk.CPU()
	if err != nil {
		return err
	}
	cores := (after - before).Seconds() / time.Since(began).Seconds()
	shown := func(list []time.Duration) string {
		slices.Sort(list)
		return fmt.Sprintf("p50 %s, p99 %s", ms(quantile(list, 0.5)), ms(quantile(list, 0.99)))
	}
	stored, whole, later := c.ledger.times(true)
	b.table.add(fmt.Sprintf("visitor's message accepted (durable), %d visitors connected, %d messages/s, %d in conversation with %d agents", visitors, chatRate, talking, agents),
		shown(stored), fmt.Sprintf("%d messages", len(stored)), "", true)
	wholeText, laterText := shown(whole), shown(later)
	b.table.add("the same on the agent's socket, from the visitor's sending", wholeText, "from `accepted`: "+laterText,
		"p50 < 3 ms, p99 < 10 ms after fsync", quantile(later, 0.5) < 3*time.Millisecond && quantile(later, 0.99) < 10*time.Millisecond)
	stored, whole, later = c.ledger.times(false)
	storedText := shown(stored)
	b.table.add("agent's reply on the visitor's socket, from the request's begin", shown(whole),
		fmt.Sprintf("answered: %s; from the answer: %s", storedText, shown(later)), "p50 < 5 ms", quantile(whole, 0.5) < 5*time.Millisecond)
	b.table.add("CPU of all processes meanwhile", fmt.Sprintf("%.2f cores", cores), "–", "", true)
	if err := b.memory(ctx, c.desk, "memory after that", "visitors-after", 200e6); err != nil {
		return err
	}
	if b.profile == "" {
		return nil
	}
	return b.profiled(ctx, c.desk.Server, "visitors", func() error {
		c.chat(ctx, chatRate, b.length)
		return c.settle(ctx, settleWithin)
	})
}

// storm kills the plugin under load and waits until everybody is back.
func (b *bench) storm(ctx context.Context, c *crowd, boss *harness.Client) error {
	c.ledger.forget()
	say("the plugin is killed with %d visitors connected", visitors)
	over := make(chan struct{})
	go func() {
		defer close(over)
		c.chat(ctx, chatRate, 2*b.length)
	}()
	time.Sleep(time.Second) // some are on their way when it happens
	welcomes := c.welcome.Load()
	began := time.Now()
	if err := c.desk.KillPluginNamed("webchat"); err != nil {
		return err
	}
	var first, half time.Duration
	for back := int64(0); back < visitors; {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(2 * time.Millisecond):
		}
		back = c.welcome.Load() - welcomes
		if first == 0 && back > 0 {
			first = time.Since(began)
		}
		if half == 0 && back >= visitors/2 {
			half = time.Since(began)
		}
		if time.Since(began) > settleWithin {
			return fmt.Errorf("%s after the plugin was killed %d of %d visitors are back\n%s", settleWithin, back, visitors, c.desk.Log(20))
		}
	}
	all := time.Since(began)
	<-over
	if err := c.settle(ctx, settleWithin); err != nil {
		return err
	}
	n, err := c.storedOnce(ctx, boss)
	if err != nil {
		return err
	}
	b.table.add("the plugin is killed: until all visitors are back", all.Round(time.Millisecond).String(),
		fmt.Sprintf("the first %s, half of them %s; panels pause 250 to 500 ms first, then longer", first.Round(time.Millisecond),
			half.Round(time.Millisecond)), "", true)
	b.table.add(fmt.Sprintf("messages sent meanwhile, %d a second", chatRate), fmt.Sprintf("%d, each exactly once at both ends and in the store", n),
		"–", "none lost or doubled", true)
	return b.memory(ctx, c.desk, "memory after the storm", "visitors-storm", 200e6)
}

// storedOnce fails unless the store holds each message of the ledger once.
func (c *crowd) storedOnce(ctx context.Context, boss *harness.Client) (n int, err error) {
	count := map[string]int{}
	for _, t := range c.talks {
		list, err := boss.Messages(ctx, t.conversation, 0)
		if err != nil {
			return 0, err
		}
		for _, m := range list {
			count[m.Text]++
		}
	}
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	for text := range c.ledger.byText {
		if count[text] != 1 {
			err = errors.Join(err, fmt.Errorf("%.20q is stored %d times", text, count[text]))
		}
	}
	return len(c.ledger.byText), err
}
