package channel

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"sync/atomic"

	plugin "github.com/hashicorp/go-plugin"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpccredentials "google.golang.org/grpc/credentials"
	"google.golang.org/grpc/status"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// transport is how one start of a plugin is spoken with, in both directions: with mutual TLS, or, where its plugin.toml says
// tls = false, in clear over Unix sockets in a private folder, with nobody but the plugin's own processes at the other end.
type transport struct {
	noTLS       bool
	tls         *tls.Config                          // nil without TLS
	certificate []byte                               // the host's, in PEM; nil without TLS
	clear       grpccredentials.TransportCredentials // nil with TLS
	refused     atomic.Pointer[error]                // the last peer that was not taken
}

// noTLS says whether a plugin is spoken with in clear. Only an administrator can allow it, by approving the bundle.
func (s Source) noTLS() bool { return s.Bundle != nil && s.Bundle.Permissions.NoTLS }

// newTransport prepares a start. leader returns the plugin's process, 0 before it is there; told hears of each peer that was
// not taken.
func newTransport(noTLS bool, leader func() int, told func(refused error)) (*transport, error) {
	t := &transport{noTLS: noTLS}
	if !noTLS {
		var err error
		t.tls, t.certificate, err = mutualTLS()
		return t, err
	}
	t.clear = channelv1.InClear(func(peer channelv1.Peer) error {
		pid := leader()
		if pid == 0 {
			return errors.New("the plugin has not been started")
		}
		err := peer.Check(os.Geteuid(), pid)
		if err != nil {
			err = fmt.Errorf("refused, as there is no TLS: %w", err)
			t.refused.Store(&err)
			told(err)
		}
		return err
	})
	return t, nil
}

// environment is what the plugin is told about it.
func (t *transport) environment() []string {
	if t.noTLS {
		return nil
	}
	return []string{clientCertificate + "=" + string(t.certificate)}
}

// dialOptions are for the connection to the plugin.
func (t *transport) dialOptions() []grpc.DialOption {
	if t.noTLS {
		return []grpc.DialOption{grpc.WithTransportCredentials(t.clear)}
	}
	return nil // go-plugin's, from the TLS configuration
}

// serverOptions are for the connections that the plugin makes to the host.
func (t *transport) serverOptions() []grpc.ServerOption {
	if t.noTLS {
		return []grpc.ServerOption{grpc.Creds(t.clear)}
	}
	return nil
}

// explain says why a plugin that made its handshake could not be reached, when connecting failed with err.
func (t *transport) explain(ctx context.Context, err error, protocol plugin.ClientProtocol) error {
	if refused := t.refused.Load(); refused != nil {
		return *refused
	}
	client, ok := protocol.(*plugin.GRPCClient)
	if !ok {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, describeLimit)
	defer cancel()
	_, cause := channelv1.NewChannelClient(client.Conn).Health(ctx, &channelv1.HealthRequest{})
	if refused := t.refused.Load(); refused != nil {
		return *refused
	}
	if status.Code(cause) != codes.Unavailable {
		return err
	}
	if t.noTLS {
		return fmt.Errorf("it cannot be reached without TLS, as its plugin.toml says tls = false: does it serve with TLS, though %s is not set? %w", clientCertificate, cause)
	}
	return fmt.Errorf("it cannot be reached with TLS: does it serve with the certificate that it printed, to the host whose certificate is in %s? Where the language's TLS cannot, write tls = false into plugin.toml: %w", clientCertificate, cause)
}
