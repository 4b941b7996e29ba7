package desk

import (
	"testing"
	"time"

	"github.com/guichet/guichet/core"
)

// TestWantWhileBusy: a wish that comes while a conversation is being served is not lost.
func TestWantWhileBusy(t *testing.T) {
	d := newDispatcher(&Desk{})
	d.busy["c"] = false
	d.want("c", time.Now().Add(time.Hour))
	if d.busy["c"] {
		t.Error("a wish for later makes the conversation be looked at again at once")
	}
	d.want("c", time.Now())
	if !d.busy["c"] || len(d.due) != 0 {
		t.Errorf("busy %v, due %v", d.busy, d.due)
	}
}

// TestReleasedReservation: what a decision had reserved may have kept conversations waiting in every queue of the agent.
func TestReleasedReservation(t *testing.T) {
	desk := &Desk{}
	desk.setup.Store(&core.Setup{})
	r := newRouter(desk)
	r.queuesOf = map[string][]string{"anna": {"general", "sales"}}
	r.staffer("anna").reserved = 2
	touched := map[string]struct{}{}
	r.conclude(&decision{from: &waiter{id: "c", inFlight: true}, agent: "anna", units: 2, status: &core.AgentStatus{Load: 2, Version: 1}}, touched)
	if s := r.staffer("anna"); s.reserved != 0 || s.load != 2 || len(touched) != 2 {
		t.Errorf("%+v, touched %v", s, touched)
	}
	// A decision that could not be stored leaves no load behind.
	r.staffer("anna").reserved = 2
	r.conclude(&decision{from: &waiter{id: "c"}, agent: "anna", units: 2, status: &core.AgentStatus{Load: 4, Version: 2}, err: errStale}, touched)
	if s := r.staffer("anna"); s.reserved != 0 || s.load != 2 {
		t.Errorf("%+v", s)
	}
}
