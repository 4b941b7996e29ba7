package app

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/config"
	"github.com/guichet/guichet/core/store"
)

// configDiff shows what has changed since a version: up to the file as it is now. Secrets are shown as fingerprints.
func (o *Operations) configDiff(ctx context.Context, args map[string]string, _ io.Reader, out io.Writer) error {
	var from *core.AppliedConfiguration
	err := o.data.store.View(ctx, func(tx *store.Tx) (err error) {
		if args["version"] == "" {
			from, err = tx.LastConfiguration()
			return err
		}
		n, err := strconv.Atoi(args["version"])
		if err != nil {
			return core.Errorf(core.Invalid, "%q is not the number of a version; guichet config history lists them", args["version"])
		}
		from, err = tx.Configuration(n)
		return err
	})
	if err != nil {
		return err
	}
	if from == nil {
		return core.Errorf(core.NotFound, "no configuration was ever in force here")
	}
	now, problems := config.Load(o.data.configPath, o.data.environment)
	if problems != nil {
		return problems
	}
	_, err = out.Write(diff.Diff(
		"version "+strconv.Itoa(from.Revision), []byte(from.Text), o.data.configPath, now.Redacted(o.data.history.FingerprintKey())))
	return err
}

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
