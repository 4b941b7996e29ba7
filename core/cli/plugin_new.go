package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/guichet/guichet/plugins/sdk/scaffold"
)

func pluginNewFlags(c *call) {
	c.flags.String("dir", "", "where to write it (default: a new folder of its name)")
	c.flags.String("module", "", "the `PATH` of its module (default: example.com/NAME)")
	c.flags.String("replace", "", "the `DIR` of Guichet's source tree, which stands for its module while that is not published (default: the one that this program was built from, if it is here)")
}

// pluginNew writes a new plugin.
func pluginNew(_ context.Context, c *call) error {
	name := c.args[0]
	if err := scaffold.Check(name); err != nil {
		return err
	}
	if slices.Contains(c.program.Plugins, name) {
		return fmt.Errorf("%s is a channel that Guichet has: choose another name", name)
	}
	here, err := os.Getwd()
	if err != nil {
		return err
	}
	p := scaffold.Plugin{Name: name, Dir: c.value("dir"), Module: c.value("module"), Source: c.value("replace")}
	if p.Dir == "" {
		p.Dir = name
	}
	if p.Source == "" {
		found := false
		if p.Source, found = scaffold.Source(here); !found {
			return errors.New("the module " + scaffold.SDK + " is not published yet, and its source tree is not here: name it with --replace DIR (git clone https://" + scaffold.SDK + ")")
		}
	}
	written, err := scaffold.Write(p)
	if err != nil {
		return err
	}
	for _, path := range written {
		fmt.Fprintln(c.program.Out, path)
	}
	dir := p.Dir
	if rel, err := filepath.Rel(here, dir); err == nil && filepath.IsAbs(dir) {
		dir = rel
	}
	fmt.Fprintf(c.program.Out, "\nNext: cd %s && go test ./... ; its README.md says what comes then.\n", dir)
	return nil
}
