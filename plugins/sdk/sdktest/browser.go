package sdktest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// patience is how long the suite waits for what should come at once: the machine may be busy with other tests. It is
// shorter in the tests of plugins that keep it waiting.
var patience = 10 * time.Second

// Stream is the host's end of the stream that carries live connections.
type Stream struct {
	send   chan *channelv1.ConnectRequest
	cancel context.CancelFunc
	done   chan struct{}

	mu       sync.Mutex
	last     uint64
	browsers map[uint64]*Browser
	broken   []string // rules that the plugin broke
}

// Connect opens a stream, as the host does once after each start. The test's end closes it.
func (p *Plugin) Connect(t T) *Stream {
	t.Helper()
	s, err := p.OpenStream()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Break)
	return s
}

// OpenStream is Connect outside of tests. The caller owes Break.
func (p *Plugin) OpenStream() (*Stream, error) {
	ctx, cancel := context.WithCancel(context.Background())
	stream, err := p.Live.Connect(ctx)
	if err != nil {
		cancel()
		return nil, fmt.Errorf("open the stream of live connections: %w", err)
	}
	s := &Stream{send: make(chan *channelv1.ConnectRequest), cancel: cancel, done: make(chan struct{}), browsers: map[uint64]*Browser{}}
	go func() {
		for {
			select {
			case frame := <-s.send:
				_ = stream.Send(frame) // when it is broken, Recv fails as well
			case <-ctx.Done():
				return
			}
		}
	}()
	go func() {
		defer close(s.done)
		defer cancel()
		for {
			frame, err := stream.Recv()
			if err != nil {
				return
			}
			s.take(frame)
		}
	}()
	return s, nil
}

// Break ends the stream, as the end of the host does.
func (s *Stream) Break() {
	s.cancel()
	<-s.done
}

// Broken returns the rules of the protocol that the plugin has broken so far.
func (s *Stream) Broken() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.broken...)
}

func (s *Stream) put(frame *channelv1.ConnectRequest) {
	select {
	case s.send <- frame:
	case <-s.done:
	}
}

// take notes a frame of the plugin.
func (s *Stream) take(frame *channelv1.ConnectResponse) {
	s.mu.Lock()
	b := s.browsers[frame.GetConnection()]
	rule := func(broken bool, text string) {
		if broken {
			s.broken = append(s.broken, fmt.Sprintf("connection %d: %s", frame.GetConnection(), text))
		}
	}
	defer s.mu.Unlock()
	if b == nil {
		rule(true, "the host never opened it")
		return
	}
	rule(b.closed || b.refused != nil, "a frame came after the last one")
	payload := frame.GetPayload()
	rule(!b.accepted && frame.GetAccepted() == nil && frame.GetRefused() == nil, "the first frame neither accepts nor refuses")
	rule(len(payload.GetContent()) > channelv1.LiveMaxPayloadBytes, "a payload is larger than 32 KiB")
	switch f := frame.GetFrame().(type) {
	case *channelv1.ConnectResponse_Accepted:
		rule(b.accepted, "it was accepted twice")
		b.accepted = true
	case *channelv1.ConnectResponse_Refused:
		b.refused = f.Refused
	case *channelv1.ConnectResponse_Payload:
		b.onTheWay += max(len(f.Payload.GetContent()), 1)
		rule(b.onTheWay > channelv1.LiveWindowBytes, "more than 64 KiB was sent without credit")
		b.inbox = append(b.inbox, f.Payload.GetContent())
	case *channelv1.ConnectResponse_Closed:
		b.closed, b.code = true, int(f.Closed.GetCode())
	case *channelv1.ConnectResponse_Credit:
		b.credit += int(f.Credit.GetBytes())
		rule(b.credit > channelv1.LiveWindowBytes, "more credit was given than was used")
	}
	close(b.changed)
	b.changed = make(chan struct{})
}

// Browser is one live connection as its customer has it. Its fields belong to the stream.
type Browser struct {
	stream   *Stream
	id       uint64
	accepted bool
	refused  *channelv1.HTTPResponse
	closed   bool // by the plugin
	code     int
	inbox    [][]byte
	onTheWay int // bytes that came and were not read
	credit   int // bytes that may be sent
	changed  chan struct{}
}

// Open asks for a connection. The request's account must be set.
func (s *Stream) Open(r *channelv1.HTTPRequest) *Browser {
	s.mu.Lock()
	s.last++
	b := &Browser{stream: s, id: s.last, credit: channelv1.LiveWindowBytes, changed: make(chan struct{})}
	s.browsers[b.id] = b
	s.mu.Unlock()
	s.put(&channelv1.ConnectRequest{Connection: b.id, Frame: &channelv1.ConnectRequest_Opened{Opened: r}})
	return b
}

// ErrNothingCame is returned by the waits of a Browser when what they wait for did not come in time.
var ErrNothingCame = errors.New("nothing came in time")

// await waits until what is asked for under the stream's lock holds.
func (b *Browser) await(holds func() bool) error {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	for {
		b.stream.mu.Lock()
		ok, changed := holds(), b.changed
		b.stream.mu.Unlock()
		if ok {
			return nil
		}
		select {
		case <-changed:
		case <-b.stream.done:
			return errors.New("the stream has ended")
		case <-timer.C:
			return ErrNothingCame
		}
	}
}

// Verdict waits until the plugin has accepted (nil, nil) or refused the connection.
func (b *Browser) Verdict() (refused *channelv1.HTTPResponse, err error) {
	err = b.await(func() bool { return b.accepted || b.refused != nil })
	return b.refused, err
}

// Send sends one message; it waits for credit.
func (b *Browser) Send(content []byte) error {
	cost := max(len(content), 1)
	err := b.await(func() bool {
		if b.closed || b.refused != nil {
			return true
		}
		if b.credit < cost {
			return false
		}
		b.credit -= cost
		return true
	})
	if err != nil {
		return fmt.Errorf("no credit for %d bytes: %w", len(content), err)
	}
	b.stream.put(&channelv1.ConnectRequest{Connection: b.id, Frame: &channelv1.ConnectRequest_Payload{
		Payload: &channelv1.LivePayload{Content: content},
	}})
	return nil
}

// ErrClosed is returned by Receive when the plugin has closed or refused the connection.
var ErrClosed = errors.New("sdktest: the plugin has closed the connection")

// Receive waits for the next message and gives credit for it.
func (b *Browser) Receive() ([]byte, error) {
	var content []byte
	var closed bool
	err := b.await(func() bool {
		if len(b.inbox) > 0 {
			content, b.inbox = b.inbox[0], b.inbox[1:]
			b.onTheWay -= max(len(content), 1)
			return true
		}
		closed = b.closed || b.refused != nil
		return closed
	})
	switch {
	case err != nil:
		return nil, err
	case closed:
		return nil, ErrClosed
	}
	b.stream.put(&channelv1.ConnectRequest{Connection: b.id, Frame: &channelv1.ConnectRequest_Credit{
		Credit: &channelv1.LiveCredit{Bytes: uint32(max(len(content), 1))}, //nolint:gosec // at most 32 KiB
	}})
	return content, nil
}

// Close closes the connection, with 0 as a break.
func (b *Browser) Close(code int) {
	b.stream.put(&channelv1.ConnectRequest{Connection: b.id, Frame: &channelv1.ConnectRequest_Closed{
		Closed: &channelv1.LiveClosed{Code: uint32(code)}, //nolint:gosec // a WebSocket code
	}})
}

// Closed waits until the plugin closes the connection, and returns its code.
func (b *Browser) Closed() (code int, err error) {
	err = b.await(func() bool { return b.closed })
	return b.code, err
}
