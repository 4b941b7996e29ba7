package config

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/guichet/guichet/core"
)

// editing keeps edits of this process apart from each other.
var editing sync.Mutex

// NewAgent returns the change that appends an agent to the file. An agent without an id gets one from the e-mail address;
// a zero capacity and an empty name, role or presence are left to the defaults. It is core.Conflict when the e-mail
// address or id is taken; Problems when the file has some, since it is then not clear who is there.
func (e *Editor) NewAgent(ctx context.Context, agent core.Agent) (Change, error) {
	p, err := e.present(ctx)
	if err != nil {
		return Change{}, err
	}
	c, problems := Decode(e.options.Path, p.text, e.options.Environment)
	if problems != nil {
		return Change{}, problems
	}
	if agent, err = c.newAgent(agent); err != nil {
		return Change{}, err
	}
	values := map[string]any{}
	for key, value := range map[string]string{
		"email": agent.Email, "name": agent.Name, "role": string(agent.Role), "presence": string(agent.Presence),
	} {
		if value != "" {
			values[key] = value
		}
	}
	if agent.Capacity != 0 {
		values["capacity"] = int64(agent.Capacity)
	}
	return Change{Op: Add, Object: "agent", ID: agent.ID, Value: values}, nil
}

// newAgent checks that an agent is new and chooses an id where there is none.
func (c *Config) newAgent(agent core.Agent) (core.Agent, error) {
	if known := c.agentNamed(agent.Email); known != nil {
		return agent, core.Errorf(core.Conflict, "There is an agent with the e-mail address %s already: %s", agent.Email, known.ID)
	}
	if agent.ID != "" {
		if c.agentNamed(agent.ID) != nil {
			return agent, core.Errorf(core.Conflict, "There is an agent %q already", agent.ID)
		}
		return agent, nil
	}
	base := firstOf(kebab(localPart(agent.Email)), "agent")
	agent.ID = base
	for n := 2; c.agentNamed(agent.ID) != nil; n++ {
		agent.ID = fmt.Sprintf("%s-%d", firstBytes(base, 58), n)
	}
	return agent, nil
}

// writable returns an error (core.Forbidden) that says why the file at path cannot be edited, nil when it can.
func writable(path string) error {
	_, err := locked(path)
	return err
}

// locked is writable with the reason in a word: file, folder or permission. A file without any write permission counts as
// read-only also for the superuser: somebody meant it.
func locked(path string) (why string, err error) {
	path, err = target(path)
	if err != nil {
		return "permission", err
	}
	dir := filepath.Dir(path)
	if info := stat(dir); info != nil && (info.Mode().Perm()&0o222 == 0 || !mayWrite(dir)) {
		return "folder", core.Errorf(core.Forbidden, "nothing can be written in %s, where an edit puts the new file before it takes the place of the old one", dir)
	}
	info := stat(path)
	if info == nil {
		return "", nil
	}
	if info.Mode().Perm()&0o222 == 0 {
		return "file", core.Errorf(core.Forbidden, "%s is read-only; make it writable, or edit it where it comes from", path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return "permission", core.Errorf(core.Forbidden, "%s cannot be written; make it writable, or edit it where it comes from: %w", path, plainCause(err))
	}
	return "", f.Close()
}

// target follows symbolic links, so that an edit replaces the file and not the link to it.
func target(path string) (string, error) {
	resolved, err := filepath.EvalSymlinks(path)
	if errors.Is(err, fs.ErrNotExist) {
		return path, nil
	}
	if err != nil {
		return "", fmt.Errorf("find %s: %w", path, err)
	}
	return resolved, nil
}

// replace writes a file as a whole or not at all, and durably: a temporary file beside it takes its place. Mode and
// owner of the old file stay; a new file is its owner's alone, since it may come to hold secrets.
func replace(path string, text []byte, old fs.FileInfo) (err error) {
	dir := filepath.Dir(path)
	if old == nil {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make the folder of %s: %w", path, err)
		}
	}
	f, err := os.CreateTemp(dir, ".guichet-*.toml")
	if err != nil {
		return core.Errorf(core.Forbidden, "nothing can be written beside %s, which an edit needs: %w", path, plainCause(err))
	}
	defer func() {
		if err != nil {
			_ = f.Close()
			_ = os.Remove(f.Name())
		}
	}()
	if _, err := f.Write(text); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if old != nil {
		keepOwner(f, old)
		if err := f.Chmod(old.Mode().Perm()); err != nil {
			return fmt.Errorf("keep the mode of %s: %w", path, err)
		}
	}
	if err := f.Sync(); err != nil {
		return fmt.Errorf("write %s durably: %w", path, err)
	}
	if err := f.Close(); err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return core.Errorf(core.Forbidden, "%s cannot be replaced (where a container mounts the file, mount its folder instead): %w", path, err)
	}
	return syncDir(dir)
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("open folder %s: %w", dir, err)
	}
	defer d.Close() //nolint:errcheck // opened to sync only
	if err := d.Sync(); err != nil {
		return fmt.Errorf("sync folder %s: %w", dir, err)
	}
	return nil
}
