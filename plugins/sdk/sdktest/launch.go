package sdktest

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	hclog "github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// startLimit is how long a plugin may take until its handshake.
const startLimit = 10 * time.Second

// Launched is a plugin in a process of its own, started as the host starts it.
type Launched struct {
	*Plugin
	process *process
	client  *plugin.Client
	noTLS   bool
	remove  func()
}

// Launch starts an executable plugin with the host's own semantics: mutual TLS with certificates for this once (see
// Program.NoTLS), a lifeline, a clean environment, private directories. The caller owes End.
func Launch(ctx context.Context, program Program) (*Launched, error) {
	return launch(ctx, program, newHost(), newConversations())
}

// Again starts the program again with the same host, as after a crash.
func (l *Launched) Again(ctx context.Context, program Program) (*Launched, error) {
	return launch(ctx, program, l.Host, l.Conversations)
}

func launch(ctx context.Context, program Program, host *Host, conversations *Conversations) (*Launched, error) {
	sockets, err := socketDirectory()
	if err != nil {
		return nil, err
	}
	l := &Launched{noTLS: program.NoTLS, remove: func() { _ = os.RemoveAll(sockets) }}
	work := filepath.Join(sockets, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		return nil, errors.Join(err, os.RemoveAll(sockets))
	}
	way, err := l.transport(program)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(sockets))
	}
	config := &plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: channelv1.ProtocolMajor,
			MagicCookieKey:  channelv1.MagicCookieKey, MagicCookieValue: channelv1.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{
			channelv1.ProtocolMajor: {channelv1.PluginName: &both{host: host, conversations: conversations, way: way.server}},
		},
		AllowedProtocols:    []plugin.Protocol{plugin.ProtocolGRPC},
		TLSConfig:           way.tls,
		SkipHostEnv:         true,
		GRPCBrokerMultiplex: !program.NoTLS,
		StartTimeout:        startLimit,
		UnixSocketConfig:    &plugin.UnixSocketConfig{TempDir: sockets},
		Logger:              hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
		GRPCDialOptions:     append(way.dial, grpc.WithIdleTimeout(0)),
	}
	config.RunnerFunc = func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
		command := program.command(work)
		command.Env = slices.Concat(command.Env, cmd.Env, way.env)
		var err error
		if l.process, err = newProcess(command); err != nil {
			return nil, err
		}
		l.process.stderr.told = program.Log
		return &shaking{process: l.process, config: config, noTLS: program.NoTLS, sockets: sockets}, nil
	}
	l.client = plugin.NewClient(config)
	if err := l.connect(ctx, host, conversations); err != nil {
		l.End() // first, so that all that it wrote has come
		said := ""
		if l.process != nil {
			said = l.process.stderr.last()
		}
		if said != "" {
			err = fmt.Errorf("%w\n  on standard error it wrote:\n%s", err, said)
		}
		return nil, err
	}
	return l, nil
}

// socketDirectory makes a private directory. The address of a socket in it has at most 104 bytes, of which go-plugin's own
// names take up to 42.
func socketDirectory() (string, error) {
	parent := os.TempDir()
	if len(parent)+len("/guichet-0123456789") > 104-42 {
		parent = "/tmp"
	}
	return os.MkdirTemp(parent, "guichet-")
}

func (l *Launched) connect(ctx context.Context, host *Host, conversations *Conversations) error {
	protocol, err := l.client.Client()
	if err != nil {
		return fmt.Errorf("start: %w", err)
	}
	dispensed, err := protocol.Dispense(channelv1.PluginName)
	if err != nil {
		return fmt.Errorf("connect: %w", whyUnreachable(ctx, err, protocol, l.noTLS))
	}
	l.Plugin = newPlugin(dispensed.(*grpc.ClientConn), host, conversations)
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	l.Manifest, err = l.Channel.Describe(ctx, &channelv1.DescribeRequest{HostVersion: "conformance"})
	if err != nil {
		return fmt.Errorf("describe: %w", err)
	}
	return nil
}

// whyUnreachable is what a call says where connecting failed with err, which says little.
func whyUnreachable(ctx context.Context, err error, protocol plugin.ClientProtocol, noTLS bool) error {
	client, ok := protocol.(*plugin.GRPCClient)
	if !ok {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, cause := channelv1.NewChannelClient(client.Conn).Health(ctx, &channelv1.HealthRequest{}); status.Code(cause) == codes.Unavailable {
		err = cause
	}
	if noTLS {
		return fmt.Errorf("it cannot be reached without TLS: %w", err)
	}
	return fmt.Errorf("it cannot be reached with TLS: %w", err)
}

// Kill ends the process at once, as kill -9 does.
func (l *Launched) Kill() {
	_ = l.process.Kill(context.Background()) // it cannot fail
	<-l.process.ended
}

// End ends the process, gently if it lets itself be, and removes its directories.
func (l *Launched) End() {
	if l.process != nil && l.process.cmd.Process != nil {
		ended := make(chan struct{})
		go func() { l.client.Kill(); close(ended) }()
		select {
		case <-ended:
		case <-time.After(3 * time.Second):
			_ = l.process.Kill(context.Background()) // as above
			<-ended
		}
	}
	l.remove()
}

// Ended is closed when the process has ended.
func (l *Launched) Ended() <-chan struct{} { return l.process.ended }

// shaking looks at the handshake before go-plugin reads it: at what it says of multiplexing, because the library wants to
// know that before the start, and refuses plugins that cannot, though it can speak to both kinds; and whether it fits.
type shaking struct {
	*process
	config  *plugin.ClientConfig
	noTLS   bool
	sockets string
	wrong   error
}

// Stdout implements runner.Runner.
func (s *shaking) Stdout() io.ReadCloser {
	return channelv1.ReadHandshake(s.process.Stdout(), func(said channelv1.Handshake) {
		s.config.GRPCBrokerMultiplex = said.Multiplexed
		s.wrong = said.Check(s.noTLS, s.sockets)
	})
}

// PluginToHost implements runner.Runner. go-plugin calls it with the address of the handshake.
func (s *shaking) PluginToHost(network, address string) (string, string, error) {
	return network, address, s.wrong
}

// transport is how a plugin is spoken with, in both directions.
type transport struct {
	tls    *tls.Config // nil without TLS
	env    []string
	dial   []grpc.DialOption
	server []grpc.ServerOption
}

// transport prepares mutual TLS, or, without it, connections with the plugin's own processes only.
func (l *Launched) transport(program Program) (way transport, err error) {
	if program.NoTLS {
		clear := channelv1.InClear(func(peer channelv1.Peer) error {
			return peer.Check(os.Geteuid(), l.process.cmd.Process.Pid) // it has started: it has told its address, or was told the host's
		})
		way.dial, way.server = []grpc.DialOption{grpc.WithTransportCredentials(clear)}, []grpc.ServerOption{grpc.Creds(clear)}
		return way, nil
	}
	certificate, err := makeCertificate()
	if err != nil {
		return way, err
	}
	way.tls = &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12, ServerName: "localhost",
	}
	way.env = []string{"PLUGIN_CLIENT_CERT=" + pemOf(certificate)}
	return way, nil
}
