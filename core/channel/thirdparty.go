package channel

import (
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// memoryEvery is how often the memory of third-party plugins is looked at.
const memoryEvery = time.Second

// checkApproved checks everything that an approved plugin consists of, before each start.
func (s Source) checkApproved() error {
	if s.Bundle == nil {
		return s.Problem
	}
	if err := mayRun(s.Demand, abilities()); err != nil {
		return err
	}
	return s.Bundle.Check()
}

// mayRun says whether what an administrator demands can be had here.
func mayRun(demand bool, can ability) error {
	if demand && can.landlock == 0 {
		return errors.New("an administrator demands that it is confined, and this kernel has no Landlock")
	}
	return nil
}

// throughPrelude makes a command the one that confines and then runs an approved plugin.
func (s Source) throughPrelude(cmd *exec.Cmd, work, sockets string) error {
	b := s.Bundle
	program := filepath.Join(b.Dir, filepath.FromSlash(b.Command))
	cmd.Env = append(cmd.Env, "HOME="+work, "TMPDIR="+work, fmt.Sprintf("GOMEMLIMIT=%d", b.Permissions.Memory*9/10))
	if !abilities().prelude {
		cmd.Path, cmd.Args = program, append([]string{program}, b.Args...)
		return nil
	}
	spec := preludeSpec{Path: program, Args: b.Args, Bundle: b.Dir, Work: work, Sockets: sockets, Allowed: b.Permissions, Demand: s.Demand}
	for _, f := range b.Files {
		if f.Path == b.Command {
			spec.SHA256 = f.SHA256
		}
	}
	raw, err := json.Marshal(spec)
	if err != nil {
		return err
	}
	self, ok := SelfSource("")
	if !ok {
		return errors.New("this program's own file is not found")
	}
	cmd.Path, cmd.Args = self.Path, []string{"guichet", PreludeCommand, string(raw)}
	return nil
}

// preludeFailed is how what the prelude writes begins when it does not run the plugin.
const preludeFailed = "guichet: the plugin is not run: "

// whyNotRun adds what the prelude said to an error of the start.
func whyNotRun(err error, output string) error {
	if _, reason, found := strings.Cut(output, preludeFailed); found {
		reason, _, _ = strings.Cut(reason, "\n")
		return errors.New(reason)
	}
	return err
}

// PreludeError is the line that a failed prelude leaves for the host.
func PreludeError(err error) string { return preludeFailed + err.Error() }

// guardMemory ends a third-party plugin that uses more memory than it asked for, with all that it started.
func (p *subprocess) guardMemory(h *Host, name string, b *Bundle) {
	ticker := time.NewTicker(memoryEvery)
	defer ticker.Stop()
	for {
		select {
		case <-p.gone:
			return
		case <-ticker.C:
		}
		used := p.kin.Load().look()
		if used <= b.Permissions.Memory {
			continue
		}
		text := fmt.Sprintf("it used %s of memory, more than the %s that it may use", sizeText(used), sizeText(b.Permissions.Memory))
		p.overuse.Store(&text)
		h.options.Alert(Alert{
			Plugin: name, Code: "plugin-over-memory", Output: p.out.tail(),
			Text: fmt.Sprintf("The plugin %s was ended: %s. It is started again.", name, text),
		})
		p.runner.killGroup()
		p.kin.Load().kill()
		return
	}
}

// The kinds of plugins.
const (
	KindBuiltIn    = "built-in"    // part of this program
	KindThirdParty = "third-party" // a bundle that an administrator has approved
)

// kindOf says what a plugin is: as it runs, or as it would be run.
func (h *Host) kindOf(plugin string, l *live) (kind, hash string, c Confinement) {
	var source Source
	if l != nil {
		if p, ok := l.process.(*subprocess); ok {
			source = p.source
		}
	} else {
		source, _ = h.options.Find(plugin)
	}
	if source.Bundle == nil {
		return KindBuiltIn, "", Confinement{}
	}
	return KindThirdParty, source.Bundle.Hash, ConfinementOf(source.Bundle.Permissions)
}

// Owns reports whether a process is a third-party plugin, or was started by one: it is not to be trusted like this user's
// other processes.
func (h *Host) Owns(pid int) (owns bool) {
	leaders := map[int]bool{}
	h.strangers.Range(func(key, _ any) bool {
		p := key.(*subprocess)
		leaders[p.early.Load().pid()] = true
		owns = owns || p.kin.Load().has(pid)
		return true
	})
	delete(leaders, 0) // not started yet
	for ok := len(leaders) > 0; ok && pid > 1; pid, ok = parentOf(pid) {
		if leaders[pid] {
			return true
		}
	}
	return owns
}
