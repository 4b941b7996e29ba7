package webchat

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// The codes with which connections are closed (RFC 6455 §7.4.1 and its registry), and those of `bye`.
const (
	closeNormal    = 1000
	closeAway      = 1001
	closeBadData   = 1007
	closePolicy    = 1008
	closeTryAgain  = 1013
	unknownChannel = "unknown-channel"
	badToken       = "bad-token"
	badFrame       = "bad-frame"
	restart        = "restart"
)

// errSlow ends a connection whose browser does not read.
var errSlow = errors.New("webchat: the browser is too slow")

// session is one live connection.
type session struct {
	c       *channel
	conn    sdk.Connection
	out     *outbox
	speaker speaker
	v       *visit // nil until the visitor has a token
	greeted bool
	bucket  bucket
}

// ending is how a session ends: what is said last, if anything, and the code of the close.
type ending struct {
	bye    string
	after  int
	code   int
	reason string
}

func (e *ending) Error() string { return "webchat: " + e.bye + e.reason }

// Connect serves one tab.
func (c *channel) Connect(ctx context.Context, conn sdk.Connection) error {
	r := conn.Request()
	if pathOf(r) != livePath {
		return &sdk.ConnectionRefused{Status: http.StatusNotFound, Body: "the chat is at /" + livePath}
	}
	s := &session{c: c, conn: conn, out: newOutbox(), bucket: bucket{tokens: framesBurst, at: time.Now()}}
	s.speaker.client, s.speaker.agent = clientOf(r), r.UserAgent()
	after, ok := c.limits.connections.take(s.speaker.client)
	if ok {
		if ok = c.limits.open.enter(s.speaker.client, maxAddressConnections, maxConnections); ok {
			defer c.limits.open.leave(s.speaker.client)
		}
	}
	if !ok {
		// Browsers do not show scripts why a connection was refused, so it is taken and told.
		say, cancel := context.WithTimeout(ctx, goodbyeWithin)
		defer cancel()
		_ = conn.Send(say, encode(byeFrame{"bye", tooMany, inSeconds(max(after, tryAgainAfter*time.Second))}))
		conn.Close(closePolicy, tooMany)
		return nil
	}
	return s.serve(ctx)
}

// serve reads until the connection ends; a second goroutine writes.
func (s *session) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	written := make(chan struct{})
	go func() {
		defer close(written)
		if err := s.write(ctx); err != nil {
			cancel(err)
		}
	}()
	err := s.read(ctx)
	if s.v != nil {
		s.v.leave(s.out)
		defer s.c.visits.release(s.v)
	}
	var end *ending
	if errors.Is(context.Cause(ctx), errSlow) {
		end = &ending{bye: restart, code: closeTryAgain, reason: "too slow"}
	} else if !errors.As(err, &end) {
		end = &ending{code: closeNormal}
	}
	if end.bye != "" {
		s.out.last(encode(byeFrame{"bye", end.bye, end.after}))
	} else {
		s.out.last(nil)
	}
	timer := time.AfterFunc(goodbyeWithin, func() { cancel(errSlow) })
	<-written
	timer.Stop()
	s.conn.Close(end.code, end.reason)
	return nil
}

// write writes what is put into the outbox until the last of it.
func (s *session) write(ctx context.Context) error {
	for {
		batch, more := s.out.next(ctx)
		for _, raw := range batch {
			patience, cancel := context.WithTimeout(ctx, sendPatience)
			err := s.conn.Send(patience, raw)
			cancel()
			if err != nil {
				return errSlow // or gone, which is the same to those who wait here
			}
		}
		switch {
		case more:
		case ctx.Err() != nil || s.out.isFull():
			return errSlow
		default:
			return nil
		}
	}
}

// read handles what the panel says until it falls silent, goes, or breaks a rule.
func (s *session) read(ctx context.Context) error {
	for {
		patience := silence
		if !s.greeted {
			patience = helloWithin
		}
		waiting, cancel := context.WithTimeout(ctx, patience)
		raw, err := s.conn.Receive(waiting)
		cancel()
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return nil
		case err != nil:
			return &ending{code: closeAway, reason: "nothing was heard"}
		}
		now := time.Now()
		if s.bucket = s.bucket.filled(now, frameEvery, framesBurst); s.bucket.tokens < 1 {
			return &ending{bye: tooMany, after: tryAgainAfter, code: closePolicy, reason: tooMany}
		}
		s.bucket.tokens--
		f, err := parseFrame(raw)
		if err != nil {
			return &ending{bye: badFrame, code: closeBadData, reason: badFrame}
		}
		if err := s.handle(ctx, &f); err != nil {
			return err
		}
	}
}

