package webchat

import (
	"bytes"
	"context"
	"crypto/rand"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/guichet/guichet/plugins/sdk"
)

// visit is one visitor who is here: the one watch of their thread, and the tabs that are told what it brings.
type visit struct {
	c      *channel
	id     string
	thread sdk.Thread
	epoch  string // tells this visit's cursors from those of another
	ctx    context.Context
	cancel context.CancelFunc

	users  int         // of visits
	linger *time.Timer // of visits

	mu      sync.Mutex
	live    chan struct{} // closed while the watch stands
	isLive  bool
	status  sdk.ThreadStatus
	told    []byte // the last status frame
	opened  bool   // a message was accepted since that status: by now there is a conversation
	last    string // the newest position that was told
	readers map[*outbox]struct{}
	ours    []ourMessage // the newest that the visitor may not have read, by position
	// How far the panels say that our messages have arrived and were read; never beyond last.
	deliveredUpTo, readUpTo string

	accepted []string // the newest of the visitor's ids that are known to be durable
	log      [][]byte // the newest frames, for those who poll
	next     uint64   // number of the log's next frame
	changed  chan struct{}

	agentTimer    *time.Timer // while somebody types to the visitor
	customerTimer *time.Timer // while the visitor types
	customerTold  time.Time
}

// ourMessage is a message to the visitor and how far it is known to have come.
type ourMessage struct {
	position, external string
	delivered, read    bool
}

func newVisit(ctx context.Context, c *channel, visitor string) *visit {
	v := &visit{
		c: c, id: visitor, thread: threadOf(visitor), epoch: rand.Text()[:12],
		live: make(chan struct{}), readers: map[*outbox]struct{}{}, changed: make(chan struct{}),
	}
	v.ctx, v.cancel = context.WithCancel(ctx)
	return v
}

func (v *visit) end() {
	v.cancel()
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, timer := range []*time.Timer{v.agentTimer, v.customerTimer} {
		if timer != nil {
			timer.Stop()
		}
	}
}

// run watches the thread until the visit ends. When the host loses track it starts again and tells what was missed.
func (v *visit) run() {
	pause := firstBackoff
	for stood := false; v.ctx.Err() == nil; {
		began := time.Now()
		for change, err := range v.c.host.Conversations().Watch(v.ctx, v.thread, "") {
			if err != nil {
				v.c.busy("watch", err)
				break
			}
			if change.Status != nil && !v.standing() {
				// The watch stands from its first status on: what is durable later is told, what was durable before
				// is in the history.
				if stood && !v.catchUp() {
					break
				}
				if stood {
					v.changeStatus(*change.Status)
				}
				v.stand(*change.Status)
				stood = true
				continue
			}
			v.apply(change)
		}
		v.fall()
		if time.Since(began) > maxBackoff {
			pause = firstBackoff
		}
		select {
		case <-time.After(pause):
		case <-v.ctx.Done():
			return
		}
		pause = min(pause*2, maxBackoff)
	}
}

func (v *visit) standing() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.isLive
}

// stand lets those in who wait for the watch. The welcome shows them the status.
func (v *visit) stand(s sdk.ThreadStatus) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.status, v.told, v.isLive = s, encode(statusFrame{"status", viewStatus(s)}), true
	close(v.live)
}

func (v *visit) fall() {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.isLive {
		v.isLive, v.live = false, make(chan struct{})
	}
}

// await waits until the watch stands; false when it does not in time.
func (v *visit) await(ctx context.Context, patience time.Duration) bool {
	v.mu.Lock()
	live := v.live
	v.mu.Unlock()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-live:
		return true
	case <-timer.C:
	case <-ctx.Done():
	case <-v.ctx.Done():
	}
	return false
}

// catchUp tells what a lost watch may have missed: the newest messages that were told, as they are now, and whatever
// came after them.
func (v *visit) catchUp() bool {
	ctx, cancel := context.WithTimeout(v.ctx, hostPatience)
	defer cancel()
	conversations := v.c.host.Conversations()
	v.mu.Lock()
	after := v.last
	v.mu.Unlock()
	if after != "" {
		known, _, err := conversations.History(ctx, v.thread, after, pageSize)
		if err != nil {
			v.c.busy("history", err)
			return false
		}
		after = "" // where nothing is before the newest one, it is the first
		for i := range known {
			v.changeMessage(&known[i])
			after = known[i].Position
		}
	}
	for range maxPages {
		page, more, err := conversations.HistoryAfter(ctx, v.thread, after, pageSize)
		if err != nil {
			v.c.busy("history", err)
			return false
		}
		for i := range page {
			v.changeMessage(&page[i])
			after = page[i].Position
		}
		if !more || len(page) == 0 {
			break
		}
	}
	return true
}

