package app

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/diff"

	"github.com/guichet/guichet/core"
	"github.com/guichet/guichet/core/auth"
	"github.com/guichet/guichet/core/config"
	"github.com/guichet/guichet/core/desk"
	"github.com/guichet/guichet/core/store"
)

// Editor edits the configuration file, keeps the audit log of it, and reads the history. In a server what it writes is in
// force at once; without one, when the server starts.
type Editor struct {
	*config.Editor
	data  *Data
	check func(ctx context.Context, setup *core.Setup) error
}

// newEditor returns the editor of a data directory; source is nil where no server runs.
func newEditor(d *Data, source *config.Source, check func(context.Context, *core.Setup) error) *Editor {
	e := &Editor{data: d, check: check}
	e.Editor = config.NewEditor(config.EditorOptions{
		Path: d.configPath, Required: d.configRequired, Environment: d.environment, History: d.history, Secrets: d.secrets, Source: source,
		Check: func(ctx context.Context, c *config.Config) error { return e.check(ctx, c.Setup(0)) },
	})
	return e
}

// editor returns the editor of the running server.
func (a *App) editor() *Editor { return newEditor(a.data, a.source, a.desk.Check) }

// editor returns the editor where no server runs: it looks in the store for what open conversations need.
func (d *Data) editor() *Editor {
	standing := desk.New(desk.Options{Store: d.store, Setup: d.config.Setup(0), Log: d.log})
	return newEditor(d, nil, standing.Check)
}

// Edit carries out an edit on somebody's behalf.
func (e *Editor) Edit(ctx context.Context, by auth.Actor, edit config.Edit) (config.Edited, error) {
	edit.Who = by.Agent
	r, err := e.Save(ctx, edit)
	if err != nil || !r.Applied {
		return r, err
	}
	return r, e.note(ctx, by, "configuration.edited", r, map[string]string{"fields": strings.Join(edit.Fields(), ", ")})
}

// Rollback puts an earlier version back, as a new one.
func (e *Editor) Rollback(ctx context.Context, by auth.Actor, revision int, edit config.Edit) (config.Edited, error) {
	v, err := e.Version(ctx, revision)
	if err != nil {
		return config.Edited{}, err
	}
	edit.Who = by.Agent
	r, err := e.Restore(ctx, v, edit)
	if err != nil || !r.Applied {
		return r, err
	}
	return r, e.note(ctx, by, "configuration.rolled-back", r, map[string]string{"to": strconv.Itoa(revision)})
}

// auditFields bounds what the audit log says of one edit, in bytes.
const auditFields = 4000

func (e *Editor) note(ctx context.Context, by auth.Actor, act string, r config.Edited, details map[string]string) error {
	if r.Revision > 0 {
		details["version"] = strconv.Itoa(r.Revision)
	}
	if fields := details["fields"]; len(fields) > auditFields {
		details["fields"] = strings.ToValidUTF8(fields[:auditFields], "") + " …"
	}
	entry := &core.AuditEntry{ID: core.NewID(time.Now()), Actor: by.Agent, Act: act, Details: details, Address: by.Address}
	err := e.data.store.Update(ctx, func(tx *store.Tx) error {
		tx.AddAudit(entry)
		return nil
	})
	if err != nil {
		return fmt.Errorf("the configuration is changed, but the audit log could not be written: %w", err)
	}
	return nil
}

// Versions returns the newest versions that were in force, newest first.
func (e *Editor) Versions(ctx context.Context, limit int) (list []config.Version, err error) {
	err = e.data.store.View(ctx, func(tx *store.Tx) error {
		found, err := tx.Configurations(limit)
		for _, c := range found {
			list = append(list, versionOf(c))
		}
		return err
	})
	return list, err
}

// Version returns one version that was in force.
func (e *Editor) Version(ctx context.Context, revision int) (v config.Version, err error) {
	err = e.data.store.View(ctx, func(tx *store.Tx) error {
		c, err := tx.Configuration(revision)
		if err == nil {
			v = versionOf(c)
		}
		return err
	})
	return v, err
}

// VersionDiffs returns what a version changed, and what has changed since, with fingerprints for secrets.
func (e *Editor) VersionDiffs(ctx context.Context, v config.Version) (changed, since string, err error) {
	name := func(revision int) string { return "version " + strconv.Itoa(revision) }
	before, err := e.Version(ctx, v.Revision-1)
	if err != nil && core.CodeOf(err) != core.NotFound {
		return "", "", err
	}
	if err == nil {
		changed = string(diff.Diff(name(before.Revision), before.Redacted, name(v.Revision), v.Redacted))
	}
	now, err := e.Redacted(ctx)
	if err != nil {
		return "", "", err
	}
	return changed, string(diff.Diff(name(v.Revision), v.Redacted, "the file as it is now", now)), nil
}

// addAgent appends a person and returns them as they are then configured.
func (e *Editor) addAgent(ctx context.Context, agent core.Agent) (string, error) {
	change, err := e.NewAgent(ctx, agent)
	if err != nil {
		return "", err
	}
	r, err := e.Save(ctx, config.Edit{Changes: []config.Change{change}, Who: "people"})
	if err == nil && !r.Applied {
		err = r.Problems
	}
	return change.ID, err
}

// collectSecrets removes stored secrets that nothing refers to any more.
func (a *App) collectSecrets(ctx context.Context) error {
	file, err := os.ReadFile(a.source.Path())
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	removed, err := a.data.secrets.collect(ctx, file)
	if removed > 0 {
		a.log.Info("stored secrets that no version of the configuration needs were removed", "removed", removed)
	}
	return err
}
