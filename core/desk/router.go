package desk

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/routing"
	"github.com/guichet/guichet/core/store"
)

const (
	// routerLanes is how many decisions are committed at the same time: they share a group commit.
	routerLanes = 128
	// block is how many waiting conversations of a queue are looked at when nobody can take the first ones.
	block = 100
)

// router decides who is offered what, at once on every change. It works on an index in memory that is rebuilt from the
// records at start and followed from the log: never the truth. Each decision is committed in a short transaction that
// checks again, so that a stale index costs a repetition and nothing else.
type router struct {
	desk *Desk

	mu      sync.Mutex
	dirty   map[core.ID]struct{} // conversations to read again
	agents  map[string]struct{}  // agents to read again
	results []decision           // commits that are done
	reload  bool
	wake    chan struct{}

	// What follows belongs to the router's goroutine alone.
	waiting map[core.ID]*waiter
	lines   map[string]*line
	staff   map[string]*staffer
	lanes   chan struct{}
}

// decision is what the router wants to commit, and what came of it.
type decision struct {
	id       core.ID
	queue    string // to put it in; "" when it is in one
	why      string
	agent    string // to offer it to; "" for nobody yet
	affinity bool
	offer    core.ID
	units    int
	verdicts []routing.Verdict
	from     *waiter

	err    error
	status *core.AgentStatus // the agent's, after the commit
}

var errStale = errors.New("the conversation or the agent has changed meanwhile")

func newRouter(d *Desk) *router {
	return &router{
		desk: d, dirty: map[core.ID]struct{}{}, agents: map[string]struct{}{}, wake: make(chan struct{}, 1),
		waiting: map[core.ID]*waiter{}, lines: map[string]*line{}, staff: map[string]*staffer{},
		lanes: make(chan struct{}, routerLanes),
	}
}

// load asks for the index to be built; the router's goroutine does it, so that a start does not wait.
func (r *router) load(context.Context) error {
	r.rebuild()
	return nil
}

// rebuild makes the router forget its index and read everything again, as after a change of configuration.
func (r *router) rebuild() {
	r.mu.Lock()
	r.reload = true
	r.mu.Unlock()
	r.signal()
}

func (r *router) look(id core.ID) {
	r.mu.Lock()
	r.dirty[id] = struct{}{}
	r.mu.Unlock()
	r.signal()
}

func (r *router) lookAgent(agent string) {
	r.mu.Lock()
	r.agents[agent] = struct{}{}
	r.mu.Unlock()
	r.signal()
}

func (r *router) signal() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

func (r *router) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-r.wake:
		}
		if err := r.pass(ctx); err != nil && ctx.Err() == nil {
			r.desk.log.Error("routing pass failed; trying again", "error", err)
			time.AfterFunc(time.Second, r.rebuild)
		}
	}
}

