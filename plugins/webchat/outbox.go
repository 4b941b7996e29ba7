package webchat

import (
	"context"
	"sync"
)

// outbox is what waits to be written to one connection. What the visit tells is held back until the welcome has gone
// before it.
type outbox struct {
	mu     sync.Mutex
	ready  chan struct{}
	queue  [][]byte
	held   [][]byte // told before the welcome
	bytes  int
	open   bool // the welcome has been put
	full   bool // the browser reads too slowly: it is to come again
	ending bool // nothing is taken any more
}

func newOutbox() *outbox { return &outbox{ready: make(chan struct{}, 1)} }

// put adds an answer to this connection.
func (o *outbox) put(raw []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.add(&o.queue, raw)
}

// tell adds what all connections of the visitor are told.
func (o *outbox) tell(raw []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open {
		o.add(&o.queue, raw)
		return
	}
	o.add(&o.held, raw)
}

// welcome adds the welcome and what belongs to it, and after that all that was held back.
func (o *outbox) welcome(frames ...[]byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, raw := range frames {
		o.add(&o.queue, raw)
	}
	o.open = true
	o.queue = append(o.queue, o.held...)
	o.held = nil
	o.signal()
}

// last adds the bye, after which nothing follows.
func (o *outbox) last(raw []byte) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ending {
		return
	}
	if raw != nil {
		o.queue = append(o.queue, raw)
	}
	o.ending = true
	o.signal()
}

// add keeps a frame unless that is too much for one connection. The caller holds mu.
func (o *outbox) add(to *[][]byte, raw []byte) {
	if o.ending || o.full {
		return
	}
	if len(o.queue)+len(o.held) >= maxQueuedFrames || o.bytes+len(raw) > maxQueuedBytes {
		o.full = true
		o.signal()
		return
	}
	o.bytes += len(raw)
	*to = append(*to, raw)
	o.signal()
}

func (o *outbox) signal() {
	select {
	case o.ready <- struct{}{}:
	default:
	}
}

// next waits for frames to write. After the last one, or when the browser is too slow, more is false.
func (o *outbox) next(ctx context.Context) (batch [][]byte, more bool) {
	for {
		o.mu.Lock()
		batch := o.queue
		o.queue = nil
		for _, raw := range batch {
			o.bytes -= len(raw)
		}
		ending, full := o.ending, o.full
		o.mu.Unlock()
		switch {
		case full:
			return nil, false
		case ending:
			return batch, false
		case len(batch) > 0:
			return batch, true
		}
		select {
		case <-o.ready:
		case <-ctx.Done():
			return nil, false
		}
	}
}

func (o *outbox) isFull() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.full
}
