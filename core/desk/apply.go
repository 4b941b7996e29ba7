package desk

import (
	"context"
	"fmt"
	"sort"
	"strings"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// Apply puts a configuration in force. It is refused, naming what stands against it, when something that open
// conversations still need is not in it.
func (d *Desk) Apply(ctx context.Context, setup *core.Setup) error {
	if err := d.Check(ctx, setup); err != nil {
		return err
	}
	d.Adopt(setup)
	return nil
}

// Adopt puts a configuration in force that Check has let pass, or that was in force before.
func (d *Desk) Adopt(setup *core.Setup) {
	d.setup.Store(setup)
	d.router.rebuild()
}

// need is what open conversations need and a configuration does not have.
type need struct {
	count int
	first []string // conversations, for people
}

// shownNeeds is how many conversations a refusal names.
const shownNeeds = 5

// Check says whether Apply would refuse a configuration. It compares with what is stored, not with the configuration in
// force: a file that was changed while nothing ran is refused like any other.
func (d *Desk) Check(ctx context.Context, setup *core.Setup) error {
	needs := map[string]*need{}
	missing := func(there bool, kind, name string, c *core.Conversation) {
		if there || name == "" {
			return
		}
		n := needs[kind+" "+name]
		if n == nil {
			n = &need{}
			needs[kind+" "+name] = n
		}
		if n.count++; n.count <= shownNeeds {
			n.first = append(n.first, string(c.ID))
		}
	}
	for cursor := ""; ; {
		var next string
		err := d.store.View(ctx, func(tx *store.Tx) error {
			page, err := tx.AllConversations(cursor, 500)
			if err != nil {
				return err
			}
			next = page.Next
			for _, c := range page.Conversations {
				missing(setup.Accounts[c.Account] != nil, "account", c.Account, c)
				missing(setup.Channels[c.Channel] != nil, "channel", c.Channel, c)
				missing(setup.Workstreams[c.Workstream] != nil, "workstream", c.Workstream, c)
				missing(c.State != core.Open || setup.Queues[c.Queue] != nil, "queue", c.Queue, c)
				missing(c.State != core.Active || setup.Agents[c.Assignee] != nil, "agent", c.Assignee, c)
			}
			return nil
		})
		if err != nil {
			return err
		}
		if cursor = next; cursor == "" {
			return refusal(needs)
		}
	}
}

func refusal(needs map[string]*need) error {
	if len(needs) == 0 {
		return nil
	}
	var parts []string
	for what, n := range needs {
		more := ""
		if n.count > len(n.first) {
			more = fmt.Sprintf(" and %d more", n.count-len(n.first))
		}
		parts = append(parts, fmt.Sprintf("%s is needed by %d open conversation(s): %s%s", what, n.count, strings.Join(n.first, ", "), more))
	}
	sort.Strings(parts)
	return core.Errorf(core.Conflict,
		"%s. Set retired = true on it until they are closed, or transfer or close them first", strings.Join(parts, "; "))
}
