package sdktest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// Host is a host in memory, as the plugin under test sees it. Its fields may be read and set between calls.
type Host struct {
	channelv1.UnimplementedHostServer
	mu       sync.Mutex
	received []*channelv1.Event
	cursor   *channelv1.Cursor
	cursors  map[string][]byte // by account and name
	told     func(account string, events []*channelv1.Event)
	loose    int           // batches of events that came without a cursor
	held     *heldReceive  // what the next Receive waits for, before it stores
	answers  *heldReceive  // the same, when it has stored
	refusals int           // how many of the next ones with events fail
	refused  chan struct{} // closed with the first of them
	state    map[string]stateValue
	versions uint64
	media    map[string]storedMedia
	keys     map[string][]byte
}

// heldReceive is a Receive that waits.
type heldReceive struct{ came, let chan struct{} }

type stateValue struct {
	value   []byte
	version uint64
}

type storedMedia struct {
	head    *channelv1.MediaHead
	content []byte
}

func newHost() *Host {
	return &Host{cursors: map[string][]byte{}, state: map[string]stateValue{}, media: map[string]storedMedia{}, keys: map[string][]byte{}}
}

// Received returns what the plugin gave to Host.Receive, and the newest cursor.
func (h *Host) Received() ([]*channelv1.Event, *channelv1.Cursor) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Clone(h.received), h.cursor
}

// OnReceive has f called with each batch of events, when it is stored.
func (h *Host) OnReceive(f func(account string, events []*channelv1.Event)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = f
}

// PublishKeys makes a key set available; without it, Keys answers that none can be had.
func (h *Host) PublishKeys(url string, document []byte) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.keys[url] = document
}

// AddMedia stores content for the plugin to get or publish.
func (h *Host) AddMedia(account, mimeType, name string, content []byte) (handle string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	handle = fmt.Sprintf("%s/%d", account, len(h.media)+1)
	h.media[handle] = storedMedia{&channelv1.MediaHead{Type: mimeType, Name: name, Size: uint64(len(content))}, content}
	return handle
}

// HoldReceive lets the next Receive wait until release is called; came is closed when it is there.
func (h *Host) HoldReceive() (came <-chan struct{}, release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	held := &heldReceive{make(chan struct{}), make(chan struct{})}
	h.held = held
	return held.came, func() { close(held.let) }
}

// holdAnswer lets the next Receive store and then wait with the answer until release is called.
func (h *Host) holdAnswer() (stored <-chan struct{}, release func()) {
	h.mu.Lock()
	defer h.mu.Unlock()
	held := &heldReceive{make(chan struct{}), make(chan struct{})}
	h.answers = held
	return held.came, func() { close(held.let) }
}

// RefuseReceive makes the next n calls of Receive that bring events fail; refused is closed with the first of them.
func (h *Host) RefuseReceive(n int) (refused <-chan struct{}) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.refusals, h.refused = n, make(chan struct{})
	return h.refused
}

// Cursor returns the cursor of a name that is stored for an account, nil where there is none.
func (h *Host) Cursor(account, name string) []byte {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.cursors[account+"|"+name]
}

// Receive implements the protocol.
func (h *Host) Receive(ctx context.Context, r *channelv1.ReceiveRequest) (*channelv1.ReceiveResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if held := h.held; held != nil && len(r.GetEvents()) > 0 {
		h.held = nil
		close(held.came)
		h.mu.Unlock()
		select {
		case <-held.let:
		case <-ctx.Done():
		}
		h.mu.Lock()
		if err := ctx.Err(); err != nil {
			return nil, status.FromContextError(err).Err()
		}
	}
	if h.refusals > 0 && len(r.GetEvents()) > 0 {
		h.refusals--
		if h.refused != nil {
			close(h.refused)
			h.refused = nil
		}
		return nil, status.Error(codes.Unavailable, "the host cannot store anything now")
	}
	h.received = append(h.received, r.GetEvents()...)
	if h.told != nil && len(r.GetEvents()) > 0 {
		h.told(r.GetAccount(), r.GetEvents())
	}
	switch c := r.GetCursor(); {
	case c != nil:
		h.cursor = c
		h.cursors[r.GetAccount()+"|"+c.GetName()] = bytes.Clone(c.GetValue())
	case len(r.GetEvents()) > 0:
		h.loose++
	}
	if held := h.answers; held != nil && len(r.GetEvents()) > 0 {
		h.answers = nil
		close(held.came)
		h.mu.Unlock()
		select {
		case <-held.let:
		case <-ctx.Done():
		}
		h.mu.Lock()
	}
	return &channelv1.ReceiveResponse{Stored: uint32(len(r.GetEvents()))}, nil //nolint:gosec // a count
}

