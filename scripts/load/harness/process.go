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

// PSS is the memory of the server and its plugins, in bytes: the proportional set size, in which pages that several
// processes share are counted once.
func (s *Server) PSS() (int64, error) {
	pid := s.PID()
	plugins, err := children(pid)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, p := range append([]int{pid}, plugins...) {
		n, err := pss(p)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

func pss(pid int) (int64, error) {
	f, err := os.Open(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, fmt.Errorf("harness: %w", err)
	}
	defer f.Close()
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		fields := strings.Fields(lines.Text())
		if len(fields) >= 2 && fields[0] == "Pss:" {
			kb, err := strconv.ParseInt(fields[1], 10, 64)
			return kb << 10, err
		}
	}
	return 0, fmt.Errorf("harness: no Pss in smaps_rollup of process %d", pid)
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