func (s *session) handle(ctx context.Context, f *frame) error {
	if !s.greeted {
		if f.T != "hello" {
			return &ending{bye: badFrame, code: closePolicy, reason: "hello comes first"}
		}
		s.greeted = true
		return s.hello(ctx, f)
	}
	switch f.T {
	case "send":
		return s.send(ctx, f)
	case "ping":
		s.out.put(encode(pongFrame{"pong", f.At}))
	}
	if s.v == nil {
		return nil // nothing was said yet that the rest could be about
	}
	switch f.T {
	case "typing":
		s.typing(ctx, f)
	case "seen":
		events, done := s.v.receipts(&s.speaker, f.Delivered, f.Read)
		if len(events) > 0 && s.receive(ctx, events...) == nil {
			done()
		}
	case "older":
		s.older(ctx, f)
	case "end":
		e, ok, err := s.c.endEvent(ctx, &s.speaker)
		if ok {
			err = s.receive(ctx, e)
		}
		if err != nil {
			s.out.put(encode(laterFrame{T: "later", What: "end", After: tryAgainAfter}))
		}
	}
	return nil
}

// hello joins the visitor's visit, if they have a token, and welcomes the panel.
func (s *session) hello(ctx context.Context, f *frame) error {
	place, ok := s.c.place(f.Channel)
	if !ok {
		return &ending{bye: unknownChannel, code: closePolicy, reason: unknownChannel}
	}
	s.speaker.place, s.speaker.language, s.speaker.page = place, f.Language, f.Page
	if f.Token != "" {
		if err := s.begin(ctx, f.Token); err != nil {
			return err
		}
	}
	welcome, err := s.c.welcome(ctx, s.v, f.Since, place)
	if err != nil {
		return &ending{bye: restart, after: tryAgainAfter, code: closeTryAgain}
	}
	s.out.welcome(encode(welcome))
	return nil
}

// begin makes the connection the one of a visitor.
func (s *session) begin(ctx context.Context, token string) error {
	visitor, ok := visitorOf(token)
	if !ok {
		return &ending{bye: badToken, code: closePolicy, reason: badToken}
	}
	v := s.c.visits.acquire(visitor)
	if v == nil {
		return &ending{bye: tooMany, after: tryAgainAfter, code: closePolicy, reason: tooMany}
	}
	if !v.join(s.out) {
		s.c.visits.release(v)
		return &ending{bye: tooMany, after: tryAgainAfter, code: closePolicy, reason: tooMany}
	}
	s.v, s.speaker.visitor = v, visitor
	if !v.await(ctx, liveWithin) {
		return &ending{bye: restart, after: tryAgainAfter, code: closeTryAgain}
	}
	return nil
}

// send stores a message of the visitor. It is accepted when it is durable, never before.
func (s *session) send(ctx context.Context, f *frame) error {
	if refused := checkMessage(&s.speaker, f); refused != nil {
		s.out.put(encode(refused))
		return nil
	}
	if s.v == nil {
		if err := s.begin(ctx, f.Token); err != nil {
			return err
		}
		welcome, err := s.c.welcome(ctx, s.v, "", s.speaker.place)
		if err == nil && len(welcome.Messages) > 0 { // another tab has written before
			s.out.put(encode(welcome))
		}
	}
	if s.v.knows(f.ID) {
		s.out.put(encode(acceptedFrame{T: "accepted", ID: f.ID}))
		return nil
	}
	if refused := s.c.takeMessage(&s.speaker, f.ID); refused != nil {
		s.out.put(encode(refused))
		return nil
	}
	later := func() error {
		s.c.giveBack(&s.speaker)
		s.out.put(encode(laterFrame{T: "later", ID: f.ID, After: tryAgainAfter}))
		return nil
	}
	attachments, err := s.c.attachments(ctx, s.speaker.visitor, f.Attachments)
	switch {
	case errors.Is(err, errHandle):
		s.c.giveBack(&s.speaker)
		s.out.put(encode(refusedFrame{T: "refused", ID: f.ID, Code: attachmentUnknown}))
		return nil
	case err != nil:
		s.c.busy("state", err)
		return later()
	case !s.v.await(ctx, liveWithin):
		return later()
	}
	typed := s.v.customerTypes(false)
	events := s.c.messageEvents(&s.speaker, f, attachments, s.v.begins(), typed)
	if s.receive(ctx, events...) != nil {
		return later()
	}
	s.v.accept(f.ID)
	s.out.put(encode(acceptedFrame{T: "accepted", ID: f.ID}))
	return nil
}

// receive gives events to the host; they are durable when it returns nil.
func (s *session) receive(ctx context.Context, events ...sdk.Event) error {
	ctx, cancel := context.WithTimeout(ctx, hostPatience)
	defer cancel()
	err := s.c.host.Receive(ctx, nil, events...)
	if err != nil {
		s.c.busy("receive", err)
	}
	return err
}

func (s *session) typing(ctx context.Context, f *frame) {
	if s.v.begins() {
		return // nobody would see it
	}
	if s.v.customerTypes(f.On) {
		_ = s.receive(ctx, s.v.typingEvent(f.On)) // best effort
	}
}

func (s *session) older(ctx context.Context, f *frame) {
	if after, ok := s.c.limits.reads.take(s.speaker.visitor); !ok {
		s.out.put(encode(laterFrame{T: "later", What: "older", After: inSeconds(after)}))
		return
	}
	older, err := s.c.older(ctx, s.v, f.Before)
	if err != nil {
		s.out.put(encode(laterFrame{T: "later", What: "older", After: tryAgainAfter}))
		return
	}
	s.out.put(encode(older))
}
