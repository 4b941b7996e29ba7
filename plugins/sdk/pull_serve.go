package sdk

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// reachedEvery is how often, at most, the host is told that the provider answered.
const reachedEvery = 10 * time.Second

// pullServer serves the optional service Pull.
type pullServer struct {
	channelv1.UnimplementedPullServer
	*server
	leases leases
}

// Pull implements the protocol. It ends with the host's call, with the account, and with the drain; the Pull of an account
// that was changed does not begin before the one of its former settings has returned.
func (s *pullServer) Pull(r *channelv1.PullRequest, stream grpc.ServerStreamingServer[channelv1.PullResponse]) (err error) {
	if err := s.begin(); err != nil {
		return err
	}
	defer s.end("Pull", &err)
	a, err := s.account(r.GetAccount())
	if err != nil {
		return err
	}
	defer a.use.leave()
	puller, ok := a.channel.(Puller)
	if !ok {
		return errService
	}
	ctx, cancel := context.WithCancel(stream.Context())
	defer cancel()
	defer context.AfterFunc(a.life, cancel)()
	release, err := s.leases.take(ctx, r.GetAccount())
	if err != nil {
		return nil // told to end before it began
	}
	defer release()
	told := &pullNews{stream: stream}
	err = puller.Pull(ctx, r.GetCursor(), s.emit(a, told))
	if ctx.Err() != nil {
		return nil // it was told to end, and whatever it says of that is no news
	}
	return told.send(&channelv1.PullResponse{News: &channelv1.PullResponse_Ended{Ended: pullEndedOut(err, s.scrubber)}})
}

// emit stores what was pulled through Host.Receive and tells the host, now and then, that the provider answers.
func (s *pullServer) emit(a *openAccount, told *pullNews) Emit {
	return func(ctx context.Context, cursor []byte, events ...Event) error {
		if len(events) > 0 || cursor != nil {
			var at *Cursor
			if cursor != nil {
				at = &Cursor{Name: channelv1.PullCursor, Value: cursor}
			}
			if err := a.host.Receive(ctx, at, events...); err != nil {
				return err
			}
		}
		return told.reached()
	}
}

// pullNews is what the host is told while a call lasts. Emit may be called by several goroutines.
type pullNews struct {
	mu     sync.Mutex
	stream grpc.ServerStreamingServer[channelv1.PullResponse]
	last   time.Time
}

func (n *pullNews) send(r *channelv1.PullResponse) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.stream.Send(r)
}

// reached tells that the provider answered, unless it was told a moment ago.
func (n *pullNews) reached() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	if !n.last.IsZero() && time.Since(n.last) < reachedEvery {
		return nil
	}
	n.last = time.Now()
	if err := n.stream.Send(&channelv1.PullResponse{News: &channelv1.PullResponse_Reached{Reached: &channelv1.PullReached{}}}); err != nil {
		return fmt.Errorf("sdk: the host has ended the pull: %w", err)
	}
	return nil
}

// pullEndedOut turns what Pull returned into a cause. Without an error it ended by itself, and is called again.
func pullEndedOut(err error, s *scrubber) *channelv1.PullEnded {
	var (
		auth     *AuthenticationFailed
		blocked  *AccountBlocked
		conflict *PullConflict
		rate     *RateLimited
		retry    *Retryable
	)
	out := &channelv1.PullEnded{}
	switch {
	case err == nil:
		return out
	case errors.Is(err, ErrNothingToPull):
		out.Cause = channelv1.PullEnded_NOTHING_TO_PULL
	case errors.As(err, &auth):
		out.Cause, out.Reason = channelv1.PullEnded_AUTHENTICATION, auth.Reason
	case errors.As(err, &blocked):
		out.Cause, out.Reason = channelv1.PullEnded_BLOCKED, blocked.Reason
	case errors.As(err, &conflict):
		out.Cause, out.Reason, out.After = channelv1.PullEnded_CONFLICT, conflict.Reason, durationOut(conflict.After)
	case errors.As(err, &rate):
		out.Reason, out.After = rate.Reason, durationOut(rate.After)
	case errors.As(err, &retry):
		out.Reason, out.After = retry.Reason, durationOut(retry.After)
	}
	if out.Reason == "" {
		out.Reason = err.Error()
	}
	out.Reason = s.scrub(out.Reason)
	return out
}

// leases let one Pull of an account run at a time.
type leases struct {
	mu   sync.Mutex
	held map[string]chan struct{} // by account; full while a Pull is under way
}

// take waits until the account's former Pull has returned.
func (l *leases) take(ctx context.Context, account string) (release func(), err error) {
	l.mu.Lock()
	if l.held == nil {
		l.held = map[string]chan struct{}{}
	}
	lease := l.held[account]
	if lease == nil {
		lease = make(chan struct{}, 1)
		l.held[account] = lease
	}
	l.mu.Unlock()
	select {
	case lease <- struct{}{}:
		return func() { <-lease }, nil
	case <-ctx.Done():
		return nil, status.FromContextError(ctx.Err()).Err()
	}
}

// callError is the status of a call whose failure has no message of its own in the protocol.
func callError(err error, s *scrubber) error {
	var (
		auth    *AuthenticationFailed
		blocked *AccountBlocked
		rate    *RateLimited
	)
	code := codes.Unavailable
	switch {
	case errors.As(err, &auth):
		code = codes.Unauthenticated
	case errors.As(err, &blocked):
		code = codes.PermissionDenied
	case errors.As(err, &rate):
		code = codes.ResourceExhausted
	}
	return status.Error(code, s.scrub(err.Error()))
}
