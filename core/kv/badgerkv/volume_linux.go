package badgerkv

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// volume returns the free bytes (for an ordinary user) and the size of the volume that holds dir; -1 when unknown.
func volume(dir string) (free, total int64) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return -1, -1
	}
	return int64(st.Bavail) * st.Bsize, int64(st.Blocks) * st.Bsize
}

// allocate makes sure that the first n bytes of a file have blocks of their own, without changing its length or what is
// in it. On a file system that cannot do that it does nothing: the reserve alone must do.
func allocate(name string, n int64) error {
	return fallocate(name, os.O_RDWR, unix.FALLOC_FL_KEEP_SIZE, n)
}

// allocateSized makes or extends a file to n bytes that have blocks of their own.
func allocateSized(name string, n int64) error {
	return fallocate(name, os.O_RDWR|os.O_CREATE, 0, n)
}

func fallocate(name string, flags int, mode uint32, n int64) error {
	f, err := os.OpenFile(name, flags, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for {
		err = unix.Fallocate(int(f.Fd()), mode, 0, n)
		if !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if errors.Is(err, unix.EOPNOTSUPP) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("allocate %s: %w", name, err)
	}
	return nil
}

// watchTables calls begun for each table that is made in dir, from a goroutine of its own, until stop is called. stop
// waits for the goroutine.
func watchTables(dir string, begun func(name string)) (stop func(), err error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("watch %s: %w", dir, err)
	}
	events := os.NewFile(uintptr(fd), "inotify")
	if _, err := unix.InotifyAddWatch(fd, dir, unix.IN_CREATE); err != nil {
		return nil, errors.Join(fmt.Errorf("watch %s: %w", dir, err), events.Close())
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		buf := make([]byte, 16<<10)
		for {
			n, err := events.Read(buf)
			if err != nil {
				return // closed
			}
			// Each event is 16 bytes, the last 4 of which are the length of the name that follows, padded with zeros.
			for b := buf[:n]; len(b) >= unix.SizeofInotifyEvent; {
				end := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
				name := string(bytes.TrimRight(b[unix.SizeofInotifyEvent:end], "\x00"))
				if filepath.Ext(name) == ".sst" {
					begun(filepath.Join(dir, name))
				}
				b = b[end:]
			}
		}
	}()
	return func() {
		events.Close()
		<-ended
	}, nil
}

// diskUse returns the bytes that the files in dir take on disk, without the ballast.
func diskUse(dir string) int64 {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return 0
	}
	var sum int64
	for _, e := range entries {
		var st unix.Stat_t
		if e.Name() != ballastFile && unix.Stat(filepath.Join(dir, e.Name()), &st) == nil {
			sum += st.Blocks * 512
		}
	}
	return sum
}
