package live

import (
	"context"
	"flag"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/kv"
	"github.com/guichet/guichet/core/kv/memkv"
	"github.com/guichet/guichet/core/store"
)

// world is a store, a hub and some browsers, with a wild desk: it moves conversations about as no real one would.
type world struct {
	db    *memkv.DB
	store *store.Store
	hub   *Hub
	mu    sync.Mutex
	setup *core.Setup

	conversations []core.ID
	contacts      []core.ID
	clients       []*client
}

var agents = []string{"ada", "ben", "sue"}

func baseSetup() *core.Setup {
	return &core.Setup{
		Agents: map[string]*core.Agent{
			"ada": {ID: "ada", Name: "Ada", Role: core.AgentRole, Capacity: 10},
			"ben": {ID: "ben", Name: "Ben", Role: core.AgentRole, Capacity: 10},
			"sue": {ID: "sue", Name: "Sue", Role: core.Supervisor, Capacity: 10},
		},
		Queues: map[string]*core.Queue{
			"sales":   {ID: "sales", Members: []string{"ada", "ben"}},
			"support": {ID: "support", Members: []string{"ben"}},
		},
	}
}

func newWorld() *world {
	w := &world{db: memkv.New(), setup: baseSetup()}
	var err error
	w.store, err = store.Open(context.Background(), w.db, store.Options{})
	must(err)
	w.hub = New(Options{Store: w.store, Setup: w.current})
	return w
}

func (w *world) current() *core.Setup {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.setup
}

func (w *world) update(fn func(tx *store.Tx) error) { must(w.store.Update(context.Background(), fn)) }

// step is one thing that happens; the numbers choose among what there is.
type step struct {
	Kind    string
	A, B, C int
}

// weights say how often each kind of step is drawn.
var weights = []struct {
	kind string
	n    int
}{
	{"new", 4}, {"message", 5}, {"status", 3}, {"queue", 3}, {"offer", 5}, {"unoffer", 2}, {"assign", 3}, {"wait", 3}, {"wrap", 2},
	{"close", 2}, {"rename", 2}, {"presence", 2}, {"connect", 5}, {"blip", 6}, {"cut", 4}, {"cut-soon", 4}, {"away", 4}, {"settle", 5},
	{"trim", 1}, {"member", 1}, {"role", 1}, {"title", 1}, {"link", 2}, {"merge", 1},
}

var kinds = func() (list []string) {
	for _, w := range weights {
		for range w.n {
			list = append(list, w.kind)
		}
	}
	return list
}()

// TestMain draws more than the usual hundred cases: they are cheap, and what they look for is rare.
func TestMain(m *testing.M) {
	flag.Parse()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		must(checks.Value.Set("300"))
	}
	m.Run()
}

func drawStep(t *rapid.T) step {
	return step{
		Kind: rapid.SampledFrom(kinds).Draw(t, "kind"),
		A:    rapid.IntRange(0, 50).Draw(t, "a"), B: rapid.IntRange(0, 50).Draw(t, "b"), C: rapid.IntRange(0, 50).Draw(t, "c"),
	}
}

