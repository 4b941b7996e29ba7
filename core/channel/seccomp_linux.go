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

// filterForks keeps this thread, and the program that it executes, from making processes; threads it may make.
func filterForks() error {
	const (
		load  = unix.BPF_LD | unix.BPF_W | unix.BPF_ABS
		equal = unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K
		least = unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K
		bits  = unix.BPF_JMP | unix.BPF_JSET | unix.BPF_K
		give  = unix.BPF_RET | unix.BPF_K

		number, arch, flags = 0, 4, 16 // offsets in what the filter sees; flags is the first argument, its low half
		refuse              = unix.SECCOMP_RET_ERRNO | uint32(unix.EPERM)
		unknown             = unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	)
	program := []unix.SockFilter{
		{Code: load, K: arch},
		{Code: equal, K: filterArch(), Jt: 1},
		{Code: give, K: refuse},
		{Code: load, K: number},
	}
	if runtime.GOARCH == "amd64" {
		const fork, vfork = 57, 58
		program = append(program,
			unix.SockFilter{Code: least, K: numberOfX32, Jf: 1}, unix.SockFilter{Code: give, K: refuse},
			unix.SockFilter{Code: equal, K: fork, Jf: 1}, unix.SockFilter{Code: give, K: refuse},
			unix.SockFilter{Code: equal, K: vfork, Jf: 1}, unix.SockFilter{Code: give, K: refuse},
		)
	}
	program = append(program,
		// Its flags lie in memory, where a filter cannot look: C libraries then use clone.
		unix.SockFilter{Code: equal, K: unix.SYS_CLONE3, Jf: 1}, unix.SockFilter{Code: give, K: unknown},
		unix.SockFilter{Code: equal, K: unix.SYS_CLONE, Jf: 3},
		unix.SockFilter{Code: load, K: flags},
		unix.SockFilter{Code: bits, K: unix.CLONE_THREAD, Jt: 1}, unix.SockFilter{Code: give, K: refuse},
		unix.SockFilter{Code: give, K: unix.SECCOMP_RET_ALLOW},
	)
	filter := unix.SockFprog{Len: uint16(len(program)), Filter: &program[0]}                                            //nolint:gosec // a dozen
	_, _, errno := unix.RawSyscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, 0, uintptr(unsafe.Pointer(&filter))) //nolint:gosec // how it is called
	runtime.KeepAlive(program)
	if errno != 0 {
		return errno
	}
	return nil
}
