package harness

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/coder/websocket"
)

// Live is a person's live socket.
type Live struct {
	conn *websocket.Conn
}

// Live opens the socket. Since is up to where everything is known, 0 for a snapshot.
func (c *Client) Live(ctx context.Context, since uint64) (*Live, error) {
	address := "ws" + strings.TrimPrefix(c.Server.URL(), "http") + "/api/v1/events"
	if since > 0 {
		address += fmt.Sprintf("?since=%d", since)
	}
	conn, res, err := websocket.Dial(ctx, address, &websocket.DialOptions{
		HTTPHeader: http.Header{"Authorization": {"Bearer " + c.Key}},
	})
	if err != nil {
		status := ""
		if res != nil {
			status = res.Status
		}
		return nil, fmt.Errorf("harness: live socket: %s %w", status, err)
	}
	conn.SetReadLimit(-1)
	return &Live{conn: conn}, nil
}

// Read returns the next frame; pings are answered and left out.
func (l *Live) Read(ctx context.Context) ([]byte, error) {
	for {
		_, frame, err := l.conn.Read(ctx)
		if err != nil {
			return nil, fmt.Errorf("harness: live socket: %w", err)
		}
		if !strings.HasPrefix(string(frame), `{"type":"ping"`) {
			return frame, nil
		}
		if err := l.conn.Write(ctx, websocket.MessageText, []byte(`{"type":"pong"}`)); err != nil {
			return nil, fmt.Errorf("harness: live socket: %w", err)
		}
	}
}

// Frame is what the frames have in common, and the parts that checks look at.
type Frame struct {
	Type          string          `json:"type"`
	Seq           uint64          `json:"seq"`
	Resumed       bool            `json:"resumed"`
	Part          int             `json:"part"`
	Last          bool            `json:"last"`
	Conversations []Conversation  `json:"conversations"`
	Offers        []Offer         `json:"offers"`
	Offer         json.RawMessage `json:"offer"`
	Conversation  json.RawMessage `json:"conversation"` // an object, or an id
	Message       *Message        `json:"message"`
	Presence      string          `json:"presence"`
	From          Author          `json:"from"` // who types
}

// Next reads and decodes the next frame.
func (l *Live) Next(ctx context.Context) (*Frame, error) {
	raw, err := l.Read(ctx)
	if err != nil {
		return nil, err
	}
	f := &Frame{}
	if err := json.Unmarshal(raw, f); err != nil {
		return nil, fmt.Errorf("harness: the frame %q: %w", tail(string(raw)), err)
	}
	return f, nil
}

// Typing says that the person types in a conversation.
func (l *Live) Typing(ctx context.Context, conversation string) error {
	frame, err := json.Marshal(map[string]string{"type": "typing", "conversation": conversation})
	if err == nil {
		err = l.conn.Write(ctx, websocket.MessageText, frame)
	}
	if err != nil {
		return fmt.Errorf("harness: live socket: %w", err)
	}
	return nil
}

// Close ends the socket without ceremony.
func (l *Live) Close() { _ = l.conn.CloseNow() }

// AwaitOffer waits until something rings at the person.
func (c *Client) AwaitOffer(ctx context.Context) (*Offer, error) {
	for {
		offers, err := c.Offers(ctx)
		if err != nil {
			return nil, err
		}
		if len(offers) > 0 {
			return &offers[0], nil
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("harness: nothing rings: %w", context.Cause(ctx))
		case <-time.After(5 * time.Millisecond):
		}
	}
}
