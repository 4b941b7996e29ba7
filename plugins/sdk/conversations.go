package sdk

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"sync"

	"google.golang.org/grpc"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// ErrWatchLost ends a watch whose host lost track of what changes: start another one from the last position seen.
var ErrWatchLost = errors.New("sdk: the host lost track of the thread")

// watchBacklog is how many changes a watch may be behind before it is lost.
const watchBacklog = 1024

// Conversations implements Host.
func (h *accountHost) Conversations() Conversations {
	return &accountConversations{link: h.link, account: h.account}
}

// accountConversations asks the host about one account's customers.
type accountConversations struct {
	link    *hostLink
	account string
}

func (c *accountConversations) client() (channelv1.ConversationsClient, error) {
	conn, err := c.link.connect()
	if err != nil {
		return nil, err
	}
	return channelv1.NewConversationsClient(conn), nil
}

// History implements Conversations.
func (c *accountConversations) History(ctx context.Context, thread Thread, before string, limit int) ([]ThreadMessage, bool, error) {
	return c.history(ctx, &channelv1.HistoryRequest{Before: before}, thread, limit)
}

// HistoryAfter implements Conversations. After "" come the first messages of all, which the protocol says with the
// position before every other.
func (c *accountConversations) HistoryAfter(ctx context.Context, thread Thread, after string, limit int) ([]ThreadMessage, bool, error) {
	if after == "" {
		after = channelv1.FirstPosition
	}
	return c.history(ctx, &channelv1.HistoryRequest{After: after}, thread, limit)
}

func (c *accountConversations) history(ctx context.Context, r *channelv1.HistoryRequest, thread Thread, limit int) ([]ThreadMessage, bool, error) {
	client, err := c.client()
	if err != nil {
		return nil, false, err
	}
	r.Account, r.Thread, r.Limit = c.account, threadOut(thread), uint32(max(limit, 0)) //nolint:gosec // a count
	out, err := client.History(ctx, r)
	if err != nil {
		return nil, false, fmt.Errorf("sdk: history: %w", err)
	}
	messages := make([]ThreadMessage, 0, len(out.GetMessages()))
	for _, m := range out.GetMessages() {
		messages = append(messages, threadMessageIn(m))
	}
	return messages, out.GetMore(), nil
}

// ThreadStatus implements Conversations.
func (c *accountConversations) ThreadStatus(ctx context.Context, thread Thread) (ThreadStatus, error) {
	client, err := c.client()
	if err != nil {
		return ThreadStatus{}, err
	}
	out, err := client.ThreadStatus(ctx, &channelv1.ThreadStatusRequest{Account: c.account, Thread: threadOut(thread)})
	if err != nil {
		return ThreadStatus{}, fmt.Errorf("sdk: thread status: %w", err)
	}
	return threadStatusIn(out), nil
}

// Availability implements Conversations.
func (c *accountConversations) Availability(ctx context.Context, address map[string]string) (Availability, error) {
	client, err := c.client()
	if err != nil {
		return Availability{}, err
	}
	out, err := client.Availability(ctx, &channelv1.AvailabilityRequest{Account: c.account, Address: address})
	if err != nil {
		return Availability{}, fmt.Errorf("sdk: availability: %w", err)
	}
	return Availability{
		Open: out.GetOpen(), AgentAvailable: out.GetAgentAvailable(), OpensAt: timeIn(out.GetOpensAt()),
		ExpectedWait: out.GetExpectedWait().AsDuration(), InLine: int(out.GetInLine()),
	}, nil
}

// Watch implements Conversations.
func (c *accountConversations) Watch(ctx context.Context, thread Thread, after string) iter.Seq2[ThreadChange, error] {
	return func(yield func(ThreadChange, error) bool) {
		client, err := c.client()
		if err != nil {
			yield(ThreadChange{}, err)
			return
		}
		w, err := c.link.watches.start(client, &channelv1.WatchThread{Account: c.account, Thread: threadOut(thread), After: after})
		if err != nil {
			yield(ThreadChange{}, errors.Join(ErrWatchLost, err))
			return
		}
		defer c.link.watches.stop(w)
		for {
			changes, lost := w.take()
			for _, change := range changes {
				if ctx.Err() != nil || !yield(change, nil) {
					return
				}
			}
			if lost != "" {
				yield(ThreadChange{}, fmt.Errorf("%w: %s", ErrWatchLost, lost))
				return
			}
			if len(changes) > 0 {
				continue
			}
			select {
			case <-w.ready:
			case <-ctx.Done():
				return
			}
		}
	}
}

// threadWatches are all watches of the process, over one stream. The stream is opened by the first watch, and by the
// next one after it broke.
type threadWatches struct {
	mu     sync.Mutex
	stream grpc.BidiStreamingClient[channelv1.WatchThreadsRequest, channelv1.WatchThreadsResponse]
	last   uint64
	byID   map[uint64]*threadWatch // of the present stream
}

