package cli_test

import (
	"bufio"
	"context"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
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
	os.Exit(cli.Main(context.Background(), cli.Program{
		Args: os.Args[1:], In: os.Stdin, Out: os.Stdout, Err: os.Stderr, Version: "test", Plugins: plugins.Names(), Builtin: plugins.Manifest,
	}))
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve": serve,
			"await": await,
			"fetch": fetch,
		},
	})
}

var readyLine = regexp.MustCompile(`is ready at (http://\S+)`)

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
	lines := make(chan string, 16)
	go func() {
		defer close(lines)
		for scan := bufio.NewScanner(out); scan.Scan(); {
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
