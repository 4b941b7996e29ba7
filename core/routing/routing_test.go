package routing_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/routing"
)

var noon = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func available(agent string, capacity, load int) routing.Candidate {
	return routing.Candidate{Agent: agent, Presence: core.Available, Capacity: capacity, Load: load, IdleSince: noon}
}

// TestChooseAgent has one case for each rule: it fails when the rule that it names is taken out.
func TestChooseAgent(t *testing.T) {
	away := func(c routing.Candidate) routing.Candidate { c.Presence = core.Away; return c }
	idle := func(c routing.Candidate, d time.Duration) routing.Candidate { c.IdleSince = noon.Add(-d); return c }
	work := routing.Work{Units: 1, AllowedPresences: []core.Presence{core.Available, core.Busy}, DeclinesAllowed: 3}
	declined := func(d map[string]int) routing.Work { w := work; w.Declines = d; return w }
	heavy := work
	heavy.Units = 2
	endless := declined(map[string]int{"anna": 9})
	endless.DeclinesAllowed = 0
	for _, c := range []struct {
		rule       string
		work       routing.Work
		candidates []routing.Candidate
		agent      string
		why        string
	}{
		{"most free capacity", work, []routing.Candidate{available("anna", 3, 2), available("ben", 5, 2)}, "ben",
			"Offered to ben: 3 of 5 units free, the most among the 2 who can take it."},
		{"then the longest idle", work, []routing.Candidate{available("anna", 3, 0), idle(available("ben", 3, 0), time.Minute)}, "ben",
			"Offered to ben: 3 of 3 units free like 1 other, and idle for the longest."},
		{"then the name", work, []routing.Candidate{available("ben", 3, 0), available("anna", 3, 0)}, "anna",
			"Offered to anna: 3 of 3 units free like 1 other, and idle for the longest."},
		{"only allowed presences", work, []routing.Candidate{away(available("anna", 9, 0)), available("ben", 1, 0)}, "ben",
			"Offered to ben, the only one of 2 members who can take it: 1 of 1 units free."},
		{"any allowed presence", work, []routing.Candidate{{Agent: "anna", Presence: core.Busy, Capacity: 1}}, "anna",
			"Offered to anna, the only one of 1 member who can take it: 1 of 1 units free."},
		{"only with room", work, []routing.Candidate{available("anna", 3, 3), available("ben", 3, 4)}, "",
			"Nobody can take it now: of 2 members, 2 have no free capacity."},
		{"room for all units", heavy, []routing.Candidate{available("anna", 3, 2), available("ben", 2, 0)}, "ben",
			"Offered to ben, the only one of 2 members who can take it: 2 of 2 units free."},
		{"who declined goes last", declined(map[string]int{"ben": 1}), []routing.Candidate{available("anna", 1, 0), available("ben", 9, 0)}, "anna",
			"Offered to anna, the only one of 2 members who can take it: 1 of 1 units free."},
		{"again when unique", declined(map[string]int{"anna": 2}), []routing.Candidate{available("anna", 1, 0), away(available("ben", 9, 0))}, "anna",
			"Offered to anna again, who declined it twice: nobody else can take it."},
		{"least reluctant first", declined(map[string]int{"anna": 2, "ben": 1}), []routing.Candidate{available("anna", 9, 0), available("ben", 1, 0)}, "ben",
			"Offered to ben again, who declined it once: nobody else can take it."},
		{"not for ever", declined(map[string]int{"anna": 3}), []routing.Candidate{available("anna", 1, 0), away(available("ben", 9, 0))}, "",
			"Nobody can take it now: of 2 members, 1 is not there, 1 declined it too often."},
		{"unless without limit", endless, []routing.Candidate{available("anna", 1, 0)}, "anna",
			"Offered to anna again, who declined it 9 times: nobody else can take it."},
		{"an empty queue", work, nil, "", "Nobody is in the queue."},
	} {
		t.Run(c.rule, func(t *testing.T) {
			choice := routing.ChooseAgent(c.work, c.candidates)
			if choice.Agent != c.agent || choice.Why != c.why {
				t.Errorf("chose %q: %s\nwant  %q: %s", choice.Agent, choice.Why, c.agent, c.why)
			}
		})
	}
}

func TestVerdicts(t *testing.T) {
	choice := routing.ChooseAgent(
		routing.Work{Units: 1, AllowedPresences: []core.Presence{core.Available}, DeclinesAllowed: 2, Declines: map[string]int{"dora": 1, "emil": 2}},
		[]routing.Candidate{
			available("anna", 3, 1), available("ben", 3, 0), {Agent: "carl", Presence: core.DoNotDisturb, Capacity: 1},
			available("dora", 1, 0), available("emil", 1, 0), available("fay", 1, 2),
		})
	want := []routing.Verdict{
		{Agent: "anna", Free: 2, Result: routing.Eligible}, {Agent: "ben", Free: 3, Result: routing.Chosen},
		{Agent: "carl", Free: 1, Result: routing.PresenceExcluded, Presence: core.DoNotDisturb},
		{Agent: "dora", Free: 1, Result: routing.DeclinedBefore}, {Agent: "emil", Free: 1, Result: routing.DeclinedTooOften},
		{Agent: "fay", Free: -1, Result: routing.NoCapacity},
	}
	if diff := cmp.Diff(want, choice.Verdicts); diff != "" {
		t.Error(diff)
	}
}

var presences = []core.Presence{core.Available, core.Busy, core.DoNotDisturb, core.Away, core.Offline, core.Inactive}

