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

// connection is one tab's live connection.
type connection struct {
	c       *channel
	wire    sdk.Connection
	out     *outbox
	speaker speaker
	v       *visit // nil until the visitor has a token
	greeted bool
	bucket  bucket
}

// ending is how a connection ends: what is said last, if anything, and the code of the close.
type ending struct {
	bye    string
	after  int
	code   int
	reason string
}

func (e *ending) Error() string { return "webchat: " + e.bye + e.reason }

// Connect serves one tab.
func (c *channel) Connect(ctx context.Context, wire sdk.Connection) error {
	r := wire.Request()
	if pathOf(r) != livePath {
		return &sdk.ConnectionRefused{Status: http.StatusNotFound, Body: "the chat is at /" + livePath}
	}
	conn := &connection{c: c, wire: wire, bucket: bucket{tokens: framesBurst, at: time.Now()}}
	conn.speaker.client, conn.speaker.agent = clientOf(r), r.UserAgent()
	after, ok := c.limits.connections.take(conn.speaker.client)
	if ok {
		if ok = c.limits.open.enter(conn.speaker.client, maxAddressConnections, maxConnections); ok {
			defer c.limits.open.leave(conn.speaker.client)
		}
	}
	if !ok {
		// Browsers do not show scripts why a connection was refused, so it is taken and told.
		say, cancel := context.WithTimeout(ctx, goodbyeWithin)
		defer cancel()
		_ = wire.Send(say, encode(byeFrame{"bye", tooMany, inSeconds(max(after, tryAgainAfter*time.Second))}))
		wire.Close(closePolicy, tooMany)
		return nil
	}
	return conn.serve(ctx)
}

// serve reads until the connection ends.
func (conn *connection) serve(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	conn.out = newOutbox(func(raw []byte) error {
		patience, cancel := context.WithTimeout(ctx, sendPatience)
		defer cancel()
		return conn.wire.Send(patience, raw)
	}, func() { cancel(errSlow) })
	err := conn.read(ctx)
	if conn.v != nil {
		conn.v.leave(conn.out)
		defer conn.c.visits.release(conn.v)
	}
	var end *ending
	if errors.Is(context.Cause(ctx), errSlow) {
		end = &ending{bye: restart, code: closeTryAgain, reason: "too slow"}
	} else if !errors.As(err, &end) {
		end = &ending{code: closeNormal}
	}
	if end.bye != "" {
		conn.out.last(encode(byeFrame{"bye", end.bye, end.after}))
	} else {
		conn.out.last(nil)
	}
	timer := time.AfterFunc(goodbyeWithin, func() { cancel(errSlow) })
	<-conn.out.done
	timer.Stop()
	conn.wire.Close(end.code, end.reason)
	return nil
}

// read handles what the panel says until it falls silent, goes, or breaks a rule.
func (conn *connection) read(ctx context.Context) error {
	for {
		patience := silence
		if !conn.greeted {
			patience = helloWithin
		}
		waiting, cancel := context.WithTimeout(ctx, patience)
		raw, err := conn.wire.Receive(waiting)
		cancel()
		switch {
		case errors.Is(err, io.EOF), ctx.Err() != nil:
			return nil
		case err != nil:
			return &ending{code: closeAway, reason: "nothing was heard"}
		}
		now := time.Now()
		if conn.bucket = conn.bucket.filled(now, frameEvery, framesBurst); conn.bucket.tokens < 1 {
			return &ending{bye: tooMany, after: tryAgainAfter, code: closePolicy, reason: tooMany}
		}
		conn.bucket.tokens--
		f, err := parseFrame(raw)
		if err != nil {
			return &ending{bye: badFrame, code: closeBadData, reason: badFrame}
		}
		if err := conn.handle(ctx, &f); err != nil {
			return err
		}
	}
}

func (conn *connection) handle(ctx context.Context, f *frame) error {
	if !conn.greeted {
		if f.T != "hello" {
			return &ending{bye: badFrame, code: closePolicy, reason: "hello comes first"}
		}
		conn.greeted = true
		return conn.hello(ctx, f)
	}
	switch f.T {
	case "send":
		return conn.send(ctx, f)
	case "ping":
		conn.out.put(encode(pongFrame{"pong", f.At}))
	}
	if conn.v == nil {
		return nil // nothing was said yet that the rest could be about
	}
	switch f.T {
	case "typing":
		conn.typing(ctx, f)
	case "seen":
		conn.seen(ctx, f.Delivered, f.Read)
	case "older":
		conn.older(ctx, f)
	case "end":
		e, after := conn.c.endEvent(ctx, &conn.speaker, f.ID)
		if e != nil && conn.receive(ctx, *e) != nil {
			after = tryAgainAfter
		}
		if after > 0 {
			conn.out.put(encode(laterFrame{T: "later", What: "end", After: after}))
		}
	}
	return nil
}

