package channel

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// Conversations is what plugins of live channels may ask about their customers' conversations. The handles of
// attachments are those of MediaStore.
type Conversations interface {
	// History returns at most limit messages before a position ("": the newest), oldest first, and whether there are more.
	History(ctx context.Context, account string, thread core.Thread, before core.Position, limit int) ([]*core.ThreadMessage, bool, error)
	// HistoryAfter returns at most limit messages after a position, oldest first, and whether there are more.
	HistoryAfter(ctx context.Context, account string, thread core.Thread, after core.Position, limit int) ([]*core.ThreadMessage, bool, error)
	Status(ctx context.Context, account string, thread core.Thread) (core.ThreadStatus, error)
	Availability(ctx context.Context, account string, address map[string]string) (core.Availability, error)
	// Watch tells of changes until stop is called or the watch is lost. tell does not wait.
	Watch(account string, thread core.Thread, after core.Position, tell func(core.ThreadChange)) (stop func())
}

const (
	historyLimit = 100
	// watchBacklog is how many changes of one watch may wait for its plugin before the watch is lost.
	watchBacklog = 1024
)

// conversationsService answers one plugin's process about its own accounts' customers.
type conversationsService struct {
	channelv1.UnimplementedConversationsServer
	*hostService
}

var errNoConversations = status.Error(codes.Unimplemented, "this host tells nothing of conversations")

func (s *conversationsService) about(id string) (Conversations, error) {
	if _, err := s.own(id); err != nil {
		return nil, err
	}
	if s.host.options.Conversations == nil {
		return nil, errNoConversations
	}
	return s.host.options.Conversations, nil
}

// History implements the protocol.
func (s *conversationsService) History(ctx context.Context, r *channelv1.HistoryRequest) (_ *channelv1.HistoryResponse, err error) {
	defer s.guarded(&err)
	conversations, err := s.about(r.GetAccount())
	if err != nil {
		return nil, err
	}
	limit := int(r.GetLimit())
	if limit == 0 || limit > historyLimit {
		limit = historyLimit
	}
	if r.GetBefore() != "" && r.GetAfter() != "" {
		return nil, status.Error(codes.InvalidArgument, "ask for the messages before a position or after one, not both")
	}
	var (
		messages []*core.ThreadMessage
		more     bool
		thread   = core.Thread{ID: r.GetThread().GetId(), Kind: r.GetThread().GetKind()}
	)
	if r.GetAfter() != "" {
		messages, more, err = conversations.HistoryAfter(ctx, r.GetAccount(), thread, core.Position(r.GetAfter()), limit)
	} else {
		messages, more, err = conversations.History(ctx, r.GetAccount(), thread, core.Position(r.GetBefore()), limit)
	}
	if err != nil {
		return nil, s.failed("history", err)
	}
	out := &channelv1.HistoryResponse{More: more}
	for _, m := range messages {
		out.Messages = append(out.Messages, threadMessageOf(m))
	}
	return out, nil
}

// ThreadStatus implements the protocol.
func (s *conversationsService) ThreadStatus(ctx context.Context, r *channelv1.ThreadStatusRequest) (_ *channelv1.ThreadStatusResponse, err error) {
	defer s.guarded(&err)
	conversations, err := s.about(r.GetAccount())
	if err != nil {
		return nil, err
	}
	at, err := conversations.Status(ctx, r.GetAccount(), core.Thread{ID: r.GetThread().GetId(), Kind: r.GetThread().GetKind()})
	if err != nil {
		return nil, s.failed("thread status", err)
	}
	return threadStatusOf(&at), nil
}

// Availability implements the protocol.
func (s *conversationsService) Availability(ctx context.Context, r *channelv1.AvailabilityRequest) (_ *channelv1.AvailabilityResponse, err error) {
	defer s.guarded(&err)
	conversations, err := s.about(r.GetAccount())
	if err != nil {
		return nil, err
	}
	a, err := conversations.Availability(ctx, r.GetAccount(), r.GetAddress())
	if err != nil {
		return nil, s.failed("availability", err)
	}
	out := &channelv1.AvailabilityResponse{
		Open: a.Open, AgentAvailable: a.AgentAvailable, InLine: uint32(max(a.InLine, 0)), ExpectedWait: waitOf(a.ExpectedWait), //nolint:gosec // a count
	}
	if !a.OpensAt.IsZero() {
		out.OpensAt = timestamppb.New(a.OpensAt)
	}
	return out, nil
}

