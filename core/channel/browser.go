package channel

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/coder/websocket"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// browser is one live connection: what the plugin has for it, and how much it may still send.
type browser struct {
	id      uint64
	account string
	out     *frames
	verdict chan *channelv1.ConnectResponse // accepted or refused
	ended   chan struct{}                   // closed by end

	mu      sync.Mutex
	outbox  []*channelv1.LivePayload
	held    int // bytes in the outbox
	owed    int // credit gathered and not yet given
	credit  int // bytes that may be given to the plugin
	closing bool
	code    int
	reason  string
	run     func()        // writes what there is; nil until the connection is accepted
	writing bool          // run runs; after the end it stays so
	allowed chan struct{} // there is more credit
}

func newBrowser(id uint64, account string, out *frames) *browser {
	return &browser{
		id: id, account: account, out: out, verdict: make(chan *channelv1.ConnectResponse, 1), ended: make(chan struct{}),
		credit: channelv1.LiveWindowBytes, allowed: make(chan struct{}, 1),
	}
}

// cost is what a payload counts for.
func cost(content []byte) int { return max(len(content), 1) }

// arrive keeps what the plugin sent; false when it exceeds the window, or what one payload may have.
func (b *browser) arrive(p *channelv1.LivePayload) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing {
		return true
	}
	if len(p.GetContent()) > channelv1.LiveMaxPayloadBytes || b.held+b.owed+cost(p.GetContent()) > channelv1.LiveWindowBytes {
		return false
	}
	b.held += cost(p.GetContent())
	b.outbox = append(b.outbox, p)
	b.wake()
	return true
}

// allow takes credit from the plugin.
func (b *browser) allow(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.credit += bytes
	signal(b.allowed)
}

// end closes the connection once what the plugin sent before is written. The first end counts.
func (b *browser) end(code int, reason string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.closing {
		return
	}
	b.closing, b.code, b.reason = true, code, reason
	close(b.ended)
	b.wake()
}

// begin lets run write what there is, now and whenever there is more, in a goroutine that lives only that long: of
// thousands of connections hardly any has something to write.
func (b *browser) begin(run func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.run = run
	if len(b.outbox) > 0 || b.closing {
		b.wake()
	}
}

// wake has what is there written. The caller holds mu.
func (b *browser) wake() {
	if b.run != nil && !b.writing {
		b.writing = true
		go b.run()
	}
}

// next returns what is to be written, or, when that was all, whether the connection has ended. When it has not, whoever
// writes is to leave.
func (b *browser) next() (p *channelv1.LivePayload, ended bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.outbox) > 0 {
		p = b.outbox[0]
		b.outbox[0] = nil
		b.outbox = b.outbox[1:]
		return p, false
	}
	b.outbox = nil
	b.writing = b.closing
	return nil, b.closing
}

// written gives the plugin credit for what has left, in portions.
func (b *browser) written(bytes int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.held -= bytes
	b.owed += bytes
	if b.owed >= channelv1.LiveWindowBytes/4 && !b.closing {
		b.out.put(&channelv1.ConnectRequest{Connection: b.id, Frame: &channelv1.ConnectRequest_Credit{
			Credit: &channelv1.LiveCredit{Bytes: uint32(b.owed)}, //nolint:gosec // at most the window
		}})
		b.owed = 0
	}
}

// spend takes the credit for a payload; false when there is too little.
func (b *browser) spend(bytes int) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.credit < bytes {
		return false
	}
	b.credit -= bytes
	return true
}

// pump moves messages between an accepted WebSocket and the plugin until either side ends it, and returns with which
// code and reason the browser closed; 0 where the connection broke or the plugin was first.
func (b *browser) pump(conn *websocket.Conn, limits liveLimits) (code int, reason string) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var reading atomic.Bool
	stopPings := keepPinging(limits.pingEvery, func() bool {
		// Nobody would see the answer while the browser's messages wait for the plugin.
		if !reading.Load() || ping(ctx, conn, limits.writePatience) == nil {
			return true
		}
		cancel() // ends the reader, and with it everything
		return false
	})
	defer stopPings()
	wrote := make(chan struct{})
	b.begin(func() {
		if b.write(ctx, conn, limits.writePatience, cancel) {
			close(wrote)
		}
	})
	code, reason = b.read(ctx, conn, &reading)
	b.end(0, "")
	cancel()
	<-wrote
	_ = conn.CloseNow() // it is closed already, unless it broke
	return code, reason
}

