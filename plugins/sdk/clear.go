package sdk

import (
	"fmt"
	"os"

	"google.golang.org/grpc/credentials"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// The variables by which a host says how it is spoken with; they are go-plugin's.
const (
	clientCertificate = "PLUGIN_CLIENT_CERT"
	socketDirectory   = "PLUGIN_UNIX_SOCKET_DIR"
	multiplex         = "PLUGIN_MULTIPLEX_GRPC"
)

// inClear prepares for a host that gave no certificate, and says why it may not be spoken with: over a socket that others
// could reach, anybody would be served. Connections are not multiplexed then: go-plugin takes the one socket for all of them
// without asking who is at its other end.
func inClear() (credentials.TransportCredentials, error) {
	dir := os.Getenv(socketDirectory)
	if err := private(dir); err != nil {
		return nil, fmt.Errorf("the host gives no certificate (%s) and no private directory for the socket (%s): nobody is served without TLS there: %w", clientCertificate, socketDirectory, err)
	}
	if err := os.Unsetenv(multiplex); err != nil {
		return nil, err
	}
	return channelv1.InClear(func(host channelv1.Peer) error { return host.Check(os.Geteuid(), 0) }), nil
}

// private says what keeps a directory from being this user's alone.
func private(dir string) error {
	if dir == "" {
		return fmt.Errorf("%s is not set", socketDirectory)
	}
	info, err := os.Lstat(dir)
	switch {
	case err != nil:
		return err
	case !info.IsDir():
		return fmt.Errorf("%s is no directory", dir)
	case info.Mode().Perm() != 0o700:
		return fmt.Errorf("%s has the mode %#o instead of 0700", dir, info.Mode().Perm())
	case !ownedByUs(info):
		return fmt.Errorf("%s belongs to another user", dir)
	}
	return nil
}
