package desk_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/kvtest"
	"github.com/guichet/guichet/core/kv/memkv"
	"github.com/guichet/guichet/core/store"
)

// house is a desk with everything around it, in memory. In a synctest bubble its time is the bubble's, plus what the
// wall clock was set by.
type house struct {
	t        testing.TB
	db       kv.DB
	store    *store.Store
	channels *channels
	blobs    *blobs
	setup    *core.Setup
	catchUp  time.Duration
	jump     atomic.Int64 // the wall clock is ahead by this
	desk     *desk.Desk
	running  bool
	events   int
}

// inBubble runs a test with its own time. Whatever it does, the store must be in order at its end, and no goroutine may
// be left.
func inBubble(t *testing.T, change func(*core.Setup), test func(h *house)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t, change)
		h.start()
		test(h)
		h.close()
	})
}

func newHouse(t testing.TB, change func(*core.Setup)) *house {
	h := &house{t: t, channels: newChannels(), blobs: &blobs{content: map[string][]byte{}}, setup: newSetup(change)}
	h.db = kvtest.Chaos(memkv.NewWithClock(func() time.Time { return time.Now().Add(time.Duration(h.jump.Load())) }), 1)
	h.open()
	return h
}

func (h *house) open() {
	s, err := store.Open(h.t.Context(), h.db, store.Options{})
	if err != nil {
		h.t.Fatal(err)
	}
	h.store = s
}

