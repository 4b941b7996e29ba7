package channel

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"google.golang.org/grpc"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// The codes of RFC 6455 §7.4.1 and its registry with which the host closes live connections.
const (
	closeNone      = 1    // of a plugin that gave none: it is none that may be sent, see sendable
	closeGoingAway = 1001 // the host is stopping
	closeInternal  = 1011 // the plugin broke the protocol
	closeRestart   = 1012 // the plugin has ended, or the account was closed or changed: come again, it may be back
)

// linkPause is how long a plugin that ends its stream, but runs on, is left alone before the next one.
const linkPause = time.Second

// link carries all live connections of one process over one stream. One goroutine reads it and one writes it; neither
// ever waits for a browser: what is for one waits in its own queue, which its credit bounds.
type link struct {
	client channelv1.LiveClient
	log    *slog.Logger
	ended  <-chan struct{} // of the process

	mu       sync.Mutex
	last     uint64
	browsers map[uint64]*browser // of the present stream
	out      *frames             // nil while there is no stream
	stop     context.CancelFunc  // of the present stream
	closing  bool                // no stream is opened any more
	done     chan struct{}       // closed when run has returned
	tried    chan struct{}       // closed when the first stream is open, or was refused
}

// newLink opens the stream of a process and keeps it open until the process ends or close is called. It returns when the
// first stream stands, so that no browser is turned away by a process that runs.
func newLink(client channelv1.LiveClient, log *slog.Logger, ended <-chan struct{}) *link {
	l := &link{client: client, log: log, ended: ended, done: make(chan struct{}), tried: make(chan struct{})}
	go l.run()
	<-l.tried
	return l
}

