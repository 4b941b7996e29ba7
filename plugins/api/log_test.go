package api

import (
	"context"
	"encoding/json"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/plugins/sdk"
)

// shelf is the state of an account; nothing else of a host is there.
type shelf struct {
	sdk.Host
	mu     sync.Mutex
	values map[string][]byte
}

func newShelf() *shelf { return &shelf{values: map[string][]byte{}} }

func (s *shelf) GetState(_ context.Context, key string) ([]byte, uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if v, ok := s.values[key]; ok {
		return v, 1, nil
	}
	return nil, 0, sdk.ErrStateAbsent
}

func (s *shelf) SetState(_ context.Context, key string, value []byte) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.values[key] = value
	return 1, nil
}

func (s *shelf) CompareAndSetState(_ context.Context, key string, value []byte, _ uint64) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, taken := s.values[key]; taken {
		return 0, sdk.ErrStateChanged
	}
	s.values[key] = value
	return 1, nil
}

func (s *shelf) DeleteState(_ context.Context, key string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.values, key)
	return nil
}

func (s *shelf) ListState(context.Context, string) ([]string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for key := range s.values {
		keys = append(keys, key)
	}
	return keys, nil
}

func sample(id string, at time.Time) *record {
	return &record{Delivery: delivery{ID: id, Type: typeMessage}, State: stateWaiting, CreatedAt: at}
}

func seqs(l *deliveryLog) []uint64 {
	var list []uint64
	entries, _ := l.choose(0, false, func(*entry) bool { return true })
	for _, e := range entries {
		list = append(list, e.seq)
	}
	return list
}

// TestTwoProcessesWriteOneLog: as during an upgrade. Every record has a number of its own, none is left out, and both see
// all of them.
func TestTwoProcessesWriteOneLog(t *testing.T) {
	const each = 40
	host, clock := newShelf(), newClock()
	former, next := newDeliveryLog(host, clock.Now), newDeliveryLog(host, clock.Now)
	var wait sync.WaitGroup
	for n, log := range []*deliveryLog{former, next} {
		wait.Go(func() {
			for i := range each {
				if _, err := log.add(t.Context(), sample(fmt.Sprintf("%d-%d", n, i), clock.Now())); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wait.Wait()
	var want []uint64
	for i := range 2 * each {
		want = append(want, uint64(i+1)) //nolint:gosec // a count
	}
	for name, log := range map[string]*deliveryLog{"former": former, "next": next, "a later one": newDeliveryLog(host, clock.Now)} {
		if err := log.ready(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := log.follow(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, seqs(log)); diff != "" {
			t.Errorf("%s: -want +has\n%s", name, diff)
		}
	}
}

// TestOldDeliveriesGo: after seven days, but never the newest, from which the numbers go on.
func TestOldDeliveriesGo(t *testing.T) {
	host, clock := newShelf(), newClock()
	log := newDeliveryLog(host, clock.Now)
	add := func(id string) {
		t.Helper()
		if _, err := log.add(t.Context(), sample(id, clock.Now())); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 5 {
		add(strconv.Itoa(i))
	}
	clock.advance(8 * 24 * time.Hour)
	for i := range 4 {
		add("new " + strconv.Itoa(i))
	}
	if diff := cmp.Diff([]uint64{6, 7, 8, 9}, seqs(log)); diff != "" || len(host.values) != 4 {
		t.Errorf("%d values are kept; -want +kept\n%s", len(host.values), diff)
	}
	clock.advance(80 * 24 * time.Hour)
	log = newDeliveryLog(host, clock.Now)
	add("last")
	if list := seqs(log); list[len(list)-1] != 10 {
		t.Errorf("the next number is %v", list)
	}
	if _, known := log.find("0"); known {
		t.Error("what has gone is still known")
	}
}

// TestTheLogHasAnEnd: more than are kept are not.
func TestTheLogHasAnEnd(t *testing.T) {
	host, clock := newShelf(), newClock()
	log := newDeliveryLog(host, clock.Now)
	for i := range maxKept + 10 {
		if _, err := log.add(t.Context(), sample(strconv.Itoa(i), clock.Now())); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(host.values); n != maxKept {
		t.Errorf("%d are kept, want %d", n, maxKept)
	}
}

// TestTheLongestTextIsKept: the host sends at most 30,000 bytes of text, and a value holds 32 KiB.
func TestTheLongestTextIsKept(t *testing.T) {
	random := make([]byte, 0, 30_000)
	for x := uint32(1); len(random) < 30_000; {
		x = x*1664525 + 1013904223
		random = append(random, byte(' '+(x>>16)%95))
	}
	r := sample("m", time.Now())
	r.Delivery.Message = &outgoing{Text: string(random)}
	raw, err := r.encode()
	if err != nil {
		t.Fatal(err)
	}
	back, err := decodeRecord(raw)
	if err != nil || back.Delivery.Message.Text != string(random) {
		t.Errorf("it did not come back: %v", err)
	}
	whole, _ := json.Marshal(r) //nolint:errchkjson // it has a JSON form
	t.Logf("%d bytes are kept as %d", len(whole), len(raw))
}

// TestWhatWaitsIsNotDropped: where too much waits to be fetched, the host is asked to keep its messages.
func TestWhatWaitsIsNotDropped(t *testing.T) {
	host, clock := newShelf(), newClock()
	c := &channel{host: host, kept: newDeliveryLog(host, clock.Now)}
	c.account.Clock = clock.Now
	for i := range maxKept {
		if _, err := c.leave(t.Context(), sample(strconv.Itoa(i), clock.Now())); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.leave(t.Context(), sample("one more", clock.Now())); err == nil {
		t.Fatal("one more was taken")
	}
	if _, err := host.SetState(t.Context(), fetchedKey, []byte("1")); err != nil { // the first was fetched
		t.Fatal(err)
	}
	if _, err := c.leave(t.Context(), sample("one more", clock.Now())); err != nil {
		t.Fatal(err)
	}
	if _, err := c.leave(t.Context(), sample("another", clock.Now())); err == nil {
		t.Error("what waits was dropped")
	}
}

// TestWhatAnotherProcessDelivered is not delivered again, nor looked at for ever.
func TestWhatAnotherProcessDelivered(t *testing.T) {
	host, clock := newShelf(), newClock()
	p := newProgram(t)
	c := &channel{host: host, kept: newDeliveryLog(host, clock.Now)}
	c.account.Clock = clock.Now
	var err error
	if c.receiver, err = newReceiver(Settings{WebhookURL: p.URL, WebhookSecret: testSecret}, true, clock.Now); err != nil {
		t.Fatal(err)
	}
	defer c.receiver.close()
	for _, id := range []string{"delivered", "gone"} {
		r := sample(id, clock.Now())
		r.State, r.Own = statePending, true
		if _, err := c.kept.add(t.Context(), r); err != nil {
			t.Fatal(err)
		}
	}
	other := newDeliveryLog(host, clock.Now)
	if err := other.change(t.Context(), 1, func(r *record) { r.State = stateDelivered }); err != nil {
		t.Fatal(err)
	}
	_ = host.DeleteState(t.Context(), logKey(2)) // never fails
	c.deliver(t.Context(), 1)
	c.deliver(t.Context(), 2)
	due, _ := c.kept.choose(0, false, func(e *entry) bool { return e.state == statePending })
	if len(due) != 0 || len(p.came()) != 0 {
		t.Errorf("%d are due, and %d were delivered", len(due), len(p.came()))
	}
}