// hello joins the visitor's visit, if they have a token, and welcomes the panel.
func (conn *connection) hello(ctx context.Context, f *frame) error {
	place, ok := conn.c.place(f.Channel)
	if !ok {
		return &ending{bye: unknownChannel, code: closePolicy, reason: unknownChannel}
	}
	conn.speaker.place, conn.speaker.language, conn.speaker.page = place, f.Language, f.Page
	if f.Token != "" {
		if err := conn.begin(ctx, f.Token); err != nil {
			return err
		}
	}
	welcome, err := conn.c.welcome(ctx, conn.v, f.Since, place)
	if err != nil {
		return &ending{bye: restart, after: tryAgainAfter, code: closeTryAgain}
	}
	conn.out.welcome(append([][]byte{encode(welcome)}, conn.c.changedBefore(ctx, conn.v, f.From, &welcome)...)...)
	return nil
}

// begin makes the connection the one of a visitor.
func (conn *connection) begin(ctx context.Context, token string) error {
	visitor, ok := visitorOf(token)
	if !ok {
		return &ending{bye: badToken, code: closePolicy, reason: badToken}
	}
	v := conn.c.visits.acquire(visitor)
	if v == nil {
		return &ending{bye: tooMany, after: tryAgainAfter, code: closePolicy, reason: tooMany}
	}
	if !v.join(conn.out) {
		conn.c.visits.release(v)
		return &ending{bye: tooMany, after: tryAgainAfter, code: closePolicy, reason: tooMany}
	}
	conn.v, conn.speaker.visitor = v, visitor
	if !v.await(ctx, liveWithin) {
		return &ending{bye: restart, after: tryAgainAfter, code: closeTryAgain}
	}
	return nil
}

// send stores a message of the visitor. It is accepted when it is durable, never before.
func (conn *connection) send(ctx context.Context, f *frame) error {
	if refused := checkMessage(&conn.speaker, f); refused != nil {
		conn.out.put(encode(refused))
		return nil
	}
	if conn.v == nil {
		if err := conn.begin(ctx, f.Token); err != nil {
			return err
		}
		welcome, err := conn.c.welcome(ctx, conn.v, "", conn.speaker.place)
		if err == nil && len(welcome.Messages) > 0 { // another tab has written before
			conn.out.put(encode(welcome))
		}
	}
	if conn.v.knows(f.ID) {
		conn.out.put(encode(acceptedFrame{T: "accepted", ID: f.ID}))
		return nil
	}
	if refused := conn.c.takeMessage(&conn.speaker, f.ID); refused != nil {
		conn.out.put(encode(refused))
		return nil
	}
	later := func() error {
		conn.c.giveBack(&conn.speaker)
		conn.out.put(encode(laterFrame{T: "later", ID: f.ID, After: tryAgainAfter}))
		return nil
	}
	attachments, err := conn.c.attachments(ctx, conn.speaker.visitor, f.Attachments)
	switch {
	case errors.Is(err, errHandle):
		conn.c.giveBack(&conn.speaker)
		conn.out.put(encode(refusedFrame{T: "refused", ID: f.ID, Code: attachmentUnknown}))
		return nil
	case err != nil:
		conn.c.busy("state", err)
		return later()
	case !conn.v.await(ctx, liveWithin):
		return later()
	}
	typed := conn.v.customerTypes(false)
	events := conn.c.messageEvents(&conn.speaker, f, attachments, conn.v.begins(), typed)
	if conn.receive(ctx, events...) != nil {
		return later()
	}
	conn.v.accept(f.ID)
	conn.out.put(encode(acceptedFrame{T: "accepted", ID: f.ID}))
	return nil
}

// receive gives events to the host; they are durable when it returns nil.
func (conn *connection) receive(ctx context.Context, events ...sdk.Event) error {
	ctx, cancel := context.WithTimeout(ctx, hostPatience)
	defer cancel()
	err := conn.c.host.Receive(ctx, nil, events...)
	if err != nil {
		conn.c.busy("receive", err)
	}
	return err
}

func (conn *connection) typing(ctx context.Context, f *frame) {
	if conn.v.begins() {
		return // nobody would see it
	}
	if conn.v.customerTypes(f.On) {
		_ = conn.receive(ctx, conn.v.typingEvent(f.On)) // best effort
	}
}

// seen tells how far our messages have come; without positions, what follows for those that were shown since.
func (conn *connection) seen(ctx context.Context, delivered, read string) {
	events, done := conn.v.receipts(&conn.speaker, delivered, read)
	if len(events) > 0 && conn.receive(ctx, events...) == nil {
		done()
	}
}

func (conn *connection) older(ctx context.Context, f *frame) {
	if after, ok := conn.c.limits.reads.take(conn.speaker.visitor); !ok {
		conn.out.put(encode(laterFrame{T: "later", What: "older", After: inSeconds(after)}))
		return
	}
	older, err := conn.c.older(ctx, conn.v, f.Before)
	if err != nil {
		conn.out.put(encode(laterFrame{T: "later", What: "older", After: tryAgainAfter}))
		return
	}
	conn.out.put(encode(older))
	conn.seen(ctx, "", "")
}
