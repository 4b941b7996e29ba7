package live

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"slices"
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

// state is what a browser knows, in a form that can be compared.
type state struct {
	Me            Presence
	Conversations map[core.ID]string
	Offers        map[core.ID]core.ID // offer → conversation
	Messages      map[string]string   // conversation and seq → message
	Agents        map[string]Presence
}

func newState() state {
	return state{
		Conversations: map[core.ID]string{}, Offers: map[core.ID]core.ID{}, Messages: map[string]string{},
		Agents: map[string]Presence{},
	}
}

// client is the reference implementation of a browser: what it does with each frame is all that the protocol asks.
type client struct {
	store *store.Store
	agent string
	all   bool

	mu      sync.Mutex
	seq     uint64
	fresh   bool
	state   state
	pending *state // a snapshot of which parts are missing
	cutIn   int    // frames until the connection breaks; -1 is never
	resumed int
	cancel  context.CancelFunc
	done    chan struct{}
	closed  chan struct{}
	once    *sync.Once
}

var errCut = errors.New("cut")

func (c *client) Read(ctx context.Context) ([]byte, error) {
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-c.closed:
		return nil, errCut
	}
}
func (c *client) Ping(context.Context) error { return nil }
func (c *client) Close(int, string)          { c.once.Do(func() { close(c.closed) }) }

type anyFrame struct {
	Type         string          `json:"type"`
	Seq          uint64          `json:"seq"`
	Last         bool            `json:"last"`
	Part         int             `json:"part"`
	Resumed      bool            `json:"resumed"`
	Me           *me             `json:"me"`
	Agents       []Presence      `json:"agents"`
	Conversation json.RawMessage `json:"conversation"`
	Message      json.RawMessage `json:"message"`
	Offer        json.RawMessage `json:"offer"`
	Agent        string          `json:"agent"`
	Presence     core.Presence   `json:"presence"`
	Load         int             `json:"load"`

	Conversations []json.RawMessage `json:"conversations"`
	Offers        []Offer           `json:"offers"`
}

func (c *client) Write(ctx context.Context, raw []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.cutIn == 0 {
		return errCut
	}
	if c.cutIn > 0 {
		c.cutIn--
	}
	var f anyFrame
	if err := json.Unmarshal(raw, &f); err != nil {
		panic(fmt.Sprintf("malformed frame %s: %v", raw, err))
	}
	switch f.Type {
	case "hello":
		if f.Resumed {
			c.resumed++
		}
		return nil
	case "snapshot":
		c.snapshot(&f)
		return nil
	case "conversation":
		c.hold(&c.state, f.Conversation)
	case "removed":
		c.drop(core.ID(text(f.Conversation)))
	case "message":
		id := core.ID(text(f.Conversation))
		if _, held := c.state.Conversations[id]; held {
			var m Message
			must(json.Unmarshal(f.Message, &m))
			c.state.Messages[place(id, m.Seq)] = string(f.Message)
		}
	case "offer":
		var o Offer
		must(json.Unmarshal(f.Offer, &o))
		c.state.Offers[o.ID] = o.Conversation
	case "offer-ended":
		delete(c.state.Offers, core.ID(text(f.Offer)))
	case "presence":
		p := Presence{Agent: f.Agent, Presence: f.Presence, Load: f.Load}
		if f.Agent == c.agent {
			c.state.Me = p
		}
		if c.all {
			c.state.Agents[f.Agent] = p
		}
	case "ping":
		return nil
	default:
		panic("unknown frame " + f.Type)
	}
	if f.Seq < c.seq {
		panic(fmt.Sprintf("position went back from %d to %d", c.seq, f.Seq))
	}
	c.seq, c.fresh = f.Seq, false
	return nil
}

func (c *client) snapshot(f *anyFrame) {
	if f.Part == 0 {
		s := newState()
		c.pending = &s
		s.Me = Presence{Agent: c.agent, Presence: f.Me.Presence, Load: f.Me.Load}
		c.pending.Me = s.Me
		for _, p := range f.Agents {
			c.pending.Agents[p.Agent] = p
		}
		for _, o := range f.Offers {
			c.pending.Offers[o.ID] = o.Conversation
		}
		c.all = f.Agents != nil
	}
	for _, raw := range f.Conversations {
		c.hold(c.pending, raw)
	}
	if f.Last {
		c.state, c.pending, c.seq, c.fresh = *c.pending, nil, f.Seq, false
	}
}

