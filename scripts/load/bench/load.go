package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/guichet/guichet/plugins/line/linetest"
	"github.com/guichet/guichet/scripts/load/harness"
	"github.com/guichet/guichet/scripts/load/rawhttp"
)

const (
	existing    = 5000 // conversations before a load begins
	textBytes   = 200
	connections = 64
	// perSecond is how many requests are made beforehand for each second of a load: more than are ever sent.
	perSecond = 16000
)

// text is 200 bytes, different for each n.
func text(n int) string {
	s := fmt.Sprintf("message %d: ", n)
	return s + strings.Repeat("all work and no play ", textBytes/21+1)[:textBytes-len(s)]
}

// customers adds users to the fake LINE.
func customers(d *harness.Desk, n int) []*linetest.Customer {
	list := make([]*linetest.Customer, n)
	for i := range list {
		list[i] = d.Line.NewCustomer(fmt.Sprintf("Customer %d", i+1))
	}
	return list
}

// signed makes a signed webhook request of events.
func signed(line *linetest.Platform, host string, events ...linetest.Event) []byte {
	body := line.Body(events...)
	return rawhttp.Request("POST", host, "/channels/"+harness.Account+"/callback", body,
		"Content-Type", "application/json; charset=utf-8", "X-Line-Signature", line.Sign(body), "User-Agent", "LineBotWebhook/2.0")
}

// messages makes n signed requests with one text message each, of all customers in turn. Two goroutines share the work.
func messages(line *linetest.Platform, people []*linetest.Customer, host string, n int) [][]byte {
	list := make([][]byte, n)
	var wait sync.WaitGroup
	for part := range 2 {
		wait.Go(func() {
			for i := part; i < n; i += 2 {
				list[i] = signed(line, host, people[i%len(people)].Text(text(i)))
			}
		})
	}
	wait.Wait()
	return list
}

// populate makes one conversation for each customer, in batches as LINE may send them.
func populate(ctx context.Context, d *harness.Desk, people []*linetest.Customer) error {
	const batch = 100
	next := atomic.Int64{}
	var wait sync.WaitGroup
	errs := make([]error, 4)
	for lane := range errs {
		wait.Go(func() {
			for ctx.Err() == nil {
				from := int(next.Add(batch)) - batch
				if from >= len(people) {
					return
				}
				var events []linetest.Event
				for i, c := range people[from:min(from+batch, len(people))] {
					events = append(events, c.Text(text(from+i)))
				}
				if _, err := d.Line.Deliver(ctx, d.CallbackURL(), events...); err != nil {
					errs[lane] = err
					return
				}
			}
		})
	}
	wait.Wait()
	return errors.Join(append(errs, ctx.Err())...)
}

// result is what a load showed.
type result struct {
	answered int
	failed   int // answers other than 200
	length   time.Duration
	sorted   []time.Duration // from the request's first byte out to the answer's last byte in
}

func (r result) perSecond() float64 { return float64(r.answered) / r.length.Seconds() }

// send plays requests over some connections, each sending its next when the last is answered, until they are used up or
// the time is over. Each request is sent at most once.
func send(ctx context.Context, address string, requests [][]byte, connections int, length time.Duration) (result, error) {
	var next, failed atomic.Int64
	times := make([][]time.Duration, connections)
	errs := make([]error, connections)
	conns := make([]*rawhttp.Conn, connections)
	for i := range conns {
		c, err := rawhttp.Dial(address)
		if err != nil {
			return result{}, err
		}
		defer c.Close()
		conns[i] = c
	}
	var wait sync.WaitGroup
	start := time.Now()
	for i, c := range conns {
		wait.Go(func() {
			mine := make([]time.Duration, 0, len(requests)/connections+1)
			began := time.Now()
			for began.Sub(start) < length && ctx.Err() == nil {
				n := next.Add(1) - 1
				if n >= int64(len(requests)) {
					break
				}
				status, _, err := c.Do(requests[n])
				if err != nil {
					errs[i] = err
					break
				}
				if status != 200 {
					failed.Add(1)
				}
				end := time.Now()
				mine = append(mine, end.Sub(began))
				began = end
			}
			times[i] = mine
		})
	}
	wait.Wait()
	r := result{length: time.Since(start), failed: int(failed.Load()), sorted: slices.Concat(times...)}
	slices.Sort(r.sorted)
	r.answered = len(r.sorted) - r.failed
	return r, errors.Join(append(errs, ctx.Err())...)
}
