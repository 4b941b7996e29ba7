package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/guichet/guichet/core"
	channelv1 "github.com/guichet/guichet/plugins/proto"
	"github.com/guichet/guichet/plugins/sdk"
)

// converse lets a customer, named by the query, follow their conversation: each change is one message.
func (f *fake) converse(ctx context.Context, conn sdk.Connection) error {
	customer := sdk.Thread{ID: conn.Request().URL.Query().Get("customer"), Kind: "user"}
	send := func(kind string, v any) error {
		raw, err := json.Marshal(v)
		if err != nil {
			return err
		}
		return conn.Send(ctx, []byte(kind+" "+string(raw)))
	}
	conversations := f.account.Host.Conversations()
	history, more, err := conversations.HistoryAfter(ctx, customer, "", 2)
	if err != nil {
		return err
	}
	if err := send("history", map[string]any{"texts": texts(history), "more": more}); err != nil {
		return err
	}
	history, more, err = conversations.History(ctx, customer, history[len(history)-1].Position, 2)
	if err != nil {
		return err
	}
	if err := send("before", map[string]any{"texts": texts(history), "more": more}); err != nil {
		return err
	}
	at, err := conversations.ThreadStatus(ctx, customer)
	if err != nil {
		return err
	}
	available, err := conversations.Availability(ctx, nil)
	if err != nil {
		return err
	}
	if err := send("status", map[string]any{"state": at.State, "agent": at.Agent, "place": at.Place, "line": available.InLine, "wait": available.ExpectedWait}); err != nil {
		return err
	}
	for change, err := range conversations.Watch(ctx, customer, "") {
		switch {
		case errors.Is(err, sdk.ErrWatchLost):
			return send("lost", err.Error())
		case err != nil:
			return err
		case change.Message != nil:
			err = send("message", change.Message.Text)
		default:
			err = send("state", change.Status.State)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func texts(messages []sdk.ThreadMessage) (list []string) {
	for _, m := range messages {
		list = append(list, m.Text)
	}
	return list
}

// talk is the Conversations of a host in a test: every customer has said the same.
type talk struct {
	mu      sync.Mutex
	tells   map[string]func(core.ThreadChange) // by customer
	stopped map[string]int
}

func newTalk() *talk {
	return &talk{tells: map[string]func(core.ThreadChange){}, stopped: map[string]int{}}
}

func threadMessage(n uint64) *core.ThreadMessage {
	return &core.ThreadMessage{
		Position: core.PositionOf("01ARZ3NDEKTSV4RRFFQ69G5FAV", n), From: core.FromAgent, Author: "Ada", Text: fmt.Sprint("text ", n),
		Attachments: []core.Attachment{{State: core.Ready, Hash: "h", Handle: "handle", Type: "a/b"}}, CreatedAt: time.Now(),
	}
}

func (*talk) History(_ context.Context, _ string, _ core.Thread, before core.Position, limit int) ([]*core.ThreadMessage, bool, error) {
	_, n := before.Split()
	return []*core.ThreadMessage{threadMessage(n - 1)}, false, nil
}

func (*talk) HistoryAfter(_ context.Context, _ string, thread core.Thread, after core.Position, limit int) ([]*core.ThreadMessage, bool, error) {
	if thread.ID == "unlucky" {
		return nil, false, core.Errorf(core.Unavailable, "not now")
	}
	var list []*core.ThreadMessage
	_, n := after.Split()
	for range limit {
		n++
		list = append(list, threadMessage(n))
	}
	return list, true, nil
}

func (*talk) Status(context.Context, string, core.Thread) (core.ThreadStatus, error) {
	return core.ThreadStatus{State: core.Open, Place: 3, Agent: "Ada"}, nil
}

func (*talk) Availability(context.Context, string, map[string]string) (core.Availability, error) {
	return core.Availability{Open: true, InLine: 4, ExpectedWait: time.Minute}, nil
}

func (c *talk) Watch(_ string, thread core.Thread, _ core.Position, tell func(core.ThreadChange)) func() {
	tell(core.ThreadChange{Status: &core.ThreadStatus{State: core.Active}})
	c.mu.Lock()
	defer c.mu.Unlock()
	c.tells[thread.ID] = tell
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.stopped[thread.ID]++
		delete(c.tells, thread.ID)
	}
}

// tell tells a customer's watch once there is one.
func (c *talk) tell(t *testing.T, customer string, change core.ThreadChange) {
	t.Helper()
	var tell func(core.ThreadChange)
	until(t, customer+" is watched", func() bool {
		c.mu.Lock()
		defer c.mu.Unlock()
		tell = c.tells[customer]
		return tell != nil
	})
	tell(change)
}

func (c *talk) stops(customer string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped[customer]
}

func TestConversations(t *testing.T) {
	conversations := newTalk()
	b := newBench(t, func(o *Options) { o.Conversations = conversations })
	l := b.run(t)
	url := b.liveServer(t)
	ada, _ := dial(t, url+"/shop/converse?customer=ada", nil)
	bob, _ := dial(t, url+"/shop/converse?customer=bob", nil)
	for _, conn := range []*websocket.Conn{ada, bob} {
		for _, want := range []string{
			`history {"more":true,"texts":["text 1","text 2"]}`, `before {"more":false,"texts":["text 1"]}`,
			`status {"agent":"Ada","line":4,"place":3,"state":2,"wait":60000000000}`, `state 3`,
		} {
			if got := hear(t, conn); got != want {
				t.Fatalf("heard %s, want %s", got, want)
			}
		}
	}
	for n := range uint64(50) {
		conversations.tell(t, "ada", core.ThreadChange{Message: threadMessage(n)})
		conversations.tell(t, "bob", core.ThreadChange{Message: threadMessage(100 + n)})
	}
	for n := range 50 {
		if got := hear(t, ada); got != fmt.Sprintf(`message "text %d"`, n) {
			t.Fatalf("ada heard %s", got)
		}
		if got := hear(t, bob); got != fmt.Sprintf(`message "text %d"`, 100+n) {
			t.Fatalf("bob heard %s", got)
		}
	}
	if err := bob.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Fatal(err)
	}
	until(t, "bob is watched no longer", func() bool { return conversations.stops("bob") == 1 })
	conversations.tell(t, "ada", core.ThreadChange{Lost: "for a test"})
	if got := hear(t, ada); !strings.Contains(got, "lost") || !strings.Contains(got, "for a test") {
		t.Errorf("ada heard %s", got)
	}
	if conn, _ := dial(t, url+"/shop/converse?customer=unlucky", nil); closed(t, conn) != websocket.StatusInternalError {
		t.Error("a failing history did not fail the connection")
	}
	cleo, _ := dial(t, url+"/shop/converse?customer=cleo", nil)
	conversations.tell(t, "cleo", core.ThreadChange{Message: threadMessage(1)})
	if err := l.process.(*subprocess).runner.Kill(t.Context()); err != nil {
		t.Fatal(err)
	}
	if code := closed(t, cleo); code != websocket.StatusServiceRestart {
		t.Errorf("closed with %d", code)
	}
	until(t, "the dead plugin's watches are stopped", func() bool { return conversations.stops("cleo") == 1 })
}

// TestConversationsOfOthers asks about another plugin's account.
func TestConversationsOfOthers(t *testing.T) {
	b := newBench(t, func(o *Options) { o.Conversations = newTalk() })
	b.run(t)
	service := &conversationsService{hostService: newHostService(b.Host, "another")}
	_, err := service.History(t.Context(), &channelv1.HistoryRequest{Account: "shop"})
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("history: %v", err)
	}
	_, err = service.ThreadStatus(t.Context(), &channelv1.ThreadStatusRequest{Account: "shop"})
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("status: %v", err)
	}
	_, err = service.Availability(t.Context(), &channelv1.AvailabilityRequest{Account: "shop"})
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("availability: %v", err)
	}
}

// TestWatchBacklog has a plugin that takes nothing: the watch is lost rather than told a part, and the queue stays short.
func TestWatchBacklog(t *testing.T) {
	w := &watches{byID: map[uint64]*watch{}, ready: make(chan struct{}, 1)}
	conversations := newTalk()
	if !w.start(1, conversations, &channelv1.WatchThread{Thread: &channelv1.Thread{Id: "ada"}}) {
		t.Fatal("not started")
	}
	for n := range uint64(watchBacklog + 100) {
		w.tell(1, w.byID[1], core.ThreadChange{Message: threadMessage(n)})
		if w.byID[1] == nil {
			break
		}
	}
	last := w.queue[len(w.queue)-1].response
	if len(w.queue) > watchBacklog+1 || last.GetLost() == nil || conversations.stops("ada") != 1 {
		t.Errorf("%d changes wait, the last is %v; the watch was stopped %d times", len(w.queue), last, conversations.stops("ada"))
	}
	if w.start(1, conversations, &channelv1.WatchThread{}) {
		t.Error("an id was used twice")
	}
}
