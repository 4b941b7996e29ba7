package cli_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/guichet/guichet/core/cli"
	"github.com/guichet/guichet/plugins"
)

// TestMain makes the test binary the program: scripts run it as `guichet`.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"guichet": run})
}

func run() {
	if len(os.Args) == 3 && os.Args[1] == "plugin" && plugins.Serve(os.Args[2]) {
		return
	}
	os.Exit(cli.Main(context.Background(), cli.Program{
		Args: os.Args[1:], In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Version: "test", Plugins: plugins.Names(), Builtin: plugins.Manifest,
		UI: fstest.MapFS{
			"app/index.html": {Data: []byte("<!doctype html><html></html>")}, "widget/panel.html": {Data: []byte("<!doctype html><html></html>")},
			"demo/index.html": {Data: []byte("<!doctype html><html><body></body></html>")},
		},
	}))
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Setup:               withGo,
		Condition: func(name string) (bool, error) {
			return name == "python" && os.Getenv("GUICHET_WITHOUT_PYTHON") == "", nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":    serve,
			"await":    await,
			"fetch":    fetch,
			"open":     open,
			"said":     said,
			"call":     call,
			"provider": provider,
			"answer":   answer,
			"damage":   damage,
		},
	})
}

// withGo lets scripts use Go as this test does, without a network.
func withGo(env *testscript.Env) error {
	out, err := exec.Command("go", "env", "GOCACHE", "GOMODCACHE").Output()
	if err != nil {
		return nil // a script that needs Go says so
	}
	folders := strings.Fields(string(out))
	env.Setenv("GOCACHE", folders[0])
	env.Setenv("GOMODCACHE", folders[1])
	env.Setenv("GOFLAGS", "-mod=mod")
	env.Setenv("GOPROXY", "off")
	env.Setenv("GOTOOLCHAIN", "local")
	env.Setenv("PYTHON_ECHO", examplePython())
	return nil
}

// readyLine has an address at which the test reaches the server: the one it is ready at, or that of its own links where
// it is known by a public one.
var readyLine = regexp.MustCompile(`(?:is ready at )?(http://127\.0\.0\.1:\d+)`)

// serve runs `guichet serve` with the words given until the script ends, and sets $URL once it is ready.
func serve(ts *testscript.TestScript, neg bool, words []string) {
	command := exec.Command(lookIn(ts.Getenv("PATH")), append([]string{"serve", "--listen", "127.0.0.1:0"}, words...)...)
	command.Dir = ts.Getenv("WORK")
	command.Stderr = os.Stderr
	out, err := command.StdoutPipe()
	ts.Check(err)
	ts.Check(command.Start())
	ts.Defer(func() {
		_ = command.Process.Signal(os.Interrupt) // it may have ended
		_ = command.Wait()
	})
	spoken, err := os.Create(ts.MkAbs(saidFile))
	ts.Check(err)
	ts.Setenv("PID", strconv.Itoa(command.Process.Pid))
	lines := make(chan string, 16)
	go func() {
		defer close(lines)
		defer spoken.Close() //nolint:errcheck // as above
		for scan := bufio.NewScanner(out); scan.Scan(); {
			_, _ = fmt.Fprintln(spoken, scan.Text()) // said reads it, and misses what is not there
			lines <- scan.Text()
		}
	}()
	deadline := time.After(30 * time.Second)
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				if !neg {
					ts.Fatalf("the server ended before it was ready")
				}
				return
			}
			if m := readyLine.FindStringSubmatch(line); m != nil {
				ts.Setenv("URL", m[1])
				go func() {
					for range lines { // so that the server never blocks on its output
					}
				}()
				return
			}
		case <-deadline:
			ts.Fatalf("the server was not ready in time")
		}
	}
}

func lookIn(path string) string {
	for dir := range strings.SplitSeq(path, string(os.PathListSeparator)) {
		if name := dir + "/guichet"; exists(name) {
			return name
		}
	}
	return "guichet"
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// await runs a command again and again until it succeeds and its output contains a text: await TEXT COMMAND …
func await(ts *testscript.TestScript, neg bool, words []string) {
	deadline := time.Now().Add(20 * time.Second)
	for {
		err := ts.Exec(words[1], words[2:]...)
		if err == nil && strings.Contains(ts.ReadFile("stdout"), words[0]) {
			return
		}
		if time.Now().After(deadline) {
			ts.Fatalf("%q never came", words[0])
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// fetch gets a path of the server with an API key read from a file, and fails unless the answer has the status: fetch
// STATUS KEYFILE PATH
func fetch(ts *testscript.TestScript, neg bool, words []string) {
	request, err := http.NewRequest(http.MethodGet, ts.Getenv("URL")+words[2], nil)
	ts.Check(err)
	request.Header.Set("Authorization", "Bearer "+strings.TrimSpace(ts.ReadFile(words[1])))
	response, err := http.DefaultClient.Do(request)
	ts.Check(err)
	defer response.Body.Close() //nolint:errcheck // only its status is read
	if got := response.Status[:3]; got != words[0] {
		ts.Fatalf("%s answered %s, want %s", words[2], got, words[0])
	}
}

// saidFile holds what the server has printed.
const saidFile = "said.txt"

// said waits until the server has printed what matches each pattern. Its negation stops the server and then finds none of
// them: said PATTERN …
func said(ts *testscript.TestScript, neg bool, patterns []string) {
	wait := func(pattern string) {
		deadline := time.Now().Add(20 * time.Second)
		for !regexp.MustCompile(`(?m)` + pattern).MatchString(ts.ReadFile(saidFile)) {
			if time.Now().After(deadline) {
				ts.Fatalf("the server never said %q, but:\n%s", pattern, ts.ReadFile(saidFile))
			}
			time.Sleep(10 * time.Millisecond) // between two looks
		}
	}
	if !neg {
		for _, p := range patterns {
			wait(p)
		}
		return
	}
	pid, err := strconv.Atoi(ts.Getenv("PID"))
	ts.Check(err)
	ts.Check(syscall.Kill(pid, syscall.SIGINT))
	wait("^Stopping")
	for _, p := range patterns {
		if found := regexp.MustCompile(`(?m)` + p).FindString(ts.ReadFile(saidFile)); found != "" {
			ts.Fatalf("the server said %q", found)
		}
	}
}

// open gets a path of the server as nobody, and fails unless the answer has the status and matches the pattern, if there
// is one: open STATUS PATH [PATTERN]
func open(ts *testscript.TestScript, neg bool, words []string) {
	response, err := http.Get(ts.Getenv("URL") + words[1])
	ts.Check(err)
	defer response.Body.Close() //nolint:errcheck // it is read below
	body, err := io.ReadAll(response.Body)
	ts.Check(err)
	if got := response.Status[:3]; got != words[0] {
		ts.Fatalf("%s answered %s, want %s: %s", words[1], got, words[0], body)
	}
	if len(words) > 2 && !regexp.MustCompile(words[2]).Match(body) {
		ts.Fatalf("%s answered without %q:\n%s", words[1], words[2], body)
	}
}

// damage writes into every program that lies below a folder.
func damage(ts *testscript.TestScript, _ bool, words []string) {
	ts.Check(filepath.WalkDir(ts.MkAbs(words[0]), func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || d.Name() != "run.sh" {
			return err
		}
		return errors.Join(os.Chmod(name, 0o700), os.WriteFile(name, []byte("#!/bin/sh\n# damaged\n"), 0o700))
	}))
}
