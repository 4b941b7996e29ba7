package desk

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/routing"
	"github.com/guichet/guichet/core/store"
)

// routerLanes is how many decisions are committed at the same time: they share a group commit.
const routerLanes = 128

// router decides who is offered what, at once on every change. It works on an index in memory that is rebuilt from the
// records at start and followed from the log: never the truth. Each decision is committed in a short transaction that
// checks again (commit.go), so that a stale index costs a repetition and nothing else.
type router struct {
	desk *Desk

	mu      sync.Mutex
	dirty   map[core.ID]struct{} // conversations to read again
	agents  map[string]struct{}  // agents to read again
	results []*decision          // commits that are done
	reload  bool
	wake    chan struct{}

	// What follows belongs to the router's goroutine alone.
	setup     *core.Setup // that the index was built for
	waiting   map[core.ID]*waiter
	returning map[core.ID]*waiter // those that go back to their former agent when that is there
	lines     map[string]*line
	queuesOf  map[string][]string    // by agent
	there     map[core.Presence]bool // presences in which some workstream offers work
	staff     map[string]*staffer
	lanes     chan struct{}
}

func newRouter(d *Desk) *router {
	return &router{
		desk: d, dirty: map[core.ID]struct{}{}, agents: map[string]struct{}{}, wake: make(chan struct{}, 1),
		setup: d.Setup(), waiting: map[core.ID]*waiter{}, returning: map[core.ID]*waiter{}, lines: map[string]*line{},
		staff: map[string]*staffer{}, lanes: make(chan struct{}, routerLanes),
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
	if reload || len(agents) > 0 || len(dirty) > 0 {
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
	}
	r.sendBack(ctx)
	r.handOut(ctx, touched)
	return nil
}

// sendBack offers conversations that have come back from waiting to the agents who had them: before everything else and
// whatever their load, as long as they are there.
func (r *router) sendBack(ctx context.Context) {
	if len(r.returning) == 0 {
		return
	}
	list := slices.SortedFunc(maps.Values(r.returning), func(a, b *waiter) int {
		if a.place.Before(b.place) {
			return -1
		}
		return 1
	})
	for _, w := range list {
		ws := r.setup.Workstreams[w.workstream]
		if !slices.Contains(ws.AllowedPresences, r.staffer(w.former).presence) {
			continue
		}
		r.commit(ctx, w, &decision{
			agent: w.former, affinity: true, units: ws.Capacity,
			text: "Offered to " + w.former + ", who had the conversation before.",
		})
	}
}

// walk is a line on which handOut has come to a place.
type walk struct {
	line  *line
	queue *core.Queue
	at    int
}

func (w *walk) head() *waiter { return w.line.waiters[w.at] }

// stuck names conversations of which none can be offered to anybody now.
type stuck struct{ queue, workstream string }

// handOut goes through the lines concerned together, in the order of their priority and then of the waiting, and
// offers each conversation that somebody can take. Those new to their line are put in it in any case.
func (r *router) handOut(ctx context.Context, touched map[string]struct{}) {
	var walks []*walk
	for _, name := range slices.Sorted(maps.Keys(touched)) {
		if l, queue := r.lines[name], r.setup.Queues[name]; l != nil && queue != nil {
			walks = append(walks, &walk{line: l, queue: queue})
		}
	}
	reasons := map[stuck]routing.AgentChoice{}
	closed := func(w *walk) bool { return w.at >= len(w.line.waiters) || !r.anyFree(w.queue) }
	open := slices.DeleteFunc(slices.Clone(walks), closed)
	for len(open) > 0 {
		next := open[0]
		for _, w := range open[1:] {
			if w.head().place.Before(next.head().place) {
				next = w
			}
		}
		w := next.head()
		key := stuck{next.queue.ID, w.workstream}
		if _, hopeless := reasons[key]; hopeless {
			next.at++
		} else if d := r.chooseAgent(next.queue, w, reasons); d == nil {
			next.at++
		} else {
			r.commit(ctx, w, d)
			open = slices.DeleteFunc(open, closed) // what is left of the capacity is shared
			continue
		}
		if next.at >= len(next.line.waiters) {
			open = slices.DeleteFunc(open, closed)
		}
	}
	for _, walk := range walks {
		fresh := walk.line.fresh
		walk.line.fresh = nil
		for _, w := range fresh {
			if w.unqueued && !w.inFlight && r.waiting[w.id] == w {
				r.commit(ctx, w, r.explainWaiting(walk.queue, w, reasons))
			}
		}
	}
}

// anyFree reports whether somebody in the queue could take anything at all.
func (r *router) anyFree(queue *core.Queue) bool {
	for _, member := range queue.Members {
		if agent := r.setup.Agents[member]; agent != nil {
			if s := r.staffer(member); r.there[s.presence] && s.load+s.reserved < agent.Capacity {
				return true
			}
		}
	}
	return false
}

// choice asks who is to be offered a conversation with these declines.
func (r *router) choice(queue *core.Queue, ws *core.Workstream, declines map[string]int) routing.AgentChoice {
	candidates := make([]routing.Candidate, 0, len(queue.Members))
	for _, member := range queue.Members {
		if agent := r.setup.Agents[member]; agent != nil {
			s := r.staffer(member)
			candidates = append(candidates, routing.Candidate{
				Agent: member, Presence: s.presence, Capacity: agent.Capacity, Load: s.load + s.reserved, IdleSince: s.idleSince,
			})
		}
	}
	return routing.ChooseAgent(routing.Work{
		Units: ws.Capacity, AllowedPresences: ws.AllowedPresences, Declines: declines, DeclinesAllowed: ws.DeclinesAllowed,
	}, candidates)
}

// chooseAgent decides to whom a conversation is offered; nil when nobody can take it. Where that is so for all of the
// workstream, it is noted in reasons.
func (r *router) chooseAgent(queue *core.Queue, w *waiter, reasons map[stuck]routing.AgentChoice) *decision {
	ws := r.setup.Workstreams[w.workstream]
	choice := r.choice(queue, ws, w.declines)
	if choice.Agent == "" {
		if len(w.declines) == 0 {
			reasons[stuck{queue.ID, w.workstream}] = choice
		}
		return nil
	}
	return &decision{agent: choice.Agent, units: ws.Capacity, text: choice.Why, verdicts: choice.Verdicts}
}

// explainWaiting puts a conversation in its queue without an offer, and says why there is none.
func (r *router) explainWaiting(queue *core.Queue, w *waiter, reasons map[stuck]routing.AgentChoice) *decision {
	ws := r.setup.Workstreams[w.workstream]
	if !w.offered || ws == nil {
		return &decision{text: "It waits there to be picked."}
	}
	key := stuck{queue.ID, w.workstream}
	choice, ok := reasons[key]
	if !ok {
		choice = r.choice(queue, ws, nil)
		if choice.Agent != "" {
			return &decision{} // its own declines are the reason, which the trace tells
		}
		reasons[key] = choice
	}
	return &decision{text: choice.Why, verdicts: choice.Verdicts}
}
