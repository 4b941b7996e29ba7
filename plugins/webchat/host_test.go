package webchat

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

var errBusy = errors.New("the host is busy")

// desk is a host in memory: what it receives becomes threads, which can be read and watched.
type desk struct {
	mu       sync.Mutex
	refuse   func(e sdk.Event) error // asked for each event before it is stored, and with stored = true after it
	events   []sdk.Event
	seen     map[string]bool
	threads  map[string]*thread
	state    map[string][]byte
	media    map[string][]byte
	silent   bool // watches say nothing
	broken   bool // the history cannot be read
	watching int
}

type thread struct {
	messages []sdk.ThreadMessage
	status   sdk.ThreadStatus
	watchers map[*watcher]bool
}

type watcher struct {
	changes []sdk.ThreadChange
	lost    bool
	ready   chan struct{}
}

func newDesk() *desk {
	return &desk{seen: map[string]bool{}, threads: map[string]*thread{}, state: map[string][]byte{}, media: map[string][]byte{}}
}

func (d *desk) thread(id string) *thread {
	t := d.threads[id]
	if t == nil {
		t = &thread{status: sdk.ThreadStatus{State: sdk.ThreadNone}, watchers: map[*watcher]bool{}}
		d.threads[id] = t
	}
	return t
}

func (t *thread) tell(c sdk.ThreadChange) {
	for w := range t.watchers {
		w.changes = append(w.changes, c)
		w.wake()
	}
}

func (w *watcher) wake() {
	select {
	case w.ready <- struct{}{}:
	default:
	}
}

func (t *thread) add(m sdk.ThreadMessage) sdk.ThreadMessage {
	m.Position = fmt.Sprintf("p%06d", len(t.messages)+1)
	m.ID, m.Conversation, m.CreatedAt = "m-"+m.Position, t.status.Conversation, time.Now()
	t.messages = append(t.messages, m)
	t.tell(sdk.ThreadChange{Message: &m})
	return m
}

func (t *thread) turn(s sdk.ThreadStatus) {
	t.status = s
	t.tell(sdk.ThreadChange{Status: &s})
}

func kindOf(e sdk.Event) string {
	switch {
	case e.Message != nil:
		return "message"
	case e.ConversationStarted != nil:
		return "started"
	case e.ConversationEnded != nil:
		return "ended"
	case e.Status != nil:
		return "status"
	case e.Typing != nil:
		return "typing"
	}
	return "other"
}

// Receive stores messages once each.
func (d *desk) Receive(ctx context.Context, _ *sdk.Cursor, events ...sdk.Event) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, e := range events {
		if d.refuse != nil {
			if err := d.refuse(e); err != nil {
				return err
			}
		}
		key := kindOf(e) + "|" + e.ID
		if e.Typing == nil && d.seen[key] {
			continue
		}
		d.seen[key] = true
		d.events = append(d.events, e)
		t := d.thread(e.Thread.ID)
		switch {
		case e.Message != nil:
			if t.status.Conversation == "" || begins(t.status.State) {
				t.turn(sdk.ThreadStatus{Conversation: fmt.Sprintf("c%d", len(d.events)), State: sdk.ThreadOpen})
			}
			var attachments []sdk.ThreadAttachment
			for _, a := range e.Message.Attachments {
				attachments = append(attachments, sdk.ThreadAttachment{Handle: a.Handle, Type: a.Type, Name: a.Name, Size: a.Size, State: sdk.ThreadMediaReady})
			}
			t.add(sdk.ThreadMessage{
				Author: sdk.ThreadAuthor{Kind: sdk.ThreadCustomer}, Text: e.Message.Text, ExternalID: e.Message.ID, Attachments: attachments,
			})
		case e.ConversationEnded != nil:
			t.turn(sdk.ThreadStatus{Conversation: t.status.Conversation, State: sdk.ThreadClosed})
		}
	}
	return nil
}

// reply is an agent's message.
func (d *desk) reply(visitor, text string) sdk.ThreadMessage {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.thread(visitor)
	return t.add(sdk.ThreadMessage{
		Author: sdk.ThreadAuthor{Kind: sdk.ThreadAgent, Name: "Ada"}, Text: text, ExternalID: fmt.Sprintf("out-%d", len(t.messages)+1),
	})
}

func (d *desk) edit(visitor string, index int, text string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := d.thread(visitor)
	t.messages[index].Text, t.messages[index].Edited = text, true
	m := t.messages[index]
	t.tell(sdk.ThreadChange{Message: &m})
}

func (d *desk) turn(visitor string, s sdk.ThreadStatus) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.thread(visitor).turn(s)
}

// lose ends all watches of a thread.
func (d *desk) lose(visitor string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for w := range d.thread(visitor).watchers {
		w.lost = true
		w.wake()
	}
}

func (d *desk) set(change func(d *desk)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	change(d)
}

