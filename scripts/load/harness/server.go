package harness

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Server is the real binary with a data directory of its own. It can be started again after it was stopped or killed;
// it then listens at the same address.
type Server struct {
	Binary string
	Dir    string // holds guichet.toml, data/ and server.log

	log     *os.File
	address string

	mu      sync.Mutex
	cmd     *exec.Cmd
	exited  chan struct{}
	exitErr error
}

// NewServer writes the configuration into dir and prepares a server that is not yet running.
func NewServer(binary, dir string, c *Config) (*Server, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("harness: %w", err)
	}
	s := &Server{Binary: binary, Dir: dir}
	if err := s.Configure(c.TOML()); err != nil {
		return nil, err
	}
	var err error
	s.log, err = os.OpenFile(filepath.Join(dir, "server.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("harness: %w", err)
	}
	return s, nil
}

// ConfigPath is the configuration file, Data the data directory.
func (s *Server) ConfigPath() string { return filepath.Join(s.Dir, "guichet.toml") }

// Data: see ConfigPath.
func (s *Server) Data() string { return filepath.Join(s.Dir, "data") }

// Configure replaces the configuration file, at once as an editor that renames would.
func (s *Server) Configure(toml string) error {
	next := s.ConfigPath() + ".next"
	if err := os.WriteFile(next, []byte(toml), 0o600); err != nil {
		return fmt.Errorf("harness: %w", err)
	}
	if err := os.Rename(next, s.ConfigPath()); err != nil {
		return fmt.Errorf("harness: %w", err)
	}
	return nil
}

// startLimit is how long a start may take before it counts as failed.
const startLimit = 30 * time.Second

var printedAddress = regexp.MustCompile(`127\.0\.0\.1:[0-9]+`)

// Start starts the server and waits until it is ready: the store open, the plugins started.
func (s *Server) Start(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := s.Launch(ctx); err != nil {
		return err
	}
	return s.AwaitReady(ctx)
}

// Launch starts the process and returns when it has printed its address.
func (s *Server) Launch(ctx context.Context) error {
	listen := s.address
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	cmd := exec.Command(s.Binary, "serve", "--config", s.ConfigPath(), "--data", s.Data(), "--listen", listen)
	cmd.Dir = s.Dir
	cmd.Stderr = s.log
	// A group of its own, so that signals to it reach the server and nobody else.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return fmt.Errorf("harness: %w", err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("harness: start: %w", err)
	}
	exited, printed := make(chan struct{}), make(chan string, 1)
	go func() {
		lines := bufio.NewScanner(stdout)
		for lines.Scan() {
			_, _ = fmt.Fprintln(s.log, lines.Text()) // the log is for people only
			if at := printedAddress.FindString(lines.Text()); at != "" {
				select {
				case printed <- at:
				default:
				}
			}
		}
		_, _ = io.Copy(io.Discard, stdout)
		err := cmd.Wait()
		s.mu.Lock()
		s.exitErr = err
		s.mu.Unlock()
		close(exited)
	}()
	s.mu.Lock()
	s.cmd, s.exited = cmd, exited
	s.mu.Unlock()
	select {
	case s.address = <-printed:
		return nil
	case <-exited:
		return fmt.Errorf("harness: the server ended while starting: %w\n%s", s.exitError(), s.Log(20))
	case <-ctx.Done():
		s.Kill()
		return fmt.Errorf("harness: the server printed no address: %w\n%s", ctx.Err(), s.Log(20))
	}
}

// AwaitReady waits until /readyz answers 200.
func (s *Server) AwaitReady(ctx context.Context) error {
	for {
		if s.readyNow(ctx) {
			return nil
		}
		select {
		case <-s.Exited():
			return fmt.Errorf("harness: the server ended while starting: %w\n%s", s.exitError(), s.Log(20))
		case <-ctx.Done():
			return fmt.Errorf("harness: the server is not ready: %w\n%s", ctx.Err(), s.Log(20))
		case <-time.After(2 * time.Millisecond):
		}
	}
}

