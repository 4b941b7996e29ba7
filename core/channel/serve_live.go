package channel

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/coder/websocket"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// liveLimits bound live connections.
type liveLimits struct {
	perAccount    int
	perAddress    int
	acceptLimit   time.Duration // for the plugin to accept or refuse
	pingEvery     time.Duration
	writePatience time.Duration // for a browser to take one message, or to answer a ping
}

func liveLimitsOf(o Options) liveLimits {
	limits := liveLimits{
		perAccount: o.LivePerAccount, perAddress: o.LivePerAddress,
		acceptLimit: 5 * time.Second, pingEvery: 25 * time.Second, writePatience: 10 * time.Second,
	}
	if limits.perAccount <= 0 {
		limits.perAccount = 10_000
	}
	if limits.perAddress <= 0 {
		limits.perAddress = 500
	}
	return limits
}

// liveConnections counts the live connections of a host.
type liveConnections struct {
	mu        sync.Mutex
	closed    bool
	byAccount map[string]int
	byAddress map[string]int
	serving   sync.WaitGroup
}

// enter counts a connection; a status other than 0 turns it away. The caller owes a leave.
func (c *liveConnections) enter(account, address string, limits liveLimits) (status int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return http.StatusServiceUnavailable
	case c.byAccount[account] >= limits.perAccount, address != "" && c.byAddress[address] >= limits.perAddress:
		return http.StatusTooManyRequests
	}
	if c.byAccount == nil {
		c.byAccount, c.byAddress = map[string]int{}, map[string]int{}
	}
	c.byAccount[account]++
	c.byAddress[address]++
	c.serving.Add(1)
	return 0
}

func (c *liveConnections) leave(account, address string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byAccount[account]--; c.byAccount[account] == 0 {
		delete(c.byAccount, account)
	}
	if c.byAddress[address]--; c.byAddress[address] == 0 {
		delete(c.byAddress, address)
	}
	c.serving.Done()
}

func (c *liveConnections) of(account string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.byAccount[account]
}

// client is what the connections of one client are counted under: its address, or its network where it may have as many
// addresses as it likes. A loopback address is a proxy, or this very machine, and not counted.
func client(address string) string {
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	ip = ip.Unmap()
	if ip.IsLoopback() {
		return ""
	}
	if ip.Is6() {
		network, _ := ip.WithZone("").Prefix(64)
		return network.String()
	}
	return ip.String()
}

// ServeLive answers a request to upgrade to a WebSocket below an account's address: the plugin decides, and the host
// carries the messages between the browser and the plugin until either ends it. It returns the status that was answered,
// 101 for a connection that was accepted.
//
// While the plugin is down it answers 503, and closes the connections that there were with code 1012, as it does when the
// account is closed or changed; where the host stops, with 1001. So many connections are served as Options say, with messages of at most 32 KiB.
// The Origin is the plugin's to check.
//
// What net/http keeps for a request, a deep stack above all, is let go of: an accepted connection is served beyond the
// return.
func (h *Host) ServeLive(w http.ResponseWriter, r *http.Request, account string, request Request) int {
	a := h.account(account)
	if a == nil {
		return turnAway(w, http.StatusNotFound, "there is no such account")
	}
	address := client(request.RemoteAddress)
	if status := h.connections.enter(account, address, h.liveLimits); status != 0 {
		return turnAway(w, status, "not now: try again later")
	}
	served := false
	defer func() {
		if !served {
			h.connections.leave(account, address)
		}
	}()
	l := a.supervisor.current.Load()
	switch {
	case l == nil || a.openError.Load() != nil:
		return turnAway(w, http.StatusServiceUnavailable, "the channel is not running")
	case l.link == nil:
		return turnAway(w, http.StatusNotFound, "this channel has no live connections")
	}
	b := l.link.open(account, requestOf(account, &request))
	if b == nil {
		return turnAway(w, http.StatusServiceUnavailable, "the channel is not running")
	}
	accepted, status := h.verdict(r.Context(), w, b)
	if accepted == nil {
		l.link.drop(b, 0, "")
		return status
	}
	// The plugin has looked at the Origin, if it wants to. Compressing would cost memory for each connection.
	options := &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled}
	if name := accepted.GetSubprotocol(); name != "" {
		options.Subprotocols = []string{name}
	}
	conn, err := websocket.Accept(lean{w}, r, options)
	if err != nil { // the library has answered
		l.link.drop(b, 0, "")
		return http.StatusBadRequest
	}
	conn.SetReadLimit(channelv1.LiveMaxPayloadBytes)
	served = true
	go func() {
		defer h.connections.leave(account, address)
		code, reason := b.pump(conn, h.liveLimits)
		l.link.drop(b, code, reason)
	}()
	return http.StatusSwitchingProtocols
}

