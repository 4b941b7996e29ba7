package badgerkv

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/guichet/guichet/core/kv"
)

// request is one Update that waits for the committer.
type request struct {
	ctx   context.Context
	fn    func(kv.Tx) error
	state atomic.Int32
	done  chan error // receives the outcome, once; capacity 1

	err error // the outcome, until the batch is durable
}

// States of a request. Whoever moves it away from waiting decides whether its closure runs.
const (
	waiting = iota
	started
	cancelled
)

var requests = sync.Pool{New: func() any { return &request{done: make(chan error, 1)} }}

// lanes holds the waiting requests: ordinary ones, and low ones for work that can wait.
type lanes struct {
	mu       sync.Mutex
	ordinary fifo
	low      fifo
	closed   bool
	wake     chan struct{} // capacity 1: there may be something to take
}

func newLanes() *lanes { return &lanes{wake: make(chan struct{}, 1)} }

// push adds r; it reports false after close.
func (l *lanes) push(r *request, low bool) bool {
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return false
	}
	if low {
		l.low.push(r)
	} else {
		l.ordinary.push(r)
	}
	l.mu.Unlock()
	l.rouse()
	return true
}

func (l *lanes) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// take returns the next ordinary request, or nil.
func (l *lanes) take() *request {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ordinary.pop()
}

// takeLow returns the next low request, or nil. Unless due, it returns one only while no ordinary request waits.
func (l *lanes) takeLow(due bool) *request {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !due && l.ordinary.len() > 0 {
		return nil
	}
	return l.low.pop()
}

// waiting returns how many requests wait in each lane, and whether the lanes are closed.
func (l *lanes) waiting() (ordinary, low int, closed bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.ordinary.len(), l.low.len(), l.closed
}

func (l *lanes) close() {
	l.mu.Lock()
	l.closed = true
	l.mu.Unlock()
	l.rouse()
}

// fifo is a queue that uses its memory again.
type fifo struct {
	items []*request
	head  int
}

func (q *fifo) len() int { return len(q.items) - q.head }

func (q *fifo) push(r *request) {
	if q.head > 0 && len(q.items) == cap(q.items) {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, r)
}

func (q *fifo) pop() *request {
	if q.head == len(q.items) {
		return nil
	}
	r := q.items[q.head]
	q.items[q.head] = nil
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return r
}