// texts returns what lies in a thread, the customer's words in lower case beside ours.
func (d *desk) texts(visitor string) []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	var texts []string
	for _, m := range d.thread(visitor).messages {
		texts = append(texts, m.Text)
	}
	return texts
}

func (d *desk) received(kind string) []sdk.Event {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(d.events), func(e sdk.Event) bool { return kindOf(e) != kind })
}

func (d *desk) watches() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.watching
}

func (d *desk) Conversations() sdk.Conversations { return d }

func (d *desk) History(_ context.Context, at sdk.Thread, before string, limit int) ([]sdk.ThreadMessage, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return nil, false, errBusy
	}
	list := slices.Clone(d.thread(at.ID).messages)
	if before != "" {
		list = slices.DeleteFunc(list, func(m sdk.ThreadMessage) bool { return m.Position >= before })
	}
	if len(list) > limit {
		return list[len(list)-limit:], true, nil
	}
	return list, false, nil
}

func (d *desk) HistoryAfter(_ context.Context, at sdk.Thread, after string, limit int) ([]sdk.ThreadMessage, bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return nil, false, errBusy
	}
	list := slices.DeleteFunc(slices.Clone(d.thread(at.ID).messages), func(m sdk.ThreadMessage) bool { return m.Position <= after })
	if len(list) > limit {
		return list[:limit], true, nil
	}
	return list, false, nil
}

func (d *desk) ThreadStatus(_ context.Context, at sdk.Thread) (sdk.ThreadStatus, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return sdk.ThreadStatus{}, errBusy
	}
	return d.thread(at.ID).status, nil
}

func (d *desk) Watch(ctx context.Context, at sdk.Thread, _ string) iter.Seq2[sdk.ThreadChange, error] {
	return func(yield func(sdk.ThreadChange, error) bool) {
		d.mu.Lock()
		t := d.thread(at.ID)
		w := &watcher{ready: make(chan struct{}, 1)}
		status := t.status
		if !d.silent {
			w.changes = []sdk.ThreadChange{{Status: &status}}
			t.watchers[w] = true
			d.watching++
			defer func() {
				d.mu.Lock()
				defer d.mu.Unlock()
				delete(t.watchers, w)
				d.watching--
			}()
		}
		w.wake()
		d.mu.Unlock()
		for {
			select {
			case <-w.ready:
			case <-ctx.Done():
				return
			}
			d.mu.Lock()
			changes, lost := w.changes, w.lost
			w.changes = nil
			if lost {
				delete(t.watchers, w)
			}
			d.mu.Unlock()
			for _, c := range changes {
				if lost || !yield(c, nil) { // what was not read is lost with the watch
					break
				}
			}
			if lost {
				yield(sdk.ThreadChange{}, sdk.ErrWatchLost)
				return
			}
			if ctx.Err() != nil {
				return
			}
		}
	}
}

func (d *desk) Availability(context.Context, map[string]string) (sdk.Availability, error) {
	return sdk.Availability{Open: true, AgentAvailable: true, ExpectedWait: 90 * time.Second, InLine: 3}, nil
}

func (d *desk) GetState(_ context.Context, key string) ([]byte, uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	value, ok := d.state[key]
	if !ok {
		return nil, 0, sdk.ErrStateAbsent
	}
	return value, 1, nil
}

func (d *desk) SetState(context.Context, string, []byte) (uint64, error) {
	return 0, errors.New("nothing here is overwritten")
}

func (d *desk) CompareAndSetState(_ context.Context, key string, value []byte, _ uint64) (uint64, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, ok := d.state[key]; ok {
		return 0, sdk.ErrStateChanged
	}
	d.state[key] = value
	return 1, nil
}

func (d *desk) DeleteState(context.Context, string) error {
	return errors.New("nothing here is deleted")
}

func (d *desk) ListState(context.Context, string) ([]string, error) {
	return nil, errors.New("nothing here is listed")
}

func (d *desk) Keys(context.Context, string, string) ([]byte, error) {
	return nil, sdk.ErrKeysUnavailable
}

func (d *desk) PutMedia(_ context.Context, _, name string, r io.Reader) (string, error) {
	content, err := io.ReadAll(r)
	if err != nil {
		return "", err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.broken {
		return "", errBusy
	}
	handle := fmt.Sprintf("media-%d-%s", len(d.media)+1, name)
	d.media[handle] = content
	return handle, nil
}

func (d *desk) GetMedia(_ context.Context, handle string) (*sdk.Media, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return &sdk.Media{Body: io.NopCloser(bytes.NewReader(d.media[handle]))}, nil
}

func (d *desk) PublishMedia(_ context.Context, handle string, validFor time.Duration) (string, error) {
	if handle == "" || strings.Contains(handle, "unpublishable") {
		return "", errBusy
	}
	return "https://desk.example.com/media/" + handle + "?for=" + validFor.String(), nil
}
