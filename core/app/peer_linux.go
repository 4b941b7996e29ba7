package app

import (
	"context"
	"net"
	"syscall"
)

// peerKey is where a connection's context has the process at its other end.
type peerKey struct{}

// withPeer notes which process speaks: a third-party plugin runs as this user and could open the socket too.
func withPeer(ctx context.Context, conn net.Conn) context.Context {
	unix, ok := conn.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := unix.SyscallConn()
	if err != nil {
		return ctx
	}
	_ = raw.Control(func(fd uintptr) { // a failure leaves the peer unknown, which is refused
		if peer, err := syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED); err == nil {
			ctx = context.WithValue(ctx, peerKey{}, int(peer.Pid))
		}
	})
	return ctx
}

// peer returns the process at the other end; known is false where it could not be found out.
func peer(ctx context.Context) (pid int, known bool) {
	pid, known = ctx.Value(peerKey{}).(int)
	return pid, known
}
