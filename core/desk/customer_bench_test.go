package desk_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
)

// BenchmarkCustomerWatch is a message from its arrival until its customer's watch is told, with 5,000 others watching.
func BenchmarkCustomerWatch(b *testing.B) {
	h := onDisk(b, nil)
	c := desk.NewCustomers(h.desk)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); c.Run(ctx) }()
	defer func() { cancel(); <-done }()

	const customers = 5000
	began := make(chan struct{}, customers)
	start := time.Now()
	for i := range customers {
		c.Watch("shop", user(fmt.Sprint("c", i)), "", func(core.ThreadChange) {
			select {
			case began <- struct{}{}:
			default:
			}
		})
	}
	for range customers {
		<-began
	}
	b.ReportMetric(float64(time.Since(start).Microseconds())/customers, "µs/start")
	told := make(chan struct{}, 16)
	c.Watch("shop", user("zoe"), "", func(change core.ThreadChange) {
		if change.Message != nil {
			told <- struct{}{}
		}
	})
	n := 0
	for b.Loop() {
		n++
		_, _, err := h.desk.Receive(ctx, []core.Inbound{benchEvent("zoe", fmt.Sprint(n))}, nil)
		h.ok(err)
		<-told
	}
}
