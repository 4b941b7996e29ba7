package webchat

import "sync"

// outbox is what waits to be written to one connection. What the visit tells is held back until the welcome has gone
// before it. It writes by itself, in order, with a goroutine that lives only while there is something to write: of
// thousands of connections hardly any has.
type outbox struct {
	write  func(raw []byte) error
	failed func()        // a write failed, or the browser is too slow
	done   chan struct{} // closed when nothing will be written any more

	mu      sync.Mutex
	writing bool // the goroutine runs; after the end it stays so
	queue   [][]byte
	held    [][]byte // told before the welcome
	bytes   int
	open    bool // the welcome has been put
	full    bool // the browser reads too slowly: it is to come again
	ending  bool // nothing is taken any more
}

func newOutbox(write func(raw []byte) error, failed func()) *outbox {
	return &outbox{write: write, failed: failed, done: make(chan struct{})}
}

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

// signal has what is there written. The caller holds mu.
func (o *outbox) signal() {
	if !o.writing {
		o.writing = true
		go o.run()
	}
}

// run writes until nothing is left.
func (o *outbox) run() {
	for {
		batch, more := o.next()
		for _, raw := range batch {
			if o.write(raw) != nil { // the browser is too slow, or gone, which is the same to those who wait
				o.failed()
				close(o.done)
				return
			}
		}
		switch {
		case more:
		case o.isFull():
			o.failed()
			close(o.done)
			return
		case o.rest():
			return
		}
	}
}

// next takes what is to be written; more is false when that is all for now.
func (o *outbox) next() (batch [][]byte, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.full {
		return nil, false
	}
	batch = o.queue
	o.queue = nil
	for _, raw := range batch {
		o.bytes -= len(raw)
	}
	return batch, len(batch) > 0
}

// rest ends the goroutine unless something has come meanwhile.
func (o *outbox) rest() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.queue) > 0 || o.full {
		return false
	}
	if o.ending {
		close(o.done)
		return true
	}
	o.writing = false
	return true
}

func (o *outbox) isFull() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.full
}
