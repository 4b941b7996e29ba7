//go:build unix

package config

import (
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// mayWrite reports whether this process may make files in a folder.
func mayWrite(dir string) bool { return unix.Access(dir, unix.W_OK) == nil }

// keepOwner gives f the owner of old where this process may: when root edits the file of a service, the service must
// be able to read and edit it afterwards.
func keepOwner(f *os.File, old fs.FileInfo) {
	if st, ok := old.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(st.Uid), int(st.Gid))
	}
}
