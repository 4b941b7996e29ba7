package channel

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime/debug"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

const (
	maxStateKey   = 200
	maxStateValue = 32 << 10
)

// hostService answers one plugin's process. A plugin reaches its own accounts only.
type hostService struct {
	channelv1.UnimplementedHostServer
	host   *Host
	plugin string
}

func newHostService(h *Host, plugin string) *hostService {
	return &hostService{host: h, plugin: plugin}
}

// own finds one of the plugin's accounts. What belongs to others is as unknown as what is not there.
func (s *hostService) own(id string) (*account, error) {
	if a := s.host.owned(s.plugin, id); a != nil {
		return a, nil
	}
	return nil, status.Errorf(codes.PermissionDenied, "account %q is not one of this plugin's", id)
}

// failed turns an error of a store into a status, by its code; what has none is told only to the log.
func (s *hostService) failed(what string, err error) error {
	code := codes.Internal
	switch core.CodeOf(err) {
	case core.Invalid:
		code = codes.InvalidArgument
	case core.NotFound, core.Gone:
		code = codes.NotFound
	case core.Conflict:
		code = codes.Aborted
	case core.TooLarge:
		code = codes.ResourceExhausted
	case core.Forbidden, core.Unauthorized:
		code = codes.PermissionDenied
	case core.Unavailable, core.StorageFull, core.RateLimited:
		code = codes.Unavailable
	}
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		code = codes.Canceled
	}
	text := what + " failed"
	var known *core.Error
	if errors.As(err, &known) {
		text = known.Message
	} else {
		s.host.log.Error(what+" for a plugin", "plugin", s.plugin, "error", err)
	}
	return status.Error(code, text)
}

