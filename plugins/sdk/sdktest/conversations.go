package sdktest

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// Conversations is what the host in memory knows of customers' conversations: what a test has said.
type Conversations struct {
	channelv1.UnimplementedConversationsServer
	mu           sync.Mutex
	threads      map[string]*thread
	availability *channelv1.AvailabilityResponse
	watching     chan struct{} // closed and replaced when a watch has started or stopped
}

// thread is what is known of one customer, named by account, kind and id.
type thread struct {
	messages []*channelv1.ThreadMessage
	status   *channelv1.ThreadStatusResponse
	watches  map[*threadStream]map[uint64]struct{}
}

// threadStream is one stream of watches.
type threadStream struct {
	queue []*channelv1.WatchThreadsResponse
	ready chan struct{}
}

func newConversations() *Conversations {
	return &Conversations{threads: map[string]*thread{}, availability: &channelv1.AvailabilityResponse{Open: true}, watching: make(chan struct{})}
}

// of returns what is known of a thread. The caller holds mu.
func (c *Conversations) of(account string, t *channelv1.Thread) *thread {
	key := account + "|" + t.GetKind() + "|" + t.GetId()
	known := c.threads[key]
	if known == nil {
		known = &thread{
			status: &channelv1.ThreadStatusResponse{State: channelv1.ThreadStatusResponse_NONE}, watches: map[*threadStream]map[uint64]struct{}{},
		}
		c.threads[key] = known
	}
	return known
}

// tell gives a change to all who watch. The caller holds mu.
func (t *thread) tell(change func(*channelv1.WatchThreadsResponse)) {
	for stream, watches := range t.watches {
		for id := range watches {
			stream.put(id, change)
		}
	}
}

func (s *threadStream) put(id uint64, change func(*channelv1.WatchThreadsResponse)) {
	r := &channelv1.WatchThreadsResponse{Watch: id}
	change(r)
	s.queue = append(s.queue, r)
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

func messageChange(m *channelv1.ThreadMessage) func(*channelv1.WatchThreadsResponse) {
	return func(r *channelv1.WatchThreadsResponse) {
		r.Change = &channelv1.WatchThreadsResponse_Message{Message: proto.CloneOf(m)}
	}
}

func statusChange(s *channelv1.ThreadStatusResponse) func(*channelv1.WatchThreadsResponse) {
	return func(r *channelv1.WatchThreadsResponse) {
		r.Change = &channelv1.WatchThreadsResponse_Status{Status: proto.CloneOf(s)}
	}
}

// Say adds a message to a thread, or changes the one at its position, and returns it. Without a position it comes last.
func (c *Conversations) Say(account string, to *channelv1.Thread, m *channelv1.ThreadMessage) *channelv1.ThreadMessage {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.of(account, to)
	m = proto.CloneOf(m)
	if m.GetPosition() == "" {
		m.Position = fmt.Sprintf("01TEST:%020d", len(t.messages)+1)
	}
	at := slices.IndexFunc(t.messages, func(known *channelv1.ThreadMessage) bool { return known.GetPosition() == m.GetPosition() })
	if at >= 0 {
		t.messages[at] = m
	} else {
		t.messages = append(t.messages, m)
	}
	t.tell(messageChange(m))
	return m
}

// Stand sets where a thread's conversation stands.
func (c *Conversations) Stand(account string, of *channelv1.Thread, s *channelv1.ThreadStatusResponse) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.of(account, of)
	t.status = s
	t.tell(statusChange(s))
}

// SetAvailability sets what Availability answers.
func (c *Conversations) SetAvailability(a *channelv1.AvailabilityResponse) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.availability = a
}

// Lose ends all watches of a thread, as the host does when it has lost track.
func (c *Conversations) Lose(account string, of *channelv1.Thread) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.of(account, of)
	t.tell(func(r *channelv1.WatchThreadsResponse) {
		r.Change = &channelv1.WatchThreadsResponse_Lost{Lost: &channelv1.WatchLost{Reason: "for a test"}}
	})
	t.watches = map[*threadStream]map[uint64]struct{}{}
}