// lean gives a connection that is taken over smaller buffers than net/http's, which has 4 KiB for each direction:
// thousands of connections are open, and hardly anything is said on them.
type lean struct{ http.ResponseWriter }

const (
	leanRead  = 512
	leanWrite = 1024
)

// Hijack implements http.Hijacker.
func (l lean) Hijack() (net.Conn, *bufio.ReadWriter, error) {
	conn, buffered, err := http.NewResponseController(l.ResponseWriter).Hijack()
	if err != nil {
		return nil, nil, err
	}
	ahead, _ := buffered.Reader.Peek(buffered.Reader.Buffered()) // what has come already
	reader := bufio.NewReaderSize(io.MultiReader(bytes.NewReader(bytes.Clone(ahead)), conn), max(leanRead, len(ahead)))
	if _, err := reader.Peek(len(ahead)); err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return conn, bufio.NewReadWriter(reader, bufio.NewWriterSize(conn, leanWrite)), nil
}

// verdict waits for what the plugin makes of a connection, and answers for it where it does not accept.
func (h *Host) verdict(ctx context.Context, w http.ResponseWriter, b *browser) (accepted *channelv1.LiveAccepted, status int) {
	patience := time.NewTimer(h.liveLimits.acceptLimit)
	defer patience.Stop()
	var frame *channelv1.ConnectResponse
	select {
	case frame = <-b.verdict:
	case <-b.ended:
		select {
		case frame = <-b.verdict: // accepted, and closed at once
		default:
			return nil, turnAway(w, http.StatusServiceUnavailable, "the channel is not running")
		}
	case <-patience.C:
		h.log.Warn("the plugin did not accept or refuse a live connection in time", "account", b.account)
		return nil, turnAway(w, http.StatusServiceUnavailable, "the channel did not answer")
	case <-ctx.Done():
		return nil, turnAway(w, http.StatusServiceUnavailable, "")
	}
	if accepted := frame.GetAccepted(); accepted != nil {
		return accepted, http.StatusSwitchingProtocols
	}
	refused, err := responseOf(frame.GetRefused())
	if err != nil || refused.Status < 400 {
		return nil, turnAway(w, http.StatusForbidden, "")
	}
	for _, line := range refused.Headers {
		if name := http.CanonicalHeaderKey(line.Name); refusalHeaders[name] {
			w.Header().Add(name, line.Value)
		}
	}
	// Our own pages share this origin.
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.Header().Set("Content-Security-Policy", "default-src 'none'; sandbox")
	w.WriteHeader(refused.Status)
	_, _ = w.Write(refused.Body)
	return nil, refused.Status
}

// refusalHeaders are what a plugin may say with a refusal.
var refusalHeaders = map[string]bool{"Content-Type": true, "Retry-After": true, "Www-Authenticate": true, "Cache-Control": true}

func turnAway(w http.ResponseWriter, status int, text string) int {
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		w.Header().Set("Retry-After", "1")
	}
	http.Error(w, text, status)
	return status
}

// CloseLive closes all live connections with code 1001, lets no further ones in, and waits for those to end. Stop does
// it too; to call it before is to let browsers know early that the host is going.
func (h *Host) CloseLive() {
	h.connections.mu.Lock()
	h.connections.closed = true
	h.connections.mu.Unlock()
	h.mu.Lock()
	for _, s := range h.supervisors {
		if l := s.current.Load(); l != nil {
			l.link.close(closeGoingAway, "the server is stopping")
		}
	}
	h.mu.Unlock()
	h.connections.serving.Wait()
}
