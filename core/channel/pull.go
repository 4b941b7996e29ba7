package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// pullCursor is the name of the cursor that Pull starts from; see desk.Receive for where it is kept.
const pullCursor = "cursor/pull"

// PullStatus is how the fetching of an account is doing.
type PullStatus struct {
	Reached time.Time // when the provider answered last; zero: not since the plugin's start
	Problem string    // what keeps it from answering; "" when all is well
	Next    time.Time // the next try, while it waits
}

// pulling is the lease of an account that fetches from its provider: at most one call of Pull is open for it.
type pulling struct {
	mu     sync.Mutex
	end    context.CancelFunc // of the present call; nil when there is none
	done   chan struct{}      // closed when it has ended
	leave  chan struct{}      // closed when no further call is to be made
	in     *live              // the process that is called
	status atomic.Pointer[PullStatus]
}

// beginPull fetches in a process from now on, where the plugin does that; what fetched before has ended by then.
func (a *account) beginPull(l *live) {
	a.endPull()
	if l.clients == nil || l.pull == nil {
		return
	}
	a.pulling.mu.Lock()
	defer a.pulling.mu.Unlock()
	ctx, end := context.WithCancel(a.host.life)
	done, leave := make(chan struct{}), make(chan struct{})
	a.pulling.end, a.pulling.done, a.pulling.leave, a.pulling.in = end, done, leave, l
	a.pulling.status.Store(&PullStatus{})
	go func() {
		select {
		case <-l.exited():
			end()
		case <-ctx.Done():
		}
	}()
	go func() {
		defer close(done)
		a.keepPulling(ctx, l, leave)
	}()
}

// endPull ends the fetching and waits for its end.
func (a *account) endPull() {
	a.pulling.mu.Lock()
	defer a.pulling.mu.Unlock()
	if a.pulling.end == nil {
		return
	}
	a.pulling.end()
	<-a.pulling.done
	a.pulling.end = nil
	a.pulling.status.Store(nil)
}

// movePull lets another process fetch, once the former one has really stopped: it closes the account there and waits for
// its last word. A plugin that does not stop by then is no longer listened to.
func (a *account) movePull(ctx context.Context, from, to *live) {
	a.pulling.mu.Lock()
	if a.pulling.end == nil || a.pulling.in != from {
		ours := a.pulling.in == to
		a.pulling.mu.Unlock()
		if !ours {
			a.beginPull(to)
		}
		return
	}
	close(a.pulling.leave)
	select {
	case <-a.pulling.done: // there was nothing to fetch
	default:
		if _, err := from.channel.Close(ctx, &channelv1.CloseRequest{Account: a.id}); err != nil {
			a.pulling.end()
		}
	}
	select {
	case <-a.pulling.done:
	case <-from.exited():
	case <-ctx.Done():
	}
	a.pulling.mu.Unlock()
	a.beginPull(to)
}

// keepPulling calls Pull again and again until ctx ends or leave is closed.
func (a *account) keepPulling(ctx context.Context, l *live, leave <-chan struct{}) {
	for row := 1; ; row++ {
		ended := a.pullOnce(ctx, l, func() {
			row = 0
			a.pulled(PullStatus{Reached: time.Now()}, channelv1.PullEnded_CAUSE_UNSPECIFIED)
		})
		select {
		case <-leave:
			return
		case <-ctx.Done():
			return
		default:
		}
		if ended.GetCause() == channelv1.PullEnded_NOTHING_TO_PULL {
			a.pulling.status.Store(nil)
			return
		}
		pause := a.host.policy.backoff(row + 2) // the first pause is not nothing: this is a provider, not a process
		if after := ended.GetAfter().AsDuration(); after > 0 {
			pause = min(after, a.host.policy.longestPull)
		} else if ended.GetCause() != channelv1.PullEnded_CAUSE_UNSPECIFIED {
			pause = max(pause, a.host.policy.refusedPull)
		}
		status := PullStatus{Problem: mask(ended.GetReason(), a.settings.Load().secrets), Next: time.Now().Add(pause)}
		if former := a.pulling.status.Load(); former != nil {
			status.Reached = former.Reached
		}
		a.pulled(status, ended.GetCause())
		timer := time.NewTimer(pause)
		select {
		case <-timer.C:
		case <-leave:
			timer.Stop()
			return
		case <-ctx.Done():
			timer.Stop()
			return
		}
	}
}

// pulled notes how it went, and tells people what they can do something about.
func (a *account) pulled(now PullStatus, cause channelv1.PullEnded_Cause) {
	former := a.pulling.status.Swap(&now)
	was := former != nil && former.Problem != ""
	switch {
	case now.Problem == "" && was:
		a.host.log.Info("an account fetches again", "account", a.id, "plugin", a.supervisor.name)
	case now.Problem != "" && (!was || former.Problem != now.Problem):
		a.host.log.Warn("an account cannot fetch", "account", a.id, "plugin", a.supervisor.name, "error", now.Problem)
		if cause != channelv1.PullEnded_CAUSE_UNSPECIFIED {
			a.host.options.Alert(Alert{
				Plugin: a.supervisor.name, Account: a.id, Code: "account-not-fetching",
				Text: fmt.Sprintf("The account %s cannot fetch its messages: %s.", a.id, strings.TrimSuffix(now.Problem, ".")),
			})
		}
	}
}

// pullOnce is one call of Pull, from the cursor that is stored. It returns why it ended.
func (a *account) pullOnce(ctx context.Context, l *live, reached func()) *channelv1.PullEnded {
	cursor, err := a.storedCursor(ctx)
	if err != nil {
		return &channelv1.PullEnded{Reason: "where it stopped could not be read: " + err.Error()}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	stream, err := l.pull.Pull(ctx, &channelv1.PullRequest{Account: a.id, Cursor: cursor})
	if err != nil {
		return pullFailed(err)
	}
	for {
		news, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return &channelv1.PullEnded{Reason: "the plugin stopped fetching"}
		case err != nil:
			return pullFailed(err)
		case news.GetEnded() != nil:
			return news.GetEnded()
		case news.GetReached() != nil:
			reached()
		}
	}
}

func pullFailed(err error) *channelv1.PullEnded {
	s := status.Convert(err)
	if s.Code() == codes.Unimplemented {
		return &channelv1.PullEnded{Cause: channelv1.PullEnded_BLOCKED, Reason: "the plugin says that it fetches, and does not"}
	}
	return &channelv1.PullEnded{Reason: s.Message()}
}

func (a *account) storedCursor(ctx context.Context) ([]byte, error) {
	if a.host.options.State == nil {
		return nil, core.Errorf(core.Unavailable, "this host keeps no state")
	}
	value, _, _, err := a.host.options.State.GetState(ctx, a.id, pullCursor)
	return value, err
}
