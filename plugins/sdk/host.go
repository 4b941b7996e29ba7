package sdk

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// hostLink is the one brokered connection to the host, dialled at first use and kept for the life of the plugin. (Each
// further brokered connection would cost a handshake and has a history of races.)
type hostLink struct {
	broker  *plugin.GRPCBroker
	clear   credentials.TransportCredentials // without TLS; nil otherwise
	mu      sync.Mutex
	conn    *grpc.ClientConn
	client  channelv1.HostClient
	watches threadWatches
}

func (l *hostLink) host() (channelv1.HostClient, error) {
	if _, err := l.connect(); err != nil {
		return nil, err
	}
	return l.client, nil
}

// connect dials at first use.
func (l *hostLink) connect() (*grpc.ClientConn, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		return l.conn, nil
	}
	if l.broker == nil {
		return nil, errors.New("sdk: there is no host here")
	}
	options := []grpc.DialOption{
		grpc.WithIdleTimeout(0), // an idle connection would have to be brokered again
		grpc.WithDefaultCallOptions(
			grpc.MaxCallRecvMsgSize(channelv1.MaxMessageBytes), grpc.MaxCallSendMsgSize(channelv1.MaxMessageBytes)),
	}
	if l.clear != nil {
		options = append(options, grpc.WithTransportCredentials(l.clear))
	}
	conn, err := l.broker.DialWithOptions(channelv1.HostBrokerID, options...)
	if err != nil {
		return nil, fmt.Errorf("sdk: reach the host: %w", err)
	}
	l.conn, l.client = conn, channelv1.NewHostClient(conn)
	return conn, nil
}

// accountHost is what the host offers to one account.
type accountHost struct {
	link    *hostLink
	account string
}

var _ Host = (*accountHost)(nil)

// Receive implements Host.
func (h *accountHost) Receive(ctx context.Context, cursor *Cursor, events ...Event) error {
	c, err := h.link.host()
	if err != nil {
		return err
	}
	out, err := eventsOut(events)
	if err != nil {
		return err
	}
	// What does not fit into one message goes in several. The cursor goes with the last of them, so that all of it comes
	// again when one fails.
	for len(out) > 0 {
		n := fitting(out)
		if n == len(out) {
			break
		}
		if _, err := c.Receive(ctx, &channelv1.ReceiveRequest{Account: h.account, Events: out[:n]}); err != nil {
			return fmt.Errorf("sdk: receive: %w", err)
		}
		out = out[n:]
	}
	r := &channelv1.ReceiveRequest{Account: h.account, Events: out}
	if cursor != nil {
		r.Cursor = &channelv1.Cursor{Name: cursor.Name, Value: cursor.Value}
	}
	if _, err := c.Receive(ctx, r); err != nil {
		return fmt.Errorf("sdk: receive: %w", err)
	}
	return nil
}

// receiveBytes is how much one Receive brings at most, unless one event alone is larger: well below MaxMessageBytes.
const receiveBytes = 8 << 20

// fitting is how many of the events, at least one, fit into one Receive.
func fitting(events []*channelv1.Event) int {
	size := 0
	for i, e := range events {
		if size += proto.Size(e); size > receiveBytes && i > 0 {
			return i
		}
	}
	return len(events)
}

// GetState implements Host.
func (h *accountHost) GetState(ctx context.Context, key string) ([]byte, uint64, error) {
	c, err := h.link.host()
	if err != nil {
		return nil, 0, err
	}
	r, err := c.GetState(ctx, &channelv1.GetStateRequest{Account: h.account, Key: key})
	if err != nil {
		return nil, 0, fmt.Errorf("sdk: get state %q: %w", key, err)
	}
	if !r.GetFound() {
		return nil, 0, ErrStateAbsent
	}
	return r.GetValue(), r.GetVersion(), nil
}

// SetState implements Host.
func (h *accountHost) SetState(ctx context.Context, key string, value []byte) (uint64, error) {
	return h.setState(ctx, &channelv1.SetStateRequest{Account: h.account, Key: key, Value: value})
}

// CompareAndSetState implements Host.
func (h *accountHost) CompareAndSetState(ctx context.Context, key string, value []byte, version uint64) (uint64, error) {
	return h.setState(ctx, &channelv1.SetStateRequest{Account: h.account, Key: key, Value: value, Compare: true, Version: version})
}

// DeleteState implements Host.
func (h *accountHost) DeleteState(ctx context.Context, key string) error {
	_, err := h.setState(ctx, &channelv1.SetStateRequest{Account: h.account, Key: key, Delete: true})
	return err
}

