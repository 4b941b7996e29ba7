package live

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/guichet/guichet/core"
)

// Conn is one browser's connection, as the HTTP layer provides it. Read and Write may run at the same time.
type Conn interface {
	// Read returns the next text frame.
	Read(ctx context.Context) ([]byte, error)
	Write(ctx context.Context, frame []byte) error
	// Ping asks the other side for a sign of life below the level of frames, and waits for it.
	Ping(ctx context.Context) error
	Close(code int, reason string)
}

// Subscriber is who opens a socket.
type Subscriber struct {
	Agent      string
	Credential string // names what End closes
	// Since is up to where the client knows everything; with Fresh it knows nothing.
	Since uint64
	Fresh bool
	// Check reports whether the credential still holds; it is asked every 20 seconds.
	Check func(ctx context.Context) error
}

// writePatience is how long one frame may take to leave.
const writePatience = 10 * time.Second

// Serve runs a socket until it ends, closes conn, and returns why it ended.
func (h *Hub) Serve(ctx context.Context, conn Conn, sub Subscriber) error {
	s, err := h.join(sub)
	switch {
	case core.CodeOf(err) == core.Unavailable:
		conn.Close(CloseGoingAway, "the server is stopping")
		return err
	case err != nil:
		conn.Close(CloseGone, "this person is no longer configured")
		return err
	}
	defer h.serving.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	h.presence.change(ctx, sub.Agent, 1)
	defer h.presence.change(ctx, sub.Agent, -1)
	defer h.leave(s)

	failed := make(chan error, 3)
	go func() { failed <- h.write(ctx, conn, s, sub) }()
	go func() { failed <- h.listen(ctx, conn, s) }()
	go func() { failed <- h.keep(ctx, conn, s, sub) }()
	running := 3
	select {
	case <-s.stopped:
	case err = <-failed:
		running--
	case <-ctx.Done():
		s.stop(CloseGoingAway, "the server is stopping")
	}
	code, reason := s.ending()
	if code == 0 {
		code, reason = CloseTryAgain, "connect again"
	}
	conn.Close(code, reason)
	cancel()
	for ; running > 0; running-- {
		<-failed
	}
	return err
}

func (h *Hub) join(sub Subscriber) (*socket, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed {
		return nil, core.Errorf(core.Unavailable, "the server is stopping")
	}
	setup := h.setup()
	h.adopt(setup)
	v, ok := newViewer(setup, sub.Agent)
	if !ok {
		return nil, core.Errorf(core.Unauthorized, "there is no agent %q", sub.Agent)
	}
	s := newSocket(v, sub.Credential)
	h.sockets[s] = struct{}{}
	h.serving.Add(1)
	return s, nil
}

func (h *Hub) leave(s *socket) {
	h.mu.Lock()
	delete(h.sockets, s)
	was := s.viewing
	h.mu.Unlock()
	if was != "" {
		h.showViewers(was)
	}
}

// write sends what a socket is told, first what brings it up to date.
func (h *Hub) write(ctx context.Context, conn Conn, s *socket, sub Subscriber) error {
	if err := h.open(ctx, conn, s, sub); err != nil {
		return err
	}
	for {
		n, again := s.next()
		switch {
		case again:
			if err := h.sendSnapshot(ctx, conn, s); err != nil {
				return err
			}
		case n != nil:
			if err := h.send(ctx, conn, n); err != nil {
				return err
			}
		default:
			select {
			case <-s.wake:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
}

func (h *Hub) open(ctx context.Context, conn Conn, s *socket, sub Subscriber) error {
	if !sub.Fresh {
		list, err := h.resume(ctx, s, sub.Since)
		if err == nil {
			if err := put(ctx, conn, encode(hello{Type: "hello", Seq: sub.Since, Resumed: true})); err != nil {
				return err
			}
			for _, n := range list {
				if err := h.send(ctx, conn, n); err != nil {
					return err
				}
			}
			return nil
		}
		if !errors.Is(err, errTooOld) {
			return err
		}
	}
	if err := put(ctx, conn, encode(hello{Type: "hello"})); err != nil {
		return err
	}
	return h.sendSnapshot(ctx, conn, s)
}

func (h *Hub) sendSnapshot(ctx context.Context, conn Conn, s *socket) error {
	frames, err := h.begin(ctx, s)
	if err != nil {
		return err
	}
	for _, f := range frames {
		if err := put(ctx, conn, encode(f)); err != nil {
			return err
		}
	}
	return nil
}

func (h *Hub) send(ctx context.Context, conn Conn, n *slot) error {
	for _, f := range n.frames(time.Now(), h.rings) {
		if err := put(ctx, conn, f); err != nil {
			return err
		}
	}
	return nil
}

func put(ctx context.Context, conn Conn, frame []byte) error {
	ctx, cancel := context.WithTimeout(ctx, writePatience)
	defer cancel()
	return conn.Write(ctx, frame)
}

// keep asks for signs of life, and whether the credential still holds.
func (h *Hub) keep(ctx context.Context, conn Conn, s *socket, sub Subscriber) error {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if sub.Check != nil {
			if err := sub.Check(ctx); core.CodeOf(err) == core.Unauthorized {
				s.stop(CloseSignedOut, "signed out")
				return err
			}
		}
		h.presence.change(ctx, sub.Agent, 0)
		s.push(&slot{key: slotKey{kind: slotPing}})
		alive, cancel := context.WithTimeout(ctx, pingEvery)
		err := conn.Ping(alive)
		cancel()
		if err != nil {
			return err
		}
	}
}

// clientFrame is what a browser may say.
type clientFrame struct {
	Type         string `json:"type"`
	Conversation string `json:"conversation"`
}

// What one browser may say: so many frames at once, refilled at so many a second. What is too much is left out.
const (
	framesAtOnce    = 20
	framesPerSecond = 10
)

func (h *Hub) listen(ctx context.Context, conn Conn, s *socket) error {
	allowance, last := float64(framesAtOnce), time.Now()
	for {
		raw, err := conn.Read(ctx)
		if err != nil {
			return err
		}
		now := time.Now()
		allowance = min(framesAtOnce, allowance+now.Sub(last).Seconds()*framesPerSecond)
		last = now
		if allowance < 1 {
			continue
		}
		allowance--
		var f clientFrame
		if json.Unmarshal(raw, &f) != nil {
			continue // a newer client may know more than we do
		}
		switch f.Type {
		case "typing":
			h.typing(ctx, s, f.Conversation)
		case "viewing":
			h.view(ctx, s, f.Conversation)
		}
	}
}
