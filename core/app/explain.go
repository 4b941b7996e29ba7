package app

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/store"
)

// routeExplain tells how a conversation was routed, step by step.
func (o *Operations) routeExplain(ctx context.Context, args map[string]string, _ io.Reader, out io.Writer) error {
	id, err := core.ParseID(args["conversation"])
	if err != nil {
		return err
	}
	var c *core.Conversation
	var trace []*core.TraceEntry
	err = o.data.store.View(ctx, func(tx *store.Tx) error {
		if c, err = tx.Conversation(id); err != nil {
			return err
		}
		trace, err = tx.Trace(id)
		return err
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "Conversation %s of workstream %s is %s", c.ID, c.Workstream, c.State)
	switch {
	case c.Assignee != "":
		fmt.Fprintf(out, ", with %s.\n", c.Assignee)
	case c.Queue != "":
		fmt.Fprintf(out, ", in queue %s.\n", c.Queue)
	default:
		fmt.Fprintln(out, ".")
	}
	for _, step := range trace {
		fmt.Fprintf(out, "%s  %-12s %s (configuration %d)\n", step.At.Format(time.RFC3339), step.Step, step.Text, step.Revision)
	}
	return nil
}