func (h *house) start() {
	h.desk = desk.New(desk.Options{
		Store: h.store, Channels: h.channels, Blobs: h.blobs, Setup: h.setup, CatchUp: h.catchUp,
	})
	if err := h.desk.Start(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
	h.running = true
}

func (h *house) stop() {
	if h.running {
		h.desk.Stop()
		h.running = false
	}
}

func (h *house) restart() {
	h.stop()
	h.start()
}

func (h *house) close() {
	h.t.Helper()
	if h.running {
		h.checkCounts()
	}
	h.stop()
	h.check()
	h.db.Close()
}

// check looks for anything that must never be, whatever happened.
func (h *house) check() {
	h.t.Helper()
	if err := h.store.Fsck(context.Background(), func(f store.Finding) { h.t.Errorf("fsck: %s: %s", f.Problem, f.Text) }); err != nil {
		h.t.Error(err)
	}
	h.view(func(tx *store.Tx) error {
		marks, err := tx.RouteMarks(0)
		if err != nil {
			return err
		}
		for _, id := range marks {
			if c, err := tx.Conversation(id); err != nil || c.State != core.Open {
				h.t.Errorf("the router is to look at %s: %+v, %v", id, c, err)
			}
		}
		_, err = tx.DueTimers(time.Time{}, tx.Now().Add(24*time.Hour), 1, func(timer *core.Timer) bool {
			if timer.Kind == core.TimerOffer {
				if c, err := tx.Conversation(core.ID(timer.Ref)); err != nil || c.Offer == nil || c.Offer.ID != timer.Offer {
					h.t.Errorf("a timer of an offer that is over: %+v, %v", timer, err)
				}
			}
			return true
		})
		if err != nil {
			return err
		}
		for cursor := ""; ; {
			page, err := tx.AllConversations(cursor, 100)
			if err != nil {
				return err
			}
			for _, c := range page.Conversations {
				h.checkConversation(tx, c)
			}
			if cursor = page.Next; cursor == "" {
				return nil
			}
		}
	})
	h.channels.check(h.t)
}

func (h *house) checkConversation(tx *store.Tx, c *core.Conversation) {
	switch {
	case c.State == core.Open && c.Assignee != "":
		h.t.Errorf("%s is open and has an assignee", c.ID)
	case c.State != core.Open && c.Offer != nil:
		h.t.Errorf("%s is %s and rings", c.ID, c.State)
	case c.State == core.Active && c.Assignee == "":
		h.t.Errorf("%s is active with nobody", c.ID)
	case c.State == core.Waiting && (c.Assignee != "" || c.Units != 0):
		h.t.Errorf("%s waits and takes capacity", c.ID)
	}
	marked, err := tx.HasRouteMark(c.ID)
	if err != nil {
		h.t.Error(err)
	}
	if c.State == core.Open && c.Offer == nil && c.Queue == "" && !marked {
		h.t.Errorf("%s is an orphan", c.ID)
	}
	sessions, err := tx.Sessions(c.ID)
	if err != nil {
		h.t.Error(err)
	}
	for i, s := range sessions {
		last := i == len(sessions)-1
		alive := last && (c.Offer != nil || c.State == core.Active)
		if s.ClosedAt.IsZero() != alive {
			h.t.Errorf("session %d of %s (%s): closed %v, expected alive %v", s.Number, c.ID, c.State, s.ClosedAt, alive)
		}
		if !s.ClosedAt.IsZero() && s.Reason == "" {
			h.t.Errorf("session %d of %s ended without a reason", s.Number, c.ID)
		}
	}
}

// settle waits until nothing is going on; a moment of time passes.
func (h *house) settle() {
	time.Sleep(20 * time.Millisecond)
	synctest.Wait()
}

func (h *house) view(fn func(*store.Tx) error) {
	h.t.Helper()
	if err := h.store.View(context.Background(), fn); err != nil {
		h.t.Fatal(err)
	}
}

func (h *house) ok(err error) {
	h.t.Helper()
	if err != nil {
		h.t.Fatal(err)
	}
}

// refused fails unless err has the code.
func (h *house) refused(err error, code core.Code) {
	h.t.Helper()
	if core.CodeOf(err) != code {
		h.t.Fatalf("error is %v (code %q), want code %q", err, core.CodeOf(err), code)
	}
}

var ctx = context.Background()

func agent(id string) desk.Actor {
	return desk.Actor{Agent: id, Name: id, Role: core.AgentRole}
}

func supervisor() desk.Actor { return desk.Actor{Agent: "sue", Name: "Sue", Role: core.Supervisor} }

// newSetup is a shop on LINE with one queue, where anna, ben and carl have room for three conversations each.
func newSetup(change func(*core.Setup)) *core.Setup {
	s := &core.Setup{
		Revision: 1,
		Accounts: map[string]*core.Account{"shop": {ID: "shop", Plugin: "line"}},
		Channels: map[string]*core.Channel{
			"line": {ID: "line", Account: "shop", Workstream: "social", Language: "fr", FromCustomer: true, FromAgent: true},
		},
		Workstreams: map[string]*core.Workstream{"social": {
			ID: "social", Plugin: "line", Persistent: true, Distribution: core.Push, PickFromPush: true, Capacity: 1,
			FallbackQueue: "general", Affinity: true, AllowedPresences: []core.Presence{core.Available, core.Busy},
			OfferTimeout: 30 * time.Second, DeclinesAllowed: 3,
			AutoClose: core.AutoClose{Open: time.Hour, Active: 2 * time.Hour, Waiting: 3 * time.Hour, WrapUp: 30 * time.Minute},
			WrapUp:    core.WrapUp{Block: "none"},
		}},
		Queues: map[string]*core.Queue{"general": {ID: "general", Members: []string{"anna", "ben", "carl"}}},
		Agents: map[string]*core.Agent{"sue": {ID: "sue", Role: core.Supervisor, Capacity: 3}},
	}
	for _, id := range s.Queues["general"].Members {
		s.Agents[id] = &core.Agent{ID: id, Role: core.AgentRole, Capacity: 3}
	}
	if change != nil {
		change(s)
	}
	return s
}

// there connects agents.
func (h *house) there(agents ...string) {
	h.t.Helper()
	for _, a := range agents {
		h.ok(h.desk.Connected(ctx, a))
	}
	h.settle()
}

func (h *house) presence(a string, p core.Presence) {
	h.t.Helper()
	_, err := h.desk.SetPresence(ctx, agent(a), p)
	h.ok(err)
	h.settle()
}

// event is what a customer does.
func (h *house) event(kind core.InboundKind, customer string) core.Inbound {
	h.events++
	return core.Inbound{
		Account: "shop", Kind: kind, ID: "event-" + strconv.Itoa(h.events), OccurredAt: time.Now(),
		Thread: core.Thread{ID: customer, Kind: "user"},
		Sender: core.Sender{Identities: []core.SenderIdentity{{IdentityKey: core.IdentityKey{Scope: "shop", Kind: "line-user", Value: customer}}}, Name: customer},
	}
}

func (h *house) message(customer, text string) core.Inbound {
	e := h.event(core.InMessage, customer)
	e.Message = &core.InboundMessage{ExternalID: "m-" + e.ID, Kind: "text", Text: text}
	e.Raw = []byte(`{"id":"m-` + e.ID + `","text":"` + text + `"}`)
	return e
}

func (h *house) receive(events ...core.Inbound) {
	h.t.Helper()
	_, _, err := h.desk.Receive(ctx, events, nil)
	h.ok(err)
	if h.running {
		h.settle()
	}
}

// says lets a customer write and returns the conversation.
func (h *house) says(customer, text string) *core.Conversation {
	h.t.Helper()
	h.receive(h.message(customer, text))
	return h.ongoing(customer)
}

// ongoing returns the conversation that goes on with a customer; nil where there is none.
func (h *house) ongoing(customer string) (c *core.Conversation) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) {
		c, err = tx.OngoingConversation("shop", "line", core.Thread{ID: customer, Kind: "user"})
		return err
	})
	return c
}

