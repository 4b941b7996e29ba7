package desk

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/guichet/guichet/core"
)

func TestTheLogIsNewerThanWhatWasRead(t *testing.T) {
	c := newTally()
	waits, hers, closed := core.Place{Open: true, Queue: "q"}, core.Place{Open: true, Agent: "anna"}, core.Place{}
	c.hear("1", hers)
	c.hear("2", waits)
	c.hear("2", closed)
	c.hear("4", waits)
	former := c.read
	c.fill(former, map[core.ID]core.Place{"1": waits, "2": waits, "3": waits})
	c.hear("3", hers)
	c.hear("4", closed)
	if diff := cmp.Diff(map[core.ID]core.Place{"1": hers, "3": hers}, c.places); diff != "" {
		t.Error(diff)
	}
	if c.all != 2 || c.mine["anna"] != 2 || len(c.queued) != 0 {
		t.Errorf("counted %d, of anna %d, in queues %v", c.all, c.mine["anna"], c.queued)
	}

	c.reset() // the log was interrupted: an older reading counts for nothing
	c.fill(former, map[core.ID]core.Place{"9": waits})
	if c.all != 0 {
		t.Error("an older reading was counted")
	}
}