// WatchThreads implements the protocol.
func (s *conversationsService) WatchThreads(stream grpc.BidiStreamingServer[channelv1.WatchThreadsRequest, channelv1.WatchThreadsResponse]) (err error) {
	defer s.guarded(&err)
	if s.host.options.Conversations == nil {
		return errNoConversations
	}
	w := &watches{byID: map[uint64]*watch{}, ready: make(chan struct{}, 1)}
	var writing sync.WaitGroup
	ctx, cancel := context.WithCancel(stream.Context())
	defer func() {
		w.stopAll()
		cancel()
		writing.Wait()
	}()
	writing.Go(func() { w.write(ctx, stream) })
	for {
		r, err := stream.Recv()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		switch act := r.GetAct().(type) {
		case *channelv1.WatchThreadsRequest_Start:
			if _, err := s.own(act.Start.GetAccount()); err != nil {
				w.put(r.GetWatch(), nil, lostOf(status.Convert(err).Message()))
				continue
			}
			if !w.start(r.GetWatch(), s.host.options.Conversations, act.Start) {
				return status.Errorf(codes.InvalidArgument, "the watch %d has been started before", r.GetWatch())
			}
		case *channelv1.WatchThreadsRequest_Stop:
			w.stop(r.GetWatch())
		}
	}
}

// watches are those of one stream, with what waits to be written to it.
type watches struct {
	mu     sync.Mutex
	last   uint64 // the highest id so far: ids grow
	byID   map[uint64]*watch
	queue  []queuedChange
	ready  chan struct{}
	closed bool
}

type watch struct {
	stop    func() // nil until it has been started
	over    bool
	waiting int // changes in the queue
}

type queuedChange struct {
	watch    *watch // nil for one that was never started
	response *channelv1.WatchThreadsResponse
}

// start begins a watch; false when its id was used before.
func (w *watches) start(id uint64, conversations Conversations, what *channelv1.WatchThread) bool {
	started := &watch{}
	w.mu.Lock()
	if id <= w.last {
		w.mu.Unlock()
		return false
	}
	w.last = id
	w.byID[id] = started
	w.mu.Unlock()
	thread := core.Thread{ID: what.GetThread().GetId(), Kind: what.GetThread().GetKind()}
	stop := conversations.Watch(what.GetAccount(), thread, core.Position(what.GetAfter()), func(change core.ThreadChange) {
		w.tell(id, started, change)
	})
	w.mu.Lock()
	started.stop = stop
	over := started.over
	w.mu.Unlock()
	if over { // lost already
		stop()
	}
	return true
}

// tell queues a change. A watch whose plugin does not keep up is lost, rather than told a part.
func (w *watches) tell(id uint64, from *watch, change core.ThreadChange) {
	out := &channelv1.WatchThreadsResponse{Watch: id}
	switch {
	case change.Message != nil:
		out.Change = &channelv1.WatchThreadsResponse_Message{Message: threadMessageOf(change.Message)}
	case change.Status != nil:
		out.Change = &channelv1.WatchThreadsResponse_Status{Status: threadStatusOf(change.Status)}
	default:
		w.lose(id, from, change.Lost)
		return
	}
	if !w.put(id, from, out) {
		w.lose(id, from, "its plugin does not keep up")
	}
}

func lostOf(reason string) *channelv1.WatchThreadsResponse {
	return &channelv1.WatchThreadsResponse{Change: &channelv1.WatchThreadsResponse_Lost{Lost: &channelv1.WatchLost{Reason: reason}}}
}

// lose ends a watch and says so.
func (w *watches) lose(id uint64, lost *watch, reason string) {
	w.mu.Lock()
	if lost.over {
		w.mu.Unlock()
		return
	}
	lost.over = true
	delete(w.byID, id)
	stop := lost.stop
	w.mu.Unlock()
	w.put(id, nil, lostOf(reason))
	if stop != nil {
		stop()
	}
}

// put queues what is to be written; false when too much waits for this watch already.
func (w *watches) put(id uint64, from *watch, out *channelv1.WatchThreadsResponse) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	out.Watch = id
	if from != nil {
		if from.over {
			return true
		}
		if from.waiting >= watchBacklog {
			return false
		}
		from.waiting++
	}
	if !w.closed {
		w.queue = append(w.queue, queuedChange{from, out})
		signal(w.ready)
	}
	return true
}