func (s *Server) readyNow(ctx context.Context) bool {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, s.URL()+"/readyz", nil)
	if err != nil {
		return false
	}
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		return false
	}
	_, _ = io.Copy(io.Discard, res.Body) // so that the connection is used again
	_ = res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// URL is where the server is reached, CallbackURL where its LINE account is.
func (s *Server) URL() string { return "http://" + s.address }

// CallbackURL: see URL.
func (s *Server) CallbackURL() string { return s.URL() + "/channels/" + Account + "/callback" }

// Address is host and port.
func (s *Server) Address() string { return s.address }

// PID is the server's process, 0 when it is not running.
func (s *Server) PID() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cmd == nil {
		return 0
	}
	return s.cmd.Process.Pid
}

// Exited is closed when the process that was started last has ended.
func (s *Server) Exited() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exited
}

func (s *Server) exitError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exitErr == nil {
		return errors.New("exit status 0")
	}
	return s.exitErr
}

// Signal sends a signal to the server alone.
func (s *Server) Signal(sig syscall.Signal) error {
	pid := s.PID()
	if pid == 0 {
		return errors.New("harness: the server is not running")
	}
	return syscall.Kill(pid, sig)
}

// SignalGroup sends a signal to the server's process group, as a terminal does.
func (s *Server) SignalGroup(sig syscall.Signal) error {
	pid := s.PID()
	if pid == 0 {
		return errors.New("harness: the server is not running")
	}
	return syscall.Kill(-pid, sig)
}

// stopLimit is how long a graceful end may take.
const stopLimit = 30 * time.Second

// Stop ends the server gracefully. It is an error when it does not end by itself, or not with status 0.
func (s *Server) Stop() error {
	exited := s.Exited()
	if exited == nil {
		return nil
	}
	select {
	case <-exited:
		return nil
	default:
	}
	if err := s.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("harness: stop: %w", err)
	}
	select {
	case <-exited:
	case <-time.After(stopLimit):
		s.Kill()
		return fmt.Errorf("harness: the server did not end within %s of SIGTERM\n%s", stopLimit, s.Log(20))
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.exitErr != nil {
		return fmt.Errorf("harness: the server ended with an error: %w", s.exitErr)
	}
	return nil
}

// Kill ends the server with SIGKILL and waits for the end. Plugins are left to notice.
func (s *Server) Kill() {
	exited := s.Exited()
	if exited == nil {
		return
	}
	select {
	case <-exited:
		return
	default:
	}
	_ = s.Signal(syscall.SIGKILL) // it can only fail because the process is gone
	<-exited
}

// Close kills the server if it still runs and closes its log.
func (s *Server) Close() {
	s.Kill()
	_ = s.log.Close() // written by other processes too; there is nothing to lose
}

// Log returns the last lines of what the server wrote.
func (s *Server) Log(lines int) string {
	raw, err := os.ReadFile(filepath.Join(s.Dir, "server.log"))
	if err != nil {
		return err.Error()
	}
	all := strings.Split(strings.TrimRight(string(raw), "\n"), "\n")
	return strings.Join(all[max(0, len(all)-lines):], "\n")
}

// Run runs another command of the binary on this server's data and returns its standard output. While the server runs
// the command speaks to it.
func (s *Server) Run(ctx context.Context, stdin string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, s.Binary, append(args, "--config", s.ConfigPath(), "--data", s.Data())...)
	cmd.Dir = s.Dir
	cmd.Stdin = strings.NewReader(stdin)
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); err != nil {
		return stdout.String(), fmt.Errorf("guichet %s: %w\n%s%s", strings.Join(args, " "), err, tail(stdout.String()), tail(stderr.String()))
	}
	return stdout.String(), nil
}

func tail(s string) string {
	if len(s) > 2000 {
		return "…" + s[len(s)-2000:]
	}
	return s
}

// Control is a client of the control socket, for what is served only there.
func (s *Server) Control() *http.Client {
	socket := filepath.Join(s.Data(), "run", "guichet.sock")
	return &http.Client{Transport: &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "unix", socket)
		},
	}}
}
