package app

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/config"
)

// The commands about the versions of the configuration that were in force.

func (o *Operations) configHistory(ctx context.Context, args map[string]string, _ io.Reader, out io.Writer) error {
	limit := 20
	if n, err := strconv.Atoi(args["limit"]); err == nil {
		limit = n
	}
	list, err := o.editor.Versions(ctx, limit)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, "VERSION\tWHEN\tBY\tHASH")
	for _, v := range list {
		fmt.Fprintf(table, "%d\t%s\t%s\t%s\n", v.Revision, v.When.Format(time.RFC3339), v.Who, v.Hash[:12])
	}
	return table.Flush()
}

// version finds the version that a command names; the last one where it names none.
func (o *Operations) version(ctx context.Context, name string) (v config.Version, err error) {
	if name != "" {
		n, err := strconv.Atoi(name)
		if err != nil {
			return v, core.Errorf(core.Invalid, "%q is not the number of a version; guichet config history lists them", name)
		}
		return o.editor.Version(ctx, n)
	}
	list, err := o.editor.Versions(ctx, 1)
	if err == nil && len(list) == 0 {
		err = core.Errorf(core.NotFound, "no configuration was ever in force here")
	}
	if err != nil {
		return v, err
	}
	return list[0], nil
}

// configDiff shows what has changed since a version: up to the file as it is now. Secrets are shown as fingerprints.
func (o *Operations) configDiff(ctx context.Context, args map[string]string, _ io.Reader, out io.Writer) error {
	from, err := o.version(ctx, args["version"])
	if err != nil {
		return err
	}
	now, err := o.editor.Redacted(ctx)
	if err != nil {
		return err
	}
	_, err = out.Write(diff.Diff("version "+strconv.Itoa(from.Revision), from.Redacted, o.data.configPath, now))
	return err
}

// configRollback puts a version back as the file, checked like any edit, and shows what that changes.
func (o *Operations) configRollback(ctx context.Context, args map[string]string, _ io.Reader, out io.Writer) error {
	v, err := o.version(ctx, args["version"])
	if err != nil {
		return err
	}
	r, err := o.editor.Rollback(ctx, cliActor, v.Revision, config.Edit{Secrets: true})
	switch {
	case err != nil:
		return err
	case !r.Applied:
		return r.Problems
	case r.Diff == "":
		fmt.Fprintf(out, "the file is as in version %d already\n", v.Revision)
		return nil
	}
	fmt.Fprintln(out, r.Diff)
	if r.Revision == 0 {
		fmt.Fprintf(out, "version %d is back in %s; it is in force when Guichet starts\n", v.Revision, o.data.configPath)
		return nil
	}
	fmt.Fprintf(out, "version %d is back in force, as version %d\n", v.Revision, r.Revision)
	return nil
}