func (v *visit) apply(change sdk.ThreadChange) {
	switch {
	case change.Status != nil:
		v.changeStatus(*change.Status)
	case change.Message != nil:
		v.changeMessage(change.Message)
	}
}

func (v *visit) changeStatus(s sdk.ThreadStatus) {
	raw := encode(statusFrame{"status", viewStatus(s)})
	v.mu.Lock()
	defer v.mu.Unlock()
	v.status, v.opened = s, false
	if bytes.Equal(raw, v.told) {
		return
	}
	v.told = raw
	v.tell(raw)
}

func (v *visit) changeMessage(m *sdk.ThreadMessage) {
	ctx, cancel := context.WithTimeout(v.ctx, hostPatience)
	defer cancel()
	raw := encode(messageFrame{"message", v.c.viewMessage(ctx, v.id, m)})
	v.mu.Lock()
	defer v.mu.Unlock()
	if m.Author.Kind != sdk.ThreadCustomer && m.Position > v.last {
		v.stopAgentTyping()
	}
	v.note(m)
	v.tell(raw)
}

// tell gives a frame to all tabs. The caller holds mu.
func (v *visit) tell(raw []byte) {
	for reader := range v.readers {
		reader.tell(raw)
	}
	if len(v.log) == logLength {
		v.log = slices.Delete(v.log, 0, 1)
	}
	v.log = append(v.log, raw)
	v.next++
	close(v.changed)
	v.changed = make(chan struct{})
}

// note remembers a message of ours, whose receipts are still to come, and how far the thread was told. The caller holds
// mu.
func (v *visit) note(m *sdk.ThreadMessage) {
	v.last = max(v.last, m.Position)
	if m.Author.Kind == sdk.ThreadCustomer || m.ExternalID == "" {
		return
	}
	i, known := slices.BinarySearchFunc(v.ours, m.Position, func(o ourMessage, p string) int { return strings.Compare(o.position, p) })
	if known {
		v.ours[i].external = m.ExternalID
		return
	}
	v.ours = slices.Insert(v.ours, i, ourMessage{position: m.Position, external: m.ExternalID})
	if len(v.ours) > rememberedOurs {
		v.ours = slices.Delete(v.ours, 0, 1)
	}
}

// noteAll notes a page of the history.
func (v *visit) noteAll(messages []sdk.ThreadMessage) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for i := range messages {
		v.note(&messages[i])
	}
}

// join has a tab told what happens from now on; leave ends that.
func (v *visit) join(o *outbox) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.readers) >= maxVisitorConnections {
		return false
	}
	v.readers[o] = struct{}{}
	return true
}

func (v *visit) leave(o *outbox) {
	v.mu.Lock()
	defer v.mu.Unlock()
	delete(v.readers, o)
}

// statusNow returns the newest status that is known.
func (v *visit) statusNow() sdk.ThreadStatus {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.status
}

// knows reports whether a message of the visitor is known to be durable; accept remembers one.
func (v *visit) knows(client string) bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return slices.Contains(v.accepted, client)
}

func (v *visit) accept(client string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.accepted) == rememberedIDs {
		v.accepted = slices.Delete(v.accepted, 0, 1)
	}
	v.accepted = append(v.accepted, client)
	v.opened = true
}

// begins reports whether the visitor's next message begins a conversation.
func (v *visit) begins() bool {
	v.mu.Lock()
	defer v.mu.Unlock()
	return !v.opened && begins(v.status.State)
}

// cursor names the place that the log has reached.
func (v *visit) cursor() string {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.epoch + "." + strconv.FormatUint(v.next, 10)
}

// since returns the frames after a cursor; known is false when it is not of this visit or too old. changed is closed
// when there are more.
func (v *visit) since(cursor string) (frames [][]byte, changed <-chan struct{}, known bool) {
	epoch, number, _ := strings.Cut(cursor, ".")
	from, err := strconv.ParseUint(number, 10, 64)
	v.mu.Lock()
	defer v.mu.Unlock()
	if err != nil || epoch != v.epoch || from > v.next || v.next-from > uint64(len(v.log)) {
		return nil, v.changed, false
	}
	return slices.Clone(v.log[len(v.log)-int(v.next-from):]), v.changed, true //nolint:gosec // at most the log's length
}
