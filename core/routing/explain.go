package routing

import (
	"fmt"
	"strings"
)

// explainChosen says why one candidate and no other is offered a conversation.
func explainChosen(work Work, candidates []Candidate, verdicts []Verdict, best int) string {
	c := candidates[best]
	if n := work.Declines[c.Agent]; n > 0 {
		return fmt.Sprintf("Offered to %s again, who declined it %s: nobody else can take it.", c.Agent, times(n))
	}
	equal, able := 0, 0
	for i := range candidates {
		if verdicts[i].Result == Eligible {
			able++
			if candidates[i].Free() == c.Free() {
				equal++
			}
		}
	}
	room := fmt.Sprintf("%d of %d units free", c.Free(), c.Capacity)
	switch {
	case able == 1:
		return fmt.Sprintf("Offered to %s, the only one of %s who can take it: %s.", c.Agent, members(len(candidates)), room)
	case equal == 1:
		return fmt.Sprintf("Offered to %s: %s, the most among the %d who can take it.", c.Agent, room, able)
	}
	return fmt.Sprintf("Offered to %s: %s like %s, and idle for the longest.", c.Agent, room, others(equal-1))
}

// explainNobody says why no candidate is offered a conversation.
func explainNobody(verdicts []Verdict) string {
	if len(verdicts) == 0 {
		return "Nobody is in the queue."
	}
	count := map[string]int{}
	for _, v := range verdicts {
		count[v.Result]++
	}
	var parts []string
	for _, reason := range []struct{ result, one, many string }{
		{PresenceExcluded, "is not there", "are not there"},
		{NoCapacity, "has no free capacity", "have no free capacity"},
		{DeclinedTooOften, "declined it too often", "declined it too often"},
	} {
		switch n := count[reason.result]; n {
		case 0:
		case 1:
			parts = append(parts, "1 "+reason.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %s", n, reason.many))
		}
	}
	return fmt.Sprintf("Nobody can take it now: of %s, %s.", members(len(verdicts)), strings.Join(parts, ", "))
}

func members(n int) string {
	if n == 1 {
		return "1 member"
	}
	return fmt.Sprintf("%d members", n)
}

func others(n int) string {
	if n == 1 {
		return "1 other"
	}
	return fmt.Sprintf("%d others", n)
}

func times(n int) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return fmt.Sprintf("%d times", n)
}
