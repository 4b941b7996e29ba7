package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/guichet/guichet/scripts/load/barepath"
)

// serveBare is the process of the bare path.
func serveBare(args []string) error {
	flags := flag.NewFlagSet("bare-server", flag.ContinueOnError)
	dir := flags.String("dir", "", "")
	size := flags.Int("bytes", 0, "")
	secret := flags.String("secret", "", "")
	if err := flags.Parse(args); err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return barepath.Serve(barepath.Options{Dir: *dir, Bytes: *size, Secret: *secret, Plugin: []string{self, "bare-plugin"}})
}

// bare is the running process of the bare path.
type bare struct {
	cmd     *exec.Cmd
	address string
}

func startBare(dir, secret string, size int) (*bare, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "bare-server", "-dir", dir, "-bytes", strconv.Itoa(size), "-secret", secret)
	cmd.Stderr = os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGTERM}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	at := strings.LastIndex(line, " ")
	if err != nil || at < 0 {
		return nil, errors.Join(fmt.Errorf("the bare path printed %q", line), err, cmd.Process.Kill(), cmd.Wait())
	}
	return &bare{cmd: cmd, address: strings.TrimSpace(line[at:])}, nil
}

func (b *bare) stop() error {
	if err := b.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	kill := time.AfterFunc(10*time.Second, func() { _ = b.cmd.Process.Kill() }) // it can only be gone already
	defer kill.Stop()
	return b.cmd.Wait()
}

// written finds out what the desk writes for a message of the load.
func written(ctx context.Context, raw []byte) (barepath.Written, error) {
	return barepath.WrittenByDesk(ctx, text(1), raw)
}
