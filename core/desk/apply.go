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
// conversations still need is gone from it.
func (d *Desk) Apply(ctx context.Context, setup *core.Setup) error {
	if err := d.Check(ctx, setup); err != nil {
		return err
	}
	d.setup.Store(setup)
	d.router.rebuild()
	return nil
}

// Check says whether Apply would refuse a configuration.
func (d *Desk) Check(ctx context.Context, setup *core.Setup) error {
	gone := missingFrom(d.Setup(), setup)
	if len(gone) == 0 {
		return nil
	}
	needed := map[string][]string{}
	note := func(kind, name string, c *core.Conversation) {
		if key := kind + " " + name; gone[key] {
			needed[key] = append(needed[key], string(c.ID))
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
				note("account", c.Account, c)
				note("channel", c.Channel, c)
				note("workstream", c.Workstream, c)
				if c.State == core.Open {
					note("queue", c.Queue, c)
				}
				if c.State == core.Active {
					note("agent", c.Assignee, c)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
		if cursor = next; cursor == "" {
			break
		}
	}
	return refusal(needed)
}

// missingFrom lists what the new configuration no longer has.
func missingFrom(old, now *core.Setup) map[string]bool {
	gone := map[string]bool{}
	if old == nil {
		return gone
	}
	for id := range old.Accounts {
		if now.Accounts[id] == nil {
			gone["account "+id] = true
		}
	}
	for id := range old.Channels {
		if now.Channels[id] == nil {
			gone["channel "+id] = true
		}
	}
	for id := range old.Workstreams {
		if now.Workstreams[id] == nil {
			gone["workstream "+id] = true
		}
	}
	for id := range old.Queues {
		if now.Queues[id] == nil {
			gone["queue "+id] = true
		}
	}
	for id := range old.Agents {
		if now.Agents[id] == nil {
			gone["agent "+id] = true
		}
	}
	return gone
}

func refusal(needed map[string][]string) error {
	if len(needed) == 0 {
		return nil
	}
	var parts []string
	for what, ids := range needed {
		shown := ids
		if len(shown) > 5 {
			shown = shown[:5]
		}
		more := ""
		if len(ids) > len(shown) {
			more = fmt.Sprintf(" and %d more", len(ids)-len(shown))
		}
		parts = append(parts, fmt.Sprintf("%s is needed by %d open conversation(s): %s%s", what, len(ids), strings.Join(shown, ", "), more))
	}
	sort.Strings(parts)
	return core.Errorf(core.Conflict,
		"%s. Transfer or close them first, or set retired = true on the account or channel until they are closed", strings.Join(parts, "; "))
}