func (h *accountHost) setState(ctx context.Context, r *channelv1.SetStateRequest) (uint64, error) {
	c, err := h.link.host()
	if err != nil {
		return 0, err
	}
	out, err := c.SetState(ctx, r)
	switch {
	case status.Code(err) == codes.Aborted:
		return 0, ErrStateChanged
	case err != nil:
		return 0, fmt.Errorf("sdk: set state %q: %w", r.GetKey(), err)
	}
	return out.GetVersion(), nil
}

// ListState implements Host.
func (h *accountHost) ListState(ctx context.Context, prefix string) ([]string, error) {
	c, err := h.link.host()
	if err != nil {
		return nil, err
	}
	out, err := c.ListState(ctx, &channelv1.ListStateRequest{Account: h.account, Prefix: prefix})
	if err != nil {
		return nil, fmt.Errorf("sdk: list state: %w", err)
	}
	return out.GetKeys(), nil
}

// Keys implements Host. Whatever goes wrong is ErrKeysUnavailable to the caller: the provider is to try again.
func (h *accountHost) Keys(ctx context.Context, url, keyID string) ([]byte, error) {
	c, err := h.link.host()
	if err != nil {
		return nil, errors.Join(ErrKeysUnavailable, err)
	}
	out, err := c.Keys(ctx, &channelv1.KeysRequest{Account: h.account, Url: url, KeyId: keyID})
	if err != nil {
		return nil, errors.Join(ErrKeysUnavailable, err)
	}
	return out.GetDocument(), nil
}

// PutMedia implements Host.
func (h *accountHost) PutMedia(ctx context.Context, mimeType, name string, r io.Reader) (string, error) {
	c, err := h.link.host()
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := c.PutMedia(ctx)
	if err != nil {
		return "", fmt.Errorf("sdk: put media: %w", err)
	}
	err = stream.Send(&channelv1.PutMediaRequest{Part: &channelv1.PutMediaRequest_Head{Head: &channelv1.PutMediaHead{
		Account: h.account, Type: mimeType, Name: name,
	}}})
	if err == nil {
		err = inChunks(r, func(chunk []byte) error {
			return stream.Send(&channelv1.PutMediaRequest{Part: &channelv1.PutMediaRequest_Chunk{Chunk: chunk}})
		})
	}
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("sdk: put media: %w", err)
	}
	// After an io.EOF from Send, the host's reason is in the response.
	out, err := stream.CloseAndRecv()
	if err != nil {
		return "", fmt.Errorf("sdk: put media: %w", err)
	}
	return out.GetHandle(), nil
}

// GetMedia implements Host.
func (h *accountHost) GetMedia(ctx context.Context, handle string) (*Media, error) {
	c, err := h.link.host()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	stream, err := c.GetMedia(ctx, &channelv1.GetMediaRequest{Account: h.account, Handle: handle})
	if err != nil {
		cancel()
		return nil, fmt.Errorf("sdk: get media: %w", err)
	}
	first, err := stream.Recv()
	if err != nil {
		cancel()
		return nil, fmt.Errorf("sdk: get media: %w", err)
	}
	head := first.GetHead()
	return &Media{
		Type: head.GetType(), Name: head.GetName(), Size: int64(head.GetSize()), //nolint:gosec // a size
		Body: &mediaReader{stream: stream, cancel: cancel},
	}, nil
}

// mediaReader reads the chunks of a GetMedia stream.
type mediaReader struct {
	stream grpc.ServerStreamingClient[channelv1.GetMediaResponse]
	cancel context.CancelFunc
	rest   []byte
}

func (m *mediaReader) Read(p []byte) (int, error) {
	for len(m.rest) == 0 {
		part, err := m.stream.Recv()
		if err != nil {
			return 0, err // io.EOF at the end
		}
		m.rest = part.GetChunk()
	}
	n := copy(p, m.rest)
	m.rest = m.rest[n:]
	return n, nil
}

func (m *mediaReader) Close() error {
	m.cancel()
	return nil
}

// PublishMedia implements Host.
func (h *accountHost) PublishMedia(ctx context.Context, handle string, validFor time.Duration) (string, error) {
	c, err := h.link.host()
	if err != nil {
		return "", err
	}
	out, err := c.PublishMedia(ctx, &channelv1.PublishMediaRequest{
		Account: h.account, Handle: handle, ValidFor: durationOut(validFor),
	})
	if err != nil {
		return "", fmt.Errorf("sdk: publish media: %w", err)
	}
	return out.GetUrl(), nil
}
