package desk_test

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/kv/badgerkv"
	"github.com/guichet/guichet/core/store"
)

// onDisk is a desk on the engine that people run, without a bubble.
func onDisk(b testing.TB, change func(*core.Setup)) *house {
	db, err := badgerkv.Open(badgerkv.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	h := &house{t: b, channels: newChannels(), blobs: &blobs{content: map[string][]byte{}}, setup: newSetup(change), db: db}
	h.open()
	h.start()
	b.Cleanup(func() {
		h.stop()
		h.db.Close()
	})
	return h
}

var words = strings.Repeat("a text of the usual length, ", 8)[:200]

func benchEvent(customer, id string) core.Inbound {
	return core.Inbound{
		Account: "shop", Kind: core.InMessage, ID: id, Thread: core.Thread{ID: customer, Kind: "user"},
		Sender:  core.Sender{Name: "Zoe", Identities: []core.SenderIdentity{{IdentityKey: core.IdentityKey{Scope: "shop", Kind: "line-user", Value: customer}}}},
		Message: &core.InboundMessage{ExternalID: "m" + id, Kind: "text", Text: words},
		Reply:   &core.ReplyToken{Token: "0123456789abcdef0123456789abcdef", ReceivedAt: time.Now(), ExpiresAt: time.Now().Add(time.Minute)},
		Raw:     []byte(`{"type":"message","webhookEventId":"` + id + `","message":{"type":"text","text":"` + words + `"}}`),
	}
}

// unique numbers what happens, over all runs of a benchmark.
var unique atomic.Int64

// measured runs a part of a benchmark and reports, beside the rate, the processor time that one operation takes: on a
// busy machine that is the figure to compare.
func measured(b *testing.B, unit string, fn func()) {
	b.Helper()
	cpu := func() time.Duration {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return time.Duration(u.Utime.Nano() + u.Stime.Nano())
	}
	b.ReportAllocs()
	b.ResetTimer()
	before := cpu()
	fn()
	b.StopTimer()
	b.ReportMetric(float64((cpu()-before).Microseconds())/float64(b.N), "cpu-µs/op")
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), unit)
}

// parallel runs fn for 0…n-1 on that many goroutines.
func parallel(goroutines, n int, fn func(i int)) {
	var next atomic.Int64
	var wait sync.WaitGroup
	for range goroutines {
		wait.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= n {
					return
				}
				fn(i)
			}
		})
	}
	wait.Wait()
}

// BenchmarkReceive stores messages of 200 bytes in 5,000 existing conversations, each durable when it returns.
func BenchmarkReceive(b *testing.B) {
	h := onDisk(b, nil)
	receive := func(customer int) {
		id := strconv.FormatInt(unique.Add(1), 10)
		if _, _, err := h.desk.Receive(context.Background(), []core.Inbound{benchEvent(strconv.Itoa(customer), id)}, nil); err != nil {
			b.Error(err)
		}
	}
	parallel(64, 5000, receive)
	for _, goroutines := range []int{1, 64} {
		b.Run(strconv.Itoa(goroutines), func(b *testing.B) {
			measured(b, "messages/s", func() {
				parallel(goroutines, b.N, func(i int) { receive(i * 7919 % 5000) })
			})
		})
	}
}

// BenchmarkRouted begins a conversation per message and waits until each has been offered to one of 50 agents.
func BenchmarkRouted(b *testing.B) {
	h := onDisk(b, func(s *core.Setup) {
		q := &core.Queue{ID: "general"}
		for i := range 50 {
			id := fmt.Sprint("agent-", i)
			s.Agents[id] = &core.Agent{ID: id, Capacity: 1 << 30}
			q.Members = append(q.Members, id)
		}
		s.Queues["general"] = q
		s.Workstreams["social"].OfferTimeout = time.Hour
	})
	for i := range 50 {
		if err := h.desk.Connected(context.Background(), fmt.Sprint("agent-", i)); err != nil {
			b.Fatal(err)
		}
	}
	load := func() (sum int) {
		h.view(func(tx *store.Tx) error {
			list, err := tx.AgentStatuses()
			for _, s := range list {
				sum += s.Load
			}
			return err
		})
		return sum
	}
	before := load()
	measured(b, "conversations/s", func() {
		parallel(64, b.N, func(int) {
			id := strconv.FormatInt(unique.Add(1), 10)
			if _, _, err := h.desk.Receive(context.Background(), []core.Inbound{benchEvent(id, id)}, nil); err != nil {
				b.Error(err)
			}
		})
		for load()-before < b.N {
			time.Sleep(time.Millisecond)
		}
	})
}

// BenchmarkReply stores agents' messages and sends them, in 64 conversations.
func BenchmarkReply(b *testing.B) {
	h := onDisk(b, nil)
	var list []*core.Conversation
	for i := range 64 {
		id := strconv.FormatInt(unique.Add(1), 10)
		if _, _, err := h.desk.Receive(context.Background(), []core.Inbound{benchEvent(strconv.Itoa(i), id)}, nil); err != nil {
			b.Fatal(err)
		}
		c, err := h.desk.Pick(context.Background(), supervisor(), h.ongoing(strconv.Itoa(i)).ID)
		if err != nil {
			b.Fatal(err)
		}
		list = append(list, c)
	}
	var sent atomic.Int64
	h.channels.answer(func(_ context.Context, out *core.Outgoing) core.Outcome {
		sent.Add(1)
		return accepted(out)
	})
	h.channels.forget = true
	measured(b, "messages/s", func() {
		parallel(64, b.N, func(i int) {
			id := strconv.FormatInt(unique.Add(1), 10)
			if _, _, err := h.desk.Reply(context.Background(), supervisor(), list[i%64].ID, desk.NewMessage{ID: id, Text: words}); err != nil {
				b.Error(err)
			}
		})
		for sent.Load() < int64(b.N) {
			time.Sleep(time.Millisecond)
		}
	})
}
