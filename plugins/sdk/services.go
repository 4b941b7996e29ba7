package sdk

import (
	"context"
	"errors"
	"io"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// The optional services, registered only where Manifest.Services says so.
type (
	mediaServer struct {
		channelv1.UnimplementedMediaServer
		*server
	}
	profilesServer struct {
		channelv1.UnimplementedProfilesServer
		*server
	}
	signalsServer struct {
		channelv1.UnimplementedSignalsServer
		*server
	}
	reconcilerServer struct {
		channelv1.UnimplementedReconcilerServer
		*server
	}
)

var errService = status.Error(codes.Unimplemented, "this account does not offer that")

// FetchMedia implements the protocol.
func (s *mediaServer) FetchMedia(r *channelv1.FetchMediaRequest, stream grpc.ServerStreamingServer[channelv1.FetchMediaResponse]) (err error) {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end("FetchMedia", &err)
	a, err := s.account(r.GetAccount())
	if err != nil {
		return err
	}
	defer a.use.leave()
	fetcher, ok := a.channel.(MediaFetcher)
	if !ok {
		return errService
	}
	media, err := fetcher.FetchMedia(stream.Context(), r.GetHandle(), int64(r.GetMaxBytes())) //nolint:gosec // a size
	if err != nil {
		return sendMediaError(stream, err, s.scrubber)
	}
	defer func() { _ = media.Body.Close() }()
	if err := stream.Send(&channelv1.FetchMediaResponse{Part: &channelv1.FetchMediaResponse_Head{Head: &channelv1.MediaHead{
		Type: media.Type, Name: media.Name, Size: uint64(max(media.Size, 0)),
	}}}); err != nil {
		return err
	}
	// One byte beyond the limit is read, so that the host learns that there is more.
	body := io.Reader(media.Body)
	if r.GetMaxBytes() > 0 {
		body = io.LimitReader(body, int64(r.GetMaxBytes())+1) //nolint:gosec // a size
	}
	err = inChunks(body, func(chunk []byte) error {
		return stream.Send(&channelv1.FetchMediaResponse{Part: &channelv1.FetchMediaResponse_Chunk{Chunk: chunk}})
	})
	var failed *readError
	if errors.As(err, &failed) {
		return sendMediaError(stream, failed.error, s.scrubber)
	}
	return err
}

func sendMediaError(stream grpc.ServerStreamingServer[channelv1.FetchMediaResponse], err error, s *scrubber) error {
	var (
		notReady *NotReady
		gone     *MediaGone
		refused  *MediaRefused
	)
	out := &channelv1.FetchMediaResponse{}
	switch {
	case errors.As(err, &notReady):
		out.Part = &channelv1.FetchMediaResponse_NotReady{NotReady: &channelv1.MediaNotReady{After: durationOut(notReady.After)}}
	case errors.As(err, &gone):
		out.Part = &channelv1.FetchMediaResponse_Gone{Gone: &channelv1.MediaGone{Reason: gone.Reason}}
	case errors.As(err, &refused):
		out.Part = &channelv1.FetchMediaResponse_Refused{Refused: &channelv1.MediaRefused{Reason: refused.Reason}}
	default:
		return status.Error(codes.Unavailable, s.scrub(err.Error()))
	}
	return stream.Send(out)
}

// readError is a failure of the reader in inChunks, as opposed to one of the stream.
type readError struct{ error }

// inChunks passes r on in chunks of at most 256 KiB. Each chunk is a buffer of its own: the stream keeps it until it is
// written.
func inChunks(r io.Reader, send func([]byte) error) error {
	for {
		// Not io.ReadFull: its ErrUnexpectedEOF for a short last chunk is what a reader says of content that was cut off.
		var (
			buffer = make([]byte, channelv1.MaxChunkBytes)
			n      int
			err    error
		)
		for n < len(buffer) && err == nil {
			var read int
			read, err = r.Read(buffer[n:])
			n += read
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return &readError{err}
		}
		if n > 0 {
			if err := send(buffer[:n]); err != nil {
				return err
			}
		}
		if err != nil {
			return nil
		}
	}
}

// FetchProfile implements the protocol.
func (s *profilesServer) FetchProfile(ctx context.Context, r *channelv1.FetchProfileRequest) (_ *channelv1.FetchProfileResponse, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end("FetchProfile", &err)
	a, err := s.account(r.GetAccount())
	if err != nil {
		return nil, err
	}
	defer a.use.leave()
	fetcher, ok := a.channel.(ProfileFetcher)
	if !ok {
		return nil, errService
	}
	profile, err := fetcher.FetchProfile(ctx, identityIn(r.GetIdentity()), threadIn(r.GetThread()))
	if err != nil {
		return nil, status.Error(codes.Unavailable, s.scrubber.scrub(err.Error()))
	}
	if profile == nil {
		return &channelv1.FetchProfileResponse{}, nil
	}
	return &channelv1.FetchProfileResponse{
		Found: true, Name: profile.Name, Language: profile.Language, PictureUrl: profile.PictureURL,
	}, nil
}

// Signal implements the protocol.
func (s *signalsServer) Signal(ctx context.Context, r *channelv1.SignalRequest) (_ *channelv1.SignalResponse, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end("Signal", &err)
	a, err := s.account(r.GetAccount())
	if err != nil {
		return nil, err
	}
	defer a.use.leave()
	signaler, ok := a.channel.(Signaler)
	if !ok {
		return nil, errService
	}
	signal, err := signalIn(r)
	if err != nil {
		return nil, status.Error(codes.Unimplemented, err.Error())
	}
	if err := signaler.Signal(ctx, threadIn(r.GetThread()), identityIn(r.GetRecipient()), signal); err != nil {
		return nil, status.Error(codes.Unavailable, s.scrubber.scrub(err.Error()))
	}
	return &channelv1.SignalResponse{}, nil
}

// Reconcile implements the protocol.
func (s *reconcilerServer) Reconcile(ctx context.Context, r *channelv1.ReconcileRequest) (_ *channelv1.SendResponse, err error) {
	if err := s.begin(); err != nil {
		return nil, err
	}
	defer s.end("Reconcile", &err)
	a, err := s.account(r.GetSend().GetAccount())
	if err != nil {
		return nil, err
	}
	defer a.use.leave()
	reconciler, ok := a.channel.(Reconciler)
	if !ok {
		return nil, errService
	}
	receipt, err := reconciler.Reconcile(ctx, outgoingIn(r.GetSend()))
	return s.scrubbed(receiptOut(receipt, err)), nil
}
