package channel

import (
	"errors"

	"golang.org/x/sys/unix"
)

// waitUnreaped returns when the process has ended, and leaves its pid taken: until somebody waits for it in earnest, no
// other process can get it.
func waitUnreaped(pid int) {
	for {
		err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil)
		if !errors.Is(err, unix.EINTR) {
			return
		}
	}
}
