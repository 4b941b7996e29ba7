package sdk

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync"

	"google.golang.org/grpc"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// The codes of RFC 6455 §7.4.1 and its registry with which connections are closed here.
const (
	closeNormal    = 1000
	closeViolation = 1002
	closeInternal  = 1011
	closeRestart   = 1012
)

// liveServer serves the optional service Live: one stream that carries all live connections.
type liveServer struct {
	channelv1.UnimplementedLiveServer
	*server
}

// Connect implements the protocol. One goroutine reads, one writes, and each connection has its own; what they want
// written waits in a queue that the connections' credit bounds, so that none of them can hold up another.
func (s *liveServer) Connect(stream grpc.BidiStreamingServer[channelv1.ConnectRequest, channelv1.ConnectResponse]) error {
	out := newFrames()
	var work sync.WaitGroup
	connections := liveConnections{byID: map[uint64]*liveConnection{}}
	defer func() {
		out.close()
		connections.lose()
		work.Wait()
	}()
	work.Go(func() {
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
	})
	for {
		frame, err := stream.Recv()
		if err != nil {
			return err
		}
		id := frame.GetConnection()
		if opened := frame.GetOpened(); opened != nil {
			c := newLiveConnection(id, out, func() { connections.remove(id) })
			connections.add(c)
			work.Go(func() { s.serveConnection(c, opened) })
			continue
		}
		if c := connections.get(id); c != nil { // else it has ended on this side
			c.take(frame)
		}
	}
}

// serveConnection runs the channel's Connect for one connection and tells the host how it ended.
func (s *liveServer) serveConnection(c *liveConnection, opened *channelv1.HTTPRequest) {
	defer c.finish()
	if s.begin() != nil {
		c.refuse(http.StatusServiceUnavailable, "")
		return
	}
	defer s.calls.leave()
	a, err := s.account(opened.GetAccount())
	if err != nil {
		c.refuse(http.StatusServiceUnavailable, "")
		return
	}
	defer a.use.leave()
	connector, ok := a.channel.(Connector)
	if !ok {
		c.refuse(http.StatusNotFound, "")
		return
	}
	if c.request, err = requestIn(c.ctx, opened); err != nil {
		c.refuse(http.StatusBadRequest, err.Error())
		return
	}
	stop := context.AfterFunc(a.life, func() { c.Close(closeRestart, "the account was closed or changed") })
	defer stop()
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("panic in Connect", "account", opened.GetAccount(), "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
			c.Close(closeInternal, "internal error")
		}
	}()
	err = connector.Connect(c.ctx, c)
	var refused *ConnectionRefused
	switch {
	case err == nil:
		c.Close(closeNormal, "")
	case errors.As(err, &refused) && c.refuse(refused.Status, refused.Body):
	case c.ended():
		// The browser, or the host, was first; that its connector then failed is no news.
	default:
		s.log.Error("a live connection failed", "account", opened.GetAccount(), "error", err)
		c.Close(closeInternal, "internal error")
	}
}

// liveConnections are the open connections of one stream.
type liveConnections struct {
	mu   sync.Mutex
	byID map[uint64]*liveConnection
}

func (l *liveConnections) add(c *liveConnection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.byID[c.id] = c
}

func (l *liveConnections) get(id uint64) *liveConnection {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.byID[id]
}

func (l *liveConnections) remove(id uint64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.byID, id)
}

// lose ends all connections because the stream has ended.
func (l *liveConnections) lose() {
	l.mu.Lock()
	lost := l.byID
	l.byID = map[uint64]*liveConnection{}
	l.mu.Unlock()
	for _, c := range lost {
		c.lost()
	}
}

// frames is what waits to be written to the stream, in order.
type frames struct {
	mu     sync.Mutex
	queue  []*channelv1.ConnectResponse
	closed bool
	ready  chan struct{}
}

func newFrames() *frames { return &frames{ready: make(chan struct{}, 1)} }

func (f *frames) put(frame *channelv1.ConnectResponse) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return
	}
	f.queue = append(f.queue, frame)
	f.signal()
}

func (f *frames) signal() {
	select {
	case f.ready <- struct{}{}:
	default:
	}
}

// next waits for frames; ok is false once the stream has ended.
func (f *frames) next() (batch []*channelv1.ConnectResponse, ok bool) {
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
	f.signal()
}
