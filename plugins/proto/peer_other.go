//go:build !linux && !darwin && !freebsd

package channelv1

import "net"

// peerOf knows nothing here.
func peerOf(*net.UnixConn) (Peer, error) { return Peer{UID: -1, PID: -1}, nil }

func parentOf(int) (parent int, ok bool) { return 0, false }
