//go:build unix

package sdk

import (
	"os"
	"syscall"
)

// closeOnExec keeps programs that the plugin starts from inheriting a descriptor.
func closeOnExec(fd int) { syscall.CloseOnExec(fd) }

// ownedByUs reports whether a file belongs to this user.
func ownedByUs(info os.FileInfo) bool {
	stat, ok := info.Sys().(*syscall.Stat_t)
	return ok && int(stat.Uid) == os.Geteuid()
}