// withoutCursor tells how many batches of events came without a cursor.
func (h *Host) withoutCursor() int {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.loose
}

// GetState implements the protocol.
func (h *Host) GetState(_ context.Context, r *channelv1.GetStateRequest) (*channelv1.GetStateResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	v, found := h.state[r.GetAccount()+"|"+r.GetKey()]
	return &channelv1.GetStateResponse{Found: found, Value: v.value, Version: v.version}, nil
}

// SetState implements the protocol.
func (h *Host) SetState(_ context.Context, r *channelv1.SetStateRequest) (*channelv1.SetStateResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	key := r.GetAccount() + "|" + r.GetKey()
	if r.GetCompare() && h.state[key].version != r.GetVersion() {
		return nil, status.Error(codes.Aborted, "changed meanwhile")
	}
	if r.GetDelete() {
		delete(h.state, key)
		return &channelv1.SetStateResponse{}, nil
	}
	h.versions++
	h.state[key] = stateValue{bytes.Clone(r.GetValue()), h.versions}
	return &channelv1.SetStateResponse{Version: h.versions}, nil
}

// ListState implements the protocol.
func (h *Host) ListState(_ context.Context, r *channelv1.ListStateRequest) (*channelv1.ListStateResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	out := &channelv1.ListStateResponse{}
	for key := range h.state {
		if rest, ok := strings.CutPrefix(key, r.GetAccount()+"|"); ok && strings.HasPrefix(rest, r.GetPrefix()) {
			out.Keys = append(out.Keys, rest)
		}
	}
	slices.Sort(out.Keys)
	return out, nil
}

// Keys implements the protocol.
func (h *Host) Keys(_ context.Context, r *channelv1.KeysRequest) (*channelv1.KeysResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	document, ok := h.keys[r.GetUrl()]
	if !ok {
		return nil, status.Error(codes.Unavailable, "no keys can be had")
	}
	return &channelv1.KeysResponse{Document: document, FetchedAt: timestamppb.Now()}, nil
}

// PutMedia implements the protocol.
func (h *Host) PutMedia(stream grpc.ClientStreamingServer[channelv1.PutMediaRequest, channelv1.PutMediaResponse]) error {
	var head *channelv1.PutMediaHead
	var content []byte
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if part.GetHead() != nil {
			head = part.GetHead()
		}
		if len(part.GetChunk()) > channelv1.MaxChunkBytes {
			return status.Error(codes.InvalidArgument, "a chunk is too large")
		}
		content = append(content, part.GetChunk()...)
	}
	if head == nil {
		return status.Error(codes.InvalidArgument, "content without a head")
	}
	handle := h.AddMedia(head.GetAccount(), head.GetType(), head.GetName(), content)
	return stream.SendAndClose(&channelv1.PutMediaResponse{Handle: handle, Size: uint64(len(content))})
}

// GetMedia implements the protocol.
func (h *Host) GetMedia(r *channelv1.GetMediaRequest, stream grpc.ServerStreamingServer[channelv1.GetMediaResponse]) error {
	h.mu.Lock()
	m, ok := h.media[r.GetHandle()]
	h.mu.Unlock()
	if !ok {
		return status.Error(codes.NotFound, "no such content")
	}
	if err := stream.Send(&channelv1.GetMediaResponse{Part: &channelv1.GetMediaResponse_Head{Head: m.head}}); err != nil {
		return err
	}
	for chunk := range slices.Chunk(m.content, channelv1.MaxChunkBytes) {
		if err := stream.Send(&channelv1.GetMediaResponse{Part: &channelv1.GetMediaResponse_Chunk{Chunk: chunk}}); err != nil {
			return err
		}
	}
	return nil
}

// PublishMedia implements the protocol.
func (h *Host) PublishMedia(_ context.Context, r *channelv1.PublishMediaRequest) (*channelv1.PublishMediaResponse, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.media[r.GetHandle()]; !ok {
		return nil, status.Error(codes.NotFound, "no such content")
	}
	return &channelv1.PublishMediaResponse{Url: "https://media.example.com/" + r.GetHandle()}, nil
}