// hold takes a conversation in; one that was not held has its messages fetched, as a browser does when it opens one.
func (c *client) hold(s *state, raw json.RawMessage) {
	var summary Summary
	must(json.Unmarshal(raw, &summary))
	_, held := s.Conversations[summary.ID]
	s.Conversations[summary.ID] = string(raw)
	if !held {
		for k, v := range messagesOf(c.store, summary.ID) {
			s.Messages[k] = v
		}
	}
}

func (c *client) drop(id core.ID) {
	delete(c.state.Conversations, id)
	for k := range c.state.Messages {
		if k[:26] == string(id) {
			delete(c.state.Messages, k)
		}
	}
}

func messagesOf(s *store.Store, id core.ID) map[string]string {
	m := map[string]string{}
	must(s.View(context.Background(), func(tx *store.Tx) error {
		list, err := tx.Messages(id, 0, 1000)
		for _, msg := range list {
			m[place(id, msg.Seq)] = string(encode(ShowMessage(msg)))
		}
		return err
	}))
	return m
}

func place(id core.ID, seq uint64) string { return fmt.Sprintf("%s %d", id, seq) }

func text(raw json.RawMessage) string {
	var s string
	must(json.Unmarshal(raw, &s))
	return s
}

func must(err error) {
	if err != nil {
		panic(err)
	}
}

// desk is a small, wild one: it moves conversations about as no real one would.
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
	{"trim", 1}, {"member", 1}, {"role", 1},
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
	case "member", "role":
		w.mu.Lock()
		next := baseSetup()
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

func (c *client) open(h *Hub) {
	c.cut()
	ctx, cancel := context.WithCancel(context.Background())
	c.cancel, c.done, c.closed, c.once = cancel, make(chan struct{}), make(chan struct{}), new(sync.Once)
	c.cutIn, c.pending = -1, nil
	sub := Subscriber{Agent: c.agent, Since: c.seq, Fresh: c.fresh}
	done := c.done
	go func() {
		defer close(done)
		_ = h.Serve(ctx, c, sub)
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
		snap, err := readSnapshot(tx, v)
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

func TestClientAlwaysEndsUpWithWhatASnapshotSays(t *testing.T) {
	resumes := 0
	rapid.Check(t, func(rt *rapid.T) {
		steps := rapid.SliceOfN(rapid.Custom(drawStep), 20, 80).Draw(rt, "steps")
		failure := ""
		synctest.Test(t, func(*testing.T) {
			var n int
			failure, n = newWorld().run(steps)
			resumes += n
		})
		if failure != "" {
			rt.Fatal(failure)
		}
	})
	if resumes < 50 {
		t.Errorf("only %d times did a client resume: the test proves little about replay", resumes)
	}
}

func TestSnapshotOfManyComesInParts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld()
		steps := slices.Repeat([]step{{Kind: "new"}}, 250)
		steps = append(steps, step{Kind: "connect", A: 0}, step{Kind: "cut-soon", A: 0, B: 2}, step{Kind: "settle"}, step{Kind: "connect", A: 0})
		if failure, _ := w.run(steps); failure != "" {
			t.Fatal(failure)
		}
	})
}

func TestLateLossAfterAReplayIsStillALoss(t *testing.T) {
	s := newSocket(&viewer{}, "")
	key := slotKey{kind: slotConversation, id: "c"}
	s.floor = map[core.ID]uint64{"c": 7}
	s.push(&slot{key: key, seq: 1, version: 6, shown: true, body: []byte(`{"version":6}`)})
	if n, _ := s.next(); n != nil {
		t.Fatalf("a reading older than the replay was told: %s", n.frames(time.Now()))
	}
	s.push(&slot{key: key, seq: 2, version: 6, shown: true, lost: true, body: []byte(`{"version":6}`)})
	s.push(&slot{key: key, seq: 3, version: 8, shown: true, body: []byte(`{"version":8}`)})
	n, _ := s.next()
	want := []string{`{"type":"removed","seq":2,"conversation":"c"}`, `{"type":"conversation","seq":2,"conversation":{"version":8}}`}
	var got []string
	for _, f := range n.frames(time.Now()) {
		got = append(got, string(f))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
