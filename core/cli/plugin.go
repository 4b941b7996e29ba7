package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/guichet/guichet/core/app"
)

func pluginList(_ context.Context, c *call) error {
	app.ListPlugins(c.options(), c.program.Out)
	return nil
}

func pluginApproveFlags(c *call) {
	c.flags.Bool("yes", false, "approve what is shown without asking")
	c.flags.String("sha256", "", "approve without asking if the bundle has this `HASH`")
	c.flags.String("version", "", "take up this `VERSION` again, which was approved before; the argument is then the plugin's name")
	c.flags.Bool("confined", false, "do not run it where the kernel cannot confine it")
}

// pluginApprove shows a bundle, asks, and approves the hash that was shown.
func pluginApprove(ctx context.Context, c *call) error {
	if version := c.value("version"); version != "" {
		return c.operate(ctx, nil, c.program.Out, "plugin approve", "plugin="+c.args[0], "version="+version)
	}
	dir, err := filepath.Abs(c.args[0]) // a running server has another working directory
	if err != nil {
		return err
	}
	shown, err := app.LookAtBundle(dir)
	if err != nil {
		return err
	}
	fmt.Fprint(c.program.Out, shown.Text)
	switch hash := c.value("sha256"); {
	case hash != "" && !strings.EqualFold(hash, shown.Hash):
		return fmt.Errorf("the bundle has another hash than %s", hash)
	case hash == "" && c.value("yes") != "true":
		fmt.Fprint(c.program.Out, "\nApprove it? It will handle your customers' messages. Write yes: ")
		answer, err := bufio.NewReader(c.program.In).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		if strings.TrimSpace(answer) != "yes" {
			return errors.New("it is not approved; --yes or --sha256 approve without asking")
		}
	}
	fmt.Fprintln(c.program.Out)
	return c.operate(ctx, nil, c.program.Out, "plugin approve", "dir="+dir, "sha256="+shown.Hash, "confined="+c.value("confined"))
}

func pluginRemove(ctx context.Context, c *call) error {
	return c.operate(ctx, nil, c.program.Out, "plugin remove", "plugin="+c.args[0])
}

func pluginPack(_ context.Context, c *call) error {
	packed, err := app.PackBundle(c.args[0])
	if err != nil {
		return err
	}
	fmt.Fprint(c.program.Out, packed.Text)
	return nil
}

// pluginExec is how the server runs a third-party plugin: this process becomes it.
func pluginExec(p Program) int {
	fmt.Fprintln(p.Err, app.ConfinedPlugin(p.Args[1:]))
	return exitNotRun
}

// exitNotRun is the exit code of a plugin that was not run, as shells have it.
const exitNotRun = 126
