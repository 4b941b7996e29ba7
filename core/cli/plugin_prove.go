package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"

	"github.com/guichet/guichet/plugins/sdk/sdktest"
)

func pluginTestFlags(c *call) {
	noTLSFlag(c)
	c.flags.String("fixtures", "", "a JSON `FILE` of requests, messages and attachments to test with, and perhaps a fake of the provider")
	c.flags.Bool("json", false, "print each requirement as a line of JSON")
}

// pluginTest puts an executable through the conformance suite.
func pluginTest(ctx context.Context, c *call) error {
	program, err := c.executable()
	if err != nil {
		return err
	}
	var options []sdktest.Option
	if file := c.value("fixtures"); file != "" {
		given, release, err := sdktest.ReadFixtures(ctx, file)
		if err != nil {
			return err
		}
		defer release()
		options = given
	}
	tell := func(r sdktest.Result) { tellResult(c.program.Out, r) }
	if c.value("json") == "true" {
		tell = func(r sdktest.Result) { _ = json.NewEncoder(c.program.Out).Encode(r) } // who does not read gets the exit code
	}
	count := map[sdktest.State]int{}
	good := sdktest.Prove(ctx, program, func(r sdktest.Result) { count[r.State]++; tell(r) }, options...)
	if ctx.Err() != nil {
		return errors.New("interrupted")
	}
	if c.value("json") != "true" {
		fmt.Fprintf(c.program.Out, "\n%d kept, %d broken, %d not tested\n", count[sdktest.Passed], count[sdktest.Failed], count[sdktest.NotTested])
	}
	if !good {
		return fmt.Errorf("%s does not keep the contract", c.args[0])
	}
	return nil
}

// tellResult prints what came of one requirement, and what an author needs to mend it.
func tellResult(w io.Writer, r sdktest.Result) {
	mark := map[sdktest.State]string{sdktest.Passed: "✓", sdktest.Failed: "✗", sdktest.NotTested: "–"}[r.State]
	fmt.Fprintf(w, "%s %s\n", mark, r.Requirement)
	if r.State == sdktest.Failed {
		for i, failure := range r.Failures {
			if i == 5 && len(r.Failures) > 6 {
				fmt.Fprintf(w, "    … and %d more\n", len(r.Failures)-i)
				break
			}
			fmt.Fprintf(w, "    %s\n", strings.ReplaceAll(failure, "\n", "\n    "))
		}
		fmt.Fprintf(w, "    The contract: %s\n    What to do: %s\n", r.Sentence, r.Remedy)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(w, "    not tested: %s\n", note)
	}
}

// noTLSFlag is for the commands that start a plugin beside its bundle, whose plugin.toml would say it.
func noTLSFlag(c *call) {
	c.flags.Bool("no-tls", false, "speak with it without TLS, as with a plugin whose plugin.toml says tls = false")
}

// executable is the plugin that the arguments name, and how it is spoken with.
func (c *call) executable() (sdktest.Program, error) {
	program, err := c.found()
	program.NoTLS = c.value("no-tls") == "true"
	return program, err
}

// found is the plugin that the arguments name: a file and its own arguments, or one of this program's.
func (c *call) found() (sdktest.Program, error) {
	name, args := c.args[0], c.args[1:]
	path, err := filepath.Abs(name)
	if err != nil {
		return sdktest.Program{}, err
	}
	info, err := os.Stat(path)
	switch {
	case err == nil && info.IsDir():
		return sdktest.Program{}, fmt.Errorf("%s is a directory: name the program in it", name)
	case err == nil:
		return sdktest.Program{Path: path, Args: args}, nil
	case slices.Contains(c.program.Plugins, name):
		self, err := os.Executable()
		return sdktest.Program{Path: self, Args: append([]string{"plugin", name}, args...)}, err
	}
	if path, lookErr := exec.LookPath(name); lookErr == nil && !strings.ContainsRune(name, filepath.Separator) {
		return sdktest.Program{Path: path, Args: args}, nil
	}
	return sdktest.Program{}, fmt.Errorf("there is no program %s: %w", name, err)
}
