package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/coder/websocket"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/api/request"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/live"
)

// maxClientFrame bounds what a browser may say at once.
const maxClientFrame = 4 << 10

// events opens the live socket.
func (s *Server) events(w http.ResponseWriter, r *http.Request) error {
	since, err := request.QueryNumber(r, "since", 0)
	if err != nil {
		return err
	}
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return core.Errorf(core.Invalid, "this address is for WebSockets: connect with ws:// or wss://")
	}
	who := request.Who(r)
	token := tokenOf(r)
	accepted, err := websocket.Accept(w, r, s.socketOptions(who))
	if err != nil {
		s.Log.Debug("a live socket was refused", "id", request.ScopeOf(r).ID, "error", err)
		return nil // the library has answered
	}
	accepted.SetReadLimit(maxClientFrame)
	err = s.Hub.Serve(r.Context(), &webSocket{accepted}, live.Subscriber{
		Agent: who.Agent.ID, Credential: who.Credential, Since: since, Fresh: since == 0,
		Check: func(ctx context.Context) error { return s.stillHolds(ctx, r, who, token) },
	})
	if err != nil {
		s.Log.Debug("a live socket has ended", "agent", who.Agent.ID, "error", err)
	}
	return nil
}

// stillHolds asks again whether the credential that opened a socket holds.
func (s *Server) stillHolds(ctx context.Context, r *http.Request, who *auth.Identity, token string) error {
	var err error
	if who.Browser {
		_, err = s.Auth.Authenticate(ctx, token)
	} else {
		_, err = s.identify(r.WithContext(ctx))
	}
	return err
}

// webSocket is a live.Conn over the wire.
type webSocket struct{ conn *websocket.Conn }

var _ live.Conn = (*webSocket)(nil)

func (s *webSocket) Read(ctx context.Context) ([]byte, error) {
	kind, frame, err := s.conn.Read(ctx)
	if err != nil {
		return nil, err
	}
	if kind != websocket.MessageText {
		return nil, errors.New("the browser sent a binary frame")
	}
	return frame, nil
}

func (s *webSocket) Write(ctx context.Context, frame []byte) error {
	if err := s.conn.Write(ctx, websocket.MessageText, frame); err != nil {
		return fmt.Errorf("write to the browser: %w", err)
	}
	return nil
}

func (s *webSocket) Ping(ctx context.Context) error { return s.conn.Ping(ctx) }

func (s *webSocket) Close(code int, reason string) {
	_ = s.conn.Close(websocket.StatusCode(code), reason) // it may be closed already
}
