package channel

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"sync"

	"github.com/hashicorp/go-plugin/runner"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// processRunner runs a plugin's command for go-plugin: in a process group of its own, without the host's standard
// input, with a lifeline by which it notices the host's end.
type processRunner struct {
	cmd      *exec.Cmd
	stdout   io.ReadCloser
	stderr   io.ReadCloser
	lifeline *os.File      // the write end; nothing is ever written
	ended    chan struct{} // closed when the process has been waited for
	// shaken is told the handshake before go-plugin reads it, and says what is wrong with it. go-plugin itself would take what
	// it says, and panic at a certificate where it has no TLS.
	shaken func(channelv1.Handshake) error
	wrong  error // what it said; go-plugin reads the line, and asks for it, after it was set

	mu       sync.Mutex
	started  int  // pid
	reaped   bool // the pid may belong to another process
	unwanted bool // not to be started
	result   string
}

var _ runner.Runner = (*processRunner)(nil)

func newProcessRunner(cmd *exec.Cmd) (*processRunner, error) {
	ownGroup(cmd)
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	// go-plugin sets the host's standard input, which is none of the plugin's business.
	cmd.Stdin = nil
	return &processRunner{cmd: cmd, stdout: stdout, stderr: stderr, ended: make(chan struct{})}, nil
}

// Start implements runner.Runner.
func (r *processRunner) Start(context.Context) error {
	child, parent, err := os.Pipe()
	if err != nil {
		return fmt.Errorf("make the lifeline: %w", err)
	}
	defer func() { _ = child.Close() }()
	if inheritsFiles {
		r.cmd.ExtraFiles = []*os.File{child}
		r.cmd.Env = append(r.cmd.Env, channelv1.LifelineVariable+"=3")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.unwanted {
		_ = parent.Close()
		return errors.New("not wanted any more")
	}
	if err := r.cmd.Start(); err != nil {
		_ = parent.Close()
		return err
	}
	r.lifeline, r.started = parent, r.cmd.Process.Pid
	return nil
}

// Wait implements runner.Runner. go-plugin calls it after the output has ended. What the plugin left behind in its
// group is killed with it, before its pid is given back.
func (r *processRunner) Wait(context.Context) error {
	waitUnreaped(r.cmd.Process.Pid)
	r.mu.Lock()
	defer r.mu.Unlock()
	killGroup(r.started)
	_ = r.cmd.Process.Kill() // where there are no groups
	err := r.cmd.Wait()
	r.reaped = true
	if state := r.cmd.ProcessState; state != nil {
		r.result = state.String()
	} else if err != nil {
		r.result = err.Error()
	}
	_ = r.lifeline.Close()
	close(r.ended)
	return err
}

// Kill implements runner.Runner.
func (r *processRunner) Kill(context.Context) error {
	r.killGroup()
	return nil
}

// killGroup kills the process and all that it started, unless its end has been seen. One that has not been started yet
// will not be.
func (r *processRunner) killGroup() {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.unwanted = true
	if r.started == 0 || r.reaped {
		return
	}
	killGroup(r.started)
	if err := r.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		r.result = err.Error()
	}
}

func (r *processRunner) pid() int {
	if r == nil {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.started
}

// status is how the process ended: "exit status 2", "signal: killed".
func (r *processRunner) status() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.result == "" {
		return "it no longer spoke"
	}
	return r.result
}

// Diagnose implements runner.Runner.
func (r *processRunner) Diagnose(context.Context) string {
	return "is it a Guichet plugin, built for this machine and executable?"
}

// Stdout implements runner.Runner.
func (r *processRunner) Stdout() io.ReadCloser {
	return channelv1.ReadHandshake(r.stdout, func(said channelv1.Handshake) { r.wrong = r.shaken(said) })
}

// Stderr implements runner.Runner.
func (r *processRunner) Stderr() io.ReadCloser { return r.stderr }

// Name implements runner.Runner.
func (r *processRunner) Name() string { return r.cmd.Path }

// ID implements runner.Runner.
func (r *processRunner) ID() string {
	if pid := r.pid(); pid != 0 {
		return strconv.Itoa(pid)
	}
	return ""
}

// PluginToHost implements runner.Runner: both live in the same file system. go-plugin calls it first with the address of the
// handshake, and this is where a handshake is refused.
func (r *processRunner) PluginToHost(network, address string) (string, string, error) {
	return network, address, r.wrong
}

// HostToPlugin implements runner.Runner.
func (r *processRunner) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
