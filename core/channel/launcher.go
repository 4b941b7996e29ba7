package channel

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

const (
	startLimit    = 10 * time.Second // until the handshake; go-plugin's own default is a minute
	describeLimit = 5 * time.Second
	endLimit      = 3 * time.Second // for a process that was asked to end
)

// allowedEnvironment names the variables of the host that plugins inherit: what programs need to find files, zones,
// certificates and the way out. Everything else of the host's environment may hold secrets.
var allowedEnvironment = []string{
	"PATH", "HOME", "TMPDIR", "TZ", "LANG", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "no_proxy",
}

// SelfSource runs a first-party plugin: this very binary, even when its file was replaced meanwhile, as
// `guichet plugin NAME`.
func SelfSource(name string) (Source, bool) {
	path := "/proc/self/exe"
	if _, err := os.Readlink(path); err != nil {
		if path, err = os.Executable(); err != nil {
			return Source{}, false
		}
	}
	return Source{Path: path, Args: []string{"plugin", name}}, true
}

// processLauncher starts real subprocesses through go-plugin: one client for each start, because a client cannot start
// twice.
type processLauncher struct {
	host   *Host
	plugin string
}

func (pl *processLauncher) launch(ctx context.Context) (process, error) {
	source, ok := pl.host.options.Find(pl.plugin)
	if !ok {
		return nil, fmt.Errorf("there is no plugin %q", pl.plugin)
	}
	p := &subprocess{
		out:  newOutput(pl.host.log.With("plugin", pl.plugin), pl.host.journalOf(pl.plugin)),
		gone: make(chan struct{}),
	}
	p.hide(pl.host.secrets(pl.plugin))
	if err := p.start(ctx, pl.host, pl.plugin, source); err != nil {
		p.end(false)
		return nil, &launchError{err: whyNotRun(err, p.out.tail()), output: p.out.tail()}
	}
	return p, nil
}

// subprocess is one plugin process and go-plugin's client of it.
type subprocess struct {
	client  *plugin.Client
	runner  *processRunner
	early   atomic.Pointer[processRunner] // the same, for who looks while it starts
	stubs   *clients
	out     *output
	calls   atomic.Int64
	cancel  context.CancelFunc // of the watch
	gone    chan struct{}
	goneOne sync.Once
	endOne  sync.Once
	reason  string
	source  Source
	kin     atomic.Pointer[kin] // of a third-party plugin; nil for others
	forget  func()              // that it is a stranger's; nil for others
	overuse atomic.Pointer[string]
}

func (p *subprocess) start(ctx context.Context, h *Host, name string, source Source) error {
	p.source = source
	if source.Bundle != nil {
		h.strangers.Store(p, nil)
		p.forget = func() { h.strangers.Delete(p) }
	}
	if err := source.checkApproved(); err != nil {
		return err
	}
	sockets, work, err := directories(h.options.Data, name, !h.runs(name))
	if err != nil {
		return err
	}
	if source.SHA256 != nil {
		// A new hash for each start: go-plugin's check leaves it used.
		same, err := (&plugin.SecureConfig{Checksum: source.SHA256, Hash: sha256.New()}).Check(source.Path)
		if err != nil {
			return fmt.Errorf("check the approved hash: %w", err)
		}
		if !same {
			return errors.New("the executable is not the one that was approved")
		}
	}
	way, err := newTransport(source.noTLS(), func() int { return p.early.Load().pid() }, func(refused error) {
		h.log.Warn("a connection of a plugin was refused", "plugin", name, "error", refused)
	})
	if err != nil {
		return err
	}
	config := &plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: channelv1.ProtocolMajor,
			MagicCookieKey:  channelv1.MagicCookieKey, MagicCookieValue: channelv1.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{
			channelv1.ProtocolMajor: {channelv1.PluginName: newHostSide(h, name, way)},
		},
		AllowedProtocols:    []plugin.Protocol{plugin.ProtocolGRPC},
		TLSConfig:           way.tls,
		SkipHostEnv:         true,
		GRPCBrokerMultiplex: !way.noTLS, // go-plugin's multiplexer makes its connection without asking who is there
		StartTimeout:        startLimit,
		UnixSocketConfig:    &plugin.UnixSocketConfig{TempDir: sockets},
		Stderr:              p.out.writer(streamStderr),
		SyncStdout:          p.out.writer(streamStdout),
		SyncStderr:          p.out.writer(streamStderr),
		// Off: go-plugin's own reading of log lines would end the host on a malformed one (it asserts types).
		Logger: hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
		GRPCDialOptions: append([]grpc.DialOption{
			grpc.WithDefaultCallOptions(
				grpc.MaxCallRecvMsgSize(channelv1.MaxMessageBytes), grpc.MaxCallSendMsgSize(channelv1.MaxMessageBytes)),
			grpc.WithIdleTimeout(0),
			grpc.WithUnaryInterceptor(p.count),
		}, way.dialOptions()...),
	}
	config.RunnerFunc = func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
		cmd.Path, cmd.Args = source.Path, append([]string{"guichet"}, source.Args...)
		if source.SHA256 != nil {
			cmd.Args[0] = source.Path
		}
		cmd.Dir = work
		cmd.Env = slices.Concat(environment(os.LookupEnv), source.Env, cmd.Env, way.environment())
		if source.Bundle != nil {
			if err := source.throughPrelude(cmd, work, sockets); err != nil {
				return nil, err
			}
		}
		var err error
		if p.runner, err = newProcessRunner(cmd); err != nil {
			return nil, err
		}
		p.runner.shaken = func(said channelv1.Handshake) error {
			// go-plugin asks before it knows the plugin; those in other languages need no multiplexing.
			config.GRPCBrokerMultiplex = said.Multiplexed
			return said.Check(way.noTLS, sockets)
		}
		p.early.Store(p.runner)
		return p.runner, ctx.Err() // a stop before this line has found nothing to kill
	}
	p.client = plugin.NewClient(config)
	// Start holds the client's lock for up to startLimit, so that Kill would wait: a stop that comes meanwhile kills the
	// process itself, which ends the start.
	started := make(chan struct{})
	defer close(started)
	go func() {
		select {
		case <-ctx.Done():
			p.early.Load().killGroup()
		case <-started:
		}
	}()
	protocol, err := p.client.Client()
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	dispensed, err := protocol.Dispense(channelv1.PluginName)
	if err != nil {
		return fmt.Errorf("connect: %w", way.explain(ctx, err, protocol))
	}
	conn := dispensed.(*grpc.ClientConn)
	if source.Bundle != nil {
		p.kin.Store(newKin(p.runner.pid()))
	}
	if err := p.describe(ctx, h, name, conn); err != nil {
		return err
	}
	if err := p.watch(conn); err != nil {
		return err
	}
	if source.Bundle != nil {
		go p.guardMemory(h, name, source.Bundle.Bundle)
	}
	return nil
}

