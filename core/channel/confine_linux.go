package channel

import (
	"bufio"
	"debug/elf"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openNonblocking keeps the opening of a pipe from waiting.
const openNonblocking = unix.O_NONBLOCK

// abilities asks the kernel what it can take away.
func abilities() ability {
	return ability{prelude: true, landlock: landlockVersion(), seccomp: canFilter()}
}

// Confined becomes a third-party plugin, confined as the words say; it returns only when that failed. main calls it before
// anything else, see [PreludeCommand].
func Confined(words []string) error { return confined(words, func() {}) }

// confined calls before between the check of the executable and its execution.
func confined(words []string, before func()) error {
	// What follows holds for one thread, the one that executes.
	runtime.LockOSThread()
	var spec preludeSpec
	if len(words) != 1 || json.Unmarshal([]byte(words[0]), &spec) != nil {
		return errors.New("the host runs this command, people do not")
	}
	program, err := verified(spec.Path, spec.SHA256)
	if err != nil {
		return err
	}
	before()
	interpreters, script, err := interpretersOf(program)
	if err != nil {
		return err
	}
	flags := uintptr(unix.FD_CLOEXEC)
	if script {
		flags = 0 // its interpreter reads it by this descriptor
	}
	if _, err := unix.FcntlInt(program.Fd(), unix.F_SETFD, int(flags)); err != nil { //nolint:gosec // 0 or 1
		return fmt.Errorf("keep the executable open: %w", err)
	}
	run, err := newExecution(program, append([]string{spec.Path}, spec.Args...), os.Environ())
	if err != nil {
		return err
	}
	if err := restrict(&spec, interpreters); err != nil {
		return err
	}
	return fmt.Errorf("run %s: %w", spec.Path, run.start())
}

// verified opens an executable and checks its hash. While it is open nobody can change it in place (a lease), and what
// lies at its path no longer matters: it is executed by this descriptor.
func verified(path, hash string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, fmt.Errorf("open the executable: %w", err)
	}
	info, err := f.Stat()
	if err == nil && !info.Mode().IsRegular() {
		err = errNotPlain
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	// A lease is refused while somebody has the file open for writing. Where the file system has no leases the check is
	// all there is.
	if _, err := unix.FcntlInt(f.Fd(), unix.F_SETLEASE, unix.F_RDLCK); errors.Is(err, unix.EAGAIN) {
		return nil, errors.Join(fmt.Errorf("%s is open for writing: it is not run", path), f.Close())
	}
	sum, err := hashOf(f)
	if err == nil && sum != hash {
		err = fmt.Errorf("%s was changed after it was approved: it is not run", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// execution is an execve that is ready: nothing is allocated any more once the limits hold.
type execution struct {
	fd        uintptr
	argv, env []*byte
	empty     *byte
}

func newExecution(f *os.File, args, env []string) (*execution, error) {
	argv, err := syscall.SlicePtrFromStrings(args)
	if err != nil {
		return nil, err
	}
	envp, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return nil, err
	}
	return &execution{fd: f.Fd(), argv: argv, env: envp, empty: new(byte)}, nil
}

func (x *execution) start() error {
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, x.fd, uintptr(unsafe.Pointer(x.empty)), //nolint:gosec // how execveat is called
		uintptr(unsafe.Pointer(&x.argv[0])), uintptr(unsafe.Pointer(&x.env[0])), unix.AT_EMPTY_PATH, 0) //nolint:gosec // likewise
	runtime.KeepAlive(x)
	return errno
}

// interpretersOf returns the programs that the kernel runs for an executable: the loader of one that is linked
// dynamically, the interpreter of a script with its loader.
func interpretersOf(f *os.File) (paths []string, script bool, err error) {
	if loader, ok := loaderOf(f); ok {
		return loader, false, nil
	}
	if _, err := f.Seek(0, 0); err != nil {
		return nil, false, err
	}
	line, _ := bufio.NewReaderSize(f, 256).ReadSlice('\n') // a longer first line is no script either
	if _, err := f.Seek(0, 0); err != nil {
		return nil, false, err
	}
	rest, isScript := strings.CutPrefix(string(line), "#!")
	words := strings.Fields(rest)
	if !isScript || len(words) == 0 {
		return nil, false, errors.New("the command is neither a program of this operating system nor a script that names its interpreter")
	}
	programs := []string{words[0]}
	if filepath.Base(words[0]) == "env" && len(words) > 1 {
		found, err := exec.LookPath(words[1])
		if err != nil {
			return nil, false, fmt.Errorf("the script's interpreter: %w", err)
		}
		programs = append(programs, found)
	}
	for _, program := range programs {
		paths = append(paths, program)
		if open, err := os.Open(program); err == nil {
			loader, _ := loaderOf(open)
			paths = append(paths, loader...)
			_ = open.Close()
		}
	}
	return paths, true, nil
}

// loaderOf returns the loader that a dynamically linked program names; ok is false for what is no program.
func loaderOf(f *os.File) (paths []string, ok bool) {
	program, err := elf.NewFile(f)
	if err != nil {
		return nil, false
	}
	for _, part := range program.Progs {
		if part.Type != elf.PT_INTERP || part.Filesz > 4096 {
			continue
		}
		name := make([]byte, part.Filesz)
		if _, err := part.ReadAt(name, 0); err == nil {
			paths = append(paths, strings.TrimRight(string(name), "\x00"))
		}
	}
	return paths, true
}

// restrict takes away what the plugin was not given. After it nothing more can be opened than the plugin may.
func restrict(spec *preludeSpec, interpreters []string) error {
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return fmt.Errorf("no_new_privs: %w", err)
	}
	if spec.Allowed.Processes {
		// What its children leave behind stays below it, where the host finds it.
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
			return fmt.Errorf("become the reaper of its processes: %w", err)
		}
	}
	version := landlockVersion()
	if version == 0 && spec.Demand {
		return errors.New("an administrator demands that it is confined, and the kernel has no Landlock")
	}
	if version > 0 {
		if err := landlock(spec, version, interpreters); err != nil {
			return fmt.Errorf("confine it with Landlock: %w", err)
		}
	}
	if os.Geteuid() == 0 {
		// A program of root's gets all capabilities that this set allows.
		for capability := uintptr(0); capability < 64; capability++ {
			if unix.Prctl(unix.PR_CAPBSET_DROP, capability, 0, 0, 0) != nil {
				break // beyond the last, or not even root here
			}
		}
	}
	if canFilter() {
		if err := filterCalls(spec.Allowed); err != nil {
			return fmt.Errorf("filter system calls: %w", err)
		}
	}
	p := spec.Allowed
	for _, limit := range []struct {
		resource int
		value    uint64
	}{
		{unix.RLIMIT_CORE, 0},
		{unix.RLIMIT_NOFILE, uint64(p.OpenFiles)}, //nolint:gosec // checked when it was read
		{unix.RLIMIT_FSIZE, uint64(p.FileSize)},   //nolint:gosec // likewise
		// Memory that grows faster than the host looks. Address space would be the wrong measure: runtimes reserve much more
		// than they use.
		{unix.RLIMIT_DATA, 2*uint64(p.Memory) + 256<<20}, //nolint:gosec // likewise
	} {
		if err := unix.Prlimit(0, limit.resource, &unix.Rlimit{Cur: limit.value, Max: limit.value}, nil); err != nil {
			return fmt.Errorf("set a limit: %w", err)
		}
	}
	return nil
}