// guarded is deferred: a panic in a store is an error of that call, not the end of the host.
func (s *hostService) guarded(err *error) {
	if p := recover(); p != nil {
		s.host.log.Error("panic while serving a plugin", "plugin", s.plugin, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
		*err = status.Error(codes.Internal, "the host failed")
	}
}

// Receive implements the protocol.
func (s *hostService) Receive(ctx context.Context, r *channelv1.ReceiveRequest) (_ *channelv1.ReceiveResponse, err error) {
	defer s.guarded(&err)
	a, err := s.own(r.GetAccount())
	if err != nil {
		return nil, err
	}
	events, err := inboundOf(a.id, r.GetEvents(), time.Now())
	if err != nil {
		return nil, status.Error(codes.InvalidArgument, err.Error())
	}
	var cursor *Cursor
	if c := r.GetCursor(); c != nil {
		cursor = &Cursor{Account: a.id, Name: c.GetName(), Value: c.GetValue()}
	}
	stored, duplicates, err := s.host.options.Receiver.Receive(ctx, events, cursor)
	if err != nil {
		return nil, s.failed("receive", err)
	}
	if len(events) > 0 {
		a.lastInbound.Store(time.Now().UnixMilli())
	}
	return &channelv1.ReceiveResponse{Stored: uint32(max(stored, 0)), Duplicates: uint32(max(duplicates, 0))}, nil //nolint:gosec // counts
}

func (s *hostService) state(id, key string) (*account, StateStore, error) {
	a, err := s.own(id)
	switch {
	case err != nil:
		return nil, nil, err
	case s.host.options.State == nil:
		return nil, nil, status.Error(codes.Unimplemented, "this host keeps no state")
	case len(key) > maxStateKey:
		return nil, nil, status.Errorf(codes.InvalidArgument, "a key has at most %d bytes", maxStateKey)
	}
	return a, s.host.options.State, nil
}

// GetState implements the protocol.
func (s *hostService) GetState(ctx context.Context, r *channelv1.GetStateRequest) (_ *channelv1.GetStateResponse, err error) {
	defer s.guarded(&err)
	a, store, err := s.state(r.GetAccount(), r.GetKey())
	if err != nil {
		return nil, err
	}
	value, version, found, err := store.GetState(ctx, a.id, r.GetKey())
	if err != nil {
		return nil, s.failed("get state", err)
	}
	return &channelv1.GetStateResponse{Found: found, Value: value, Version: version}, nil
}

// SetState implements the protocol.
func (s *hostService) SetState(ctx context.Context, r *channelv1.SetStateRequest) (_ *channelv1.SetStateResponse, err error) {
	defer s.guarded(&err)
	a, store, err := s.state(r.GetAccount(), r.GetKey())
	switch {
	case err != nil:
		return nil, err
	case r.GetKey() == "":
		return nil, status.Error(codes.InvalidArgument, "the key is empty")
	case len(r.GetValue()) > maxStateValue:
		return nil, status.Errorf(codes.InvalidArgument, "a value has at most %d bytes", maxStateValue)
	}
	var compare *uint64
	if r.GetCompare() {
		version := r.GetVersion()
		compare = &version
	}
	var version uint64
	if r.GetDelete() {
		err = store.DeleteState(ctx, a.id, r.GetKey(), compare)
	} else {
		version, err = store.SetState(ctx, a.id, r.GetKey(), r.GetValue(), compare)
	}
	if err != nil {
		return nil, s.failed("set state", err)
	}
	return &channelv1.SetStateResponse{Version: version}, nil
}

// ListState implements the protocol.
func (s *hostService) ListState(ctx context.Context, r *channelv1.ListStateRequest) (_ *channelv1.ListStateResponse, err error) {
	defer s.guarded(&err)
	a, store, err := s.state(r.GetAccount(), r.GetPrefix())
	if err != nil {
		return nil, err
	}
	keys, err := store.ListState(ctx, a.id, r.GetPrefix())
	if err != nil {
		return nil, s.failed("list state", err)
	}
	return &channelv1.ListStateResponse{Keys: keys}, nil
}

// Keys implements the protocol. Only addresses that the account named when it was opened are fetched.
func (s *hostService) Keys(ctx context.Context, r *channelv1.KeysRequest) (_ *channelv1.KeysResponse, err error) {
	defer s.guarded(&err)
	a, err := s.own(r.GetAccount())
	if err != nil {
		return nil, err
	}
	if !a.namesKeys(r.GetUrl()) {
		return nil, status.Errorf(codes.PermissionDenied, "account %q did not name %s when it was opened", a.id, r.GetUrl())
	}
	set, err := s.host.keys.get(ctx, r.GetUrl(), r.GetKeyId(), a.settings.Load().wire.GetTest())
	if err != nil {
		return nil, status.Error(codes.Unavailable, err.Error())
	}
	return &channelv1.KeysResponse{Document: set.document, FetchedAt: timestamppb.New(set.fetchedAt)}, nil
}

// PutMedia implements the protocol.
func (s *hostService) PutMedia(stream grpc.ClientStreamingServer[channelv1.PutMediaRequest, channelv1.PutMediaResponse]) (err error) {
	defer s.guarded(&err)
	first, err := stream.Recv()
	if err != nil {
		return err
	}
	head := first.GetHead()
	a, err := s.own(head.GetAccount())
	if err != nil {
		return err
	}
	if s.host.options.Media == nil {
		return status.Error(codes.Unimplemented, "this host keeps no media")
	}
	handle, size, err := s.host.options.Media.Put(stream.Context(), a.id, head.GetType(), head.GetName(), &chunkReader{
		next: func() ([]byte, error) {
			part, err := stream.Recv()
			return part.GetChunk(), err
		},
	})
	if err != nil {
		return s.failed("put media", err)
	}
	return stream.SendAndClose(&channelv1.PutMediaResponse{Handle: handle, Size: uint64(max(size, 0))})
}

// GetMedia implements the protocol.
func (s *hostService) GetMedia(r *channelv1.GetMediaRequest, stream grpc.ServerStreamingServer[channelv1.GetMediaResponse]) (err error) {
	defer s.guarded(&err)
	a, err := s.own(r.GetAccount())
	if err != nil {
		return err
	}
	if s.host.options.Media == nil {
		return status.Error(codes.Unimplemented, "this host keeps no media")
	}
	head, body, err := s.host.options.Media.Get(stream.Context(), a.id, r.GetHandle())
	if err != nil {
		return s.failed("get media", err)
	}
	defer func() { _ = body.Close() }()
	if err := stream.Send(&channelv1.GetMediaResponse{Part: &channelv1.GetMediaResponse_Head{Head: &channelv1.MediaHead{
		Type: head.Type, Name: head.Name, Size: uint64(max(head.Size, 0)),
	}}}); err != nil {
		return err
	}
	for {
		chunk := make([]byte, channelv1.MaxChunkBytes)
		n, err := io.ReadFull(body, chunk)
		if n > 0 {
			if err := stream.Send(&channelv1.GetMediaResponse{Part: &channelv1.GetMediaResponse_Chunk{Chunk: chunk[:n]}}); err != nil {
				return err
			}
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return nil
		case err != nil:
			return s.failed("get media", err)
		}
	}
}

// PublishMedia implements the protocol.
func (s *hostService) PublishMedia(ctx context.Context, r *channelv1.PublishMediaRequest) (_ *channelv1.PublishMediaResponse, err error) {
	defer s.guarded(&err)
	a, err := s.own(r.GetAccount())
	if err != nil {
		return nil, err
	}
	if s.host.options.Media == nil {
		return nil, status.Error(codes.Unimplemented, "this host keeps no media")
	}
	address, expires, err := s.host.options.Media.Publish(ctx, a.id, r.GetHandle(), r.GetValidFor().AsDuration())
	if err != nil {
		return nil, s.failed("publish media", err)
	}
	return &channelv1.PublishMediaResponse{Url: address, ExpiresAt: timestamppb.New(expires)}, nil
}

// chunkReader reads the chunks of a stream.
type chunkReader struct {
	next func() ([]byte, error)
	rest bytes.Reader
}

func (c *chunkReader) Read(p []byte) (int, error) {
	for c.rest.Len() == 0 {
		chunk, err := c.next()
		if err != nil {
			return 0, err // io.EOF at the end
		}
		c.rest.Reset(chunk)
	}
	return c.rest.Read(p)
}