func (w *world) do(s step) {
	agent := agents[s.B%2]
	queue := []string{"sales", "support"}[s.C%2]
	now := store.Time(time.Now())
	switch s.Kind {
	case "new":
		contact, id := core.NewID(now), core.NewID(now)
		w.update(func(tx *store.Tx) error {
			tx.PutContact(&core.Contact{ID: contact, Name: "Customer"})
			c := &core.Conversation{ID: id, State: core.Open, Queue: queue, QueuedSince: now, Contact: contact, LastActivity: now,
				Thread: core.Thread{ID: string(id)}}
			tx.AppendMessage(c, &core.Message{ID: "1", From: core.Author{Kind: core.FromCustomer}, Text: "hello"})
			tx.PutConversation(c, true)
			return nil
		})
		w.conversations, w.contacts = append(w.conversations, id), append(w.contacts, contact)
	case "rename":
		if len(w.contacts) > 0 {
			w.update(func(tx *store.Tx) error {
				c, err := tx.Contact(w.contacts[s.A%len(w.contacts)])
				c.Name = fmt.Sprint("Customer ", s.B)
				tx.PutContact(c)
				return err
			})
		}
	case "presence":
		w.update(func(tx *store.Tx) error {
			st, err := tx.AgentStatus(agents[s.A%3])
			st.Presence = []core.Presence{core.Available, core.Busy}[s.B%2]
			tx.PutAgentStatus(st)
			return err
		})
	case "connect":
		w.connect(s)
		if s.B%2 == 0 {
			synctest.Wait()
		}
	case "blip":
		if len(w.clients) > 0 {
			if s.B%3 != 0 {
				synctest.Wait()
			}
			w.clients[s.A%len(w.clients)].open(w.hub)
		}
	case "cut":
		if len(w.clients) > 0 {
			w.clients[s.A%len(w.clients)].cut()
		}
	case "cut-soon":
		if len(w.clients) > 0 {
			c := w.clients[s.A%len(w.clients)]
			c.mu.Lock()
			c.cutIn = s.B % 5
			c.mu.Unlock()
		}
	case "trim":
		must(w.db.Trim(context.Background(), w.db.Last()-kv.Pos(min(uint64(s.A), uint64(w.db.Last())))))
	case "merge":
		if len(w.contacts) > 1 {
			from, into := w.contacts[s.A%len(w.contacts)], w.contacts[s.B%len(w.contacts)]
			w.update(func(tx *store.Tx) error {
				loser, err := tx.ResolveContact(from)
				if err != nil {
					return err
				}
				winner, err := tx.ResolveContact(into)
				if err != nil || loser.ID == winner.ID {
					return err
				}
				loser.MergedInto = winner.ID
				tx.PutContact(loser)
				return nil
			})
		}
	case "member", "role", "title":
		w.mu.Lock()
		next := baseSetup()
		if s.Kind == "title" {
			next.Queues["sales"].Name = fmt.Sprint("Sales ", s.A%2)
			next.Agents["ben"].Name = fmt.Sprint("Benjamin ", s.B%2)
		}
		if s.Kind == "role" {
			next.Agents["ada"].Role = []core.Role{core.AgentRole, core.Supervisor}[s.A%2]
		}
		if s.A%3 == 0 {
			next.Queues["support"].Members = []string{"ada"}
		}
		w.setup = next
		w.mu.Unlock()
		if s.C%2 == 0 {
			w.hub.SetupChanged()
		}
	case "settle":
		synctest.Wait()
	case "away": // out of sight and back while the hub is busy, with something said meanwhile
		if len(w.conversations) > 0 {
			id, other := w.conversations[s.A%len(w.conversations)], agents[(s.B+1)%2]
			w.hub.mu.Lock()
			w.change(step{Kind: "assign"}, id, other, queue, now)
			w.change(step{Kind: "message"}, id, other, queue, now)
			w.change(step{Kind: "offer"}, id, agent, queue, now)
			w.hub.mu.Unlock()
		}
	default:
		if len(w.conversations) > 0 {
			w.change(s, w.conversations[s.A%len(w.conversations)], agent, queue, now)
		}
	}
}

func (w *world) change(s step, id core.ID, agent, queue string, now time.Time) {
	offer := core.NewID(now)
	w.update(func(tx *store.Tx) error {
		c, err := tx.Conversation(id)
		if err != nil {
			return err
		}
		if c.State == core.Closed && s.Kind != "message" && s.Kind != "status" {
			return nil
		}
		c.LastActivity = now
		switch s.Kind {
		case "message":
			tx.AppendMessage(c, &core.Message{ID: fmt.Sprint(c.LastSeq + 1), From: core.Author{Kind: core.FromCustomer}, Text: "more"})
			c.Unread++
		case "status":
			m, err := tx.Message(c, 1+uint64(s.B)%c.LastSeq)
			if err != nil {
				return err
			}
			m.Text += "."
			tx.PutMessage(c, m)
			if s.C%2 == 0 {
				return nil // a message that changes without its conversation
			}
		case "queue":
			c.State, c.Queue, c.QueuedSince, c.Assignee, c.Units, c.Offer = core.Open, queue, now, "", 0, nil
		case "offer":
			c.State, c.Queue, c.Assignee = core.Open, queue, ""
			c.Offer, c.Units = &core.Offer{ID: offer, Agent: agent, Queue: queue, Deadline: now.Add(time.Minute)}, 1
		case "unoffer":
			if c.Offer == nil {
				return nil
			}
			c.Offer, c.Units = nil, 0
		case "link":
			c.Contact = w.contacts[s.B%len(w.contacts)]
		case "assign":
			c.State, c.Offer, c.Assignee, c.Units = core.Active, nil, agent, 1
		case "wait":
			c.State, c.Offer, c.Former, c.Assignee, c.Units = core.Waiting, nil, agent, "", 0
		case "wrap":
			c.State, c.Offer, c.Assignee, c.Units = core.WrappingUp, nil, agent, 1
		case "close":
			c.State, c.Offer, c.Former, c.Assignee, c.Units, c.ClosedAt = core.Closed, nil, agent, "", 0, now
		}
		tx.PutConversation(c, false)
		return nil
	})
}

