package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// ErrConnectionClosed is returned by Connection.Send once either side has closed the connection.
var ErrConnectionClosed = errors.New("sdk: the connection is closed")

// lastWords is how long, after the browser has gone, Connect may go on with what it had sent before.
const lastWords = 5 * time.Second

// liveConnection is one connection of the stream.
type liveConnection struct {
	id      uint64
	out     *frames
	remove  func() // from the stream's connections
	request *http.Request
	ctx     context.Context
	cancel  context.CancelFunc

	mu       sync.Mutex
	changed  chan struct{} // closed and replaced whenever what follows has changed
	accepted bool
	refused  bool
	gone     bool // the browser or the host has closed
	closed   bool // this side has
	inbox    [][]byte
	held     int // bytes in the inbox, by the protocol's count
	owed     int // credit gathered and not yet given
	credit   int // bytes that may be sent
	patience *time.Timer
}

var _ Connection = (*liveConnection)(nil)

func newLiveConnection(id uint64, out *frames, remove func()) *liveConnection {
	c := &liveConnection{id: id, out: out, remove: remove, credit: channelv1.LiveWindowBytes, changed: make(chan struct{})}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// cost is what a payload counts for.
func cost(payload []byte) int { return max(len(payload), 1) }

// wake tells those who wait that something has changed. The caller holds mu.
func (c *liveConnection) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// take handles a frame of the host. It never waits.
func (c *liveConnection) take(frame *channelv1.ConnectRequest) {
	switch f := frame.GetFrame().(type) {
	case *channelv1.ConnectRequest_Payload:
		if !c.arrive(f.Payload.GetContent()) {
			c.Close(closeViolation, "more was sent than the credit allows")
		}
	case *channelv1.ConnectRequest_Credit:
		c.mu.Lock()
		c.credit += int(f.Credit.GetBytes())
		c.wake()
		c.mu.Unlock()
	case *channelv1.ConnectRequest_Closed:
		c.remove()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.gone = true
		c.wake()
		// What the browser sent before it went is still to be read; the context lasts until it was.
		c.patience = time.AfterFunc(lastWords, c.cancel)
	}
}

// arrive keeps a payload to be received; false when it exceeds the window.
func (c *liveConnection) arrive(content []byte) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.closed || c.gone {
		return true
	}
	if c.held+c.owed+cost(content) > channelv1.LiveWindowBytes {
		return false
	}
	c.held += cost(content)
	c.inbox = append(c.inbox, content)
	c.wake()
	return true
}

// Request implements Connection.
func (c *liveConnection) Request() *http.Request { return c.request }

// accept takes the connection. The caller holds mu.
func (c *liveConnection) accept() {
	if !c.accepted && !c.refused && !c.gone && !c.closed {
		c.accepted = true
		c.out.put(&channelv1.ConnectResponse{
			Connection: c.id, Frame: &channelv1.ConnectResponse_Accepted{Accepted: &channelv1.LiveAccepted{}},
		})
	}
}

// refuse turns the connection away; false when it was accepted, or has ended, already.
func (c *liveConnection) refuse(status int, body string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.accepted || c.gone || c.closed {
		return false
	}
	if status < 400 || status > 599 {
		status = http.StatusForbidden
	}
	c.refused, c.closed = true, true
	c.out.put(&channelv1.ConnectResponse{Connection: c.id, Frame: &channelv1.ConnectResponse_Refused{Refused: &channelv1.HTTPResponse{
		Status: uint32(status), Body: []byte(body), //nolint:gosec // an HTTP status
		Headers: []*channelv1.Header{{Name: "Content-Type", Value: "text/plain; charset=utf-8"}},
	}}})
	c.wake()
	return true
}

// Receive implements Connection.
func (c *liveConnection) Receive(ctx context.Context) ([]byte, error) {
	for {
		c.mu.Lock()
		c.accept()
		if len(c.inbox) > 0 {
			message := c.inbox[0]
			c.inbox[0] = nil
			c.inbox = c.inbox[1:]
			c.consumed(cost(message))
			c.mu.Unlock()
			return message, nil
		}
		ended, changed := c.gone || c.closed, c.changed
		c.mu.Unlock()
		if ended {
			c.cancel()
			return nil, io.EOF
		}
		select {
		case <-changed:
		case <-ctx.Done():
			if c.ended() {
				continue
			}
			return nil, ctx.Err()
		}
	}
}

// consumed gives credit for what was received, in portions. The caller holds mu.
func (c *liveConnection) consumed(bytes int) {
	c.held -= bytes
	c.owed += bytes
	if c.owed < channelv1.LiveWindowBytes/4 || c.gone || c.closed {
		return
	}
	c.out.put(&channelv1.ConnectResponse{
		Connection: c.id, Frame: &channelv1.ConnectResponse_Credit{Credit: &channelv1.LiveCredit{Bytes: uint32(c.owed)}}, //nolint:gosec // at most the window
	})
	c.owed = 0
}

// Send implements Connection.
func (c *liveConnection) Send(ctx context.Context, message []byte) error {
	if len(message) > channelv1.LiveMaxPayloadBytes {
		return fmt.Errorf("sdk: a message of %d bytes: a live connection takes %d", len(message), channelv1.LiveMaxPayloadBytes)
	}
	content := append([]byte(nil), message...) // it is written later, and the caller's to use again
	for {
		c.mu.Lock()
		c.accept()
		if c.gone || c.closed {
			c.mu.Unlock()
			return ErrConnectionClosed
		}
		if c.credit >= cost(content) {
			c.credit -= cost(content)
			c.out.put(&channelv1.ConnectResponse{
				Connection: c.id, Frame: &channelv1.ConnectResponse_Payload{Payload: &channelv1.LivePayload{Content: content}},
			})
			c.mu.Unlock()
			return nil
		}
		changed := c.changed
		c.mu.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// Close implements Connection.
func (c *liveConnection) Close(code int, reason string) {
	c.mu.Lock()
	c.accept()
	if !c.closed && !c.gone {
		c.closed = true
		c.inbox = nil
		c.out.put(&channelv1.ConnectResponse{Connection: c.id, Frame: &channelv1.ConnectResponse_Closed{Closed: &channelv1.LiveClosed{
			Code: uint32(code), Reason: reason, //nolint:gosec // a WebSocket code
		}}})
		c.wake()
	}
	c.mu.Unlock()
	c.cancel()
}

// ended reports whether either side has closed.
func (c *liveConnection) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.gone || c.closed
}

// lost ends the connection because the stream has ended.
func (c *liveConnection) lost() {
	c.mu.Lock()
	c.gone = true
	c.wake()
	c.mu.Unlock()
	c.cancel()
}

// finish lets go of what the connection holds, when Connect has returned.
func (c *liveConnection) finish() {
	c.remove()
	c.mu.Lock()
	if c.patience != nil {
		c.patience.Stop()
	}
	c.mu.Unlock()
	c.cancel()
}
