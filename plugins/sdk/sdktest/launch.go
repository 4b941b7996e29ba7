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
	"time"

	hclog "github.com/hashicorp/go-hclog"
	plugin "github.com/hashicorp/go-plugin"
	"github.com/hashicorp/go-plugin/runner"
	"google.golang.org/grpc"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// startLimit is how long a plugin may take until its handshake.
const startLimit = 10 * time.Second

// Launched is a plugin in a process of its own, started as the host starts it.
type Launched struct {
	*Plugin
	process *process
	client  *plugin.Client
	remove  func()
}

// Launch starts an executable plugin with the host's own semantics: mutual TLS with certificates for this once, a
// lifeline, a clean environment, private directories. The caller owes End.
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
	l := &Launched{remove: func() { _ = os.RemoveAll(sockets) }}
	work := filepath.Join(sockets, "work")
	if err := os.Mkdir(work, 0o700); err != nil {
		return nil, errors.Join(err, os.RemoveAll(sockets))
	}
	certificate, err := makeCertificate()
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(sockets))
	}
	mutual := &tls.Config{
		Certificates: []tls.Certificate{certificate}, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12, ServerName: "localhost",
	}
	config := &plugin.ClientConfig{
		HandshakeConfig: plugin.HandshakeConfig{
			ProtocolVersion: channelv1.ProtocolMajor,
			MagicCookieKey:  channelv1.MagicCookieKey, MagicCookieValue: channelv1.MagicCookieValue,
		},
		VersionedPlugins: map[int]plugin.PluginSet{
			channelv1.ProtocolMajor: {channelv1.PluginName: &both{host: host, conversations: conversations}},
		},
		AllowedProtocols:    []plugin.Protocol{plugin.ProtocolGRPC},
		TLSConfig:           mutual,
		SkipHostEnv:         true,
		GRPCBrokerMultiplex: true,
		StartTimeout:        startLimit,
		UnixSocketConfig:    &plugin.UnixSocketConfig{TempDir: sockets},
		Logger:              hclog.New(&hclog.LoggerOptions{Level: hclog.Off, Output: io.Discard}),
		GRPCDialOptions:     []grpc.DialOption{grpc.WithIdleTimeout(0)},
	}
	config.RunnerFunc = func(_ hclog.Logger, cmd *exec.Cmd, _ string) (runner.Runner, error) {
		command := program.command(work)
		command.Env = append(append(command.Env, cmd.Env...), "PLUGIN_CLIENT_CERT="+pemOf(certificate))
		var err error
		if l.process, err = newProcess(command); err != nil {
			return nil, err
		}
		l.process.stderr.told = program.Log
		return &multiplexing{process: l.process, config: config}, nil
	}
	l.client = plugin.NewClient(config)
	if err := l.connect(ctx, host, conversations); err != nil {
		said := ""
		if l.process != nil {
			said = l.process.stderr.last()
		}
		l.End()
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
		return fmt.Errorf("connect: %w", err)
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

// multiplexing tells go-plugin, before it reads the handshake, what the line says of multiplexing: the library wants to
// know before the start, and refuses plugins that cannot, though it can speak to both kinds.
type multiplexing struct {
	*process
	config *plugin.ClientConfig
}

// Stdout implements runner.Runner.
func (m *multiplexing) Stdout() io.ReadCloser {
	return channelv1.ReadHandshake(m.process.Stdout(), func(multiplexed bool) { m.config.GRPCBrokerMultiplex = multiplexed })
}