func (h *house) conversation(id core.ID) (c *core.Conversation) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) {
		c, err = tx.Conversation(id)
		return err
	})
	return c
}

func (h *house) load(agent string) int {
	h.t.Helper()
	s, err := h.desk.Presence(ctx, agent)
	h.ok(err)
	return s.Load
}

func (h *house) status(agent string) *core.AgentStatus {
	h.t.Helper()
	s, err := h.desk.Presence(ctx, agent)
	h.ok(err)
	return s
}

func (h *house) messages(id core.ID) (list []*core.Message) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) {
		list, err = tx.Messages(id, 0, 0)
		return err
	})
	return list
}

func (h *house) said(id core.ID, seq uint64) (m *core.Message) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		c, err := tx.Conversation(id)
		if err != nil {
			return err
		}
		m, err = tx.Message(c, seq)
		return err
	})
	return m
}

func (h *house) entry(id core.ID, seq uint64) (e *core.OutboxEntry) {
	h.t.Helper()
	h.view(func(tx *store.Tx) (err error) {
		e, err = tx.OutboxEntry(id, seq)
		return err
	})
	return e
}

// reasons returns why the sessions of a conversation ended; "" for one that goes on.
func (h *house) reasons(id core.ID) (list []core.ClosureReason) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		sessions, err := tx.Sessions(id)
		for _, s := range sessions {
			list = append(list, s.Reason)
		}
		return err
	})
	return list
}

func (h *house) trace(id core.ID) (steps []string, texts []string) {
	h.t.Helper()
	h.view(func(tx *store.Tx) error {
		list, err := tx.Trace(id)
		for _, e := range list {
			steps, texts = append(steps, e.Step), append(texts, e.Text)
		}
		return err
	})
	return steps, texts
}

// taken lets a customer write and an agent accept; it makes the conversation active.
func (h *house) taken(customer string) *core.Conversation {
	h.t.Helper()
	c := h.says(customer, "hello")
	if c.Offer == nil {
		h.t.Fatalf("%s is not offered to anybody", customer)
	}
	_, err := h.desk.Accept(ctx, agent(c.Offer.Agent), c.Offer.ID)
	h.ok(err)
	h.settle()
	return h.conversation(c.ID)
}

func (h *house) reply(c *core.Conversation, id, text string) *core.Message {
	h.t.Helper()
	m, created, err := h.desk.Reply(ctx, agent(c.Assignee), c.ID, desk.NewMessage{ID: id, Text: text})
	h.ok(err)
	if !created {
		h.t.Fatalf("reply %q is not new", id)
	}
	return m
}

func (c *channels) check(t testing.TB) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, b := range c.broken {
		t.Error(b)
	}
}
