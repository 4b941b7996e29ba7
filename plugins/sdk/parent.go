package sdk

import (
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	channelv1 "github.com/guichet/guichet/plugins/proto"
)

// watchHost calls gone, once, when the host has died: when the pipe that the host holds open ends, or when this process
// has got another parent, whichever is noticed first. (stdin cannot tell: go-plugin gives the plugin the host's own.)
func watchHost(gone func(reason string)) {
	if fd, err := strconv.Atoi(os.Getenv(channelv1.LifelineVariable)); err == nil && fd > 2 {
		closeOnExec(fd)
		pipe := os.NewFile(uintptr(fd), "lifeline")
		go func() {
			var one [1]byte
			for {
				if _, err := pipe.Read(one[:]); err != nil {
					gone("its pipe was closed")
					return
				}
			}
		}()
	}
	parent := os.Getppid()
	go func() {
		for range time.Tick(time.Second) {
			if os.Getppid() != parent {
				gone("this process has another parent")
				return
			}
		}
	}()
}

// ignoreSignals leaves the decision when to end to the host. Handlers are set rather than the signals ignored, because
// ignoring would be inherited by programs that the plugin starts.
func ignoreSignals() {
	ignored := make(chan os.Signal, 1)
	signal.Notify(ignored, syscall.SIGTERM, syscall.SIGINT)
	go func() {
		for range ignored { //nolint:revive // the signals are dropped on purpose
		}
	}()
}
