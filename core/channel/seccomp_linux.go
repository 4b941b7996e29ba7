package channel

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

const (
	seccompGetActionAvail = 2
	// numberOfX32 marks the calls of x86's third interface, which would pass by a filter of the numbers.
	numberOfX32 = 0x40000000

	protocolSCTP  = 132
	protocolMPTCP = 262
)

// filterArch is the architecture whose system calls the filter knows; 0 where there is no filter.
func filterArch() uint32 {
	switch runtime.GOARCH {
	case "amd64":
		return unix.AUDIT_ARCH_X86_64
	case "arm64":
		return unix.AUDIT_ARCH_AARCH64
	}
	return 0
}

// canFilter reports whether system calls can be filtered here.
func canFilter() bool {
	action := uint32(unix.SECCOMP_RET_ERRNO)
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, seccompGetActionAvail, 0, uintptr(unsafe.Pointer(&action))) //nolint:gosec // how it is called
	return errno == 0 && filterArch() != 0
}

// The steps of a filter. What it sees of a call is a number, the architecture, and from 16 on eight bytes an argument, of
// which the lower half comes first on the architectures above.
const (
	stepLoad  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
	stepEqual = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
	stepLeast = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
	stepBits  = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
	stepGive  = unix.BPF_RET | unix.BPF_K

	seenNumber, seenArch = 0, 4
)

func argument(n uint32) unix.SockFilter { return unix.SockFilter{Code: stepLoad, K: 16 + 8*n} }

func refuse(errno unix.Errno) unix.SockFilter {
	return unix.SockFilter{Code: stepGive, K: unix.SECCOMP_RET_ERRNO | uint32(errno)} //nolint:gosec // a small number
}

var permit = unix.SockFilter{Code: stepGive, K: unix.SECCOMP_RET_ALLOW}

// filterOf makes the filter of a plugin's system calls: it makes no processes, unless it asked to, and of the sockets only
// those that Landlock knows, or those that need no network where it asked for none.
func filterOf(p Permissions) []unix.SockFilter {
	filter := []unix.SockFilter{
		{Code: stepLoad, K: seenArch}, {Code: stepEqual, K: filterArch(), Jt: 1}, refuse(unix.EPERM), {Code: stepLoad, K: seenNumber},
	}
	if runtime.GOARCH == "amd64" {
		filter = append(filter, unix.SockFilter{Code: stepLeast, K: numberOfX32, Jf: 1}, refuse(unix.EPERM))
	}
	// call adds what happens at one call; the steps end in a decision.
	call := func(number uint32, steps ...unix.SockFilter) {
		filter = append(append(filter, unix.SockFilter{Code: stepEqual, K: number, Jf: uint8(len(steps))}), steps...) //nolint:gosec // a dozen
	}
	if !p.Processes {
		if runtime.GOARCH == "amd64" {
			const fork, vfork = 57, 58
			call(fork, refuse(unix.EPERM))
			call(vfork, refuse(unix.EPERM))
		}
		// Its flags lie in memory, where a filter cannot look: C libraries then use clone.
		call(unix.SYS_CLONE3, refuse(unix.ENOSYS))
		call(unix.SYS_CLONE, argument(0), unix.SockFilter{Code: stepBits, K: unix.CLONE_THREAD, Jt: 1}, refuse(unix.EPERM), permit)
	}
	// It would do all of what follows without a call for each.
	call(unix.SYS_IO_URING_SETUP, refuse(unix.ENOSYS))
	families := []uint32{unix.AF_UNIX, unix.AF_NETLINK}
	if p.Network || len(p.Listen) > 0 {
		families = append(families, unix.AF_INET, unix.AF_INET6)
	}
	steps := []unix.SockFilter{argument(0)}
	for i, family := range families {
		steps = append(steps, unix.SockFilter{Code: stepEqual, K: family, Jt: uint8(len(families) - i)}) //nolint:gosec // a few
	}
	call(unix.SYS_SOCKET, append(steps, refuse(unix.EACCES),
		argument(2), unix.SockFilter{Code: stepEqual, K: protocolMPTCP, Jt: 1}, unix.SockFilter{Code: stepEqual, K: protocolSCTP, Jf: 1},
		refuse(unix.EPROTONOSUPPORT), permit)...)
	// A connection that opens with the first bytes is not asked for by connect.
	for _, c := range []struct{ number, flags uint32 }{{unix.SYS_SENDTO, 3}, {unix.SYS_SENDMSG, 2}, {unix.SYS_SENDMMSG, 3}} {
		call(c.number, argument(c.flags), unix.SockFilter{Code: stepBits, K: unix.MSG_FASTOPEN, Jf: 1}, refuse(unix.EOPNOTSUPP), permit)
	}
	return append(filter, permit)
}

// filterCalls puts the filter in force for this thread and the program that it executes.
func filterCalls(p Permissions) error {
	steps := filterOf(p)
	filter := unix.SockFprog{Len: uint16(len(steps)), Filter: &steps[0]}                                                //nolint:gosec // a few dozen
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&filter))) //nolint:gosec // how it is called
	runtime.KeepAlive(steps)
	if errno != 0 {
		return errno
	}
	return nil
}
