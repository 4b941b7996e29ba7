package sdktest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"

	"github.com/hashicorp/go-plugin/runner"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// Program is an executable plugin.
type Program struct {
	Path string
	Args []string
	Env  []string // beside the few variables that a host hands on
	Dir  string   // where it runs; "": in a private directory, as under a host
	// NoTLS has the host speak in clear, as one does with a plugin whose plugin.toml says tls = false.
	NoTLS bool
	// Log is called with each line that it writes to standard error; may be nil.
	Log func(line string)
}

// inherited names the variables that a plugin gets of its host's environment.
var inherited = []string{
	"PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
}

func (p Program) command(dir string) *exec.Cmd {
	cmd := exec.Command(p.Path, p.Args...) //nolint:gosec // running it is the purpose
	cmd.Dir = dir
	if p.Dir != "" {
		cmd.Dir = p.Dir
	}
	cmd.Env = []string{}
	for _, name := range inherited {
		if value, ok := os.LookupEnv(name); ok {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Env = slices.Concat(cmd.Env, p.Env)
	return cmd
}

// output keeps what a process wrote, line by line.
type output struct {
	mu      sync.Mutex
	lines   []string
	partial []byte
	told    func(line string) // may be nil
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.partial = append(o.partial, p...)
	for {
		line, rest, found := bytes.Cut(o.partial, []byte("\n"))
		if !found {
			return len(p), nil
		}
		o.lines, o.partial = append(o.lines, string(line)), bytes.Clone(rest)
		if o.told != nil {
			o.told(string(line))
		}
	}
}

// all returns the lines so far, the unfinished one too.
func (o *output) all() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	lines := slices.Clone(o.lines)
	if len(o.partial) > 0 {
		lines = append(lines, string(o.partial))
	}
	return lines
}

// last returns the end of what was written, for messages.
func (o *output) last() string {
	lines := o.all()
	if len(lines) > 12 {
		lines = lines[len(lines)-12:]
	}
	text := ""
	for _, line := range lines {
		text += fmt.Sprintf("    | %.300s\n", line)
	}
	return text
}

// process is a plugin's process, run as a host does: in a group of its own, without standard input, with a lifeline.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	outPipe        io.ReadCloser
	errPipe        io.ReadCloser
	lifeline       *os.File // the host's end
	once           sync.Once
	ended          chan struct{} // closed when it has been waited for
	result         string
}

var _ runner.Runner = (*process)(nil)

func newProcess(cmd *exec.Cmd) (*process, error) {
	p := &process{cmd: cmd, ended: make(chan struct{})}
	ownGroup(cmd)
	cmd.Stdin = nil
	var err error
	if p.outPipe, err = cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	p.errPipe, err = cmd.StderrPipe()
	return p, err
}

// Start implements runner.Runner.
func (p *process) Start(context.Context) error {
	child, parent, err := os.Pipe()
	if err != nil {
		return err
	}
	defer func() { _ = child.Close() }()
	if inheritsFiles {
		p.cmd.ExtraFiles = []*os.File{child}
		p.cmd.Env = append(p.cmd.Env, channelv1.LifelineVariable+"=3")
	}
	if err := p.cmd.Start(); err != nil {
		_ = parent.Close()
		return err
	}
	p.lifeline = parent
	return nil
}

// Wait implements runner.Runner. It is called when the output has ended.
func (p *process) Wait(context.Context) error {
	err := p.cmd.Wait()
	p.result = p.cmd.ProcessState.String()
	p.cut()
	close(p.ended)
	return err
}

// cut lets the lifeline end, as the host's end does.
func (p *process) cut() { p.once.Do(func() { _ = p.lifeline.Close() }) }

// Kill implements runner.Runner.
func (p *process) Kill(context.Context) error {
	if p.cmd.Process != nil {
		killGroup(p.cmd.Process.Pid)
		_ = p.cmd.Process.Kill() // where there are no groups; it may have ended
	}
	return nil
}

func (p *process) over() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Stdout implements runner.Runner.
func (p *process) Stdout() io.ReadCloser { return tee{p.outPipe, &p.stdout} }

// Stderr implements runner.Runner.
func (p *process) Stderr() io.ReadCloser { return tee{p.errPipe, &p.stderr} }

// tee keeps what is read.
type tee struct {
	io.ReadCloser
	kept *output
}

func (t tee) Read(p []byte) (int, error) {
	n, err := t.ReadCloser.Read(p)
	_, _ = t.kept.Write(p[:n]) // to memory
	return n, err
}

// Diagnose implements runner.Runner.
func (p *process) Diagnose(context.Context) string { return "" }

// Name implements runner.Runner.
func (p *process) Name() string { return p.cmd.Path }

// ID implements runner.Runner.
func (p *process) ID() string {
	if p.cmd.Process == nil {
		return ""
	}
	return strconv.Itoa(p.cmd.Process.Pid)
}

// PluginToHost implements runner.Runner.
func (p *process) PluginToHost(network, address string) (string, string, error) {
	return network, address, nil
}

// HostToPlugin implements runner.Runner.
func (p *process) HostToPlugin(network, address string) (string, string, error) {
	return network, address, nil
}