// pass takes in what has changed and decides for the queues concerned.
func (r *router) pass(ctx context.Context) error {
	r.mu.Lock()
	dirty, agents, results, reload := r.dirty, r.agents, r.results, r.reload
	r.dirty, r.agents, r.results, r.reload = map[core.ID]struct{}{}, map[string]struct{}{}, nil, false
	r.mu.Unlock()

	touched := map[string]struct{}{}
	for _, done := range results {
		r.conclude(done, touched)
	}
	err := r.desk.store.View(ctx, func(tx *store.Tx) error {
		if reload {
			return r.readAll(tx, touched)
		}
		for agent := range agents {
			if err := r.readAgent(tx, agent, touched); err != nil {
				return err
			}
		}
		for id := range dirty {
			if err := r.readConversation(tx, id, touched); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	r.decide(ctx, touched)
	return nil
}

// decide goes through the queues concerned in the order of their priority.
func (r *router) decide(ctx context.Context, touched map[string]struct{}) {
	setup := r.desk.Setup()
	queues := make([]*line, 0, len(touched))
	for name := range touched {
		if l := r.lines[name]; l != nil {
			queues = append(queues, l)
		}
	}
	slices.SortFunc(queues, func(a, b *line) int {
		if a.before(b, setup) {
			return -1
		}
		return 1
	})
	for _, l := range queues {
		r.decideQueue(ctx, setup, l)
	}
}

// decideQueue walks a line in order and decides for each conversation that somebody can take; the ones new to the line
// are put in it in any case.
func (r *router) decideQueue(ctx context.Context, setup *core.Setup, l *line) {
	queue := setup.Queues[l.queue]
	skipped := 0
	for i := 0; queue != nil && i < len(l.waiters) && skipped < block && r.anyFree(setup, queue); {
		w := l.waiters[i]
		d := decision{id: w.id, from: w, units: 1}
		if ws := setup.Workstreams[w.workstream]; ws != nil && ws.Distribution == core.Push {
			r.chooseAgent(setup, ws, queue, w, &d)
		}
		if d.agent == "" {
			skipped++
			i++
			continue
		}
		l.removeAt(i)
		r.commit(ctx, d)
	}
	fresh := l.fresh
	l.fresh = nil
	for _, w := range fresh {
		if w.unqueued && !w.inFlight && r.waiting[w.id] == w {
			l.remove(w)
			r.commit(ctx, decision{id: w.id, from: w})
		}
	}
}

// anyFree reports whether somebody in the queue could take anything at all.
func (r *router) anyFree(setup *core.Setup, queue *core.Queue) bool {
	for _, member := range queue.Members {
		if agent := setup.Agents[member]; agent != nil {
			if s := r.staffer(member); s.presence != core.Offline && s.load+s.reserved < agent.Capacity {
				return true
			}
		}
	}
	return false
}

func (r *router) chooseAgent(setup *core.Setup, ws *core.Workstream, queue *core.Queue, w *waiter, d *decision) {
	d.units = ws.Capacity
	if agent, ok := r.former(setup, ws, w); ok {
		d.agent, d.affinity = agent, true
		return
	}
	candidates := make([]routing.Candidate, 0, len(queue.Members))
	free := false
	for _, member := range queue.Members {
		agent := setup.Agents[member]
		if agent == nil {
			continue
		}
		s := r.staffer(member)
		c := routing.Candidate{Agent: member, Presence: s.presence, Capacity: agent.Capacity, Load: s.load + s.reserved, IdleSince: s.idleSince}
		free = free || c.Free() >= ws.Capacity
		candidates = append(candidates, c)
	}
	if !free {
		return
	}
	choice := routing.ChooseAgent(routing.Work{
		Units: ws.Capacity, AllowedPresences: ws.AllowedPresences, Declines: w.declines, DeclinesAllowed: ws.DeclinesAllowed,
	}, candidates)
	d.agent, d.verdicts = choice.Agent, choice.Verdicts
}

// former returns the agent that a conversation coming back from waiting returns to: while they are there, whatever
// their load, unless they have declined it.
func (r *router) former(setup *core.Setup, ws *core.Workstream, w *waiter) (string, bool) {
	if !ws.Affinity || w.former == "" || setup.Agents[w.former] == nil || w.declines[w.former] > 0 {
		return "", false
	}
	return w.former, slices.Contains(ws.AllowedPresences, r.staffer(w.former).presence)
}

// commit reserves and writes a decision beside the router.
func (r *router) commit(ctx context.Context, d decision) {
	d.from.inFlight = true
	if d.from.unqueued {
		d.queue, d.why = d.from.queue, d.from.why
	}
	if d.agent != "" {
		s := r.staffer(d.agent)
		s.reserved += d.units
		s.idleSince = nowUTC()
		d.offer = core.NewID(nowUTC())
	}
	r.lanes <- struct{}{}
	r.desk.run(func() {
		defer func() { <-r.lanes }()
		d.err = r.desk.commitDecision(ctx, &d)
		r.mu.Lock()
		r.results = append(r.results, d)
		r.mu.Unlock()
		r.signal()
	})
}

// conclude takes a finished commit into the index.
func (r *router) conclude(d decision, touched map[string]struct{}) {
	d.from.inFlight = false
	if d.agent != "" {
		s := r.staffer(d.agent)
		s.reserved -= d.units
		if d.status != nil {
			s.take(d.status)
		}
	}
	if d.err != nil {
		if !errors.Is(d.err, errStale) {
			r.desk.log.Error("a routing decision could not be stored; it is taken again", "conversation", d.id, "error", d.err)
			time.AfterFunc(time.Second, func() { r.look(d.id) })
			return
		}
		r.look(d.id)
		if d.agent != "" {
			r.lookAgent(d.agent)
		}
		return
	}
	if d.queue != "" {
		d.from.unqueued, d.from.stored = false, d.queue
	}
	d.from.ringing = d.agent != ""
	if d.from.again {
		d.from.again = false
		r.look(d.id)
	}
	if d.agent == "" {
		r.line(d.from.queue).add(d.from)
	}
	touched[d.from.queue] = struct{}{}
}

// commitDecision writes a decision after checking again that it still holds.
func (desk *Desk) commitDecision(ctx context.Context, d *decision) error {
	var timeout time.Duration
	err := desk.store.Update(ctx, func(tx *store.Tx) error {
		d.status = nil
		c, err := tx.Conversation(d.id)
		if err != nil {
			return err
		}
		if c.State != core.Open || c.Assignee != "" || c.Offer != nil || len(c.Declines) != len(d.from.declines) || c.Queue != d.from.stored {
			return errStale
		}
		ws := desk.workstream(c)
		step := 0
		if d.queue != "" {
			c.Queue = d.queue
			desk.trace(tx, c, step, "queued", "Put in queue "+d.queue+": "+d.why+".", map[string]any{"queue": d.queue})
			step++
		}
		tx.ClearRouteMark(c.ID)
		if d.agent != "" {
			agent := desk.Setup().Agents[d.agent]
			status, err := tx.AgentStatus(d.agent)
			if err != nil {
				return err
			}
			if agent == nil || !slices.Contains(ws.AllowedPresences, status.Presence) ||
				(!d.affinity && status.Load+ws.Capacity > agent.Capacity) {
				return errStale
			}
			ring(tx, c, ws, d.agent, d.offer)
			timeout = ws.OfferTimeout
			desk.trace(tx, c, step, "offered", explain(d), map[string]any{"agent": d.agent, "offer": d.offer, "candidates": shown(d.verdicts)})
			tx.PutConversation(c, false)
			d.status = status
			return nil
		}
		tx.PutConversation(c, false)
		return nil
	})
	if err == nil && d.agent != "" {
		desk.timers.ringing(d.id, d.offer, timeout)
	}
	return err
}

func explain(d *decision) string {
	if d.affinity {
		return "Offered to " + d.agent + ", who had the conversation before."
	}
	return "Offered to " + d.agent + ": most free capacity among the members who are there, then the longest idle."
}

// shown keeps a trace entry small: the verdicts that tell most.
func shown(verdicts []routing.Verdict) []routing.Verdict {
	const most = 12
	if len(verdicts) <= most {
		return verdicts
	}
	list := slices.Clone(verdicts)
	slices.SortStableFunc(list, func(a, b routing.Verdict) int {
		if (a.Result == routing.Chosen) != (b.Result == routing.Chosen) {
			if a.Result == routing.Chosen {
				return -1
			}
			return 1
		}
		return b.Free - a.Free
	})
	return list[:most]
}
