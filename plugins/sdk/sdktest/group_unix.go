//go:build unix

package sdktest

import (
	"os/exec"
	"syscall"
)

// inheritsFiles says whether a subprocess can be given open files.
const inheritsFiles = true

// ownGroup makes the command the leader of a new process group, so that what it starts can be ended with it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// killGroup kills all processes of a group; that there is none is not an error.
func killGroup(leader int) { _ = syscall.Kill(-leader, syscall.SIGKILL) }

// interrupt sends the signal that a terminal or a service manager would.
func interrupt(pid int) { _ = syscall.Kill(pid, syscall.SIGTERM) }