func (p *subprocess) describe(ctx context.Context, h *Host, name string, conn *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(ctx, describeLimit)
	defer cancel()
	manifest, err := channelv1.NewChannelClient(conn).Describe(ctx, &channelv1.DescribeRequest{HostVersion: h.options.Version})
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	if manifest.GetId() != name {
		return fmt.Errorf("it describes itself as %q, not %q", manifest.GetId(), name)
	}
	if problems := channelv1.TranslationProblems(manifest.GetTranslations()); len(problems) > 0 {
		return problems[0]
	}
	if p.source.Bundle != nil {
		if err := p.source.Bundle.agrees(manifest); err != nil {
			return err
		}
		p.source.Bundle.translate(manifest)
	}
	h.described(name, manifest)
	p.stubs = newClients(conn, manifest)
	return nil
}

// watch opens the stream whose end means that the process is gone, which is noticed within milliseconds.
func (p *subprocess) watch(conn *grpc.ClientConn) error {
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel = cancel
	stream, err := channelv1.NewChannelClient(conn).Watch(ctx, &channelv1.WatchRequest{})
	if err != nil {
		return fmt.Errorf("watch: %w", err)
	}
	first := make(chan error, 1)
	go func() {
		_, err := stream.Recv()
		first <- err
		for err == nil {
			_, err = stream.Recv()
		}
		p.lost()
	}()
	select {
	case err := <-first:
		if err != nil {
			return fmt.Errorf("watch: %w", err)
		}
	case <-time.After(describeLimit):
		return errors.New("watch: no answer")
	}
	go func() {
		<-p.runner.ended
		p.lost()
	}()
	return nil
}

func (p *subprocess) lost() { p.goneOne.Do(func() { close(p.gone) }) }

func (p *subprocess) pid() int                { return p.runner.pid() }
func (p *subprocess) clients() *clients       { return p.stubs }
func (p *subprocess) exited() <-chan struct{} { return p.gone }
func (p *subprocess) output() string          { return p.out.tail() }
func (p *subprocess) hide(secrets []string)   { p.out.hide(secrets) }

func (p *subprocess) health(ctx context.Context) error {
	r, err := p.stubs.channel.Health(ctx, &channelv1.HealthRequest{})
	if err != nil {
		return err
	}
	if !r.GetHealthy() {
		return fmt.Errorf("unhealthy: %s", r.GetMessage())
	}
	return nil
}

// drain lets the plugin finish, and waits for the answers that it gave last: they may still be on their way when it says
// that it is done.
func (p *subprocess) drain(ctx context.Context) error {
	_, err := p.stubs.channel.Drain(ctx, &channelv1.DrainRequest{})
	for err == nil && p.calls.Load() > 0 && ctx.Err() == nil {
		pause(ctx, time.Millisecond)
	}
	return err
}

// count keeps the number of calls that are under way.
func (p *subprocess) count(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
	p.calls.Add(1)
	defer p.calls.Add(-1)
	return invoke(ctx, method, request, reply, conn, options...)
}

// end ends the process. go-plugin's own Kill asks a process to end without a deadline, so one that hangs would hang the
// host: the group is killed beforehand, or endLimit after a gentle request.
func (p *subprocess) end(gently bool) string {
	p.endOne.Do(func() {
		if p.forget != nil {
			defer p.forget()
		}
		if p.runner == nil || p.runner.pid() == 0 {
			if p.client != nil {
				p.client.Kill()
			}
			p.reason = "not started"
			return
		}
		p.kin.Load().look()
		if !gently {
			p.runner.killGroup()
		}
		killed := make(chan struct{})
		go func() {
			defer close(killed)
			p.client.Kill()
		}()
		select {
		case <-killed:
		case <-time.After(endLimit):
			p.runner.killGroup()
			<-killed
		}
		if p.cancel != nil {
			p.cancel()
		}
		p.lost()
		p.kin.Load().kill()
		p.reason = p.runner.status()
		if text := p.overuse.Load(); text != nil {
			p.reason = *text
		}
	})
	return p.reason
}

// environment is what a plugin inherits of the host's.
func environment(lookup func(string) (string, bool)) []string {
	var env []string
	for _, name := range allowedEnvironment {
		if value, ok := lookup(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}
