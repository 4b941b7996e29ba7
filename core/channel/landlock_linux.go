package channel

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"unsafe"

	"golang.org/x/sys/unix"
)

// What Landlock calls rights; golang.org/x/sys has all but the second kind of rule.
const (
	mayRead    = unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_READ_DIR
	mayExecute = unix.LANDLOCK_ACCESS_FS_EXECUTE
	// mayWrite is what a plugin may do in its own folders: anything but execute, and make devices.
	mayWrite = mayRead | unix.LANDLOCK_ACCESS_FS_WRITE_FILE | unix.LANDLOCK_ACCESS_FS_REMOVE_DIR | unix.LANDLOCK_ACCESS_FS_REMOVE_FILE |
		unix.LANDLOCK_ACCESS_FS_MAKE_DIR | unix.LANDLOCK_ACCESS_FS_MAKE_REG | unix.LANDLOCK_ACCESS_FS_MAKE_SOCK |
		unix.LANDLOCK_ACCESS_FS_MAKE_FIFO | unix.LANDLOCK_ACCESS_FS_MAKE_SYM | unix.LANDLOCK_ACCESS_FS_REFER | unix.LANDLOCK_ACCESS_FS_TRUNCATE
	// ofFiles are the rights that a rule about a file, not a folder, may give.
	ofFiles = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV

	landlockRuleNetPort = 2
)

// readable is what any program reads of the system: libraries, certificates, how names are looked up, time zones.
var readable = []string{
	"/lib", "/lib32", "/lib64", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local/lib", "/usr/share", "/usr/local/share",
	"/etc/ssl", "/etc/pki", "/etc/ca-certificates", "/etc/resolv.conf", "/run/systemd/resolve", "/etc/hosts", "/etc/host.conf", "/etc/nsswitch.conf",
	"/etc/services", "/etc/protocols", "/etc/gai.conf", "/etc/localtime", "/etc/timezone", "/etc/ld.so.cache", "/etc/mime.types",
	"/proc/self", "/proc/meminfo", "/proc/cpuinfo", "/sys/kernel/mm/transparent_hugepage", "/dev/random", "/dev/urandom", "/dev/zero",
}

// landlockVersion is the version of the kernel's interface; 0 where there is none, or it is switched off.
func landlockVersion() int {
	version, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, 0, 0, unix.LANDLOCK_CREATE_RULESET_VERSION)
	if errno != 0 {
		return 0
	}
	return int(version) //nolint:gosec // a small number
}

// landlock confines this thread, and the program that it executes, for good.
func landlock(spec *preludeSpec, version int, interpreters []string) error {
	handled := uint64(unix.LANDLOCK_ACCESS_FS_MAKE_SYM<<1 - 1) // all of the first version
	if version >= 2 {
		handled |= unix.LANDLOCK_ACCESS_FS_REFER
	}
	if version >= 3 {
		handled |= unix.LANDLOCK_ACCESS_FS_TRUNCATE
	}
	if version >= 5 {
		handled |= unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	attr := unix.LandlockRulesetAttr{Handled_access_fs: handled}
	p := spec.Allowed
	limited := !p.Network || len(p.Hosts) > 0
	if version >= landlockNetwork {
		attr.Handled_access_net = unix.LANDLOCK_ACCESS_NET_BIND_TCP
		if limited {
			attr.Handled_access_net |= unix.LANDLOCK_ACCESS_NET_CONNECT_TCP
		}
	}
	if version >= landlockScopes {
		attr.Scoped = unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL
	}
	fd, _, errno := unix.Syscall(unix.SYS_LANDLOCK_CREATE_RULESET, uintptr(unsafe.Pointer(&attr)), 24, 0) //nolint:gosec // the three fields above
	if errno != 0 {
		return fmt.Errorf("make the rules: %w", errno)
	}
	rules := &landlockRules{fd: int(fd), handled: handled} //nolint:gosec // a descriptor
	defer func() { _ = unix.Close(rules.fd) }()
	rules.folders(spec, interpreters)
	if version >= landlockNetwork {
		for _, port := range p.Listen {
			rules.port(port, unix.LANDLOCK_ACCESS_NET_BIND_TCP)
		}
		if limited && p.Network {
			for _, port := range p.connectPorts() {
				rules.port(port, unix.LANDLOCK_ACCESS_NET_CONNECT_TCP)
			}
		}
	}
	if rules.err != nil {
		return rules.err
	}
	if _, _, errno := unix.Syscall(unix.SYS_LANDLOCK_RESTRICT_SELF, uintptr(rules.fd), 0, 0); errno != 0 { //nolint:gosec // a descriptor
		return fmt.Errorf("put the rules in force: %w", errno)
	}
	return nil
}

type landlockRules struct {
	fd      int
	handled uint64
	err     error
}

func (r *landlockRules) folders(spec *preludeSpec, interpreters []string) {
	r.allow(spec.Bundle, mayRead|mayExecute, true)
	r.allow(spec.Work, mayWrite, true)
	r.allow(spec.Sockets, mayWrite, true)
	r.allow("/dev/null", mayRead|unix.LANDLOCK_ACCESS_FS_WRITE_FILE, false)
	paths := readable
	for _, name := range []string{"SSL_CERT_FILE", "SSL_CERT_DIR"} {
		paths = append(paths, filepath.SplitList(os.Getenv(name))...)
	}
	for _, path := range paths {
		r.allow(path, mayRead, false)
	}
	for _, path := range interpreters {
		r.allow(path, mayRead|mayExecute, false)
	}
	if spec.Allowed.Processes {
		for _, path := range []string{"/bin", "/usr/bin", "/usr/local/bin", "/sbin", "/usr/sbin", "/lib", "/lib64", "/usr/lib", "/usr/libexec"} {
			r.allow(path, mayRead|mayExecute, false)
		}
	}
}

// allow gives rights below a path. One that is not there needs none, unless it must be there.
func (r *landlockRules) allow(path string, rights uint64, must bool) {
	if r.err != nil || path == "" {
		return
	}
	fd, err := unix.Open(path, unix.O_PATH|unix.O_CLOEXEC, 0)
	if err != nil {
		if must || !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.EACCES) && !errors.Is(err, unix.ENOTDIR) {
			r.err = fmt.Errorf("allow %s: %w", path, err)
		}
		return
	}
	defer func() { _ = unix.Close(fd) }()
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		r.err = err
		return
	}
	if stat.Mode&unix.S_IFMT != unix.S_IFDIR {
		rights &= ofFiles
	}
	attr := unix.LandlockPathBeneathAttr{Allowed_access: rights & r.handled, Parent_fd: int32(fd)}              //nolint:gosec // a descriptor
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r.fd), unix.LANDLOCK_RULE_PATH_BENEATH, //nolint:gosec // a descriptor
		uintptr(unsafe.Pointer(&attr)), 0, 0, 0); errno != 0 { //nolint:gosec // how it is called
		r.err = fmt.Errorf("allow %s: %w", path, errno)
	}
}

// port allows something with a TCP port.
func (r *landlockRules) port(port int, right uint64) {
	if r.err != nil {
		return
	}
	attr := struct{ allowed, port uint64 }{right, uint64(port)}                                     //nolint:gosec // checked when it was read
	if _, _, errno := unix.Syscall6(unix.SYS_LANDLOCK_ADD_RULE, uintptr(r.fd), landlockRuleNetPort, //nolint:gosec // a descriptor
		uintptr(unsafe.Pointer(&attr)), 0, 0, 0); errno != 0 { //nolint:gosec // how it is called
		r.err = fmt.Errorf("allow port %d: %w", port, errno)
	}
}