func (w *world) connect(s step) {
	for len(w.clients) < 4 {
		w.clients = append(w.clients, &client{
			store: w.store, agent: agents[len(w.clients)%3], fresh: true, cutIn: -1, state: newState(),
		})
	}
	w.clients[s.A%4].open(w.hub)
}

func (c *client) open(h *Hub) { c.openAs(h, c) }

// openAs opens a socket that reads and writes through conn.
func (c *client) openAs(h *Hub, conn Conn) {
	c.cut()
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel, c.done, c.closed, c.once = cancel, make(chan struct{}), make(chan struct{}), new(sync.Once)
	c.cutIn, c.pending = -1, nil
	sub := Subscriber{Agent: c.agent, Since: c.seq, Fresh: c.fresh}
	done := c.done
	go func() {
		defer close(done)
		_ = h.Serve(ctx, conn, sub)
	}()
}

func (c *client) cut() {
	if c.cancel != nil {
		c.cancel()
		<-c.done
		c.cancel = nil
	}
}

// expected is what a fresh snapshot says.
func (w *world) expected(agent string) state {
	v, _ := newViewer(w.current(), agent)
	want := newState()
	must(w.store.View(context.Background(), func(tx *store.Tx) error {
		snap, err := readSnapshot(tx, w.current(), v)
		if err != nil {
			return err
		}
		want.Me = Presence{Agent: agent, Presence: snap.me.Presence, Load: snap.me.Load}
		for _, p := range snap.agents {
			want.Agents[p.Agent] = p
		}
		for _, r := range snap.list {
			want.Conversations[r.id] = string(r.body)
			if r.offer != nil && r.conversation.Offer.Agent == agent {
				want.Offers[r.offer.ID] = r.id
			}
		}
		return nil
	}))
	for id := range want.Conversations {
		for k, m := range messagesOf(w.store, id) {
			want.Messages[k] = m
		}
	}
	return want
}

func (w *world) run(steps []step) (failure string, resumed int) {
	ctx, cancel := context.WithCancel(context.Background())
	var hub sync.WaitGroup
	hub.Go(func() { w.hub.Run(ctx) })
	defer func() {
		for _, c := range w.clients {
			c.cut()
		}
		cancel()
		hub.Wait()
		w.hub.Close()
		must(w.db.Close())
	}()
	synctest.Wait()
	for _, s := range steps {
		w.do(s)
	}
	synctest.Wait()
	for _, c := range w.clients { // whoever was cut comes back
		if c.cancel == nil || !alive(c) {
			c.open(w.hub)
		}
	}
	w.hub.SetupChanged()
	synctest.Wait()
	for i, c := range w.clients {
		c.mu.Lock()
		got := c.state
		resumed += c.resumed
		c.mu.Unlock()
		if diff := cmp.Diff(w.expected(c.agent), got); diff != "" {
			return fmt.Sprintf("client %d (%s) knows something else than a fresh snapshot (-snapshot +client):\n%s", i, c.agent, diff), resumed
		}
	}
	return "", resumed
}

func alive(c *client) bool {
	select {
	case <-c.done:
		return false
	default:
		return true
	}
}
