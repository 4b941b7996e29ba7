//go:build darwin || freebsd

package channelv1

import (
	"net"

	"golang.org/x/sys/unix"
)

// peerOf asks the kernel, which noted the peer's user when it connected or began to listen.
func peerOf(conn *net.UnixConn) (Peer, error) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var cred *unix.Xucred
	asked := raw.Control(func(fd uintptr) { cred, err = unix.GetsockoptXucred(int(fd), unix.SOL_LOCAL, unix.LOCAL_PEERCRED) })
	if asked != nil {
		return Peer{}, asked
	}
	if err != nil {
		return Peer{}, err
	}
	return Peer{UID: int(cred.Uid), PID: -1}, nil
}

func parentOf(int) (parent int, ok bool) { return 0, false }
