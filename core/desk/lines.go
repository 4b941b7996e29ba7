package desk

import (
	"sort"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/routing"
	"github.com/guichet/guichet/core/store"
)

// waiter is a waiting conversation as the router knows it.
type waiter struct {
	id         core.ID
	place      routing.Place
	workstream string
	queue      string // the line it stands in
	stored     string // the queue on its record: "" until it has been put in one
	unqueued   bool   // a decision has to name its queue first
	why        string
	former     string // the agent to whom it returns when they are there
	declines   map[string]int
	offered    bool // handed out one by one; else it waits to be picked
	ringing    bool
	inFlight   bool // a decision about it is being committed
	again      bool // it changed meanwhile: read it again then
}

// line is the conversations of one queue that nobody is offered yet, in the order of their waiting.
type line struct {
	queue   string
	waiters []*waiter
	fresh   []*waiter // those that have yet to be put in the queue
}

func (r *router) line(queue string) *line {
	l := r.lines[queue]
	if l == nil {
		l = &line{queue: queue}
		r.lines[queue] = l
	}
	return l
}

func (l *line) find(p routing.Place) int {
	return sort.Search(len(l.waiters), func(i int) bool { return !l.waiters[i].place.Before(p) })
}

func (l *line) add(w *waiter) {
	i := l.find(w.place)
	l.waiters = append(l.waiters, nil)
	copy(l.waiters[i+1:], l.waiters[i:])
	l.waiters[i] = w
}

func (l *line) remove(w *waiter) {
	if i := l.find(w.place); i < len(l.waiters) && l.waiters[i] == w {
		l.removeAt(i)
	}
}

func (l *line) removeAt(i int) {
	if i == 0 { // the usual case: the longest waiting goes first
		l.waiters[0] = nil
		l.waiters = l.waiters[1:]
		return
	}
	l.waiters = append(l.waiters[:i], l.waiters[i+1:]...)
}

func priority(setup *core.Setup, queue string) int {
	if q := setup.Queues[queue]; q != nil {
		return q.Priority
	}
	return 0
}

// staffer is an agent as the router knows them.
type staffer struct {
	version   uint64
	presence  core.Presence
	load      int
	reserved  int // units of decisions being committed
	idleSince time.Time
}

func (s *staffer) take(status *core.AgentStatus) {
	if status.Version < s.version {
		return
	}
	s.version, s.presence, s.load = status.Version, status.Presence, status.Load
	if status.IdleSince.After(s.idleSince) {
		s.idleSince = status.IdleSince
	}
}

func (r *router) staffer(agent string) *staffer {
	s := r.staff[agent]
	if s == nil {
		s = &staffer{presence: core.Offline}
		r.staff[agent] = s
	}
	return s
}

func (r *router) readAgent(tx *store.Tx, agent string, touched map[string]struct{}) error {
	status, err := tx.AgentStatus(agent)
	if err != nil {
		return err
	}
	r.staffer(agent).take(status)
	for _, queue := range r.queuesOf[agent] {
		touched[queue] = struct{}{}
	}
	return nil
}

// readConversation brings one conversation of the index up to date.
func (r *router) readConversation(tx *store.Tx, id core.ID, touched map[string]struct{}) error {
	c, err := tx.Conversation(id)
	if core.CodeOf(err) == core.NotFound {
		r.drop(id)
		return nil
	}
	if err != nil {
		return err
	}
	r.index(c, touched)
	return nil
}

func (r *router) drop(id core.ID) {
	if w := r.waiting[id]; w != nil {
		delete(r.waiting, id)
		delete(r.returning, id)
		if l := r.lines[w.queue]; l != nil {
			l.remove(w)
		}
	}
}

// index takes a conversation as it is stored into the index.
func (r *router) index(c *core.Conversation, touched map[string]struct{}) {
	if w := r.waiting[c.ID]; w != nil {
		if w.inFlight {
			w.again = true // its commit is taken in first
			return
		}
		r.drop(c.ID)
	}
	if c.State != core.Open {
		return
	}
	w := r.waiterOf(c)
	if w == nil {
		return
	}
	r.waiting[c.ID] = w
	if !w.ringing {
		r.stand(w)
		touched[w.queue] = struct{}{}
	}
}

// waiterOf describes a conversation; nil where no queue can be found for it.
func (r *router) waiterOf(c *core.Conversation) *waiter {
	setup := r.setup
	w := &waiter{
		id: c.ID, workstream: c.Workstream, queue: c.Queue, stored: c.Queue, declines: c.Declines, ringing: c.Offer != nil,
	}
	if ws := setup.Workstreams[c.Workstream]; ws != nil && ws.Distribution == core.Push {
		w.offered = true
		if ws.Affinity && c.Declines[c.Former] == 0 && setup.Agents[c.Former] != nil {
			w.former = c.Former
		}
	}
	if setup.Queues[c.Queue] == nil {
		choice, err := routing.ChooseQueue(setup, c.Workstream)
		if err != nil {
			r.desk.log.Error("no queue can be found for a conversation; it waits for a change of configuration", "conversation", c.ID, "error", err)
			return nil
		}
		w.queue, w.unqueued, w.why = choice.Queue, true, choice.Why
	}
	w.place = routing.Place{Priority: priority(setup, w.queue), Since: c.QueuedSince, ID: c.ID}
	return w
}

// stand puts a waiter where decide looks for it.
func (r *router) stand(w *waiter) {
	l := r.line(w.queue)
	if w.offered {
		l.add(w)
	}
	if w.unqueued {
		l.fresh = append(l.fresh, w)
	}
	if w.former != "" {
		r.returning[w.id] = w
	}
}

// readAll builds the index from the records.
func (r *router) readAll(tx *store.Tx, touched map[string]struct{}) error {
	kept := map[core.ID]*waiter{}
	for id, w := range r.waiting {
		if w.inFlight {
			kept[id] = w
			w.again = true
		}
	}
	r.setup = r.desk.Setup()
	r.waiting, r.returning, r.lines, r.queuesOf = kept, map[core.ID]*waiter{}, map[string]*line{}, map[string][]string{}
	for id, q := range r.setup.Queues {
		for _, member := range q.Members {
			r.queuesOf[member] = append(r.queuesOf[member], id)
		}
	}
	r.there = map[core.Presence]bool{}
	for _, ws := range r.setup.Workstreams {
		for _, p := range ws.AllowedPresences {
			r.there[p] = true
		}
	}
	statuses, err := tx.AgentStatuses()
	if err != nil {
		return err
	}
	for _, s := range statuses {
		r.staffer(s.Agent).take(s)
	}
	for c, err := range tx.OpenConversations() {
		if err != nil {
			return err
		}
		r.index(c, touched)
	}
	return nil
}
