//go:build unix

package config

import (
	"io/fs"
	"os"
	"syscall"
)

// writeAccess is W_OK of access(2).
const writeAccess = 2

// mayWrite reports whether this process may make files in a folder.
func mayWrite(dir string) bool { return syscall.Access(dir, writeAccess) == nil }

// keepOwner gives f the owner of old where this process may: when root edits the file of a service, the service must
// be able to read and edit it afterwards.
func keepOwner(f *os.File, old fs.FileInfo) {
	if st, ok := old.Sys().(*syscall.Stat_t); ok {
		_ = f.Chown(int(st.Uid), int(st.Gid))
	}
}
