package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/scripts/load/harness"
	"github.com/guichet/guichet/scripts/load/rawhttp"
)

// frameLimit is how long a frame may take to come before the measurement fails.
const frameLimit = 10 * time.Second

// socket measures how long after the webhook was answered, which is after the message is durable, the message is on the
// socket of the agent who has the conversation.
func (b *bench) socket(ctx context.Context) error {
	d, err := harness.Open(ctx, harness.Options{
		Binary: b.binary, Config: harness.Config{Agents: 1, AgentCapacity: 1}, Line: linetest.Options{KeepPerUser: -1},
	})
	if err != nil {
		return err
	}
	defer d.Close()
	agent, err := d.Join(ctx, harness.AgentID(1))
	if err != nil {
		return err
	}
	live, err := agent.Live(ctx, 0)
	if err != nil {
		return err
	}
	defer live.Close()
	if err := agent.SetPresence(ctx, "available"); err != nil {
		return err
	}
	customer := d.Line.NewCustomer("Customer")
	if _, err := d.Line.Deliver(ctx, d.CallbackURL(), customer.Text("hello")); err != nil {
		return err
	}
	offer, err := agent.AwaitOffer(ctx)
	if err != nil {
		return err
	}
	if err := agent.Accept(ctx, offer.ID); err != nil {
		return err
	}
	if err := populate(ctx, d, customers(d, existing)); err != nil {
		return err
	}
	seen := make(chan arrival, 4096)
	go func() {
		for {
			frame, err := live.Read(ctx)
			if err != nil {
				close(seen)
				return
			}
			now := time.Now()
			if bytes.HasPrefix(frame, []byte(`{"type":"message"`)) {
				seen <- arrival{frame, now}
			}
		}
	}()
	conn, err := rawhttp.Dial(d.Address())
	if err != nil {
		return err
	}
	defer conn.Close()
	var after50, after99, whole50 []time.Duration
	for range b.runs {
		after, whole, err := b.arrivals(ctx, d, conn, customer, seen)
		if err != nil {
			return err
		}
		after50, after99 = append(after50, quantile(after, 0.5)), append(after99, quantile(after, 0.99))
		whole50 = append(whole50, quantile(whole, 0.5))
		say("on the socket after the answer: p50 %s, p99 %s; from the request's begin: p50 %s, p99 %s",
			ms(quantile(after, 0.5)), ms(quantile(after, 0.99)), ms(quantile(whole, 0.5)), ms(quantile(whole, 0.99)))
	}
	b.table.add("visitor's message on the agent's socket, after fsync", fmt.Sprintf("p50 %s, p99 %s", ms(median(after50)), ms(median(after99))),
		fmt.Sprintf("request's begin to frame: p50 %s", ms(median(whole50))), "p50 < 3 ms, p99 < 10 ms",
		median(after50) < 3*time.Millisecond && median(after99) < 10*time.Millisecond)
	return nil
}

type arrival struct {
	frame []byte
	at    time.Time
}

// arrivals sends messages one after the other, a hundred a second, and times them. A frame that comes before the answer
// counts as 0.
func (b *bench) arrivals(ctx context.Context, d *harness.Desk, conn *rawhttp.Conn, customer *linetest.Customer, seen <-chan arrival) (after, whole []time.Duration, err error) {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for n := range int(b.length/time.Second) * 100 {
		<-tick.C
		mark := fmt.Sprintf("mark %d.%d ", time.Now().UnixNano(), n)
		request := signed(d.Line, d.Address(), customer.Text(mark+text(n)[:textBytes-len(mark)]))
		begin := time.Now()
		status, _, err := conn.Do(request)
		answered := time.Now()
		if err != nil || status != 200 {
			return nil, nil, fmt.Errorf("a webhook was answered %d: %w", status, err)
		}
		for found := false; !found; {
			select {
			case a, ok := <-seen:
				if !ok {
					return nil, nil, errors.New("the socket was closed")
				}
				if found = bytes.Contains(a.frame, []byte(mark)); found {
					after, whole = append(after, max(0, a.at.Sub(answered))), append(whole, a.at.Sub(begin))
				}
			case <-ctx.Done():
				return nil, nil, ctx.Err()
			case <-time.After(frameLimit):
				return nil, nil, fmt.Errorf("a message was not on the socket within %s", frameLimit)
			}
		}
	}
	slices.Sort(after)
	slices.Sort(whole)
	return after, whole, nil
}