// Watched waits until a thread is watched n times, or ctx ends.
func (c *Conversations) Watched(ctx context.Context, account string, of *channelv1.Thread, n int) error {
	for {
		c.mu.Lock()
		count := 0
		for _, watches := range c.of(account, of).watches {
			count += len(watches)
		}
		changed := c.watching
		c.mu.Unlock()
		if count == n {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("sdktest: it is watched %d times, not %d: %w", count, n, ctx.Err())
		}
	}
}

// History implements the protocol.
func (c *Conversations) History(_ context.Context, r *channelv1.HistoryRequest) (*channelv1.HistoryResponse, error) {
	if r.GetBefore() != "" && r.GetAfter() != "" {
		return nil, status.Error(codes.InvalidArgument, "before and after a position")
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := int(r.GetLimit())
	if limit == 0 || limit > 100 {
		limit = 100
	}
	var found []*channelv1.ThreadMessage
	for _, m := range c.of(r.GetAccount(), r.GetThread()).messages {
		if m.GetPosition() > r.GetAfter() && (r.GetBefore() == "" || m.GetPosition() < r.GetBefore()) {
			found = append(found, m)
		}
	}
	slices.SortFunc(found, func(a, b *channelv1.ThreadMessage) int {
		if a.GetPosition() < b.GetPosition() {
			return -1
		}
		return 1
	})
	more := len(found) > limit
	switch {
	case more && r.GetAfter() != "":
		found = found[:limit]
	case more:
		found = found[len(found)-limit:]
	}
	return &channelv1.HistoryResponse{Messages: found, More: more}, nil
}

// ThreadStatus implements the protocol.
func (c *Conversations) ThreadStatus(_ context.Context, r *channelv1.ThreadStatusRequest) (*channelv1.ThreadStatusResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.of(r.GetAccount(), r.GetThread()).status, nil
}

// Availability implements the protocol.
func (c *Conversations) Availability(context.Context, *channelv1.AvailabilityRequest) (*channelv1.AvailabilityResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.availability, nil
}

// WatchThreads implements the protocol.
func (c *Conversations) WatchThreads(stream grpc.BidiStreamingServer[channelv1.WatchThreadsRequest, channelv1.WatchThreadsResponse]) error {
	s := &threadStream{ready: make(chan struct{}, 1)}
	defer c.stop(s, 0)
	ended := make(chan error, 1)
	go func() {
		for {
			r, err := stream.Recv()
			if err != nil {
				ended <- err
				return
			}
			if start := r.GetStart(); start != nil {
				c.start(s, r.GetWatch(), start)
			} else {
				c.stop(s, r.GetWatch())
			}
		}
	}()
	for {
		c.mu.Lock()
		batch := s.queue
		s.queue = nil
		c.mu.Unlock()
		for _, r := range batch {
			if err := stream.Send(r); err != nil {
				return err
			}
		}
		select {
		case <-s.ready:
		case err := <-ended:
			return err
		}
	}
}

func (c *Conversations) start(s *threadStream, id uint64, what *channelv1.WatchThread) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.of(what.GetAccount(), what.GetThread())
	s.put(id, statusChange(t.status))
	for _, m := range t.messages {
		if what.GetAfter() != "" && m.GetPosition() > what.GetAfter() {
			s.put(id, messageChange(m))
		}
	}
	if t.watches[s] == nil {
		t.watches[s] = map[uint64]struct{}{}
	}
	t.watches[s][id] = struct{}{}
	c.changed()
}

// stop ends one watch of a stream, or with 0 all of them.
func (c *Conversations) stop(s *threadStream, id uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, t := range c.threads {
		if id == 0 {
			delete(t.watches, s)
		} else if delete(t.watches[s], id); len(t.watches[s]) == 0 {
			delete(t.watches, s)
		}
	}
	c.changed()
}

// changed says that a watch has started or stopped. The caller holds mu.
func (c *Conversations) changed() {
	close(c.watching)
	c.watching = make(chan struct{})
}
