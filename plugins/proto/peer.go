package channelv1

import (
	"context"
	"errors"
	"fmt"
	"net"

	"google.golang.org/grpc/credentials"
)

// Peer is the process at the other end of a Unix socket's connection, as the system knows it: the one that connected, or
// the one that listens.
type Peer struct {
	UID int // -1 where the system does not tell
	PID int // -1 where the system does not tell; 0: a process that cannot be seen from here (of another PID namespace)
}

// Check refuses a peer that is not of the user uid, or is neither the process leader nor started by it; any process will do
// where leader is 0. What the system does not tell is not held against the peer: there the folder of the socket, which is
// private to its user, is all that keeps others out.
func (p Peer) Check(uid, leader int) error {
	if p.UID >= 0 && p.UID != uid {
		return fmt.Errorf("the process at the other end of the socket is of the user %d, not of %d", p.UID, uid)
	}
	if p.PID >= 0 && leader > 0 && !descends(p.PID, leader) {
		return fmt.Errorf("the process at the other end of the socket is %d, which is neither %d nor started by it", p.PID, leader)
	}
	return nil
}

// descends reports whether a process is another, or below it.
func descends(pid, leader int) bool {
	for ok := true; ok && pid > 1; pid, ok = parentOf(pid) {
		if pid == leader {
			return true
		}
	}
	return false
}

// InClear are gRPC's credentials of a connection without TLS (tls = false in plugin.toml), for both of its ends: only Unix
// sockets are spoken over, and only with a peer that check takes.
func InClear(check func(Peer) error) credentials.TransportCredentials { return inClear{check} }

type inClear struct{ check func(Peer) error }

// ClientHandshake implements credentials.TransportCredentials.
func (c inClear) ClientHandshake(_ context.Context, _ string, conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	return c.ServerHandshake(conn)
}

// ServerHandshake implements credentials.TransportCredentials.
func (c inClear) ServerHandshake(conn net.Conn) (net.Conn, credentials.AuthInfo, error) {
	socket, ok := conn.(*net.UnixConn)
	if !ok {
		return nil, nil, errors.New("without TLS only Unix sockets are spoken over")
	}
	peer, err := peerOf(socket)
	if err != nil {
		return nil, nil, fmt.Errorf("ask who is at the other end of the socket: %w", err)
	}
	if err := c.check(peer); err != nil {
		return nil, nil, err
	}
	return conn, clearInfo{credentials.CommonAuthInfo{SecurityLevel: credentials.NoSecurity}}, nil
}

// Info implements credentials.TransportCredentials. The name is the one of gRPC's own: no TLS.
func (inClear) Info() credentials.ProtocolInfo {
	return credentials.ProtocolInfo{SecurityProtocol: "insecure"}
}

// Clone implements credentials.TransportCredentials.
func (c inClear) Clone() credentials.TransportCredentials { return c }

// OverrideServerName implements credentials.TransportCredentials.
func (inClear) OverrideServerName(string) error { return nil }

type clearInfo struct{ credentials.CommonAuthInfo }

// AuthType implements credentials.AuthInfo.
func (clearInfo) AuthType() string { return "insecure" }

// ValidateAuthority takes any name, as there is none to verify.
func (clearInfo) ValidateAuthority(string) error { return nil }