// keepPinging calls ping at intervals, without a goroutine in between, until it returns false or stop is called.
func keepPinging(every time.Duration, ping func() bool) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	stopped := false
	mu.Lock()
	defer mu.Unlock()
	timer = time.AfterFunc(every, func() {
		again := ping()
		mu.Lock()
		defer mu.Unlock()
		if again && !stopped {
			timer.Reset(every)
		}
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}

func ping(ctx context.Context, conn *websocket.Conn, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return conn.Ping(ctx)
}

// read gives the plugin what the browser sends, as far as its credit goes.
func (b *browser) read(ctx context.Context, conn *websocket.Conn, reading *atomic.Bool) (code int, reason string) {
	for {
		reading.Store(true)
		kind, content, err := conn.Read(ctx)
		reading.Store(false)
		if err != nil {
			var closed websocket.CloseError
			switch {
			case errors.As(err, &closed):
				return int(closed.Code), closed.Reason
			case errors.Is(err, websocket.ErrMessageTooBig):
				return int(websocket.StatusMessageTooBig), ""
			}
			return 0, ""
		}
		for !b.spend(cost(content)) {
			select {
			case <-b.allowed:
			case <-b.ended:
				return 0, ""
			case <-ctx.Done():
				return 0, ""
			}
		}
		b.out.put(&channelv1.ConnectRequest{Connection: b.id, Frame: &channelv1.ConnectRequest_Payload{
			Payload: &channelv1.LivePayload{Content: content, Binary: kind == websocket.MessageBinary},
		}})
	}
}

// closePatience is how long a browser has to answer when its connection is closed.
const closePatience = 2 * time.Second

// write gives the browser what the plugin has sent, and then the end, if it has come; it returns whether that was the
// last. giveUp ends the reading.
func (b *browser) write(ctx context.Context, conn *websocket.Conn, patience time.Duration, giveUp func()) (last bool) {
	for {
		p, ended := b.next()
		switch {
		case p != nil:
			if !writeOne(ctx, conn, p, patience) { // it did not take it in time
				b.end(closeInternal, "")
				giveUp()
				return true
			}
			b.written(cost(p.GetContent()))
		case ended:
			b.mu.Lock()
			code, reason := b.code, b.reason
			b.mu.Unlock()
			if code != 0 {
				// The library would wait for the browser's answer longer than a stop should take.
				enough := time.AfterFunc(closePatience, giveUp)
				_ = conn.Close(sendable(code), short(reason)) // the browser may have gone meanwhile
				enough.Stop()
			}
			return true
		default:
			return false
		}
	}
}

func writeOne(ctx context.Context, conn *websocket.Conn, p *channelv1.LivePayload, patience time.Duration) bool {
	kind := websocket.MessageText
	if p.GetBinary() {
		kind = websocket.MessageBinary
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return conn.Write(ctx, kind, p.GetContent()) == nil
}

// sendable is a code that may be written to a WebSocket: RFC 6455 §7.4 reserves some for what was never sent.
func sendable(code int) websocket.StatusCode {
	switch {
	case code >= 3000 && code < 5000, code >= 1000 && code <= 1003, code >= 1007 && code <= 1014:
		return websocket.StatusCode(code)
	}
	return closeInternal
}

// short cuts a reason to what fits into a close frame: 123 bytes.
func short(reason string) string {
	if !utf8.ValidString(reason) {
		return ""
	}
	for len(reason) > 123 {
		_, size := utf8.DecodeLastRuneInString(reason)
		reason = reason[:len(reason)-size]
	}
	return reason
}
