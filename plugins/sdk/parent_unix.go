//go:build unix

package sdk

import "syscall"

// closeOnExec keeps programs that the plugin starts from inheriting a descriptor.
func closeOnExec(fd int) { syscall.CloseOnExec(fd) }