func (w *watches) stop(id uint64) {
	w.mu.Lock()
	stopped := w.byID[id]
	delete(w.byID, id)
	var stop func()
	if stopped != nil {
		stopped.over, stop = true, stopped.stop
	}
	w.mu.Unlock()
	if stop != nil {
		stop()
	}
}

func (w *watches) stopAll() {
	w.mu.Lock()
	all := w.byID
	w.byID, w.queue, w.closed = map[uint64]*watch{}, nil, true
	for _, stopped := range all {
		stopped.over = true
	}
	w.mu.Unlock()
	for _, stopped := range all {
		if stopped.stop != nil {
			stopped.stop()
		}
	}
}

// write writes what is queued until ctx ends or the stream breaks.
func (w *watches) write(ctx context.Context, stream grpc.BidiStreamingServer[channelv1.WatchThreadsRequest, channelv1.WatchThreadsResponse]) {
	for {
		w.mu.Lock()
		batch := w.queue
		w.queue = nil
		w.mu.Unlock()
		for _, q := range batch {
			if stream.Send(q.response) != nil {
				return // Recv fails as well
			}
			if q.watch != nil {
				w.mu.Lock()
				q.watch.waiting--
				w.mu.Unlock()
			}
		}
		if len(batch) > 0 {
			continue
		}
		select {
		case <-w.ready:
		case <-ctx.Done():
			return
		}
	}
}

var threadAuthors = map[core.AuthorKind]channelv1.ThreadAuthor_Kind{
	core.FromCustomer: channelv1.ThreadAuthor_CUSTOMER, core.FromAgent: channelv1.ThreadAuthor_AGENT,
	core.FromBot: channelv1.ThreadAuthor_BOT, core.FromSystem: channelv1.ThreadAuthor_SYSTEM,
}

var threadMedia = map[core.AttachmentState]channelv1.ThreadAttachment_State{
	core.Fetching: channelv1.ThreadAttachment_FETCHING, core.Ready: channelv1.ThreadAttachment_READY,
	core.GoneAtProvider: channelv1.ThreadAttachment_GONE, core.Refused: channelv1.ThreadAttachment_REFUSED,
}

var threadStates = map[core.State]channelv1.ThreadStatusResponse_State{
	"": channelv1.ThreadStatusResponse_NONE, core.Open: channelv1.ThreadStatusResponse_OPEN,
	core.Active: channelv1.ThreadStatusResponse_ACTIVE, core.Waiting: channelv1.ThreadStatusResponse_WAITING,
	core.WrappingUp: channelv1.ThreadStatusResponse_WRAP_UP, core.Closed: channelv1.ThreadStatusResponse_CLOSED,
}

func threadMessageOf(m *core.ThreadMessage) *channelv1.ThreadMessage {
	out := &channelv1.ThreadMessage{
		Position: string(m.Position), Conversation: string(m.Conversation), Id: m.ID, ExternalId: m.ExternalID,
		Author: &channelv1.ThreadAuthor{Kind: threadAuthors[m.From], Name: m.Author}, Text: m.Text, CreatedAt: timestamppb.New(m.CreatedAt),
		Deleted: m.Deleted, Edited: m.Edited,
	}
	for _, a := range m.Attachments {
		attachment := &channelv1.ThreadAttachment{Type: a.Type, Name: a.Name, Size: uint64(max(a.Size, 0)), State: threadMedia[a.State]}
		if a.State == core.Ready && a.Hash != "" {
			attachment.Handle = a.Handle
		}
		out.Attachments = append(out.Attachments, attachment)
	}
	return out
}

func threadStatusOf(s *core.ThreadStatus) *channelv1.ThreadStatusResponse {
	return &channelv1.ThreadStatusResponse{
		Conversation: string(s.Conversation), State: threadStates[s.State], Agent: s.Agent, Place: uint32(max(s.Place, 0)), //nolint:gosec // a count
		ExpectedWait: waitOf(s.ExpectedWait), ReadUpTo: string(s.ReadUpTo),
	}
}

func waitOf(d time.Duration) *durationpb.Duration {
	if d <= 0 {
		return nil
	}
	return durationpb.New(d)
}
