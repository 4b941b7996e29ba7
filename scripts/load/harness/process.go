package harness

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// Plugins returns the pids of the server's plugin processes.
func (s *Server) Plugins() ([]int, error) {
	pid := s.PID()
	if pid == 0 {
		return nil, nil
	}
	return children(pid)
}

// children returns the live child processes of a process.
func children(parent int) ([]int, error) {
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", parent))
	if err != nil {
		return nil, err
	}
	var pids []int
	for _, task := range tasks {
		raw, err := os.ReadFile(task)
		if err != nil {
			continue // the thread has ended meanwhile
		}
		for _, field := range strings.Fields(string(raw)) {
			pid, err := strconv.Atoi(field)
			if err != nil {
				return nil, fmt.Errorf("harness: %s holds %q", task, field)
			}
			if Alive(pid) {
				pids = append(pids, pid)
			}
		}
	}
	return pids, nil
}

// Alive reports whether a process exists and has not ended; one that waits to be reaped has.
func Alive(pid int) bool {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return false
	}
	_, rest, ok := strings.Cut(string(raw), ") ")
	return ok && !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

// KillPlugin ends one plugin process with SIGKILL and returns its pid, 0 when none runs.
func (s *Server) KillPlugin() (int, error) {
	pids, err := s.Plugins()
	if err != nil || len(pids) == 0 {
		return 0, err
	}
	if err := syscall.Kill(pids[0], syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return 0, fmt.Errorf("harness: kill the plugin: %w", err)
	}
	return pids[0], nil
}

// PluginNamed returns the process of one of the program's own plugins, such as "webchat", 0 when none runs.
func (s *Server) PluginNamed(name string) (int, error) {
	pids, err := s.Plugins()
	if err != nil {
		return 0, err
	}
	for _, pid := range pids {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err != nil {
			continue // it has ended meanwhile
		}
		if args := strings.Split(strings.TrimRight(string(raw), "\x00"), "\x00"); args[len(args)-1] == name {
			return pid, nil
		}
	}
	return 0, nil
}

// KillPluginNamed ends the process of one of the program's own plugins, such as "webchat", with SIGKILL.
func (s *Server) KillPluginNamed(name string) error {
	pid, err := s.PluginNamed(name)
	if err != nil {
		return err
	}
	if pid == 0 {
		return fmt.Errorf("harness: no process of the plugin %s", name)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil {
		return fmt.Errorf("harness: kill the plugin: %w", err)
	}
	return nil
}

// Memory is the proportional set size of a process in bytes: pages that several processes share are counted once, in
// shares. Anon is what the process has allocated, File what it has mapped from files, such as storage tables and its own
// program.
type Memory struct{ Total, Anon, File int64 }

// Memory returns what the server and its plugins take.
func (s *Server) Memory() (server, plugins Memory, err error) {
	pid := s.PID()
	if server, err = memory(pid); err != nil {
		return server, plugins, err
	}
	pids, err := children(pid)
	if err != nil {
		return server, plugins, err
	}
	for _, p := range pids {
		m, err := memory(p)
		if err != nil {
			return server, plugins, err
		}
		plugins.Total, plugins.Anon, plugins.File = plugins.Total+m.Total, plugins.Anon+m.Anon, plugins.File+m.File
	}
	return server, plugins, nil
}

func memory(pid int) (Memory, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return Memory{}, fmt.Errorf("harness: %w", err)
	}
	defer f.Close()
	var m Memory
	fields := map[string]*int64{"Pss:": &m.Total, "Pss_Anon:": &m.Anon, "Pss_File:": &m.File}
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		words := strings.Fields(lines.Text())
		if len(words) < 2 || fields[words[0]] == nil {
			continue
		}
		kb, err := strconv.ParseInt(words[1], 10, 64)
		if err != nil {
			return Memory{}, fmt.Errorf("harness: smaps_rollup of process %d: %w", pid, err)
		}
		*fields[words[0]] = kb << 10
	}
	if err := lines.Err(); err != nil || m.Total == 0 {
		return Memory{}, fmt.Errorf("harness: no Pss in smaps_rollup of process %d: %w", pid, err)
	}
	return m, nil
}

// CPU is the processor time that the server and its plugins have used since they started.
func (s *Server) CPU() (time.Duration, error) {
	pid := s.PID()
	plugins, err := children(pid)
	if err != nil {
		return 0, err
	}
	var sum time.Duration
	for _, p := range append([]int{pid}, plugins...) {
		raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", p))
		if err != nil {
			return 0, fmt.Errorf("harness: %w", err)
		}
		_, rest, _ := strings.Cut(string(raw), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 13 {
			return 0, fmt.Errorf("harness: odd stat of process %d", p)
		}
		for _, field := range fields[11:13] { // utime, stime, in hundredths of a second
			ticks, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return 0, fmt.Errorf("harness: odd stat of process %d: %w", p, err)
			}
			sum += time.Duration(ticks) * 10 * time.Millisecond
		}
	}
	return sum, nil
}