func genWork(t *rapid.T) routing.Work {
	return routing.Work{
		Units:            rapid.IntRange(1, 4).Draw(t, "units"),
		AllowedPresences: rapid.SliceOfNDistinct(rapid.SampledFrom(presences), 1, 3, rapid.ID[core.Presence]).Draw(t, "allowed"),
		DeclinesAllowed:  rapid.IntRange(1, 5).Draw(t, "declines allowed"),
		Declines:         rapid.MapOfN(rapid.SampledFrom([]string{"a", "b", "c", "d"}), rapid.IntRange(1, 6), 0, 4).Draw(t, "declines"),
	}
}

func genCandidates(t *rapid.T) []routing.Candidate {
	var list []routing.Candidate
	for i := range rapid.IntRange(0, 8).Draw(t, "members") {
		list = append(list, routing.Candidate{
			Agent: string(rune('a' + i)), Presence: rapid.SampledFrom(presences).Draw(t, "presence"),
			Capacity: rapid.IntRange(0, 5).Draw(t, "capacity"), Load: rapid.IntRange(0, 6).Draw(t, "load"),
			IdleSince: noon.Add(time.Duration(rapid.IntRange(0, 3).Draw(t, "idle")) * time.Minute),
		})
	}
	return list
}

// TestChooseAgentProperties: whoever is chosen may be; whenever somebody may be chosen, somebody is; nobody who may be
// chosen without having declined has more room, and the order in which the members are listed does not matter.
func TestChooseAgentProperties(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		work, candidates := genWork(t), genCandidates(t)
		choice := routing.ChooseAgent(work, candidates)
		able := func(c routing.Candidate) bool {
			return slices.Contains(work.AllowedPresences, c.Presence) && c.Capacity-c.Load >= work.Units && work.Declines[c.Agent] < work.DeclinesAllowed
		}
		if choice.Agent == "" {
			if slices.ContainsFunc(candidates, able) {
				t.Fatal("nobody is chosen although somebody may be")
			}
			return
		}
		chosen := candidates[slices.IndexFunc(candidates, func(c routing.Candidate) bool { return c.Agent == choice.Agent })]
		if !able(chosen) {
			t.Fatalf("%+v is chosen for %+v", chosen, work)
		}
		for _, c := range candidates {
			if !able(c) || work.Declines[c.Agent] > 0 {
				continue
			}
			if work.Declines[chosen.Agent] > 0 || c.Free() > chosen.Free() || c.Free() == chosen.Free() && c.IdleSince.Before(chosen.IdleSince) {
				t.Fatalf("%+v is chosen and not %+v", chosen, c)
			}
		}
		shuffled := rapid.Permutation(candidates).Draw(t, "shuffled")
		if again := routing.ChooseAgent(work, shuffled); again.Agent != choice.Agent {
			t.Fatalf("in another order %s is chosen and not %s", again.Agent, choice.Agent)
		}
	})
}

// TestFair: n equal agents share n·k conversations equally, whatever they take and finish in between.
func TestFair(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n, k := rapid.IntRange(1, 8).Draw(t, "agents"), rapid.IntRange(1, 20).Draw(t, "each")
		var candidates []routing.Candidate
		for i := range n {
			candidates = append(candidates, routing.Candidate{Agent: fmt.Sprint(i), Presence: core.Available, Capacity: k, IdleSince: noon})
		}
		got := map[string]int{}
		now := noon
		for range n * k {
			now = now.Add(time.Second)
			choice := routing.ChooseAgent(routing.Work{Units: 1, AllowedPresences: presences}, candidates)
			for i := range candidates {
				if candidates[i].Agent == choice.Agent {
					candidates[i].Load++
					candidates[i].IdleSince = now
				}
			}
			got[choice.Agent]++
		}
		for agent, count := range got {
			if count != k {
				t.Fatalf("agent %s got %d of %d, want %d", agent, count, n*k, k)
			}
		}
	})
}

// TestPlaceOrder: places are strictly ordered, by priority, time and id.
func TestPlaceOrder(t *testing.T) {
	place := rapid.Custom(func(t *rapid.T) routing.Place {
		return routing.Place{
			Priority: rapid.IntRange(0, 2).Draw(t, "priority"), Since: noon.Add(time.Duration(rapid.IntRange(0, 2).Draw(t, "since"))),
			ID: core.ID(rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "id")),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		p, q, r := place.Draw(t, "p"), place.Draw(t, "q"), place.Draw(t, "r")
		if p.Before(q) && q.Before(p) || p != q && !p.Before(q) && !q.Before(p) || p.Before(q) && q.Before(r) && !p.Before(r) {
			t.Fatal("not an order")
		}
	})
	first := routing.Place{Priority: 1, Since: noon.Add(time.Hour), ID: "z"}
	if !first.Before(routing.Place{Priority: 2, Since: noon, ID: "a"}) {
		t.Error("priority does not go before age")
	}
	if !(routing.Place{Since: noon, ID: "z"}).Before(routing.Place{Since: noon.Add(1), ID: "a"}) {
		t.Error("age does not go before the id")
	}
}

func TestChooseQueue(t *testing.T) {
	setup := &core.Setup{
		Workstreams: map[string]*core.Workstream{"a": {FallbackQueue: "q"}, "b": {FallbackQueue: "gone"}},
		Queues:      map[string]*core.Queue{"q": {ID: "q"}},
	}
	choice, err := routing.ChooseQueue(setup, "a")
	if err != nil || choice.Queue != "q" || choice.Why != "the fallback queue of workstream a" {
		t.Errorf("%+v, %v", choice, err)
	}
	for _, ws := range []string{"b", "c"} {
		if _, err := routing.ChooseQueue(setup, ws); err == nil || !strings.Contains(err.Error(), "does not exist") {
			t.Errorf("workstream %s: %v", ws, err)
		}
	}
}
