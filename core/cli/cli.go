// Package cli is the command line: it reads words and flags, and runs a command in the running server, or on the data
// directory when none is running. It contains no rule of its own.
//
// Start reading at [Main]; each command is a row of the table in commands.go.
package cli

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/hashicorp/go-hclog"

	"github.com/guichet/guichet/core/app"
)

// Program is what the command line runs with.
type Program struct {
	Args    []string // without the program's name
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Builtin app.Builtin
	Plugins []string
	Version string
	UI      fs.FS // the built faces
}

// Main runs one command and returns the exit code: 0 done, 1 failed, 2 called wrongly.
func Main(ctx context.Context, p Program) int {
	if len(p.Args) > 0 && p.Args[0] == app.PluginExec {
		return pluginExec(p)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	name, rest := split(p.Args)
	command, ok := find(name)
	if !ok {
		fmt.Fprintf(p.Err, "guichet: there is no command %q\n\n%s", strings.Join(name, " "), usage())
		return 2
	}
	c := &call{program: p, command: command}
	err := c.parse(rest)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		fmt.Fprintf(p.Err, "guichet %s: %v\n", command.name, err)
		return 2
	}
	if err := command.run(ctx, c); err != nil {
		report(p.Err, command.name, err)
		return 1
	}
	return 0
}

// report prints what went wrong: configuration problems one a line, everything else as a sentence.
func report(w io.Writer, name string, err error) {
	var problems app.Problems
	if errors.As(err, &problems) {
		for _, p := range problems {
			fmt.Fprintln(w, p.String())
		}
		return
	}
	fmt.Fprintf(w, "guichet %s: %v\n", name, err)
}

// call is one use of a command: its flags and arguments.
type call struct {
	program Program
	command command
	flags   *flag.FlagSet
	args    []string

	config, data, listen, logLevel, uiDev string
}

// parse reads flags, which may stand before, between and after the arguments.
func (c *call) parse(words []string) error {
	c.flags = flag.NewFlagSet(c.command.name, flag.ContinueOnError)
	c.flags.SetOutput(c.program.Err)
	c.flags.Usage = func() {
		fmt.Fprintf(c.program.Err, "guichet %s %s\n\n%s\n\nFlags:\n", c.command.name, c.command.words, c.command.help)
		c.flags.PrintDefaults()
	}
	c.flags.StringVar(&c.config, "config", "", "the configuration `FILE` (default: ./guichet.toml, else guichet.toml in the data directory)")
	c.flags.StringVar(&c.data, "data", "", "the data `DIR` (default: the configuration's, else ./data)")
	c.flags.StringVar(&c.logLevel, "log-level", "info", "debug, info, warn or error")
	if c.command.flags != nil {
		c.command.flags(c)
	}
	for {
		if err := c.flags.Parse(words); err != nil {
			return err
		}
		rest := c.flags.Args()
		if len(rest) == 0 {
			break
		}
		if used := len(words) - len(rest); used > 0 && words[used-1] == "--" {
			c.args = append(c.args, rest...) // what follows are no flags of ours
			break
		}
		c.args = append(c.args, rest[0])
		words = rest[1:]
	}
	if len(c.args) < c.command.least || len(c.args) > c.command.most {
		return fmt.Errorf("call it as: guichet %s %s", c.command.name, c.command.words)
	}
	return nil
}

func (c *call) options() app.Options {
	return app.Options{
		ConfigPath: c.config, DataDir: c.data, Listen: c.listen, Builtin: c.program.Builtin, Plugins: c.program.Plugins,
		Version: c.program.Version, Log: c.logger(), UI: c.program.UI, UIDev: c.uiDev,
	}
}

func (c *call) logger() hclog.Logger {
	return hclog.New(&hclog.LoggerOptions{Name: "guichet", Level: hclog.LevelFromString(c.logLevel), Output: c.program.Err})
}

// operate runs a command in the running server, or here on the data directory when none is running.
func (c *call) operate(ctx context.Context, in io.Reader, out io.Writer, words ...string) error {
	o := c.options()
	dir, _, _ := app.Locate(o)
	served, err := app.Call(ctx, dir, words, in, out)
	if served {
		return err
	}
	o.Log.SetLevel(hclog.Warn)
	data, err := app.Open(ctx, o)
	if err != nil {
		return err
	}
	return errors.Join(data.Operations().Run(ctx, words, in, out), data.Close())
}
