package config

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/guichet/guichet/core"
)

// editing keeps edits of this process apart from each other.
var editing sync.Mutex

// AppendAgent appends an [[agent]] to the file at path and leaves every other byte as it is. A file that is not there
// is created from the built-in defaults. An agent without an id gets one from the e-mail address; a zero capacity and
// an empty name, role or presence are left to the defaults. Nothing is written when the result would have a problem
// (the error is then Problems), when the file is read-only (core.Forbidden), when somebody else changes it meanwhile or
// the e-mail address or id is taken (core.Conflict).
func AppendAgent(path string, agent core.Agent, env Environment) error {
	editing.Lock()
	defer editing.Unlock()
	path, err := target(path)
	if err != nil {
		return err
	}
	before := stat(path)
	text := defaults(env)
	if before != nil {
		if err := writable(path); err != nil {
			return err
		}
		if text, err = readLimited(path, maxFile); err != nil {
			return fmt.Errorf("read %s: %w", path, err)
		}
	}
	env = env.withProcess(filepath.Dir(path))
	c, problems := Decode(path, text, env)
	if problems != nil {
		return problems
	}
	if agent, err = c.newAgent(agent); err != nil {
		return err
	}
	text = append(bytes.Clone(text), agentBlock(text, agent)...)
	if _, problems := Decode(path, text, env); problems != nil {
		return problems
	}
	if !unchanged(before, stat(path)) {
		return core.Errorf(core.Conflict, "%s was changed by somebody else at the same moment; try again.", path)
	}
	return replace(path, text, before)
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

// agentBlock writes the agent as it is to be appended to text, with text's line ends.
func agentBlock(text []byte, a core.Agent) string {
	var b strings.Builder
	if len(text) > 0 && text[len(text)-1] != '\n' {
		b.WriteByte('\n')
	}
	if len(text) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString("[[agent]]\n")
	line := func(key, value string) {
		if value != "" {
			fmt.Fprintf(&b, "%s = %s\n", key, quote(value))
		}
	}
	line("id", a.ID)
	line("email", a.Email)
	line("name", a.Name)
	line("role", string(a.Role))
	if a.Capacity != 0 {
		fmt.Fprintf(&b, "capacity = %d\n", a.Capacity)
	}
	line("presence", string(a.Presence))
	if bytes.Contains(text, []byte("\r\n")) {
		return strings.ReplaceAll(b.String(), "\n", "\r\n")
	}
	return b.String()
}

// writable returns an error (core.Forbidden) that says why the file at path cannot be edited, nil when it can. A file
// without any write permission counts as read-only also for the superuser: somebody meant it.
func writable(path string) error {
	path, err := target(path)
	if err != nil {
		return err
	}
	info := stat(path)
	if info == nil {
		return nil
	}
	if info.Mode().Perm()&0o222 == 0 {
		return core.Errorf(core.Forbidden, "%s is read-only; make it writable, or edit it where it comes from", path)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return core.Errorf(core.Forbidden, "%s cannot be written; make it writable, or edit it where it comes from: %w", path, plainCause(err))
	}
	return f.Close()
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
