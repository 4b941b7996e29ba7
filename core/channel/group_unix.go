//go:build unix

package channel

import (
	"os"
	"os/exec"
	"syscall"
)

// inheritsFiles says whether a subprocess can be given open files.
const inheritsFiles = true

// ownGroup makes the command the leader of a new process group, so that what it starts can be ended with it, and so
// that a signal to the host's group does not reach it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills all processes of a group; that there is none is not an error.
func killGroup(leader int) { _ = syscall.Kill(-leader, syscall.SIGKILL) }

// ownedByUs reports whether a file belongs to this user.
func ownedByUs(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Getuid()
}