func (l *link) run() {
	defer close(l.done)
	tried := sync.OnceFunc(func() { close(l.tried) })
	for {
		if err := l.carry(tried); err != nil && !l.isClosing() && !gone(l.ended) {
			l.log.Warn("the stream of live connections ended; its browsers come again", "error", err)
		}
		if l.isClosing() {
			return
		}
		timer := time.NewTimer(linkPause)
		select {
		case <-l.ended:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

func gone(ended <-chan struct{}) bool {
	select {
	case <-ended:
		return true
	default:
		return false
	}
}

func (l *link) isClosing() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.closing
}

// carry runs one stream until it ends, and then lets its browsers go. It calls tried when the stream is open, or cannot
// be opened, which is known at once: opening does not wait for the plugin.
func (l *link) carry(tried func()) error {
	defer tried()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	stream, err := l.client.Connect(ctx)
	if err != nil {
		return fmt.Errorf("open it: %w", err)
	}
	out := newFrames()
	l.mu.Lock()
	if l.closing {
		l.mu.Unlock()
		return nil
	}
	l.browsers, l.out, l.stop = map[uint64]*browser{}, out, cancel
	l.mu.Unlock()
	tried()
	written := make(chan struct{})
	go func() {
		defer close(written)
		writeFrames(stream, out)
	}()
	for {
		frame, err := stream.Recv()
		if err != nil {
			cancel()
			out.close()
			<-written
			l.lose(closeRestart, "service restart")
			return err
		}
		l.deliver(frame)
	}
}

func writeFrames(stream grpc.BidiStreamingClient[channelv1.ConnectRequest, channelv1.ConnectResponse], out *frames) {
	for {
		batch, ok := out.next()
		if !ok {
			return
		}
		for _, frame := range batch {
			if stream.Send(frame) != nil {
				return // Recv fails as well
			}
		}
	}
}

// deliver gives a frame to its browser. It never waits.
func (l *link) deliver(frame *channelv1.ConnectResponse) {
	l.mu.Lock()
	b := l.browsers[frame.GetConnection()]
	if b != nil && (frame.GetClosed() != nil || frame.GetRefused() != nil) {
		delete(l.browsers, b.id)
	}
	l.mu.Unlock()
	if b == nil {
		return // it has gone
	}
	switch f := frame.GetFrame().(type) {
	case *channelv1.ConnectResponse_Accepted, *channelv1.ConnectResponse_Refused:
		select {
		case b.verdict <- frame:
		default: // a second verdict means nothing
		}
	case *channelv1.ConnectResponse_Payload:
		if !b.arrive(f.Payload) {
			l.log.Warn("the plugin sent more on a live connection than its credit allows", "account", b.account)
			l.drop(b, closeInternal, "")
			b.end(closeInternal, "internal error")
		}
	case *channelv1.ConnectResponse_Credit:
		b.allow(int(f.Credit.GetBytes()))
	case *channelv1.ConnectResponse_Closed:
		b.end(int(max(f.Closed.GetCode(), closeNone)), f.Closed.GetReason())
	}
}

// open announces a browser to the plugin; nil while there is no stream.
func (l *link) open(account string, request *channelv1.HTTPRequest) *browser {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.out == nil || l.closing {
		return nil
	}
	l.last++
	b := newBrowser(l.last, account, l.out)
	l.browsers[b.id] = b
	l.out.put(&channelv1.ConnectRequest{Connection: b.id, Frame: &channelv1.ConnectRequest_Opened{Opened: request}})
	return b
}

// drop tells the plugin that a browser has gone, unless it knows. The code is 0 where the connection broke.
func (l *link) drop(b *browser, code int, reason string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.browsers[b.id] != b {
		return
	}
	delete(l.browsers, b.id)
	b.out.put(&channelv1.ConnectRequest{Connection: b.id, Frame: &channelv1.ConnectRequest_Closed{
		Closed: &channelv1.LiveClosed{Code: uint32(code), Reason: reason}, //nolint:gosec // a WebSocket code
	}})
}

// lose closes all browsers, whose stream has ended.
func (l *link) lose(code int, reason string) {
	l.mu.Lock()
	lost := l.browsers
	l.browsers, l.out, l.stop = nil, nil, nil
	l.mu.Unlock()
	for _, b := range lost {
		b.end(code, reason)
	}
}

// closeAccount closes the browsers of one account.
func (l *link) closeAccount(account string, code int, reason string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	var closed []*browser
	for _, b := range l.browsers {
		if b.account == account {
			closed = append(closed, b)
		}
	}
	l.mu.Unlock()
	for _, b := range closed {
		l.drop(b, code, reason)
		b.end(code, reason)
	}
}

// close closes all browsers and the stream, and opens no other one.
func (l *link) close(code int, reason string) {
	if l == nil {
		return
	}
	l.mu.Lock()
	l.closing = true
	stop := l.stop
	l.mu.Unlock()
	l.lose(code, reason)
	if stop != nil {
		stop()
	}
}

// wait returns when the link, closed or without its process, has come to its end.
func (l *link) wait() {
	if l != nil {
		<-l.done
	}
}

// frames is what waits to be written to a stream, in order.
type frames struct {
	mu     sync.Mutex
	queue  []*channelv1.ConnectRequest
	closed bool
	ready  chan struct{}
}

func newFrames() *frames { return &frames{ready: make(chan struct{}, 1)} }

func (f *frames) put(frame *channelv1.ConnectRequest) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.queue = append(f.queue, frame)
	signal(f.ready)
}

// next waits for frames; ok is false once the stream has ended.
func (f *frames) next() (batch []*channelv1.ConnectRequest, ok bool) {
	for {
		f.mu.Lock()
		batch, closed := f.queue, f.closed
		f.queue = nil
		f.mu.Unlock()
		switch {
		case closed:
			return nil, false
		case len(batch) > 0:
			return batch, true
		}
		<-f.ready
	}
}

func (f *frames) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed, f.queue = true, nil
	signal(f.ready)
}

// signal wakes whoever waits for a channel of capacity 1.
func signal(ready chan struct{}) {
	select {
	case ready <- struct{}{}:
	default:
	}
}
