package live

import (
	"maps"
	"slices"

	"github.com/guichet/guichet/core"
)

// viewer is a person as audiences see them. It is immutable.
type viewer struct {
	agent  core.Agent
	all    bool // supervisors and administrators see everything
	queues map[string]bool
}

func newViewer(setup *core.Setup, id string) (*viewer, bool) {
	agent, ok := setup.Agents[id]
	if !ok {
		return nil, false
	}
	v := &viewer{agent: *agent, queues: make(map[string]bool)}
	v.all = agent.Role == core.Supervisor || agent.Role == core.Administrator
	for _, q := range setup.QueuesOf(id) {
		v.queues[q] = true
	}
	return v, true
}

// same reports whether two viewers see the same things.
func (v *viewer) same(w *viewer) bool {
	return v.agent.ID == w.agent.ID && v.all == w.all && v.agent.Capacity == w.agent.Capacity && maps.Equal(v.queues, w.queues)
}

// in reports whether the viewer belongs to an audience.
func (v *viewer) in(a core.Audience) bool {
	return v.all || (a.Queue != "" && v.queues[a.Queue]) || slices.Contains(a.Agents, v.agent.ID)
}

// holds reports whether a conversation belongs to the viewer's live state: what a snapshot contains. The former agent
// of a conversation that somebody else wraps up may look at it, but it is not on their list.
func (v *viewer) holds(c *core.Conversation) bool {
	switch {
	case c.State == core.Closed:
		return false
	case v.all, c.Assignee == v.agent.ID, c.Offer != nil && c.Offer.Agent == v.agent.ID:
		return true
	case c.State == core.Waiting:
		return c.Assignee == "" && c.Former == v.agent.ID
	}
	return c.State == core.Open && v.queues[c.Queue]
}