// threadWatch is what has come for one watch and was not yet taken.
type threadWatch struct {
	id    uint64
	ready chan struct{}

	mu      sync.Mutex
	changes []ThreadChange
	lost    string
}

func (w *threadWatch) take() ([]ThreadChange, string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	changes := w.changes
	w.changes = nil
	return changes, w.lost
}

// add keeps a change; false when the watch is too far behind.
func (w *threadWatch) add(change ThreadChange) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	defer w.signal()
	if len(w.changes) >= watchBacklog {
		w.lost = "its watcher is too slow"
		return false
	}
	w.changes = append(w.changes, change)
	return true
}

func (w *threadWatch) lose(reason string) {
	if reason == "" {
		reason = "it did not say why"
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lost = reason
	w.signal()
}

func (w *threadWatch) signal() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

func (t *threadWatches) start(client channelv1.ConversationsClient, what *channelv1.WatchThread) (*threadWatch, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.stream == nil {
		ctx, cancel := context.WithCancel(context.Background())
		stream, err := client.WatchThreads(ctx)
		if err != nil {
			cancel()
			return nil, fmt.Errorf("sdk: watch: %w", err)
		}
		t.stream, t.byID = stream, map[uint64]*threadWatch{}
		go t.read(stream, t.byID, cancel)
	}
	t.last++
	w := &threadWatch{id: t.last, ready: make(chan struct{}, 1)}
	t.byID[w.id] = w
	err := t.stream.Send(&channelv1.WatchThreadsRequest{Watch: w.id, Act: &channelv1.WatchThreadsRequest_Start{Start: what}})
	if err != nil {
		delete(t.byID, w.id)
		return nil, fmt.Errorf("sdk: watch: %w", err)
	}
	return w, nil
}

func (t *threadWatches) stop(w *threadWatch) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.byID[w.id] != w {
		return // it has ended by itself
	}
	delete(t.byID, w.id)
	_ = t.stream.Send(&channelv1.WatchThreadsRequest{Watch: w.id, Act: &channelv1.WatchThreadsRequest_Stop{Stop: &channelv1.WatchStop{}}})
}

// read gives what comes to the watches until the stream breaks, which ends them all.
func (t *threadWatches) read(
	stream grpc.BidiStreamingClient[channelv1.WatchThreadsRequest, channelv1.WatchThreadsResponse],
	byID map[uint64]*threadWatch, cancel context.CancelFunc,
) {
	defer cancel()
	for {
		r, err := stream.Recv()
		if err != nil {
			t.mu.Lock()
			defer t.mu.Unlock()
			t.stream, t.byID = nil, nil
			for _, w := range byID {
				w.lose("the host's stream ended: " + err.Error())
			}
			return
		}
		t.mu.Lock()
		w := byID[r.GetWatch()]
		t.mu.Unlock()
		if w == nil {
			continue // stopped
		}
		switch c := r.GetChange().(type) {
		case *channelv1.WatchThreadsResponse_Message:
			m := threadMessageIn(c.Message)
			if !w.add(ThreadChange{Message: &m}) {
				t.stop(w)
			}
		case *channelv1.WatchThreadsResponse_Status:
			s := threadStatusIn(c.Status)
			if !w.add(ThreadChange{Status: &s}) {
				t.stop(w)
			}
		case *channelv1.WatchThreadsResponse_Lost:
			t.mu.Lock()
			delete(byID, w.id)
			t.mu.Unlock()
			w.lose(c.Lost.GetReason())
		}
	}
}

func threadMessageIn(m *channelv1.ThreadMessage) ThreadMessage {
	in := ThreadMessage{
		Position: m.GetPosition(), Conversation: m.GetConversation(), ID: m.GetId(), ExternalID: m.GetExternalId(),
		Author: ThreadAuthor{
			Kind: ThreadAuthorKind(m.GetAuthor().GetKind()), Name: m.GetAuthor().GetName(), PictureURL: m.GetAuthor().GetPictureUrl(),
		},
		Text: m.GetText(), CreatedAt: timeIn(m.GetCreatedAt()), Deleted: m.GetDeleted(), Edited: m.GetEdited(),
	}
	for _, a := range m.GetAttachments() {
		in.Attachments = append(in.Attachments, ThreadAttachment{
			Handle: a.GetHandle(), Type: a.GetType(), Name: a.GetName(), Size: int64(a.GetSize()), //nolint:gosec // a size
			State: ThreadMediaState(a.GetState()),
		})
	}
	return in
}

func threadStatusIn(s *channelv1.ThreadStatusResponse) ThreadStatus {
	return ThreadStatus{
		Conversation: s.GetConversation(), State: ThreadState(s.GetState()), Agent: s.GetAgent(), Place: int(s.GetPlace()),
		ExpectedWait: s.GetExpectedWait().AsDuration(), ReadUpTo: s.GetReadUpTo(),
	}
}
